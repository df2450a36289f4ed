// A ring with one writer and any number of readers, each at its own position, none of which the
// writer knows. Unlike a queue it never fills: the writer overwrites the oldest slots, and a reader
// that is too slow learns exactly which positions it lost. Readers map it read-only.
//
// Threads: a BroadcastWriter belongs to one thread; a BroadcastReader to one other, any number.
// Bounded by: the capacity; a record takes at most claim_slots_max(capacity) slots.
// Fails by: PollStatus. Corrupt = memory that no writer of ours leaves; attach again or give up.
//
// How a torn copy is told from a whole one, without a fence: all words are atomic. The writer
// stores them in increasing order of address, each with release; the reader loads them with
// acquire and then looks at the first slot's stamp again. A word of a later lap can only be seen
// if the overwriting of that stamp can be seen as well, because it came earlier.
//
//   before:   | done 7 .. | 8: old lap  | 9: old lap
//   publish   | done 7 .. | writing 8   | 9: old lap       (left there by the one before)
//             | done 7 .. | writing 8 + payload | writing 9
//             | done 7 .. | done 8 .. | writing 9          <- so the slot that a reader waits at
//                                                             always holds a stamp of this lap
// Invariants: the slot at the writer's position holds writing(position); hence capacity - 1 slots
// are readable. A word that is no stamp, where a record should start, was overwritten: lapped.
//
// Order (P: writer, C: readers):
//   P1 done stamp        release    C1 acquire: the record, the next slot's marker, all before
//   P2 every other word  release    C2 acquire; then C2b, the stamp again: it is ordered behind the
//                                    acquire loads. Acquire as well: who was lapped while copying
//                                    must see the hints that were stored before the slot was
//                                    overwritten, or it would find nothing ahead and say Corrupt
//   P3 tail hint         release    C3 acquire: everything below is done or overwritten
//   P4 last key          release    C4 acquire: that record is done or overwritten; a second net,
//                                    as a key is used only below the tail hint that P3 stored first
// Run over a model of memory, with every one of these weakened: tests/model.
#pragma once

#include <cstdint>
#include <span>

#include "ipc/broadcast_reader.hpp"
#include "ipc/segment.hpp"

namespace ringside::ipc {

SegmentSpec broadcast_spec(std::uint64_t slots);
// Leaves the marker that readers of an empty ring wait at. Pass to create_segment.
void fill_broadcast(Segment& segment);
Segment broadcast_in_memory(std::uint64_t slots);

class alignas(hot_line_bytes) BroadcastWriter {
 public:
  BroadcastWriter() = default;
  // Writable Broadcast segment, filled by fill_broadcast; checked. Starts at position 0.
  explicit BroadcastWriter(Segment& segment);

  // Publishes one record at once. stamp, slots and publish_delta are set here; `continuation` fills
  // the slots behind the first, at most (claim_slots_max(capacity) - 1) * 4 levels; what is left of
  // the last slot is zeroed.
  void publish(const Record& head, std::span<const Level> continuation, Ticks now) noexcept;
  [[nodiscard]] RingPosition position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

 private:
  [[nodiscard]] BroadcastSlot& slot_at(RingPosition position) const noexcept {
    return slots_[position & (capacity_ - 1)];
  }
  void write(const Record& head, std::span<const Level> continuation) noexcept;

  BroadcastSlot* slots_ = nullptr;
  std::uint64_t capacity_ = 0;
  Atomic<std::uint64_t>* tail_hint_ = nullptr;
  Atomic<std::uint64_t>* last_key_ = nullptr;
  RingPosition position_ = 0;
};

}  // namespace ringside::ipc
