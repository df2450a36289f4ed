// A consumer's own copy of one instrument's whole book, kept from what the broadcast ring carries.
// Unlike the book table it has all levels and misses no change; in return it is worth nothing until
// a snapshot has come, and again after records were lost.
//
// Threads: one. Bounded by: orderbook::Book. Fails by: valid().
#pragma once

#include <cstdint>

#include "ipc/broadcast_ring.hpp"
#include "orderbook/tracked_book.hpp"

namespace ringside::tools {

enum class BookStep : std::uint8_t {
  Nothing = 0,  // not about the book, or more of the message must come
  Snapshot,     // the whole book was replaced: by a new one, or by the same one for late joiners
  Update,       // a whole delta was applied
  Refused,      // there is no book to apply it to, or it does not fit the one there is
};

class FullBook {
 public:
  // A record of this instrument, in the order of the ring.
  BookStep take(const ipc::RecordBuffer& buffer) noexcept;
  // Records were lost, or their writer is gone: no book and no state until they come anew.
  void invalidate() noexcept;

  // The book equals the worker's as of the last record taken; between the records of one message it
  // does not.
  [[nodiscard]] bool valid() const noexcept { return tracked_.between_messages(); }
  [[nodiscard]] const orderbook::Book& book() const noexcept { return tracked_.book(); }
  [[nodiscard]] bool has_terms() const noexcept { return tracked_.has_terms(); }
  [[nodiscard]] const InstrumentTerms& terms() const noexcept { return tracked_.terms(); }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return tracked_.epoch(); }
  // As the worker announced it last; has_state(): it did since invalidate().
  [[nodiscard]] bool has_state() const noexcept { return has_state_; }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] Cause cause() const noexcept { return cause_; }

 private:
  BookStep take_snapshot(const ipc::RecordBuffer& buffer) noexcept;
  void restart_epoch(const Record& terms) noexcept;

  orderbook::TrackedBook tracked_;
  orderbook::LevelCounts counts_;
  State state_ = State::Syncing;
  Cause cause_ = Cause::Starting;
  bool has_state_ = false;
};

}  // namespace ringside::tools
