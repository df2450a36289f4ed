// Random streams with losses, duplicates, swaps, late, stale and future snapshots, against a venue
// that knows the true book at every id: whenever the join says the book is live, it is the truth.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "tests/collector/binance_stream_model.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr int runs = 300;
constexpr std::size_t messages_per_run = 200;

struct Faults {
  unsigned lose = 0;       // per mille of messages
  unsigned duplicate = 0;  // an older or the same message again
  unsigned swap = 0;
};

// The order of arrival: indices into the model's messages.
std::vector<std::size_t> arrivals(std::size_t count, Faults faults, std::mt19937_64& random) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < count; ++i) {
    if (random() % 1000 < faults.lose) continue;
    order.push_back(i);
    if (random() % 1000 < faults.duplicate)
      order.push_back(i - random() % std::min<std::size_t>(i + 1, 5));
  }
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (random() % 1000 < faults.swap) std::swap(order[i - 1], order[i]);
  }
  return order;
}

// One run. A snapshot is asked for whenever the book is not live; its answer, taken at a moment
// around the asking, arrives some messages later. Returns how many messages were applied.
std::size_t run(bool futures, std::uint64_t seed, Faults faults) {
  std::mt19937_64 random(seed * 2 + (futures ? 1 : 0));
  StreamModel model(futures, seed, messages_per_run);
  Client client(model.rule());
  struct Answer {
    std::size_t due;
    std::uint64_t id;
  };
  std::deque<Answer> answers;
  std::size_t applied = 0;
  const auto order = arrivals(messages_per_run, faults, random);
  for (std::size_t step = 0; step < order.size(); ++step) {
    const auto outcome = client.receive(model.messages()[order[step]]);
    applied += outcome == DeltaOutcome::Apply || outcome == DeltaOutcome::Joined;
    if (!client.live() && answers.empty()) {
      const auto lag = static_cast<std::int64_t>(random() % 8) - 4;
      const auto at = std::clamp<std::int64_t>(static_cast<std::int64_t>(order[step]) + lag, 0,
                                               static_cast<std::int64_t>(messages_per_run) - 1);
      answers.push_back({step + random() % 6, model.id_near(static_cast<std::size_t>(at))});
    }
    if (!answers.empty() && answers.front().due <= step) {
      const auto id = answers.front().id;
      answers.pop_front();
      (void)client.receive_snapshot(id, model.snapshot_at(id));
    }
    if (client.live()) {
      EXPECT_EQ(client.book(), model.book_at(client.join().newest_id()))
          << "seed " << seed << " step " << step << (futures ? " futures" : " spot");
    }
    if (::testing::Test::HasFailure()) return applied;
  }
  return applied;
}

class BinanceJoin : public ::testing::TestWithParam<bool> {};

TEST_P(BinanceJoin, ALiveBookIsTheTrueBookWhateverTheStreamSuffers) {
  std::size_t applied = 0;
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    applied += run(GetParam(), seed, {30, 40, 30});
    if (HasFailure()) return;
  }
  EXPECT_GT(applied, runs * messages_per_run / 10)
      << "the property must not hold by never being live";
}

TEST_P(BinanceJoin, AnUndamagedStreamJoinsOnceAndThenAppliesEverything) {
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    const auto applied = run(GetParam(), seed, {});
    if (HasFailure()) return;
    EXPECT_GE(applied, messages_per_run - 40) << "seed " << seed;
  }
}

TEST_P(BinanceJoin, EveryLostMessageIsNoticedAtTheNextOne) {
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    StreamModel model(GetParam(), seed, 30);
    Client client(model.rule());
    const auto& messages = model.messages();
    (void)client.receive(messages[0]);
    const auto id = messages[0].ids.last;
    (void)client.receive_snapshot(id, model.snapshot_at(id));
    const auto lost = 2 + seed % 20;
    for (std::size_t i = 1; i < lost; ++i) (void)client.receive(messages[i]);
    ASSERT_TRUE(client.live());
    EXPECT_EQ(client.receive(messages[lost + 1]), DeltaOutcome::Gap);
    EXPECT_EQ(client.receive(messages[lost]), DeltaOutcome::Old) << "swapped in behind: no use";
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, BinanceJoin, ::testing::Bool(),
                         [](const auto& suite) { return suite.param ? "futures" : "spot"; });

}  // namespace
}  // namespace ringside::collector::binance_test
