// The pool of tools/jobs against oneTBB, a queue under a mutex, and a static split: the same work,
// the same number of workers, in turns within one run.
#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/parallel_invoke.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ipc/check.hpp"
#include "ipc/placement.hpp"
#include "perf/job_peers.hpp"
#include "perf/report.hpp"
#include "perf/suites.hpp"
#include "perf/two_processes.hpp"
#include "tools/jobs/batch.hpp"
#include "tools/jobs/channel.hpp"
#include "tools/jobs/fork_join.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned workers = 2;

jobs::PoolOptions pool_options(unsigned count = workers) {
  jobs::PoolOptions options;
  options.cpus = ipc::allowed_cpus();
  options.workers = count;
  return options;
}

// What every task of a run counts down; the last one wakes the waiter, in all pools alike.
class Countdown {
 public:
  explicit Countdown(std::uint64_t count) : left_(count) {}
  void one(std::uint64_t value) noexcept {
    sum_.fetch_add(value, std::memory_order_relaxed);  // read after done_
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.finish();
  }
  // What the tasks' numbers come to.
  std::uint64_t wait() {
    done_.wait();
    return sum_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> left_;
  std::atomic<std::uint64_t> sum_{0};
  jobs::Completion done_;
};

constexpr std::uint64_t sum_below(std::uint64_t count) { return count * (count - 1) / 2; }

// ns a task, from the first submission to the end of the last.
template <typename Submit>
double flood_ns(std::uint64_t tasks, Submit submit) {
  Countdown countdown(tasks);
  const auto begin = steady_ns();
  submit(countdown);
  RINGSIDE_CHECK(countdown.wait() == sum_below(tasks));
  return static_cast<double>(steady_ns() - begin) / static_cast<double>(tasks);
}

double flood_ours(jobs::Pool& pool, std::uint64_t tasks) {
  return flood_ns(tasks, [&](Countdown& countdown) {
    for (std::uint64_t i = 0; i < tasks; ++i) pool.post([&countdown, i] { countdown.one(i); });
  });
}

double flood_ours_batched(jobs::Pool& pool, std::uint64_t tasks) {
  return flood_ns(tasks, [&](Countdown& countdown) {
    std::array<jobs::Posted, 64> batch;
    for (std::uint64_t i = 0; i < tasks;) {
      std::size_t count = 0;
      for (; count < batch.size() && i < tasks; ++count, ++i) {
        batch[count] = jobs::Pool::posted_of([&countdown, i] { countdown.one(i); });
      }
      pool.post_all({batch.data(), count}, jobs::Priority::Normal);
    }
  });
}

double flood_mutex(MutexPool& pool, std::uint64_t tasks) {
  return flood_ns(tasks, [&](Countdown& countdown) {
    for (std::uint64_t i = 0; i < tasks; ++i) pool.submit([&countdown, i] { countdown.one(i); });
  });
}

double flood_tbb(tbb::task_arena& arena, std::uint64_t tasks) {
  return flood_ns(tasks, [&](Countdown& countdown) {
    for (std::uint64_t i = 0; i < tasks; ++i) arena.enqueue([&countdown, i] { countdown.one(i); });
  });
}

void bench_external(Report& report, bool small, tbb::task_arena& arena) {
  const std::uint64_t tasks = small ? 2'000 : 200'000;
  jobs::Pool pool(pool_options());
  MutexPool mutex_pool(workers);
  std::vector<double> ours, batched, mutex, tbb;
  for (unsigned round = 0; round < (small ? 1U : 21U); ++round) {
    ours.push_back(flood_ours(pool, tasks));
    tbb.push_back(flood_tbb(arena, tasks));
    mutex.push_back(flood_mutex(mutex_pool, tasks));
    batched.push_back(flood_ours_batched(pool, tasks));
  }
  report.ratio("jobs.external_vs_tbb", ours, tbb);
  report.ratio("jobs.external_vs_mutex", ours, mutex);
  report.ratio("jobs.external_batched_vs_mutex", batched, mutex);
  report.figure("jobs.external_task", "ns", ours);
}

// --- Fork and join ------------------------------------------------------------------------------

unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

unsigned fib_ours(unsigned n) {
  if (n < 2) return n;
  unsigned left = 0, right = 0;
  jobs::invoke_both([&] { left = fib_ours(n - 1); }, [&] { right = fib_ours(n - 2); });
  return left + right;
}
unsigned fib_tbb_invoke(unsigned n) {
  if (n < 2) return n;
  unsigned left = 0, right = 0;
  tbb::parallel_invoke([&] { left = fib_tbb_invoke(n - 1); },
                       [&] { right = fib_tbb_invoke(n - 2); });
  return left + right;
}
unsigned fib_tbb_group(unsigned n) {
  if (n < 2) return n;
  unsigned left = 0, right = 0;
  tbb::task_group group;
  group.run([&] { right = fib_tbb_group(n - 2); });
  left = fib_tbb_group(n - 1);
  group.wait();
  return left + right;
}

// ns a fork.
template <typename Run>
double timed_fib(unsigned answer, unsigned forks, Run run) {
  const auto begin = steady_ns();
  RINGSIDE_CHECK(run() == answer);
  return static_cast<double>(steady_ns() - begin) / forks;
}

void bench_fork_join(Report& report, bool small, tbb::task_arena& arena) {
  const unsigned n = small ? 12 : 24;
  const unsigned answer = fib(n), forks = fib(n + 1) - 1;
  jobs::Pool pool(pool_options());
  std::vector<double> ours, invoke, group;
  for (unsigned round = 0; round < (small ? 1U : 31U); ++round) {
    ours.push_back(
        timed_fib(answer, forks, [&] { return *pool.run([&] { return fib_ours(n); }); }));
    invoke.push_back(
        timed_fib(answer, forks, [&] { return arena.execute([&] { return fib_tbb_invoke(n); }); }));
    group.push_back(
        timed_fib(answer, forks, [&] { return arena.execute([&] { return fib_tbb_group(n); }); }));
  }
  // Against whichever of its two ways is the faster.
  report.ratio("jobs.forkjoin_vs_tbb", ours, median(invoke) < median(group) ? invoke : group);
  report.figure("jobs.forkjoin_fork", "ns", ours);
  report.ratio("jobs.forkjoin_vs_tbb_invoke", ours, invoke);
  report.ratio("jobs.forkjoin_vs_tbb_group", ours, group);
}

// --- Uneven work --------------------------------------------------------------------------------

// An item's work, and its answer.
std::uint64_t grind(std::uint64_t seed, std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  }
  return seed;
}
// Sorted: the first half of the items costs next to nothing.
std::uint64_t steps_of(std::uint64_t index, std::uint64_t count) {
  return index < count / 2 ? 20 : 4'000;
}

