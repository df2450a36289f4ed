// Every book that the simulated exchange has ever told somebody of, as a hash, found by the time or
// the update id that its message carries: what a published book of that message must equal.
//
// Threads: one. Bounded by: the messages of one run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tools/exchange/market.hpp"
#include "tools/exchange/truth.hpp"

namespace ringside::simulation {

// What mantissas are hashed in, whatever decimals they are written with: finer than any.
inline constexpr unsigned hashed_decimals = 10;

// Of the best levels, both sides; equal for equal books only, as far as 64 bits go.
class BookHash {
 public:
  // False: a number has more digits than are hashed.
  bool side(std::span<const Level> levels, Exponent price, Exponent quantity) {
    add(levels.size());
    bool whole = true;
    for (const auto& level : levels) {
      whole = rescaled(level.price.mantissa, price) && whole;
      whole = rescaled(level.quantity.mantissa, quantity) && whole;
    }
    return whole;
  }
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  bool rescaled(std::int64_t mantissa, Exponent exponent) {
    int finer = -exponent.power_of_ten - static_cast<int>(hashed_decimals);
    bool whole = true;
    for (; finer > 0; --finer) {
      whole = whole && mantissa % 10 == 0;
      mantissa /= 10;
    }
    for (; finer < 0; ++finer) mantissa *= 10;
    add(static_cast<std::uint64_t>(mantissa));
    return whole;
  }
  void add(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15U;
    state_ ^= state_ >> 29;
  }
  std::uint64_t state_ = 0x243f6a8885a308d3U;
};

class BookTruth final : public exchange::Truth {
 public:
  explicit BookTruth(exchange::Market& market) : market_(market), books_(market.size()) {}

  void write(const exchange::Listing& listing, std::size_t depth, UtcNs time) override {
    auto& by_time = books_[index_of(listing)].by_time;
    by_time.push_back({time.value, {hash_of(listing, depth), by_time.size() + 1}});
  }
  // The book as it is now is the one of its update id.
  void note_id(exchange::ListingIndex index) {
    const auto& listing = market_[index];
    auto& by_id = books_[index].by_id;
    const auto id = static_cast<std::int64_t>(listing.update_id);
    if (by_id.empty() || by_id.back().key != id) {
      by_id.push_back({id, {hash_of(listing, exchange::depth_all), told(index)}});
    }
  }
  struct Book {
    std::uint64_t hash = 0;
    std::size_t number = 0;  // of messages so far, with its own
  };
  [[nodiscard]] std::optional<Book> at_time(exchange::ListingIndex index, UtcNs time) const {
    return find(books_[index].by_time, time.value);
  }
  [[nodiscard]] std::optional<Book> at_id(exchange::ListingIndex index, std::uint64_t id) const {
    return find(books_[index].by_id, static_cast<std::int64_t>(id));
  }
  // The newest that was told.
  [[nodiscard]] Book newest(exchange::ListingIndex index) const {
    const auto& by_time = books_[index].by_time;
    return by_time.empty() ? Book{} : by_time.back().book;
  }
  // How many messages there were.
  [[nodiscard]] std::size_t told(exchange::ListingIndex index) const {
    return books_[index].by_time.size();
  }

  [[nodiscard]] static std::uint64_t hash_of(const exchange::Listing& listing, std::size_t depth) {
    const auto exponent = [](unsigned decimals) {
      return Exponent{static_cast<std::int8_t>(-static_cast<int>(decimals))};
    };
    BookHash hash;
    for (const Side side : {Side::Bid, Side::Ask}) {
      const std::span<const Level> levels(listing.book.side(side));
      static_cast<void>(hash.side(levels.first(std::min(levels.size(), depth)),
                                  exponent(listing.decimals.price),
                                  exponent(listing.decimals.quantity)));
    }
    return hash.value();
  }

 private:
  struct Entry {
    std::int64_t key;
    Book book;
  };
  using Entries = std::vector<Entry>;  // keys grow
  struct OfListing {
    Entries by_time;
    Entries by_id;
  };
  [[nodiscard]] exchange::ListingIndex index_of(const exchange::Listing& listing) const {
    return static_cast<exchange::ListingIndex>(&listing - &market_[0]);
  }
  static std::optional<Book> find(const Entries& entries, std::int64_t key) {
    const auto at =
        std::lower_bound(entries.begin(), entries.end(), key,
                         [](const auto& entry, std::int64_t wanted) { return entry.key < wanted; });
    if (at == entries.end() || at->key != key) return std::nullopt;
    return at->book;
  }

  exchange::Market& market_;
  std::vector<OfListing> books_;
};

}  // namespace ringside::simulation
