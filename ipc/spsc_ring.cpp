#include "ipc/spsc_ring.hpp"

#include <algorithm>

namespace ringside::ipc {

SegmentSpec spsc_spec(std::uint64_t slots) {
  RINGSIDE_CHECK(is_ring_capacity(slots));
  SegmentSpec spec;
  spec.kind = SegmentKind::Spsc;
  spec.payload_bytes = slots * slot_bytes;
  spec.item_bytes = slot_bytes;
  spec.item_count = slots;
  return spec;
}

Segment spsc_in_memory(std::uint64_t slots) { return create_private_segment(spsc_spec(slots)); }

Atomic<std::uint64_t>& control_read_position(Segment& spsc) noexcept {
  return spsc.writable_header().kind_words[spsc_word_control_read_position].value;
}

const Atomic<std::uint64_t>& control_read_position(const Segment& spsc) noexcept {
  return spsc.header().kind_words[spsc_word_control_read_position].value;
}

namespace {

SpscMemory writer_memory(Segment& segment) {
  const auto& geometry = segment.geometry();
  RINGSIDE_CHECK(geometry.kind == SegmentKind::Spsc);
  RINGSIDE_CHECK(geometry.item_bytes == slot_bytes && is_ring_capacity(geometry.item_count));
  auto& words = segment.writable_header().kind_words;
  return SpscMemory{reinterpret_cast<Slot*>(segment.writable_data().data()), geometry.item_count, 0,
                    &words[spsc_word_head_hint].value, &words[spsc_word_drops].value};
}

SpscReadMemory reader_memory(const Segment& segment) noexcept {
  const auto& geometry = segment.geometry();
  if (!segment.mapped() || geometry.kind != SegmentKind::Spsc ||
      geometry.item_bytes != slot_bytes || !is_ring_capacity(geometry.item_count)) {
    return {};
  }
  const auto& words = segment.header().kind_words;
  return SpscReadMemory{reinterpret_cast<const Slot*>(segment.data().data()), geometry.item_count,
                        0, &words[spsc_word_head_hint].value, &words[spsc_word_drops].value};
}

}  // namespace

SpscWriter::SpscWriter(Segment& segment) : SpscWriter(writer_memory(segment)) {}

SpscWriter::SpscWriter(const SpscMemory& memory) noexcept
    : memory_(memory),
      read_(memory.start),
      published_(memory.start),
      committed_(memory.start),
      claim_(memory.start),
      prefetch_slots_(memory.capacity >= 4 * spsc_prefetch_slots ? spsc_prefetch_slots : 0) {}

void SpscWriter::refresh_read_position() noexcept {
  if (read_position_source_ == nullptr) return;
  const auto position =
      read_position_source_->load(std::memory_order_acquire);  // C2: pairs with P2
  if (position >= read_ && position <= published_) read_ = position;
}

void SpscWriter::write_pad(RingPosition from, std::uint64_t slots) noexcept {
  // A claim of at most 255 slots leaves fewer than 255 to pad, so that one record covers them.
  RINGSIDE_DCHECK(slots < record_slots_max);
  Slot& pad = slot_at(from);
  pad.put(Record{});
  pad.kind = Kind::Pad;
  pad.slots = static_cast<std::uint8_t>(slots);
}

unsigned SpscWriter::publish(Ticks now, Visibility visibility) noexcept {
  unsigned records = 0;
  while (published_ != committed_) {
    Slot& slot = slot_at(published_);
    const bool pad = slot.kind == Kind::Pad;
    const RingPosition next = published_ + slot.slots;
    slot.publish_delta = pad ? 0 : ipc::publish_delta(now, slot.receive_tsc);
    slot.stamp.store(spsc_stamp(published_), std::memory_order_release);  // P1: pairs with C1
    records += pad ? 0 : 1;
    published_ = next;
  }
  if (records == 0 || memory_.head_hint == nullptr) return records;
  if (visibility == Visibility::BeforeWakeCheck) {
    memory_.head_hint->store(published_, std::memory_order_seq_cst);  // P3s: pairs with C3, C3s
  } else {
    memory_.head_hint->store(published_, std::memory_order_release);  // P3: pairs with C3
  }
  return records;
}

std::uint64_t SpscWriter::free_slots() noexcept {
  refresh_read_position();
  return memory_.capacity - (committed_ - read_);
}

void SpscWriter::add_drops(std::uint64_t count) noexcept {
  drops_ += count;
  if (memory_.drops != nullptr) {
    memory_.drops->store(drops_, std::memory_order_release);  // P4: pairs with C4
  }
}

SpscReader::SpscReader(const Segment& segment) noexcept : SpscReader(reader_memory(segment)) {}

SpscReader::SpscReader(const SpscReadMemory& memory) noexcept
    : memory_(memory),
      position_(memory.start),
      position_published_(memory.start),
      corrupt_(!is_ring_capacity(memory.capacity) || memory.start >= ring_position_limit) {}

void SpscReader::set_position_word(Atomic<std::uint64_t>* word) noexcept {
  position_word_ = word;
  if (word == nullptr) return;
  word->store(position_, std::memory_order_release);  // P2: pairs with C2
  position_published_ = position_;
}

RingPosition SpscReader::head() const noexcept {
  if (memory_.head_hint == nullptr) return position_;
  const auto head = memory_.head_hint->load(std::memory_order_acquire);  // C3: pairs with P3
  return head < ring_position_limit ? std::max(head, position_) : position_;
}

std::uint64_t SpscReader::move_to_head() noexcept {
  const RingPosition from = position_;
  position_ = head();
  peeked_ = false;
  publish_position();
  return position_ - from;
}

bool SpscReader::ready_before_park() const noexcept {
  if (corrupt_) return true;  // not a state to sleep in: the caller must see it
  RINGSIDE_DCHECK(memory_.head_hint != nullptr);
  return memory_.head_hint->load(std::memory_order_seq_cst) > position_;  // C3s: pairs with P3s
}

std::uint64_t SpscReader::drops() const noexcept {
  return memory_.drops == nullptr ? 0
                                  : memory_.drops->load(std::memory_order_acquire);  // C4: with P4
}

std::uint64_t SpscReader::backlog() const noexcept { return head() - position_; }

}  // namespace ringside::ipc
