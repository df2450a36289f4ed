// Writes an adapter's findings as records into the ring of each instrument's worker, in place.
//
// A full ring never blocks and never tears: the record is dropped, the ring's `drops` word moves at
// once, and from then on everything of that instrument is dropped until its next terms and
// snapshot; only what its state is, is still said. As soon as there is room a Loss record names
// each instrument hit, with its newest epoch and the drop count accounted for (the last one flagged
// Last); the worker answers with resync requests, within its limits. What is dropped of an
// instrument after it was named moves `drops` no more: the worker knows, and no Loss would follow.
//
// Threads: the collector thread's. Bounded by: instruments_max; level lists longer than one record
// are split, First on the first part, Last on the last. No allocation after add_*().
// Fails by: counting (RecordCounters); the adapter need not care.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ipc/spsc_ring.hpp"
#include "ringside/event.hpp"

namespace ringside::collector {

// Dense numbers within one RecordWriter, in order of adding.
using RingIndex = std::uint32_t;
using InstrumentIndex = std::uint32_t;

// When a message was read, and when the venue says it was made.
struct Origin {
  Ticks receive;
  UtcNs exchange;
  bool has_exchange_time = false;
};

// Record::reference and the flag that says what it is.
struct Reference {
  std::uint64_t value = 0;
  std::uint8_t flag = 0;  // flag_reference_* or 0
};

struct RecordCounters {
  std::uint64_t records_written = 0;
  std::uint64_t records_dropped = 0;      // ring full, or the instrument waits for its snapshot
  std::uint64_t instruments_dropped = 0;  // times an instrument began to drop
  std::uint64_t losses_named = 0;
};

class RecordWriter {
 public:
  explicit RecordWriter(std::size_t instruments_max);

  // Setup. The ring outlives this.
  RingIndex add_ring(ipc::SpscWriter& ring);
  InstrumentIndex add_instrument(InstrumentId id, RingIndex ring);
  [[nodiscard]] InstrumentId id_of(InstrumentIndex instrument) const noexcept {
    return instruments_[instrument].id;
  }

  // Exponents, depth and checksum rule from here on; must precede each snapshot, same epoch.
  void write_terms(InstrumentIndex instrument, std::uint32_t epoch, const InstrumentTerms& terms,
                   const Origin& origin) noexcept;
  struct Levels {
    std::span<const Level> bids;  // in the order of the message
    std::span<const Level> asks;
  };
  void write_snapshot(InstrumentIndex instrument, std::uint32_t epoch, const Levels& levels,
                      Reference reference, const Origin& origin) noexcept;
  void write_delta(InstrumentIndex instrument, std::uint32_t epoch, const Levels& levels,
                   Reference reference, const Origin& origin) noexcept;
  struct Trade {
    Side aggressor = Side::None;
    Price price;
    Quantity quantity;
    Reference id;
  };
  void write_trade(InstrumentIndex instrument, std::uint32_t epoch, const Trade& trade,
                   const Origin& origin) noexcept;
  struct Bbo {
    Level bid;
    Level ask;
    Reference reference;
  };
  void write_bbo(InstrumentIndex instrument, std::uint32_t epoch, const Bbo& bbo,
                 const Origin& origin) noexcept;
  void write_status(InstrumentIndex instrument, std::uint32_t epoch, State state, Cause cause,
                    const Origin& origin) noexcept;
  // Its newest status once more, for a worker that has just started; nothing, if there is none.
  void repeat_status(InstrumentIndex instrument, const Origin& origin) noexcept;

  // News of the venue's metadata. They are no part of what must be continuous, and wait for market
  // data: false, and nothing happens, while more than half of the ring is taken.
  struct News {
    Announcement what = Announcement::Listed;
    Exponent price_exponent;
    Exponent quantity_exponent;
    std::int64_t price_step = 0;  // mantissas; 0: not said
    std::int64_t quantity_step = 0;
    AnnouncedName name;
  };
  [[nodiscard]] bool write_news(InstrumentIndex instrument, const News& news,
                                const Origin& origin) noexcept;
  // Of a symbol that nobody collects: into the first ring.
  [[nodiscard]] bool write_news(const News& news, const Origin& origin) noexcept;

  // Makes everything written visible, and names losses where there is room by now. Once a batch.
  // Returns how many records of that ring became visible.
  unsigned publish(RingIndex ring, Ticks now,
                   ipc::Visibility visibility = ipc::Visibility::Eventually) noexcept;
  [[nodiscard]] std::size_t ring_count() const noexcept { return rings_.size(); }
  // Something waits for publish().
  [[nodiscard]] bool pending(RingIndex ring) const noexcept {
    return rings_[ring].touched || !rings_[ring].lost.empty();
  }
  [[nodiscard]] const RecordCounters& counters() const noexcept { return counters_; }
  // Why `instrument` is Failed, as it was said last; None: it is not.
  [[nodiscard]] Cause failure_of(InstrumentIndex instrument) const noexcept;
  // Moves with each change of one of these.
  [[nodiscard]] std::uint64_t failure_changes() const noexcept { return failure_changes_; }

 private:
  struct Ring {
    ipc::SpscWriter* writer = nullptr;
    std::uint64_t drops = 0;  // as the ring's word says
    bool touched = false;
    std::vector<InstrumentIndex> lost;  // hit, and not yet named
  };
  struct Instrument {
    InstrumentId id;
    RingIndex ring = 0;
    std::uint32_t epoch = 0;  // of its newest terms, written or dropped
    bool dropping = false;    // until its next terms
    bool loss_due = false;    // hit, and not yet named: it is in Ring::lost
    bool status_due = false;  // `status` was dropped; said again behind the loss
    Record status;            // the newest
  };

  // Null: dropped, and accounted for.
  ipc::Slot* claim(InstrumentIndex instrument, unsigned slots) noexcept;
  [[nodiscard]] bool write_news(Ring& ring, Record record, const News& news) noexcept;
  void commit(InstrumentIndex instrument) noexcept;
  void begin_loss(InstrumentIndex instrument) noexcept;
  void write_one(InstrumentIndex instrument, const Record& record) noexcept;
  void write_levels(InstrumentIndex instrument, Record head, const Levels& levels) noexcept;
  void name_losses(Ring& ring) noexcept;
  [[nodiscard]] Record record_of(InstrumentIndex instrument, Kind kind, std::uint32_t epoch,
                                 const Origin& origin) const noexcept;

  std::vector<Ring> rings_;
  std::vector<Instrument> instruments_;
  std::size_t instruments_max_;
  RecordCounters counters_;
  std::uint64_t failure_changes_ = 0;
};

}  // namespace ringside::collector
