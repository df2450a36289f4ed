#include "tools/ringside/analysis/dbn_export.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <limits>

#include "tools/ringside/analysis/book_changes.hpp"
#include "tools/ringside/analysis/output_file.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/json_text.hpp"

namespace ringside::tools {
namespace {

constexpr std::uint8_t version = 3;
constexpr std::size_t symbol_bytes = 71;
constexpr std::size_t dataset_bytes = 16;
constexpr std::size_t metadata_reserved = 53;
constexpr int price_power = -9;
constexpr std::int64_t no_price = std::numeric_limits<std::int64_t>::max();
constexpr std::uint32_t mbp10_levels = 10;
constexpr std::int64_t day_ns = std::int64_t{86'400} * 1'000'000'000;

constexpr std::uint8_t flag_message_end = 0x80;
constexpr std::uint8_t flag_top_of_book = 0x40;
constexpr std::uint8_t flag_of_snapshot = 0x20;

enum class RecordType : std::uint8_t { Trade = 0x00, Mbp1 = 0x01, Mbp10 = 0x0a };

// One record before its sizes have their unit.
struct Message {
  std::size_t instrument = 0;
  InstrumentTerms terms;
  std::int64_t event_ns = 0;
  std::int64_t received_ns = 0;
  std::uint32_t sequence = 0;
  bool has_price = true;
  std::int64_t price = 0;  // mantissas
  std::int64_t size = 0;
  char action = 'T';
  char side = 'N';
  std::uint8_t flags = flag_message_end;
  std::uint8_t depth = 0;
  // Of the book after it; levels_max of each where there is one.
  std::array<Level, mbp10_levels> bids{};
  std::array<Level, mbp10_levels> asks{};
  std::uint32_t bid_count = 0;
  std::uint32_t ask_count = 0;
};

std::uint32_t levels_of(DbnSchema schema) {
  switch (schema) {
    case DbnSchema::Mbp1:
      return 1;
    case DbnSchema::Mbp10:
      return mbp10_levels;
    case DbnSchema::Trades:
      break;
  }
  return 0;
}

RecordType type_of(DbnSchema schema) {
  switch (schema) {
    case DbnSchema::Mbp1:
      return RecordType::Mbp1;
    case DbnSchema::Mbp10:
      return RecordType::Mbp10;
    case DbnSchema::Trades:
      break;
  }
  return RecordType::Trade;
}

// Events to messages: the same in both passes.
class Messages {
 public:
  Messages(const EventSource& source, DbnSchema schema)
      : levels_(levels_of(schema)), books_(source.instruments().size()) {}

  // Null: this event makes none.
  const Message* take(const SourceEvent& event) {
    if (event.record->kind == Kind::Trade) return take_trade(event);
    if (event.book == nullptr || levels_ == 0) return nullptr;
    return take_book(event);
  }

 private:
  struct Book {
    BookChanges changes;
    Message newest;  // for the levels that a trade carries
  };

  Message& begin(const SourceEvent& event) {
    auto& message = books_[event.instrument].newest;
    if (message.terms != event.terms) message.bid_count = message.ask_count = 0;
    message.instrument = event.instrument;
    message.terms = event.terms;
    message.event_ns = event.event_ns();
    message.received_ns = event.received_ns;
    const bool sequence = (event.record->flags & flag_reference_sequence) != 0;
    message.sequence = sequence ? static_cast<std::uint32_t>(event.record->reference) : 0;
    message.flags = flag_message_end;
    if (levels_ == 1) message.flags |= flag_top_of_book;
    return message;
  }

  const Message* take_trade(const SourceEvent& event) {
    auto& message = begin(event);
    const auto& record = *event.record;
    message.price = record.price;
    message.size = record.quantity;
    message.action = 'T';
    message.side = record.side() == Side::Bid ? 'B' : record.side() == Side::Ask ? 'A' : 'N';
    message.depth = 0;
    return &message;
  }

  const Message* take_book(const SourceEvent& event) {
    auto& book = books_[event.instrument];
    const auto changes = book.changes.take(*event.book, event.new_book);
    const auto first = std::min_element(changes.begin(), changes.end(),
                                        [](auto& a, auto& b) { return a.index < b.index; });
    if (first == changes.end() || first->index >= levels_) return nullptr;
    auto& message = begin(event);
    if (event.new_book) message.flags |= flag_of_snapshot;
    const bool gone = first->level.quantity.mantissa == 0;
    message.action = gone ? 'C' : first->added ? 'A' : 'M';
    message.side = first->side == Side::Bid ? 'B' : 'A';
    message.price = first->level.price.mantissa;
    message.size = first->level.quantity.mantissa;
    message.depth = static_cast<std::uint8_t>(first->index);
    const auto count = [&](Side side, std::array<Level, mbp10_levels>& levels) {
      return event.book->copy_best(side, std::span(levels).first(levels_));
    };
    message.bid_count = count(Side::Bid, message.bids);
    message.ask_count = count(Side::Ask, message.asks);
    return &message;
  }

  std::uint32_t levels_;
  std::vector<Book> books_;
};

template <typename OnSize>
void for_each_size(const Message& message, OnSize on_size) {
  on_size(message.size);
  for (std::uint32_t i = 0; i < message.bid_count; ++i) on_size(message.bids[i].quantity.mantissa);
  for (std::uint32_t i = 0; i < message.ask_count; ++i) on_size(message.asks[i].quantity.mantissa);
}

// What the first pass learns of an instrument.
struct Unit {
  bool any = false;
  int power = 0;  // the coarsest in which all sizes are whole; 0 is coarse enough
  std::int64_t first_ns = 0;
  std::int64_t newest_ns = 0;

  void learn(const Message& message) {
    if (!any) first_ns = newest_ns = message.event_ns;
    any = true;
    first_ns = std::min(first_ns, message.event_ns);
    newest_ns = std::max(newest_ns, message.event_ns);
    for_each_size(message, [&](std::int64_t size) {
      int of_size = message.terms.quantity_exponent.power_of_ten;
      while (of_size < power && size != 0 && size % 10 == 0) {
        size /= 10;
        ++of_size;
      }
      if (size != 0) power = std::min(power, of_size);
    });
  }
};

class Bytes {
 public:
  template <typename Number>
  void number(Number value) {
    char bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    text.append(bytes, sizeof(value));
  }
  void padded(std::string_view name, std::size_t width) {
    text += name;
    text.append(width - name.size(), '\0');
  }
  std::string text;
};

class Encoder {
 public:
  Encoder(const EventSource& source, DbnSchema schema, const std::vector<Unit>& units)
      : source_(source), schema_(schema), units_(units) {}

  [[nodiscard]] std::string metadata() const;
  void append(Bytes& to, const Message& message) const;

 private:
  [[noreturn]] void refuse(const Message& message, std::string_view what, std::int64_t mantissa,
                           int power, std::string_view why) const;
  [[nodiscard]] std::int64_t price(const Message& message, std::int64_t mantissa) const;
  [[nodiscard]] std::uint32_t size(const Message& message, std::int64_t mantissa) const;
  void append_levels(Bytes& to, const Message& message) const;

  const EventSource& source_;
  DbnSchema schema_;
  const std::vector<Unit>& units_;
};

void Encoder::refuse(const Message& message, std::string_view what, std::int64_t mantissa,
                     int power, std::string_view why) const {
  throw CommandError(fmt::format("{}: the {} {} {}",
                                 source_.instruments()[message.instrument].symbol, what,
                                 decimal_text(mantissa, power), why));
}

std::int64_t Encoder::price(const Message& message, std::int64_t mantissa) const {
  const int power = message.terms.price_exponent.power_of_ten;
  std::int64_t value = mantissa;
  for (int i = power; i > price_power; --i) {
    if (__builtin_mul_overflow(value, 10, &value)) {
      refuse(message, "price", mantissa, power,
             "does not fit in DBN's 64 bits of 10^-9; export this feed as Tardis CSV");
    }
  }
  for (int i = power; i < price_power; ++i) {
    if (value % 10 != 0) {
      refuse(message, "price", mantissa, power,
             "is finer than DBN's 10^-9; export this feed as Tardis CSV");
    }
    value /= 10;
  }
  return value;
}

std::uint32_t Encoder::size(const Message& message, std::int64_t mantissa) const {
  const int power = message.terms.quantity_exponent.power_of_ten;
  const int unit = units_[message.instrument].power;
  Wide value = mantissa;
  for (int i = power; i > unit; --i) value *= 10;
  for (int i = power; i < unit; ++i) value /= 10;  // whole, as the first pass has seen
  if (value < 0 || value > std::numeric_limits<std::uint32_t>::max()) {
    refuse(message, "size", mantissa, power,
           fmt::format("does not fit in DBN's 32 bits in units of 10^{}, which other sizes of this "
                       "instrument need; export this feed as Tardis CSV",
                       unit));
  }
  return static_cast<std::uint32_t>(value);
}

std::string Encoder::metadata() const {
  Bytes bytes;
  std::int64_t first_ns = 0;
  std::int64_t newest_ns = 0;
  std::vector<std::string_view> symbols;
  bool any = false;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const auto& symbol = source_.instruments()[i].symbol;
    if (symbol.size() >= symbol_bytes) {
      throw CommandError(fmt::format("the symbol '{}' is longer than DBN's 70 bytes", symbol));
    }
    symbols.push_back(symbol);
    if (!units_[i].any) continue;
    first_ns = any ? std::min(first_ns, units_[i].first_ns) : units_[i].first_ns;
    newest_ns = any ? std::max(newest_ns, units_[i].newest_ns) : units_[i].newest_ns;
    any = true;
  }
  const auto date = [](std::int64_t days) {
    const std::chrono::year_month_day day{std::chrono::sys_days{std::chrono::days{days}}};
    return static_cast<std::uint32_t>(static_cast<int>(day.year())) * 10'000U +
           static_cast<unsigned>(day.month()) * 100U + static_cast<unsigned>(day.day());
  };
  bytes.padded(std::string("RINGSIDE").substr(0, dataset_bytes), dataset_bytes);
  bytes.number(static_cast<std::uint16_t>(schema_));
  bytes.number(static_cast<std::uint64_t>(first_ns));
  bytes.number(static_cast<std::uint64_t>(newest_ns + 1));  // exclusive
  bytes.number(std::uint64_t{0});                           // no limit
  bytes.number(std::uint8_t{1});                            // in: raw symbols
  bytes.number(std::uint8_t{0});                            // out: instrument ids
  bytes.number(std::uint8_t{0});                            // no ts_out
  bytes.number(static_cast<std::uint16_t>(symbol_bytes));
  bytes.padded("", metadata_reserved);
  bytes.number(std::uint32_t{0});  // no schema definition
  bytes.number(static_cast<std::uint32_t>(symbols.size()));
  for (const auto symbol : symbols) bytes.padded(symbol, symbol_bytes);
  bytes.number(std::uint32_t{0});  // partial
  bytes.number(std::uint32_t{0});  // not found
  bytes.number(static_cast<std::uint32_t>(symbols.size()));
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    bytes.padded(symbols[i], symbol_bytes);
    bytes.number(std::uint32_t{1});
    bytes.number(date(first_ns / day_ns));
    bytes.number(date(newest_ns / day_ns + 1));
    bytes.padded(std::to_string(i), symbol_bytes);
  }
  bytes.text.append((8 - bytes.text.size() % 8) % 8, '\0');
  Bytes whole;
  whole.text = "DBN";
  whole.number(version);
  whole.number(static_cast<std::uint32_t>(bytes.text.size()));
  return whole.text + bytes.text;
}

void Encoder::append_levels(Bytes& to, const Message& message) const {
  for (std::uint32_t i = 0; i < levels_of(schema_); ++i) {
    const bool bid = i < message.bid_count;
    const bool ask = i < message.ask_count;
    to.number(bid ? price(message, message.bids[i].price.mantissa) : no_price);
    to.number(ask ? price(message, message.asks[i].price.mantissa) : no_price);
    to.number(bid ? size(message, message.bids[i].quantity.mantissa) : 0U);
    to.number(ask ? size(message, message.asks[i].quantity.mantissa) : 0U);
    to.number(std::uint32_t{0});
    to.number(std::uint32_t{0});
  }
}

void Encoder::append(Bytes& to, const Message& message) const {
  constexpr std::size_t trade_bytes = 48;
  constexpr std::size_t level_bytes = 32;
  const auto bytes = trade_bytes + level_bytes * levels_of(schema_);
  to.number(static_cast<std::uint8_t>(bytes / 4));
  to.number(static_cast<std::uint8_t>(type_of(schema_)));
  to.number(std::uint16_t{0});  // publisher
  to.number(static_cast<std::uint32_t>(message.instrument));
  to.number(static_cast<std::uint64_t>(message.event_ns));
  to.number(price(message, message.price));
  to.number(size(message, message.size));
  to.number(message.action);
  to.number(message.side);
  to.number(message.flags);
  to.number(message.depth);
  to.number(static_cast<std::uint64_t>(message.received_ns));
  to.number(std::int32_t{0});
  to.number(message.sequence);
  append_levels(to, message);
}

class ZstdFile {
 public:
  ZstdFile(const std::filesystem::path& path, IfExists if_exists)
      : file_(path, if_exists), stream_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
    if (!stream_) throw CommandError("no memory to compress with");
  }
  void write(std::string_view bytes, ZSTD_EndDirective end = ZSTD_e_continue) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (std::size_t left = 1; left != 0 || in.pos < in.size;) {
      std::array<char, std::size_t{16} << 10> to;
      ZSTD_outBuffer out{to.data(), to.size(), 0};
      left = ZSTD_compressStream2(stream_.get(), &out, &in, end);
      if (ZSTD_isError(left) != 0) throw CommandError("records cannot be compressed");
      file_.append({to.data(), out.pos});
      if (end == ZSTD_e_continue && in.pos == in.size) return;
    }
  }
  void finish() {
    write({}, ZSTD_e_end);
    file_.finish();
  }

 private:
  OutputFile file_;
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> stream_;
};

