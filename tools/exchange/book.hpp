// The exchange's own book of one instrument: the truth that published books are compared with. Two
// sorted vectors, best level first, so that an index is a rank. Slow and plain on purpose, and
// written apart from orderbook/: the two must agree by rule, not by shared code.
//
// Threads: one. Bounded by: what its owner inserts; truncate() is the owner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ringside/event.hpp"
#include "ringside/price.hpp"

namespace ringside::exchange {

class Book {
 public:
  enum class Change : std::uint8_t { Inserted, Modified, Removed, Absent };
  // `rank`: of the level after an insertion, before a removal; 0 is best.
  struct Applied {
    Change change = Change::Absent;
    std::size_t rank = 0;
  };

  // Quantity 0 removes; removing what is not there is Absent. Side is Bid or Ask.
  Applied apply(Side side, Level level);
  // Drops everything behind the best `depth` levels of each side.
  void truncate(std::size_t depth);
  void clear();

  [[nodiscard]] const std::vector<Level>& side(Side side) const {
    return side == Side::Bid ? bids_ : asks_;
  }
  // The quantity at that price; 0 when there is none.
  [[nodiscard]] Quantity quantity_at(Side side, Price price) const;
  // bid >= ask; false while a side is empty.
  [[nodiscard]] bool crossed() const;

 private:
  [[nodiscard]] std::vector<Level>& levels(Side side) { return side == Side::Bid ? bids_ : asks_; }

  std::vector<Level> bids_;  // falling prices
  std::vector<Level> asks_;  // rising prices
};

[[nodiscard]] constexpr bool better(Side side, Price left, Price right) {
  return side == Side::Bid ? left > right : left < right;
}

// Levels a side that Kraken's checksum covers.
inline constexpr std::size_t kraken_checksum_levels = 10;
// CRC-32 of the best ten asks, then bids: price and quantity as integers, nothing in between.
[[nodiscard]] std::uint32_t kraken_checksum(const Book& book);

// FNV-1a, 64 bits, over "B <price> <quantity>\n" of the best `depth` bids, then "A ..." of the
// asks, best first, mantissas in decimal.
[[nodiscard]] std::uint64_t canonical_hash(const Book& book, std::size_t depth);

}  // namespace ringside::exchange
