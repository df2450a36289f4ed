#include "collector/decimal.hpp"

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>

namespace ringside::collector {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The parts of a JSON number: sign, digits with the point taken out, decimals behind the point, and
// the power of ten of the e-notation.
struct Parts {
  bool negative = false;
  std::string_view integer;
  std::string_view fraction;
  int power = 0;
};

// Advances over digits; empty when there are none.
std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  const auto digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// e+12 behind a number; powers beyond any use saturate.
bool take_power(std::string_view& text, int& power) {
  text.remove_prefix(1);
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const auto digits = take_digits(text);
  if (digits.empty()) return false;
  for (const char c : digits) power = std::min(power * 10 + (c - '0'), 1000);
  if (negative) power = -power;
  return true;
}

bool split(std::string_view text, Parts& parts) {
  if (text.empty() || text.size() > decimal_bytes_max) return false;
  if (text.front() == '-') {
    parts.negative = true;
    text.remove_prefix(1);
  }
  parts.integer = take_digits(text);
  if (parts.integer.empty() || (parts.integer.size() > 1 && parts.integer.front() == '0'))
    return false;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    parts.fraction = take_digits(text);
    if (parts.fraction.empty()) return false;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    if (!take_power(text, parts.power)) return false;
  }
  return text.empty();
}

bool append_digit(std::uint64_t& value, char c) {
  // Before, not after: ten times a value below the limit can wrap around and look small.
  if (value > static_cast<std::uint64_t>(mantissa_limit) / 10) return false;
  value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value < static_cast<std::uint64_t>(mantissa_limit);
}

#ifdef __SSE4_1__
constexpr auto powers_of_ten = [] {
  std::array<std::uint64_t, 19> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// Digits and at most one point, 1 to 16 bytes: the digits as one integer, and how many of them
// stood behind the point. False: anything else, and anything that the grammar might refuse.
//
//   bytes    6 3 3 8 1 . 0 5 | what lies behind the token
//   shuffled 0 0 0 0 0 0 0 0 0 6 3 3 8 1 0 5      right-aligned, the point closed up
bool read_digits(std::string_view token, std::uint64_t& value, int& fraction_digits) {
  const auto size = static_cast<unsigned>(token.size());
  if (size == 0 || size > decimal_padding_bytes) return false;
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(token.data()));
  const __m128i digits = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const unsigned all = (1U << size) - 1;
  const auto points =
      all & static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.'))));
  const auto digit_bytes = all & static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(
                                     _mm_min_epu8(digits, _mm_set1_epi8(9)), digits)));
  if ((points | digit_bytes) != all) return false;
  if ((points & (points - 1)) != 0) return false;                       // more than one
  if ((points & (1U | 1U << (size - 1))) != 0) return false;            // at either end
  if (token[0] == '0' && size > 1 && (points & 2U) == 0) return false;  // leading zero

  const int point = points == 0 ? -1 : std::countr_zero(points);
  fraction_digits = points == 0 ? 0 : static_cast<int>(size) - 1 - point;
  const __m128i iota = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m128i source = _mm_add_epi8(iota, _mm_set1_epi8(static_cast<char>(size - 16)));
  const __m128i behind = _mm_cmpgt_epi8(source, _mm_set1_epi8(static_cast<char>(point)));
  // What is not behind the point moves one to the right; an index below 0 gives a zero.
  const __m128i index = _mm_add_epi8(source, _mm_andnot_si128(behind, _mm_set1_epi8(-1)));
  const __m128i aligned = _mm_shuffle_epi8(digits, index);
  const __m128i twos = _mm_maddubs_epi16(
      aligned, _mm_setr_epi8(10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1));
  const __m128i fours = _mm_madd_epi16(twos, _mm_setr_epi16(100, 1, 100, 1, 100, 1, 100, 1));
  const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours),
                                        _mm_setr_epi16(10000, 1, 10000, 1, 10000, 1, 10000, 1));
  value = std::uint64_t{static_cast<std::uint32_t>(_mm_cvtsi128_si32(eights))} * 100'000'000 +
          static_cast<std::uint32_t>(_mm_extract_epi32(eights, 1));
  return true;
}
#endif

}  // namespace

