// Decimal text to exact integer mantissas and back. Unlike from_chars to a double, no digit is ever
// lost: what does not fit is refused by name.
//
// Two parsers, one answer: parse_decimal is the plain one and the definition; parse_padded_decimal
// reads 16 bytes at once and asks the plain one about everything unusual.
//
// Threads: pure functions. Bounded by: decimal_bytes_max. Fails by: DecimalStatus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ringside/price.hpp"

namespace ringside::collector {

inline constexpr std::size_t decimal_bytes_max = 64;  // a longer token is Malformed

enum class DecimalStatus : std::uint8_t {
  Ok = 0,
  TooFine,    // fits, but for a nonzero digit below the exponent
  Overflow,   // |mantissa| would not be below mantissa_limit, with or without such digits
  Malformed,  // not a JSON number (RFC 8259, section 6)
};

// The number that `token` spells, in units of 10^exponent: digits, point, e-notation, minus sign,
// by the grammar of JSON numbers and nothing around them. `mantissa` changes only if Ok.
[[nodiscard]] DecimalStatus parse_decimal(std::string_view token, Exponent exponent,
                                          std::int64_t& mantissa) noexcept;

// The same, faster. At least decimal_padding_bytes are readable from token.data() on, whatever they
// hold: so it is for any token of a message, behind which a parser's padding lies.
inline constexpr std::size_t decimal_padding_bytes = 16;
[[nodiscard]] DecimalStatus parse_padded_decimal(std::string_view token, Exponent exponent,
                                                 std::int64_t& mantissa) noexcept;

// The largest exponent of at most 0 that holds the token's value: "0.500" needs -1, "100" and "0"
// need 0. Ok, Malformed, or TooFine: none down to exponent_finest does.
inline constexpr Exponent exponent_finest{-18};
[[nodiscard]] DecimalStatus needed_exponent(std::string_view token, Exponent& exponent) noexcept;

// The largest exponent that holds the token exactly as written, zeros and all: "0.500" needs -3,
// "1e2" needs 2, "7" needs 0. Ok or Malformed.
[[nodiscard]] DecimalStatus written_exponent(std::string_view token, Exponent& exponent) noexcept;

// Plain decimal text, without exponent and without trailing zeros: (51000, -8) is "0.00051".
[[nodiscard]] std::string decimal_text(std::int64_t mantissa, Exponent exponent);

}  // namespace ringside::collector
