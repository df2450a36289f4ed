#include "ipc/broadcast_ring.hpp"

#include <bit>

#include "ipc/check.hpp"

namespace ringside::ipc {

namespace {

using RecordWords = std::array<std::uint64_t, slot_words>;
static_assert(sizeof(RecordWords) == sizeof(Record));

bool is_broadcast(const SegmentGeometry& geometry) {
  return geometry.kind == SegmentKind::Broadcast && geometry.item_bytes == slot_bytes &&
         is_ring_capacity(geometry.item_count);
}

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
  RINGSIDE_CHECK(is_broadcast(segment.geometry()));
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

BroadcastReader::BroadcastReader(const Segment& segment) noexcept {
  if (!segment.mapped() || !is_broadcast(segment.geometry())) {
    corrupt_ = true;
    return;
  }
  slots_ = reinterpret_cast<const BroadcastSlot*>(segment.data().data());
  capacity_ = segment.geometry().item_count;
  tail_hint_ = &segment.header().kind_words[broadcast_word_tail_hint].value;
  last_key_ = &segment.header().kind_words[broadcast_word_last_key].value;
  join_at_newest_key();
}

PollStatus BroadcastReader::poll(RecordBuffer& buffer) noexcept {
  // Each round but the last skips a pad; only a hostile writer writes more pads than this in a row.
  constexpr int rounds_max = 8;
  for (int round = 0; round < rounds_max && !corrupt_; ++round) {
    const auto stamp =
        slot_at(position_).words[0].load(std::memory_order_acquire);  // C1: pairs with P1
    if (stamp == broadcast_writing(position_)) return PollStatus::Empty;
    if (stamp != broadcast_done(position_)) {
      // An earlier stamp cannot be: this lap's marker was left here before we could get here.
      corrupt_ = is_stamp(stamp) && stamp < broadcast_writing(position_);
      return corrupt_ ? PollStatus::Corrupt : give_up_position();
    }
    const PollStatus status = copy_record(buffer);
    if (status != PollStatus::Ok) return status;
    position_ += buffer.record.slots;
    if (buffer.record.kind != Kind::Pad) return PollStatus::Ok;
  }
  return corrupt_ ? PollStatus::Corrupt : PollStatus::Empty;
}

PollStatus BroadcastReader::copy_record(RecordBuffer& buffer) noexcept {
  const BroadcastSlot& first = slot_at(position_);
  RecordWords words{broadcast_done(position_)};
  for (unsigned i = 1; i < slot_words; ++i) {
    words[i] = first.words[i].load(std::memory_order_acquire);  // C2: pairs with P2
  }
  buffer.record = std::bit_cast<Record>(words);
  const bool bounded = is_bounded(buffer.record, position_ & (capacity_ - 1), capacity_);
  const std::size_t level_count =
      bounded ? (buffer.record.slots - 1U) * std::size_t{levels_per_slot} : 0;
  for (std::size_t i = 0; i < level_count; ++i) {
    const BroadcastSlot& slot = slot_at(position_ + 1 + i / levels_per_slot);
    const std::size_t word = i % levels_per_slot * 2;
    const auto price = slot.words[word].load(std::memory_order_acquire);         // C2: with P2
    const auto quantity = slot.words[word + 1].load(std::memory_order_acquire);  // C2: with P2
    buffer.storage[i] = Level{Price{static_cast<std::int64_t>(price)},
                              Quantity{static_cast<std::int64_t>(quantity)}};
  }
  const auto again = first.words[0].load(std::memory_order_acquire);  // C2b: behind the C2
  if (again != broadcast_done(position_)) return give_up_position();
  corrupt_ = !bounded;
  return bounded ? PollStatus::Ok : PollStatus::Corrupt;
}

PollStatus BroadcastReader::give_up_position() noexcept {
  const RingPosition to = newest_key_or_tail(position_ + 1);
  if (to <= position_ || to >= ring_position_limit) {
    corrupt_ = true;  // overwritten by nobody who says so
    return PollStatus::Corrupt;
  }
  lost_from_ = position_;
  lost_to_ = to;
  position_ = to;
  return PollStatus::Lost;
}

RingPosition BroadcastReader::tail_hint() const noexcept {
  return tail_hint_->load(std::memory_order_acquire);  // C3: pairs with P3
}

RingPosition BroadcastReader::newest_key_or_tail(RingPosition at_least) const noexcept {
  const auto key = last_key_->load(std::memory_order_acquire);  // C4: pairs with P4
  const RingPosition tail = tail_hint();                        // later, so not below the key
  const bool usable = key > at_least && key <= tail && tail - key < capacity_ - 1;
  return usable ? key - 1 : tail;
}

void BroadcastReader::join_at(RingPosition position) noexcept {
  position_ = position;
  corrupt_ = slots_ == nullptr || position >= ring_position_limit;
}

void BroadcastReader::join_at_tail() noexcept { join_at(slots_ == nullptr ? 0 : tail_hint()); }

void BroadcastReader::join_at_newest_key() noexcept {
  join_at(slots_ == nullptr ? 0 : newest_key_or_tail(0));
}

void BroadcastReader::join_at_start() noexcept { join_at(0); }

std::uint64_t BroadcastReader::backlog() const noexcept {
  if (slots_ == nullptr) return 0;
  const RingPosition tail = tail_hint();
  return tail > position_ ? tail - position_ : 0;
}

}  // namespace ringside::ipc
