#include "collector/kraken_decode.hpp"

#include <limits>

#include "collector/binance_json.hpp"
#include "collector/rfc3339.hpp"

namespace ringside::collector {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

KrakenStatus refusal(simdjson::error_code error) noexcept {
  return error == simdjson::INCORRECT_TYPE ? KrakenStatus::MistypedField
                                           : KrakenStatus::MalformedJson;
}

// Calls take(key, value) for each field; the first status but Ok ends it.
template <typename Take>
KrakenStatus each_field(object fields, Take take) noexcept {
  for (auto entry : fields) {
    simdjson::ondemand::field field;
    std::string_view key;
    if (std::move(entry).get(field) || !plain_text(field.key(), key))
      return KrakenStatus::MalformedJson;
    if (const auto status = take(key, field.value()); status != KrakenStatus::Ok) return status;
  }
  return KrakenStatus::Ok;
}

KrakenStatus skip(value unwanted) noexcept {
  return is_valid(unwanted) ? KrakenStatus::Ok : KrakenStatus::MalformedJson;
}

// A bit for each field seen, so that none is taken twice and none is missing.
class Seen {
 public:
  bool again(unsigned field) noexcept {
    const bool was = (bits_ & (1u << field)) != 0;
    bits_ |= 1u << field;
    return was;
  }
  [[nodiscard]] bool all(unsigned wanted) const noexcept { return (bits_ & wanted) == wanted; }
  [[nodiscard]] bool has(unsigned field) const noexcept { return (bits_ & (1u << field)) != 0; }

 private:
  unsigned bits_ = 0;
};

// The position of `key` in `keys`, or their count.
template <std::size_t n>
unsigned position_of(std::string_view key, const std::string_view (&keys)[n]) noexcept {
  unsigned i = 0;
  while (i < n && keys[i] != key) ++i;
  return i;
}

KrakenStatus take_text(value source, std::string_view& text) noexcept {
  const auto error = source.get_string().get(text);
  return error ? refusal(error) : KrakenStatus::Ok;
}

KrakenStatus take_number(value source, std::string_view& token) noexcept {
  json_type type;
  if (source.type().get(type)) return KrakenStatus::MalformedJson;
  if (type != json_type::number) {
    return is_valid(source) ? KrakenStatus::MistypedField : KrakenStatus::MalformedJson;
  }
  token = number_text(source);
  return is_json_number(token) ? KrakenStatus::Ok : KrakenStatus::MalformedJson;
}

KrakenStatus take_unsigned(value source, std::uint64_t most, std::uint64_t& number) noexcept {
  std::string_view token;
  if (const auto status = take_number(source, token); status != KrakenStatus::Ok) return status;
  number = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return KrakenStatus::MistypedField;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (most - digit) / 10) return KrakenStatus::MistypedField;
    number = number * 10 + digit;
  }
  return KrakenStatus::Ok;
}

KrakenStatus take_time(value source, UtcNs& utc) noexcept {
  std::string_view text;
  if (const auto status = take_text(source, text); status != KrakenStatus::Ok) return status;
  return parse_rfc3339(text, utc) ? KrakenStatus::Ok : KrakenStatus::MistypedField;
}

KrakenStatus take_bool(value source, bool& truth) noexcept {
  const auto error = source.get_bool().get(truth);
  return error ? refusal(error) : KrakenStatus::Ok;
}

KrakenKind kind_of_channel(std::string_view channel) noexcept {
  if (channel == "book") return KrakenKind::Book;
  if (channel == "trade") return KrakenKind::Trade;
  if (channel == "ticker") return KrakenKind::Ticker;
  if (channel == "heartbeat") return KrakenKind::Heartbeat;
  if (channel == "instrument") return KrakenKind::Instruments;
  if (channel == "status") return KrakenKind::SystemStatus;
  return KrakenKind::Ignored;
}

bool at_end(simdjson::ondemand::document& document) noexcept {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

}  // namespace

KrakenDecoder::KrakenDecoder() {
  levels_.reserve(kraken_levels_max);
  books_.reserve(kraken_entries_max);
  trades_.reserve(kraken_entries_max);
  tickers_.reserve(kraken_entries_max);
  if (parser_.allocate(kraken_text_bytes_expected)) throw std::bad_alloc();
}

