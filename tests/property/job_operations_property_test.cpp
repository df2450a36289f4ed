// Operations under random schedules from a printed seed: every kind by every strategy, cut short in
// every way, over files whose contents are known.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ipc/placement.hpp"
#include "tools/jobs/operations.hpp"

namespace ringside::jobs {
namespace {

constexpr unsigned rounds = 40;
constexpr std::size_t file_bytes = std::size_t{1} << 20;

std::uint64_t test_seed() {
  const char* const given = std::getenv("RINGSIDE_JOBS_SEED");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? std::random_device{}() : std::strtoull(given, nullptr, 0);
}

std::byte byte_at(std::uint64_t offset) {
  return static_cast<std::byte>(offset * 7 + offset / 251);
}

// Without a name: gone with its descriptor.
class KnownFile {
 public:
  KnownFile() {
    std::string name = testing::TempDir() + "ringside_operations_XXXXXX";
    file_ = mkstemp(name.data());
    unlink(name.c_str());
    std::vector<std::byte> bytes(file_bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_at(i);
    EXPECT_EQ(::write(file_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  ~KnownFile() { ::close(file_); }
  KnownFile(const KnownFile&) = delete;
  KnownFile& operator=(const KnownFile&) = delete;
  [[nodiscard]] int get() const { return file_; }

 private:
  int file_ = -1;
};

// A batch whose items know what they must be given.
struct Checked {
  explicit Checked(std::size_t count, int with) : file(with), ranges(count), runs(count) {}

  int file;
  std::vector<FileRange> ranges;
  std::vector<std::atomic<unsigned>> runs;
  std::vector<std::uint8_t> throws;  // by index; empty: none
  std::atomic<unsigned> wrong{0};
  std::atomic<std::size_t> taken{0};
  std::size_t cancel_at = ~std::size_t{0};
  Cancel cancel;

  static FileRange range(void* context, std::size_t index) {
    auto& self = *static_cast<Checked*>(context);
    if (!self.throws.empty() && self.throws[index] == 2) throw std::runtime_error("no such file");
    auto range = self.ranges[index];
    if (range.close_after) range.file = ::dup(self.file);
    return range;
  }
  static void take(void* context, std::size_t index, std::span<const std::byte> bytes) {
    auto& self = *static_cast<Checked*>(context);
    self.runs[index].fetch_add(1);
    const auto& range = self.ranges[index];
    bool good = bytes.size() == range.bytes;
    for (std::size_t i = 0; good && i < bytes.size(); ++i) {
      good = bytes[i] == byte_at(range.offset + i);
    }
    if (!good) self.wrong.fetch_add(1);
    if (self.taken.fetch_add(1) == self.cancel_at) self.cancel.request();
    if (!self.throws.empty() && self.throws[index] == 1) throw std::runtime_error("bad item");
  }
  [[nodiscard]] OperationSteps steps(OperationKind kind) {
    return {this, kind == OperationKind::Compute ? nullptr : &Checked::range, &Checked::take};
  }
};

std::size_t open_files() {
  std::size_t count = 0;
  for (int file = 0; file < 1024; ++file) count += ::fcntl(file, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

class JobOperations : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto seed = test_seed();
    std::printf("RINGSIDE_JOBS_SEED=%llu\n", static_cast<unsigned long long>(seed));
    random_.seed(seed);
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

  PoolOptions any_pool() {
    PoolOptions options;
    options.cpus = ipc::allowed_cpus();
    options.workers = 1 + static_cast<unsigned>(below(4));
    options.stealing = below(4) != 0;
    options.queue_slots = std::size_t{2} << below(6);
    options.small_batch_items = below(2) * 4;
    return options;
  }
  OperationLimits any_limits() {
    OperationLimits limits;
    limits.buffers = 1 + static_cast<unsigned>(below(slots_max));
    limits.queue = below(5) != 0;
    return limits;
  }
  OperationKind any_kind() { return static_cast<OperationKind>(below(3)); }
  std::optional<Strategy> any_strategy() {
    const auto chosen = below(strategies + 2);
    if (chosen >= strategies) return std::nullopt;
    return static_cast<Strategy>(chosen);
  }
  std::unique_ptr<Checked> any_batch(OperationKind kind, std::size_t count) {
    auto batch = std::make_unique<Checked>(count, file_.get());
    for (auto& range : batch->ranges) {
      if (kind == OperationKind::Compute) continue;
      const bool large = below(20) == 0;
      range.bytes = below(8) == 0 ? 0 : 1 + below(large ? 100'000 : 3'000);
      range.offset = below(file_bytes - range.bytes);
      range.file = file_.get();
      range.close_after = below(4) == 0;
    }
    return batch;
  }

  std::mt19937_64 random_;
  KnownFile file_;
};

TEST_F(JobOperations, EveryItemIsGivenItsBytesOnceHoweverItIsRun) {
  const auto files = open_files();
  for (unsigned round = 0; round < rounds; ++round) {
    Pool pool(any_pool());
    Operations operations(pool, any_limits());
    for (unsigned again = 0; again < 4; ++again) {
      const auto kind = any_kind();
      const auto count = below(400);
      const auto batch = any_batch(kind, count);
      OperationOptions options;
      options.fixed = any_strategy();
      const auto outcome = operations.run(kind, count, batch->steps(kind), options);
      ASSERT_EQ(outcome.succeeded, count) << outcome.text();
      ASSERT_TRUE(outcome.good());
      ASSERT_EQ(batch->wrong.load(), 0U);
      for (const auto& run : batch->runs) ASSERT_EQ(run.load(), 1U);
    }
  }
  EXPECT_EQ(open_files(), files);
}

TEST_F(JobOperations, AnItemThatFailsFailsAloneAndIsNamed) {
  const auto files = open_files();
  for (unsigned round = 0; round < rounds; ++round) {
    Pool pool(any_pool());
    Operations operations(pool, any_limits());
    const auto kind = any_kind();
    const auto count = 1 + below(300);
    const auto batch = any_batch(kind, count);
    std::vector<std::pair<std::size_t, std::string>> expected;
    for (std::size_t i = 0; i < count; ++i) {
      const auto throws = below(10);
      batch->throws.push_back(throws == 1                                     ? 1
                              : throws == 2 && kind != OperationKind::Compute ? 2
                                                                              : 0);
      if (batch->throws[i] != 0)
        expected.emplace_back(i, batch->throws[i] == 1 ? "bad item" : "no such file");
    }
    OperationOptions options;
    options.fixed = any_strategy();
    const auto outcome = operations.run(kind, count, batch->steps(kind), options);
    ASSERT_EQ(outcome.failed, expected.size()) << outcome.text();
    ASSERT_EQ(outcome.succeeded, count - expected.size());
    ASSERT_EQ(outcome.end, expected.empty() ? BatchEnd::Complete : BatchEnd::Failed);
    ASSERT_EQ(outcome.failures.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(outcome.failures[i].index, expected[i].first);
      ASSERT_EQ(outcome.failures[i].what, expected[i].second);
    }
  }
  EXPECT_EQ(open_files(), files);
}

TEST_F(JobOperations, WhatIsCutShortCountsWhatItHasDone) {
  const auto files = open_files();
  for (unsigned round = 0; round < rounds; ++round) {
    Pool pool(any_pool());
    Operations operations(pool, any_limits());
    const auto kind = any_kind();
    const auto count = 10 + below(500);
    const auto batch = any_batch(kind, count);
    batch->cancel_at = below(count);
    OperationOptions options;
    options.fixed = any_strategy();
    const bool by_failure = below(3) == 0;
    if (by_failure) {
      batch->throws.assign(count, 0);
      batch->throws[below(count)] = 1;
      options.batch.stop_at_failure = true;
    } else {
      options.batch.cancel = &batch->cancel;
    }
    const auto outcome = operations.run(kind, count, batch->steps(kind), options);
    ASSERT_EQ(outcome.succeeded + outcome.failed, batch->taken.load());
    ASSERT_EQ(outcome.succeeded + outcome.failed + outcome.skipped(), count);
    for (const auto& run : batch->runs) ASSERT_LE(run.load(), 1U);
    if (outcome.skipped() != 0) {
      ASSERT_EQ(outcome.end, by_failure ? BatchEnd::Failed : BatchEnd::Cancelled);
    }
    // What comes next is whole again.
    const auto after = any_batch(kind, 20);
    ASSERT_TRUE(operations.run(kind, 20, after->steps(kind)).good());
    ASSERT_EQ(after->wrong.load(), 0U);
  }
  EXPECT_EQ(open_files(), files);
}

TEST_F(JobOperations, APoolThatStopsInMidWorkAccountsForEverything) {
  for (unsigned round = 0; round < rounds; ++round) {
    const auto pool = std::make_unique<Pool>(any_pool());
    Operations operations(*pool, any_limits());
    const auto kind = any_kind();
    const auto count = 200 + below(2'000);
    const auto batch = any_batch(kind, count);
    const auto when = below(count);
    std::atomic<bool> over{false};
    std::thread stopper([&] {
      while (batch->taken.load() < when && !over.load()) std::this_thread::yield();
      pool->stop();
    });
    OperationOptions options;
    options.fixed = any_strategy();
    const auto outcome = operations.run(kind, count, batch->steps(kind), options);
    over = true;
    stopper.join();
    ASSERT_EQ(outcome.succeeded, batch->taken.load());
    ASSERT_EQ(outcome.end == BatchEnd::Stopped, outcome.skipped() != 0) << outcome.text();
  }
}

std::atomic<std::uint64_t> test_clock{0};

TEST_F(JobOperations, AfterTheDeadlineNothingBegins) {
  for (unsigned round = 0; round < rounds; ++round) {
    auto pool_options = any_pool();
    pool_options.chunk_ns = 0;
    Pool pool(pool_options);
    Operations operations(pool, any_limits());
    const auto kind = any_kind();
    test_clock = 1;
    struct Late {
      std::atomic<std::size_t> taken{0}, late{0};
      std::size_t when;
    } state{{}, {}, below(100)};
    const OperationSteps steps{
        &state,
        kind == OperationKind::Compute ? nullptr : +[](void*, std::size_t) { return FileRange{}; },
        [](void* context, std::size_t, std::span<const std::byte>) {
          auto& self = *static_cast<Late*>(context);
          self.late += test_clock.load() >= 100 ? 1 : 0;
          if (self.taken.fetch_add(1) == self.when) test_clock = 100;
        }};
    OperationOptions options;
    options.fixed = any_strategy();
    options.batch.deadline_ns = 100;
    options.batch.now = []() noexcept -> std::uint64_t { return test_clock.load(); };
    const auto outcome = operations.run(kind, 100, steps, options);
    ASSERT_EQ(outcome.succeeded, state.taken.load());
    ASSERT_EQ(outcome.end == BatchEnd::Expired, outcome.skipped() != 0) << outcome.text();
    ASSERT_LE(state.late.load(), pool.worker_count() + 1);
  }
}

TEST_F(JobOperations, AFileThatIsShorterThanItWasFailsByName) {
  Pool pool(any_pool());
  Operations operations(pool);
  for (const auto strategy : {Strategy::InPlace, Strategy::Pool, Strategy::Queue}) {
    auto batch = any_batch(OperationKind::Read, 3);
    batch->ranges[1] = {file_.get(), file_bytes - 10, 30, false};
    OperationOptions options;
    options.fixed = strategy;
    const auto outcome =
        operations.run(OperationKind::Read, 3, batch->steps(OperationKind::Read), options);
    EXPECT_EQ(
        outcome.text(),
        "2 of 3 succeeded; 1 failed: 1 (the file ended after 10 of 30 bytes: it was cut while "
        "it was read)");
    batch->ranges[1] = {-1, 0, 30, false};
    EXPECT_NE(operations.run(OperationKind::Read, 3, batch->steps(OperationKind::Read), options)
                  .text()
                  .find("cannot read: Bad file descriptor"),
              std::string::npos);
  }
}

// Items that end sooner than a tick must not put it off.
TEST_F(JobOperations, WhoWaitsIsCalledEachTickHoweverBusy) {
  for (const auto strategy : {Strategy::InPlace, Strategy::Pool, Strategy::Queue}) {
    Pool pool(any_pool());
    Operations operations(pool, any_limits());
    struct State {
      std::atomic<unsigned> ticks{0};
      Cancel cancel;
    } state;
    OperationOptions options;
    options.fixed = strategy;
    options.tick_ns = 1'000'000;
    options.tick_context = &state;
    options.tick = [](void* context) {
      auto& self = *static_cast<State*>(context);
      if (self.ticks.fetch_add(1) == 3) self.cancel.request();
    };
    options.batch.cancel = &state.cancel;
    const OperationSteps steps{&state, [](void*, std::size_t) { return FileRange{}; },
                               [](void*, std::size_t, std::span<const std::byte>) {}};
    const auto outcome =
        operations.run(OperationKind::ReadAndCompute, std::size_t{1} << 40, steps, options);
    EXPECT_EQ(outcome.end, BatchEnd::Cancelled) << name_of(strategy);
  }
}

TEST_F(JobOperations, MoreThanABufferTakesIsRefused) {
  Pool pool(any_pool());
  OperationLimits limits;
  limits.buffer_bytes_max = 4'096;
  Operations operations(pool, limits);
  for (const auto strategy : {Strategy::InPlace, Strategy::Pool, Strategy::Queue}) {
    auto batch = any_batch(OperationKind::ReadAndCompute, 2);
    batch->ranges[0] = {file_.get(), 0, 4'097, false};
    batch->ranges[1] = {file_.get(), 0, 4'096, false};
    OperationOptions options;
    options.fixed = strategy;
    const auto outcome = operations.run(OperationKind::ReadAndCompute, 2,
                                        batch->steps(OperationKind::ReadAndCompute), options);
    EXPECT_EQ(outcome.succeeded, 1U);
    EXPECT_NE(outcome.text().find("0 (4097 bytes at once"), std::string::npos) << outcome.text();
  }
}

}  // namespace
}  // namespace ringside::jobs
