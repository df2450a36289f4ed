// Decimal tokens: edge cases by name, random ones against the slow model.
#include "collector/decimal.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>

#include "tests/collector/decimal_model.hpp"

namespace ringside::collector {
namespace {

using model::need_slowly;
using model::parse_slowly;

constexpr Exponent hundredths{-2};

struct Parsed {
  DecimalStatus status;
  std::int64_t mantissa;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};
void PrintTo(const Parsed& parsed, std::ostream* out) {
  *out << static_cast<int>(parsed.status) << ' ' << parsed.mantissa;
}

constexpr std::int64_t untouched = 4711;

// Both parsers; they must agree.
Parsed parse(std::string_view token, Exponent exponent) {
  Parsed plain{DecimalStatus::Ok, untouched};
  plain.status = parse_decimal(token, exponent, plain.mantissa);
  // What lies behind a token must not matter.
  for (const char junk : {'\0', '7', '.', 'e'}) {
    std::string padded(token);
    padded.append(decimal_padding_bytes, junk);
    Parsed fast{DecimalStatus::Ok, untouched};
    fast.status = parse_padded_decimal(std::string_view(padded).substr(0, token.size()), exponent,
                                       fast.mantissa);
    EXPECT_EQ(fast, plain) << token;
  }
  return plain;
}

Parsed ok(std::int64_t mantissa) { return {DecimalStatus::Ok, mantissa}; }
Parsed refused(DecimalStatus status) { return {status, untouched}; }

TEST(Decimal, PlainTokensBecomeMantissasOfTheExponent) {
  EXPECT_EQ(parse("63381.0", Exponent{-1}), ok(633810));
  EXPECT_EQ(parse("0.00005100", Exponent{-8}), ok(5100));
  EXPECT_EQ(parse("0.00000000", Exponent{-8}), ok(0));
  EXPECT_EQ(parse("7", hundredths), ok(700));
  EXPECT_EQ(parse("-12.5", hundredths), ok(-1250));
  EXPECT_EQ(parse("-0", hundredths), ok(0));
  EXPECT_EQ(parse("1200", Exponent{2}), ok(12));
}

TEST(Decimal, ENotationIsExact) {
  EXPECT_EQ(parse("1e-8", Exponent{-8}), ok(1));
  EXPECT_EQ(parse("3.5E-7", Exponent{-8}), ok(35));
  EXPECT_EQ(parse("1.25e+2", hundredths), ok(12500));
  EXPECT_EQ(parse("0e999999999999", hundredths), ok(0));
  EXPECT_EQ(parse("1e999999999999", hundredths), refused(DecimalStatus::Overflow));
  EXPECT_EQ(parse("1e-999999999999", hundredths), refused(DecimalStatus::TooFine));
}

TEST(Decimal, DigitsBelowTheExponentMustBeZero) {
  EXPECT_EQ(parse("1.500", hundredths), ok(150));
  EXPECT_EQ(parse("1.501", hundredths), refused(DecimalStatus::TooFine));
  EXPECT_EQ(parse("0.001", hundredths), refused(DecimalStatus::TooFine));
  EXPECT_EQ(parse("1210", Exponent{2}), refused(DecimalStatus::TooFine));
}

TEST(Decimal, TheLimitItselfIsRefused) {
  EXPECT_EQ(parse("4611686018427387903", Exponent{0}), ok(mantissa_limit - 1));
  EXPECT_EQ(parse("-4611686018427387903", Exponent{0}), ok(1 - mantissa_limit));
  EXPECT_EQ(parse("4611686018427387904", Exponent{0}), refused(DecimalStatus::Overflow));
  EXPECT_EQ(parse("46116860184273879.04", hundredths), refused(DecimalStatus::Overflow));
  EXPECT_EQ(parse("46116860184273879.03", hundredths), ok(mantissa_limit - 1));
  EXPECT_EQ(parse("99999999999", Exponent{-8}), refused(DecimalStatus::Overflow));
  EXPECT_EQ(parse("99999999999999999999999", Exponent{0}), refused(DecimalStatus::Overflow));
  EXPECT_EQ(parse("9999999999999999999999.5", Exponent{0}), refused(DecimalStatus::Overflow));
}

TEST(Decimal, WhatIsNoJsonNumberIsMalformed) {
  for (const std::string_view token :
       {"",     "-",    "+1",    ".5", "5.",  "1.e2",  "01",  "-01", "00",   "1e",    "1e+",
        "1..2", "1.2.", "0x10",  "1 ", " 1",  "1,0",   "NaN", "Inf", "null", "\"1\"", "1_0",
        "--1",  "1-",   "1e2.5", "e5", "1/0", "1.2.3", "1:0", ".",   "-.5"}) {
    EXPECT_EQ(parse(token, hundredths), refused(DecimalStatus::Malformed)) << token;
  }
  EXPECT_EQ(parse(std::string(decimal_bytes_max, '1'), hundredths),
            refused(DecimalStatus::Overflow));
  EXPECT_EQ(parse("0." + std::string(decimal_bytes_max - 2, '0'), hundredths), ok(0));
  EXPECT_EQ(parse("0." + std::string(decimal_bytes_max - 1, '0'), hundredths),
            refused(DecimalStatus::Malformed));
}

TEST(Decimal, TheWrittenExponentCountsTrailingZeros) {
  const auto written = [](std::string_view token) {
    Exponent exponent{99};
    EXPECT_EQ(written_exponent(token, exponent), DecimalStatus::Ok) << token;
    return static_cast<int>(exponent.power_of_ten);
  };
  EXPECT_EQ(written("0.500"), -3);
  EXPECT_EQ(written("7"), 0);
  EXPECT_EQ(written("1e2"), 2);
  EXPECT_EQ(written("1.5e-3"), -4);
  Exponent exponent;
  EXPECT_EQ(written_exponent("x", exponent), DecimalStatus::Malformed);
}

TEST(Decimal, TheNeededExponentDoesNotCountThem) {
  const auto needed = [](std::string_view token) {
    Exponent exponent{99};
    EXPECT_EQ(needed_exponent(token, exponent), DecimalStatus::Ok) << token;
    return static_cast<int>(exponent.power_of_ten);
  };
  EXPECT_EQ(needed("0.500"), -1);
  EXPECT_EQ(needed("100"), 0);
  EXPECT_EQ(needed("0.0000"), 0);
  EXPECT_EQ(needed("100e-2"), 0);
  EXPECT_EQ(needed("15e-1"), -1);
  EXPECT_EQ(needed("1e-18"), -18);
  Exponent exponent;
  EXPECT_EQ(needed_exponent("1e-19", exponent), DecimalStatus::TooFine);
}

TEST(Decimal, TextHasNoExponentAndNoTrailingZeros) {
  EXPECT_EQ(decimal_text(51000, Exponent{-9}), "0.000051");
  EXPECT_EQ(decimal_text(633810, Exponent{-1}), "63381");
  EXPECT_EQ(decimal_text(-1250, Exponent{-2}), "-12.5");
  EXPECT_EQ(decimal_text(0, Exponent{-8}), "0");
  EXPECT_EQ(decimal_text(12, Exponent{2}), "1200");
  EXPECT_EQ(decimal_text(mantissa_limit - 1, Exponent{-18}), "4.611686018427387903");
}

class RandomTokens {
 public:
  explicit RandomTokens(std::uint64_t seed) : random_(seed) {}

