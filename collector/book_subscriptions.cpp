#include "collector/book_subscriptions.hpp"

#include <algorithm>

namespace ringside::collector {
namespace {

constexpr std::uint32_t snapshots_max = 0xffff;  // what an epoch's low part holds

Origin unsaid(Now now) { return Origin{now.ticks, {}, false}; }

// SplitMix64: enough for jitter, and it needs no warming up.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t mixed = state += 0x9e3779b97f4a7c15ULL;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace

BookSubscriptions::BookSubscriptions(const Options& options, RecordWriter& records,
                                     Counters& counters)
    : options_(options), records_(records), counters_(counters), random_(options.seed) {}

BookIndex BookSubscriptions::add(const Member& member) {
  Book book;
  book.id = member.id;
  book.record = member.record;
  book.has_book = member.has_book;
  book.epoch = epoch_of(options_.generation, 0);
  if (member.terms) {
    book.terms = *member.terms;
    book.has_terms = true;
  }
  books_.push_back(book);
  return static_cast<BookIndex>(books_.size() - 1);
}

std::optional<BookIndex> BookSubscriptions::find(InstrumentId id) const noexcept {
  for (BookIndex i = 0; i < books_.size(); ++i) {
    if (books_[i].id == id) return i;
  }
  return std::nullopt;
}

void BookSubscriptions::report(Book& book, State state, Cause cause, Now now) noexcept {
  book.state = state;
  book.cause = cause;
  records_.write_status(book.record, book.epoch, state, cause, unsaid(now));
}

void BookSubscriptions::set_due(Book& book, std::int64_t due_ns) noexcept {
  book.due_ns = due_ns;
  next_due_ns_ = std::min(next_due_ns_, due_ns);
  scan_least_ns_ = std::min(scan_least_ns_, due_ns);
}

// Between half of the doubled, capped delay and all of it.
std::int64_t BookSubscriptions::backoff_ns(unsigned attempts) noexcept {
  const auto& limits = options_.limits;
  std::int64_t most = limits.retry_first_ns;
  for (unsigned i = 1; i < attempts && most < limits.retry_most_ns; ++i) most *= 2;
  most = std::min(most, limits.retry_most_ns);
  const auto half = static_cast<std::uint64_t>(most / 2);
  return most / 2 + static_cast<std::int64_t>(next_random(random_) % (half + 1));
}

// --- What happened ------------------------------------------------------------------------------

void BookSubscriptions::opened(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  if (book.phase == Phase::Removed) return;
  if (book.delisted) {
    book.phase = Phase::Delisted;
    set_due(book, never_ns);
    return report(book, State::Failed, Cause::Delisted, now);
  }
  if (book.has_terms) {
    // Trades may come before the first snapshot, and the ring must say what their numbers mean.
    if (!book.ever_open) records_.write_terms(book.record, book.epoch, book.terms, unsaid(now));
    book.phase = Phase::NeedsSnapshot;
    set_due(book, never_ns);  // until asked()
  } else {
    book.phase = Phase::NeedsTerms;
    set_due(book, now.steady_ns + options_.limits.snapshot_deadline_ns);
  }
  report(book, State::Syncing, book.ever_open ? Cause::Resubscribing : Cause::Starting, now);
  book.ever_open = true;
}

void BookSubscriptions::closed(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  if (book.phase == Phase::Removed) return;
  book.phase = Phase::Disconnected;
  set_due(book, never_ns);
  if (book.delisted) return;  // that comes first
  report(book, State::Disconnected, Cause::SocketClosed, now);
}

void BookSubscriptions::learned(BookIndex index, const InstrumentTerms& terms, Now now) noexcept {
  auto& book = books_[index];
  book.terms = terms;
  book.has_terms = true;
  records_.write_terms(book.record, book.epoch, terms, unsaid(now));
  if (book.phase == Phase::NeedsTerms) {
    book.phase = Phase::NeedsSnapshot;  // its turn among the subscriptions comes: asked()
    set_due(book, never_ns);
  } else if (book.phase == Phase::Failed) {
    book.phase = Phase::Waiting;
    set_due(book, now.steady_ns);
    report(book, State::Syncing, Cause::Starting, now);
  }
}

void BookSubscriptions::refused(BookIndex index, Cause cause, Now now) noexcept {
  auto& book = books_[index];
  if (book.phase == Phase::Disconnected || book.phase >= Phase::Delisted) return;
  const bool for_now = cause == Cause::SubscriptionRefused && book.has_terms;
  if (!for_now || book.attempts >= options_.limits.attempts_max) return fail(book, cause, now);
  // The venue may only be busy. One that it does not know costs it attempts_max questions.
  book.phase = Phase::Waiting;
  set_due(book, now.steady_ns + backoff_ns(book.attempts + 1));
  report(book, State::Failed, cause, now);
}

bool BookSubscriptions::remove(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  if (book.phase == Phase::Removed) return false;
  book.phase = Phase::Removed;
  book.halted = false;
  set_due(book, never_ns);
  report(book, State::Failed, Cause::Removed, now);
  return true;
}

void BookSubscriptions::with_book(BookIndex index, bool has_book, Now now) noexcept {
  auto& book = books_[index];
  if (book.has_book == has_book) return;
  book.has_book = has_book;
  const bool begun = book.phase != Phase::Disconnected && book.phase < Phase::Delisted;
  if (!begun || !book.has_terms) return;
  book.attempts = 0;
  book.phase = Phase::NeedsSnapshot;
  set_due(book, never_ns);  // until asked()
  report(book, State::Syncing, Cause::OperatorRequest, now);
  if (!has_book) live_without_book(book, now);
}

void BookSubscriptions::wanted(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  book.phase = Phase::Disconnected;
  book.attempts = 0;
  report(book, State::Disconnected, Cause::Starting, now);
}

void BookSubscriptions::fail(Book& book, Cause cause, Now now) noexcept {
  book.phase = Phase::Failed;
  set_due(book, now.steady_ns + options_.limits.failed_retry_ns);
  report(book, State::Failed, cause, now);
}

void BookSubscriptions::asked(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  if (book.phase != Phase::NeedsSnapshot) return;
  set_due(book, now.steady_ns + options_.limits.snapshot_deadline_ns);
}

void BookSubscriptions::held(BookIndex index) noexcept {
  auto& book = books_[index];
  if (book.phase == Phase::NeedsSnapshot) set_due(book, never_ns);
}

void BookSubscriptions::acknowledged(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  if (!book.has_book && book.phase == Phase::NeedsSnapshot) live_without_book(book, now);
}

void BookSubscriptions::unsubscribed(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  if (book.phase != Phase::Live || !book.has_book) return;
  book.phase = Phase::NeedsSnapshot;
  set_due(book, now.steady_ns + options_.limits.snapshot_deadline_ns);
  report(book, State::Syncing, Cause::Resubscribing, now);
}

bool BookSubscriptions::take_epoch(Book& book, const InstrumentTerms& terms, const Origin& origin,
                                   Now now) noexcept {
  if (book.snapshots == snapshots_max) {
    counters_.add(Count::EpochsExhausted);
    fail(book, Cause::ResyncLimit, now);
    return false;
  }
  book.terms = terms;
  book.has_terms = true;
  book.epoch = epoch_of(options_.generation, ++book.snapshots);
  book.phase = Phase::Live;
  book.live_since_ns = now.steady_ns;
  set_due(book, never_ns);
  records_.write_terms(book.record, book.epoch, terms, origin);
  return true;
}

bool BookSubscriptions::begin_epoch(BookIndex index, const InstrumentTerms& terms,
                                    const Origin& origin, Now now) noexcept {
  return take_epoch(books_[index], terms, origin, now);
}

void BookSubscriptions::snapshot_written(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  book.state = State::Live;
  book.cause = Cause::None;
  if (book.halted) report(book, State::Halted, Cause::VenueHalt, now);
}

void BookSubscriptions::live_without_book(Book& book, Now now) noexcept {
  if (!take_epoch(book, book.terms, unsaid(now), now)) return;
  if (book.halted) return report(book, State::Halted, Cause::VenueHalt, now);
  report(book, State::Live, Cause::None, now);
}

void BookSubscriptions::lose(BookIndex index, Cause cause, Now now) noexcept {
  auto& book = books_[index];
  if (book.phase != Phase::Live && book.phase != Phase::NeedsSnapshot) return;
  if (book.has_book) return retry(book, State::Gap, cause, now);
  // There is nothing to fetch again: consumers learn of the hole, and it goes on.
  counters_.add(Count::Resyncs);
  report(book, State::Gap, cause, now);
  if (book.phase == Phase::Live) live_without_book(book, now);
}

void BookSubscriptions::retry(Book& book, State state, Cause cause, Now now) noexcept {
  const auto& limits = options_.limits;
  if (book.phase == Phase::Live && now.steady_ns - book.live_since_ns > limits.settled_ns) {
    book.attempts = 0;
  }
  counters_.add(Count::Resyncs);
  report(book, state, cause, now);
  if (book.attempts >= limits.attempts_max) {
    counters_.add(Count::ResyncLimits);
    return fail(book, Cause::ResyncLimit, now);
  }
  book.phase = Phase::Waiting;
  set_due(book, now.steady_ns + (book.attempts == 0 ? 0 : backoff_ns(book.attempts)));
}

void BookSubscriptions::halted(BookIndex index, bool halted, Now now) noexcept {
  auto& book = books_[index];
  if (book.halted == halted) return;
  book.halted = halted;
  if (halted) counters_.add(Count::VenueHalts);
  if (book.phase != Phase::Live) return;  // said when it is live again
  if (halted) return report(book, State::Halted, Cause::VenueHalt, now);
  report(book, State::Live, Cause::None, now);
}

bool BookSubscriptions::delisted(BookIndex index, bool delisted, Now now) noexcept {
  auto& book = books_[index];
  if (book.delisted == delisted) return false;
  book.delisted = delisted;
  if (book.phase == Phase::Removed || book.phase == Phase::Disconnected) return false;
  set_due(book, never_ns);
  if (delisted) {
    book.phase = Phase::Delisted;
    report(book, State::Failed, Cause::Delisted, now);
    return false;
  }
  book.phase = Phase::NeedsSnapshot;  // due once asked()
  book.attempts = 0;
  report(book, State::Syncing, Cause::Resubscribing, now);
  return true;
}

void BookSubscriptions::resync(BookIndex index, std::uint32_t epoch, Cause cause,
                               Now now) noexcept {
  auto& book = books_[index];
  if (epoch < book.epoch || book.phase != Phase::Live) {
    counters_.add(Count::ResyncsIgnored);
    // Perhaps a worker that has just started, and knows nothing of why there is no book.
    if (epoch >= book.epoch) report(book, book.state, book.cause, now);
    return;
  }
  lose(index, cause, now);
}

// --- What to do ---------------------------------------------------------------------------------

std::optional<BookSubscriptions::Due> BookSubscriptions::scan(Now now) noexcept {
  while (scan_from_ < books_.size()) {
    const auto index = scan_from_++;
    const bool is_due = now.steady_ns >= books_[index].due_ns;
    const auto due = is_due ? look(index, now) : std::nullopt;
    scan_least_ns_ = std::min(scan_least_ns_, books_[index].due_ns);
    if (!due) continue;
    next_due_ns_ = now.steady_ns;  // others may be due as well: look on
    return due;
  }
  next_due_ns_ = scan_least_ns_;
  scan_from_ = 0;
  scan_least_ns_ = never_ns;
  return std::nullopt;
}

std::optional<BookSubscriptions::Due> BookSubscriptions::look(BookIndex index, Now now) noexcept {
  auto& book = books_[index];
  const auto deadline = now.steady_ns + options_.limits.snapshot_deadline_ns;
  if (!book.has_terms) {
    set_due(book, never_ns);
    // Of a symbol that the metadata does not know nothing is due: should it be listed one day, the
    // metadata's own updates say so.
    if (book.phase != Phase::NeedsTerms) return std::nullopt;
    counters_.add(Count::RequestsFailed);
    return Due{index, Action::Reconnect};
  }
  if (book.phase == Phase::NeedsSnapshot) {
    counters_.add(Count::SnapshotTimeouts);
    book.attempts = std::max(book.attempts, 1U);
    retry(book, State::Syncing, Cause::Resubscribing, now);
    return std::nullopt;
  }
  // What was refused so often is asked for once: another refusal, and it waits as long again.
  if (book.phase == Phase::Failed && book.cause != Cause::SubscriptionRefused) book.attempts = 0;
  ++book.attempts;
  book.phase = Phase::NeedsSnapshot;
  // Not failed any more: were the snapshot to be dropped by a full ring, nobody would ask for one
  // of a book that is said to be given up.
  if (book.state == State::Failed) report(book, State::Syncing, Cause::Resubscribing, now);
  set_due(book, deadline);
  return Due{index, Action::Resubscribe};
}

}  // namespace ringside::collector
