#include "collector/record_writer.hpp"

#include <algorithm>
#include <cstring>

#include "ipc/check.hpp"

namespace ringside::collector {
namespace {

constexpr std::uint8_t whole_message = flag_first | flag_last;

}  // namespace

RecordWriter::RecordWriter(std::size_t instruments_max) : instruments_max_(instruments_max) {
  instruments_.reserve(instruments_max);
}

RingIndex RecordWriter::add_ring(ipc::SpscWriter& ring) {
  rings_.push_back({&ring, 0, false, {}});
  rings_.back().lost.reserve(instruments_max_);
  return static_cast<RingIndex>(rings_.size() - 1);
}

InstrumentIndex RecordWriter::add_instrument(InstrumentId id, RingIndex ring) {
  RINGSIDE_CHECK(ring < rings_.size());
  RINGSIDE_CHECK(instruments_.size() < instruments_max_);
  Instrument instrument;
  instrument.id = id;
  instrument.ring = ring;
  instruments_.push_back(instrument);
  return static_cast<InstrumentIndex>(instruments_.size() - 1);
}

Record RecordWriter::record_of(InstrumentIndex instrument, Kind kind, std::uint32_t epoch,
                               const Origin& origin) const noexcept {
  Record record;
  record.instrument = instruments_[instrument].id.value;
  record.kind = kind;
  record.flags = whole_message;
  record.receive_tsc = origin.receive.value;
  record.exchange_ns = origin.has_exchange_time ? origin.exchange.value : 0;
  if (!origin.has_exchange_time) record.flags |= flag_no_exchange_time;
  record.epoch = epoch;
  return record;
}

// The ring has no room: from here on the worker must not believe what it has of this instrument.
void RecordWriter::begin_loss(InstrumentIndex index) noexcept {
  auto& instrument = instruments_[index];
  auto& ring = rings_[instrument.ring];
  ring.writer->add_drops(1);
  ++ring.drops;
  if (!instrument.dropping) ++counters_.instruments_dropped;
  instrument.dropping = true;
  if (instrument.loss_due) return;
  instrument.loss_due = true;
  ring.lost.push_back(index);  // at most once each, within the capacity reserved
}

ipc::Slot* RecordWriter::claim(InstrumentIndex index, unsigned slots) noexcept {
  auto& instrument = instruments_[index];
  ipc::Slot* const slot =
      instrument.dropping ? nullptr : rings_[instrument.ring].writer->claim(slots);
  if (slot != nullptr) return slot;
  ++counters_.records_dropped;
  if (!instrument.dropping || instrument.loss_due) begin_loss(index);
  return nullptr;
}

void RecordWriter::commit(InstrumentIndex index) noexcept {
  auto& ring = rings_[instruments_[index].ring];
  ring.writer->commit();
  ring.touched = true;
  ++counters_.records_written;
}

void RecordWriter::write_one(InstrumentIndex instrument, const Record& record) noexcept {
  ipc::Slot* slot = claim(instrument, record.slots);
  if (slot == nullptr) return;
  slot->put(record);
  commit(instrument);
}

void RecordWriter::write_terms(InstrumentIndex index, std::uint32_t epoch,
                               const InstrumentTerms& terms, const Origin& origin) noexcept {
  auto& instrument = instruments_[index];
  instrument.epoch = epoch;
  if (instrument.dropping) {
    // Its loss must be named before anything new of it; else it goes on dropping.
    name_losses(rings_[instrument.ring]);
    if (!instrument.loss_due) instrument.dropping = false;
  }
  Record record = record_of(index, Kind::Instrument, epoch, origin);
  record.price = terms.packed();
  write_one(index, record);
}

void RecordWriter::write_levels(InstrumentIndex index, Record head, const Levels& levels) noexcept {
  const auto& ring = rings_[instruments_[index].ring];
  const unsigned slots_max = ipc::claim_slots_max(ring.writer->capacity());
  const std::size_t levels_max = std::size_t{slots_max - 1} * levels_per_slot;
  auto bids = levels.bids;
  auto asks = levels.asks;
  const auto flags = static_cast<std::uint8_t>(head.flags & ~whole_message);
  bool first = true;
  do {
    const auto bid_part = bids.first(std::min(bids.size(), levels_max));
    const auto ask_part = asks.first(std::min(asks.size(), levels_max - bid_part.size()));
    const bool last = bid_part.size() == bids.size() && ask_part.size() == asks.size();
    const auto count = static_cast<unsigned>(bid_part.size() + ask_part.size());
    head.slots = static_cast<std::uint8_t>(1 + continuation_slots(count));
    head.flags =
        static_cast<std::uint8_t>(flags | (first ? flag_first : 0) | (last ? flag_last : 0));
    head.set_counts(static_cast<std::uint32_t>(bid_part.size()),
                    static_cast<std::uint32_t>(ask_part.size()));
    ipc::Slot* slot = claim(index, head.slots);
    if (slot == nullptr) return;
    slot->put(head);
    Level* end = std::copy(bid_part.begin(), bid_part.end(), slot->levels());
    end = std::copy(ask_part.begin(), ask_part.end(), end);
    std::fill(end, slot->levels() + std::size_t{head.slots - 1u} * levels_per_slot, Level{});
    commit(index);
    bids = bids.subspan(bid_part.size());
    asks = asks.subspan(ask_part.size());
    first = false;
  } while (!bids.empty() || !asks.empty());
}

void RecordWriter::write_snapshot(InstrumentIndex instrument, std::uint32_t epoch,
                                  const Levels& levels, Reference reference,
                                  const Origin& origin) noexcept {
  Record head = record_of(instrument, Kind::Snapshot, epoch, origin);
  head.reference = reference.value;
  head.flags |= reference.flag;
  write_levels(instrument, head, levels);
}

void RecordWriter::write_delta(InstrumentIndex instrument, std::uint32_t epoch,
                               const Levels& levels, Reference reference,
                               const Origin& origin) noexcept {
  Record head = record_of(instrument, Kind::Levels, epoch, origin);
  head.reference = reference.value;
  head.flags |= reference.flag;
  if (levels.bids.size() + levels.asks.size() != 1) return write_levels(instrument, head, levels);
  const Level& level = levels.bids.empty() ? levels.asks.front() : levels.bids.front();
  head.kind = Kind::Level;
  head.side_or_reason = static_cast<std::uint8_t>(levels.bids.empty() ? Side::Ask : Side::Bid);
  head.price = level.price.mantissa;
  head.quantity = level.quantity.mantissa;
  write_one(instrument, head);
}

void RecordWriter::write_trade(InstrumentIndex instrument, std::uint32_t epoch, const Trade& trade,
                               const Origin& origin) noexcept {
  Record record = record_of(instrument, Kind::Trade, epoch, origin);
  record.side_or_reason = static_cast<std::uint8_t>(trade.aggressor);
  record.price = trade.price.mantissa;
  record.quantity = trade.quantity.mantissa;
  record.reference = trade.id.value;
  record.flags |= trade.id.flag;
  write_one(instrument, record);
}

void RecordWriter::write_bbo(InstrumentIndex instrument, std::uint32_t epoch, const Bbo& bbo,
                             const Origin& origin) noexcept {
  Record record = record_of(instrument, Kind::Bbo, epoch, origin);
  record.price = bbo.bid.price.mantissa;
  record.quantity = bbo.bid.quantity.mantissa;
  record.reference = bbo.reference.value;
  record.flags |= bbo.reference.flag;
  record.slots = 2;
  ipc::Slot* slot = claim(instrument, record.slots);
  if (slot == nullptr) return;
  slot->put(record);
  slot->levels()[0] = bbo.ask;
  std::fill(slot->levels() + 1, slot->levels() + levels_per_slot, Level{});
  commit(instrument);
}

Cause RecordWriter::failure_of(InstrumentIndex index) const noexcept {
  const Record& status = instruments_[index].status;
  const bool failed =
      status.kind == Kind::Status && status.quantity == static_cast<std::int64_t>(State::Failed);
  return failed ? status.cause() : Cause::None;
}

void RecordWriter::write_status(InstrumentIndex index, std::uint32_t epoch, State state,
                                Cause cause, const Origin& origin) noexcept {
  Record record = record_of(index, Kind::Status, epoch, origin);
  record.side_or_reason = static_cast<std::uint8_t>(cause);
  record.quantity = static_cast<std::int64_t>(state);
  auto& instrument = instruments_[index];
  auto& ring = rings_[instrument.ring];
  const Cause failure = failure_of(index);
  instrument.status = record;
  instrument.status_due = true;
  if (failure_of(index) != failure) ++failure_changes_;
  // A state is no part of what must be continuous, but it must not overtake its loss.
  ipc::Slot* const slot = instrument.loss_due ? nullptr : ring.writer->claim(1);
  if (slot == nullptr) {
    ++counters_.records_dropped;
    return begin_loss(index);
  }
  instrument.status_due = false;
  slot->put(record);
  commit(index);
}

void RecordWriter::repeat_status(InstrumentIndex index, const Origin& origin) noexcept {
  const Record status = instruments_[index].status;
  if (status.kind != Kind::Status) return;
  write_status(index, status.epoch, static_cast<State>(status.quantity), status.cause(), origin);
}

bool RecordWriter::write_news(InstrumentIndex instrument, const News& news,
                              const Origin& origin) noexcept {
  const auto& known = instruments_[instrument];
  return write_news(rings_[known.ring],
                    record_of(instrument, Kind::Instrument, known.epoch, origin), news);
}

bool RecordWriter::write_news(const News& news, const Origin& origin) noexcept {
  if (instruments_.empty()) return false;
  Record record = record_of(0, Kind::Instrument, 0, origin);
  record.instrument = InstrumentId::of(record.id().collector(), ordinal_of_none).value;
  return write_news(rings_.front(), record, news);
}

bool RecordWriter::write_news(Ring& ring, Record record, const News& news) noexcept {
  record.side_or_reason = static_cast<std::uint8_t>(news.what);
  record.price =
      InstrumentTerms{news.price_exponent, news.quantity_exponent, ChecksumRule::None, 0}.packed();
  record.quantity = news.price_step;
  record.reference = static_cast<std::uint64_t>(news.quantity_step);
  record.slots = 2;
  if (ring.writer->free_slots() < ring.writer->capacity() / 2) return false;
  ipc::Slot* const slot = ring.writer->claim(record.slots);
  if (slot == nullptr) return false;
  slot->put(record);
  std::memcpy(static_cast<void*>(slot->levels()), &news.name, sizeof(news.name));
  ring.writer->commit();
  ring.touched = true;
  ++counters_.records_written;
  return true;
}

void RecordWriter::name_losses(Ring& ring) noexcept {
  while (!ring.lost.empty()) {
    const InstrumentIndex index = ring.lost.back();
    auto& instrument = instruments_[index];
    // Room for the status behind it, too, so that it is not lost a second time.
    ipc::Slot* slot = ring.writer->free_slots() < 2 ? nullptr : ring.writer->claim(1);
    if (slot == nullptr) return;
    ring.lost.pop_back();
    instrument.loss_due = false;
    Record record;
    record.instrument = instrument.id.value;
    record.kind = Kind::Loss;
    record.side_or_reason = static_cast<std::uint8_t>(Cause::RecordsDropped);
    record.flags = flag_first | flag_no_exchange_time;
    if (ring.lost.empty()) record.flags |= flag_last;
    record.reference = ring.drops;
    record.epoch = instrument.epoch;
    slot->put(record);
    commit(index);
    ++counters_.losses_named;
    if (!instrument.status_due) continue;
    slot = ring.writer->claim(1);
    if (slot == nullptr) return begin_loss(index);
    instrument.status_due = false;
    slot->put(instrument.status);
    commit(index);
  }
}

unsigned RecordWriter::publish(RingIndex index, Ticks now, ipc::Visibility visibility) noexcept {
  auto& ring = rings_[index];
  if (!ring.lost.empty()) name_losses(ring);
  if (!ring.touched) return 0;
  ring.touched = false;
  return ring.writer->publish(now, visibility);
}

}  // namespace ringside::collector
