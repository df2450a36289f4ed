#include "orderbook/worker.hpp"

#include <algorithm>

namespace ringside::orderbook {
namespace {

constexpr unsigned state_count = 8;
constexpr unsigned cause_count = static_cast<unsigned>(Cause::Delisted) + 1;  // the last one

bool within_limit(std::int64_t mantissa) {
  return mantissa > -mantissa_limit && mantissa < mantissa_limit;
}

}  // namespace

void Worker::take(SourceIndex source, const Record& record, std::span<const Level> levels,
                  Ticks now) noexcept {
  ++counters_.records;
  switch (record.kind) {
    case Kind::Trade:
    case Kind::Bbo:
    case Kind::Ticker:
    case Kind::Mark:
    case Kind::Funding:
    case Kind::OpenInterest:
    case Kind::Liquidation:
      pass_through(record, levels, now);
      return;
    case Kind::Heartbeat:
      ++counters_.heartbeats;
      return;
    case Kind::Level:
    case Kind::Levels:
    case Kind::Snapshot:
    case Kind::Status:
    case Kind::Loss:
    case Kind::Instrument:
      break;
    default:
      ++counters_.unknown_kind;
      return;
  }
  if (record.is_announcement()) return announce_news(record, levels, now);
  Instrument* instrument = instrument_of(source, record.id(), now);
  if (record.kind == Kind::Loss) {
    take_loss(source, instrument, record, now);
  } else if (instrument == nullptr) {
    ++counters_.instruments_over_limit;
  } else if (record.kind == Kind::Snapshot) {
    take_snapshot(*instrument, record, levels, now);
  } else if (record.kind == Kind::Status) {
    take_status(*instrument, record, now);
  } else if (record.kind == Kind::Instrument) {
    take_terms(*instrument, record, now);
  } else {
    take_delta(*instrument, record, levels, now);
  }
}

void Worker::pass_through(const Record& record, std::span<const Level> levels, Ticks now) noexcept {
  const auto used = record.kind == Kind::Bbo ? levels.first(1) : levels;
  bool good = within_limit(record.price) && within_limit(record.quantity);
  for (const Level& level : used) {
    good &= within_limit(level.price.mantissa) && within_limit(level.quantity.mantissa);
  }
  if (!good) {
    ++counters_.bad_passed_through;
    return;
  }
  publisher_.record(record, used, now);
  ++counters_.passed_through;
}

// Of the venue's metadata: passed on as it came, and nothing here stands on it.
void Worker::announce_news(const Record& record, std::span<const Level> levels,
                           Ticks now) noexcept {
  // A reader may know more announcements than this worker does.
  if (levels.size() < levels_per_slot) {
    ++counters_.bad_passed_through;
    return;
  }
  publisher_.record(record, levels.first(levels_per_slot), now);
  ++counters_.passed_through;
}

// Null: there is no room for one more.
Worker::Instrument* Worker::instrument_of(SourceIndex source, InstrumentId id, Ticks now) noexcept {
  if (const auto known = index_.find(id)) {
    Instrument& instrument = instruments_[*known];
    if (instrument.source != source) [[unlikely]] {
      // Another collector thread carries it now; what was asked of the first is void.
      resyncs_.cancel(*known);
      instrument.source = source;
    }
    return &instrument;
  }
  return add_instrument(source, id, now);
}

// --- Books ---

void Worker::take_terms(Instrument& instrument, const Record& record, Ticks now) noexcept {
  const Verdict verdict = instrument.tracked.take_terms(record);
  if (verdict != Verdict::Partial) {
    refuse(instrument, verdict, now);
    return;
  }
  // No change of state yet: the snapshot is right behind, and on_tick looks if it is not.
  instrument.crossed_messages = 0;
  publisher_.record(record, {}, now);
}

void Worker::take_snapshot(Instrument& instrument, const Record& record,
                           std::span<const Level> levels, Ticks now) noexcept {
  const Verdict verdict = instrument.tracked.take_snapshot(record, levels);
  if (verdict == Verdict::Partial) return;
  if (verdict != Verdict::Whole) {
    refuse(instrument, verdict, now);
    return;
  }
  ++instrument.counts.snapshots;
  ++counters_.snapshots_applied;
  instrument.collector = {State::Live, Cause::None};
  finish_message(instrument, record, levels, now);
}

void Worker::take_delta(Instrument& instrument, const Record& record, std::span<const Level> levels,
                        Ticks now) noexcept {
  const auto used = record.kind == Kind::Level
                        ? std::span<const Level>{}
                        : levels.first(record.bid_count() + record.ask_count());
  const Verdict verdict = instrument.tracked.take_delta(record, used, level_counts_);
  if (verdict == Verdict::Whole) {
    ++instrument.counts.updates;
    ++counters_.messages_applied;
    finish_message(instrument, record, used, now);
  } else if (verdict != Verdict::Partial) {
    if (verdict == Verdict::Doubted) note_checksum(instrument, record);
    refuse(instrument, verdict, now);
  } else if (!checked_before_publication(instrument)) {
    publish_record(instrument, record, used, now);
  }
}

void Worker::count_verdict(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::Whole:
    case Verdict::Partial:
      return;
    case Verdict::StaleEpoch:
      ++counters_.stale_epoch;
      return;
    case Verdict::NoBook:
    case Verdict::Doubted:
      ++counters_.no_book;
      return;
    case Verdict::NoTerms:
      ++counters_.no_terms;
      return;
    case Verdict::Cut:
      ++counters_.message_cut;
      return;
    case Verdict::BadRecord:
      ++counters_.bad_record;
      return;
    case Verdict::TooManyLevels:
      ++counters_.too_many_levels;
      return;
  }
}

