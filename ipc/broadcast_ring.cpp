#include "ipc/broadcast_ring.hpp"

#include <bit>

#include "ipc/check.hpp"

namespace ringside::ipc {

namespace {

using RecordWords = std::array<std::uint64_t, slot_words>;

}  // namespace

SegmentSpec broadcast_spec(std::uint64_t slots) {
  RINGSIDE_CHECK(is_ring_capacity(slots));
  SegmentSpec spec;
  spec.kind = SegmentKind::Broadcast;
  spec.payload_bytes = slots * slot_bytes;
  spec.item_bytes = slot_bytes;
  spec.item_count = slots;
  return spec;
}

void fill_broadcast(Segment& segment) {
  auto& first = *reinterpret_cast<BroadcastSlot*>(segment.writable_data().data());
  first.words[0].store(broadcast_writing(0), std::memory_order_release);  // P2: pairs with C1
}

Segment broadcast_in_memory(std::uint64_t slots) {
  return create_private_segment(broadcast_spec(slots), fill_broadcast);
}

BroadcastWriter::BroadcastWriter(Segment& segment)
    : slots_(reinterpret_cast<BroadcastSlot*>(segment.writable_data().data())),
      capacity_(segment.geometry().item_count),
      tail_hint_(&segment.writable_header().kind_words[broadcast_word_tail_hint].value),
      last_key_(&segment.writable_header().kind_words[broadcast_word_last_key].value) {
  RINGSIDE_CHECK(is_broadcast(segment));
  // owner: only this thread writes
  RINGSIDE_CHECK(slots_[0].words[0].load(std::memory_order_relaxed) == broadcast_writing(0));
}

void BroadcastWriter::publish(const Record& head, std::span<const Level> continuation,
                              Ticks now) noexcept {
  const auto slots = 1 + continuation_slots(static_cast<unsigned>(continuation.size()));
  RINGSIDE_DCHECK(slots <= claim_slots_max(capacity_));
  const std::uint64_t until_end = capacity_ - (position_ & (capacity_ - 1));
  if (slots > until_end) {
    Record pad;
    pad.kind = Kind::Pad;
    pad.slots = static_cast<std::uint8_t>(until_end);
    write(pad, {});
  }
  Record record = head;
  record.slots = static_cast<std::uint8_t>(slots);
  record.publish_delta = publish_delta(now, head.receive_tsc);
  const RingPosition at = position_;
  write(record, continuation);
  tail_hint_->store(position_, std::memory_order_release);  // P3: pairs with C3
  if (record.kind == Kind::Key) {
    last_key_->store(at + 1, std::memory_order_release);  // P4: pairs with C4
  }
}

// The record goes to position_, whose slot holds writing(position_) already.
void BroadcastWriter::write(const Record& head, std::span<const Level> continuation) noexcept {
  BroadcastSlot& first = slot_at(position_);
  const auto words = std::bit_cast<RecordWords>(head);
  for (unsigned i = 1; i < slot_words; ++i) {
    first.words[i].store(words[i], std::memory_order_release);  // P2: pairs with C2
  }
  std::size_t level = 0;
  for (RingPosition at = position_ + 1; level < continuation.size(); ++at) {
    BroadcastSlot& slot = slot_at(at);
    for (unsigned i = 0; i < slot_words; i += 2, ++level) {
      const Level value = level < continuation.size() ? continuation[level] : Level{};
      const auto price = static_cast<std::uint64_t>(value.price.mantissa);
      const auto quantity = static_cast<std::uint64_t>(value.quantity.mantissa);
      slot.words[i].store(price, std::memory_order_release);         // P2: pairs with C2
      slot.words[i + 1].store(quantity, std::memory_order_release);  // P2: pairs with C2
    }
  }
  const RingPosition next = position_ + head.slots;
  slot_at(next).words[0].store(broadcast_writing(next),
                               std::memory_order_release);                     // P2: pairs with C1
  first.words[0].store(broadcast_done(position_), std::memory_order_release);  // P1: pairs with C1
  position_ = next;
}

}  // namespace ringside::ipc
