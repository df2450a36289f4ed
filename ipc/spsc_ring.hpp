// A ring with one writer and one reader in two processes, slot-stamped: the reader learns that a
// record is there from the stamp in the record's own cache line, so that a hop costs one line
// transfer. Unlike the usual ring there is no shared index on the way; the reader's position
// flows back through a word of another segment (ipc/cursor.hpp), looked at only when the ring
// seems full.
//
// The writer claims, fills in place, commits (staged, invisible), and publishes all staged records
// at once, in order, after one socket read. Nothing here waits: a full ring answers nullptr.
//
// Threads: an SpscWriter belongs to one thread, an SpscReader to one other.
// Bounded by: the ring's capacity; a record takes at most claim_slots_max(capacity) slots.
// Fails by: claim() nullptr = full; peek() nullptr = empty, or corrupt() where the memory holds
// what no writer of ours writes. A reader never looks beyond its ring and takes no word twice.
//
// Invariants, in positions: read <= published <= committed <= read + capacity.
//
// Prefetching: the writer asks for the lines that it will fill some records later, to own them.
// They were read a lap ago, so that taking one back costs a transfer between the cores; a record is
// a dozen stores, and the store buffer alone looks only some four records ahead (perf/DESIGN.md has
// the figures). The reader asks for nothing ahead: its lines stream, and asking for one that is
// being filled takes it away from its writer.
//
// Order (P: who stores, C: who loads):
//   P1 stamp            writer, release           C1 reader, acquire: the record's payload, and
//                                                    everything before it
//   P2 read position    reader, release           C2 writer, acquire: the reader is done with the
//                                                    slots, they may be written again
//   P3 head hint        writer, release           C3 reader, acquire: all records below are stamped
//   P3s                 same, seq_cst, in publish(.., BeforeWakeCheck)
//   C3s                 same, seq_cst, in ready_before_park(); why: ipc/cursor.hpp
//   P4 drops            writer, release           C4 reader, acquire: nothing is read because of it
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "ipc/check.hpp"
#include "ipc/segment.hpp"
#include "ipc/slot.hpp"

namespace ringside::ipc {

// Where a ring lies. `head_hint` and `drops` may be null (control rings have none).
struct SpscMemory {
  Slot* slots = nullptr;
  std::uint64_t capacity = 0;  // is_ring_capacity
  RingPosition start = 0;      // of the first record ever
  Atomic<std::uint64_t>* head_hint = nullptr;
  Atomic<std::uint64_t>* drops = nullptr;
};
struct SpscReadMemory {
  const Slot* slots = nullptr;
  std::uint64_t capacity = 0;
  RingPosition start = 0;
  const Atomic<std::uint64_t>* head_hint = nullptr;
  const Atomic<std::uint64_t>* drops = nullptr;
};

// The words of an Spsc segment's header.
inline constexpr unsigned spsc_word_drops = 0;
inline constexpr unsigned spsc_word_control_read_position = 1;
inline constexpr unsigned spsc_word_head_hint = 2;

// How far ahead of its claims a writer asks for lines; less in a ring of less than four times that.
inline constexpr unsigned spsc_prefetch_slots = 16;

// What to create: instance, name and the hooks are the caller's to fill in.
SegmentSpec spsc_spec(std::uint64_t slots);
// For offline runs and tests: writer and reader are made over one such segment.
Segment spsc_in_memory(std::uint64_t slots);
// Where a collector keeps its position in the control ring that answers this ring.
Atomic<std::uint64_t>& control_read_position(Segment& spsc) noexcept;
const Atomic<std::uint64_t>& control_read_position(const Segment& spsc) noexcept;

// Whether what was published must be globally visible before the writer's next load.
enum class Visibility : std::uint8_t {
  Eventually,
  BeforeWakeCheck,  // adaptive mode: the caller calls CursorReader::wake_if_parked next
};

class alignas(hot_line_bytes) SpscWriter {
 public:
  SpscWriter() = default;
  // Writable Spsc segment; checked.
  explicit SpscWriter(Segment& segment);
  explicit SpscWriter(const SpscMemory& memory) noexcept;

