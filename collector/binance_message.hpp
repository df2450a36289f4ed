// What one Binance text says, as plain values.
#pragma once

#include <cstdint>
#include <span>

#include "collector/binance_continuity.hpp"
#include "collector/counters.hpp"
#include "collector/symbol_table.hpp"
#include "ringside/event.hpp"

namespace ringside::collector {

// Futures: depth messages carry pu, and every message its times.
enum class BinanceRule : std::uint8_t { Spot, Futures };

enum class DecodeStatus : std::uint8_t {
  Ok = 0,
  MalformedJson,
  InvalidUtf8,
  MissingField,
  MistypedField,
  RepeatedField,
  NumberOverflow,    // does not fit the mantissa
  NumberTooFine,     // has more digits than the instrument's exponent
  ContradictingIds,  // U > u, or pu >= U
  TooManyLevels,
  UnknownSymbol,
  SymbolMismatch,   // the stream's name and the data's symbol differ
  UnsoundSnapshot,  // not strictly best first, crossed, or a level of quantity 0
};

// The counter of each refusal. Not of Ok.
constexpr Count count_of(DecodeStatus status) noexcept {
  switch (status) {
    case DecodeStatus::Ok:
    case DecodeStatus::MalformedJson:
      return Count::MalformedJson;
    case DecodeStatus::InvalidUtf8:
      return Count::InvalidUtf8;
    case DecodeStatus::MissingField:
      return Count::MissingField;
    case DecodeStatus::MistypedField:
      return Count::MistypedField;
    case DecodeStatus::RepeatedField:
      return Count::RepeatedField;
    case DecodeStatus::NumberOverflow:
      return Count::NumberOverflow;
    case DecodeStatus::NumberTooFine:
      return Count::NumberTooFine;
    case DecodeStatus::ContradictingIds:
      return Count::ContradictingIds;
    case DecodeStatus::TooManyLevels:
      return Count::TooManyLevels;
    case DecodeStatus::UnknownSymbol:
      return Count::UnknownSymbol;
    case DecodeStatus::SymbolMismatch:
      return Count::SymbolMismatch;
    case DecodeStatus::UnsoundSnapshot:
      return Count::SnapshotsUnsound;
  }
  return Count::MalformedJson;
}

enum class BinanceEvent : std::uint8_t {
  Ignored = 0,  // a channel that is not used here
  Depth,
  Trade,
  AggTrade,
  BookTicker,
  Acknowledged,  // of a SUBSCRIBE: request_id
  Refused,       // error to a SUBSCRIBE: request_id, 0 when it names none
  Shutdown,      // the server will close: reconnect
};

// Spans live until the decoder's next call.
struct BinanceMessage {
  BinanceEvent event = BinanceEvent::Ignored;
  // Whose message it is; of a refused one whose it seems to be, or no_symbol.
  SymbolIndex symbol = no_symbol;
  bool has_exchange_time = false;
  UtcNs exchange;
  DepthIds ids;                 // Depth; BookTicker and snapshots: last
  std::span<const Level> bids;  // Depth and snapshots
  std::span<const Level> asks;
  Level bid;  // BookTicker
  Level ask;
  Price price;  // trades
  Quantity quantity;
  std::uint64_t trade_id = 0;
  bool buyer_is_maker = false;   // the aggressor sells
  std::uint64_t request_id = 0;  // Acknowledged, Refused
  // With NumberTooFine: what the text needed; 0: nothing sensible.
  Exponent finer_price;
  Exponent finer_quantity;
};

}  // namespace ringside::collector
