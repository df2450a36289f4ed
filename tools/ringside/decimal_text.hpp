// Exact decimals as text, in one canonical spelling: no exponent, no trailing zeros behind the
// point, no point without a digit behind it. Sums of products of two mantissas stay exact, too:
// 128 bits inside.
//
// Threads: any. Bounded by: powers of ten in [-40, 40]. Fails by: ExactSum::overflowed().
#pragma once

#include <cstdint>
#include <string>

#include "ringside/price.hpp"

namespace ringside::tools {

__extension__ using Wide = __int128;

// Appends mantissa x 10^power_of_ten.
void append_decimal(std::string& to, Wide mantissa, int power_of_ten);
std::string decimal_text(Wide mantissa, int power_of_ten);

inline std::string text_of(Price price, Exponent exponent) {
  return decimal_text(price.mantissa, exponent.power_of_ten);
}
inline std::string text_of(Quantity quantity, Exponent exponent) {
  return decimal_text(quantity.mantissa, exponent.power_of_ten);
}

// A sum of decimals whose exponents may differ.
class ExactSum {
 public:
  void add(Wide mantissa, int power_of_ten) noexcept;
  // What did not fit in 128 bits is lost: text() is then of no use.
  [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
  [[nodiscard]] std::string text() const { return decimal_text(mantissa_, power_of_ten_); }

 private:
  Wide mantissa_ = 0;
  int power_of_ten_ = 0;  // the finest added so far
  bool overflowed_ = false;
};

}  // namespace ringside::tools
