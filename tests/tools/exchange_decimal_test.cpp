// Numbers and times of the simulated venues: what is written reads back, what is damaged is
// refused.
#include <gtest/gtest.h>

#include <string>

#include "tests/tools/exchange_rig.hpp"
#include "tools/exchange/decimal.hpp"

namespace ringside::exchange {
namespace {

std::string text_of(std::int64_t mantissa, unsigned decimals) {
  std::string text;
  append_decimal(text, mantissa, decimals);
  return text;
}

TEST(Decimal, WhatIsWrittenReadsBack) {
  EXPECT_EQ(text_of(6339410000, 8), "63.39410000");
  EXPECT_EQ(text_of(5, 3), "0.005");
  EXPECT_EQ(text_of(0, 2), "0.00");
  EXPECT_EQ(text_of(42, 0), "42");
  for (const unsigned decimals : {0U, 1U, 8U, decimals_max}) {
    for (const std::int64_t mantissa : {std::int64_t{0}, std::int64_t{1}, mantissa_limit - 1}) {
      std::int64_t read = -1;
      EXPECT_TRUE(parse_decimal(text_of(mantissa, decimals), decimals, read));
      EXPECT_EQ(read, mantissa);
    }
  }
}

TEST(Decimal, WhatIsNoPlainDecimalOrDoesNotFitIsRefused) {
  std::int64_t read = 0;
  for (const std::string text : {"", ".", "-1", "1e5", "1.2.3", " 1", "1.234", "x",
                                 "4611686018427387904", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_decimal(text, 2, read)) << text;
  }
  EXPECT_TRUE(parse_decimal("1.2300", 2, read)) << "zeros at the end need no place";
  EXPECT_EQ(read, 123);
}

TEST(Decimal, PlacesAreCountedInPlainDecimalsOnly) {
  EXPECT_EQ(decimals_of("1.500"), 3U);
  EXPECT_EQ(decimals_of("15"), 0U);
  EXPECT_EQ(decimals_of("1.`````"), 0U);
  EXPECT_EQ(decimals_of("1.2.3"), 0U);
  EXPECT_EQ(decimals_of("1." + std::string(decimals_max, '1')), decimals_max);
  EXPECT_EQ(decimals_of("1." + std::string(decimals_max + 1, '1')), 0U);
}

TEST(Decimal, TimesReadBackAndDamagedOnesAreNone) {
  std::string text;
  append_rfc3339_us(text, UtcNs{1'785'641'751'660'084'000});
  EXPECT_EQ(text, "2026-08-02T03:35:51.660084Z");
  EXPECT_EQ(parse_rfc3339(text).value, 1'785'641'751'660'084'000);
  for (const std::string damaged : {"", "2026-13-02T03:35:51Z", "2026-02-30T03:35:51Z",
                                    "1013-08-02T03:35:51Z", "9999-08-02T03:35:51Z", "2026-08-02"}) {
    EXPECT_EQ(parse_rfc3339(damaged).value, 0) << damaged;
  }
  text.clear();
  append_seconds_us(text, UtcNs{1'617'666'423'690'142'000});
  EXPECT_EQ(text, "1617666423.690142");
}

// Found by fuzzing: a capture whose price has more places than any number of ours.
TEST(Decimal, ACaptureWithAnImpossiblePriceOrTimeIsStillServed) {
  const ScratchFile file(
      "1\t1\topen\twss://stream.binance.com:9443/stream\n"
      "2\t1\trecv\t{\"u\":8,\"s\":\"AB\",\"b\":\"1.5\",\"B\":\"2.0\",\"a\":\"1." +
      std::string(80, '`') +
      "\",\"A\":\"3.0\"}\n"
      "3\t1\trecv\t{\"e\":\"trade\",\"E\":18446744073709551615,\"s\":\"AB\",\"p\":\"1.25\","
      "\"q\":\"1.0\"}\n");
  KeepingOutlet outlet;
  Exchange exchange({.replay = file.path, .speed = 0}, outlet, test_start);
  exchange.on_get(1, "/api/v3/exchangeInfo", test_start);
  ASSERT_EQ(outlet.answers.size(), 1U);
  EXPECT_NE(outlet.answers[0].body.find(R"("tickSize":"0.01")"), std::string::npos)
      << outlet.answers[0].body;
}

}  // namespace
}  // namespace ringside::exchange