  std::string next() {
    std::string token;
    if (pick(8) == 0) token += '-';
    append_digits(token, 1 + pick(pick(4) == 0 ? 22 : 9), pick(12) != 0);
    if (pick(4) != 0) {
      token += '.';
      append_digits(token, pick(10) + (pick(20) == 0 ? 0U : 1U), false);
    }
    if (pick(6) == 0) {
      token += pick(2) == 0 ? 'e' : 'E';
      if (pick(2) == 0) token += pick(2) == 0 ? '+' : '-';
      append_digits(token, 1 + pick(2), false);
    }
    if (pick(16) == 0) token[pick(token.size())] = "0123456789.eE+- x"[pick(17)];
    return token;
  }
  Exponent exponent() {
    return Exponent{static_cast<std::int8_t>(static_cast<int>(pick(37)) - 18)};
  }

 private:
  std::size_t pick(std::size_t count) { return random_() % count; }
  void append_digits(std::string& token, std::size_t count, bool no_leading_zero) {
    for (std::size_t i = 0; i < count; ++i) {
      const bool zero = pick(3) == 0 && !(i == 0 && no_leading_zero);
      token += zero ? '0' : static_cast<char>('1' + pick(9));
    }
  }
  std::mt19937_64 random_;
};

TEST(Decimal, BothParsersAgreeWithTheSlowModelOnRandomTokens) {
  RandomTokens tokens(20261121);
  std::array<int, 4> seen{};
  for (int i = 0; i < 60'000; ++i) {
    const auto token = tokens.next();
    const auto exponent = tokens.exponent();
    Parsed expected{DecimalStatus::Ok, untouched};
    expected.status = parse_slowly(token, exponent, expected.mantissa);
    ASSERT_EQ(parse(token, exponent), expected)
        << token << " in units of 1e" << int{exponent.power_of_ten};
    ++seen[static_cast<std::size_t>(expected.status)];
  }
  for (const int count : seen) EXPECT_GT(count, 1000) << "a branch was hardly visited";
}

TEST(Decimal, TheNeededExponentAgreesWithTheSlowModelAndHoldsTheValue) {
  RandomTokens tokens(42);
  for (int i = 0; i < 30'000; ++i) {
    const auto token = tokens.next();
    Exponent fast{99};
    Exponent slow{99};
    ASSERT_EQ(needed_exponent(token, fast), need_slowly(token, slow)) << token;
    ASSERT_EQ(fast, slow) << token;
    std::int64_t mantissa = 0;
    if (fast.power_of_ten == 99) continue;
    EXPECT_NE(parse_decimal(token, fast, mantissa), DecimalStatus::TooFine) << token;
    const Exponent coarser{static_cast<std::int8_t>(fast.power_of_ten + 1)};
    if (fast.power_of_ten < 0) {
      EXPECT_NE(parse_decimal(token, coarser, mantissa), DecimalStatus::Ok) << token;
    }
  }
}

TEST(Decimal, TextReadBackIsTheSameMantissa) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto mantissa =
        static_cast<std::int64_t>(random() >> (2 + random() % 62)) * (random() % 2 == 0 ? 1 : -1);
    const Exponent exponent{static_cast<std::int8_t>(-static_cast<int>(random() % 19))};
    ASSERT_EQ(parse(decimal_text(mantissa, exponent), exponent), ok(mantissa));
  }
}

}  // namespace
}  // namespace ringside::collector
