// What a worker's readers see of it: the broadcast ring of records, and within a share of that ring
// what a reader needs that joined late: key records, and whole books as snapshots.
//
// Threads: one, the worker's. Bounded by: the ring; whole books take at most 1 / late_joiner_share
// of its slots. Fails by: nothing; a broadcast ring never fills.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "orderbook/book.hpp"

namespace ringside::orderbook {

inline constexpr std::uint64_t late_joiner_share = 8;
inline constexpr std::uint32_t key_levels = 10;  // a side

// Time of publication. A pointer, so that offline runs and tests stay on their own time.
using Clock = Ticks (*)();

// What a record about a whole instrument says besides its levels.
struct BookHead {
  InstrumentId instrument;
  std::uint32_t epoch = 0;
  Ticks receive;
  UtcNs exchange;          // 0: the venue did not say
  std::uint8_t flags = 0;  // beside First, Last and NoExchangeTime
  std::uint64_t reference = 0;
};

// Of an instrument; ahead of its book's while a new epoch's snapshot is awaited.
struct TermsInForce {
  bool known = false;
  std::uint32_t epoch = 0;
  InstrumentTerms terms;
};

class Publisher {
 public:
  // `clock` null: what is published at `now` is stamped `now`.
  Publisher(ipc::BroadcastWriter& events, Clock clock) noexcept;

  // As it came, with new stamp and publish_delta. levels.size() <= what fits a record (checked by
  // whoever read it from a ring).
  void record(const Record& record, std::span<const Level> levels, Ticks now) noexcept;
  void status(InstrumentId instrument, std::uint32_t epoch, State state, Cause cause,
              Ticks now) noexcept;
  // All levels as Snapshot records, First to Last, best first.
  void snapshot(const BookHead& head, const Book& book, Ticks now) noexcept;

  // For late joiners: a key record, the terms in force, if they are known, and with `book` not null
  // the whole book. False: not now, the share is used up.
  [[nodiscard]] bool late_joiner_round(const BookHead& head, const ipc::BookView& view,
                                       const TermsInForce& terms, const Book* book,
                                       Ticks now) noexcept;
  // A millisecond has gone by: an idle ring earns its share by time.
  void on_tick() noexcept;

  // When the newest record was published.
  [[nodiscard]] Ticks published() const noexcept { return published_; }

 private:
  void put(const Record& record, std::span<const Level> levels, Ticks now) noexcept;
  void earn(std::uint64_t slots) noexcept;
  [[nodiscard]] std::uint64_t snapshot_slots(const Book& book) const noexcept;

  ipc::BroadcastWriter* events_;
  Clock clock_;
  Ticks published_;
  std::uint32_t levels_per_record_;
  // In slots x (late_joiner_share - 1): a slot of the day's business earns 1, one of a whole book
  // costs late_joiner_share - 1.
  std::int64_t credit_ = 0;
  std::int64_t credit_max_;
  std::int64_t credit_per_tick_;
  std::array<Level, record_levels_max> scratch_;
};

}  // namespace ringside::orderbook
