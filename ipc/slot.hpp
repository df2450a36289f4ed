// One slot of a ring as it lies in shared memory, and the stamps that publish it. A slot has the
// fields of ringside::Record, but its stamp is atomic, so that nobody writes it by accident: while
// a record is being filled its reader already polls that word.
//
//   first slot          | stamp | instrument kind flags slots side | ... 64 bytes
//   continuation slots  | price quantity | price quantity | price quantity | price quantity |
//
// Invariants: a stamp's two top bits are 01, a mantissa's are equal; no two positions have the
// same stamp. So neither an earlier lap's record nor stale payload ever reads as this lap's record.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "ipc/segment_view.hpp"
#include "ipc/shared_words.hpp"
#include "ringside/event.hpp"

namespace ringside::ipc {

// Slots since the ring was made, for ever: position 0 is the first. Below ring_position_limit.
using RingPosition = std::uint64_t;
inline constexpr RingPosition ring_position_limit = RingPosition{1} << 60;

inline constexpr std::uint64_t stamp_tag = std::uint64_t{1} << 62;
inline constexpr std::uint64_t stamp_tag_mask = std::uint64_t{3} << 62;

constexpr bool is_stamp(std::uint64_t word) { return (word & stamp_tag_mask) == stamp_tag; }
constexpr std::uint64_t spsc_stamp(RingPosition position) { return stamp_tag | (position + 1); }
constexpr std::uint64_t broadcast_writing(RingPosition position) {
  return stamp_tag | (2 * position + 1);
}
constexpr std::uint64_t broadcast_done(RingPosition position) {
  return stamp_tag | (2 * position + 2);
}

// Capacities are powers of two. A record takes at most half a ring, so that the pad before it and
// the record itself always fit an empty one.
inline constexpr std::uint64_t ring_slots_min = 8;
inline constexpr std::uint64_t ring_slots_max = std::uint64_t{1} << 30;
constexpr bool is_ring_capacity(std::uint64_t slots) {
  return std::has_single_bit(slots) && slots >= ring_slots_min && slots <= ring_slots_max;
}
constexpr unsigned claim_slots_max(std::uint64_t capacity) {
  return capacity / 2 < record_slots_max ? static_cast<unsigned>(capacity / 2) : record_slots_max;
}

struct alignas(slot_bytes) Slot {
  Atomic<std::uint64_t> stamp;
  Plain<std::uint32_t> instrument;
  Plain<Kind> kind;
  Plain<std::uint8_t> flags;
  Plain<std::uint8_t> slots;
  Plain<std::uint8_t> side_or_reason;
  Plain<std::uint64_t> receive_tsc;
  Plain<std::int64_t> exchange_ns;
  Plain<std::int64_t> price;
  Plain<std::int64_t> quantity;
  Plain<std::uint64_t> reference;
  Plain<std::uint32_t> publish_delta;
  Plain<std::uint32_t> epoch;

  // Everything but the stamp, which is the ring's to store.
  void put(const Record& record) noexcept {
    instrument = record.instrument;
    kind = record.kind;
    flags = record.flags;
    slots = record.slots;
    side_or_reason = record.side_or_reason;
    receive_tsc = record.receive_tsc;
    exchange_ns = record.exchange_ns;
    price = record.price;
    quantity = record.quantity;
    reference = record.reference;
    publish_delta = record.publish_delta;
    epoch = record.epoch;
  }
  // Of the continuation slots behind this first one; as many as were claimed times four.
  [[nodiscard]] Level* levels() noexcept { return reinterpret_cast<Level*>(this + 1); }
  void set_counts(std::uint32_t bids, std::uint32_t asks) noexcept {
    price = static_cast<std::int64_t>((static_cast<std::uint64_t>(asks) << 32) | bids);
  }
};
static_assert(std::is_standard_layout_v<Slot>);
static_assert(sizeof(Slot) == slot_bytes && alignof(Slot) == slot_bytes);
static_assert(offsetof(Slot, stamp) == offsetof(Record, stamp));
static_assert(offsetof(Slot, instrument) == offsetof(Record, instrument));
static_assert(offsetof(Slot, kind) == offsetof(Record, kind));
static_assert(offsetof(Slot, flags) == offsetof(Record, flags));
static_assert(offsetof(Slot, slots) == offsetof(Record, slots));
static_assert(offsetof(Slot, side_or_reason) == offsetof(Record, side_or_reason));
static_assert(offsetof(Slot, receive_tsc) == offsetof(Record, receive_tsc));
static_assert(offsetof(Slot, exchange_ns) == offsetof(Record, exchange_ns));
static_assert(offsetof(Slot, price) == offsetof(Record, price));
static_assert(offsetof(Slot, quantity) == offsetof(Record, quantity));
static_assert(offsetof(Slot, reference) == offsetof(Record, reference));
static_assert(offsetof(Slot, publish_delta) == offsetof(Record, publish_delta));
static_assert(offsetof(Slot, epoch) == offsetof(Record, epoch));

// Ticks from receipt to publication, saturating at both ends.
constexpr std::uint32_t publish_delta(Ticks now, std::uint64_t receive_tsc) {
  if (now.value <= receive_tsc) return 0;
  const std::uint64_t delta = now.value - receive_tsc;
  constexpr auto most = std::numeric_limits<std::uint32_t>::max();
  return delta < most ? static_cast<std::uint32_t>(delta) : most;
}

// Whether a record that claims `slots` slots at this index stays inside the ring, and what it says
// about its contents stays inside its slots. All that a reader of untrusted memory must know.
constexpr bool is_bounded(const Record& record, std::uint64_t index, std::uint64_t capacity) {
  const std::uint64_t slots = record.slots;
  if (slots == 0 || slots > capacity - index) return false;
  switch (record.kind) {
    case Kind::Levels:
    case Kind::Snapshot:
    case Kind::Key:
      return std::uint64_t{record.bid_count()} + record.ask_count() <=
             (slots - 1) * levels_per_slot;
    case Kind::Bbo:
      return slots >= 2;
    case Kind::Instrument:
      return slots >= 2 || record.is_terms();
    default:
      return true;
  }
}

}  // namespace ringside::ipc
