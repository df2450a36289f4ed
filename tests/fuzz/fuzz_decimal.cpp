// Any bytes as a decimal token: the plain parser, the vector parser and the slow model must agree.
// First byte: the exponent; the rest: the token.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "collector/decimal.hpp"
#include "ipc/check.hpp"
#include "tests/collector/decimal_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  using namespace ringside::collector;
  if (size == 0) return 0;
  const Exponent exponent{static_cast<std::int8_t>(data[0] % 37 - 18)};
  const std::string_view token(reinterpret_cast<const char*>(data) + 1, size - 1);

  std::int64_t slow = 0;
  std::int64_t plain = 0;
  std::int64_t fast = 0;
  const auto expected = model::parse_slowly(token, exponent, slow);
  RINGSIDE_CHECK(parse_decimal(token, exponent, plain) == expected);
  RINGSIDE_CHECK(plain == slow);
  std::string padded(token);
  padded.append(decimal_padding_bytes, '5');
  const auto fast_token = std::string_view(padded).substr(0, token.size());
  RINGSIDE_CHECK(parse_padded_decimal(fast_token, exponent, fast) == expected);
  RINGSIDE_CHECK(fast == slow);

  Exponent needed{1};
  Exponent needed_slowly{1};
  RINGSIDE_CHECK(needed_exponent(token, needed) == model::need_slowly(token, needed_slowly));
  RINGSIDE_CHECK(needed == needed_slowly);
  Exponent written;
  RINGSIDE_CHECK((written_exponent(token, written) == DecimalStatus::Malformed) ||
                 expected != DecimalStatus::Malformed);
  if (expected == DecimalStatus::Ok) {
    std::int64_t again = 0;
    const auto text = decimal_text(plain, exponent);
    RINGSIDE_CHECK(parse_decimal(text, exponent, again) == DecimalStatus::Ok && again == plain);
  }
  return 0;
}