KrakenStatus KrakenDecoder::decode(std::string_view padded, KrakenMessage& message) noexcept {
  message = {};
  levels_.clear();
  books_.clear();
  trades_.clear();
  tickers_.clear();
  pairs_.clear();
  simdjson::ondemand::document document;
  const simdjson::padded_string_view text(padded.data(), padded.size(),
                                          padded.size() + simdjson::SIMDJSON_PADDING);
  if (parser_.iterate(text).get(document)) return KrakenStatus::MalformedJson;
  const auto status = decode_fields(document, message);
  if (status != KrakenStatus::Ok) return status;
  message.books = books_;
  message.trades = trades_;
  message.tickers = tickers_;
  message.pairs = pairs_;
  return KrakenStatus::Ok;
}

KrakenStatus KrakenDecoder::decode_fields(simdjson::ondemand::document& document,
                                          KrakenMessage& message) noexcept {
  static constexpr std::string_view keys[] = {"channel", "type",   "data",  "method",
                                              "success", "result", "error", "symbol"};
  enum : unsigned { channel, type, data, method, success, result, error, symbol };
  Object fields;
  if (const auto code = document.get_object().get(fields)) return refusal(code);
  Seen seen;
  bool data_was_early = false;
  const auto status = each_field(fields, [&](std::string_view key, Value field) {
    const auto which = position_of(key, keys);
    if (which == std::size(keys)) return skip(field);
    if (seen.again(which)) return KrakenStatus::RepeatedField;
    std::string_view text;
    switch (which) {
      case channel:
        if (const auto taken = take_text(field, text); taken != KrakenStatus::Ok) return taken;
        message.kind = kind_of_channel(text);
        return KrakenStatus::Ok;
      case type:
        if (const auto taken = take_text(field, text); taken != KrakenStatus::Ok) return taken;
        message.snapshot = text == "snapshot";
        return KrakenStatus::Ok;
      case data:
        // What it is, the channel says; it stands first in all that the venue sends.
        data_was_early = !seen.has(channel);
        return data_was_early ? skip(field) : take_data(field, message);
      case method:
        return take_text(field, message.answer.method);
      case success:
        return take_bool(field, message.answer.success);
      case result:
        return take_result(field, message.answer);
      case error:
        return take_text(field, message.answer.error);
      default:
        return take_text(field, message.answer.symbol);
    }
  });
  if (status != KrakenStatus::Ok) return status;
  if (!at_end(document)) return KrakenStatus::MalformedJson;
  if (seen.has(method)) {
    if (message.answer.method != "pong" && !seen.has(success)) return KrakenStatus::MissingField;
    message.kind = KrakenKind::Answer;
    return KrakenStatus::Ok;
  }
  if (!seen.has(channel)) return KrakenStatus::MissingField;
  if (message.kind == KrakenKind::Heartbeat || message.kind == KrakenKind::Ignored)
    return KrakenStatus::Ok;
  if (!seen.has(data) || !seen.has(type)) return KrakenStatus::MissingField;
  if (!data_was_early) return KrakenStatus::Ok;
  document.rewind();
  Value late;
  if (document.find_field_unordered("data").get(late)) return KrakenStatus::MalformedJson;
  return take_data(late, message);
}

KrakenStatus KrakenDecoder::take_data(Value field, KrakenMessage& message) noexcept {
  switch (message.kind) {
    case KrakenKind::Book:
      return take_entries(field, books_,
                          [this](Object o, KrakenBook& b) { return take_book(o, b); });
    case KrakenKind::Trade:
      return take_entries(field, trades_,
                          [this](Object o, KrakenTrade& t) { return take_trade(o, t); });
    case KrakenKind::Ticker:
      return take_entries(field, tickers_,
                          [this](Object o, KrakenTicker& t) { return take_ticker(o, t); });
    case KrakenKind::Instruments:
      return take_instruments(field);
    case KrakenKind::SystemStatus:
      return take_system_status(field, message.online);
    default:
      return skip(field);
  }
}