  // Room for one record of `slots` slots in a row, or nullptr: the ring is full. Fill everything
  // but the stamp, then commit; a claim that is not committed is forgotten by the next one.
  // 1 <= slots <= claim_slots_max(capacity).
  [[nodiscard]] Slot* claim(unsigned slots) noexcept;
  // Stages the claimed record; with an argument, only its first so many slots.
  void commit() noexcept { commit(claimed_); }
  void commit(unsigned slots) noexcept;
  // Stamps all staged records in order and sets each one's publish_delta. Returns how many.
  unsigned publish(Ticks now, Visibility visibility = Visibility::Eventually) noexcept;

  // The reader's word; null: no reader yet, the ring fills once. What it holds is believed only as
  // long as it never goes back and never passes what was published.
  void set_read_position_source(const Atomic<std::uint64_t>* source) noexcept {
    read_position_source_ = source;
  }
  // Slots free for certain; loads the reader's word.
  [[nodiscard]] std::uint64_t free_slots() noexcept;
  void add_drops(std::uint64_t count) noexcept;
  // For measurements: 0 asks for nothing ahead.
  void set_prefetch_slots(unsigned slots) noexcept { prefetch_slots_ = slots; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return memory_.capacity; }
  [[nodiscard]] RingPosition published() const noexcept { return published_; }
  [[nodiscard]] RingPosition committed() const noexcept { return committed_; }

 private:
  [[nodiscard]] Slot& slot_at(RingPosition position) const noexcept {
    return memory_.slots[position & (memory_.capacity - 1)];
  }
  void refresh_read_position() noexcept;
  void write_pad(RingPosition from, std::uint64_t slots) noexcept;
  void prefetch_ahead(unsigned slots) const noexcept;

  SpscMemory memory_;
  const Atomic<std::uint64_t>* read_position_source_ = nullptr;
  RingPosition read_ = 0;       // the reader's, as last seen
  RingPosition published_ = 0;  // stamped below
  RingPosition committed_ = 0;  // staged below
  RingPosition claim_ = 0;      // where the claimed record starts; pads lie between
  unsigned claimed_ = 0;
  unsigned prefetch_slots_ = 0;
  std::uint64_t drops_ = 0;
};

class alignas(hot_line_bytes) SpscReader {
 public:
  SpscReader() = default;
  // An attached segment of kind Spsc; one that is no ring makes a reader that is corrupt().
  explicit SpscReader(const Segment& segment) noexcept;
  explicit SpscReader(const SpscReadMemory& memory) noexcept;

  // The next record, or nullptr. A private copy of its first slot, valid until the next peek or
  // advance; peeking again returns the same record. Pads are skipped. On nullptr the position is
  // published.
  [[nodiscard]] const Record* peek() noexcept;
  // Continuation slots of the record peeked at, in the ring: valid until advance(). As many levels
  // as lie in its slots; of Levels, Snapshot and Key record.bid_count() + ask_count() are in use.
  [[nodiscard]] std::span<const Level> levels() const noexcept;
  // Bids and asks of the record peeked at (Levels, Snapshot, Key).
  [[nodiscard]] std::span<const Level> bids() const noexcept;
  [[nodiscard]] std::span<const Level> asks() const noexcept;
  // Past the record peeked at. Publishes the position each capacity / 8 slots.
  void advance() noexcept;

  // Whether there is something to peek at, ordered behind the caller's seq_cst store of its parked
  // word: the last look before sleeping. Rings with a head hint only.
  [[nodiscard]] bool ready_before_park() const noexcept;

  // Where to publish the position: a word of the reader's own cursor segment.
  void set_position_word(Atomic<std::uint64_t>* word) noexcept;
  void publish_position() noexcept;
  // To what is published now, passing over everything before. Answers how many slots were skipped.
  std::uint64_t move_to_head() noexcept;

  [[nodiscard]] bool corrupt() const noexcept { return corrupt_; }
  [[nodiscard]] RingPosition position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return memory_.capacity; }
  // The writer's count of dropped records; moves before the loss record comes.
  [[nodiscard]] std::uint64_t drops() const noexcept;
  // Slots published and not read, as far as the writer's hint says.
  [[nodiscard]] std::uint64_t backlog() const noexcept;

 private:
  [[nodiscard]] const Slot& slot_at(RingPosition position) const noexcept {
    return memory_.slots[position & (memory_.capacity - 1)];
  }
  [[nodiscard]] RingPosition head() const noexcept;

  SpscReadMemory memory_;
  Atomic<std::uint64_t>* position_word_ = nullptr;
  RingPosition position_ = 0;
  RingPosition position_published_ = 0;
  bool peeked_ = false;
  bool corrupt_ = false;
  Record record_;
};

