// The venues' proofs of a book, computed from ours. A match proves the content of the best levels,
// not only that no message was lost.
//
// Threads: any, on a book nobody changes meanwhile. Bounded by: 10 levels a side. Cannot fail.
#pragma once

#include <cstdint>

#include "orderbook/book.hpp"

namespace ringside::orderbook {

inline constexpr std::uint32_t kraken_checksum_levels = 10;  // a side

// CRC-32 (IEEE 802.3, as zlib's) over the text of the best 10 asks from the lowest, then of the
// best 10 bids from the highest; a level's text is its price, then its quantity, each as the
// decimal number at the wire's precision without dot and leading zeros: the digits of the mantissa.
// Fewer levels give less text. Source: Kraken's guides to the book checksum of WebSocket v1 and v2,
// alike.
std::uint32_t kraken_checksum(const Book& book) noexcept;

// Writes the decimal digits of `value` (1 to 20), no terminator; returns the end.
char* print_digits(char* to, std::uint64_t value) noexcept;
inline constexpr unsigned digits_max = 20;

}  // namespace ringside::orderbook
