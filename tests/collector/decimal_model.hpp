// What a decimal token means, worked out the slow and obvious way: the grammar as a regular
// expression, the arithmetic on strings of digits of any length.
#pragma once

#include <cctype>
#include <regex>
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

inline SlowDecimal split_slowly(std::string_view token) {
  static const std::regex grammar("(-?)(0|[1-9][0-9]*)(?:\\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?");
  SlowDecimal result;
  const std::string text(token);
  std::smatch match;
  if (text.size() > decimal_bytes_max || !std::regex_match(text, match, grammar)) return result;
  result.valid = true;
  result.negative = match[1].length() != 0;
  result.digits = match[2].str() + match[3].str();
  std::string power = match[4].matched ? match[4].str() : "0";
  const bool power_negative = power[0] == '-';
  if (!std::isdigit(static_cast<unsigned char>(power[0]))) power.erase(0, 1);
  power.erase(0, std::min(power.find_first_not_of('0'), power.size()));
  result.power = power.empty() ? 0 : power.size() > 6 ? 1'000'000 : std::stol(power);
  if (power_negative) result.power = -result.power;
  result.power -= match[3].length();
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
  if (kept.find_first_not_of('0') == std::string::npos) kept = "0";
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
