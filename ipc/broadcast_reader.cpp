#include "ipc/broadcast_reader.hpp"

#include <bit>

namespace ringside::ipc {

namespace {

using RecordWords = std::array<std::uint64_t, slot_words>;
static_assert(sizeof(RecordWords) == sizeof(Record));

}  // namespace

bool is_broadcast(const SegmentView& segment) noexcept {
  return segment.holds(SegmentKind::Broadcast, slot_bytes) &&
         is_ring_capacity(segment.geometry.item_count);
}

BroadcastReader::BroadcastReader(const SegmentView& segment) noexcept {
  if (!is_broadcast(segment)) {
    corrupt_ = true;
    return;
  }
  slots_ = reinterpret_cast<const BroadcastSlot*>(segment.data().data());
  capacity_ = segment.geometry.item_count;
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

// The hint is stored behind the record (and the pad before it) that it counts; until then they are
// whole, may have been read, and are nothing that comes from now on.
RingPosition BroadcastReader::tail() const noexcept {
  constexpr int records_max = 8;  // a true writer leaves two; more may come while we look
  RingPosition at = tail_hint();
  for (int i = 0; i < records_max && at < ring_position_limit; ++i) {
    const BroadcastSlot& first = slot_at(at);
    const auto stamp = first.words[0].load(std::memory_order_acquire);  // C1: pairs with P1
    if (stamp != broadcast_done(at)) break;
    RecordWords words{};
    words[1] = first.words[1].load(std::memory_order_acquire);          // C2: pairs with P2
    const auto again = first.words[0].load(std::memory_order_acquire);  // C2b: behind the C2
    const std::uint64_t slots = std::bit_cast<Record>(words).slots;
    if (again != stamp || slots == 0 || slots > capacity_ - (at & (capacity_ - 1))) break;
    at += slots;
  }
  return at;
}

void BroadcastReader::join_at_tail() noexcept { join_at(slots_ == nullptr ? 0 : tail()); }

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
