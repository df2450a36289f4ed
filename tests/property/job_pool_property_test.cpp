// The pool under random schedules from a printed seed: pools of every shape, batches that are cut
// short in every way, and what must hold whatever the threads did.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ipc/placement.hpp"
#include "tools/jobs/batch.hpp"
#include "tools/jobs/fork_join.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::jobs {
namespace {

constexpr unsigned rounds = 60;

std::uint64_t test_seed() {
  const char* const given = std::getenv("RINGSIDE_JOBS_SEED");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? std::random_device{}() : std::strtoull(given, nullptr, 0);
}

class JobPool : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto seed = test_seed();
    RecordProperty("seed", std::to_string(seed));
    std::printf("RINGSIDE_JOBS_SEED=%llu\n", static_cast<unsigned long long>(seed));
    random_.seed(seed);
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

  PoolOptions any_options() {
    PoolOptions options;
    options.cpus = ipc::allowed_cpus();
    options.workers = 1 + static_cast<unsigned>(below(5));
    options.numa = below(2) == 0;
    options.stealing = below(4) != 0;
    options.queue_slots = std::size_t{2} << below(6);
    options.small_batch_items = below(3) * 4;
    options.chunk_ns = below(2) == 0 ? 0 : 20'000;
    options.seed = random_();
    return options;
  }
  BatchOptions any_batch() {
    BatchOptions options;
    options.priority = static_cast<Priority>(below(priorities));
    options.concurrency_max = static_cast<unsigned>(below(4));
    options.align_items = std::size_t{1} << below(4);
    return options;
  }

  std::mt19937_64 random_;
};

// Work that takes a while, longer for some items, so that pieces move.
std::uint64_t grind(std::uint64_t index) {
  std::uint64_t state = index + 1;
  for (std::uint64_t i = 0; i < index % 7 * 300; ++i) state = state * 6364136223846793005ULL + 1;
  return state;
}

TEST_F(JobPool, EveryItemRunsOnceAndResultsStandInInputOrder) {
  for (unsigned round = 0; round < rounds; ++round) {
    Pool pool(any_options());
    const auto count = below(2'000);
    std::vector<std::atomic<unsigned>> runs(count);
    Outcome outcome;
    const auto results = map<std::uint64_t>(
        pool, count,
        [&](std::size_t index) {
          runs[index].fetch_add(1, std::memory_order_relaxed);
          return grind(index);
        },
        outcome, any_batch());
    ASSERT_EQ(outcome.succeeded, count) << outcome.text();
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(runs[i].load(), 1U) << i;
      ASSERT_EQ(results[i], grind(i)) << i;
    }
  }
}

