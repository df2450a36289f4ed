// One thread of the pool: its deque, its luck as a thief, what it has done. And what a task is.
//
// A worker looks for work in this order: the urgent queue, its own deque (newest first), the
// ordinary queue (several at once where it is long), other workers' deques (oldest first, victims
// at random, those of its own NUMA node before others), the queue for whatever nobody waits for. It
// parks when all are empty.
//
// Threads: everything the worker's own but steal(), counts() and task_count(), which are anybody's.
// Bounded by: deque_slots; help_depth_max tasks begun inside the waits of others.
// Fails by: push() answers false when the deque is full; the caller runs the task itself.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "ipc/clock.hpp"
#include "ipc/histogram.hpp"
#include "tools/jobs/deque.hpp"
#include "tools/jobs/injection.hpp"
#include "tools/jobs/parking.hpp"

namespace ringside::jobs {

class Pool;
class Worker;

using ipc::monotonic_ns;

inline constexpr std::size_t deque_slots = 1024;
inline constexpr unsigned help_depth_max = 16;
inline constexpr std::size_t share_max = 16;       // taken from the ordinary queue at once
inline constexpr std::size_t post_bytes_max = 40;  // of a callable that lies in a queue's cell

// High is taken before anything else, also between two chunks of a batch; Low only by a worker that
// would park otherwise.
enum class Priority : std::uint8_t { High, Normal, Low };
inline constexpr std::size_t priorities = 3;

// Lies in its owner's memory until it has been run.
struct Task {
  void (*run)(Task& self, Worker& worker) noexcept;
};

// What a cell of a queue holds: a small callable, or a pointer to a task.
struct Posted {
  enum class Fate : std::uint8_t { Run, Drop };  // Drop: the pool stopped before its turn came
  void (*run)(void* payload, Worker* worker, Fate fate) noexcept;
  alignas(8) std::array<std::byte, post_bytes_max> payload;
};
static_assert(sizeof(Posted) == 48 && std::is_trivially_copyable_v<Posted>);

struct WorkerCounts {
  std::uint64_t submitted = 0;  // posted to a queue or pushed to a deque
  std::uint64_t executed = 0;   // tasks: a chunked batch counts its pieces
  std::uint64_t stolen = 0;     // of them, from another worker
  std::uint64_t injected = 0;   // of them, from a queue
  std::uint64_t parked = 0;     // times it slept
  std::uint64_t refused = 0;    // pushes to a full deque
  std::uint64_t dropped = 0;    // posted, and not run because the pool stopped
  std::uint64_t parked_ns = 0;  // slept, those that sleep now included
};

class Worker {
 public:
  Worker(Pool& pool, unsigned index, std::vector<unsigned> near, std::vector<unsigned> far,
         std::uint64_t seed, ipc::Histogram* task_times);

  // Of the calling thread; null: it belongs to no pool.
  static Worker* current() noexcept;

  [[nodiscard]] Pool& pool() const noexcept { return pool_; }
  [[nodiscard]] unsigned index() const noexcept { return index_; }

  // False: full.
  [[nodiscard]] bool push(Task& task) noexcept;
  [[nodiscard]] Task* take() noexcept { return deque_.take(); }
  [[nodiscard]] Task* steal() noexcept { return deque_.steal(); }
  [[nodiscard]] std::size_t task_count() const noexcept { return deque_.size(); }
  // Owner: what it has taken from the queue and not begun.
  [[nodiscard]] bool has_share() const noexcept { return share_next_ != share_count_; }

  // Until it is done: runs what else there is to run meanwhile, and parks when there is nothing.
  // Hold no lock across this.
  void help_until(Completion& completion) noexcept;
  // Whatever is more urgent than `priority`, between two chunks of a batch of that priority.
  void run_more_urgent_than(Priority priority) noexcept;
  void run(Task& task) noexcept;

  // The thread's life: until the pool stops and everything has been run or dropped.
  void loop() noexcept;

  [[nodiscard]] WorkerCounts counts() const noexcept;

 private:
  // Single writer, read from outside.
  class Count {
   public:
    void add_one() noexcept { set(get() + 1); }
    void set(std::uint64_t value) noexcept {
      value_.store(value, std::memory_order_relaxed);  // owner: only this thread writes
    }
    [[nodiscard]] std::uint64_t get() const noexcept {
      return value_.load(std::memory_order_relaxed);
    }

   private:
    std::atomic<std::uint64_t> value_{0};
  };

  bool run_near() noexcept;
  bool run_far() noexcept;
  bool run_posted(Priority priority) noexcept;
  bool run_share() noexcept;
  void run_or_drop(Posted& posted) noexcept;
  void sleep(const Completion* completion) noexcept;
  template <typename Work>
  void timed(Work&& work) noexcept;
  Task* steal_from(std::span<const unsigned> victims) noexcept;
  // Parks until there is something to look for.
  void search(const Completion* completion) noexcept;
  [[nodiscard]] bool has_reason(const Completion* completion) const noexcept;
  std::uint64_t random() noexcept;

  Deque<Task, deque_slots> deque_;
  Pool& pool_;
  unsigned index_;
  unsigned help_depth_ = 0;
  std::vector<unsigned> near_, far_;  // other workers: of this node, of others
  std::uint64_t random_state_;
  std::array<Posted, share_max> share_;
  std::size_t share_next_ = 0, share_count_ = 0;
  ipc::Histogram* task_times_;  // null: not wanted
  alignas(128) Count executed_, stolen_, injected_, parked_, refused_, dropped_, pushed_;
  Count parked_ns_, parked_since_ns_;  // 0: awake
};

}  // namespace ringside::jobs
