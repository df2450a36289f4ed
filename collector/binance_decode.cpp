#include "collector/binance_decode.hpp"

#include <algorithm>
#include <array>

#include "collector/binance_json.hpp"
#include "collector/decimal.hpp"

namespace ringside::collector {

using simdjson::ondemand::array;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;

namespace {

enum Key : unsigned {
  key_event = 0,
  key_event_time,
  key_trade_time,
  key_symbol,
  key_first_id,
  key_last_id,
  key_previous_id,
  key_bids,  // of a ticker: the bid's price
  key_asks,  // of a ticker: the ask's price; of an aggregated trade: its id
  key_bid_quantity,
  key_ask_quantity,
  key_price,
  key_quantity,
  key_trade_id,
  key_buyer_is_maker,
  key_request_id,
  key_result,
  key_error,
  key_code,
  key_count,
  key_unused,
};

constexpr Key key_of(std::string_view text) noexcept {
  if (text.size() == 1) {
    switch (text[0]) {
      case 'e':
        return key_event;
      case 'E':
        return key_event_time;
      case 'T':
        return key_trade_time;
      case 's':
        return key_symbol;
      case 'U':
        return key_first_id;
      case 'u':
        return key_last_id;
      case 'b':
        return key_bids;
      case 'a':
        return key_asks;
      case 'B':
        return key_bid_quantity;
      case 'A':
        return key_ask_quantity;
      case 'p':
        return key_price;
      case 'q':
        return key_quantity;
      case 't':
        return key_trade_id;
      case 'm':
        return key_buyer_is_maker;
      default:
        return key_unused;
    }
  }
  if (text == "pu") return key_previous_id;
  if (text == "id") return key_request_id;
  if (text == "result") return key_result;
  if (text == "error") return key_error;
  if (text == "code") return key_code;
  return key_unused;
}

// A REST body has the same fields under longer names.
constexpr Key key_of_snapshot(std::string_view text) noexcept {
  if (text == "lastUpdateId") return key_last_id;
  if (text == "bids") return key_bids;
  if (text == "asks") return key_asks;
  if (text == "symbol") return key_symbol;
  if (text == "E") return key_event_time;
  if (text == "T") return key_trade_time;
  return key_unused;
}

// What a stream's name promises.
BinanceEvent event_of_stream(std::string_view stream) noexcept {
  const auto at = stream.find('@');
  if (at == std::string_view::npos) return BinanceEvent::Ignored;
  auto channel = stream.substr(at + 1);
  channel = channel.substr(0, channel.find('@'));
  if (channel == "depth") return BinanceEvent::Depth;
  if (channel == "trade") return BinanceEvent::Trade;
  if (channel == "aggTrade") return BinanceEvent::AggTrade;
  if (channel == "bookTicker") return BinanceEvent::BookTicker;
  return BinanceEvent::Ignored;
}

BinanceEvent event_of_type(std::string_view type) noexcept {
  if (type == "depthUpdate") return BinanceEvent::Depth;
  if (type == "trade") return BinanceEvent::Trade;
  if (type == "aggTrade") return BinanceEvent::AggTrade;
  if (type == "bookTicker") return BinanceEvent::BookTicker;
  if (type == "serverShutdown") return BinanceEvent::Shutdown;
  return BinanceEvent::Ignored;
}

// A JSON integer without sign, fraction or exponent.
DecodeStatus unsigned_of(std::string_view text, std::uint64_t& number) noexcept {
  number = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return DecodeStatus::MalformedJson;
  for (const char c : text) {
    if (c < '0' || c > '9') return DecodeStatus::MistypedField;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (~std::uint64_t{0} - digit) / 10) return DecodeStatus::NumberOverflow;
    number = number * 10 + digit;
  }
  return DecodeStatus::Ok;
}

// A price or quantity: decimal text that is not negative.
DecodeStatus mantissa_of(std::string_view text, Exponent exponent,
                         std::int64_t& mantissa) noexcept {
  switch (parse_decimal(text, exponent, mantissa)) {
    case DecimalStatus::Ok:
      return mantissa >= 0 ? DecodeStatus::Ok : DecodeStatus::MistypedField;
    case DecimalStatus::TooFine:
      return DecodeStatus::NumberTooFine;
    case DecimalStatus::Overflow:
      return DecodeStatus::NumberOverflow;
    case DecimalStatus::Malformed:
      return DecodeStatus::MistypedField;
  }
  return DecodeStatus::MistypedField;
}

// What this text would have needed, or 0 when that is more than the venue ever sends: damage.
Exponent exponent_needed(std::string_view text) noexcept {
  Exponent needed;
  if (written_exponent(text, needed) != DecimalStatus::Ok) return Exponent{};
  return -needed.power_of_ten <= wire_decimals_max ? needed : Exponent{};
}

// A value of another type is the venue's change or a damaged byte; all else is no JSON.
DecodeStatus refusal(simdjson::error_code error) noexcept {
  return error == simdjson::INCORRECT_TYPE ? DecodeStatus::MistypedField
                                           : DecodeStatus::MalformedJson;
}

// Nothing stands behind the root value.
bool at_end(simdjson::ondemand::document& document) noexcept {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

constexpr std::uint64_t utc_ms_max = 9'223'372'036'854;  // what fits nanoseconds

// Rows of a side: strictly from the best outwards.
bool sorted(std::span<const Level> side, bool descending) noexcept {
  for (std::size_t i = 1; i < side.size(); ++i) {
    const auto& better = descending ? side[i] : side[i - 1];
    const auto& worse = descending ? side[i - 1] : side[i];
    if (!(better.price < worse.price)) return false;
  }
  return true;
}

}  // namespace

// One field as it stands; typed only when the event is known, because its type depends on that.
struct BinanceDecoder::Scalar {
  json_type type = json_type::null;
  bool present = false;
  std::string_view text;  // of a string, between its quotes; of a number, the token
  bool truth = false;
};

struct BinanceDecoder::Fields {
  std::array<Scalar, key_count> scalars;
  std::string_view stream;
  bool wrapped = false;
  BinanceIndex hint = no_binance_instrument;  // by the stream's name
  DecodeStatus levels = DecodeStatus::Ok;     // of the rows, judged once the event is known
  std::size_t bid_count = 0;
  std::size_t ask_count = 0;

