// RFC 3339 timestamps in UTC, as venues write them, to exact nanoseconds.
#pragma once

#include <cstdint>
#include <string_view>

#include "ringside/time.hpp"

namespace ringside::collector {

// "2026-08-02T03:35:51.660084Z": years 1970 to 2261, 0 to 9 decimals, Z only. A leap second
// is the second after it. False: anything else.
[[nodiscard]] constexpr bool parse_rfc3339(std::string_view text, UtcNs& utc) noexcept {
  const auto number = [&text](std::size_t at, std::size_t digits, std::int64_t& value) {
    value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (text[i] < '0' || text[i] > '9') return false;
      value = value * 10 + (text[i] - '0');
    }
    return true;
  };
  if (text.size() < 20 || text.size() > 30 || text.back() != 'Z') return false;
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
    return false;
  std::int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!number(0, 4, year) || !number(5, 2, month) || !number(8, 2, day) || !number(11, 2, hour) ||
      !number(14, 2, minute) || !number(17, 2, second)) {
    return false;
  }
  if (year < 1970 || year > 2261 || month < 1 || month > 12 || hour > 23 || minute > 59 ||
      second > 60) {
    return false;
  }
  constexpr std::int64_t days_of_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (day < 1 || day > days_of_month[month - 1] + (leap && month == 2 ? 1 : 0)) return false;
  std::int64_t fraction = 0;
  if (text.size() > 20) {
    const std::size_t decimals = text.size() - 21;
    if (text[19] != '.' || decimals == 0 || !number(20, decimals, fraction)) return false;
    for (std::size_t i = decimals; i < 9; ++i) fraction *= 10;
  }
  // Days since 1970-01-01 of a Gregorian date, counted in years that begin in March.
  const std::int64_t march_year = month > 2 ? year : year - 1;
  const std::int64_t era = march_year / 400;
  const std::int64_t year_of_era = march_year - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  const std::int64_t days = era * 146097 + day_of_era - 719468;
  utc.value = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1'000'000'000 + fraction;
  return true;
}

}  // namespace ringside::collector
