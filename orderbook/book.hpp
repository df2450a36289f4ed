// The book of one instrument: two sides of price levels, applied level by level.
//
// Unlike a std::map it is one sorted array a side, best level at the back, because updates gather
// near the best: finding is a scan of a few levels, moving is a short memmove, the best levels
// share a cache line. Keys of the ask side are negated, so that both sides run the same code.
//
// Threads: one. Bounded by: levels_per_side_max; storage for levels_reserved a side is taken at
// construction, never given back, and grows by doubling (growth_count says how often).
// Fails by: answering Change::Refused at the limit; everything else cannot fail.
//
// Invariants: keys strictly ascend in the array; no quantity is 0; first_ + count_ <= capacity_.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "ringside/event.hpp"
#include "ringside/price.hpp"

namespace ringside::orderbook {

inline constexpr std::uint32_t levels_reserved = 4096;
inline constexpr std::uint32_t levels_per_side_max = 1U << 18;

enum class Change : std::uint8_t {
  Modified = 0,
  Inserted,
  Deleted,
  AbsentDelete,  // nothing to delete: usual with venues that delete beyond what they showed
  Refused,       // levels_per_side_max reached
};

struct Applied {
  Change change;
  std::uint32_t index;  // 0-based from the best: where the level is, was, or would be
};

// One side. Book's part; the array and its two ends.
class BookSide {
 public:
  // `sign`: 1 for bids, -1 for asks.
  explicit BookSide(std::int64_t sign);

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  // index < count().
  [[nodiscard]] Level level(std::uint32_t index) const noexcept {
    const Entry& entry = storage_[first_ + count_ - 1 - index];
    return {Price{entry.key * sign_}, Quantity{entry.quantity}};
  }
  Applied apply(Level level) noexcept;
  void truncate(std::uint32_t depth) noexcept;
  void clear() noexcept;

  // Loading: clear(), append() any number of times, then order(). In between count() is of the
  // appended levels and their order is as they came.
  [[nodiscard]] bool append(std::span<const Level> levels) noexcept;
  void order() noexcept;

  [[nodiscard]] std::uint64_t growth_count() const noexcept { return growth_count_; }

 private:
  struct Entry {
    std::int64_t key;
    std::int64_t quantity;
  };

  [[nodiscard]] Entry* begin() noexcept { return storage_.get() + first_; }
  [[nodiscard]] const Entry* begin() const noexcept { return storage_.get() + first_; }
  [[nodiscard]] std::uint32_t lower_bound(std::int64_t key) const noexcept;
  [[nodiscard]] bool insert(std::uint32_t position, Entry entry) noexcept;
  void erase(std::uint32_t position) noexcept;
  // In book_storage.cpp, apart from the code that runs for each level: they may allocate.
  [[nodiscard]] bool make_room(std::uint32_t more) noexcept;
  void sort_last_wins() noexcept;

  std::unique_ptr<Entry[]> storage_;
  std::uint32_t capacity_ = 0;
  std::uint32_t first_ = 0;  // of the array in its storage; both ends can grow
  std::uint32_t count_ = 0;
  std::int64_t sign_;
  std::uint64_t growth_count_ = 0;
};

class Book {
 public:
  Book() : bids_(1), asks_(-1) {}

  void clear() noexcept {
    bids_.clear();
    asks_.clear();
  }
  // One level of a delta: quantity 0 deletes. `side` is Bid or Ask; mantissas within their limit.
  Applied apply(Side side, Level level) noexcept { return of(side).apply(level); }
  // Levels of a snapshot, any order; of two with one price the later wins, quantity 0 is no level.
  // Call clear() before the first, order() after the last. False: levels_per_side_max.
  [[nodiscard]] bool append(Side side, std::span<const Level> levels) noexcept {
    return of(side).append(levels);
  }
  void order() noexcept {
    bids_.order();
    asks_.order();
  }
  // Keeps the best `depth` levels a side; 0 keeps all.
  void truncate(std::uint32_t depth) noexcept {
    bids_.truncate(depth);
    asks_.truncate(depth);
  }

  [[nodiscard]] std::uint32_t count(Side side) const noexcept { return of(side).count(); }
  // `index` from 0, the best; < count(side).
  [[nodiscard]] Level level(Side side, std::uint32_t index) const noexcept {
    return of(side).level(index);
  }
  // Copies the best levels that there are, best first; returns how many.
  std::uint32_t copy_best(Side side, std::span<Level> to) const noexcept;
  // Best bid >= best ask. A locked book (they are equal) is crossed, too.
  [[nodiscard]] bool crossed() const noexcept {
    return bids_.count() > 0 && asks_.count() > 0 && bids_.level(0).price >= asks_.level(0).price;
  }
  [[nodiscard]] bool locked() const noexcept {
    return bids_.count() > 0 && asks_.count() > 0 && bids_.level(0).price == asks_.level(0).price;
  }
  // How often the storage had to grow beyond what was reserved.
  [[nodiscard]] std::uint64_t growth_count() const noexcept {
    return bids_.growth_count() + asks_.growth_count();
  }

 private:
  [[nodiscard]] BookSide& of(Side side) noexcept { return side == Side::Bid ? bids_ : asks_; }
  [[nodiscard]] const BookSide& of(Side side) const noexcept {
    return side == Side::Bid ? bids_ : asks_;
  }

  BookSide bids_;
  BookSide asks_;
};

}  // namespace ringside::orderbook
