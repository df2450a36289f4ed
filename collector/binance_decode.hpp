// Turns one Binance text (stream message or REST body) into plain values. Unlike a schema-first
// parser it takes the fields in any order, and unlike simdjson On-Demand used bare it looks at
// every byte: junk in a field nobody wants is refused, too, as a strict parser would.
//
// What is refused keeps the name of its reason, and the symbol as far as it could be told, so that
// the damage stays with that instrument.
//
// Threads: the adapter's. Bounded by: depth_levels_max levels a side, json_depth_max nesting of
// fields nobody wants. Texts need 64 readable bytes behind their end. Fails by: DecodeStatus;
// allocates only for a text longer than any before it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "collector/binance_message.hpp"
#include "collector/binance_symbols.hpp"

namespace ringside::collector {

inline constexpr std::size_t depth_levels_max = 32'768;
inline constexpr std::size_t decode_bytes_expected = std::size_t{256} << 10;

class BinanceDecoder {
 public:
  // `symbols` outlives this.
  BinanceDecoder(const BinanceSymbols& symbols, BinanceRule rule);
  ~BinanceDecoder();
  BinanceDecoder(const BinanceDecoder&) = delete;
  BinanceDecoder& operator=(const BinanceDecoder&) = delete;

  // One stream message, combined (`{"stream":...,"data":...}`) or bare.
  [[nodiscard]] DecodeStatus decode(std::string_view padded, BinanceMessage& message) noexcept;

  // Body of a depth request for this symbol: an event Depth whose ids.last is lastUpdateId.
  [[nodiscard]] DecodeStatus decode_snapshot(std::string_view padded, SymbolIndex symbol,
                                             BinanceMessage& message) noexcept;

 private:
  class Walk;  // keeps simdjson's types, which differ between processors, out of this header
  std::unique_ptr<Walk> walk_;
};

}  // namespace ringside::collector
