// Worker: what happens to a whole ring and therefore to all its instruments.
#include <algorithm>

#include "orderbook/worker.hpp"

namespace ringside::orderbook {

void Worker::refresh_source(SourceIndex source, Ticks now) noexcept {
  for (Instrument& instrument : instruments_) {
    if (instrument.source == source) refresh_state(instrument, now);
  }
}

void Worker::source_attached(SourceIndex source, std::uint64_t drops, Ticks now,
                             bool alive) noexcept {
  sources_[source] = {.alive = alive, .behind = !alive, .drops = drops, .covered = drops};
  for (Instrument& instrument : instruments_) {
    if (instrument.source != source) continue;
    instrument.tracked.forget_epoch();
    // One that was removed is not waited for, unless the new collector speaks of it.
    if (instrument.collector.cause != Cause::Removed)
      instrument.collector = {State::Live, Cause::None};
    instrument.crossed_messages = 0;
    resyncs_.cancel(index_of(instrument));
  }
  refresh_source(source, now);
}

void Worker::source_alive(SourceIndex source, bool alive, Ticks now) noexcept {
  Source& ring = sources_[source];
  if (ring.alive == alive && !ring.behind) return;
  if (!alive) ++counters_.collectors_lost;
  ring.alive = alive;
  ring.behind = false;
  for (Instrument& instrument : instruments_) {
    if (instrument.source != source) continue;
    if (!alive) {
      resyncs_.cancel(index_of(instrument));
    } else if (instrument.tracked.phase() == TrackedBook::Phase::Broken) {
      want_resync(instrument, instrument.tracked.cause(), now);
    }
  }
  refresh_source(source, now);
}

void Worker::source_drops(SourceIndex source, std::uint64_t drops, Ticks now) noexcept {
  Source& ring = sources_[source];
  if (drops <= ring.drops) return;
  counters_.drops_noticed += drops - ring.drops;
  const bool was_lossy = ring.lossy();
  ring.drops = drops;
  if (ring.lossy() != was_lossy) refresh_source(source, now);
}

void Worker::expect(InstrumentId instrument, SourceIndex source, Ticks now) noexcept {
  if (instrument_of(source, instrument, now) == nullptr) ++counters_.instruments_over_limit;
}

void Worker::catalogue_replaced(std::uint32_t collector) noexcept {
  for (Instrument& instrument : instruments_) {
    if (instrument.id.collector() == collector) instrument.listed = false;
  }
}

// What was removed while its collector was down, or from the file, no collector will speak of.
void Worker::catalogue_read(std::uint32_t collector, Ticks now) noexcept {
  for (Instrument& instrument : instruments_) {
    if (instrument.id.collector() != collector || instrument.listed) continue;
    instrument.collector = {State::Failed, Cause::Removed};
    instrument.tracked.abandon();
    instrument.crossed_messages = 0;
    resyncs_.cancel(index_of(instrument));
    refresh_state(instrument, now);
  }
}

void Worker::resync_missing(SourceIndex source, Ticks now) noexcept {
  for (const Instrument& instrument : instruments_) {
    const InstrumentIndex index = index_of(instrument);
    if (instrument.source != source || resyncs_.open(index)) continue;
    if (instrument.tracked.phase() != TrackedBook::Phase::Empty) continue;
    resyncs_.want(index, source, epoch_any, Cause::Starting, now);
  }
}

// One of the instruments that lost records; the last one's record ends the ring's being lossy.
void Worker::take_loss(SourceIndex source, Instrument* instrument, const Record& record,
                       Ticks now) noexcept {
  ++counters_.losses;
  if (instrument != nullptr) {
    TrackedBook& tracked = instrument->tracked;
    const std::uint32_t known = tracked.has_terms() ? tracked.epoch() : epoch_any;
    // Terms of a newer epoch may be among what was lost.
    const std::uint32_t epoch = tracked.has_terms() ? std::max(known, record.epoch) : epoch_any;
    tracked.break_off(Cause::RecordsDropped);
    instrument->crossed_messages = 0;
    resyncs_.want(index_of(*instrument), source, epoch, Cause::RecordsDropped, now);
    refresh_state(*instrument, now);
  } else {
    ++counters_.instruments_over_limit;
  }
  if (!record.last()) return;
  Source& ring = sources_[source];
  const bool was_lossy = ring.lossy();
  // reference: the drop count these records account for; 0: all of it so far.
  ring.covered = std::max(ring.covered, record.reference != 0 ? record.reference : ring.drops);
  if (ring.lossy() != was_lossy) refresh_source(source, now);
}

}  // namespace ringside::orderbook
