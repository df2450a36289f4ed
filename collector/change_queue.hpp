// Changes that the main thread has prepared, on their way to a collector thread, which applies them
// between two batches. What needs the disk, or memory for names, is done by then.
//
// Threads: post() and drained() from the main thread, front() and pop() from the collector thread.
// Bounded by: changes_queued_max. Fails by: post() answering false; try again later.
//
// Order (P: main thread, C: collector thread):
//   P1 posted   release    C1 acquire: the change is there
//   C2 applied  release    P2 acquire: its place may be used again, and what it asked for was done
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/venue_session.hpp"

namespace ringside::collector {

inline constexpr std::size_t changes_queued_max = 64;

// A venue that is added: its session, and the ring of each of its instruments.
struct VenuePlan {
  VenueSessionOptions session;
  std::vector<RingIndex> rings;
};

// In the thread's own numbers.
struct ThreadChange {
  enum class What : std::uint8_t {
    AddInstrument,
    RemoveInstrument,
    SetChannels,
    AddVenue,     // in the place of one that was removed, or behind the last
    RemoveVenue,  // and all its instruments
  };
  What what = What::AddInstrument;
  std::size_t session = 0;
  RingIndex ring = 0;          // of an added instrument
  VenueInstrument instrument;  // its record is the thread's to find
  Channels channels;
  std::unique_ptr<VenuePlan> venue;
};

class ChangeQueue {
 public:
  // `change` is moved from only if the answer is true.
  [[nodiscard]] bool post(ThreadChange& change) noexcept {
    const auto posted = posted_.load(std::memory_order_relaxed);  // owner: only this thread writes
    if (posted - applied_.load(std::memory_order_acquire) == changes_queued_max) {  // P2: with C2
      return false;
    }
    changes_[posted % changes_queued_max] = std::move(change);
    posted_.store(posted + 1, std::memory_order_release);  // P1: pairs with C1
    return true;
  }
  // Everything that was posted has been applied.
  [[nodiscard]] bool drained() const noexcept {
    // owner: only this thread writes posted_; P2: pairs with C2
    return applied_.load(std::memory_order_acquire) == posted_.load(std::memory_order_relaxed);
  }

  // The oldest; null: there is none. Valid until pop().
  [[nodiscard]] ThreadChange* front() noexcept {
    const auto applied =
        applied_.load(std::memory_order_relaxed);  // owner: only this thread writes
    if (posted_.load(std::memory_order_acquire) == applied) return nullptr;  // C1: pairs with P1
    return &changes_[applied % changes_queued_max];
  }
  // It has been applied.
  void pop() noexcept {
    const auto applied =
        applied_.load(std::memory_order_relaxed);            // owner: only this thread writes
    applied_.store(applied + 1, std::memory_order_release);  // C2: pairs with P2
  }

 private:
  std::array<ThreadChange, changes_queued_max> changes_;
  alignas(64) std::atomic<std::uint64_t> posted_{0};
  alignas(64) std::atomic<std::uint64_t> applied_{0};
};

}  // namespace ringside::collector
