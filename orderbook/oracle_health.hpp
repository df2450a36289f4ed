// Whether a venue's checksums are still worth something. One that never changes while the book does
// (0, mostly: the venue has stopped computing it) says nothing about the book; to believe it would
// take the instrument down for good, over a book that may be right.
//
//   trusted --(failures_max in a row that show it)--> distrusted
//           <--(successes_min successes in a row)----
//
// What shows it: a claim of 0 of one book after another (of a book with levels that is one chance
// in 2^32), or any claim that stays although a message has just changed the best level of the book
// that came before it. A book that has gone wrong does not look like that: what is claimed then
// differs from message to message, as the true book does. Snapshots of a market that stands still,
// damaged one after another, claim the same as well: so snapshots show nothing, unless they claim
// 0.
//
// Threads: one; a plain value. Bounded by: a few words.
#pragma once

#include <cstdint>

namespace ringside::orderbook {

class OracleHealth {
 public:
  static constexpr std::uint32_t failures_max = 4;
  static constexpr std::uint32_t successes_min = 64;

  // What the venue claims of a book, and what it is. `followed`: the message took this book's best
  // level on from the book of the claim before. Answers whether that lost it our trust.
  bool note(std::uint32_t claimed, std::uint32_t computed, bool followed) noexcept {
    if (claimed == computed) {
      failures_ = 0;
      if (!trusted_ && ++successes_ == successes_min) trusted_ = true;
      return false;
    }
    successes_ = 0;
    if (!trusted_) return false;
    if (failures_ == 0 || claimed != claimed_) {
      failures_ = 1;
    } else if (computed != computed_ && (followed || claimed == 0)) {
      ++failures_;
    }
    claimed_ = claimed;
    computed_ = computed;
    trusted_ = failures_ < failures_max;
    return !trusted_;
  }
  [[nodiscard]] bool trusted() const noexcept { return trusted_; }

 private:
  std::uint32_t claimed_ = 0;
  std::uint32_t computed_ = 0;
  std::uint32_t failures_ = 0;   // in a row, of the same claim; of different books
  std::uint32_t successes_ = 0;  // in a row
  bool trusted_ = true;
};

}  // namespace ringside::orderbook