void Worker::refuse(Instrument& instrument, Verdict verdict, Ticks now) noexcept {
  count_verdict(verdict);
  if (breaks(verdict)) {
    break_book(instrument, instrument.tracked.cause(), now);
  } else if (verdict == Verdict::NoBook && !instrument.tracked.has_terms() &&
             !resyncs_.open(index_of(instrument))) {
    // Its snapshot went by before this worker began.
    want_resync(instrument, Cause::Starting, now);
  }
}

bool Worker::checked_before_publication(const Instrument& instrument) const noexcept {
  return instrument.tracked.terms().checksum != ChecksumRule::None && !options_.publish_first;
}

// NotSent, too, where the venue's checksums are not to be trusted: what else protects the book goes
// on.
ChecksumResult Worker::note_checksum(Instrument& instrument, const Record& record) noexcept {
  const TrackedBook& tracked = instrument.tracked;
  const std::uint32_t before = tracked.checksum();
  const ChecksumResult result = instrument.tracked.verify(record);
  if (result == ChecksumResult::NotSent) return result;
  const auto claimed = static_cast<std::uint32_t>(record.reference);
  const bool followed =
      record.kind != Kind::Snapshot && tracked.touched_index() == 0 && tracked.checksum() != before;
  if (instrument.oracle.note(claimed, tracked.checksum(), followed)) ++counters_.oracles_distrusted;
  return instrument.oracle.trusted() ? result : ChecksumResult::NotSent;
}

ChecksumResult Worker::verify(Instrument& instrument, const Record& record) noexcept {
  const ChecksumResult result = note_checksum(instrument, record);
  switch (result) {
    case ChecksumResult::Good:
      ++counters_.checksum_good;
      ++instrument.counts.checksums_good;
      break;
    case ChecksumResult::Bad:
      ++counters_.checksum_failed;
      ++instrument.counts.checksums_failed;
      break;
    case ChecksumResult::NotSent:
      if (instrument.tracked.terms().checksum != ChecksumRule::None) ++counters_.unchecked_messages;
      break;
  }
  return result;
}

