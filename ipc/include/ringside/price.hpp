// Prices and quantities as exact decimal integers.
//
// A value is mantissa x 10^exponent; the exponent is the instrument's, fixed for one epoch of its
// book (catalogue entry offline, book table entry live). Unlike a double, two mantissas of one
// instrument and epoch compare, add and print exactly.
//
// Invariant: -mantissa_limit < mantissa < mantissa_limit. The two top bits of such a mantissa are
// equal; the rings rely on that to tell a mantissa from a publication stamp (ipc/PROTOCOL.md).
#pragma once

#include <compare>
#include <cstdint>

namespace ringside {

inline constexpr std::int64_t mantissa_limit = std::int64_t{1} << 62;

struct Price {
  std::int64_t mantissa = 0;
  friend constexpr auto operator<=>(const Price&, const Price&) = default;
};

struct Quantity {
  std::int64_t mantissa = 0;
  friend constexpr auto operator<=>(const Quantity&, const Quantity&) = default;
};

// Power of ten of one unit of the mantissa: -2 means hundredths. Range [-18, 18].
struct Exponent {
  std::int8_t power_of_ten = 0;
  friend constexpr auto operator<=>(const Exponent&, const Exponent&) = default;
};

// One price level. As it lies in a continuation slot: 16 bytes, price first.
struct Level {
  Price price;
  Quantity quantity;  // 0 in a delta: the level is gone
  friend constexpr bool operator==(const Level&, const Level&) = default;
};
static_assert(sizeof(Level) == 16);

}  // namespace ringside
