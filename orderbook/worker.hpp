// What an order book worker does with the records of its rings: keeps the books, checks them, says
// what state each is in, publishes, and asks for a new snapshot where a book is no good. Pure: time
// is passed in, records come by call, requests are collected; the same code runs in a worker thread
// (orderbook/thread.hpp), offline over a capture, and in tests on their own time.
//
// Rules
//   - What is published about a whole message comes after the message was applied, truncated and
//     checked. A record's order within its instrument is kept; a status that takes an instrument
//     down precedes the records it speaks of, one that brings it up follows them.
//   - A message of one record is published as it came. One of several is, too, if it needs no check
//     first; else the book it led to is published, as a snapshot of the same epoch.
//   - State = the first by precedence of: the collector's, the ring's (dropping, dead), the book's.
//   - Damage stays with one instrument, unless the ring itself is lossy or its collector is gone.
//
// Threads: one. Bounded by: WorkerOptions::instruments_max (at most the table's capacity),
// sources_max. After an instrument's first record nothing is allocated, unless its book grows.
// Fails by: counting (Counters) and by the state of the instrument; bytes from a ring never crash
// it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/cursor.hpp"
#include "orderbook/cadence.hpp"
#include "orderbook/counters.hpp"
#include "orderbook/instrument_index.hpp"
#include "orderbook/oracle_health.hpp"
#include "orderbook/publisher.hpp"
#include "orderbook/resync_schedule.hpp"
#include "orderbook/tracked_book.hpp"

namespace ringside::orderbook {

inline constexpr std::uint32_t crossed_messages_max = 3;

// One whole message of a book, after it was applied and looked at, whatever came of that.
struct AppliedMessage {
  InstrumentId instrument;
  const Record* record;  // its last record
  const Book* book;
  bool snapshot;
  ChecksumResult checksum;
};
// Called within take(); must not call the worker.
struct WorkerObserver {
  void (*on_message)(void* context, const AppliedMessage& message) = nullptr;
  void* context = nullptr;
};

struct WorkerOptions {
  std::uint32_t instruments_max = 1024;
  bool publish_first = false;  // publish before the checksum is looked at, flagged unverified
  std::uint64_t crossed_ticks_max = 1'000'000'000;  // ticks
  // One round over all instruments for late joiners takes at least this long (ticks): a few
  // instruments would otherwise fill the ring with the same books over and over.
  std::uint64_t late_joiner_round_ticks_min = 50'000'000;
  ResyncPolicy resync;  // in ticks
  // When a silent book is Stale, in ticks. Not offline: a capture ends some time.
  CadencePolicy cadence = CadencePolicy::never();
  Clock clock = nullptr;  // null: publication is stamped with `now`
  WorkerObserver observer;
};

// Of one instrument, since the worker began.
struct InstrumentCounts {
  std::uint64_t updates = 0;  // whole deltas
  std::uint64_t snapshots = 0;
  std::uint64_t checksums_good = 0;
  std::uint64_t checksums_failed = 0;
  std::uint64_t gaps = 0;     // times its published state became gap
  std::uint64_t resyncs = 0;  // requests handed over
};

// A resync request and the ring whose collector it goes to.
struct PendingResync {
  SourceIndex source = 0;
  InstrumentIndex index = 0;
  ipc::ResyncRequest request;
};

class Worker {
 public:
  // Both outlive this. options.instruments_max <= table.capacity().
  Worker(const WorkerOptions& options, ipc::BroadcastWriter& events, ipc::BookTableWriter& table);

  // --- Sources: the rings of collector threads. Index below sources_max, the caller's choice. ---

  // A ring was attached. `drops`: its drop count, for which no loss record is expected any more.
  // Its instruments start anew: their epochs, too. Not `alive`: what it held when it was found has
  // yet to be read; source_alive() says when it was.
  void source_attached(SourceIndex source, std::uint64_t drops, Ticks now,
                       bool alive = true) noexcept;
  // Its collector is (false) dead or hung, (true) back without having been replaced.
  void source_alive(SourceIndex source, bool alive, Ticks now) noexcept;
  // The ring's drop count as read; call when it moved, or always.
  void source_drops(SourceIndex source, std::uint64_t drops, Ticks now) noexcept;
  // An instrument that will come from this ring (its catalogue says so): listed from now on.
  void expect(InstrumentId instrument, SourceIndex source, Ticks now) noexcept;
  // That collector's catalogue is read anew: whom it has is said by listed(), and whoever it does
  // not have by the time of catalogue_read() is collected no more.
  void catalogue_replaced(std::uint32_t collector) noexcept;
  void listed(InstrumentIndex index) noexcept { instruments_[index].listed = true; }
  void catalogue_read(std::uint32_t collector, Ticks now) noexcept;
  // For a ring that was joined in the middle: asks for all its instruments that have no whole book
  // and are not asked for yet, whatever their epoch.
  void resync_missing(SourceIndex source, Ticks now) noexcept;

  // --- Records and time ---

  // `levels`: all that lie in the record's slots; its counts are within them (ipc::is_bounded).
  void take(SourceIndex source, const Record& record, std::span<const Level> levels,
            Ticks now) noexcept;
  // About each ms: time limits, requests, and one instrument for late joiners.
  void on_tick(Ticks now) noexcept;

  // The next request to hand to a collector; it counts as handed over.
  [[nodiscard]] std::optional<PendingResync> next_resync(Ticks now) noexcept;
  // The control ring was full: comes again after `delay` ticks.
  void resync_refused(const PendingResync& pending, Ticks now, std::uint64_t delay) noexcept;

