#include "collector/binance_fields.hpp"

#include <algorithm>

#include "collector/decimal.hpp"

namespace ringside::collector {
namespace {

constexpr std::uint64_t utc_ms_max = 9'223'372'036'854;  // what fits nanoseconds

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

DecodeStatus text_of(const FieldValue& field, std::string_view& text) noexcept {
  if (field.type == FieldType::Absent) return DecodeStatus::MissingField;
  if (field.type != FieldType::Text) return DecodeStatus::MistypedField;
  text = field.text;
  return DecodeStatus::Ok;
}

// An integer without sign, fraction or exponent.
DecodeStatus number_of(const FieldValue& field, std::uint64_t& number) noexcept {
  if (field.type == FieldType::Absent) return DecodeStatus::MissingField;
  if (field.type != FieldType::Number) return DecodeStatus::MistypedField;
  number = 0;
  for (const char c : field.text) {
    if (c < '0' || c > '9') return DecodeStatus::MistypedField;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (~std::uint64_t{0} - digit) / 10) return DecodeStatus::NumberOverflow;
    number = number * 10 + digit;
  }
  return DecodeStatus::Ok;
}

// Milliseconds UTC.
DecodeStatus time_of(const FieldValue& field, UtcNs& utc) noexcept {
  std::uint64_t ms = 0;
  if (const auto status = number_of(field, ms); status != DecodeStatus::Ok) return status;
  if (ms > utc_ms_max) return DecodeStatus::NumberOverflow;
  utc = UtcNs{static_cast<std::int64_t>(ms) * 1'000'000};
  return DecodeStatus::Ok;
}

DecodeStatus mantissa_of(std::string_view text, Exponent exponent,
                         std::int64_t& mantissa) noexcept {
  if (text.starts_with('-')) return DecodeStatus::MistypedField;  // even of zero
  switch (parse_padded_decimal(text, exponent, mantissa)) {
    case DecimalStatus::Ok:
      return DecodeStatus::Ok;
    case DecimalStatus::TooFine:
      return DecodeStatus::NumberTooFine;
    case DecimalStatus::Overflow:
      return DecodeStatus::NumberOverflow;
    case DecimalStatus::Malformed:
      return DecodeStatus::MistypedField;
  }
  return DecodeStatus::MistypedField;
}

// 0 when the text needs more than the venue ever sends: damage, not a new precision.
Exponent exponent_for(std::string_view text) noexcept {
  Exponent needed;
  if (needed_exponent(text, needed) != DecimalStatus::Ok) return Exponent{};
  return -needed.power_of_ten <= wire_decimals_max ? needed : Exponent{};
}

// Rows of a snapshot's side: strictly from the best outwards, none empty.
bool sound(std::span<const Level> side, bool descending) noexcept {
  for (std::size_t i = 0; i < side.size(); ++i) {
    if (side[i].quantity.mantissa == 0) return false;
    if (i == 0) continue;
    const auto& lower = side[descending ? i : i - 1];
    const auto& higher = side[descending ? i - 1 : i];
    if (!(lower.price < higher.price)) return false;
  }
  return true;
}

DecodeStatus judge_sides(const BinanceFields& fields, BinanceMessage& message) noexcept {
  for (const auto side : {Field::Bids, Field::Asks}) {
    if (fields[side].type == FieldType::Absent) return DecodeStatus::MissingField;
    if (fields[side].type != FieldType::Array) return DecodeStatus::MistypedField;
  }
  message.bids = fields.bids;
  message.asks = fields.asks;
  return DecodeStatus::Ok;
}

// What answers a SUBSCRIBE: {"result":null,"id":1}, or an error with or without the id.
DecodeStatus judge_answer(const BinanceFields& fields, BinanceMessage& message) noexcept {
  const bool refused = fields[Field::Error].type != FieldType::Absent ||
                       fields[Field::Code].type != FieldType::Absent;
  if (!refused && fields[Field::Result].type == FieldType::Absent) {
    return DecodeStatus::MissingField;
  }
  message.event = refused ? BinanceEvent::Refused : BinanceEvent::Acknowledged;
  const auto& id = fields[Field::RequestId];
  const bool anonymous = id.type == FieldType::Absent || id.type == FieldType::Null;
  if (refused && anonymous) return DecodeStatus::Ok;
  return number_of(id, message.request_id);
}

DecodeStatus judge_symbol(const BinanceFields& fields, const BinanceSymbols& symbols,
                          BinanceMessage& message) noexcept {
  std::string_view name;
  if (const auto status = text_of(fields[Field::Symbol], name); status != DecodeStatus::Ok) {
    return status;
  }
  const auto named = symbols.find(name);
  if (message.symbol == no_symbol) message.symbol = named;
  if (message.symbol == no_symbol) return DecodeStatus::UnknownSymbol;
  if (named != message.symbol) return DecodeStatus::SymbolMismatch;
  if (fields.wrapped && fields.promised != named) return DecodeStatus::SymbolMismatch;
  return DecodeStatus::Ok;
}

DecodeStatus judge_times(const BinanceFields& fields, BinanceRule rule,
                         BinanceMessage& message) noexcept {
  const auto status = time_of(fields[Field::EventTime], message.exchange);
  if (status != DecodeStatus::Ok) return status;
  message.has_exchange_time = true;
  // Spot depth has no time of the change itself, only of the message.
  if (rule == BinanceRule::Spot && message.event == BinanceEvent::Depth) return DecodeStatus::Ok;
  return time_of(fields[Field::TradeTime], message.exchange);
}

DecodeStatus judge_depth(const BinanceFields& fields, BinanceRule rule,
                         BinanceMessage& message) noexcept {
  auto status = judge_times(fields, rule, message);
  if (status != DecodeStatus::Ok) return status;
  status = number_of(fields[Field::FirstId], message.ids.first);
  if (status != DecodeStatus::Ok) return status;
  status = number_of(fields[Field::LastId], message.ids.last);
  if (status != DecodeStatus::Ok) return status;
  if (rule == BinanceRule::Futures) {
    status = number_of(fields[Field::PreviousId], message.ids.previous);
    if (status != DecodeStatus::Ok) return status;
  }
  const bool plausible = rule == BinanceRule::Futures ? FuturesSequencer::plausible(message.ids)
                                                      : SpotSequencer::plausible(message.ids);
  if (!plausible) return DecodeStatus::ContradictingIds;
  return judge_sides(fields, message);
}

DecodeStatus judge_level(const BinanceFields& fields, Field price, Field quantity,
                         const BinanceUnits& units, BinanceMessage& message,
                         Level& level) noexcept {
  std::string_view price_text;
  std::string_view quantity_text;
  auto status = text_of(fields[price], price_text);
  if (status != DecodeStatus::Ok) return status;
  status = text_of(fields[quantity], quantity_text);
  if (status != DecodeStatus::Ok) return status;
  return read_level(price_text, quantity_text, units, message, level);
}

DecodeStatus judge_trade(const BinanceFields& fields, BinanceRule rule, const BinanceUnits& units,
                         BinanceMessage& message) noexcept {
  auto status = judge_times(fields, rule, message);
  if (status != DecodeStatus::Ok) return status;
  const auto id = message.event == BinanceEvent::AggTrade ? Field::Asks : Field::TradeId;
  status = number_of(fields[id], message.trade_id);
  if (status != DecodeStatus::Ok) return status;
  const auto& maker = fields[Field::BuyerIsMaker];
  if (maker.type == FieldType::Absent) return DecodeStatus::MissingField;
  if (maker.type != FieldType::Truth) return DecodeStatus::MistypedField;
  message.buyer_is_maker = maker.truth;
  Level level;
  status = judge_level(fields, Field::Price, Field::Quantity, units, message, level);
  message.price = level.price;
  message.quantity = level.quantity;
  return status;
}

DecodeStatus judge_ticker(const BinanceFields& fields, BinanceRule rule, const BinanceUnits& units,
                          BinanceMessage& message) noexcept {
  auto status = DecodeStatus::Ok;
  if (rule == BinanceRule::Futures) status = judge_times(fields, rule, message);
  if (status != DecodeStatus::Ok) return status;
  status = number_of(fields[Field::LastId], message.ids.last);
  if (status != DecodeStatus::Ok) return status;
  status = judge_level(fields, Field::Bids, Field::BidQuantity, units, message, message.bid);
  if (status != DecodeStatus::Ok) return status;
  return judge_level(fields, Field::Asks, Field::AskQuantity, units, message, message.ask);
}

}  // namespace

