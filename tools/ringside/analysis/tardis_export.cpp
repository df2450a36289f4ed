#include "tools/ringside/analysis/tardis_export.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <utility>

#include "tools/ringside/command.hpp"
#include "tools/ringside/decimal_text.hpp"

namespace ringside::tools {
namespace {

constexpr std::int64_t us = 1'000;
constexpr std::int64_t day_ns = std::int64_t{86'400} * 1'000'000'000;

struct TypeRow {
  std::string_view name;
  std::uint32_t levels;  // of a snapshot
};
constexpr std::array<TypeRow, tardis_type_count> type_rows{{
    {"incremental_book_L2", 0},
    {"trades", 0},
    {"book_snapshot_5", 5},
    {"book_snapshot_25", 25},
}};
const TypeRow& row_of(TardisType type) { return type_rows[static_cast<std::size_t>(type)]; }

// As Tardis names them.
std::string exchange_name(std::string_view venue) {
  if (venue == "binance-usdm") return "binance-futures";
  if (venue == "binance-coinm") return "binance-delivery";
  if (venue == "kraken-v1") return "kraken";
  return std::string(venue);
}

// A name from outside becomes part of a path.
std::string file_name(std::string_view symbol) {
  std::string name;
  for (const char c : symbol) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '_' || c == '.';
    name += plain ? c : '-';
  }
  return name;
}

bool breaks_a_row(char c) { return c == ',' || c == '"' || static_cast<unsigned char>(c) < ' '; }

std::string header(TardisType type) {
  std::string text = "exchange,symbol,timestamp,local_timestamp";
  switch (type) {
    case TardisType::IncrementalBook:
      text += ",is_snapshot,side,price,amount";
      break;
    case TardisType::Trades:
      text += ",id,side,price,amount";
      break;
    case TardisType::Snapshots5:
    case TardisType::Snapshots25:
      for (std::uint32_t i = 0; i < row_of(type).levels; ++i) {
        text +=
            fmt::format(",asks[{0}].price,asks[{0}].amount,bids[{0}].price,bids[{0}].amount", i);
      }
      break;
  }
  return text + "\n";
}

// One gzip member; several in a row are one file.
std::string compressed(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw CommandError("no memory to compress with");
  }
  std::string bytes(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  const int result = deflate(&stream, Z_FINISH);
  bytes.resize(bytes.size() - stream.avail_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw CommandError("rows cannot be compressed");
  return bytes;
}

std::string_view side_name(Side side) {
  switch (side) {
    case Side::Bid:
      return "buy";
    case Side::Ask:
      return "sell";
    case Side::None:
      break;
  }
  return "unknown";
}

void append_level(std::string& row, const orderbook::Book& book, Side side, std::uint32_t index,
                  const InstrumentTerms& terms) {
  row += ',';
  if (index >= book.count(side)) {
    row += ',';
    return;
  }
  const auto level = book.level(side, index);
  append_decimal(row, level.price.mantissa, terms.price_exponent.power_of_ten);
  row += ',';
  append_decimal(row, level.quantity.mantissa, terms.quantity_exponent.power_of_ten);
}

}  // namespace

std::string_view name_of(TardisType type) { return row_of(type).name; }

TardisExport::TardisExport(std::filesystem::path folder, const EventSource& source,
                           std::vector<TardisType> types, IfExists if_exists)
    : folder_(std::move(folder)),
      exchange_(exchange_name(source.venue())),
      source_(source),
      types_(std::move(types)),
      if_exists_(if_exists),
      books_(source.instruments().size()) {
  std::set<std::string> taken;
  for (const auto& instrument : source.instruments()) {
    if (std::any_of(instrument.symbol.begin(), instrument.symbol.end(), breaks_a_row)) {
      throw CommandError(
          "a symbol with a comma, a quote or a control character does not fit in CSV");
    }
    names_.push_back(file_name(instrument.symbol));
    if (!taken.insert(names_.back()).second) {
      throw CommandError(
          fmt::format("two symbols of this feed would share the file '{}.csv.gz'", names_.back()));
    }
  }
}

std::string& TardisExport::rows(TardisType type, const SourceEvent& event) {
  const std::int64_t day = event.received_ns / day_ns;
  const Key key{type, day, event.instrument};
  const auto found = files_.find(key);
  if (found == files_.end()) {
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
    auto path = folder_ / exchange_ / name_of(type) /
                fmt::format("{:04}", static_cast<int>(date.year())) /
                fmt::format("{:02}", static_cast<unsigned>(date.month())) /
                fmt::format("{:02}", static_cast<unsigned>(date.day())) /
                (names_[event.instrument] + ".csv.gz");
    return files_.emplace(key, File{OutputFile(std::move(path), if_exists_), header(type)})
        .first->second.rows;
  }
  auto& file = found->second;
  if (file.rows.size() >= tardis_chunk_bytes) flush(file);
  return file.rows;
}

void TardisExport::flush(File& file) {
  file.output.append(compressed(file.rows));
  file.rows.clear();
}

void TardisExport::begin_row(std::string& row, const SourceEvent& event) const {
  fmt::format_to(std::back_inserter(row), "{},{},{},{}", exchange_,
                 source_.instruments()[event.instrument].symbol, event.event_ns() / us,
                 event.received_ns / us);
}

void TardisExport::take(const SourceEvent& event) {
  if (event.record->kind == Kind::Trade) take_trade(event);
  if (event.book == nullptr) return;
  auto& book = books_[event.instrument];
  const std::int64_t day = event.received_ns / day_ns;
  const bool day_begins = std::exchange(book.day, day) != day;
  const bool same_units = std::exchange(book.terms, event.terms) == event.terms;
  // A snapshot right behind another one would read as its continuation.
  const bool whole = day_begins || (event.new_book && !(book.in_snapshot && same_units));
  const auto changes = book.changes.take(*event.book, whole);
  if (changes.empty()) return;
  book.in_snapshot = whole;
  const auto highest =
      std::min_element(changes.begin(), changes.end(),
                       [](const auto& a, const auto& b) { return a.index < b.index; });
  for (const auto type : types_) {
    const auto levels = row_of(type).levels;
    if (type == TardisType::IncrementalBook) take_changes(changes, whole, event);
    if (highest->index < levels) take_snapshot(type, levels, event);
  }
}

void TardisExport::take_trade(const SourceEvent& event) {
  if (std::find(types_.begin(), types_.end(), TardisType::Trades) == types_.end()) return;
  const auto& record = *event.record;
  auto& row = rows(TardisType::Trades, event);
  begin_row(row, event);
  row += ',';
  const bool has_id = record.reference != 0 && (record.flags & flag_reference_hashed) == 0;
  if (has_id) row += std::to_string(record.reference);
  row += ',';
  row += side_name(record.side());
  row += ',';
  append_decimal(row, record.price, event.terms.price_exponent.power_of_ten);
  row += ',';
  append_decimal(row, record.quantity, event.terms.quantity_exponent.power_of_ten);
  row += '\n';
  ++rows_;
}

void TardisExport::take_changes(std::span<const LevelChange> changes, bool whole,
                                const SourceEvent& event) {
  auto& row = rows(TardisType::IncrementalBook, event);
  std::string begin;
  begin_row(begin, event);
  begin += whole ? ",true," : ",false,";
  for (const auto& change : changes) {
    row += begin;
    row += change.side == Side::Bid ? "bid," : "ask,";
    append_decimal(row, change.level.price.mantissa, event.terms.price_exponent.power_of_ten);
    row += ',';
    append_decimal(row, change.level.quantity.mantissa, event.terms.quantity_exponent.power_of_ten);
    row += '\n';
    ++rows_;
  }
}

void TardisExport::take_snapshot(TardisType type, std::uint32_t levels, const SourceEvent& event) {
  auto& row = rows(type, event);
  begin_row(row, event);
  for (std::uint32_t i = 0; i < levels; ++i) {
    append_level(row, *event.book, Side::Ask, i, event.terms);
    append_level(row, *event.book, Side::Bid, i, event.terms);
  }
  row += '\n';
  ++rows_;
}

TardisExport::Written TardisExport::finish() {
  Written written{rows_, {}};
  for (auto& [key, file] : files_) {
    if (!file.rows.empty()) flush(file);
  }
  for (auto& [key, file] : files_) {
    file.output.finish();
    written.files.push_back(file.output.path());
  }
  return written;
}

}  // namespace ringside::tools
