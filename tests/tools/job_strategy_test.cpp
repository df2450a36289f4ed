// Which strategy is chosen, by what it has cost.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>

#include "tools/jobs/strategy.hpp"

namespace ringside::jobs {
namespace {

constexpr unsigned all = 0b111, without_queue = 0b011;
constexpr double hand_over_ns = 20'000;

Costs costs_of(OperationKind kind) { return {kind, 2, 24, hand_over_ns}; }

// What strategies cost on some machine; each batch teaches the one that was chosen.
struct Machine {
  std::array<double, strategies> begin_ns, item_ns;

  [[nodiscard]] StrategyCost run(Strategy strategy, std::size_t items) const {
    const auto i = static_cast<std::size_t>(strategy);
    return {items, begin_ns[i], item_ns[i] * static_cast<double>(items)};
  }
  Strategy batch(Costs& costs, std::size_t items, unsigned allowed = all) const {
    if (costs.wants_probe()) costs.learn(Strategy::InPlace, run(Strategy::InPlace, 4));
    const auto chosen = costs.choose(items, allowed);
    costs.learn(chosen, run(chosen, items));
    return chosen;
  }
};

constexpr Machine computing{{0, hand_over_ns, 0}, {1'000, 500, 0}};
constexpr Machine reading{{0, hand_over_ns, 60'000}, {50'000, 25'000, 10'000}};

TEST(JobStrategy, RunsInPlaceWhatIsOverBeforeAWorkerWakes) {
  auto costs = costs_of(OperationKind::Compute);
  for (unsigned i = 0; i < 50; ++i) {
    EXPECT_EQ(computing.batch(costs, 30, without_queue), Strategy::InPlace);
    EXPECT_EQ(computing.batch(costs, 50, without_queue), Strategy::Pool);
    EXPECT_EQ(computing.batch(costs, 2'000, without_queue), Strategy::Pool);
  }
}

TEST(JobStrategy, ReadsThroughTheQueueWhatWaitsForADisk) {
  auto costs = costs_of(OperationKind::Read);
  for (unsigned i = 0; i < 3; ++i) reading.batch(costs, 1'000);  // each tried once
  for (unsigned i = 0; i < 50; ++i) EXPECT_EQ(reading.batch(costs, 1'000), Strategy::Queue);
  EXPECT_EQ(reading.batch(costs, 1'000, without_queue), Strategy::Pool);
}

TEST(JobStrategy, NoticesThatTheMachineHasChanged) {
  auto costs = costs_of(OperationKind::Read);
  for (unsigned i = 0; i < 10; ++i) reading.batch(costs, 1'000);
  // All of it has come into memory since.
  constexpr Machine cached{{0, hand_over_ns, 1'000}, {1'000, 500, 2'000}};
  unsigned batches = 0;
  while (cached.batch(costs, 1'000) != Strategy::Pool) ASSERT_LT(++batches, 1'000U);
  unsigned by_pool = 0;
  for (unsigned i = 0; i < 1'000; ++i) by_pool += cached.batch(costs, 1'000) == Strategy::Pool;
  EXPECT_GT(by_pool, 950U) << "what costs more is tried seldom";
}

TEST(JobStrategy, OneBatchThatLostItsCoreChangesNothing) {
  auto costs = costs_of(OperationKind::Compute);
  for (unsigned i = 0; i < 10; ++i) computing.batch(costs, 2'000, without_queue);
  const auto before = costs.expected_ns(Strategy::Pool, 2'000);
  costs.learn(Strategy::Pool, {2'000, 1e9, 1e9});
  EXPECT_LT(costs.expected_ns(Strategy::Pool, 2'000), 2 * before);
}

}  // namespace
}  // namespace ringside::jobs