TEST_F(JobPool, AnItemThatThrowsFailsAloneAndIsNamed) {
  for (unsigned round = 0; round < rounds; ++round) {
    Pool pool(any_options());
    const auto count = 1 + below(1'000);
    const auto step = 1 + below(50);
    std::vector<std::atomic<unsigned>> runs(count);
    const auto outcome = for_each_index(
        pool, count,
        [&](std::size_t index) {
          runs[index].fetch_add(1, std::memory_order_relaxed);
          if (index % step == 0) throw std::runtime_error("item " + std::to_string(index));
        },
        any_batch());
    const auto failing = (count + step - 1) / step;
    ASSERT_EQ(outcome.end, BatchEnd::Failed);
    ASSERT_EQ(outcome.failed, failing);
    ASSERT_EQ(outcome.succeeded, count - failing);
    ASSERT_EQ(outcome.failures.size(), std::min(failing, failures_kept_max));
    if (failing <= failures_kept_max) {
      for (std::size_t i = 0; i < failing; ++i) {
        ASSERT_EQ(outcome.failures[i].index, i * step);
        ASSERT_EQ(outcome.failures[i].what, "item " + std::to_string(i * step));
      }
    }
    for (const auto& run : runs) ASSERT_EQ(run.load(), 1U);
  }
}

TEST_F(JobPool, NoMoreThanTheBoundRunAtOnce) {
  for (unsigned round = 0; round < rounds; ++round) {
    Pool pool(any_options());
    auto options = any_batch();
    options.concurrency_max = 1 + static_cast<unsigned>(below(3));
    std::atomic<unsigned> now{0}, most{0};
    const auto outcome = for_each_index(
        pool, 300,
        [&](std::size_t index) {
          const auto mine = now.fetch_add(1) + 1;
          auto seen = most.load();
          while (seen < mine && !most.compare_exchange_weak(seen, mine)) {
          }
          EXPECT_NE(grind(index), 0U);
          now.fetch_sub(1);
        },
        options);
    ASSERT_TRUE(outcome.good());
    ASSERT_LE(most.load(), options.concurrency_max);
  }
}

// Cut short from within, at a random item: what has run has run once, the rest not at all, and the
// sums say so.
struct CutShort {
  std::vector<std::atomic<unsigned>> runs;
  explicit CutShort(std::size_t count) : runs(count) {}
  std::size_t ran() const {
    std::size_t sum = 0;
    for (const auto& run : runs) {
      EXPECT_LE(run.load(), 1U);
      sum += run.load();
    }
    return sum;
  }
};

TEST_F(JobPool, ACancelledBatchStopsBetweenItemsAndCountsThem) {
  for (unsigned round = 0; round < rounds; ++round) {
    auto pool_options = any_options();
    pool_options.chunk_ns = 0;  // one item a chunk
    Pool pool(pool_options);
    const auto count = 10 + below(2'000);
    const auto last = below(count);
    CutShort cut(count);
    Cancel cancel;
    auto options = any_batch();
    options.cancel = &cancel;
    options.align_items = 1;
    const auto outcome = for_each_index(
        pool, count,
        [&](std::size_t index) {
          cut.runs[index].fetch_add(1);
          if (index == last) cancel.request();
        },
        options);
    ASSERT_EQ(outcome.succeeded, cut.ran());
    ASSERT_EQ(outcome.succeeded + outcome.skipped(), count);
    ASSERT_EQ(outcome.end == BatchEnd::Complete, outcome.good()) << outcome.text();
    ASSERT_EQ(cut.runs[last].load(), 1U);
  }
}

std::atomic<std::uint64_t> test_clock{0};

TEST_F(JobPool, AfterTheDeadlineNothingBegins) {
  for (unsigned round = 0; round < rounds; ++round) {
    auto pool_options = any_options();
    pool_options.chunk_ns = 0;
    Pool pool(pool_options);
    const auto count = 20 + below(500);
    const auto late = below(count);
    test_clock = 1;
    CutShort cut(count);
    auto options = any_batch();
    options.align_items = 1;
    options.deadline_ns = 100;
    options.now = []() noexcept -> std::uint64_t { return test_clock.load(); };
    std::atomic<unsigned> begun_late{0};
    const auto outcome = for_each_index(
        pool, count,
        [&](std::size_t index) {
          begun_late += test_clock.load() >= 100 ? 1 : 0;
          cut.runs[index].fetch_add(1);
          if (index == late) test_clock = 100;
        },
        options);
    ASSERT_EQ(outcome.succeeded, cut.ran());
    ASSERT_EQ(outcome.end == BatchEnd::Expired, outcome.skipped() != 0) << outcome.text();
    // Those that had looked at the clock just before.
    ASSERT_LE(begun_late.load(), pool.worker_count());
  }
}

TEST_F(JobPool, AFailureEndsTheBatchWhereThatWasAskedFor) {
  for (unsigned round = 0; round < rounds; ++round) {
    auto pool_options = any_options();
    pool_options.chunk_ns = 0;
    Pool pool(pool_options);
    const auto count = 10 + below(2'000);
    CutShort cut(count);
    auto options = any_batch();
    options.stop_at_failure = true;
    const auto outcome = for_each_index(
        pool, count,
        [&](std::size_t index) {
          cut.runs[index].fetch_add(1);
          if (index % 5 == 3) throw std::runtime_error("no");
        },
        options);
    ASSERT_EQ(outcome.end, BatchEnd::Failed);
    ASSERT_GE(outcome.failed, 1U);
    ASSERT_EQ(outcome.succeeded + outcome.failed, cut.ran());
  }
}

TEST_F(JobPool, APoolThatStopsInMidWorkAccountsForEverything) {
  for (unsigned round = 0; round < rounds; ++round) {
    auto pool_options = any_options();
    pool_options.chunk_ns = 0;
    const auto pool = std::make_unique<Pool>(pool_options);
    const auto count = 100 + below(3'000);
    const auto when = below(count);
    CutShort cut(count);
    std::atomic<bool> reached{false};
    std::atomic<std::uint64_t> posted{0}, ran{0}, dropped{0};
    Outcome outcome;
    std::thread submitter([&] {
      outcome = for_each_index(
          *pool, count,
          [&](std::size_t index) {
            cut.runs[index].fetch_add(1);
            if (index == when) {
              reached = true;
              reached.notify_one();
            }
          },
          any_batch());
      reached = true;
      reached.notify_one();
    });
    std::thread poster([&] {
      const auto counted = [&ran, &dropped](Worker*, Posted::Fate fate) {
        (fate == Posted::Fate::Run ? ran : dropped).fetch_add(1);
      };
      while (pool->post(counted) == PostStatus::Ok) posted.fetch_add(1);
    });
    reached.wait(false);
    pool->stop();
    submitter.join();
    poster.join();
    ASSERT_EQ(outcome.succeeded, cut.ran());
    ASSERT_EQ(outcome.succeeded + outcome.skipped(), count);
    ASSERT_EQ(outcome.end == BatchEnd::Stopped, outcome.skipped() != 0) << outcome.text();
    ASSERT_EQ(ran.load() + dropped.load(), posted.load());
    ASSERT_GE(pool->counts().dropped, dropped.load());
  }
}

unsigned sum_of(unsigned begin, unsigned end, std::mt19937_64 random) {
  if (end - begin == 1) return begin % 11 == 10 ? throw std::out_of_range("ten") : begin;
  const auto middle = begin + 1 + static_cast<unsigned>(random() % (end - begin - 1));
  unsigned left = 0, right = 0;
  invoke_both([&] { left = sum_of(begin, middle, random); },
              [&] { right = sum_of(middle, end, random); });
  return left + right;
}

TEST_F(JobPool, ForksOfEveryShapeJoinAndPassOnWhatTheyThrow) {
  for (unsigned round = 0; round < rounds; ++round) {
    Pool pool(any_options());
    const auto end = 2 + static_cast<unsigned>(below(9));
    ASSERT_EQ(pool.run([&] { return sum_of(0, end, random_); }), end * (end - 1) / 2);
    ASSERT_THROW(pool.run([&] { return sum_of(0, 200, random_); }), std::out_of_range);
  }
}

TEST_F(JobPool, UrgentWorkRunsBetweenTheChunksOfABatch) {
  auto options = any_options();
  options.chunk_ns = 0;
  options.small_batch_items = 0;
  options.workers = 1;
  Pool pool(options);
  std::atomic<std::size_t> ran_at{0};
  std::size_t items = 0;
  const auto outcome = for_each_index(pool, 100, [&](std::size_t index) {
    ++items;
    if (index != 50) return;
    EXPECT_EQ(pool.post([&] { ran_at = items; }, Priority::High), PostStatus::Ok);
  });
  EXPECT_TRUE(outcome.good());
  EXPECT_EQ(ran_at.load(), 51U);
}

}  // namespace
}  // namespace ringside::jobs