// Two threads, cut at `middle`.
double split_in_two(std::span<std::uint64_t> results, std::size_t middle) {
  const auto begin = steady_ns();
  const auto run = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) results[i] = grind(i, steps_of(i, results.size()));
  };
  std::thread other([&] { run(middle, results.size()); });
  run(0, middle);
  other.join();
  return static_cast<double>(steady_ns() - begin);
}

double split_by_pool(jobs::Pool& pool, std::uint64_t count, std::uint64_t expected) {
  const auto begin = steady_ns();
  jobs::Outcome outcome;
  const auto results = jobs::map<std::uint64_t>(
      pool, count, [&](std::size_t i) { return grind(i, steps_of(i, count)); }, outcome);
  const auto taken = static_cast<double>(steady_ns() - begin);
  std::uint64_t sum = 0;
  for (const auto result : results) sum ^= result;
  RINGSIDE_CHECK(outcome.good() && sum == expected);
  return taken;
}

void bench_uneven(Report& report, bool small) {
  const std::uint64_t count = small ? 200 : 10'000;
  jobs::Pool pool(pool_options());
  jobs::Pool single(pool_options(1));
  std::vector<std::uint64_t> results(count);
  std::vector<double> ours, statically, alone, by_hand;
  for (unsigned round = 0; round < (small ? 1U : 31U); ++round) {
    statically.push_back(split_in_two(results, count / 2));
    std::uint64_t expected = 0;
    for (const auto result : results) expected ^= result;
    ours.push_back(split_by_pool(pool, count, expected));
    // By somebody who knows what each item costs: what the machine gives two threads just now.
    by_hand.push_back(split_in_two(results, count * 3 / 4));
    alone.push_back(split_by_pool(single, count, expected));
  }
  report.ratio("jobs.uneven_vs_static", statically, ours);
  report.ratio("jobs.uneven_by_hand_vs_static", statically, by_hand);
  report.ratio("jobs.uneven_speedup", alone, ours);
}

