// What another parser makes of Binance texts, field by field, against ours: what the decoder
// accepts must be what it says.
//
// Fails by: RINGSIDE_CHECK.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "collector/binance_decode.hpp"
#include "collector/binance_symbols.hpp"
#include "ipc/check.hpp"
#include "tests/fuzz/json_reference.hpp"

namespace ringside::fuzz {

using namespace collector;

// The decimal text of a mantissa by division: nothing shared with the decoder.
inline bool same_decimal(std::int64_t mantissa, Exponent exponent, const std::string& text) {
  const int decimals = -exponent.power_of_ten;
  std::int64_t unit = 1;
  for (int i = 0; i < decimals; ++i) unit *= 10;
  std::string digits = fmt::format("{}.{:0{}}", mantissa / unit, mantissa % unit, decimals);
  const auto plain = text.find_first_not_of("0123456789.") == std::string::npos;
  if (!plain) return text.find_first_of("eE") != std::string::npos;  // decimal_test's business
  std::string wanted = text;
  if (wanted.find('.') == std::string::npos) wanted += '.';
  const auto cut = [](std::string& number) { number.erase(number.find_last_not_of('0') + 1); };
  cut(digits);
  cut(wanted);
  return digits == wanted;
}

inline bool same_level(const BinanceUnits& units, const Level& level, const std::string& price,
                       const std::string& quantity) {
  return same_decimal(level.price.mantissa, units.price, price) &&
         same_decimal(level.quantity.mantissa, units.quantity, quantity);
}

inline void compare_rows(const BinanceUnits& units, std::span<const Level> levels,
                         const Node* rows) {
  RINGSIDE_CHECK(rows != nullptr && rows->type == Node::Type::Array);
  RINGSIDE_CHECK(rows->items.size() == levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto& row = rows->items[i];
    RINGSIDE_CHECK(row.type == Node::Type::Array && row.items.size() == 2);
    RINGSIDE_CHECK(row.items[0].type == Node::Type::String);
    RINGSIDE_CHECK(row.items[1].type == Node::Type::String);
    RINGSIDE_CHECK(same_level(units, levels[i], row.items[0].text, row.items[1].text));
  }
}

inline bool same_number(std::uint64_t number, const Node* node) {
  return node != nullptr && node->type == Node::Type::Number &&
         node->text == std::to_string(number);
}

inline void compare_time(const BinanceMessage& message, const Node* ms) {
  RINGSIDE_CHECK(message.has_exchange_time && message.exchange.value % 1'000'000 == 0);
  RINGSIDE_CHECK(same_number(static_cast<std::uint64_t>(message.exchange.value / 1'000'000), ms));
}

inline void compare_depth(const BinanceUnits& units, const BinanceMessage& message,
                          const Node& data, BinanceRule rule) {
  RINGSIDE_CHECK(data.string_at("e") == "depthUpdate");
  RINGSIDE_CHECK(same_number(message.ids.first, data.find("U")));
  RINGSIDE_CHECK(same_number(message.ids.last, data.find("u")));
  if (rule == BinanceRule::Futures) {
    RINGSIDE_CHECK(same_number(message.ids.previous, data.find("pu")));
  }
  compare_time(message, data.find(rule == BinanceRule::Futures ? "T" : "E"));
  compare_rows(units, message.bids, data.find("b"));
  compare_rows(units, message.asks, data.find("a"));
}

inline void compare_trade(const BinanceUnits& units, const BinanceMessage& message,
                          const Node& data) {
  const bool aggregated = message.event == BinanceEvent::AggTrade;
  RINGSIDE_CHECK(data.string_at("e") == (aggregated ? "aggTrade" : "trade"));
  RINGSIDE_CHECK(same_number(message.trade_id, data.find(aggregated ? "a" : "t")));
  compare_time(message, data.find("T"));
  RINGSIDE_CHECK(same_level(units, {message.price, message.quantity}, data.string_at("p"),
                            data.string_at("q")));
  const Node* maker = data.find("m");
  RINGSIDE_CHECK(maker != nullptr && maker->type == Node::Type::Bool);
  RINGSIDE_CHECK(maker->text == (message.buyer_is_maker ? "true" : "false"));
}

inline void compare_ticker(const BinanceUnits& units, const BinanceMessage& message,
                           const Node& data) {
  RINGSIDE_CHECK(data.find("e") == nullptr || data.string_at("e") == "bookTicker");
  RINGSIDE_CHECK(same_number(message.ids.last, data.find("u")));
  RINGSIDE_CHECK(same_level(units, message.bid, data.string_at("b"), data.string_at("B")));
  RINGSIDE_CHECK(same_level(units, message.ask, data.string_at("a"), data.string_at("A")));
}

// True: `root` is what the other parser made of a text that ours accepted.
inline bool reference_accepts(std::string_view text, Node& root) {
  const auto reference = fuzz::parse_reference(text, root);
  RINGSIDE_CHECK(reference != fuzz::Reference::Refused);
  return reference == fuzz::Reference::Accepted;
}

// What ours says of it; what it refuses is not compared.
inline DecodeStatus compare_message(BinanceDecoder& decoder, const BinanceSymbols& symbols,
                                    BinanceRule rule, std::string_view padded) {
  BinanceMessage message;
  const auto status = decoder.decode(padded, message);
  if (status != DecodeStatus::Ok) return status;
  Node root;
  if (!reference_accepts(padded, root)) return status;
  const bool wrapped = root.find("stream") != nullptr && root.find("data") != nullptr;
  const Node& data = wrapped ? *root.find("data") : root;
  switch (message.event) {
    case BinanceEvent::Ignored:
      return status;
    case BinanceEvent::Shutdown:
      RINGSIDE_CHECK(data.string_at("e") == "serverShutdown");
      return status;
    case BinanceEvent::Acknowledged:
      RINGSIDE_CHECK(same_number(message.request_id, data.find("id")));
      return status;
    case BinanceEvent::Refused:
      RINGSIDE_CHECK(data.find("error") != nullptr || data.find("code") != nullptr);
      return status;
    default:
      break;
  }
  RINGSIDE_CHECK(message.symbol < symbols.size());
  RINGSIDE_CHECK(data.string_at("s") == symbols.name(message.symbol));
  const auto& units = symbols.units(message.symbol);
  if (message.event == BinanceEvent::Depth) {
    compare_depth(units, message, data, rule);
  } else if (message.event == BinanceEvent::BookTicker) {
    compare_ticker(units, message, data);
  } else {
    compare_trade(units, message, data);
  }
  return status;
}

inline DecodeStatus compare_snapshot(BinanceDecoder& decoder, const BinanceSymbols& symbols,
                                     SymbolIndex symbol, std::string_view padded) {
  BinanceMessage message;
  const auto status = decoder.decode_snapshot(padded, symbol, message);
  if (status != DecodeStatus::Ok) return status;
  Node root;
  if (!reference_accepts(padded, root)) return status;
  const auto& units = symbols.units(symbol);
  RINGSIDE_CHECK(same_number(message.ids.last, root.find("lastUpdateId")));
  RINGSIDE_CHECK(root.find("symbol") == nullptr ||
                 root.string_at("symbol") == symbols.name(symbol));
  compare_rows(units, message.bids, root.find("bids"));
  compare_rows(units, message.asks, root.find("asks"));
  return status;
}

}  // namespace ringside::fuzz