Field field_of(std::string_view key) noexcept {
  if (key.size() == 1) {
    switch (key[0]) {
      case 'e':
        return Field::Event;
      case 'E':
        return Field::EventTime;
      case 'T':
        return Field::TradeTime;
      case 's':
        return Field::Symbol;
      case 'U':
        return Field::FirstId;
      case 'u':
        return Field::LastId;
      case 'b':
        return Field::Bids;
      case 'a':
        return Field::Asks;
      case 'B':
        return Field::BidQuantity;
      case 'A':
        return Field::AskQuantity;
      case 'p':
        return Field::Price;
      case 'q':
        return Field::Quantity;
      case 't':
        return Field::TradeId;
      case 'm':
        return Field::BuyerIsMaker;
      default:
        return Field::Unused_;
    }
  }
  if (key == "pu") return Field::PreviousId;
  if (key == "id") return Field::RequestId;
  if (key == "result") return Field::Result;
  if (key == "error") return Field::Error;
  if (key == "code") return Field::Code;
  return Field::Unused_;
}

Field snapshot_field_of(std::string_view key) noexcept {
  if (key == "lastUpdateId") return Field::LastId;
  if (key == "bids") return Field::Bids;
  if (key == "asks") return Field::Asks;
  if (key == "symbol") return Field::Symbol;
  if (key == "E") return Field::EventTime;
  if (key == "T") return Field::TradeTime;
  return Field::Unused_;
}

