// What the simulated venue trades: its instruments, their books, and what each depth of
// subscription has to be told about a change.
//
// Threads: one. Bounded by: the instruments listed at construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ringside/event.hpp"
#include "ringside/time.hpp"
#include "tools/exchange/book.hpp"
#include "tools/exchange/decimal.hpp"

namespace ringside::exchange {

inline constexpr std::size_t depth_all = std::numeric_limits<std::size_t>::max();

// The levels that a subscriber of one depth must hear of, in order, so that applying them all and
// then dropping what lies beyond the depth yields the true book's best levels. The rule is
// Kraken's: nothing is sent for a level that falls out, and a level that comes into sight because
// a better one went is sent anew.
//
// Invariant, after each note(): the subscriber's untruncated book holds the true best `depth`
// levels, and every level it holds beside them is the true one. The prices that it holds beyond the
// depth until the end of the message are in pushed_out.
class DepthView {
 public:
  struct Told {
    Level level;
    bool risen = false;  // unchanged, but in sight again
  };

  explicit DepthView(std::size_t depth) : depth_(depth) {}

  // `book` already has the change.
  void note(const Book& book, Side side, Level level, Book::Applied applied);
  // The end of a message.
  void clear();

  [[nodiscard]] std::size_t depth() const { return depth_; }
  [[nodiscard]] bool empty() const { return sides_[0].told.empty() && sides_[1].told.empty(); }
  [[nodiscard]] const std::vector<Told>& told(Side side) const { return of(side).told; }

 private:
  struct HalfView {
    std::vector<Told> told;
    std::vector<Price> pushed_out;
  };
  [[nodiscard]] const HalfView& of(Side side) const { return sides_[side == Side::Bid ? 0 : 1]; }
  [[nodiscard]] HalfView& of(Side side) { return sides_[side == Side::Bid ? 0 : 1]; }

  std::size_t depth_;
  HalfView sides_[2];
};

struct Trade {
  Price price;
  Quantity quantity;
  Side aggressor = Side::Bid;
  bool market_order = true;
  std::uint64_t id = 0;
  UtcNs time;
};

// What the venue says of an instrument.
enum class Trading : std::uint8_t { Online, Halted, Delisted, Unlisted };

struct Listing {
  std::string symbol;
  std::uint32_t name = 0;  // not 0: it is known by another symbol for a while, or by none
  Trading trading = Trading::Online;
  Decimals steps{1, 1};     // smallest ones of price and quantity, in units of the last decimal
  Decimals decimals;        // of the book's numbers
  Decimals wire;            // at least printed, padded with zeros, where the venue does that
  std::uint32_t depth = 0;  // as recorded (replay) or specified (generator); 0: unknown

  Book book;
  std::vector<DepthView> views;
  UtcNs book_time;              // of the last book message
  std::uint64_t update_id = 0;  // of the last book change, where the venue counts them
  Trade last_trade;
  bool snapshot_seen = false;  // the book is whole

  // Applies and lets every view note it.
  void apply(Side side, Level level);
  // The view of that depth; added when it is the first of that depth.
  DepthView& view(std::size_t depth);
  // The same numbers, written with so many more decimals. Between messages.
  void refine(Decimals more);
};

using ListingIndex = std::uint32_t;
inline constexpr ListingIndex no_listing = std::numeric_limits<ListingIndex>::max();

class Market {
 public:
  // Returns the present one when there is one of that symbol.
  ListingIndex list(std::string_view symbol);
  [[nodiscard]] ListingIndex find(std::string_view symbol) const;
  // From here on it is known by that symbol, which no other has, and by no other.
  void rename(ListingIndex listing, std::string_view symbol);

  // Who has subscribed hears nothing while it is not listed, and nobody finds it by its symbol.
  void set_trading(ListingIndex listing, Trading trading);
  // Of any, hidden or not; slow.
  [[nodiscard]] ListingIndex find_any(std::string_view symbol) const;

  [[nodiscard]] ListingIndex size() const { return static_cast<ListingIndex>(listings_.size()); }
  [[nodiscard]] Listing& operator[](ListingIndex index) { return listings_[index]; }
  [[nodiscard]] const Listing& operator[](ListingIndex index) const { return listings_[index]; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::vector<Listing> listings_;
  std::unordered_map<std::string, ListingIndex, Hash, std::equal_to<>> by_symbol_;
};

}  // namespace ringside::exchange
