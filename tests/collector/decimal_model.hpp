// What a decimal token means, worked out the slow and obvious way: the token cut
// into pieces, the arithmetic on strings of digits of any length.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "collector/decimal.hpp"

namespace ringside::collector::model {

// A number as the grammar splits it; digits holds integer and fraction without the point.
struct SlowDecimal {
  bool valid = false;
  bool negative = false;
  std::string digits;
  long power = 0;  // of ten, of the last digit
};

// Cut at the first of these characters, or whole; the second part begins behind it.
inline bool cut(std::string_view text, std::string_view at, std::string& before,
                std::string& behind) {
  const auto position = text.find_first_of(at);
  before = std::string(text.substr(0, position));
  if (position == std::string_view::npos) return false;
  behind = std::string(text.substr(position + 1));
  return true;
}

inline bool all_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
inline SlowDecimal split_slowly(std::string_view token) {
  SlowDecimal result;
  if (token.size() > decimal_bytes_max) return result;
  result.negative = token.starts_with('-');
  if (result.negative) token.remove_prefix(1);
  std::string number, power, integer, fraction;
  const bool has_power = cut(token, "eE", number, power);
  const bool has_fraction = cut(number, ".", integer, fraction);
  bool power_negative = false;
  if (has_power && !power.empty() && (power[0] == '+' || power[0] == '-')) {
    power_negative = power[0] == '-';
    power.erase(0, 1);
  }
  if (!all_digits(integer) || (integer.size() > 1 && integer[0] == '0')) return result;
  if ((has_fraction && !all_digits(fraction)) || (has_power && !all_digits(power))) return result;
  result.valid = true;
  result.digits = integer + fraction;
  power.erase(0, std::min(power.find_first_not_of('0'), power.size()));
  result.power = power.empty() ? 0 : power.size() > 6 ? 1'000'000 : std::stol(power);
  if (power_negative) result.power = -result.power;
  result.power -= static_cast<long>(fraction.size());
  return result;
}

// Whether a string of digits, at least one of them not 0, stands for less than `limit`.
inline bool is_below(std::string digits, const std::string& limit) {
  digits.erase(0, digits.find_first_not_of('0'));
  return digits.size() != limit.size() ? digits.size() < limit.size() : digits < limit;
}

inline DecimalStatus parse_slowly(std::string_view token, Exponent exponent,
                                  std::int64_t& mantissa) {
  const auto number = split_slowly(token);
  if (!number.valid) return DecimalStatus::Malformed;
  if (number.digits.find_first_not_of('0') == std::string::npos) {
    mantissa = 0;
    return DecimalStatus::Ok;
  }
  const long shift = number.power - exponent.power_of_ten;
  std::string kept = number.digits;
  std::string lost;
  if (shift >= 0) {
    kept.append(static_cast<std::size_t>(std::min(shift, 1000L)), '0');
  } else {
    const auto count = std::min(static_cast<std::size_t>(-shift), kept.size());
    lost = kept.substr(kept.size() - count);
    kept.resize(kept.size() - count);
  }
  if (kept.find_first_not_of('0') == std::string::npos) kept.assign(1, '0');
  if (kept != "0" && !is_below(kept, std::to_string(mantissa_limit))) {
    return DecimalStatus::Overflow;
  }
  if (lost.find_first_not_of('0') != std::string::npos) return DecimalStatus::TooFine;
  mantissa = std::stoll(kept);
  if (number.negative) mantissa = -mantissa;
  return DecimalStatus::Ok;
}

inline DecimalStatus need_slowly(std::string_view token, Exponent& exponent) {
  const auto number = split_slowly(token);
  if (!number.valid) return DecimalStatus::Malformed;
  std::string digits = number.digits;
  long power = number.power;
  while (!digits.empty() && digits.back() == '0') {
    digits.pop_back();
    ++power;
  }
  if (digits.empty() || power > 0) power = 0;
  if (power < exponent_finest.power_of_ten) return DecimalStatus::TooFine;
  exponent = Exponent{static_cast<std::int8_t>(power)};
  return DecimalStatus::Ok;
}

}  // namespace ringside::collector::model
