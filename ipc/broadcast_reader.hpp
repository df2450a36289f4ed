// The reading half of the broadcast ring; how the two halves work together stands in
// ipc/broadcast_ring.hpp. Apart from the writer, so that the reader library needs nothing else.
//
// Threads: a BroadcastReader belongs to one thread. Bounded by: the capacity of the ring, which is
// checked. Fails by: PollStatus; it never throws, allocates or trusts a word of the segment.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ipc/slot.hpp"

namespace ringside::ipc {

inline constexpr unsigned slot_words = slot_bytes / 8;

struct alignas(slot_bytes) BroadcastSlot {
  std::array<Atomic<std::uint64_t>, slot_words> words;
};
static_assert(sizeof(BroadcastSlot) == slot_bytes);

// The words of a Broadcast segment's header.
inline constexpr unsigned broadcast_word_tail_hint = 0;  // position behind the newest record
inline constexpr unsigned broadcast_word_last_key = 1;   // 1 + position of the newest key; 0: none

bool is_broadcast(const SegmentView& segment) noexcept;

// Where a reader's copy goes. 16 KiB: the caller's, made once.
struct RecordBuffer {
  Record record;
  std::array<Level, record_levels_max> storage;

  // As many levels as lie in the record's slots.
  [[nodiscard]] std::span<const Level> levels() const {
    return {storage.data(), (record.slots - 1U) * std::size_t{levels_per_slot}};
  }
  [[nodiscard]] std::span<const Level> bids() const { return levels().first(record.bid_count()); }
  [[nodiscard]] std::span<const Level> asks() const {
    return levels().subspan(record.bid_count(), record.ask_count());
  }
};

enum class PollStatus : std::uint8_t {
  Ok = 0,
  Empty,
  Lost,     // positions [lost_from, lost_to) are gone; the reader stands at lost_to
  Corrupt,  // for ever, until joined anew
};

class alignas(hot_line_bytes) BroadcastReader {
 public:
  BroadcastReader() = default;
  // Starts at the newest key record, or at the tail. What is no ring answers Corrupt for ever.
  explicit BroadcastReader(const SegmentView& segment) noexcept;

  [[nodiscard]] PollStatus poll(RecordBuffer& buffer) noexcept;

  // Behind the newest record: only what comes from now on, and nothing that was read before.
  void join_at_tail() noexcept;
  // At the newest key record; at the tail where there is none.
  void join_at_newest_key() noexcept;
  // At position 0, for who wants everything; if that was overwritten, poll says what is lost.
  void join_at_start() noexcept;

  [[nodiscard]] RingPosition lost_from() const noexcept { return lost_from_; }
  [[nodiscard]] RingPosition lost_to() const noexcept { return lost_to_; }
  [[nodiscard]] RingPosition position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  // Slots published and not read, as far as the writer's hint says.
  [[nodiscard]] std::uint64_t backlog() const noexcept;

 private:
  [[nodiscard]] const BroadcastSlot& slot_at(RingPosition position) const noexcept {
    return slots_[position & (capacity_ - 1)];
  }
  [[nodiscard]] RingPosition tail_hint() const noexcept;
  [[nodiscard]] RingPosition tail() const noexcept;
  [[nodiscard]] RingPosition newest_key_or_tail(RingPosition at_least) const noexcept;
  void join_at(RingPosition position) noexcept;
  [[nodiscard]] PollStatus copy_record(RecordBuffer& buffer) noexcept;
  [[nodiscard]] PollStatus give_up_position() noexcept;

  const BroadcastSlot* slots_ = nullptr;
  std::uint64_t capacity_ = 0;
  const Atomic<std::uint64_t>* tail_hint_ = nullptr;
  const Atomic<std::uint64_t>* last_key_ = nullptr;
  RingPosition position_ = 0;
  RingPosition lost_from_ = 0;
  RingPosition lost_to_ = 0;
  bool corrupt_ = false;
};

}  // namespace ringside::ipc