  [[nodiscard]] const Scalar& operator[](Key key) const noexcept { return scalars[key]; }
  [[nodiscard]] DecodeStatus text(Key key, std::string_view& out) const noexcept {
    const auto& scalar = scalars[key];
    if (!scalar.present) return DecodeStatus::MissingField;
    if (scalar.type != json_type::string) return DecodeStatus::MistypedField;
    out = scalar.text;
    return DecodeStatus::Ok;
  }
  [[nodiscard]] DecodeStatus number(Key key, std::uint64_t& out) const noexcept {
    const auto& scalar = scalars[key];
    if (!scalar.present) return DecodeStatus::MissingField;
    if (scalar.type != json_type::number) return DecodeStatus::MistypedField;
    return unsigned_of(scalar.text, out);
  }
  // Milliseconds UTC as nanoseconds.
  [[nodiscard]] DecodeStatus time(Key key, UtcNs& out) const noexcept {
    std::uint64_t ms = 0;
    if (const auto status = number(key, ms); status != DecodeStatus::Ok) return status;
    if (ms > utc_ms_max) return DecodeStatus::NumberOverflow;
    out = UtcNs{static_cast<std::int64_t>(ms) * 1'000'000};
    return DecodeStatus::Ok;
  }
};

BinanceDecoder::BinanceDecoder(const BinanceSymbols& symbols, Rule rule)
    : symbols_(symbols), rule_(rule), bids_(depth_levels_max), asks_(depth_levels_max) {
  // If this fails the parser allocates at the first text.
  [[maybe_unused]] const auto error = parser_.allocate(decode_bytes_expected);
}

DecodeStatus BinanceDecoder::decode(std::string_view padded, BinanceMessage& message) noexcept {
  message = BinanceMessage{};
  Fields fields;
  simdjson::ondemand::document document;
  auto status = DecodeStatus::MalformedJson;
  const simdjson::padded_string_view text(padded.data(), padded.size(),
                                          padded.size() + simdjson::SIMDJSON_PADDING);
  if (!parser_.iterate(text).get(document)) status = decode_root(document, fields, message);
  if (status == DecodeStatus::Ok && !at_end(document)) status = DecodeStatus::MalformedJson;
  if (status == DecodeStatus::Ok) status = finish(fields, message);
  if (status == DecodeStatus::MalformedJson && message.instrument == no_binance_instrument) {
    message.instrument = guess_instrument(padded, symbols_);
  }
  return status;
}

DecodeStatus BinanceDecoder::decode_root(simdjson::ondemand::document& document, Fields& fields,
                                         BinanceMessage& message) noexcept {
  object root;
  if (document.get_object().get(root)) return DecodeStatus::MalformedJson;
  bool has_data = false;
  bool first = true;
  for (auto entry : root) {
    simdjson::ondemand::field field;
    std::string_view key;
    if (std::move(entry).get(field) || !plain_text(field.key(), key)) {
      return DecodeStatus::MalformedJson;
    }
    const bool wrapper = key == "stream" || key == "data";
    if (first && !wrapper) {
      if (root.reset().error()) return DecodeStatus::MalformedJson;
      return decode_data(root, fields, message);
    }
    first = false;
    fields.wrapped = true;
    if (key == "stream") {
      simdjson::ondemand::raw_json_string raw;
      if (fields.stream.data() != nullptr) return DecodeStatus::RepeatedField;
      if (const auto error = field.value().get_raw_json_string().get(raw)) return refusal(error);
      if (!plain_text(raw, fields.stream)) return DecodeStatus::MistypedField;
      fields.hint = symbols_.find_stream(fields.stream);
      if (fields.hint != no_binance_instrument) message.instrument = fields.hint;
    } else if (key == "data") {
      object data;
      if (has_data) return DecodeStatus::RepeatedField;
      has_data = true;
      if (const auto error = field.value().get_object().get(data)) return refusal(error);
      const auto status = decode_data(data, fields, message);
      if (status != DecodeStatus::Ok) return status;
    } else if (!is_valid(field.value())) {
      return DecodeStatus::MalformedJson;
    }
  }
  if (!has_data || fields.stream.data() == nullptr) return DecodeStatus::MissingField;
  return DecodeStatus::Ok;
}

DecodeStatus BinanceDecoder::decode_data(object data, Fields& fields,
                                         BinanceMessage& message) noexcept {
  if (message.instrument == no_binance_instrument) {
    // Rows cannot become numbers without the symbol's exponents, and the order is not fixed.
    simdjson::ondemand::raw_json_string raw;
    std::string_view name;
    if (!data.find_field_unordered("s").get_raw_json_string().get(raw) && plain_text(raw, name)) {
      message.instrument = symbols_.find(name);
    }
    if (data.reset().error()) return DecodeStatus::MalformedJson;
  }
  for (auto entry : data) {
    simdjson::ondemand::field field;
    std::string_view text;
    if (std::move(entry).get(field) || !plain_text(field.key(), text)) {
      return DecodeStatus::MalformedJson;
    }
    const auto key = key_of(text);
    if (key == key_unused) {
      if (!is_valid(field.value())) return DecodeStatus::MalformedJson;
      continue;
    }
    const auto status = take_field(key, field.value(), fields, message);
    if (status != DecodeStatus::Ok) return status;
  }
  return DecodeStatus::Ok;
}

DecodeStatus BinanceDecoder::take_field(unsigned key, Value value, Fields& fields,
                                        BinanceMessage& message) noexcept {
  auto& scalar = fields.scalars[key];
  if (scalar.present) return DecodeStatus::RepeatedField;
  scalar.present = true;
  if (value.type().get(scalar.type)) return DecodeStatus::MalformedJson;
  if (scalar.type == json_type::string) {
    simdjson::ondemand::raw_json_string raw;
    if (value.get_raw_json_string().get(raw)) return DecodeStatus::MalformedJson;
    return plain_text(raw, scalar.text) ? DecodeStatus::Ok : DecodeStatus::MistypedField;
  }
  if (scalar.type == json_type::number) {
    scalar.text = number_text(value);
    return is_json_number(scalar.text) ? DecodeStatus::Ok : DecodeStatus::MalformedJson;
  }
  if (scalar.type == json_type::boolean) {
    return value.get_bool().get(scalar.truth) ? DecodeStatus::MalformedJson : DecodeStatus::Ok;
  }
  const bool rows = scalar.type == json_type::array && (key == key_bids || key == key_asks);
  if (rows && message.instrument != no_binance_instrument) {
    array levels;
    if (value.get_array().get(levels)) return DecodeStatus::MalformedJson;
    return key == key_bids ? take_levels(levels, message, bids_, fields.bid_count)
                           : take_levels(levels, message, asks_, fields.ask_count);
  }
  return is_valid(value) ? DecodeStatus::Ok : DecodeStatus::MalformedJson;
}

DecodeStatus BinanceDecoder::take_levels(array rows, BinanceMessage& message,
                                         std::vector<Level>& levels, std::size_t& count) noexcept {
  for (auto entry : rows) {
    array cells;
    if (const auto error = std::move(entry).get_array().get(cells)) return refusal(error);
    std::array<std::string_view, 2> texts;
    std::size_t texts_count = 0;
    for (auto cell : cells) {
      simdjson::ondemand::raw_json_string raw;
      if (texts_count == texts.size()) return DecodeStatus::MistypedField;
      if (const auto error = std::move(cell).get_raw_json_string().get(raw)) return refusal(error);
      if (!plain_text(raw, texts[texts_count++])) return DecodeStatus::MistypedField;
    }
    if (texts_count != texts.size()) return DecodeStatus::MissingField;
    if (count == levels.size()) return DecodeStatus::TooManyLevels;
    const auto status = take_row(Row{texts[0], texts[1]}, message, levels[count++]);
    if (status != DecodeStatus::Ok) return status;
  }
  return DecodeStatus::Ok;
}

DecodeStatus BinanceDecoder::finish(const Fields& fields, BinanceMessage& message) noexcept {
  const auto promised = event_of_stream(fields.stream);
  const auto& type = fields[key_event];
  if (type.present) {
    if (type.type != json_type::string) return DecodeStatus::MistypedField;
    message.event = event_of_type(type.text);
    if (message.event == BinanceEvent::Shutdown) return DecodeStatus::Ok;
  } else if (fields[key_bid_quantity].present || promised == BinanceEvent::BookTicker) {
    message.event = BinanceEvent::BookTicker;  // on spot it does not say what it is
    if (rule_ == Rule::Futures) return DecodeStatus::MissingField;
  } else if (promised != BinanceEvent::Ignored) {
    return DecodeStatus::MissingField;
  } else if (!fields.wrapped) {
    return finish_answer(fields, message);
  }
  if (fields.wrapped && message.event != promised) return DecodeStatus::MistypedField;
  if (message.event == BinanceEvent::Ignored) return DecodeStatus::Ok;
  const auto status = finish_symbol(fields, message);
  if (status != DecodeStatus::Ok) return status;
  switch (message.event) {
    case BinanceEvent::Depth:
      return finish_depth(fields, message);
    case BinanceEvent::BookTicker:
      return finish_ticker(fields, message);
    default:
      return finish_trade(fields, message);
  }
}

// What answers a SUBSCRIBE: {"result":null,"id":1}, or an error with or without the id.
DecodeStatus BinanceDecoder::finish_answer(const Fields& fields, BinanceMessage& message) noexcept {
  const bool refused = fields[key_error].present || fields[key_code].present;
  if (!refused && !fields[key_result].present) return DecodeStatus::MissingField;
  message.event = refused ? BinanceEvent::Refused : BinanceEvent::Acknowledged;
  const auto& id = fields[key_request_id];
  if (refused && (!id.present || id.type == json_type::null)) return DecodeStatus::Ok;
  return fields.number(key_request_id, message.request_id);
}

DecodeStatus BinanceDecoder::finish_symbol(const Fields& fields, BinanceMessage& message) noexcept {
  std::string_view name;
  if (const auto status = fields.text(key_symbol, name); status != DecodeStatus::Ok) return status;
  const auto named = symbols_.find(name);
  if (message.instrument == no_binance_instrument) message.instrument = named;
  if (message.instrument == no_binance_instrument) return DecodeStatus::UnknownSymbol;
  if (named != message.instrument) return DecodeStatus::SymbolMismatch;
  if (fields.wrapped && fields.hint != named) return DecodeStatus::SymbolMismatch;
  return DecodeStatus::Ok;
}

DecodeStatus BinanceDecoder::finish_times(const Fields& fields, BinanceMessage& message) noexcept {
  UtcNs sent;
  auto status = fields.time(key_event_time, sent);
  if (status != DecodeStatus::Ok) return status;
  message.exchange = sent;
  message.has_exchange_time = true;
  // Spot depth has no time of the change itself, only of the message.
  if (rule_ == Rule::Spot && message.event == BinanceEvent::Depth) return DecodeStatus::Ok;
  return fields.time(key_trade_time, message.exchange);
}

DecodeStatus BinanceDecoder::finish_depth(const Fields& fields, BinanceMessage& message) noexcept {
  auto status = finish_times(fields, message);
  if (status != DecodeStatus::Ok) return status;
  status = fields.number(key_first_id, message.ids.first);
  if (status != DecodeStatus::Ok) return status;
  status = fields.number(key_last_id, message.ids.last);
  if (status != DecodeStatus::Ok) return status;
  if (rule_ == Rule::Futures) {
    status = fields.number(key_previous_id, message.ids.previous);
    if (status != DecodeStatus::Ok) return status;
  }
  status = finish_sides(fields, message);
  if (status != DecodeStatus::Ok) return status;
  const bool plausible = rule_ == Rule::Futures ? FuturesSequencer::plausible(message.ids)
                                                : SpotSequencer::plausible(message.ids);
  return plausible ? DecodeStatus::Ok : DecodeStatus::ContradictingIds;
}

DecodeStatus BinanceDecoder::finish_sides(const Fields& fields, BinanceMessage& message) noexcept {
  for (const auto key : {key_bids, key_asks}) {
    if (!fields[key].present) return DecodeStatus::MissingField;
    if (fields[key].type != json_type::array) return DecodeStatus::MistypedField;
  }
  message.bids = std::span<const Level>(bids_).first(fields.bid_count);
  message.asks = std::span<const Level>(asks_).first(fields.ask_count);
  return DecodeStatus::Ok;
}

DecodeStatus BinanceDecoder::finish_trade(const Fields& fields, BinanceMessage& message) noexcept {
  auto status = finish_times(fields, message);
  if (status != DecodeStatus::Ok) return status;
  const auto id = message.event == BinanceEvent::AggTrade ? key_asks : key_trade_id;
  status = fields.number(id, message.trade_id);
  if (status != DecodeStatus::Ok) return status;
  const auto& maker = fields[key_buyer_is_maker];
  if (!maker.present) return DecodeStatus::MissingField;
  if (maker.type != json_type::boolean) return DecodeStatus::MistypedField;
  message.buyer_is_maker = maker.truth;
  Level level;
  status = finish_level(fields, key_price, key_quantity, message, level);
  message.price = level.price;
  message.quantity = level.quantity;
  return status;
}

DecodeStatus BinanceDecoder::finish_ticker(const Fields& fields, BinanceMessage& message) noexcept {
  auto status = DecodeStatus::Ok;
  if (rule_ == Rule::Futures) status = finish_times(fields, message);
  if (status != DecodeStatus::Ok) return status;
  status = fields.number(key_last_id, message.ids.last);
  if (status != DecodeStatus::Ok) return status;
  status = finish_level(fields, key_bids, key_bid_quantity, message, message.bid);
  if (status != DecodeStatus::Ok) return status;
  return finish_level(fields, key_asks, key_ask_quantity, message, message.ask);
}

DecodeStatus BinanceDecoder::finish_level(const Fields& fields, unsigned price, unsigned quantity,
                                          BinanceMessage& message, Level& level) noexcept {
  Row row;
  auto status = fields.text(static_cast<Key>(price), row.price);
  if (status != DecodeStatus::Ok) return status;
  status = fields.text(static_cast<Key>(quantity), row.quantity);
  if (status != DecodeStatus::Ok) return status;
  return take_row(row, message, level);
}

DecodeStatus BinanceDecoder::take_row(const Row& row, BinanceMessage& message,
                                      Level& level) noexcept {
  const auto& symbol = symbols_[message.instrument];
  auto status = mantissa_of(row.price, symbol.price_exponent, level.price.mantissa);
  if (status == DecodeStatus::NumberTooFine) message.finer_price = exponent_needed(row.price);
  if (status != DecodeStatus::Ok) return status;
  status = mantissa_of(row.quantity, symbol.quantity_exponent, level.quantity.mantissa);
  if (status == DecodeStatus::NumberTooFine) message.finer_quantity = exponent_needed(row.quantity);
  return status;
}

DecodeStatus BinanceDecoder::decode_snapshot(std::string_view padded, BinanceIndex instrument,
                                             BinanceMessage& message) noexcept {
  message = BinanceMessage{};
  message.instrument = instrument;
  message.event = BinanceEvent::Depth;
  simdjson::ondemand::document document;
  object body;
  const simdjson::padded_string_view text(padded.data(), padded.size(),
                                          padded.size() + simdjson::SIMDJSON_PADDING);
  if (parser_.iterate(text).get(document)) return DecodeStatus::MalformedJson;
  if (document.get_object().get(body)) return DecodeStatus::MalformedJson;
  Fields fields;
  for (auto entry : body) {
    simdjson::ondemand::field field;
    std::string_view key;
    if (std::move(entry).get(field) || !plain_text(field.key(), key)) {
      return DecodeStatus::MalformedJson;
    }
    const auto which = key_of_snapshot(key);
    if (which == key_unused) {
      if (!is_valid(field.value())) return DecodeStatus::MalformedJson;
      continue;
    }
    const auto status = take_field(which, field.value(), fields, message);
    if (status != DecodeStatus::Ok) return status;
  }
  if (!at_end(document)) return DecodeStatus::MalformedJson;
  return finish_snapshot(fields, message);
}

DecodeStatus BinanceDecoder::finish_snapshot(const Fields& fields,
                                             BinanceMessage& message) noexcept {
  auto status = fields.number(key_last_id, message.ids.last);
  if (status != DecodeStatus::Ok) return status;
  if (message.ids.last >= depth_id_limit) return DecodeStatus::NumberOverflow;
  if (fields[key_symbol].present) {
    std::string_view name;
    status = fields.text(key_symbol, name);
    if (status != DecodeStatus::Ok) return status;
    if (name != symbols_[message.instrument].name) return DecodeStatus::SymbolMismatch;
  }
  if (rule_ == Rule::Futures) {
    status = finish_times(fields, message);
    if (status != DecodeStatus::Ok) return status;
  }
  status = finish_sides(fields, message);
  if (status != DecodeStatus::Ok) return status;
  const auto absent = [](const Level& level) { return level.quantity.mantissa == 0; };
  const bool sound = sorted(message.bids, true) && sorted(message.asks, false) &&
                     std::none_of(message.bids.begin(), message.bids.end(), absent) &&
                     std::none_of(message.asks.begin(), message.asks.end(), absent) &&
                     (message.bids.empty() || message.asks.empty() ||
                      message.bids.front().price < message.asks.front().price);
  return sound ? DecodeStatus::Ok : DecodeStatus::UnsoundSnapshot;
}

BinanceIndex guess_instrument(std::string_view text, const BinanceSymbols& symbols) noexcept {
  for (const std::string_view key : {"\"stream\":\"", "\"s\":\""}) {
    const auto begin = text.find(key);
    if (begin == std::string_view::npos) continue;
    const auto rest = text.substr(begin + key.size(), binance_symbol_bytes_max);
    const auto end = rest.find_first_of("@\"");
    if (end == std::string_view::npos) continue;
    const auto found = symbols.find_stream(rest.substr(0, end));
    if (found != no_binance_instrument) return found;
  }
  return no_binance_instrument;
}

}  // namespace ringside::collector
