// How fast something may go to a venue that allows `most` in any window of so long: the log of what
// went within the newest window, in a bounded number of entries. Differs from a token bucket in
// that no window, wherever it begins, holds more than the limit, and yet all of the limit is used.
//
// The venue counts what reaches it, and when that was only its answer tells. So what is under way
// counts without end (begin), and for one window from its answer on (end): however long the way
// took, the venue has counted it by then, and its own window ends no later than ours.
//
//     begin(2)      end(2)                  free again
//     |--- held ----|------- window --------|
//           ^ the venue counts it: its window ends here: |
//
// Pure: time is passed in, and never goes back. Threads: the owner's. Bounded by: entries_max
// entries; what ends within a 64th of a window of each other shares one, freed with the last of
// them. Invariant: the cost that has reached the venue within any window is at most `most`.
// Fails by: fits() false.
#pragma once

#include <array>
#include <cstdint>

#include "ipc/check.hpp"

namespace ringside::collector {

// At most so many in any window of so long.
struct PaceLimit {
  std::uint32_t most = 0;  // 0: without limit
  std::int64_t window_ns = 1'000'000'000;
  friend bool operator==(const PaceLimit&, const PaceLimit&) = default;
};

class Pacer {
 public:
  static constexpr std::int64_t window_ns_min = 1'000'000;

  explicit Pacer(PaceLimit limit) noexcept : limit_(limit) {
    RINGSIDE_CHECK(limit.most == 0 || limit.window_ns >= window_ns_min);
  }

  // Whether `cost` more may go now. A cost above the limit never fits: the configuration's mistake.
  [[nodiscard]] bool fits(std::uint32_t cost, std::int64_t now_ns) noexcept {
    if (now_ns < paused_until_ns_) return false;
    if (limit_.most == 0) return true;
    forget(now_ns);
    return std::uint64_t{held_} + counted_ + cost <= limit_.most;
  }
  // It goes now.
  void begin(std::uint32_t cost) noexcept { held_ += cost; }
  // It never left.
  void undo(std::uint32_t cost) noexcept { held_ -= cost; }
  // Its answer is here, or nobody waits for it any longer.
  void end(std::uint32_t cost, std::int64_t now_ns) noexcept {
    held_ -= cost;
    if (limit_.most == 0) return;
    forget(now_ns);
    counted_ += cost;
    if (count_ != 0) {
      auto& newest = entries_[(first_ + count_ - 1) % entries_max];
      if (now_ns - newest.from_ns < limit_.window_ns / 64) {
        newest.to_ns = now_ns;
        newest.cost += cost;
        return;
      }
    }
    RINGSIDE_DCHECK(count_ < entries_max);
    entries_[(first_ + count_++) % entries_max] = {now_ns, now_ns, cost};
  }
  // Of what is not answered, or on a way that keeps its length.
  void take(std::uint32_t cost, std::int64_t now_ns) noexcept {
    begin(cost);
    end(cost, now_ns);
  }
  // What went to the same place before, by another's count, counts as if it had gone now, and so
  // does what is still under way there.
  void succeed(const Pacer& other, std::int64_t now_ns) noexcept {
    pause(other.paused_until_ns_);
    if (other.limit_.most == 0 || other.held_ + other.counted_ == 0) return;
    take(other.held_ + other.counted_, now_ns);
  }
  // The venue says so.
  void pause(std::int64_t until_ns) noexcept {
    if (until_ns > paused_until_ns_) paused_until_ns_ = until_ns;
  }

 private:
  // Each entry begins at least a 64th of a window after the one before it, and the oldest ended
  // within the window: 64, the one whose end is still within, and the one begun now.
  static constexpr std::size_t entries_max = 68;
  struct Entry {
    std::int64_t from_ns = 0;
    std::int64_t to_ns = 0;
    std::uint32_t cost = 0;
  };

  void forget(std::int64_t now_ns) noexcept {
    while (count_ != 0 && entries_[first_].to_ns + limit_.window_ns < now_ns) {
      counted_ -= entries_[first_].cost;
      first_ = (first_ + 1) % entries_max;
      --count_;
    }
  }

  PaceLimit limit_;
  std::uint32_t held_ = 0;
  std::uint32_t counted_ = 0;  // in the entries
  std::int64_t paused_until_ns_ = 0;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::array<Entry, entries_max> entries_;
};

}  // namespace ringside::collector
