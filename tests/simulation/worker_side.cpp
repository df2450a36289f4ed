#include "tests/simulation/worker_side.hpp"

#include <algorithm>
#include <cstring>

#include "ipc/check.hpp"
#include "orderbook/ring_drain.hpp"
#include "tests/simulation/collector_side.hpp"

namespace ringside::simulation {
namespace {

constexpr std::uint64_t events_slots = 1024;
constexpr std::uint64_t refused_delay = 1'000'000;

}  // namespace

WorkerSide::WorkerSide(const std::vector<std::string>& symbols, const std::int64_t& local_ns)
    : local_ns_(local_ns),
      symbols_(symbols),
      instruments_(static_cast<std::uint32_t>(symbols.size())),
      sequences_(instruments_),
      records_(instruments_),
      news_(instruments_, Announcement::Terms),
      events_segment_(ipc::broadcast_in_memory(events_slots)),
      books_segment_(ipc::book_table_in_memory(instruments_)),
      cursor_segment_(std::make_shared<ipc::Segment>(ipc::cursor_in_memory())),
      events_(events_segment_),
      books_(books_segment_),
      cursor_(*cursor_segment_),
      worker_(options(instruments_), events_, books_),
      table_(books_segment_, ipc::TickRate::of(1.0, false)) {
  books_.beat(now());
}

orderbook::WorkerOptions WorkerSide::options(std::uint32_t instruments) {
  orderbook::WorkerOptions made;
  made.instruments_max = instruments;
  made.late_joiner_round_ticks_min = 1'000'000'000;
  made.cadence = orderbook::CadencePolicy{};
  made.observer = {on_message, this};
  return made;
}

void WorkerSide::on_message(void* context, const orderbook::AppliedMessage& message) {
  auto& self = *static_cast<WorkerSide*>(context);
  const bool numbered = (message.record->flags & flag_reference_sequence) != 0;
  self.sequences_[message.instrument.ordinal()].push_back(numbered ? message.record->reference : 0);
}

// What changes nothing within the table's levels does not change the table: its view may be of an
// earlier message than the newest.
std::uint64_t WorkerSide::sequence(std::uint32_t instrument, const ipc::BookView& view) const {
  const auto& sequences = sequences_[instrument];
  return view.updates == 0 || view.updates > sequences.size() ? 0 : sequences[view.updates - 1];
}

void WorkerSide::attach(std::shared_ptr<ipc::Segment> ring, bool from_start,
                        const std::vector<bool>& listed) {
  news_.assign(instruments_, Announcement::Terms);
  ipc::SpscReader reader(*ring);
  if (!from_start) reader.move_to_head();
  reader_ = reader;
  ring_ = std::move(ring);
  cursor_entry_ = cursor_.bind(ring_name, *ring_, reader_).value();
  worker_.source_attached(0, from_start ? 0 : reader_.drops(), now());
  worker_.catalogue_replaced(0);
  for (std::uint32_t i = 0; i < instruments_; ++i) {
    if (!listed[i]) continue;
    worker_.expect(InstrumentId::of(0, i), 0, now());
    worker_.listed(*worker_.find(InstrumentId::of(0, i)));
  }
  worker_.catalogue_read(0, now());
  if (!from_start) worker_.resync_missing(0, now());
}

unsigned WorkerSide::drain() {
  if (!ring_) return 0;
  const auto count = orderbook::drain_ring(
      worker_, 0, reader_, [this] { return now(); },
      [this](const Record& record, Ticks, bool) { note(record, reader_.levels()); });
  while (const auto pending = worker_.next_resync(now())) {
    if (!cursor_.request_resync(cursor_entry_, pending->request, now())) {
      worker_.resync_refused(*pending, now(), refused_delay);
    }
  }
  return count;
}

void WorkerSide::note(const Record& record, std::span<const Level> levels) {
  switch (record.kind) {
    case Kind::Trade:
    case Kind::Bbo:
    case Kind::Level:
    case Kind::Levels:
    case Kind::Snapshot:
      ++records_[record.id().ordinal()];
      return;
    case Kind::Instrument:
      break;
    default:
      return;
  }
  if (!record.is_announcement() || record.announcement() == Announcement::Increments) return;
  AnnouncedName name;
  RINGSIDE_CHECK(levels.size() >= levels_per_slot);
  std::memcpy(static_cast<void*>(&name), levels.data(), sizeof(name));
  const std::string_view text(name.text, std::min<std::size_t>(name.bytes, sizeof(name.text)));
  for (std::uint32_t i = 0; i < instruments_; ++i) {
    if (text.ends_with(" " + symbols_[i])) news_[i] = record.announcement();
  }
}

void WorkerSide::tick() {
  books_.beat(now());
  worker_.on_tick(now());
}

void WorkerSide::fill_control_ring() {
  if (!ring_) return;
  while (cursor_.request_resync(cursor_entry_, {InstrumentId::of(9, 1), 1, Cause::None}, now())) {
  }
}

ipc::ReadStatus WorkerSide::read(std::uint32_t instrument, ipc::BookView& view) {
  const auto index = worker_.find(InstrumentId::of(0, instrument));
  if (!index) return ipc::ReadStatus::Empty;
  return table_.read(*index, view, now(), ipc::book_levels_max);
}

}  // namespace ringside::simulation
