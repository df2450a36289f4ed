// Phases, epochs and backoff of book subscriptions on their own time; what they lead to on the wire
// is tested with the adapters.
#include "collector/book_subscriptions.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/collector/adapter_bench.hpp"

namespace ringside::collector {
namespace {

using bench::Bench;
using Phase = BookSubscriptions::Phase;
using Action = BookSubscriptions::Action;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr InstrumentTerms terms{Exponent{-1}, Exponent{-8}, ChecksumRule::Kraken, 10};

struct Subscribed {
  explicit Subscribed(std::uint64_t seed = 1, std::size_t count = 1)
      : bench(count), books({7, seed, {}}, bench.records, counters) {
    for (std::uint32_t i = 0; i < count; ++i) {
      books.add({Bench::id(i), i, true, terms});
      books.opened(i, bench.now);
      books.asked(i, bench.now);
    }
  }
  bool snapshot(BookIndex book = 0) {
    const bool begun = books.begin_epoch(book, terms, {bench.now.ticks, {}, false}, bench.now);
    if (begun) books.snapshot_written(book, bench.now);
    return begun;
  }
  // Waits until something is due, in steps of 10 ms.
  std::int64_t wait(std::int64_t most_ns) {
    const auto from = bench.now.steady_ns;
    while (!books.due(bench.now) && bench.now.steady_ns - from < most_ns) {
      bench.pass(second_ns / 100);
    }
    return bench.now.steady_ns - from;
  }

  Bench bench;
  Counters counters;
  BookSubscriptions books;
};

TEST(BookSubscriptions, EpochsGrowWithEachSnapshotAndCarryTheGeneration) {
  Subscribed run;
  EXPECT_EQ(run.books.epoch(0), epoch_of(7, 0));
  for (std::uint32_t i = 1; i < 5; ++i) {
    EXPECT_TRUE(run.snapshot());
    EXPECT_EQ(run.books.epoch(0), epoch_of(7, i));
  }
}

TEST(BookSubscriptions, WhenEpochsAreUsedUpNoneComesTwice) {
  Subscribed run;
  for (int i = 0; i < 0xffff; ++i) {
    ASSERT_TRUE(run.snapshot());
    if (i % 1000 == 0) (void)run.bench.drain();
  }
  EXPECT_FALSE(run.snapshot());
  EXPECT_EQ(run.books.phase(0), Phase::Failed);
  EXPECT_EQ(run.counters[Count::EpochsExhausted], 1U);
}

TEST(BookSubscriptions, BackoffGrowsIsCappedAndDiffersBySeed) {
  std::vector<std::vector<std::int64_t>> waits;
  for (const std::uint64_t seed : {1U, 2U, 1U}) {
    Subscribed run(seed);
    auto& delays = waits.emplace_back();
    EXPECT_TRUE(run.snapshot());
    run.books.lose(0, Cause::ChecksumFailed, run.bench.now);
    EXPECT_EQ(run.wait(second_ns), 0) << "the first one starts at once";
    for (int attempt = 1; attempt < 6; ++attempt) {
      EXPECT_TRUE(run.snapshot());
      run.books.lose(0, Cause::ChecksumFailed, run.bench.now);
      delays.push_back(run.wait(100 * second_ns));
      const auto most = second_ns << (attempt - 1);
      EXPECT_GE(delays.back(), most / 2);
      EXPECT_LE(delays.back(), most + second_ns / 100);
    }
    EXPECT_TRUE(run.snapshot());
    run.books.lose(0, Cause::ChecksumFailed, run.bench.now);
    EXPECT_EQ(run.books.phase(0), Phase::Failed);
  }
  EXPECT_EQ(waits[0], waits[2]) << "the same seed, the same delays";
  EXPECT_NE(waits[0], waits[1]);
}

TEST(BookSubscriptions, OneMissedDeadlineIsOneRetry) {
  Subscribed run;
  const auto waited = run.wait(60 * second_ns);
  EXPECT_GE(waited, 10 * second_ns + second_ns / 2);
  EXPECT_LE(waited, 12 * second_ns);
  EXPECT_EQ(run.counters[Count::SnapshotTimeouts], 1U);
  EXPECT_EQ(run.books.phase(0), Phase::NeedsSnapshot);
}

TEST(BookSubscriptions, AllThatIsDueIsHandedOutAndNothingElse) {
  Subscribed run(1, 50);
  for (BookIndex i = 0; i < 50; ++i) EXPECT_TRUE(run.snapshot(i));
  for (BookIndex i = 0; i < 50; i += 2) run.books.lose(i, Cause::BadMessage, run.bench.now);
  std::vector<BookIndex> due;
  while (const auto next = run.books.due(run.bench.now)) {
    EXPECT_EQ(next->action, Action::Resubscribe);
    due.push_back(next->book);
  }
  EXPECT_EQ(due.size(), 25U);
  for (std::size_t i = 0; i < due.size(); ++i) EXPECT_EQ(due[i], 2 * i);
}

TEST(BookSubscriptions, NothingIsDueOfAClosedConnection) {
  Subscribed run;
  EXPECT_TRUE(run.snapshot());
  run.books.lose(0, Cause::BadMessage, run.bench.now);
  run.books.closed(0, run.bench.now);
  EXPECT_EQ(run.wait(600 * second_ns), 600 * second_ns);
  EXPECT_EQ(run.books.phase(0), Phase::Disconnected);
}

}  // namespace
}  // namespace ringside::collector
