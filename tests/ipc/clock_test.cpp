#include "ipc/clock.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace ringside::ipc {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

TEST(ScaledRatio, MultipliesAsExactlyAsADoubleCan) {
  for (const double factor : {0.385, 1.0, 2.596, 41.666, 0.01}) {
    const auto ratio = ScaledRatio::of(factor);
    for (const std::uint64_t x : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 20,
                                  std::uint64_t{1} << 40, std::uint64_t{1} << 50}) {
      const double exact = factor * static_cast<double>(x);
      EXPECT_NEAR(static_cast<double>(ratio.times(x)), exact, 1.0 + exact * 1e-15) << factor;
    }
  }
}

TEST(ScaledRatio, SaturatesInsteadOfWrapping) {
  EXPECT_EQ((ScaledRatio{UINT64_MAX, 0}).times(UINT64_MAX), UINT64_MAX);
  EXPECT_EQ((ScaledRatio{2, 0}).times(UINT64_MAX), UINT64_MAX);
  EXPECT_EQ((ScaledRatio{UINT64_MAX, 63}).times(1), 1U);
}

TEST(TickRate, IsTheInverseOfItself) {
  const auto rate = TickRate::of(2.596, true);
  EXPECT_NEAR(static_cast<double>(rate.ns(rate.ticks(second))), 1e9, 2.0);
  EXPECT_EQ(rate.ns_between(Ticks{100}, Ticks{90}), 0U);
  EXPECT_EQ(TickRate::of(1.0, false).ns(12345), 12345U);
}

TEST(TickRate, OfTheHostFollowsTheKernelsClock) {
  const auto rate = TickRate::of_host();
  EXPECT_EQ(rate.invariant_tsc, ticks_are_tsc);
  // Each interval of ticks lies between two of the kernel's, wherever this thread loses its core.
  const auto outer = monotonic_ns();
  const auto before = now_ticks();
  const auto inner = monotonic_ns();
  while (monotonic_ns() - inner < 20'000'000) {
  }
  const auto inner_ns = monotonic_ns() - inner;
  const auto elapsed_ns = rate.ns_between(before, now_ticks());
  const auto outer_ns = monotonic_ns() - outer;
  EXPECT_GE(elapsed_ns, inner_ns - inner_ns / 100);
  EXPECT_LE(elapsed_ns, outer_ns + outer_ns / 100);
}

ClockSample sample(std::uint64_t ticks, std::int64_t utc, std::uint64_t monotonic) {
  return ClockSample{Ticks{ticks}, UtcNs{utc}, monotonic};
}

TEST(ClockPage, ANewPageAnswersNothing) {
  const auto page = std::make_unique<ClockPage>();
  ClockReading reading;
  EXPECT_FALSE(read_clock(*page, reading));
}

TEST(ClockPage, ConvertsForwardsAndBackwards) {
  const auto page = std::make_unique<ClockPage>();
  ClockPageWriter writer(*page, TickRate::of(2.0, true));
  EXPECT_TRUE(writer.due(Ticks{0}));
  writer.publish(sample(1'000'000, 5'000'000, 7'000'000));
  EXPECT_FALSE(writer.due(Ticks{1'000'000 + 2 * second - 1}));
  EXPECT_TRUE(writer.due(Ticks{1'000'000 + 2 * second}));
  ClockReading reading;
  ASSERT_TRUE(read_clock(*page, reading));
  EXPECT_TRUE(reading.invariant_tsc);
  EXPECT_EQ(reading.utc_of(Ticks{1'000'000}).value, 5'000'000);
  EXPECT_EQ(reading.utc_of(Ticks{1'002'000}).value, 5'001'000);
  EXPECT_EQ(reading.utc_of(Ticks{998'000}).value, 4'999'000);
}

TEST(ClockPage, SurvivesAClockThatWasStepped) {
  const auto page = std::make_unique<ClockPage>();
  ClockPageWriter writer(*page, TickRate::of(2.0, true));
  const std::int64_t hour = 3600 * static_cast<std::int64_t>(second);
  writer.publish(sample(0, 0, 0));
  writer.publish(sample(2 * second, second + hour, second));
  ClockReading reading;
  ASSERT_TRUE(read_clock(*page, reading));
  // The step is taken over at once, and has not touched the rate.
  EXPECT_EQ(reading.utc_of(Ticks{2 * second}).value, static_cast<std::int64_t>(second) + hour);
  EXPECT_NEAR(static_cast<double>(reading.utc_of(Ticks{4 * second}).value -
                                  reading.utc_of(Ticks{2 * second}).value),
              1e9, 1.0);
}

TEST(ClockPage, FollowsASteeredClock) {
  const auto page = std::make_unique<ClockPage>();
  ClockPageWriter writer(*page, TickRate::of(2.0, true));
  writer.publish(sample(0, 0, 0));
  writer.publish(sample(2 * second, second + 500'000, second + 500'000));  // 500 ppm fast
  ClockReading reading;
  ASSERT_TRUE(read_clock(*page, reading));
  EXPECT_NEAR(static_cast<double>(reading.utc_of(Ticks{4 * second}).value), 2e9 + 1e6, 2.0);
}

TEST(ClockPage, KeepsTheCalibratedRateAfterAHostHasSlept) {
  const auto page = std::make_unique<ClockPage>();
  ClockPageWriter writer(*page, TickRate::of(2.0, true));
  writer.publish(sample(0, 0, 0));
  // The counter ran on for 100 s, the monotonic clock did not.
  writer.publish(sample(200 * second, 100 * second, second));
  ClockReading reading;
  ASSERT_TRUE(read_clock(*page, reading));
  EXPECT_NEAR(static_cast<double>(reading.utc_of(Ticks{202 * second}).value), 101e9, 2.0);
}

TEST(ClockPage, AWriterThatDiedHalfWayLeavesTheLastPage) {
  const auto page = std::make_unique<ClockPage>();
  ClockPageWriter writer(*page, TickRate::of(2.0, true));
  writer.publish(sample(1000, 42, 0));
  auto& unfinished = page->copies[(page->current.load(std::memory_order_relaxed) + 1) % 2];
  unfinished.sequence.store(3, std::memory_order_relaxed);
  unfinished.put(0, 77);
  ClockReading reading;
  ASSERT_TRUE(read_clock(*page, reading));
  EXPECT_EQ(reading.utc_of(Ticks{1000}).value, 42);
}

TEST(ClockPage, AHostilePageSaturatesOrIsRefused) {
  const auto page = std::make_unique<ClockPage>();
  page->write([](ClockPage::Copy& copy) {
    copy.put(0, 0);
    copy.put(1, static_cast<std::uint64_t>(INT64_MAX));
    copy.put(2, UINT64_MAX);
    copy.put(3, UINT64_MAX);
  });
  ClockReading reading;
  ASSERT_TRUE(read_clock(*page, reading));
  EXPECT_EQ(reading.utc_of(Ticks{UINT64_MAX}).value, INT64_MAX);
  page->copies[1].sequence.store(99, std::memory_order_relaxed);
  EXPECT_FALSE(read_clock(*page, reading));
}

TEST(ClockPage, TheHostsOwnPageIsCloseToTheKernelsTime) {
  const auto page = std::make_unique<ClockPage>();
  ClockPageWriter writer(*page, TickRate::of_host());
  writer.publish(sample_clocks());
  ClockReading reading;
  ASSERT_TRUE(read_clock(*page, reading));
  const auto now = sample_clocks();
  EXPECT_NEAR(static_cast<double>(reading.utc_of(now.ticks).value - now.utc.value), 0.0, 1e9);
}

}  // namespace
}  // namespace ringside::ipc
