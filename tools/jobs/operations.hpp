// Batches of operations, each run the way that costs least: what reads files through a queue of
// reads, what computes by the pool, what does both by both, and what is over before a worker would
// have woken in place. Unlike a Batch it chooses (tools/jobs/strategy.hpp), unless told.
//
//   read ahead:  caller  | read 0 | read 1, 2, 3 ...           | sleeps: all buffers in use |
//                workers          | compute 0 | compute 1 | ...
//
// Threads: one, no worker of the pool. The steps run on any thread, several at once.
// Bounded by: `buffers` items read and not yet computed, of buffer_bytes_max each, and one more a
// worker and for the caller. Fails by: Outcome; an item that throws, or cannot be read whole,
// fails alone. An io_uring that is refused is no failure: the pool's threads read, and
// queue_refusal() says why.
//
// Invariant: succeeded + failed + skipped = count. Nothing is under way when run() returns; a read
// that was under way when the batch was cut short is waited for, and its item counts as skipped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/jobs/batch.hpp"
#include "tools/jobs/file_queue.hpp"
#include "tools/jobs/pool.hpp"
#include "tools/jobs/slots.hpp"
#include "tools/jobs/strategy.hpp"

namespace ringside::jobs {

// What an item has to read. No bytes: nothing.
struct FileRange {
  int file = -1;
  std::uint64_t offset = 0;
  std::size_t bytes = 0;
  bool close_after = false;
};

// On pages of its own, so that a file opened with O_DIRECT can be read into it.
class PageBuffer {
 public:
  static constexpr std::size_t page_bytes = 4096;
  // At least so many bytes; what was in it is gone.
  [[nodiscard]] std::byte* room(std::size_t bytes) {
    if (bytes > bytes_) {
      bytes_ = 0;
      memory_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{page_bytes})));
      bytes_ = bytes;
    }
    return memory_.get();
  }
  [[nodiscard]] const std::byte* data() const noexcept { return memory_.get(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept {
      ::operator delete (memory, std::align_val_t{page_bytes});
    }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t bytes_ = 0;
};

struct OperationSteps {
  void* context = nullptr;
  // Null for what only computes. May throw.
  FileRange (*range)(void* context, std::size_t index) = nullptr;
  // `bytes` as range() asked for, valid until it returns. May throw.
  void (*take)(void* context, std::size_t index, std::span<const std::byte> bytes) = nullptr;
};

struct OperationOptions {
  BatchOptions batch;             // align_items, concurrency_max: by the pool only
  std::optional<Strategy> fixed;  // nullopt: whatever costs least
  // Called each tick_ns or so while run() waits, in its thread; null: not wanted.
  void (*tick)(void* context) = nullptr;
  void* tick_context = nullptr;
  std::uint64_t tick_ns = 100'000'000;
};

struct OperationLimits {
  unsigned buffers = slots_max;  // 1..slots_max
  std::size_t buffer_bytes_max = std::size_t{64} << 20;
  bool queue = true;  // false: as if io_uring were refused
};

class Operations {
 public:
  static constexpr std::size_t probe_items = 4;
  static constexpr double group_ns = 20'000;  // of small items, handed to a worker at once

  explicit Operations(Pool& pool, const OperationLimits& limits = {});

  // Where the queue was asked for (`fixed`) and is not to be had, the pool runs it.
  Outcome run(OperationKind kind, std::size_t count, const OperationSteps& steps,
              const OperationOptions& options = {});

  // Why there is no queue; empty: there is one.
  [[nodiscard]] const std::string& queue_refusal() const noexcept { return queue_refusal_; }
  // Of the last run; what it began with in place does not count.
  [[nodiscard]] Strategy last_strategy() const noexcept { return last_strategy_; }
  // Items that were given to each strategy, those under way included.
  [[nodiscard]] const std::array<std::uint64_t, strategies>& items() const noexcept {
    return items_;
  }
  [[nodiscard]] const Costs& costs(OperationKind kind) const {
    return costs_[static_cast<std::size_t>(kind)];
  }

 private:
  struct Run;

  [[nodiscard]] double measured_hand_over_ns();
  [[nodiscard]] unsigned allowed(const Run& run) const noexcept;
  void run_as(Strategy strategy, Run& run);
  StrategyCost in_place(Run& run, std::size_t end, double until_ns);
  StrategyCost by_pool(Run& run);
  StrategyCost by_queue(Run& run);
  [[nodiscard]] std::uint32_t begin_reads(Run& run);
  void begin_read(Run& run, unsigned slot);
  void take_slots(Run& run, std::uint32_t slots);
  [[nodiscard]] std::uint32_t finished_reads(Run& run);
  void give_to_workers(Run& run, std::uint32_t slots);
  static void compute_slots(Run& run, std::uint32_t slots) noexcept;
  void run_item(const Run& run, std::size_t index, PageBuffer& buffer);
  static void run_chunk(Run& run, std::size_t first, std::size_t& next, std::size_t end);
  [[nodiscard]] std::span<std::byte> room(PageBuffer& buffer, std::size_t bytes) const;

  Pool& pool_;
  OperationLimits limits_;
  std::optional<FileQueue> queue_;
  std::string queue_refusal_;
  Slots slots_;
  std::vector<PageBuffer> buffers_;         // by slot
  std::vector<PageBuffer> worker_buffers_;  // by worker; the last is the caller's
  std::vector<Costs> costs_;                // by kind
  Strategy last_strategy_ = Strategy::InPlace;
  std::array<std::uint64_t, strategies> items_{};
};

}  // namespace ringside::jobs