DecimalStatus parse_decimal(std::string_view token, Exponent exponent,
                            std::int64_t& mantissa) noexcept {
  Parts parts;
  if (!split(token, parts)) return DecimalStatus::Malformed;
  // The value is integer.fraction x 10^power; in units of 10^exponent the point moves right by:
  const int shift = parts.power - exponent.power_of_ten;
  const auto digit_count = static_cast<int>(parts.integer.size() + parts.fraction.size());
  const int kept = static_cast<int>(parts.integer.size()) + shift;  // digits before the moved point
  std::uint64_t value = 0;
  for (int i = 0; i < digit_count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const char c =
        at < parts.integer.size() ? parts.integer[at] : parts.fraction[at - parts.integer.size()];
    if (i >= kept) {
      if (c != '0') return DecimalStatus::TooFine;
    } else if (!append_digit(value, c)) {
      return DecimalStatus::Overflow;
    }
  }
  for (int i = digit_count; i < kept && value != 0; ++i) {
    if (!append_digit(value, '0')) return DecimalStatus::Overflow;
  }
  mantissa = parts.negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  return DecimalStatus::Ok;
}

DecimalStatus parse_padded_decimal(std::string_view token, Exponent exponent,
                                   std::int64_t& mantissa) noexcept {
#ifdef __SSE4_1__
  std::uint64_t value = 0;
  int fraction_digits = 0;
  if (read_digits(token, value, fraction_digits)) [[likely]] {
    const int shift = -exponent.power_of_ten - fraction_digits;
    if (shift >= 0 && shift < static_cast<int>(powers_of_ten.size())) [[likely]] {
      std::uint64_t scaled = 0;
      const bool wrapped =
          __builtin_mul_overflow(value, powers_of_ten[static_cast<std::size_t>(shift)], &scaled);
      if (wrapped || scaled >= static_cast<std::uint64_t>(mantissa_limit)) {
        return DecimalStatus::Overflow;
      }
      mantissa = static_cast<std::int64_t>(scaled);
      return DecimalStatus::Ok;
    }
  }
#endif
  return parse_decimal(token, exponent, mantissa);
}

DecimalStatus needed_exponent(std::string_view token, Exponent& exponent) noexcept {
  Parts parts;
  if (!split(token, parts)) return DecimalStatus::Malformed;
  int power = parts.power - static_cast<int>(parts.fraction.size());
  const auto zeros_behind = [](std::string_view digits) {
    const auto last = digits.find_last_not_of('0');
    return static_cast<int>(last == std::string_view::npos ? digits.size()
                                                           : digits.size() - 1 - last);
  };
  const int fraction_zeros = zeros_behind(parts.fraction);
  power += fraction_zeros;
  if (fraction_zeros == static_cast<int>(parts.fraction.size())) {
    const int integer_zeros = zeros_behind(parts.integer);
    const bool zero = integer_zeros == static_cast<int>(parts.integer.size());
    power = zero ? 0 : power + integer_zeros;
  }
  power = std::min(power, 0);
  if (power < exponent_finest.power_of_ten) return DecimalStatus::TooFine;
  exponent = Exponent{static_cast<std::int8_t>(power)};
  return DecimalStatus::Ok;
}

DecimalStatus written_exponent(std::string_view token, Exponent& exponent) noexcept {
  Parts parts;
  if (!split(token, parts)) return DecimalStatus::Malformed;
  const int power = parts.power - static_cast<int>(parts.fraction.size());
  if (power < -100 || power > 100) return DecimalStatus::Malformed;
  exponent = Exponent{static_cast<std::int8_t>(power)};
  return DecimalStatus::Ok;
}

std::string decimal_text(std::int64_t mantissa, Exponent exponent) {
  if (mantissa == 0) return "0";
  const std::string digits = std::to_string(mantissa < 0 ? -mantissa : mantissa);
  std::string text = mantissa < 0 ? "-" : "";
  const int written = -exponent.power_of_ten;
  if (written <= 0) {
    return text.append(digits).append(static_cast<std::size_t>(-written), '0');
  }
  const auto decimals = static_cast<std::size_t>(written);
  const std::size_t whole = digits.size() > decimals ? digits.size() - decimals : 0;
  text.append(whole == 0 ? std::string_view("0") : std::string_view(digits).substr(0, whole));
  const auto last = digits.find_last_not_of('0');  // there is one: it is not 0
  if (last < whole) return text;
  text.push_back('.');
  text.append(decimals - (digits.size() - whole), '0');
  return text.append(digits, whole, last + 1 - whole);
}

}  // namespace ringside::collector
