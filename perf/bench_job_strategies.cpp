// The strategy that Operations chooses against each that could have been fixed: batches of reads,
// of computing, and of both, of 10 to 2,000 items, in turns within one run.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "ipc/check.hpp"
#include "ipc/placement.hpp"
#include "perf/report.hpp"
#include "perf/suites.hpp"
#include "perf/two_processes.hpp"
#include "tools/jobs/operations.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned workers = 2;
constexpr std::size_t block_bytes = 4096;
constexpr std::size_t block_words = block_bytes / sizeof(std::uint64_t);

std::uint64_t word_of(std::uint64_t block, std::uint64_t word) {
  return (block * block_words + word) * 0x9e3779b97f4a7c15ULL;
}

std::uint64_t grind(std::uint64_t seed, std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  }
  return seed;
}

// Blocks that know their number, read past the page cache where the file system lets us.
class BlockFile {
 public:
  explicit BlockFile(std::uint64_t blocks) : blocks_(blocks) {
    auto name = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
    file_ = ::mkstemp(name.data());
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), name);
    std::array<std::uint64_t, block_words> words;
    for (std::uint64_t block = 0; block < blocks; ++block) {
      for (std::uint64_t i = 0; i < block_words; ++i) words[i] = word_of(block, i);
      if (::write(file_, words.data(), block_bytes) != static_cast<ssize_t>(block_bytes)) {
        throw std::system_error(errno, std::generic_category(), name);
      }
    }
    ::fsync(file_);
    const int direct = ::open(name.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    ::unlink(name.c_str());
    if (direct < 0) {
      fmt::print("  no O_DIRECT at {}: reads come from memory\n", name);
      return;
    }
    ::close(file_);
    file_ = direct;
  }
  ~BlockFile() { ::close(file_); }
  BlockFile(const BlockFile&) = delete;
  BlockFile& operator=(const BlockFile&) = delete;

  [[nodiscard]] int get() const { return file_; }
  [[nodiscard]] std::uint64_t block_of(std::size_t index) const {
    return grind(index + 1, 3) % blocks_;
  }

 private:
  int file_ = -1;
  std::uint64_t blocks_;
};

struct Work {
  const BlockFile& file;
  std::uint64_t steps = 0;  // of computing, an item
  bool reads = false;
  std::vector<std::uint64_t> results{};

  static jobs::FileRange range(void* context, std::size_t index) {
    const auto& self = *static_cast<Work*>(context);
    return {self.file.get(), self.file.block_of(index) * block_bytes, block_bytes, false};
  }
  static void take(void* context, std::size_t index, std::span<const std::byte> bytes) {
    auto& self = *static_cast<Work*>(context);
    std::uint64_t sum = self.reads ? 0 : index;
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, &bytes[i], sizeof word);
      sum ^= word;
    }
    self.results[index] = grind(sum, self.steps);
  }
  [[nodiscard]] std::uint64_t expected(std::size_t index) const {
    std::uint64_t sum = reads ? 0 : index;
    for (std::uint64_t i = 0; reads && i < block_words; ++i) {
      sum ^= word_of(file.block_of(index), i);
    }
    return grind(sum, steps);
  }
};

struct Kind {
  const char* name;
  jobs::OperationKind kind;
  std::uint64_t steps;
  std::vector<jobs::Strategy> fixed;
};

// ns a batch, of several one after the other where they are short.
double timed(jobs::Operations& operations, const Kind& kind, Work& work, std::size_t count,
             std::optional<jobs::Strategy> strategy) {
  jobs::OperationOptions options;
  options.fixed = strategy;
  const jobs::OperationSteps steps{&work, work.reads ? &Work::range : nullptr, &Work::take};
  const std::size_t times = std::max<std::size_t>(1, 200 / count);
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < times; ++i) {
    work.results.assign(count, 0);
    const auto begin = steady_ns();
    const auto outcome = operations.run(kind.kind, count, steps, options);
    taken += steady_ns() - begin;
    RINGSIDE_CHECK(outcome.good());
  }
  for (std::size_t i = 0; i < count; ++i) RINGSIDE_CHECK(work.results[i] == work.expected(i));
  return static_cast<double>(taken) / static_cast<double>(times);
}

