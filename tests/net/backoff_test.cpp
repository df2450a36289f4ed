#include "net/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace ringside::net {
namespace {

TEST(Backoff, EachWaitStaysBelowACeilingThatDoublesUpToItsCap) {
  const BackoffOptions options{.base_ns = 100, .cap_ns = 5000};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(options, seed);
    std::int64_t ceiling = options.base_ns;
    for (int attempt = 0; attempt < 200; ++attempt) {
      ASSERT_EQ(backoff.ceiling_ns(), ceiling);
      const std::int64_t wait = backoff.next_ns();
      ASSERT_GE(wait, 0);
      ASSERT_LE(wait, ceiling);
      ceiling = std::min(options.cap_ns, ceiling * 2);
    }
  }
}

TEST(Backoff, JitterIsFullSoThatClientsCutOffTogetherComeBackApart) {
  std::int64_t least = 1'000'000;
  std::int64_t most = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Backoff backoff({.base_ns = 1'000'000, .cap_ns = 1'000'000}, seed);
    const std::int64_t wait = backoff.next_ns();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_LT(least, 20'000);
  EXPECT_GT(most, 980'000);
}

TEST(Backoff, TheSameSeedGivesTheSameWaits) {
  Backoff a({}, 42);
  Backoff b({}, 42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next_ns(), b.next_ns());
}

TEST(Backoff, WhatTheServerAsksForIsKept) {
  Backoff backoff({.base_ns = 1, .cap_ns = 1}, 1);
  EXPECT_EQ(backoff.next_ns(60'000'000'000), 60'000'000'000);
}

TEST(Backoff, ResetStartsOverFromTheBase) {
  Backoff backoff({.base_ns = 10, .cap_ns = 1000}, 1);
  for (int i = 0; i < 20; ++i) (void)backoff.next_ns();
  EXPECT_EQ(backoff.ceiling_ns(), 1000);
  backoff.reset();
  EXPECT_EQ(backoff.ceiling_ns(), 10);
}

TEST(Backoff, LargeBoundsDoNotOverflow) {
  const std::int64_t huge = std::int64_t{1} << 62;
  Backoff backoff({.base_ns = huge, .cap_ns = huge}, 9);
  for (int i = 0; i < 200; ++i) {
    const std::int64_t wait = backoff.next_ns();
    ASSERT_GE(wait, 0);
    ASSERT_LE(wait, huge);
  }
}

TEST(Backoff, ASpreadLiesWithinItsBoundsAndComesNearBoth) {
  Backoff backoff({.base_ns = 1, .cap_ns = 1}, 7);
  std::int64_t least = 1'000'000;
  std::int64_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto spread_ns = backoff.spread_ns(1'000'000);
    least = std::min(least, spread_ns);
    most = std::max(most, spread_ns);
  }
  EXPECT_GE(least, 0);
  EXPECT_LT(least, 20'000);
  EXPECT_LE(most, 1'000'000);
  EXPECT_GT(most, 980'000);
  EXPECT_EQ(backoff.spread_ns(0), 0);
  EXPECT_EQ(backoff.attempt(), 0u);
}

}  // namespace
}  // namespace ringside::net
