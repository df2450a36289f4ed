// Where workers sleep, and how few of them are woken. One word says who is parked and how many are
// looking for work; one futex word each is what they sleep on. Unlike a condition variable it
// wakes nobody while somebody is still looking, and can wake one worker in particular.
//
// A worker is busy, searching, or parked. The rule that keeps work from being left lying: who
// publishes work looks at the word afterwards, who parks says so before its last look for work.
//
// Threads: park() and the search calls by worker `index` only; wake_one(), wake() by anybody.
// Bounded by: workers_max. Fails by: nothing.
//
// Invariants: a worker's bit is set by itself, in park(), and cleared once: by whoever wakes it,
// who then counts it as searching, or by itself when its last look found something.
//
// Order (K: parks, W: wakes):
//   W1 the work         seq_cst (O1 of the deque, P2 of the queue, F1 of Completion)
//   W2 state loaded     seq_cst
//   K1 bit set          seq_cst
//   K2 the last look    seq_cst
//   W3 state, bit away  seq_cst    K4 acquire: the bit is away
//   W4 word + 1         release    K3 acquire: W3 is seen
// Why seq_cst: parking and publishing are each a store followed by a load of what the other stores.
// In the single order W1 < W2 and K1 < K2, so at least one sees the other. A publisher that finds a
// searcher wakes nobody: the searcher's K1 comes later, so its last look sees the work.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "ipc/shared_words.hpp"
#include "tools/jobs/futex.hpp"

namespace ringside::jobs {

inline constexpr unsigned workers_max = 56;  // bits of the word; the rest counts searchers

class ParkingLot {
 public:
  void begin_search() noexcept { state_.fetch_add(searching_one, std::memory_order_seq_cst); }
  // True: nobody searches any more, so that the caller, who has found something, should look
  // whether there is more and wake another.
  [[nodiscard]] bool end_search() noexcept {
    return searching(state_.fetch_sub(searching_one, std::memory_order_seq_cst)) == 1;
  }

  // Sleeps until woken, unless `ready()` (all looks seq_cst) says that there is something to do
  // after all. Called while searching; the caller is searching again when it returns. True: slept.
  template <typename Ready>
  bool park(unsigned index, Ready&& ready) noexcept {
    const auto bit = std::uint64_t{1} << index;
    state_.fetch_add(bit - searching_one, std::memory_order_seq_cst);  // K1
    if (ready()) {                                                     // K2
      unpark(bit);
      return false;
    }
    auto& word = words_[index].wakes;
    for (;;) {
      const auto ticket = word.load(std::memory_order_acquire);              // K3: pairs with W4
      if ((state_.load(std::memory_order_acquire) & bit) == 0) return true;  // K4: pairs with W3
      ipc::futex_wait(word, ticket);
    }
  }

  // After work was published: one parked worker, unless one is searching already. `prefer`: those
  // to be woken before others. True: somebody was woken.
  bool wake_one(std::uint64_t prefer = parked_bits) noexcept {
    auto state = state_.load(std::memory_order_seq_cst);  // W2
    while (searching(state) == 0 && (state & parked_bits) != 0) {
      const auto preferred = state & prefer & parked_bits;
      const auto from = preferred != 0 ? preferred : state & parked_bits;
      if (wake_bit(state, from & (~from + 1))) return true;
    }
    return false;
  }
  // This one, if it is parked.
  void wake(unsigned index) noexcept {
    const auto bit = std::uint64_t{1} << index;
    auto state = state_.load(std::memory_order_seq_cst);  // W2
    while ((state & bit) != 0 && !wake_bit(state, bit)) {
    }
  }

  static constexpr std::uint64_t parked_bits = (std::uint64_t{1} << workers_max) - 1;

 private:
  static constexpr std::uint64_t searching_one = parked_bits + 1;
  static constexpr std::uint64_t searching(std::uint64_t state) { return state / searching_one; }

  // False: `state` was out of date, and has been brought up to date.
  bool wake_bit(std::uint64_t& state, std::uint64_t bit) noexcept {
    if (!state_.compare_exchange_strong(state, state - bit + searching_one,
                                        std::memory_order_seq_cst,  // W3: pairs with K4
                                        std::memory_order_seq_cst)) {
      return false;
    }
    auto& word = words_[static_cast<unsigned>(std::countr_zero(bit))].wakes;
    word.fetch_add(1, std::memory_order_release);  // W4: pairs with K3
    ipc::futex_wake(&word, 1);
    return true;
  }
  // Takes the bit back, unless somebody who wakes has done so already.
  void unpark(std::uint64_t bit) noexcept {
    auto state = state_.load(std::memory_order_relaxed);
    while ((state & bit) != 0 &&
           !state_.compare_exchange_strong(state, state - bit + searching_one,
                                           std::memory_order_seq_cst, std::memory_order_relaxed)) {
    }
  }

  struct alignas(128) Word {
    ipc::Atomic<std::uint32_t> wakes{0};
  };
  alignas(128) ipc::Atomic<std::uint64_t> state_{0};
  std::array<Word, workers_max> words_{};
};

// One thing that becomes done once, for one waiter. It may be destroyed as soon as done() is true:
// finish() touches nothing afterwards but the address.
//
// Threads: finish() once, from anywhere; done() anybody's; wait() one thread's, who is no worker
// that could help meanwhile. Bounded by: the deadline. Fails by: wait() answers false at the
// deadline.
//   F1 done     seq_cst exchange   F2 seq_cst load: what was done before is there
//   F3 waiting  release, by compare-exchange, so that F1 sees it or it sees F1
class Completion {
 public:
  [[nodiscard]] bool done() const noexcept {
    return word_.load(std::memory_order_seq_cst) == finished;  // F2: pairs with F1
  }
  void finish() noexcept {
    const auto* const address = &word_;
    if (word_.exchange(finished, std::memory_order_seq_cst) == awaited) {  // F1: pairs with F2
      ipc::futex_wake(address, 1);
    }
  }
  bool wait(std::uint64_t deadline_ns = ipc::no_deadline,
            std::uint64_t (*now)() = nullptr) noexcept {
    auto seen = pending;
    word_.compare_exchange_strong(seen, awaited, std::memory_order_acq_rel,  // F3
                                  std::memory_order_acquire);
    while (!done()) {
      if (now != nullptr && now() >= deadline_ns) return false;
      ipc::futex_wait(word_, awaited, deadline_ns);
    }
    return true;
  }

 private:
  static constexpr std::uint32_t pending = 0, awaited = 1, finished = 2;
  ipc::Atomic<std::uint32_t> word_{pending};
};

}  // namespace ringside::jobs
