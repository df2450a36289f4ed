#include "orderbook/ring_input.hpp"

#include <utility>

namespace ringside::orderbook {

RingInput::RingInput(std::string instance, std::string ring_name)
    : instance_(std::move(instance)), name_(std::move(ring_name)) {}

RingInput::Event RingInput::look(ipc::CursorWriter& cursor, Ticks cursor_created, Ticks now,
                                 const ipc::LivenessBounds& bounds) noexcept {
  if (!attached()) return attach(cursor, cursor_created);
  const bool lives = segment_.liveness(now, bounds) == ipc::Liveness::Alive && !reader_.corrupt();
  if (!lives && catching_up()) {
    return_to_.reset();
    return Event::Died;
  }
  if (lives != alive_) {
    if (lives && !caught_up()) return Event::None;
    alive_ = lives;
    return lives ? Event::CameBack : Event::Died;
  }
  return lives ? Event::None : attach(cursor, cursor_created);
}

// Of a collector that had hung, or a ring that was filled before it was found: its books are as old
// as the oldest word in it until what was there by then has been read.
bool RingInput::caught_up() noexcept {
  if (!return_to_) return_to_ = reader_.position() + reader_.backlog();
  if (reader_.position() < *return_to_) return false;
  return_to_.reset();
  return true;
}

RingInput::Event RingInput::attach(ipc::CursorWriter& cursor, Ticks cursor_created) noexcept {
  ipc::Segment found;
  const auto status = ipc::attach_segment(instance_, name_, ipc::SegmentKind::Spsc, found, nullptr,
                                          ipc::Prefault::Yes);
  if (status != ipc::AttachStatus::Ok) {
    const bool passing = ipc::is_attached(status) || status == ipc::AttachStatus::Absent ||
                         status == ipc::AttachStatus::Initialising;
    if (passing || refused_) return Event::None;
    refused_ = true;
    return Event::Refused;
  }
  // The one we have, dead or corrupt: only another one helps. Generations begin again after an
  // orderly end took the file away; the time of creation does not.
  const auto& ours = segment_.geometry();
  if (attached() && found.geometry().generation == ours.generation &&
      found.geometry().created == ours.created) {
    return Event::None;
  }
  ipc::SpscReader reader(found);
  const bool ours_from_the_start =
      found.geometry().created_ticks > cursor_created || never_read(found, reader, cursor_created);
  if (!ours_from_the_start) reader.move_to_head();
  segment_ = std::move(found);
  reader_ = reader;
  const auto entry = cursor.bind(name_, segment_, reader_);
  if (!entry || reader_.corrupt()) {
    segment_ = {};
    reader_ = {};
    if (std::exchange(refused_, true)) return Event::None;
    return Event::Refused;
  }
  cursor_entry_ = *entry;
  return_to_.reset();
  alive_ = caught_up();
  refused_ = false;
  return ours_from_the_start ? Event::AttachedAtStart : Event::AttachedAtHead;
}

// Nobody has read `ring` yet, and everything that was written to it still lies there. Its collector
// keeps its position in a worker's requests from the moment it has found one; until then it never
// writes over a slot.
bool RingInput::never_read(const ipc::Segment& ring, const ipc::SpscReader& reader,
                           Ticks cursor_created) noexcept {
  const auto position =
      ipc::control_read_position(ring).load(std::memory_order_acquire);  // W4: pairs with K4
  const auto age =
      ipc::TickRate::of_host().ns_between(ring.geometry().created_ticks, cursor_created);
  return position == 0 && reader.drops() == 0 && age < unread_age_ns_max;
}

}  // namespace ringside::orderbook
