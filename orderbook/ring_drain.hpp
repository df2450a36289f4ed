// Hands what one ring holds to the worker: the step that a worker thread repeats, and a simulation
// takes on its own time.
//
// Threads: the worker's. Bounded by: drain_records_max records a call.
#pragma once

#include "ipc/spsc_ring.hpp"
#include "orderbook/worker.hpp"

namespace ringside::orderbook {

inline constexpr unsigned drain_records_max = 256;  // of one ring before the next one's turn

// `now()` is the time of each record's reading; `taken(record, read, published)` is told of each,
// after the worker has taken it and before it leaves the ring. Returns how many there were.
template <typename Now, typename Taken>
unsigned drain_ring(Worker& worker, SourceIndex source, ipc::SpscReader& reader, Now now,
                    Taken taken) noexcept {
  worker.source_drops(source, reader.drops(), now());
  unsigned count = 0;
  for (; count < drain_records_max; ++count) {
    const Record* const record = reader.peek();
    if (record == nullptr) break;
    const Ticks read = now();
    // A loss accounts for drops that must be known by then.
    if (record->kind == Kind::Loss) worker.source_drops(source, reader.drops(), read);
    const Ticks published_before = worker.published();
    worker.take(source, *record, reader.levels(), read);
    taken(*record, read, worker.published() != published_before);
    reader.advance();
  }
  return count;
}

}  // namespace ringside::orderbook
