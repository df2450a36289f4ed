// A work-stealing pool for what runs beside the feed: batches (tools/jobs/batch.hpp), fork and join
// (tools/jobs/fork_join.hpp), and single small callables. Unlike oneTBB it is told its cores, is
// bounded everywhere, and sleeps as soon as there is nothing to do.
//
// Threads: post() and stop() anybody's; stop() once. Bounded by: workers_max; queue_slots of
// each priority: post() blocks (a foreign thread) or runs the callable in place (a worker) when the
// queue is full. Fails by: the constructor throws std::system_error; PostStatus.
//
// A callable that is posted must not throw. What it captures must be trivially copyable, at most
// post_bytes_max.
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tools/jobs/worker.hpp"

namespace ringside::jobs {

enum class IoPriority : std::uint8_t { Unchanged, Low, Idle };

struct PoolOptions {
  std::vector<int> cpus;           // that the workers may use; see tools/jobs/cores.hpp. Not empty
  unsigned workers = 0;            // 0: one a core; at most workers_max
  bool numa = true;                // a worker stays on one node's cores and steals there first
  bool stealing = true;            // off: a batch is cut into equal pieces beforehand
  std::size_t queue_slots = 4096;  // a priority; a power of two
  std::size_t small_batch_items = 4;  // a batch of at most so many runs on its caller's thread
  unsigned concurrency_max = 0;       // workers at a batch at once; 0: all
  std::uint64_t chunk_ns = 20'000;    // what a batch's chunk should take
  int nice = 0;                       // 0..19, of the workers
  bool idle = false;                  // they run only while nobody else wants the core: SCHED_IDLE
  IoPriority io_priority = IoPriority::Unchanged;
  std::uint64_t seed = 1;  // of the victims' order
  // What tasks take, by worker; outlive the pool. Fewer than workers: of the first ones only.
  std::vector<ipc::Histogram*> task_times{};
};

enum class PostStatus : std::uint8_t { Ok = 0, Full, Stopped };

class Pool {
 public:
  explicit Pool(PoolOptions options);
  ~Pool();  // as stop()
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  template <typename F>
  PostStatus post(F callable, Priority priority = Priority::Normal) noexcept {
    const Posted posted = posted_of(callable);
    return post_all({&posted, 1}, priority);
  }
  template <typename F>
  [[nodiscard]] PostStatus try_post(F callable, Priority priority = Priority::Normal) noexcept {
    const Posted posted = posted_of(callable);
    return put({&posted, 1}, priority) == 1 ? PostStatus::Ok
           : stopping()                     ? PostStatus::Stopped
                                            : PostStatus::Full;
  }
  // All of them in order, with one claim and one wake-up as far as there is room.
  PostStatus post_all(std::span<const Posted> posted, Priority priority) noexcept;
  template <typename F>
  static Posted posted_of(F callable) noexcept;

  // On a worker, as the root of a fork and join; waits. What it throws is thrown here. nullopt (or
  // false): the pool stopped first.
  template <typename F>
  auto run(F&& callable, Priority priority = Priority::Normal);

  // What runs is finished, batches skip their items, what is queued is dropped; then joins. Not by
  // a worker.
  void stop() noexcept;

  [[nodiscard]] unsigned worker_count() const noexcept {
    return static_cast<unsigned>(workers_.size());
  }
  [[nodiscard]] const PoolOptions& options() const noexcept { return options_; }
  [[nodiscard]] WorkerCounts counts() const noexcept;  // of all workers

  // --- For workers and batches ---
  [[nodiscard]] Worker& worker(unsigned index) noexcept { return *workers_[index]; }
  [[nodiscard]] InjectionQueue<Posted>& queue(Priority priority) noexcept {
    return *queues_[static_cast<std::size_t>(priority)];
  }
  [[nodiscard]] ParkingLot& parking() noexcept { return parking_; }
  // Workers of the same node, as bits.
  [[nodiscard]] std::uint64_t neighbours(unsigned index) const noexcept { return near_[index]; }
  [[nodiscard]] bool stopping() const noexcept { return stopping_.load(std::memory_order_seq_cst); }
  // Something that worker `index`, who asks, may run; seq_cst looks.
  [[nodiscard]] bool has_work(unsigned index) const noexcept;
  [[nodiscard]] bool has_work_for_two() const noexcept;

 private:
  void start();
  void adjust_current_thread(unsigned index);
  [[nodiscard]] std::size_t put(std::span<const Posted> posted, Priority priority) noexcept;
  void drop_queued() noexcept;

  PoolOptions options_;
  ParkingLot parking_;
  std::array<std::unique_ptr<InjectionQueue<Posted>>, priorities> queues_;
  std::vector<int> node_of_;         // by worker
  std::vector<std::uint64_t> near_;  // by worker
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> dropped_at_stop_{0};
  alignas(128) std::atomic<bool> stopping_{false};
};

template <typename F>
Posted Pool::posted_of(F callable) noexcept {
  static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= post_bytes_max && alignof(F) <= 8,
                "post() keeps the callable in a queue's cell: capture little, or use a batch");
  Posted posted{};
  std::memcpy(posted.payload.data(), &callable, sizeof(F));
  posted.run = [](void* payload, Worker* worker, Posted::Fate fate) noexcept {
    auto& kept = *static_cast<F*>(payload);
    // One that wants to know its fate, and its worker, is told; others are not called when dropped.
    if constexpr (std::invocable<F&, Worker*, Posted::Fate>) {
      kept(worker, fate);
    } else if (fate == Posted::Fate::Run) {
      kept();
    }
  };
  return posted;
}

template <typename F>
auto Pool::run(F&& callable, Priority priority) {
  using Result = std::invoke_result_t<F&>;
  struct Root {
    F& callable;
    Completion completion;
    std::exception_ptr error;
    std::optional<std::conditional_t<std::is_void_v<Result>, bool, Result>> result;

    void run() noexcept {
      try {
        if constexpr (std::is_void_v<Result>) {
          callable();
          result = true;
        } else {
          result.emplace(callable());
        }
      } catch (...) {
        error = std::current_exception();
      }
    }
  };
  Root root{callable, {}, nullptr, std::nullopt};
  if (Worker::current() != nullptr && &Worker::current()->pool() == this) {
    root.run();
  } else {
    const auto status = post(
        [&root](Worker*, Posted::Fate fate) {
          if (fate == Posted::Fate::Run) root.run();
          root.completion.finish();
        },
        priority);
    if (status == PostStatus::Ok) root.completion.wait();
  }
  if (root.error) std::rethrow_exception(root.error);
  if constexpr (std::is_void_v<Result>) {
    return root.result.has_value();
  } else {
    return std::move(root.result);
  }
}

}  // namespace ringside::jobs
