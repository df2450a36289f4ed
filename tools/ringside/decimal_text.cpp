#include "tools/ringside/decimal_text.hpp"

#include <algorithm>
#include <array>

namespace ringside::tools {
namespace {

__extension__ using WideUnsigned = unsigned __int128;

// mantissa x 10^steps; false: it does not fit.
bool scale_up(Wide& mantissa, int steps) {
  for (; steps > 0 && mantissa != 0; --steps) {
    if (__builtin_mul_overflow(mantissa, Wide{10}, &mantissa)) return false;
  }
  return true;
}

}  // namespace

void append_decimal(std::string& to, Wide mantissa, int power_of_ten) {
  if (mantissa == 0) {
    to += '0';
    return;
  }
  if (mantissa < 0) to += '-';
  auto rest = static_cast<WideUnsigned>(mantissa);
  if (mantissa < 0) rest = WideUnsigned{0} - rest;
  while (power_of_ten < 0 && rest % 10 == 0) {
    rest /= 10;
    ++power_of_ten;
  }
  std::array<char, 40> digits{};  // 2^128 has 39; lowest first
  std::size_t count = 0;
  for (; rest != 0; rest /= 10)
    digits[count++] = static_cast<char>('0' + static_cast<int>(rest % 10));
  const auto behind_point = static_cast<std::size_t>(std::max(0, -power_of_ten));
  if (count <= behind_point) {
    to += "0.";
    to.append(behind_point - count, '0');
  }
  for (std::size_t i = count; i-- > 0;) {
    to += digits[i];
    if (i == behind_point && i != 0) to += '.';
  }
  to.append(static_cast<std::size_t>(std::max(0, power_of_ten)), '0');
}

std::string decimal_text(Wide mantissa, int power_of_ten) {
  std::string text;
  append_decimal(text, mantissa, power_of_ten);
  return text;
}

void ExactSum::add(Wide mantissa, int power_of_ten) noexcept {
  if (power_of_ten < power_of_ten_) {
    overflowed_ |= !scale_up(mantissa_, power_of_ten_ - power_of_ten);
    power_of_ten_ = power_of_ten;
  } else {
    overflowed_ |= !scale_up(mantissa, power_of_ten - power_of_ten_);
  }
  overflowed_ |= __builtin_add_overflow(mantissa_, mantissa, &mantissa_);
}

}  // namespace ringside::tools
