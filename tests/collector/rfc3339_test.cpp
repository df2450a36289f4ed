// Timestamps: exact to the nanosecond, and nothing but real ones.
#include "collector/rfc3339.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace ringside::collector {
namespace {

TEST(Rfc3339, FractionsOfAnyLengthAreExact) {
  UtcNs utc;
  EXPECT_TRUE(parse_rfc3339("2026-08-02T03:35:51.660084Z", utc));
  EXPECT_EQ(utc.value, 1785641751'660084000);
  EXPECT_TRUE(parse_rfc3339("2026-08-02T03:35:51Z", utc));
  EXPECT_EQ(utc.value, 1785641751'000000000);
  EXPECT_TRUE(parse_rfc3339("2026-08-02T03:35:51.000000001Z", utc));
  EXPECT_EQ(utc.value, 1785641751'000000001);
  EXPECT_TRUE(parse_rfc3339("1970-01-01T00:00:00.5Z", utc));
  EXPECT_EQ(utc.value, 500'000'000);
}

TEST(Rfc3339, WhatIsNoTimeIsRefused) {
  UtcNs utc;
  for (const auto* text : {"",
                           "Z",
                           "2026-08-02",
                           "2026-08-02T03:35:51",
                           "2026-08-02T03:35:51+00:00",
                           "2026-08-02 03:35:51Z",
                           "2026-13-02T03:35:51Z",
                           "2026-00-02T03:35:51Z",
                           "2026-08-32T03:35:51Z",
                           "2026-02-29T03:35:51Z",
                           "2026-08-02T24:00:00Z",
                           "2026-08-02T03:60:51Z",
                           "2026-08-02T03:35:61Z",
                           "2026-08-02T03:35:51.Z",
                           "2026-08-02T03:35:51.0123456789Z",
                           "2026-08-02T03:35:5.1Z",
                           "1969-12-31T23:59:59Z",
                           "2262-01-01T00:00:00Z",
                           "202n-08-02T03:35:51Z",
                           "2026-08-02T03:35:51.66008 Z"}) {
    EXPECT_FALSE(parse_rfc3339(text, utc)) << text;
  }
}

TEST(Rfc3339, EveryDayOfThreeCenturiesAgreesWithTheCalendar) {
  using namespace std::chrono;
  for (auto day = sys_days{year{1970} / 1 / 1}; day < sys_days{year{2262} / 1 / 1};
       day += days{1}) {
    const year_month_day date{day};
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT23:59:58Z", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    UtcNs utc;
    ASSERT_TRUE(parse_rfc3339(text, utc)) << text;
    ASSERT_EQ(utc.value / 1'000'000'000, day.time_since_epoch().count() * 86400LL + 86398) << text;
  }
}

}  // namespace
}  // namespace ringside::collector