DecodeStatus read_level(std::string_view price, std::string_view quantity,
                        const BinanceUnits& units, BinanceMessage& message, Level& level) noexcept {
  auto status = mantissa_of(price, units.price, level.price.mantissa);
  if (status == DecodeStatus::NumberTooFine) message.finer_price = exponent_for(price);
  if (status != DecodeStatus::Ok) return status;
  status = mantissa_of(quantity, units.quantity, level.quantity.mantissa);
  if (status == DecodeStatus::NumberTooFine) message.finer_quantity = exponent_for(quantity);
  return status;
}

DecodeStatus judge(const BinanceFields& fields, const BinanceSymbols& symbols, BinanceRule rule,
                   BinanceMessage& message) noexcept {
  const auto promised = event_of_stream(fields.stream);
  const auto& type = fields[Field::Event];
  if (type.type != FieldType::Absent) {
    if (type.type != FieldType::Text) return DecodeStatus::MistypedField;
    message.event = event_of_type(type.text);
    if (message.event == BinanceEvent::Shutdown) return DecodeStatus::Ok;
  } else if (promised == BinanceEvent::BookTicker ||
             fields[Field::BidQuantity].type != FieldType::Absent) {
    message.event = BinanceEvent::BookTicker;  // on spot it does not say what it is
    if (rule == BinanceRule::Futures) return DecodeStatus::MissingField;
  } else if (promised != BinanceEvent::Ignored) {
    return DecodeStatus::MissingField;
  } else if (!fields.wrapped) {
    return judge_answer(fields, message);
  }
  if (fields.wrapped && message.event != promised) return DecodeStatus::MistypedField;
  if (message.event == BinanceEvent::Ignored) return DecodeStatus::Ok;
  const auto status = judge_symbol(fields, symbols, message);
  if (status != DecodeStatus::Ok) return status;
  const auto& units = symbols.units(message.symbol);
  switch (message.event) {
    case BinanceEvent::Depth:
      return judge_depth(fields, rule, message);
    case BinanceEvent::BookTicker:
      return judge_ticker(fields, rule, units, message);
    default:
      return judge_trade(fields, rule, units, message);
  }
}

DecodeStatus judge_snapshot(const BinanceFields& fields, const BinanceSymbols& symbols,
                            BinanceRule rule, BinanceMessage& message) noexcept {
  message.event = BinanceEvent::Depth;
  auto status = number_of(fields[Field::LastId], message.ids.last);
  if (status != DecodeStatus::Ok) return status;
  if (message.ids.last >= depth_id_limit) return DecodeStatus::NumberOverflow;
  if (fields[Field::Symbol].type != FieldType::Absent) {  // COIN-M only
    std::string_view name;
    status = text_of(fields[Field::Symbol], name);
    if (status != DecodeStatus::Ok) return status;
    if (name != symbols.name(message.symbol)) return DecodeStatus::SymbolMismatch;
  }
  if (rule == BinanceRule::Futures) {
    status = judge_times(fields, rule, message);
    if (status != DecodeStatus::Ok) return status;
  }
  status = judge_sides(fields, message);
  if (status != DecodeStatus::Ok) return status;
  const bool crossed = !message.bids.empty() && !message.asks.empty() &&
                       message.bids.front().price >= message.asks.front().price;
  const bool good = !crossed && sound(message.bids, true) && sound(message.asks, false);
  return good ? DecodeStatus::Ok : DecodeStatus::UnsoundSnapshot;
}

}  // namespace ringside::collector
