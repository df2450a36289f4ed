#include "tools/exchange/decimal.hpp"

#include <array>
#include <charconv>
#include <chrono>

namespace ringside::exchange {
namespace {

constexpr std::int64_t ns_per_us = 1'000;
constexpr std::int64_t us_per_second = 1'000'000;

void append_padded(std::string& out, std::uint64_t value, unsigned width) {
  std::array<char, 20> digits;
  for (unsigned i = width; i-- > 0; value /= 10) {
    digits[i] = static_cast<char>('0' + value % 10);
  }
  out.append(digits.data(), width);
}

bool read_number(std::string_view text, std::size_t from, std::size_t count, int& value) {
  if (from + count > text.size()) return false;
  const char* end = text.data() + from + count;
  const auto [stop, error] = std::from_chars(text.data() + from, end, value);
  return error == std::errc{} && stop == end && text[from] != '-';
}

}  // namespace

std::int64_t power_of_ten(unsigned exponent) {
  std::int64_t value = 1;
  while (exponent-- > 0) value *= 10;
  return value;
}

void append_integer(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  char* at = digits.data() + digits.size();
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.append(at, digits.data() + digits.size());
}

void append_decimal(std::string& out, std::int64_t mantissa, unsigned decimals) {
  std::array<char, 24> text;
  char* const end = text.data() + text.size();
  char* at = end;
  auto value = static_cast<std::uint64_t>(mantissa);
  for (unsigned i = 0; i < decimals; ++i, value /= 10) {
    *--at = static_cast<char>('0' + value % 10);
  }
  if (decimals > 0) *--at = '.';
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.append(at, end);
}

bool parse_decimal(std::string_view text, unsigned decimals, std::int64_t& mantissa) noexcept {
  std::uint64_t value = 0;
  unsigned places = 0;
  bool dot = false;
  bool digit = false;
  for (const char c : text) {
    if (c == '.' && !dot) {
      dot = true;
      continue;
    }
    if (c < '0' || c > '9') return false;
    digit = true;
    if (dot && places == decimals) {
      if (c != '0') return false;
      continue;
    }
    places += dot ? 1 : 0;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value >= static_cast<std::uint64_t>(mantissa_limit)) return false;
  }
  for (; places < decimals; ++places) {
    value *= 10;
    if (value >= static_cast<std::uint64_t>(mantissa_limit)) return false;
  }
  mantissa = static_cast<std::int64_t>(value);
  return digit;
}

unsigned decimals_of(std::string_view text) noexcept {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return 0;
  const auto places = text.substr(dot + 1);
  const bool plain = text.find_first_not_of("0123456789.") == std::string_view::npos &&
                     places.find('.') == std::string_view::npos;
  return plain && places.size() <= decimals_max ? static_cast<unsigned>(places.size()) : 0;
}

void append_rfc3339_us(std::string& out, UtcNs time) {
  const std::int64_t us = time.value / ns_per_us;
  const std::int64_t seconds = us / us_per_second;
  const std::chrono::sys_days day{std::chrono::days{seconds / 86'400}};
  const std::chrono::year_month_day date{day};
  const auto of_day = static_cast<std::uint64_t>(seconds % 86'400);
  append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, of_day / 3'600, 2);
  out += ':';
  append_padded(out, of_day / 60 % 60, 2);
  out += ':';
  append_padded(out, of_day % 60, 2);
  out += '.';
  append_padded(out, static_cast<std::uint64_t>(us % us_per_second), 6);
  out += 'Z';
}

void append_seconds_us(std::string& out, UtcNs time) {
  append_decimal(out, time.value / ns_per_us, 6);
}

UtcNs parse_rfc3339(std::string_view text) noexcept {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!read_number(text, 0, 4, year) || !read_number(text, 5, 2, month) ||
      !read_number(text, 8, 2, day) || !read_number(text, 11, 2, hour) ||
      !read_number(text, 14, 2, minute) || !read_number(text, 17, 2, second)) {
    return {};
  }
  std::int64_t fraction_ns = 0;
  std::int64_t unit = 100'000'000;
  for (std::size_t i = 20; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, unit /= 10) {
    fraction_ns += (text[i] - '0') * unit;
  }
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  // What 64 bits of nanoseconds since 1970 hold.
  if (!date.ok() || year < 1970 || year > 2261) return {};
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + hour * 3'600 + minute * 60 + second;
  return {seconds * 1'000'000'000 + fraction_ns};
}

}  // namespace ringside::exchange
