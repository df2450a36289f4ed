// Identity of an instrument: one number, stable for ever within a deployment.
#pragma once

#include <compare>
#include <cstdint>

namespace ringside {

// Collector's number in the configuration file (8 bits) x ordinal (24 bits). Ordinals are handed
// out once, append-only, and kept in the collector's state directory.
struct InstrumentId {
  std::uint32_t value = 0;

  static constexpr InstrumentId of(std::uint32_t collector, std::uint32_t ordinal) {
    return InstrumentId{(collector << 24) | (ordinal & 0x00ff'ffffu)};
  }
  constexpr std::uint32_t collector() const { return value >> 24; }
  constexpr std::uint32_t ordinal() const { return value & 0x00ff'ffffu; }
  friend constexpr auto operator<=>(const InstrumentId&, const InstrumentId&) = default;
};

// No instrument's: what a collector says of a symbol that it does not collect.
inline constexpr std::uint32_t ordinal_of_none = 0x00ff'ffffu;

// How a venue proves its book. Wire values: kept in the catalogue and in Instrument records.
enum class ChecksumRule : std::uint8_t {
  None = 0,
  Kraken = 1,  // CRC-32 of the best 10 asks, then 10 bids, printed as integers
};

}  // namespace ringside
