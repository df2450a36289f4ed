// Decimal text of the simulated venues: fixed places, no exponent, no sign but on input errors.
// Written apart from the collector's decoder, so that one mistake cannot hide the other.
//
// Threads: any. Fails by: a false result; nothing throws but std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ringside/price.hpp"
#include "ringside/time.hpp"

namespace ringside::exchange {

// Places behind the dot, on the wire. At most decimals_max.
struct Decimals {
  unsigned price = 0;
  unsigned quantity = 0;
};
inline constexpr unsigned decimals_max = 18;

[[nodiscard]] std::int64_t power_of_ten(unsigned exponent);  // up to 18

void append_integer(std::string& out, std::uint64_t value);
// 6339410000, 8 -> "63.39410000". Values are never negative here.
void append_decimal(std::string& out, std::int64_t mantissa, unsigned decimals);
inline void append_decimal(std::string& out, Price price, Decimals decimals) {
  append_decimal(out, price.mantissa, decimals.price);
}
inline void append_decimal(std::string& out, Quantity quantity, Decimals decimals) {
  append_decimal(out, quantity.mantissa, decimals.quantity);
}

// The text as a mantissa at `decimals` places. False: not a plain decimal, more places than that
// (trailing zeros aside), or 2^62 or more.
[[nodiscard]] bool parse_decimal(std::string_view text, unsigned decimals,
                                 std::int64_t& mantissa) noexcept;
// Places written behind the dot; 0 for what is no plain decimal or has more than decimals_max.
[[nodiscard]] unsigned decimals_of(std::string_view text) noexcept;

// 2026-08-02T03:35:51.660084Z
void append_rfc3339_us(std::string& out, UtcNs time);
// 1617666423.690142
void append_seconds_us(std::string& out, UtcNs time);
// Of the first form; 0 when it is not one.
[[nodiscard]] UtcNs parse_rfc3339(std::string_view text) noexcept;

}  // namespace ringside::exchange