template <typename Entry, typename Take>
KrakenStatus KrakenDecoder::take_entries(Value field, std::vector<Entry>& entries,
                                         Take take) noexcept {
  simdjson::ondemand::array items;
  if (const auto error = field.get_array().get(items)) return refusal(error);
  for (auto item : items) {
    Object fields;
    if (const auto error = std::move(item).get_object().get(fields)) return refusal(error);
    if (entries.size() == kraken_entries_max) return KrakenStatus::TooMany;
    entries.emplace_back();
    if (const auto status = take(fields, entries.back()); status != KrakenStatus::Ok) return status;
  }
  return KrakenStatus::Ok;
}

KrakenStatus KrakenDecoder::take_book(Object fields, KrakenBook& book) noexcept {
  static constexpr std::string_view keys[] = {"symbol", "bids", "asks", "checksum", "timestamp"};
  enum : unsigned { symbol, bids, asks, checksum, timestamp };
  Seen seen;
  const auto status = each_field(fields, [&](std::string_view key, Value field) {
    const auto which = position_of(key, keys);
    if (which == std::size(keys)) return skip(field);
    if (seen.again(which)) return KrakenStatus::RepeatedField;
    std::uint64_t number = 0;
    switch (which) {
      case symbol:
        return take_text(field, book.symbol);
      case bids:
        return take_levels(field, book.bids);
      case asks:
        return take_levels(field, book.asks);
      case checksum: {
        const auto taken = take_unsigned(field, std::numeric_limits<std::uint32_t>::max(), number);
        book.checksum = static_cast<std::uint32_t>(number);
        return taken;
      }
      default:
        book.has_exchange_time = true;
        return take_time(field, book.exchange);
    }
  });
  if (status != KrakenStatus::Ok) return status;
  constexpr unsigned wanted = 1u << symbol | 1u << bids | 1u << asks | 1u << checksum;
  return seen.all(wanted) ? KrakenStatus::Ok : KrakenStatus::MissingField;
}

KrakenStatus KrakenDecoder::take_levels(Value field,
                                        std::span<const KrakenLevel>& levels) noexcept {
  static constexpr std::string_view keys[] = {"price", "qty"};
  simdjson::ondemand::array items;
  if (const auto error = field.get_array().get(items)) return refusal(error);
  const std::size_t begin = levels_.size();
  for (auto item : items) {
    Object fields;
    if (const auto error = std::move(item).get_object().get(fields)) return refusal(error);
    if (levels_.size() == kraken_levels_max) return KrakenStatus::TooMany;
    KrakenLevel level;
    Seen seen;
    const auto status = each_field(fields, [&](std::string_view key, Value number) {
      const auto which = position_of(key, keys);
      if (which == std::size(keys)) return skip(number);
      if (seen.again(which)) return KrakenStatus::RepeatedField;
      return take_number(number, which == 0 ? level.price : level.quantity);
    });
    if (status != KrakenStatus::Ok) return status;
    if (!seen.all(0b11)) return KrakenStatus::MissingField;
    levels_.push_back(level);  // never reallocates: reserved in full
  }
  levels = {levels_.data() + begin, levels_.size() - begin};
  return KrakenStatus::Ok;
}

KrakenStatus KrakenDecoder::take_trade(Object fields, KrakenTrade& trade) noexcept {
  static constexpr std::string_view keys[] = {"symbol", "side",     "price",
                                              "qty",    "trade_id", "timestamp"};
  enum : unsigned { symbol, side, price, quantity, id, timestamp };
  Seen seen;
  const auto status = each_field(fields, [&](std::string_view key, Value field) {
    const auto which = position_of(key, keys);
    if (which == std::size(keys)) return skip(field);
    if (seen.again(which)) return KrakenStatus::RepeatedField;
    std::string_view text;
    switch (which) {
      case symbol:
        return take_text(field, trade.symbol);
      case side:
        if (const auto taken = take_text(field, text); taken != KrakenStatus::Ok) return taken;
        trade.buy = text == "buy";
        return trade.buy || text == "sell" ? KrakenStatus::Ok : KrakenStatus::MistypedField;
      case price:
        return take_number(field, trade.price);
      case quantity:
        return take_number(field, trade.quantity);
      case id:
        return take_unsigned(field, std::numeric_limits<std::uint64_t>::max(), trade.id);
      default:
        return take_time(field, trade.exchange);
    }
  });
  if (status != KrakenStatus::Ok) return status;
  return seen.all(0b111111) ? KrakenStatus::Ok : KrakenStatus::MissingField;
}

