// The pool's structures and the pool itself under real threads: what tests/model says about orders
// must hold for ThreadSanitizer, too.
//
// Forbidden everywhere: a task run twice or never, a wait that does not end.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "ipc/placement.hpp"
#include "tools/jobs/batch.hpp"
#include "tools/jobs/channel.hpp"
#include "tools/jobs/fork_join.hpp"
#include "tools/jobs/operations.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::jobs {
namespace {

struct Counted {
  std::uint64_t sealed = 0;  // plain: the deque must order it
  std::atomic<unsigned> runs{0};
};

PoolOptions options_of(unsigned workers) {
  PoolOptions options;
  options.cpus = ipc::allowed_cpus();
  options.workers = workers;
  options.small_batch_items = 0;
  return options;
}

TEST(JobsLitmus, EachTaskOfADequeIsTakenOnceByItsOwnerOrOneThief) {
  constexpr std::size_t tasks = 20'000;
  std::vector<Counted> counted(tasks);
  const auto deque = std::make_unique<Deque<Counted, 64>>();
  std::atomic<bool> over{false};
  const auto run = [](Counted* task) {
    if (task == nullptr) return;
    EXPECT_EQ(task->sealed, 7U);
    task->runs.fetch_add(1, std::memory_order_relaxed);
  };
  const auto thieve = [&] {
    while (!over.load(std::memory_order_acquire)) run(deque->steal());
  };
  std::thread first(thieve), second(thieve);
  for (std::size_t i = 0; i < tasks; ++i) {
    counted[i].sealed = 7;
    while (!deque->push(&counted[i])) run(deque->take());
    if (i % 3 == 0) run(deque->take());
  }
  while (Counted* const task = deque->take()) run(task);
  over.store(true, std::memory_order_release);
  first.join();
  second.join();
  for (const auto& task : counted) ASSERT_EQ(task.runs.load(), 1U);
}

TEST(JobsLitmus, ItemsOfAQueueArriveOnceAndInEachWritersOrder) {
  constexpr std::uint64_t each = 20'000;
  InjectionQueue<std::uint64_t> queue(64);
  std::atomic<std::uint64_t> taken{0};
  std::array<std::vector<std::uint64_t>, 2> got;
  const auto write = [&](std::uint64_t writer) {
    for (std::uint64_t next = 0; next < each;) {
      const std::array<std::uint64_t, 2> items{writer << 32 | next, writer << 32 | (next + 1)};
      const auto put = queue.put({items.data(), next + 2 <= each ? 2U : 1U});
      next += put;
      if (put == 0) queue.wait_for_room([] { return false; });
    }
  };
  const auto read = [&](std::size_t reader) {
    while (taken.load(std::memory_order_relaxed) < 2 * each) {
      std::uint64_t item = 0;
      if (!queue.take(item)) continue;
      taken.fetch_add(1, std::memory_order_relaxed);
      got[reader].push_back(item);
    }
  };
  std::array threads{std::thread(write, 0), std::thread(write, 1), std::thread(read, 0),
                     std::thread(read, 1)};
  for (auto& thread : threads) thread.join();
  std::vector<unsigned> seen(2 * each);
  for (const auto& items : got) {
    std::array<std::uint64_t, 2> least{};
    for (const auto item : items) {
      const auto writer = item >> 32, number = item & 0xffffffff;
      EXPECT_GE(number, least[writer]);
      least[writer] = number + 1;
      ++seen[writer * each + number];
    }
  }
  for (const auto count : seen) ASSERT_EQ(count, 1U);
}

// One task at a time, so that a worker parks between any two of them.
TEST(JobsLitmus, NoWakeUpIsLostBetweenParkingAndPosting) {
  Pool pool(options_of(2));
  std::uint64_t plain = 0;
  for (unsigned i = 0; i < 3'000; ++i) {
    Completion done;
    ASSERT_EQ(pool.post([&done, &plain] {
      ++plain;
      done.finish();
    }),
              PostStatus::Ok);
    done.wait();
    ASSERT_EQ(plain, i + 1);
  }
}

TEST(JobsLitmus, WritersFromSeveralThreadsWaitForRoomAndLoseNothing) {
  auto options = options_of(2);
  options.queue_slots = 4;
  Pool pool(options);
  constexpr unsigned each = 5'000;
  std::atomic<unsigned> ran{0};
  const auto post = [&] {
    for (unsigned i = 0; i < each; ++i) {
      EXPECT_EQ(pool.post([&ran] { ran.fetch_add(1, std::memory_order_relaxed); }), PostStatus::Ok);
    }
  };
  std::thread other(post);
  post();
  other.join();
  pool.stop();
  EXPECT_EQ(ran.load() + pool.counts().dropped, 2 * each);
}

unsigned fib(unsigned n) {
  if (n < 2) return n;
  unsigned left = 0, right = 0;
  invoke_both([&] { left = fib(n - 1); }, [&] { right = fib(n - 2); });
  return left + right;
}

TEST(JobsLitmus, ForksOnSeveralWorkersJoin) {
  Pool pool(options_of(4));
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(pool.run([] { return fib(15); }), 610U);
}

TEST(JobsLitmus, ABatchMayGoAsSoonAsItsWaitHasEnded) {
  Pool pool(options_of(3));
  for (unsigned i = 0; i < 500; ++i) {
    std::vector<std::uint64_t> plain(64);
    const auto outcome = for_each_index(pool, plain.size(), [&](std::size_t k) { plain[k] = k; });
    ASSERT_TRUE(outcome.good()) << outcome.text();
    for (std::size_t k = 0; k < plain.size(); ++k) ASSERT_EQ(plain[k], k);
  }
}

TEST(JobsLitmus, BatchesInsideOfBatchesEnd) {
  Pool pool(options_of(3));
  std::atomic<unsigned> ran{0};
  const auto outcome = for_each_index(pool, 40, [&](std::size_t) {
    const auto inner =
        for_each_index(pool, 40, [&](std::size_t) { ran.fetch_add(1, std::memory_order_relaxed); });
    EXPECT_TRUE(inner.good());
  });
  EXPECT_TRUE(outcome.good()) << outcome.text();
  EXPECT_EQ(ran.load(), 1600U);
}

TEST(JobsLitmus, AChannelBetweenSeveralThreadsLosesNothing) {
  constexpr std::uint64_t each = 5'000;
  Channel<std::uint64_t> channel(16);
  std::atomic<std::uint64_t> sum{0}, count{0};
  const auto send = [&] {
    std::array<std::uint64_t, 5> items{};
    for (std::uint64_t next = 0; next < each;) {
      for (auto& item : items) item = next++;
      EXPECT_EQ(channel.send(items), items.size());
    }
  };
  const auto receive = [&] {
    std::array<std::uint64_t, 7> items{};
    while (const auto got = channel.receive(items)) {
      for (std::size_t i = 0; i < got; ++i) sum.fetch_add(items[i], std::memory_order_relaxed);
      count.fetch_add(got, std::memory_order_relaxed);
    }
  };
  std::thread first(receive), second(receive), other(send);
  send();
  other.join();
  channel.close();
  first.join();
  second.join();
  EXPECT_EQ(count.load(), 2 * each);
  EXPECT_EQ(sum.load(), each * (each - 1));
}

// The owner fills a buffer, a worker reads it, and the owner fills it again.
TEST(JobsLitmus, ABufferOfReadsIsOneThreadsAtATime) {
  constexpr std::size_t items = 3'000, bytes = 512;
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  for (std::size_t i = 0; i < items; ++i) {
    const std::array<std::uint64_t, bytes / 8> block{i};
    ASSERT_EQ(std::fwrite(block.data(), bytes, 1, file), 1U);
  }
  ASSERT_EQ(std::fflush(file), 0);
  struct State {
    int file;
    std::vector<std::uint64_t> results = std::vector<std::uint64_t>(items);
  } state{fileno(file)};
  const OperationSteps steps{
      &state,
      [](void* context, std::size_t index) {
        return FileRange{static_cast<State*>(context)->file, index * bytes, bytes, false};
      },
      [](void* context, std::size_t index, std::span<const std::byte> read) {
        std::memcpy(&static_cast<State*>(context)->results[index], read.data(), 8);
      }};
  Pool pool(options_of(3));
  OperationLimits limits;
  limits.buffers = 5;
  Operations operations(pool, limits);
  for (const auto strategy : {Strategy::Pool, Strategy::Queue}) {
    state.results.assign(items, 0);
    OperationOptions options;
    options.fixed = strategy;
    EXPECT_TRUE(operations.run(OperationKind::ReadAndCompute, items, steps, options).good());
    for (std::size_t i = 0; i < items; ++i) ASSERT_EQ(state.results[i], i);
  }
  std::fclose(file);
}

}  // namespace
}  // namespace ringside::jobs