// A message has been applied whole: look at the book, then publish it, or the other way round.
void Worker::finish_message(Instrument& instrument, const Record& record,
                            std::span<const Level> levels, Ticks now) noexcept {
  ChecksumResult checksum = ChecksumResult::NotSent;
  note_message(instrument, record.kind == Kind::Snapshot, now);
  if (!options_.publish_first) checksum = verify(instrument, record);
  if (checksum != ChecksumResult::Bad) {
    if (crossed_for_too_long(instrument, now)) {
      ++counters_.crossed_resyncs;
      break_book(instrument, Cause::BookCrossed, now);
    } else {
      const auto index = index_of(instrument);
      if (record.kind == Kind::Snapshot || resyncs_.open(index)) resyncs_.settled(index, now);
      publish_message(instrument, record, levels, checksum, now);
      if (options_.publish_first) checksum = verify_published(instrument, record);
    }
  }
  if (checksum == ChecksumResult::Bad) break_book(instrument, Cause::ChecksumFailed, now);
  if (options_.observer.on_message != nullptr) {
    options_.observer.on_message(options_.observer.context,
                                 {instrument.id, &record, &instrument.tracked.book(),
                                  record.kind == Kind::Snapshot, checksum});
  }
}

void Worker::note_message(Instrument& instrument, bool snapshot, Ticks now) noexcept {
  instrument.stale = false;
  if (snapshot) {
    instrument.cadence.begin(now);
  } else {
    instrument.cadence.message(options_.cadence, now);
  }
}

ChecksumResult Worker::verify_published(Instrument& instrument, const Record& record) noexcept {
  const ChecksumResult result = verify(instrument, record);
  if (result == ChecksumResult::Good) {
    instrument.view.verified = true;
    update_table(instrument);
  }
  return result;
}

bool Worker::crossed_for_too_long(Instrument& instrument, Ticks now) noexcept {
  if (!instrument.tracked.book().crossed()) {
    instrument.crossed_messages = 0;
    return false;
  }
  ++counters_.crossed_messages;
  if (++instrument.crossed_messages == 1) instrument.crossed_since = now;
  return instrument.crossed_messages >= crossed_messages_max ||
         now.value - instrument.crossed_since.value >= options_.crossed_ticks_max;
}

void Worker::publish_record(const Instrument& instrument, const Record& record,
                            std::span<const Level> levels, Ticks now) noexcept {
  if (instrument.tracked.terms().checksum == ChecksumRule::None || !options_.publish_first) {
    publisher_.record(record, levels, now);
    return;
  }
  Record unverified = record;
  unverified.flags |= flag_unverified;
  publisher_.record(unverified, levels, now);
}

void Worker::publish_message(Instrument& instrument, const Record& record,
                             std::span<const Level> levels, ChecksumResult checksum,
                             Ticks now) noexcept {
  const StateCause next = evaluate(instrument);
  const bool down = next.state < instrument.view.state;
  bool changed = down && announce(instrument, next, now);

  const bool held_back = !record.first() && checked_before_publication(instrument);
  if (record.kind == Kind::Snapshot || held_back) {
    constexpr std::uint8_t of_reference =
        flag_reference_checksum | flag_reference_hashed | flag_reference_sequence;
    BookHead head{instrument.id,
                  record.epoch,
                  Ticks{record.receive_tsc},
                  UtcNs{record.exchange_ns},
                  static_cast<std::uint8_t>(record.flags & of_reference),
                  record.reference};
    if (options_.publish_first && instrument.tracked.terms().checksum != ChecksumRule::None) {
      head.flags |= flag_unverified;
    }
    publisher_.snapshot(head, instrument.tracked.book(), now);
  } else {
    publish_record(instrument, record, levels, now);
  }

  const bool verified = checksum == ChecksumResult::Good;
  changed |= verified != instrument.view.verified;
  instrument.view.verified = verified;
  changed |= refresh_view(instrument, record);
  if (!down) changed |= announce(instrument, next, now);
  if (changed) update_table(instrument);
}

