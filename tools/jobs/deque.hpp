// A worker's own tasks: it pushes and takes at the bottom, thieves steal at the top. The deque of
// Chase and Lev, "Dynamic circular work-stealing deque" (2005), with the orders of Le, Pop, Cohen
// and Zappa Nardelli, "Correct and efficient work-stealing for weak memory models" (2013), except
// that their fences are operations here (ThreadSanitizer does not model fences), and that it does
// not grow: a full deque refuses, and who wanted to push runs the task itself.
//
// Threads: push() and take() the owner's; steal() and size() anybody's.
// Bounded by: Slots. Fails by: push() answers false; take() and steal() answer null.
//
// Invariants: top only grows, by compare-exchange. top <= bottom + 1, and bottom - top <= Slots.
// The tasks are those at [top, bottom). A cell is written again only after top has passed it.
//
// Order of the words (O: owner, T: thief):
//   O1 bottom = b + 1  seq_cst     T2 acquire: the cell and what the task points at are there
//   O2 top loaded      acquire     T4 release: the thief had read the cell that is written next
//   O3 bottom = b      seq_cst     T2 seq_cst
//   O4 top loaded      seq_cst     T4 seq_cst
//   O5 bottom = b + 1  relaxed: whoever sees this one finds top already there
//   O6 top = t + 1     seq_cst, as T4
//
// Why seq_cst. Taking is a store (bottom) followed by a load (top); stealing is a load of top that
// some earlier thief stored, followed by a load of bottom. If the owner's load misses that earlier
// steal, it takes without a compare-exchange, and then O3 < O4 < T4 (earlier) < T1 < T2 in the
// single order, so that the later thief sees the lowered bottom and keeps off. O1 is seq_cst for
// the same reason against parking (tools/jobs/parking.hpp): a push is followed by a look whether
// anybody sleeps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ipc/shared_words.hpp"

namespace ringside::jobs {

template <typename T, std::size_t Slots>
class Deque {
  static_assert(Slots != 0 && (Slots & (Slots - 1)) == 0);

 public:
  // False: full.
  [[nodiscard]] bool push(T* task) noexcept {
    const auto bottom = bottom_.load(std::memory_order_relaxed);  // owner: only this thread writes
    const auto top = top_.load(std::memory_order_acquire);        // O2: pairs with T4
    if (bottom - top >= static_cast<std::int64_t>(Slots)) return false;
    cell(bottom).store(task, std::memory_order_relaxed);   // published by O1
    bottom_.store(bottom + 1, std::memory_order_seq_cst);  // O1: pairs with T2
    return true;
  }

  // The newest; null: empty, or a thief was faster.
  [[nodiscard]] T* take() noexcept {
    const auto bottom = bottom_.load(std::memory_order_relaxed) - 1;  // owner
    // Top only grows: if what is seen of it says empty, it is.
    if (top_.load(std::memory_order_relaxed) > bottom) return nullptr;
    bottom_.store(bottom, std::memory_order_seq_cst);  // O3: pairs with T2
    auto top = top_.load(std::memory_order_seq_cst);   // O4: pairs with T4
    T* task = nullptr;
    if (top <= bottom) {
      task = cell(bottom).load(std::memory_order_relaxed);  // owner
      if (top < bottom) return task;
      if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,  // O6
                                        std::memory_order_relaxed)) {
        task = nullptr;
      }
    }
    bottom_.store(bottom + 1, std::memory_order_relaxed);  // O5
    return task;
  }

  // The oldest; null: empty, or another was faster.
  [[nodiscard]] T* steal() noexcept {
    auto top = top_.load(std::memory_order_seq_cst);              // T1: pairs with T4
    const auto bottom = bottom_.load(std::memory_order_seq_cst);  // T2: pairs with O1 and O3
    if (top >= bottom) return nullptr;
    T* const task = cell(top).load(std::memory_order_relaxed);  // T3: good only if T4 succeeds
    if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,  // T4
                                      std::memory_order_relaxed)) {
      return nullptr;
    }
    return task;
  }

  // In the single order of the seq_cst operations, for who is about to park.
  [[nodiscard]] std::size_t size() const noexcept {
    const auto top = top_.load(std::memory_order_seq_cst);
    const auto bottom = bottom_.load(std::memory_order_seq_cst);
    return bottom > top ? static_cast<std::size_t>(bottom - top) : 0;
  }

 private:
  [[nodiscard]] ipc::Atomic<T*>& cell(std::int64_t position) noexcept {
    return cells_[static_cast<std::size_t>(position) & (Slots - 1)];
  }

  alignas(128) ipc::Atomic<std::int64_t> top_{0};
  alignas(128) ipc::Atomic<std::int64_t> bottom_{0};
  alignas(128) std::array<ipc::Atomic<T*>, Slots> cells_{};
};

}  // namespace ringside::jobs
