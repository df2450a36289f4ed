// ringside.h: the events of a worker thread.
#include "ipc/broadcast_reader.hpp"
#include "ipc/reader/mapping.hpp"

namespace ringside::reader {
namespace {

bool has_counts(Kind kind) noexcept {
  return kind == Kind::Levels || kind == Kind::Snapshot || kind == Kind::Key;
}

ringside_record record_of(const ipc::RecordBuffer& buffer, ipc::RingPosition end) noexcept {
  const Record& record = buffer.record;
  ringside_record out{};
  out.position = end - record.slots;
  out.instrument = record.instrument;
  out.kind = static_cast<std::uint8_t>(record.kind);
  out.flags = record.flags;
  out.side_or_cause = record.side_or_reason;
  out.receive_ticks = record.receive_tsc;
  out.publish_ticks = record.receive_tsc + record.publish_delta;
  out.exchange_utc_ns = record.exchange_ns;
  out.quantity = record.quantity;
  out.reference = record.reference;
  out.epoch = record.epoch;
  out.level_count = static_cast<std::uint32_t>(buffer.levels().size());
  out.levels = reinterpret_cast<const ringside_level*>(buffer.storage.data());
  if (has_counts(record.kind)) {
    out.bid_count = record.bid_count();
    out.ask_count = record.ask_count();
  } else {
    out.price = record.price;
  }
  return out;
}

}  // namespace
}  // namespace ringside::reader

using namespace ringside;
using namespace ringside::reader;

struct ringside_events {
  ringside_events(const Mapping& mapped, const ipc::TickRate& rate) noexcept
      : mapping(mapped), bounds(bounds_of(rate)), reader(mapped.view) {}
  Mapping mapping;
  ipc::LivenessBounds bounds;
  ipc::BroadcastReader reader;
  ipc::RecordBuffer buffer;
};

ringside_status ringside_events_open(const ringside_instance* instance, const char* worker,
                                     ringside_join join, ringside_events** out) noexcept {
  const auto status =
      open_handle(instance, "events.", worker, ipc::SegmentKind::Broadcast, false, out);
  if (status != RINGSIDE_OK) return status;
  const auto joined = ringside_events_rejoin(*out, join);
  if (joined == RINGSIDE_OK) return joined;
  ringside_events_close(*out);
  *out = nullptr;
  return joined;
}
void ringside_events_close(ringside_events* events) noexcept { close_handle(events); }

namespace {

ringside_status poll(ringside_events& events, ringside_record& out) noexcept {
  switch (events.reader.poll(events.buffer)) {
    case ipc::PollStatus::Ok:
      out = record_of(events.buffer, events.reader.position());
      return RINGSIDE_OK;
    case ipc::PollStatus::Lost:
      return RINGSIDE_LOST;
    case ipc::PollStatus::Corrupt:
      return RINGSIDE_CORRUPT;
    case ipc::PollStatus::Empty:
      break;
  }
  return RINGSIDE_EMPTY;
}

}  // namespace

ringside_status ringside_events_next(ringside_events* events, ringside_record* out) noexcept {
  if (events == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  const auto status = poll(*events, *out);
  if (status != RINGSIDE_EMPTY) return status;
  const auto liveness = events->mapping.view.liveness(ipc::now_ticks(), events->bounds);
  if (liveness == ipc::Liveness::Alive) return RINGSIDE_EMPTY;
  // What it said between the two looks.
  const auto last = poll(*events, *out);
  return last == RINGSIDE_EMPTY ? status_of(liveness) : last;
}

void ringside_events_lost(const ringside_events* events, std::uint64_t* from,
                          std::uint64_t* to) noexcept {
  if (from != nullptr) *from = events == nullptr ? 0 : events->reader.lost_from();
  if (to != nullptr) *to = events == nullptr ? 0 : events->reader.lost_to();
}

ringside_status ringside_events_rejoin(ringside_events* events, ringside_join join) noexcept {
  if (events == nullptr) return RINGSIDE_BAD_ARGUMENT;
  switch (join) {
    case RINGSIDE_JOIN_KEY:
      events->reader.join_at_newest_key();
      return RINGSIDE_OK;
    case RINGSIDE_JOIN_TAIL:
      events->reader.join_at_tail();
      return RINGSIDE_OK;
    case RINGSIDE_JOIN_START:
      events->reader.join_at_start();
      return RINGSIDE_OK;
  }
  return RINGSIDE_BAD_ARGUMENT;
}