  // --- What there is ---

  [[nodiscard]] InstrumentIndex instrument_count() const noexcept {
    return static_cast<InstrumentIndex>(instruments_.size());
  }
  [[nodiscard]] std::optional<InstrumentIndex> find(InstrumentId instrument) const noexcept {
    return index_.find(instrument);
  }
  // As published. index < instrument_count() in all four.
  [[nodiscard]] const ipc::BookView& view(InstrumentIndex index) const noexcept {
    return instruments_[index].view;
  }
  [[nodiscard]] const Book& book(InstrumentIndex index) const noexcept {
    return instruments_[index].tracked.book();
  }
  [[nodiscard]] const TrackedBook& tracked(InstrumentIndex index) const noexcept {
    return instruments_[index].tracked;
  }
  [[nodiscard]] const InstrumentCounts& counts(InstrumentIndex index) const noexcept {
    return instruments_[index].counts;
  }
  // Brought up to date by this call.
  [[nodiscard]] const Counters& counters() noexcept;
  // When the newest record was published.
  [[nodiscard]] Ticks published() const noexcept { return publisher_.published(); }

 private:
  struct StateCause {
    State state;
    Cause cause;
  };
  struct Instrument {
    InstrumentId id;
    SourceIndex source = 0;
    TrackedBook tracked;
    StateCause collector{State::Live, Cause::None};  // what the collector said last
    std::uint32_t crossed_messages = 0;              // in a row
    Ticks crossed_since;
    Cadence cadence;
    bool stale = false;
    bool listed = true;  // its collector's catalogue has it, as far as is known
    OracleHealth oracle;
    ipc::BookView view;  // as published
    InstrumentCounts counts;
  };
  struct Source {
    bool alive = false;
    bool behind = false;        // not alive yet: what it held when it was found has yet to be read
    std::uint64_t drops = 0;    // as read from the ring
    std::uint64_t covered = 0;  // accounted for by loss records

    [[nodiscard]] bool lossy() const { return drops > covered; }
  };

  [[nodiscard]] Instrument* instrument_of(SourceIndex source, InstrumentId id, Ticks now) noexcept;
  [[nodiscard]] Instrument* add_instrument(SourceIndex source, InstrumentId id, Ticks now) noexcept;
  [[nodiscard]] InstrumentIndex index_of(const Instrument& instrument) const noexcept {
    return static_cast<InstrumentIndex>(&instrument - instruments_.data());
  }

  void take_terms(Instrument& instrument, const Record& record, Ticks now) noexcept;
  void take_snapshot(Instrument& instrument, const Record& record, std::span<const Level> levels,
                     Ticks now) noexcept;
  void take_delta(Instrument& instrument, const Record& record, std::span<const Level> levels,
                  Ticks now) noexcept;
  void take_status(Instrument& instrument, const Record& record, Ticks now) noexcept;
  void take_loss(SourceIndex source, Instrument* instrument, const Record& record,
                 Ticks now) noexcept;
  void pass_through(const Record& record, std::span<const Level> levels, Ticks now) noexcept;
  void announce_news(const Record& record, std::span<const Level> levels, Ticks now) noexcept;

  void count_verdict(Verdict verdict) noexcept;
  void refuse(Instrument& instrument, Verdict verdict, Ticks now) noexcept;
  [[nodiscard]] bool checked_before_publication(const Instrument& instrument) const noexcept;
  ChecksumResult note_checksum(Instrument& instrument, const Record& record) noexcept;
  [[nodiscard]] ChecksumResult verify(Instrument& instrument, const Record& record) noexcept;
  [[nodiscard]] ChecksumResult verify_published(Instrument& instrument,
                                                const Record& record) noexcept;
  [[nodiscard]] bool crossed_for_too_long(Instrument& instrument, Ticks now) noexcept;
  void finish_message(Instrument& instrument, const Record& record, std::span<const Level> levels,
                      Ticks now) noexcept;
  void publish_record(const Instrument& instrument, const Record& record,
                      std::span<const Level> levels, Ticks now) noexcept;
  void publish_message(Instrument& instrument, const Record& record, std::span<const Level> levels,
                       ChecksumResult checksum, Ticks now) noexcept;
  bool refresh_view(Instrument& instrument, const Record& record) noexcept;

  void break_book(Instrument& instrument, Cause cause, Ticks now) noexcept;
  void want_resync(Instrument& instrument, Cause cause, Ticks now) noexcept;
  [[nodiscard]] StateCause evaluate(const Instrument& instrument) const noexcept;
  bool announce(Instrument& instrument, StateCause next, Ticks now) noexcept;
  void refresh_state(Instrument& instrument, Ticks now) noexcept;
  void refresh_source(SourceIndex source, Ticks now) noexcept;
  void note_message(Instrument& instrument, bool snapshot, Ticks now) noexcept;
  void update_table(Instrument& instrument) noexcept;
  void serve_late_joiners(Ticks now) noexcept;

  WorkerOptions options_;
  Publisher publisher_;
  ipc::BookTableWriter* table_;
  ResyncSchedule resyncs_;
  InstrumentIndexMap index_;
  std::vector<Instrument> instruments_;
  std::array<Source, sources_max> sources_{};
  Counters counters_;
  LevelCounts level_counts_;
  InstrumentIndex next_look_ = 0;  // of the rotating window of on_tick
  InstrumentIndex next_late_joiner_ = 0;
  Ticks late_joiner_round_began_;
};

}  // namespace ringside::orderbook