KrakenStatus KrakenDecoder::take_ticker(Object fields, KrakenTicker& ticker) noexcept {
  static constexpr std::string_view keys[] = {"symbol", "bid",     "bid_qty",
                                              "ask",    "ask_qty", "timestamp"};
  enum : unsigned { symbol, bid, bid_quantity, ask, ask_quantity, timestamp };
  Seen seen;
  const auto status = each_field(fields, [&](std::string_view key, Value field) {
    const auto which = position_of(key, keys);
    if (which == std::size(keys)) return skip(field);
    if (seen.again(which)) return KrakenStatus::RepeatedField;
    switch (which) {
      case symbol:
        return take_text(field, ticker.symbol);
      case bid:
        return take_number(field, ticker.bid.price);
      case bid_quantity:
        return take_number(field, ticker.bid.quantity);
      case ask:
        return take_number(field, ticker.ask.price);
      case ask_quantity:
        return take_number(field, ticker.ask.quantity);
      default:
        ticker.has_exchange_time = true;
        return take_time(field, ticker.exchange);
    }
  });
  if (status != KrakenStatus::Ok) return status;
  return seen.all(0b11111) ? KrakenStatus::Ok : KrakenStatus::MissingField;
}

KrakenStatus KrakenDecoder::take_pair(Object fields, KrakenPair& pair) noexcept {
  static constexpr std::string_view keys[] = {"symbol", "price_precision", "qty_precision"};
  Seen seen;
  const auto status = each_field(fields, [&](std::string_view key, Value field) {
    const auto which = position_of(key, keys);
    if (which == std::size(keys)) return skip(field);
    if (seen.again(which)) return KrakenStatus::RepeatedField;
    if (which == 0) return take_text(field, pair.symbol);
    std::uint64_t decimals = 0;
    const auto taken = take_unsigned(field, 18, decimals);
    (which == 1 ? pair.price_precision : pair.quantity_precision) = static_cast<int>(decimals);
    return taken;
  });
  if (status != KrakenStatus::Ok) return status;
  return seen.all(0b111) ? KrakenStatus::Ok : KrakenStatus::MissingField;
}

KrakenStatus KrakenDecoder::take_instruments(Value field) noexcept {
  Object fields;
  if (const auto error = field.get_object().get(fields)) return refusal(error);
  return each_field(fields, [this](std::string_view key, Value list) {
    if (key != "pairs") return skip(list);
    simdjson::ondemand::array items;
    if (const auto error = list.get_array().get(items)) return refusal(error);
    for (auto item : items) {
      Object pair_fields;
      if (const auto error = std::move(item).get_object().get(pair_fields)) return refusal(error);
      if (pairs_.size() == kraken_pairs_max) return KrakenStatus::TooMany;
      pairs_.emplace_back();  // grows at the first instrument message only: start-up
      if (const auto status = take_pair(pair_fields, pairs_.back()); status != KrakenStatus::Ok)
        return status;
    }
    return KrakenStatus::Ok;
  });
}

KrakenStatus KrakenDecoder::take_system_status(Value field, bool& online) noexcept {
  simdjson::ondemand::array items;
  if (const auto error = field.get_array().get(items)) return refusal(error);
  for (auto item : items) {
    Object fields;
    if (const auto error = std::move(item).get_object().get(fields)) return refusal(error);
    const auto status = each_field(fields, [&](std::string_view key, Value part) {
      if (key != "system") return skip(part);
      std::string_view text;
      const auto taken = take_text(part, text);
      online = text == "online";
      return taken;
    });
    if (status != KrakenStatus::Ok) return status;
  }
  return KrakenStatus::Ok;
}

KrakenStatus KrakenDecoder::take_result(Value field, KrakenAnswer& answer) noexcept {
  Object fields;
  if (const auto error = field.get_object().get(fields)) return refusal(error);
  return each_field(fields, [&](std::string_view key, Value part) {
    if (key == "channel") return take_text(part, answer.channel);
    if (key == "symbol") return take_text(part, answer.symbol);
    if (key != "depth") return skip(part);
    std::uint64_t depth = 0;
    const auto status = take_unsigned(part, 1'000'000, depth);
    answer.depth = static_cast<std::uint32_t>(depth);
    return status;
  });
}

}  // namespace ringside::collector
