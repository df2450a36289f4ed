// Many items, one after the other on each of several workers: the same body for every index of
// [0, count). Unlike a task for each item it costs one task a worker and a few splits: a worker
// that has a range gives half of the rest away when its deque is empty, that is, when thieves have
// come (Tzannes, Caragea, Barua, Vishkin, "Lazy binary-splitting", 2010), and looks up from its
// work once a chunk, whose size follows from what the chunks before it took.
//
// Threads: start() and wait() by one thread, which is a worker of the pool or none; cancel() and
// done() anybody's. The batch must outlive wait(); the destructor waits.
// Bounded by: pieces_max ranges in flight; failures_kept_max failures kept, the rest counted.
// Fails by: Outcome. An item fails by throwing; the others go on unless stop_at_failure.
//
// Invariants: succeeded + failed + skipped = count, once it is over. At most `concurrency_max`
// items run at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <type_traits>
#include <vector>

#include "tools/jobs/outcome.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::jobs {

inline constexpr std::size_t pieces_max = 64;
inline constexpr std::size_t cache_line_bytes = 64;

struct BatchOptions {
  Priority priority = Priority::Normal;
  unsigned concurrency_max = 0;  // workers at it at once; 0: the pool's
  const Cancel* cancel = nullptr;
  std::uint64_t deadline_ns =
      0;  // by monotonic_ns(): what has not begun by then is skipped; 0: none
  bool stop_at_failure = false;
  // Pieces begin at multiples of so many items after `first_aligned`, so that no two workers write
  // into one cache line of the results.
  std::size_t align_items = 1;
  std::size_t first_aligned = 0;
  std::uint64_t (*now)() noexcept = &monotonic_ns;  // for tests
};

class Batch {
 public:
  // Runs items [begin, end); `next` is the first that has not been begun when it throws.
  using Body = void (*)(void* context, std::size_t& next, std::size_t end);

  Batch(Pool& pool, std::size_t count, Body body, void* context, const BatchOptions& options);
  ~Batch() { wait(); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Once. Small batches have been run when it returns.
  void start() noexcept;
  // Until every item has been run or skipped. A worker helps meanwhile.
  void wait() noexcept;
  // Not by a worker. False: not over at that time, by monotonic_ns().
  [[nodiscard]] bool wait_until(std::uint64_t time_ns) noexcept;
  void cancel() noexcept { tally_.end(BatchEnd::Cancelled); }
  // Items run so far, for progress.
  [[nodiscard]] std::size_t done() const noexcept { return tally_.done(); }
  // After wait().
  [[nodiscard]] Outcome outcome();

 private:
  struct Piece : Task {
    Batch* batch = nullptr;
    std::size_t begin = 0, end = 0;
    unsigned slot = 0;
  };

  [[nodiscard]] bool stopped() noexcept;
  [[nodiscard]] Piece* claim_piece(std::size_t begin, std::size_t end) noexcept;
  void release_piece(unsigned slot) noexcept;
  void run_range(std::size_t begin, std::size_t end, Worker* worker) noexcept;
  void run_chunk(std::size_t begin, std::size_t end) noexcept;
  void offer_half(std::size_t begin, std::size_t& end, Worker& worker) noexcept;
  void post_pieces() noexcept;
  [[nodiscard]] bool post_piece(Piece& piece) noexcept;
  [[nodiscard]] std::size_t aligned(std::size_t index) const noexcept;
  [[nodiscard]] unsigned pieces_at_once() const noexcept;

  Pool& pool_;
  std::size_t count_;
  Body body_;
  void* context_;
  BatchOptions options_;
  bool started_ = false;
  unsigned waiter_ = workers_max;  // the worker that waits, if it is one
  Completion completion_;
  std::vector<Piece> pieces_;
  alignas(128) std::atomic<std::uint64_t> live_{0};  // pieces in flight, as bits
  Tally tally_;
};

// `body(index)` for each index of [0, count); waits.
template <typename F>
Outcome for_each_index(Pool& pool, std::size_t count, F&& body, const BatchOptions& options = {}) {
  Batch batch(
      pool, count,
      [](void* context, std::size_t& next, std::size_t end) {
        auto& callable = *static_cast<std::remove_reference_t<F>*>(context);
        while (next < end) callable(next++);
      },
      const_cast<void*>(static_cast<const void*>(&body)), options);
  batch.start();
  batch.wait();
  return batch.outcome();
}

// Where results lie: on cache lines of their own.
template <typename T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <typename U>
  LineAllocator(const LineAllocator<U>&) noexcept {}
  static constexpr std::align_val_t alignment{alignof(T) > cache_line_bytes ? alignof(T)
                                                                            : cache_line_bytes};
  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), alignment));
  }
  void deallocate(T* memory, std::size_t) noexcept { ::operator delete(memory, alignment); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
};
template <typename T>
using Results = std::vector<T, LineAllocator<T>>;

// results[i] = body(i), in input order whatever the order they were run in. Items that failed or
// were skipped leave a T{}.
template <typename T, typename F>
Results<T> map(Pool& pool, std::size_t count, F&& body, Outcome& outcome,
               BatchOptions options = {}) {
  static_assert(!std::is_same_v<T, bool>, "bits of one byte cannot be written by several workers");
  Results<T> results(count);
  if (cache_line_bytes % sizeof(T) == 0) options.align_items = cache_line_bytes / sizeof(T);
  outcome = for_each_index(
      pool, count, [&](std::size_t index) { results[index] = body(index); }, options);
  return results;
}

}  // namespace ringside::jobs
