// The fields of one Binance text as they stand, and the judgement over them. Apart from the walk
// through the JSON because the type of a field depends on the event, whose name may come last.
//
// Threads: none; plain values. Fails by: DecodeStatus.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "collector/binance_message.hpp"
#include "collector/binance_symbols.hpp"

namespace ringside::collector {

inline constexpr int wire_decimals_max = 8;  // of any price or quantity of the venue

enum class Field : std::uint8_t {
  Event,
  EventTime,
  TradeTime,
  Symbol,
  FirstId,
  LastId,
  PreviousId,
  Bids,  // of a ticker: the bid's price
  Asks,  // of a ticker: the ask's price; of an aggregated trade: its id
  BidQuantity,
  AskQuantity,
  Price,
  Quantity,
  TradeId,
  BuyerIsMaker,
  RequestId,
  Result,
  Error,
  Code,
  Unused_,
};
inline constexpr std::size_t field_count = static_cast<std::size_t>(Field::Unused_);

[[nodiscard]] Field field_of(std::string_view key) noexcept;
// A REST body has the same fields under longer names.
[[nodiscard]] Field snapshot_field_of(std::string_view key) noexcept;

enum class FieldType : std::uint8_t { Absent = 0, Text, Number, Truth, Null, Array, Object };

struct FieldValue {
  FieldType type = FieldType::Absent;
  bool truth = false;
  std::string_view text;  // of a text, between its quotes; of a number, the token
};

struct BinanceFields {
  std::array<FieldValue, field_count> values;
  bool wrapped = false;              // {"stream":...,"data":...}
  std::string_view stream;           // its name
  SymbolIndex promised = no_symbol;  // by the stream's name
  std::span<const Level> bids;
  std::span<const Level> asks;

  [[nodiscard]] const FieldValue& operator[](Field field) const noexcept {
    return values[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] FieldValue& operator[](Field field) noexcept {
    return values[static_cast<std::size_t>(field)];
  }
};

// A price and a quantity, neither negative, into the symbol's units. Both texts need
// decimal_padding_bytes behind their begin. NumberTooFine sets the message's finer_*.
[[nodiscard]] DecodeStatus read_level(std::string_view price, std::string_view quantity,
                                      const BinanceUnits& units, BinanceMessage& message,
                                      Level& level) noexcept;

// What a stream message's fields say. message.symbol: as far as the walk could tell.
[[nodiscard]] DecodeStatus judge(const BinanceFields& fields, const BinanceSymbols& symbols,
                                 BinanceRule rule, BinanceMessage& message) noexcept;
// The same of a snapshot's body; message.symbol is whose it should be.
[[nodiscard]] DecodeStatus judge_snapshot(const BinanceFields& fields,
                                          const BinanceSymbols& symbols, BinanceRule rule,
                                          BinanceMessage& message) noexcept;

}  // namespace ringside::collector