// --- Channels -----------------------------------------------------------------------------------

// Items a second through a channel of the same size, `batch` at a time on both sides.
double channel_rate(std::uint64_t items, std::size_t batch) {
  jobs::Channel<std::uint64_t> channel(1024);
  const auto begin = steady_ns();
  std::thread receiver([&] {
    std::vector<std::uint64_t> into(batch);
    std::uint64_t next = 0;
    while (const auto count = channel.receive(into)) {
      for (std::size_t i = 0; i < count; ++i) RINGSIDE_CHECK(into[i] == next++);
    }
    RINGSIDE_CHECK(next == items);
  });
  std::vector<std::uint64_t> from(batch);
  for (std::uint64_t next = 0; next < items;) {
    const auto count = std::min<std::uint64_t>(batch, items - next);
    for (std::uint64_t i = 0; i < count; ++i) from[i] = next++;
    RINGSIDE_CHECK(channel.send({from.data(), count}) == count);
  }
  channel.close();
  receiver.join();
  return static_cast<double>(items) / static_cast<double>(steady_ns() - begin) * 1e9;
}

void bench_channels(Report& report, bool small) {
  std::vector<double> batched, single;
  for (unsigned round = 0; round < (small ? 1U : 15U); ++round) {
    batched.push_back(channel_rate(small ? 10'000 : 2'000'000, 64));
    single.push_back(channel_rate(small ? 1'000 : 200'000, 1));
  }
  report.ratio("jobs.batched_channel_vs_single", batched, single);
}

// --- Trickle ------------------------------------------------------------------------------------

std::uint64_t process_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// CPU time that one tiny task each 2 ms costs, us a task, the submitter's included.
template <typename Submit>
double trickle_us(std::uint64_t tasks, Submit submit) {
  constexpr std::uint64_t period_ns = 2'000'000;
  Countdown countdown(tasks);
  const auto cpu = process_cpu_ns();
  auto due = steady_ns();
  for (std::uint64_t i = 0; i < tasks; ++i) {
    due += period_ns;
    const timespec until{static_cast<time_t>(due / 1'000'000'000),
                         static_cast<long>(due % 1'000'000'000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    submit(countdown, i);
  }
  RINGSIDE_CHECK(countdown.wait() == sum_below(tasks));
  return static_cast<double>(process_cpu_ns() - cpu) / static_cast<double>(tasks) / 1e3;
}

void bench_trickle(Report& report, bool small, tbb::task_arena& arena) {
  const std::uint64_t tasks = small ? 5 : 100;
  jobs::Pool pool(pool_options());
  MutexPool mutex_pool(workers);
  std::vector<double> ours, mutex, tbb;
  for (unsigned round = 0; round < (small ? 1U : 21U); ++round) {
    ours.push_back(trickle_us(tasks, [&](Countdown& countdown, std::uint64_t i) {
      pool.post([&countdown, i] { countdown.one(i); });
    }));
    mutex.push_back(trickle_us(tasks, [&](Countdown& countdown, std::uint64_t i) {
      mutex_pool.submit([&countdown, i] { countdown.one(i); });
    }));
    tbb.push_back(trickle_us(tasks, [&](Countdown& countdown, std::uint64_t i) {
      arena.enqueue([&countdown, i] { countdown.one(i); });
    }));
  }
  report.ratio("jobs.idle_cpu_vs_mutex", ours, mutex);
  report.ratio("jobs.idle_cpu_vs_tbb", ours, tbb);
}

}  // namespace

void bench_jobs(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  // The submitter is none of the workers; where it waits inside, it is one.
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers + 1);
  tbb::task_arena outside(static_cast<int>(workers), 0);
  tbb::task_arena inside(static_cast<int>(workers), 1);
  bench_external(report, small, outside);
  bench_fork_join(report, small, inside);
  bench_uneven(report, small);
  bench_channels(report, small);
  bench_trickle(report, small, outside);
}

}  // namespace ringside::perf