// True: the levels in the table are others now.
bool Worker::refresh_view(Instrument& instrument, const Record& record) noexcept {
  ipc::BookView& view = instrument.view;
  const TrackedBook& tracked = instrument.tracked;
  view.terms = tracked.terms();
  view.epoch = tracked.epoch();
  view.receive = Ticks{record.receive_tsc};
  view.exchange = UtcNs{record.exchange_ns};
  view.updates = instrument.counts.updates + instrument.counts.snapshots;
  if (tracked.touched_index() >= ipc::book_levels_max) return false;
  view.bid_count = tracked.book().copy_best(Side::Bid, view.bids);
  view.ask_count = tracked.book().copy_best(Side::Ask, view.asks);
  return true;
}

void Worker::break_book(Instrument& instrument, Cause cause, Ticks now) noexcept {
  instrument.tracked.break_off(cause);
  instrument.crossed_messages = 0;
  want_resync(instrument, cause, now);
  refresh_state(instrument, now);
}

void Worker::want_resync(Instrument& instrument, Cause cause, Ticks now) noexcept {
  // A dead collector's books all come anew; source_alive() asks for those of one that was hung.
  if (!sources_[instrument.source].alive) return;
  const std::uint32_t epoch =
      instrument.tracked.has_terms() ? instrument.tracked.epoch() : epoch_any;
  resyncs_.want(index_of(instrument), instrument.source, epoch, cause, now);
}

// --- States ---

void Worker::take_status(Instrument& instrument, const Record& record, Ticks now) noexcept {
  if (record.quantity < 0 || record.quantity >= std::int64_t{state_count} ||
      record.side_or_reason >= cause_count) {
    ++counters_.bad_record;
    return;
  }
  const auto state = static_cast<State>(record.quantity);
  instrument.collector = {state, record.cause()};
  if (state <= State::Syncing) {
    instrument.tracked.abandon();
    instrument.crossed_messages = 0;
    const auto index = index_of(instrument);
    if (state <= State::Disconnected) {
      resyncs_.cancel(index);
    } else {
      resyncs_.acknowledged(index, now);
    }
  }
  refresh_state(instrument, now);
}

Worker::StateCause Worker::evaluate(const Instrument& instrument) const noexcept {
  StateCause first{State::Live, instrument.oracle.trusted() ? Cause::None : Cause::ChecksumFailed};
  const auto consider = [&first](State state, Cause cause) {
    if (state < first.state) first = {state, cause};
  };
  switch (instrument.tracked.phase()) {
    case TrackedBook::Phase::Whole:
      if (instrument.crossed_messages > 0) consider(State::Crossed, Cause::BookCrossed);
      if (instrument.stale) consider(State::Stale, Cause::NoData);
      break;
    case TrackedBook::Phase::Broken:
      consider(State::Gap, instrument.tracked.cause());
      break;
    case TrackedBook::Phase::Empty:
    case TrackedBook::Phase::Awaiting:
    case TrackedBook::Phase::Loading:
      consider(State::Syncing,
               instrument.counts.snapshots == 0 ? Cause::Starting : Cause::Resubscribing);
      break;
  }
  if (resyncs_.failed(index_of(instrument))) consider(State::Failed, Cause::ResyncLimit);
  consider(instrument.collector.state, instrument.collector.cause);
  const Source& source = sources_[instrument.source];
  if (source.behind) {
    consider(State::Syncing, Cause::Starting);
  } else if (!source.alive) {
    consider(State::Disconnected, Cause::WriterGone);
  }
  if (source.lossy()) consider(State::Gap, Cause::RecordsDropped);
  return first;
}

// True: it was news. The table is the caller's to update.
bool Worker::announce(Instrument& instrument, StateCause next, Ticks now) noexcept {
  ipc::BookView& view = instrument.view;
  if (next.state == view.state && next.cause == view.cause) return false;
  if (next.state == State::Gap && view.state != State::Gap) ++instrument.counts.gaps;
  view.state = next.state;
  view.cause = next.cause;
  publisher_.status(instrument.id, view.epoch, view.state, view.cause, now);
  ++counters_.state_changes;
  return true;
}

void Worker::refresh_state(Instrument& instrument, Ticks now) noexcept {
  if (announce(instrument, evaluate(instrument), now)) update_table(instrument);
}

