// Tasks from outside on their way to any worker: a bounded queue of many writers and many readers,
// each cell with a sequence of its own (D. Vyukov, "Bounded MPMC queue", 1024cores.net). Unlike the
// deque nobody owns it, and unlike a queue under a mutex a writer that loses its core half-way
// delays only what was put behind its cell.
//
// Threads: any. Bounded by: the capacity. Fails by: put() answers how many found room, take()
// false.
//
// Invariants: cell k of the queue's whole life lies at k % capacity. Its sequence is k while it is
// free for k, k + 1 while k lies in it, k + capacity once k has been taken.
//
// Order (P: who puts, C: who takes):
//   P2 sequence = k + 1         seq_cst   C1 acquire: the item is there
//   C3 sequence = k + capacity  seq_cst   P1 acquire: the item has been read
// Both are seq_cst and not only release because each is followed by a look at who sleeps: a worker
// for want of tasks (tools/jobs/parking.hpp), a writer for want of room (WaitForRoom below).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ipc/check.hpp"
#include "ipc/shared_words.hpp"
#include "tools/jobs/futex.hpp"

namespace ringside::jobs {

template <typename T>
class InjectionQueue {
 public:
  // A power of two, at least 2.
  explicit InjectionQueue(std::size_t capacity)
      : capacity_(capacity), cells_(std::make_unique<Cell[]>(capacity)) {
    RINGSIDE_CHECK(capacity >= 2 && (capacity & (capacity - 1)) == 0);
    for (std::size_t i = 0; i < capacity; ++i) {
      cells_[i].sequence.store(i, std::memory_order_relaxed);  // nobody else is here yet
    }
  }

  // As many of `items` as there is room for in one go, in their order; one claim for all of them.
  [[nodiscard]] std::size_t put(std::span<const T> items) noexcept {
    auto position = tail_.load(std::memory_order_relaxed);
    for (;;) {
      const auto room = free_cells(position, items.size());
      if (room == 0) {
        const auto tail = tail_.load(std::memory_order_relaxed);
        if (tail == position) return 0;
        position = tail;  // somebody else put there meanwhile
        continue;
      }
      if (tail_.compare_exchange_weak(position, position + room, std::memory_order_relaxed,
                                      std::memory_order_relaxed)) {
        for (std::size_t i = 0; i < room; ++i) {
          Cell& cell = at(position + i);
          cell.item = items[i];
          cell.sequence.store(position + i + 1, std::memory_order_seq_cst);  // P2: pairs with C1
        }
        return room;
      }
    }
  }

  // The oldest, in their order, as many as `into` holds; one claim for all of them. 0: empty, or
  // the oldest is still being written.
  [[nodiscard]] std::size_t take(std::span<T> into) noexcept {
    auto position = head_.load(std::memory_order_relaxed);
    for (;;) {
      const auto count = written_cells(position, into.size());
      if (count == 0) {
        const auto head = head_.load(std::memory_order_relaxed);
        if (head == position) return 0;
        position = head;  // somebody else took it meanwhile
        continue;
      }
      if (head_.compare_exchange_weak(position, position + count, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
        for (std::size_t i = 0; i < count; ++i) {
          Cell& cell = at(position + i);
          into[i] = cell.item;
          cell.sequence.store(position + i + capacity_, std::memory_order_seq_cst);  // C3
        }
        wake_for_room();
        return count;
      }
    }
  }
  [[nodiscard]] bool take(T& item) noexcept { return take({&item, 1}) == 1; }

  // Whether take() would find something, in the single order of the seq_cst operations, for who is
  // about to park.
  [[nodiscard]] bool ready() const noexcept {
    for (;;) {
      const auto position = head_.load(std::memory_order_seq_cst);
      const auto sequence = at(position).sequence.load(std::memory_order_seq_cst);
      if (sequence == position + 1) return true;
      if (sequence < position + 1) return false;
    }
  }

  // Items that were ever put.
  [[nodiscard]] std::uint64_t accepted() const noexcept {
    return tail_.load(std::memory_order_relaxed);
  }
  // Claimed and not taken: more than ready() may find.
  [[nodiscard]] std::size_t size() const noexcept {
    const auto head = head_.load(std::memory_order_seq_cst);
    const auto tail = tail_.load(std::memory_order_seq_cst);
    return tail > head ? tail - head : 0;
  }

  // Sleeps until there may be room. Takes turns with `put`: while (put(..) == 0) wait_for_room(..).
  // `stopped()`: looked at before sleeping; wake_all() after it has become true.
  template <typename Stopped>
  void wait_for_room(Stopped&& stopped) noexcept {
    waiting_.fetch_add(1, std::memory_order_seq_cst);  // R1: before the look at the cell
    const auto ticket = room_.load(std::memory_order_acquire);
    const auto position = tail_.load(std::memory_order_seq_cst);
    if (at(position).sequence.load(std::memory_order_seq_cst) < position && !stopped()) {
      ipc::futex_wait(room_, ticket);
    }
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  void wake_all() noexcept {
    room_.fetch_add(1, std::memory_order_release);
    ipc::futex_wake(&room_, ~std::uint32_t{0});
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  struct alignas(64) Cell {
    ipc::Atomic<std::uint64_t> sequence;
    T item;
  };

  [[nodiscard]] Cell& at(std::uint64_t position) const noexcept {
    return cells_[position & (capacity_ - 1)];
  }

  [[nodiscard]] std::size_t free_cells(std::uint64_t position, std::size_t wanted) const noexcept {
    std::size_t room = 0;
    while (room < wanted && room < capacity_ &&
           at(position + room).sequence.load(std::memory_order_acquire) ==  // P1: pairs with C3
               position + room) {
      ++room;
    }
    return room;
  }

  [[nodiscard]] std::size_t written_cells(std::uint64_t position,
                                          std::size_t wanted) const noexcept {
    std::size_t count = 0;
    while (count < wanted && count < capacity_ &&
           at(position + count).sequence.load(std::memory_order_acquire) ==  // C1: pairs with P2
               position + count + 1) {
      ++count;
    }
    return count;
  }

  // Not for every cell: a writer that sleeps is woken when half of the queue is free, so that it
  // does not sleep and wake for each. By head, not by what this thread took: the oldest cell may
  // have been the last to be given back.
  void wake_for_room() noexcept {
    if (waiting_.load(std::memory_order_seq_cst) == 0) return;  // after C3
    const auto head = head_.load(std::memory_order_seq_cst);
    const auto tail = tail_.load(std::memory_order_relaxed);
    if (tail > head && tail - head > capacity_ / 2) return;
    wake_all();
  }

  std::size_t capacity_;
  std::unique_ptr<Cell[]> cells_;
  alignas(128) ipc::Atomic<std::uint64_t> tail_{0};
  alignas(128) ipc::Atomic<std::uint64_t> head_{0};
  alignas(128) ipc::Atomic<std::uint32_t> waiting_{0};
  ipc::Atomic<std::uint32_t> room_{0};  // counts wake-ups
};

}  // namespace ringside::jobs
