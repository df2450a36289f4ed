// What became of many items: how many of how many succeeded, which failed and why, and what ended
// the work early. And the wish that it end.
//
// Threads: Tally: any number at once but for outcome(), which comes after them. Cancel: anybody's.
// Bounded by: failures_kept_max failures kept, the rest counted. Fails by: nothing; a failure that
// cannot be kept for want of memory is counted all the same.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::jobs {

inline constexpr std::size_t failures_kept_max = 1024;

// A wish that something stop. Safe to make from a signal handler.
class Cancel {
 public:
  void request() noexcept { asked_.store(true, std::memory_order_release); }
  [[nodiscard]] bool requested() const noexcept {
    return asked_.load(std::memory_order_acquire);  // pairs with request()
  }

 private:
  std::atomic<bool> asked_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

enum class BatchEnd : std::uint8_t { Complete, Failed, Cancelled, Expired, Stopped };

struct Failure {
  std::size_t index = 0;
  std::string what;
};

struct Outcome {
  BatchEnd end = BatchEnd::Complete;
  std::size_t count = 0;
  std::size_t succeeded = 0;
  std::size_t failed = 0;
  std::vector<Failure> failures;  // by index; at most failures_kept_max

  [[nodiscard]] std::size_t skipped() const { return count - succeeded - failed; }
  [[nodiscard]] bool good() const { return succeeded == count; }
  // "198 of 200 succeeded; 2 failed: 17 (no such file), 31 (...)".
  [[nodiscard]] std::string text() const;
};

// Kept while the items run. The first end() stands.
class Tally {
 public:
  void succeed(std::size_t items = 1) noexcept {
    succeeded_.fetch_add(items, std::memory_order_relaxed);  // read after the work is over
  }
  void fail(std::size_t index, const char* what) noexcept;
  void end(BatchEnd why) noexcept;
  [[nodiscard]] BatchEnd ended() const noexcept { return end_.load(std::memory_order_relaxed); }
  // Items run so far, for progress.
  [[nodiscard]] std::size_t done() const noexcept {
    return succeeded_.load(std::memory_order_relaxed) + failed_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] Outcome outcome(std::size_t count);
  // What another tally came to, of the items from `first` on.
  void add(const Outcome& part, std::size_t first);

 private:
  alignas(128) std::atomic<std::size_t> succeeded_{0};
  std::atomic<std::size_t> failed_{0};
  std::atomic<BatchEnd> end_{BatchEnd::Complete};
  std::vector<Failure> failures_;  // under mutex_
  std::mutex mutex_;
};

}  // namespace ringside::jobs
