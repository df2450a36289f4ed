#include "ipc/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

namespace ringside::ipc {
namespace {

TEST(HistogramGeometry, HasTheDocumentedSizes) {
  const std::uint64_t hour = 3'600'000'000'000;
  EXPECT_EQ(HistogramGeometry::of(1, hour, 3)->slots(), 33'792U);
  EXPECT_EQ(HistogramGeometry::of(1, 60'000'000'000, 3)->slots(), 27'648U);
  EXPECT_EQ(HistogramGeometry::of(1, hour, 2)->slots(), 4'608U);
  EXPECT_EQ(live_geometry.slots(), 3'840U);
}

TEST(HistogramGeometry, EverySlotHoldsExactlyItsRange) {
  for (const auto& geometry :
       {live_geometry, *HistogramGeometry::of(1, 100'000, 3),
        *HistogramGeometry::of(1000, 3'600'000'000'000, 3), *HistogramGeometry::of(1, 1000, 1)}) {
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < geometry.slots(); ++i) {
      ASSERT_EQ(geometry.lowest_of(i), next);
      ASSERT_EQ(geometry.index_of(geometry.lowest_of(i)), i);
      ASSERT_EQ(geometry.index_of(geometry.highest_of(i)), i);
      ASSERT_LE(geometry.median_of(i), geometry.highest_of(i));
      next = geometry.highest_of(i) + 1;
    }
    EXPECT_GT(next, geometry.highest());
  }
}

TEST(HistogramGeometry, ASlotIsNoWiderThanItsDigitsPromise) {
  for (unsigned digits = 1; digits <= 3; ++digits) {
    const auto geometry = *HistogramGeometry::of(1, 60'000'000'000, digits);
    const auto resolution = static_cast<std::uint64_t>(std::pow(10, digits));
    for (std::size_t i = 1; i < geometry.slots(); ++i) {
      ASSERT_TRUE(geometry.size_of(i) == 1 ||
                  geometry.size_of(i) <= geometry.lowest_of(i) / resolution)
          << i;
    }
  }
}

TEST(HistogramGeometry, RefusesWhatMakesNoHistogram) {
  EXPECT_FALSE(HistogramGeometry::of(0, 100, 2));
  EXPECT_FALSE(HistogramGeometry::of(100, 150, 2));
  EXPECT_FALSE(HistogramGeometry::of(1, 100, 0));
  EXPECT_FALSE(HistogramGeometry::of(1, 100, 6));
  EXPECT_FALSE(HistogramGeometry::of(1, std::uint64_t{1} << 62, 2));
  EXPECT_FALSE(HistogramGeometry::of(std::uint64_t{1} << 60, (std::uint64_t{1} << 62) - 1, 5));
}

TEST(HistogramSnapshot, PercentilesAreOfTheValuesWithinTwoDigits) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> values;
  HistogramSnapshot histogram;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random() >> (random() % 40 + 24));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.count(), values.size());
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(percent / 100.0 * static_cast<double>(values.size())));
    const auto exact = std::min(values[rank - 1], live_geometry.highest());
    const auto answer = histogram.percentile(percent);
    EXPECT_GE(answer, exact) << percent;
    EXPECT_LE(answer, exact + exact / 100) << percent;
  }
}

TEST(HistogramSnapshot, AnEmptyOneAnswersZeros) {
  const HistogramSnapshot histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.min(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.percentile(99.0), 0U);
  EXPECT_EQ(histogram.mean(), 0.0);
  EXPECT_EQ(histogram.standard_deviation(), 0.0);
}

TEST(HistogramSnapshot, AnIntervalIsTheDifferenceOfTwoCopies) {
  HistogramSnapshot total;
  total.record(100, 5);
  const HistogramSnapshot earlier = total;
  total.record(200, 3);
  HistogramSnapshot interval = total;
  ASSERT_TRUE(interval.subtract(earlier));
  EXPECT_EQ(interval.count(), 3U);
  EXPECT_EQ(interval.min(), 200U);
  ASSERT_TRUE(interval.add(earlier));
  EXPECT_EQ(interval.count(), total.count());
}

TEST(HistogramSnapshot, RefusesADifferenceWithWhatIsNoEarlierCopy) {
  HistogramSnapshot one, other;
  one.record(100);
  other.record(200);
  EXPECT_FALSE(one.subtract(other));
  EXPECT_EQ(one.count(), 1U);
  const HistogramSnapshot coarse(*HistogramGeometry::of(1, 1000, 1));
  EXPECT_FALSE(one.subtract(coarse));
  EXPECT_FALSE(one.add(coarse));
}

TEST(HistogramSnapshot, HostileCountsSaturate) {
  HistogramSnapshot histogram;
  for (auto& slot : histogram.slots()) slot = UINT64_MAX;
  EXPECT_EQ(histogram.count(), UINT64_MAX);
  EXPECT_LE(histogram.percentile(100.0), histogram.max());
  HistogramSnapshot twice = histogram;
  ASSERT_TRUE(twice.add(histogram));
  EXPECT_EQ(twice.count(), UINT64_MAX);
}

struct LiveMemory {
  std::array<std::atomic<std::uint64_t>, live_slots> slots{};
  std::atomic<std::uint64_t> beyond{0};
};

TEST(Histogram, CountsWhatIsAboveTheRangeInTheLastSlotAndSaysSo) {
  const auto memory = std::make_unique<LiveMemory>();
  Histogram histogram(memory->slots, memory->beyond);
  histogram.record(0);
  histogram.record(60'000'000'000);
  histogram.record(60'000'000'001);
  histogram.record(UINT64_MAX);
  HistogramSnapshot copy;
  copy_live_slots(memory->slots, copy);
  EXPECT_EQ(copy.count(), 4U);
  EXPECT_EQ(copy.slots()[live_geometry.index_of(live_geometry.highest())], 3U);
  EXPECT_EQ(memory->beyond.load(std::memory_order_relaxed), 2U);
}

TEST(Histogram, ADefaultOneSwallowsWhatItIsGiven) {
  Histogram histogram;
  histogram.record(5);
  SUCCEED();
}

}  // namespace
}  // namespace ringside::ipc