// --- Per record: here, so that callers inline them. ---

inline Slot* SpscWriter::claim(unsigned slots) noexcept {
  RINGSIDE_DCHECK(slots >= 1 && slots <= claim_slots_max(memory_.capacity));
  const std::uint64_t until_end = memory_.capacity - (committed_ & (memory_.capacity - 1));
  // A record never wraps: what is left of this lap is padded, and stays the writer's until then.
  const std::uint64_t pad = slots <= until_end ? 0 : until_end;
  const RingPosition end = committed_ + pad + slots;
  if (end - read_ > memory_.capacity) [[unlikely]] {
    refresh_read_position();
    if (end - read_ > memory_.capacity) return nullptr;
  }
  if (pad != 0) write_pad(committed_, pad);
  claim_ = committed_ + pad;
  claimed_ = slots;
  if (prefetch_slots_ != 0) prefetch_ahead(slots);
  return &slot_at(claim_);
}

// As many lines as are about to be filled, so that each is asked for once.
inline void SpscWriter::prefetch_ahead(unsigned slots) const noexcept {
  const RingPosition from = claim_ + prefetch_slots_;
  for (unsigned i = 0; i < slots; ++i) {
#if defined(__x86_64__)
    // Owned, not shared; what compilers make of __builtin_prefetch(.., 1) for the baseline is
    // shared.
    asm volatile("prefetchw %0" : : "m"(slot_at(from + i)));
#else
    __builtin_prefetch(&slot_at(from + i), 1);
#endif
  }
}

inline void SpscWriter::commit(unsigned slots) noexcept {
  RINGSIDE_DCHECK(slots >= 1 && slots <= claimed_);
  slot_at(claim_).slots = static_cast<std::uint8_t>(slots);
  committed_ = claim_ + slots;
  claimed_ = 0;
}

inline const Record* SpscReader::peek() noexcept {
  // Each round but the last skips a pad; only a hostile writer writes more pads than this in a row.
  constexpr int rounds_max = 8;
  for (int round = 0; round < rounds_max && !corrupt_; ++round) {
    const std::uint64_t index = position_ & (memory_.capacity - 1);
    const Slot& slot = memory_.slots[index];
    const auto stamp = slot.stamp.load(std::memory_order_acquire);  // C1: pairs with P1
    if (stamp != spsc_stamp(position_)) {
      // Stale payload or an earlier lap is "not yet"; a later stamp cannot be.
      corrupt_ = is_stamp(stamp) && stamp > spsc_stamp(position_);
      break;
    }
    record_.stamp = stamp;
    record_.instrument = slot.instrument;
    record_.kind = slot.kind;
    record_.flags = slot.flags;
    record_.slots = slot.slots;
    record_.side_or_reason = slot.side_or_reason;
    record_.receive_tsc = slot.receive_tsc;
    record_.exchange_ns = slot.exchange_ns;
    record_.price = slot.price;
    record_.quantity = slot.quantity;
    record_.reference = slot.reference;
    record_.publish_delta = slot.publish_delta;
    record_.epoch = slot.epoch;
    if (!is_bounded(record_, index, memory_.capacity)) {
      corrupt_ = true;
      break;
    }
    if (record_.kind != Kind::Pad) {
      peeked_ = true;
      return &record_;
    }
    position_ += record_.slots;
  }
  peeked_ = false;
  publish_position();
  return nullptr;
}

inline std::span<const Level> SpscReader::levels() const noexcept {
  RINGSIDE_DCHECK(peeked_);
  return {reinterpret_cast<const Level*>(&slot_at(position_) + 1),
          (record_.slots - 1U) * std::size_t{levels_per_slot}};
}

inline std::span<const Level> SpscReader::bids() const noexcept {
  return levels().first(record_.bid_count());
}

inline std::span<const Level> SpscReader::asks() const noexcept {
  return levels().subspan(record_.bid_count(), record_.ask_count());
}

inline void SpscReader::advance() noexcept {
  RINGSIDE_DCHECK(peeked_);
  peeked_ = false;
  position_ += record_.slots;
  if (position_ - position_published_ >= memory_.capacity / 8) publish_position();
}

inline void SpscReader::publish_position() noexcept {
  if (position_word_ == nullptr || position_published_ == position_) return;
  position_word_->store(position_, std::memory_order_release);  // P2: pairs with C2
  position_published_ = position_;
}

}  // namespace ringside::ipc
