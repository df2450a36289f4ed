// How often messages of one book come, learned from them, and whether the silence now is longer
// than it ever is: what tells a channel that fell silent on a live connection from an instrument
// that nobody trades.
//
//   longest   of the gaps so far; forgotten by half each `half_life`, or each 64 gaps where that is
//             longer
//   overdue   observed for `learning` and gaps_min gaps, and silent for longer than
//             max(least, factor x longest)
//   lost      overdue for `patience`: its subscription may have ended without a word. Doubles with
//             each look that brought a snapshot and no message, patience_doublings_max times
//
// Only the gaps between a book's own messages count: heartbeats, trades and tickers go on while a
// book's channel is mute. The gap before a snapshot is a resync's, and teaches nothing.
//
// Threads: one; a plain value. Bounded by: a few words. Time is passed in.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ringside/time.hpp"

namespace ringside::orderbook {

// In ticks. Defaults for ticks of a nanosecond; scaled() for others. learning 0: never overdue.
struct CadencePolicy {
  std::uint64_t least = 10'000'000'000;
  std::uint64_t learning = 60'000'000'000;
  std::uint64_t half_life = 600'000'000'000;  // > 0
  std::uint64_t patience = 60'000'000'000;
  std::uint32_t factor = 5;
  std::uint32_t gaps_min = 16;

  [[nodiscard]] CadencePolicy scaled(double ticks_per_ns) const noexcept {
    const auto scale = [ticks_per_ns](std::uint64_t ns) {
      return static_cast<std::uint64_t>(static_cast<double>(ns) * ticks_per_ns);
    };
    return {scale(least), scale(learning), scale(half_life), scale(patience), factor, gaps_min};
  }
  static constexpr CadencePolicy never() noexcept { return {0, 0, 1, 0, 0, 0}; }
};

class Cadence {
 public:
  // A whole book has come: the silence before it was not the market's.
  void begin(Ticks now) noexcept { newest_ = now; }
  void message(const CadencePolicy& policy, Ticks now) noexcept {
    const std::uint64_t gap = now > newest_ ? now.value - newest_.value : 0;
    newest_ = now;
    observed_ += gap;
    looks_ = 0;
    if (gaps_ < policy.gaps_min) ++gaps_;
    // Straight lines instead of a power of two: within a quarter of it.
    const double half_lives = static_cast<double>(gap) / static_cast<double>(policy.half_life);
    const double faded = static_cast<double>(longest_) * std::min(half_lives, gap_share_max) / 2;
    longest_ = std::max(longest_ - static_cast<std::uint64_t>(faded), gap);
  }
  [[nodiscard]] bool overdue(const CadencePolicy& policy, Ticks now) const noexcept {
    if (policy.learning == 0 || observed_ < policy.learning || gaps_ < policy.gaps_min) {
      return false;
    }
    return now > newest_ && now.value - newest_.value > limit(policy);
  }
  [[nodiscard]] bool lost(const CadencePolicy& policy, Ticks now) const noexcept {
    return overdue(policy, now) &&
           now.value - newest_.value > limit(policy) + (policy.patience << looks_);
  }
  // A new snapshot has been asked for because of it.
  void looked() noexcept { looks_ = std::min(looks_ + 1, patience_doublings_max); }
  [[nodiscard]] std::uint64_t limit(const CadencePolicy& policy) const noexcept {
    return std::max(policy.least, longest_ * policy.factor);
  }

 private:
  // Of a half life: the gaps of a quiet instrument must not wipe out what they teach.
  static constexpr double gap_share_max = 1.0 / 64;
  static constexpr std::uint32_t patience_doublings_max = 6;

  Ticks newest_;
  std::uint64_t longest_ = 0;
  std::uint64_t observed_ = 0;  // ticks between messages
  std::uint32_t gaps_ = 0;      // up to gaps_min
  std::uint32_t looks_ = 0;     // since the newest message
};

}  // namespace ringside::orderbook
