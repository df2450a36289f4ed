// Which of a few buffers are free: one word, whose owner claims and whose other threads give back.
// Unlike the injection queue it hands over nothing but the right to use a buffer, and its owner
// sleeps until as many are free as are worth waking it for.
//
// Threads: claim() and wait_free() the owner's; release() anybody's, of what was claimed.
// Bounded by: slots_max. Fails by: claim() answers slots_max when none is free; wait_free() false
// at the deadline.
//
// Order of the word (L: gives back, N: owner):
//   L1 bits set     acq_rel   N1 acquire: the buffer is no longer read or written
//   N2 wanted set   acq_rel, so that L1 sees it or the owner sees L1: both change one word
#pragma once

#include <bit>
#include <cstdint>

#include "ipc/shared_words.hpp"
#include "tools/jobs/futex.hpp"

namespace ringside::jobs {

inline constexpr unsigned slots_max = 24;  // bits of the word; the rest says what is waited for

class Slots {
 public:
  explicit Slots(unsigned count) noexcept : all_((1U << count) - 1) {
    word_.store(all_, std::memory_order_relaxed);  // before anybody knows of it
  }

  [[nodiscard]] unsigned claim() noexcept {
    const auto free = word_.load(std::memory_order_acquire) & all_;  // N1: pairs with L1
    if (free == 0) return slots_max;
    word_.fetch_sub(free & (~free + 1), std::memory_order_relaxed);  // owner: nobody else takes
    return static_cast<unsigned>(std::countr_zero(free));
  }

  void release(std::uint32_t slots) noexcept {
    const auto* const address = &word_;
    const auto before = word_.fetch_add(slots, std::memory_order_acq_rel);  // L1: pairs with N1
    const auto wanted = before >> slots_max;
    if (wanted != 0 && free_in(before | slots) >= wanted) ipc::futex_wake(address, 1);
  }

  [[nodiscard]] unsigned free() const noexcept {
    return free_in(word_.load(std::memory_order_acquire));  // N1: pairs with L1
  }
  [[nodiscard]] unsigned count() const noexcept { return free_in(all_); }

  // Sleeps until at least `wanted` are free. False: not at `deadline_ns` by now().
  bool wait_free(unsigned wanted, std::uint64_t deadline_ns = ipc::no_deadline,
                 std::uint64_t (*now)() noexcept = nullptr) noexcept {
    const auto asking = wanted << slots_max;
    auto seen = word_.fetch_add(asking, std::memory_order_acq_rel) + asking;  // N2
    bool enough = free_in(seen) >= wanted;
    while (!enough && (now == nullptr || now() < deadline_ns)) {
      ipc::futex_wait(word_, seen, deadline_ns);
      seen = word_.load(std::memory_order_acquire);  // N1: pairs with L1
      enough = free_in(seen) >= wanted;
    }
    word_.fetch_sub(asking, std::memory_order_relaxed);  // owner: nobody waits now
    return enough;
  }

 private:
  static unsigned free_in(std::uint32_t word) noexcept {
    return static_cast<unsigned>(std::popcount(word & ((1U << slots_max) - 1)));
  }

  std::uint32_t all_;
  ipc::Atomic<std::uint32_t> word_{0};
};

}  // namespace ringside::jobs