void Worker::update_table(Instrument& instrument) noexcept {
  instrument.view.publish = publisher_.published();
  table_->update(index_of(instrument), instrument.view);
}

// --- Time ---

void Worker::on_tick(Ticks now) noexcept {
  publisher_.on_tick();
  resyncs_.on_tick(now);
  // A rotating window: the limits that it looks at are far longer than a round.
  constexpr InstrumentIndex looks_per_tick = 64;
  const auto looks = std::min(looks_per_tick, instrument_count());
  for (InstrumentIndex look = 0; look < looks; ++look) {
    if (next_look_ >= instrument_count()) next_look_ = 0;
    Instrument& instrument = instruments_[next_look_++];
    if (instrument.crossed_messages > 0 &&
        now.value - instrument.crossed_since.value >= options_.crossed_ticks_max) {
      ++counters_.crossed_resyncs;
      break_book(instrument, Cause::BookCrossed, now);
    } else {
      if (!instrument.stale && instrument.view.state == State::Live &&
          instrument.cadence.overdue(options_.cadence, now)) {
        instrument.stale = true;
        ++counters_.went_stale;
      }
      if (instrument.view.state == State::Stale && instrument.cadence.lost(options_.cadence, now)) {
        instrument.cadence.looked();
        ++counters_.stale_resyncs;
        break_book(instrument, Cause::NoData, now);
      }
      refresh_state(instrument, now);
    }
  }
  serve_late_joiners(now);
}

void Worker::serve_late_joiners(Ticks now) noexcept {
  if (instruments_.empty()) return;
  if (next_late_joiner_ >= instrument_count()) next_late_joiner_ = 0;
  if (next_late_joiner_ == 0) {
    const std::uint64_t since = now.value - late_joiner_round_began_.value;
    if (since < options_.late_joiner_round_ticks_min) return;
  }
  const Instrument& instrument = instruments_[next_late_joiner_];
  const ipc::BookView& view = instrument.view;
  // Only a book that is continuous is worth a reader's while.
  const bool good = view.state >= State::Halted && instrument.tracked.between_messages();
  const bool unverified = view.terms.checksum != ChecksumRule::None && !view.verified;
  BookHead head{instrument.id, view.epoch, now, view.exchange};
  if (unverified) head.flags = flag_unverified;
  const Book* book = good ? &instrument.tracked.book() : nullptr;
  const TrackedBook& tracked = instrument.tracked;
  const TermsInForce terms{tracked.has_terms(), tracked.epoch(), tracked.terms()};
  if (!publisher_.late_joiner_round(head, view, terms, book, now)) return;
  if (next_late_joiner_++ == 0) late_joiner_round_began_ = now;
  ++counters_.keys_published;
  if (good) ++counters_.whole_books_published;
}

std::optional<PendingResync> Worker::next_resync(Ticks now) noexcept {
  const auto due = resyncs_.next(now);
  if (!due) return std::nullopt;
  Instrument& instrument = instruments_[due->instrument];
  ++instrument.counts.resyncs;
  return PendingResync{due->source, due->instrument, {instrument.id, due->epoch, due->cause}};
}

void Worker::resync_refused(const PendingResync& pending, Ticks now, std::uint64_t delay) noexcept {
  resyncs_.undo(pending.index, now, delay);
  --instruments_[pending.index].counts.resyncs;
  ++counters_.control_ring_full;
}

const Counters& Worker::counters() noexcept {
  counters_.levels_changed = level_counts_.changed;
  counters_.absent_deletes = level_counts_.absent_deletes;
  counters_.resyncs_requested = resyncs_.counts().requested;
  counters_.resyncs_timed_out = resyncs_.counts().timed_out;
  counters_.resync_limit_reached = resyncs_.counts().limit_reached;
  counters_.storage_growths = 0;
  for (const Instrument& instrument : instruments_) {
    counters_.storage_growths += instrument.tracked.book().growth_count();
  }
  return counters_;
}

}  // namespace ringside::orderbook
