// The pacer against the slow model: every single cost with its time, looked through each time.
#include "collector/pacer.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ringside::collector {
namespace {

constexpr std::int64_t ms = 1'000'000;

// What a venue counts, and what one who keeps all that he sent may still send.
class Model {
 public:
  explicit Model(PaceLimit limit) : limit_(limit) {}
  void begin(std::uint32_t cost) { open_.push_back(cost); }
  std::uint32_t end_oldest(std::int64_t now_ns) {
    const auto cost = open_.front();
    open_.erase(open_.begin());
    ended_.push_back({now_ns, cost});
    return cost;
  }
  [[nodiscard]] bool waits_for_answers() const { return !open_.empty(); }
  [[nodiscard]] std::uint64_t counted(std::int64_t from_ns) const {
    std::uint64_t sum = 0;
    for (const auto cost : open_) sum += cost;
    for (const auto& each : ended_) {
      if (each.at_ns >= from_ns) sum += each.cost;
    }
    return sum;
  }
  [[nodiscard]] bool fits(std::uint32_t cost, std::int64_t now_ns, std::int64_t more_ns = 0) const {
    return counted(now_ns - limit_.window_ns - more_ns) + cost <= limit_.most;
  }

 private:
  struct Ended {
    std::int64_t at_ns;
    std::uint32_t cost;
  };
  PaceLimit limit_;
  std::vector<std::uint32_t> open_;
  std::vector<Ended> ended_;
};

TEST(Pacer, AllowsWhatTheModelAllowsButForASixtyFourthOfAWindowAndNeverMore) {
  std::mt19937_64 random(2026);
  for (int run = 0; run < 200; ++run) {
    const PaceLimit limit{static_cast<std::uint32_t>(1 + random() % 300),
                          static_cast<std::int64_t>(1 + random() % 5'000) * ms};
    Pacer pacer(limit);
    Model model(limit);
    std::int64_t now = 0;
    const auto stride = static_cast<std::uint64_t>(limit.window_ns) / (1 + random() % 200) + 1;
    for (int step = 0; step < 500; ++step) {
      now += static_cast<std::int64_t>(random() % stride);
      const auto cost = static_cast<std::uint32_t>(1 + random() % (limit.most / 4 + 1));
      const bool fits = pacer.fits(cost, now);
      if (fits) {
        ASSERT_TRUE(model.fits(cost, now)) << "run " << run << " step " << step;
      }
      if (model.fits(cost, now, limit.window_ns / 64)) {
        ASSERT_TRUE(fits) << "run " << run << " step " << step;
      }
      if (fits) {
        pacer.begin(cost);
        model.begin(cost);
      }
      while (model.waits_for_answers() && random() % 3 != 0) pacer.end(model.end_oldest(now), now);
    }
  }
}

TEST(Pacer, UsesAllOfTheLimitAtOnceAndAgainAWindowLater) {
  Pacer pacer({5, 1'000 * ms});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(pacer.fits(1, 0));
    pacer.take(1, 0);
  }
  EXPECT_FALSE(pacer.fits(1, 1'000 * ms));
  EXPECT_TRUE(pacer.fits(5, 1'000 * ms + 1));
}

TEST(Pacer, WhatIsUnderWayCountsUntilAWindowAfterItsAnswer) {
  Pacer pacer({1, 100 * ms});
  pacer.begin(1);
  EXPECT_FALSE(pacer.fits(1, 3'600'000 * ms));
  pacer.end(1, 3'600'000 * ms);
  EXPECT_FALSE(pacer.fits(1, 3'600'100 * ms));
  EXPECT_TRUE(pacer.fits(1, 3'600'100 * ms + 1));
}

TEST(Pacer, WhatNeverLeftDoesNotCount) {
  Pacer pacer({1, 100 * ms});
  pacer.begin(1);
  pacer.undo(1);
  EXPECT_TRUE(pacer.fits(1, 0));
}

TEST(Pacer, APauseHoldsAsLongAsTheLongestThatWasSaid) {
  Pacer pacer({10, 100 * ms});
  pacer.pause(5'000 * ms);
  pacer.pause(2'000 * ms);
  EXPECT_FALSE(pacer.fits(1, 5'000 * ms - 1));
  EXPECT_TRUE(pacer.fits(1, 5'000 * ms));
  Pacer unlimited(PaceLimit{});
  unlimited.pause(5'000 * ms);
  EXPECT_FALSE(unlimited.fits(1, 0)) << "also where no limit is known";
  EXPECT_TRUE(unlimited.fits(1'000'000, 5'000 * ms));
}

// Whoever takes another's place has sent what that has sent, for a window from then on.
TEST(Pacer, WhatAnotherSentToTheSamePlaceCounts) {
  Pacer before({10, 1'000'000'000});
  before.take(4, 100);
  before.begin(2);  // never answered
  before.pause(500);
  Pacer next({8, 1'000'000'000});
  next.succeed(before, 1000);
  EXPECT_FALSE(next.fits(1, 400)) << "the venue's pause is its pause";
  EXPECT_TRUE(next.fits(2, 1000));
  EXPECT_FALSE(next.fits(3, 1000));
  EXPECT_TRUE(next.fits(8, 1'000'001'001));
}

}  // namespace
}  // namespace ringside::collector