// The metric's name, and its value.
std::pair<std::string, double> bench_cell(Report& report, const Kind& kind, Work& work,
                                          std::size_t count, unsigned rounds,
                                          jobs::Operations& adaptive, jobs::Operations& fixed) {
  std::vector<double> chosen;
  std::vector<std::vector<double>> others(kind.fixed.size());
  std::array<unsigned, jobs::strategies> taken{};
  for (unsigned round = 0; round < rounds; ++round) {
    chosen.push_back(timed(adaptive, kind, work, count, std::nullopt));
    ++taken[static_cast<std::size_t>(adaptive.last_strategy())];
    for (std::size_t i = 0; i < others.size(); ++i) {
      others[i].push_back(timed(fixed, kind, work, count, kind.fixed[i]));
    }
  }
  const auto best = std::min_element(
      others.begin(), others.end(),
      [](const auto& left, const auto& right) { return median(left) < median(right); });
  std::string line = fmt::format("  {} x {:>4}: chosen", kind.name, count);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i] == 0) continue;
    line += fmt::format(" {} {}x", name_of(static_cast<jobs::Strategy>(i)), taken[i]);
  }
  line += fmt::format(", {:.0f} us;", median(chosen) / 1e3);
  for (std::size_t i = 0; i < others.size(); ++i) {
    line += fmt::format(" {} {:.0f}", name_of(kind.fixed[i]), median(others[i]) / 1e3);
  }
  fmt::print("{}\n", line);
  auto name = fmt::format("jobs.adaptive_over_best.{}_{}", kind.name, count);
  report.ratio(name, chosen, *best);
  return {std::move(name), report.metrics().back().value};
}

}  // namespace

void bench_job_strategies(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  using jobs::OperationKind, jobs::Strategy;
  const std::vector<Kind> kinds{
      {"read", OperationKind::Read, 0, {Strategy::InPlace, Strategy::Pool, Strategy::Queue}},
      {"compute", OperationKind::Compute, 1'000, {Strategy::InPlace, Strategy::Pool}},
      {"mixed",
       OperationKind::ReadAndCompute,
       10'000,
       {Strategy::InPlace, Strategy::Pool, Strategy::Queue}}};
  const std::vector<std::size_t> counts = small
                                              ? std::vector<std::size_t>{10, 50}
                                              : std::vector<std::size_t>{10, 50, 200, 1'000, 2'000};
  jobs::PoolOptions options;
  options.cpus = ipc::allowed_cpus();
  options.workers = workers;
  jobs::Pool pool(options);
  // What is fixed teaches the one that chooses nothing.
  jobs::Operations adaptive(pool), fixed(pool);
  if (!adaptive.queue_refusal().empty()) fmt::print("  no queue: {}\n", adaptive.queue_refusal());
  const BlockFile file(small ? 256 : 16'384);
  std::pair<std::string, double> worst;
  for (const auto& kind : kinds) {
    Work work{file, kind.steps, kind.kind != OperationKind::Compute};
    for (unsigned warm_up = 0; warm_up < 3; ++warm_up) {
      for (const auto count : counts) timed(adaptive, kind, work, count, std::nullopt);
    }
    for (const auto count : counts) {
      const unsigned rounds = small ? 1 : count > 500 ? 9 : 21;
      auto cell = bench_cell(report, kind, work, count, rounds, adaptive, fixed);
      if (cell.second > worst.second) worst = std::move(cell);
    }
  }
  report.repeat(worst.first, "jobs.adaptive_over_best");
}

}  // namespace ringside::perf