void write_units(const std::filesystem::path& file, const EventSource& source,
                 const std::vector<Unit>& units, IfExists if_exists) {
  JsonText json;
  json.begin_object().key("venue").value(source.venue());
  json.key("price_power").value(price_power).key("size_powers").begin_object();
  for (std::size_t i = 0; i < units.size(); ++i) {
    json.key(source.instruments()[i].symbol).value(units[i].power);
  }
  json.end_object().end_object();
  OutputFile output(file, if_exists);
  output.append(json.text() + "\n");
  output.finish();
}

}  // namespace

DbnWritten export_dbn(const std::function<std::unique_ptr<EventSource>()>& open, DbnSchema schema,
                      const std::filesystem::path& file, IfExists if_exists) {
  DbnWritten written;
  SourceEvent event;
  std::vector<Unit> units;
  {
    const auto source = open();
    units.resize(source->instruments().size());
    Messages messages(*source, schema);
    while (source->next(event)) {
      if (const auto* const message = messages.take(event))
        units[message->instrument].learn(*message);
    }
  }
  const auto source = open();
  const Encoder encoder(*source, schema, units);
  Messages messages(*source, schema);
  ZstdFile output(file, if_exists);
  output.write(encoder.metadata());
  Bytes bytes;
  while (source->next(event)) {
    const auto* const message = messages.take(event);
    if (message == nullptr) continue;
    encoder.append(bytes, *message);
    ++written.records;
    if (bytes.text.size() < dbn_chunk_bytes) continue;
    output.write(bytes.text);
    bytes.text.clear();
  }
  output.write(bytes.text);
  auto beside = file;
  write_units(beside += ".json", *source, units, if_exists);
  output.finish();
  for (const auto& unit : units) written.size_powers.push_back(unit.power);
  return written;
}

}  // namespace ringside::tools
