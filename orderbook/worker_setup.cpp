// Worker: the parts that allocate. Apart from worker.cpp, whose code runs for each record.
#include "ipc/check.hpp"
#include "orderbook/worker.hpp"

namespace ringside::orderbook {

Worker::Worker(const WorkerOptions& options, ipc::BroadcastWriter& events,
               ipc::BookTableWriter& table)
    : options_(options),
      publisher_(events, options.clock),
      table_(&table),
      resyncs_(options.resync, options.instruments_max),
      index_(options.instruments_max) {
  RINGSIDE_CHECK(options.instruments_max <= table.capacity());
  // References into it are held across calls: it must never move.
  instruments_.reserve(options.instruments_max);
}

// Null: there is no room for one more.
Worker::Instrument* Worker::add_instrument(SourceIndex source, InstrumentId id,
                                           Ticks now) noexcept {
  if (index_.full()) return nullptr;
  const auto index = static_cast<InstrumentIndex>(instruments_.size());
  Instrument& instrument = instruments_.emplace_back();
  instrument.id = id;
  instrument.source = source;
  instrument.view.instrument = id.value;
  index_.insert(id, index);
  resyncs_.add();
  table_->add(id);
  announce(instrument, evaluate(instrument), now);
  update_table(instrument);
  return &instrument;
}

}  // namespace ringside::orderbook
