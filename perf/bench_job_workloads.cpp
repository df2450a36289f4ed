// The pool over workloads of every kind: how fast, how well used, how much faster than one worker.
// Figures to look at, without a bound: they are the machine's as much as the pool's.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ipc/check.hpp"
#include "ipc/histogram.hpp"
#include "ipc/placement.hpp"
#include "perf/report.hpp"
#include "perf/suites.hpp"
#include "perf/two_processes.hpp"
#include "tools/jobs/batch.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::perf {
namespace {

constexpr std::size_t block_words = std::size_t{1} << 15;  // 256 KiB an item
constexpr std::size_t blocks = 256;                        // 64 MiB: beyond the caches

std::uint64_t grind(std::uint64_t seed, std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  }
  return seed;
}

struct Shape {
  const char* name;
  std::size_t items;
  std::uint64_t (*steps)(std::size_t index, std::size_t count);  // of arithmetic
  bool reads_block;
};

constexpr std::array shapes{
    Shape{"compute", 2'000, [](std::size_t, std::size_t) -> std::uint64_t { return 10'000; },
          false},
    Shape{"memory", 2'000, [](std::size_t, std::size_t) -> std::uint64_t { return 0; }, true},
    Shape{"mixed", 2'000, [](std::size_t, std::size_t) -> std::uint64_t { return 10'000; }, true},
    Shape{"uneven", 2'000,
          [](std::size_t index, std::size_t count) -> std::uint64_t {
            return index < count * 9 / 10 ? 100 : 100'000;
          },
          false},
    // Many items that cost next to nothing: what the pool itself costs.
    Shape{"throughput", 200'000, [](std::size_t, std::size_t) -> std::uint64_t { return 10; },
          false}};

std::uint64_t item_of(const Shape& shape, const std::vector<std::uint64_t>& memory,
                      std::size_t index, std::size_t count) {
  std::uint64_t sum = index;
  if (shape.reads_block) {
    const auto* const block = &memory[index % blocks * block_words];
    for (std::size_t i = 0; i < block_words; ++i) sum += block[i];
  }
  return grind(sum, shape.steps(index, count));
}

struct Sample {
  double ns = 0;
  double utilisation = 0;  // share of the workers' time that they did not sleep
};

Sample sample_of(jobs::Pool& pool, const Shape& shape, const std::vector<std::uint64_t>& memory,
                 std::size_t count, std::uint64_t expected) {
  const auto parked = pool.counts().parked_ns;
  const auto begin = steady_ns();
  jobs::Outcome outcome;
  const auto results = jobs::map<std::uint64_t>(
      pool, count, [&](std::size_t i) { return item_of(shape, memory, i, count); }, outcome);
  const auto taken = static_cast<double>(steady_ns() - begin);
  std::uint64_t sum = 0;
  for (const auto result : results) sum ^= result;
  RINGSIDE_CHECK(outcome.good() && sum == expected);
  const auto slept = static_cast<double>(pool.counts().parked_ns - parked);
  return {taken, std::max(0.0, 1 - slept / (taken * pool.worker_count()))};
}

jobs::PoolOptions options_of(unsigned workers) {
  jobs::PoolOptions options;
  options.cpus = ipc::allowed_cpus();
  options.workers = workers;
  return options;
}

void bench_shape(Report& report, const Shape& shape, const std::vector<std::uint64_t>& memory,
                 bool small) {
  const auto count = small ? shape.items / 100 : shape.items;
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < count; ++i) expected ^= item_of(shape, memory, i, count);
  jobs::Pool pool(options_of(0)), single(options_of(1));
  std::vector<double> ours, alone, rate, utilisation, bandwidth;
  for (unsigned round = 0; round < (small ? 1U : 11U); ++round) {
    const auto sample = sample_of(pool, shape, memory, count, expected);
    alone.push_back(sample_of(single, shape, memory, count, expected).ns);
    ours.push_back(sample.ns);
    rate.push_back(static_cast<double>(count) * 1e9 / sample.ns);
    utilisation.push_back(sample.utilisation);
    bandwidth.push_back(static_cast<double>(count * block_words * sizeof(std::uint64_t)) /
                        sample.ns);
  }
  const auto name = fmt::format("jobs.workload.{}", shape.name);
  report.ratio(name + ".speedup", alone, ours);
  report.figure(name + ".items", "1/s", rate);
  report.figure(name + ".utilisation", "share", utilisation);
  if (shape.reads_block) report.figure(name + ".bandwidth", "GB/s", bandwidth);
}

// One tiny task at a time, from outside, workers asleep: from post() to its end.
void bench_latency(Report& report, bool small) {
  jobs::Pool pool(options_of(0));
  ipc::HistogramSnapshot histogram;
  std::vector<double> posting;
  for (unsigned i = 0; i < (small ? 20U : 3'000U); ++i) {
    jobs::Completion done;
    const auto begin = steady_ns();
    pool.post([&done] { done.finish(); });
    const auto posted = steady_ns();
    done.wait();
    histogram.record(steady_ns() - begin);
    posting.push_back(static_cast<double>(posted - begin));
  }
  report.figure("jobs.workload.latency.submission", "ns", {median(posting)});
  for (const auto& [name, percent] :
       {std::pair("p50", 50.0), std::pair("p99", 99.0), std::pair("p999", 99.9)}) {
    report.figure(fmt::format("jobs.workload.latency.{}", name), "ns",
                  {static_cast<double>(histogram.percentile(percent))});
  }
}

}  // namespace

void bench_job_workloads(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  std::vector<std::uint64_t> memory(blocks * block_words);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = i;
  for (const auto& shape : shapes) bench_shape(report, shape, memory, small);
  bench_latency(report, small);
}

}  // namespace ringside::perf
