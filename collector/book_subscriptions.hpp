// Where each instrument's book subscription stands, for venues whose books are resynced by
// unsubscribing and subscribing again: phases, epochs, deadlines, backoff, and what is reported to
// the worker. Pure: time is passed in, and what to send is asked for by due().
//
//                 opened            terms            snapshot
//   Disconnected -------> NeedsTerms -----> NeedsSnapshot -----> Live
//                                              ^     |            | lose, unsubscribed
//                                              |     | deadline   |
//                                        due() '-- Waiting <------'
//                                                 Failed: the same, for long
//
// Delisted and Removed can be reached from everywhere, and lead back to NeedsSnapshot.
//
// A resync costs nothing but its own instrument: the first one starts at once, those after it back
// off (exponential, capped, jittered), and after attempts_max of them the instrument is Failed and
// tried again each failed_retry_ns. Live for settled_ns: the attempts begin anew.
//
// Threads: the collector thread's. Bounded by: the instruments added. Fails by: Phase and
// the Counters.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/counters.hpp"
#include "collector/record_writer.hpp"

namespace ringside::collector {

using BookIndex = std::uint32_t;  // dense, in the order of adding

struct SubscriptionLimits {
  std::int64_t snapshot_deadline_ns = 10'000'000'000;  // from asking to having it
  std::int64_t retry_first_ns = 1'000'000'000;         // doubled at each attempt
  std::int64_t retry_most_ns = 60'000'000'000;
  std::int64_t failed_retry_ns = 300'000'000'000;
  std::int64_t settled_ns = 60'000'000'000;
  unsigned attempts_max = 6;
};

class BookSubscriptions {
 public:
  enum class Phase : std::uint8_t {
    Disconnected,
    NeedsTerms,     // exponents are not known yet
    NeedsSnapshot,  // subscribed, or about to be
    Live,
    Waiting,   // until due() says to resubscribe
    Failed,    // the same, for long
    Delisted,  // the venue has it no more, until delisted() says otherwise
    Removed,   // nobody wants it: whatever happens, happens to others
  };
  struct Options {
    std::uint32_t generation = 1;  // high part of the epochs
    std::uint64_t seed = 0;        // of the jitter
    SubscriptionLimits limits;
  };
  // Both outlive this.
  BookSubscriptions(const Options& options, RecordWriter& records, Counters& counters);

  // Setup. `record`: its number in the RecordWriter. Without a book it is Live once acknowledged.
  struct Member {
    InstrumentId id;
    InstrumentIndex record = 0;
    bool has_book = true;
    std::optional<InstrumentTerms> terms;  // when known in advance
  };
  BookIndex add(const Member& member);
  // Room for so many: then add() allocates nothing, and may come at run time as well.
  void reserve(std::size_t books) { books_.reserve(books); }

  [[nodiscard]] std::size_t size() const noexcept { return books_.size(); }
  [[nodiscard]] Phase phase(BookIndex book) const noexcept { return books_[book].phase; }
  [[nodiscard]] bool has_book(BookIndex book) const noexcept { return books_[book].has_book; }
  [[nodiscard]] bool has_terms(BookIndex book) const noexcept { return books_[book].has_terms; }
  // In force: those of the epoch that records are written in now.
  [[nodiscard]] const InstrumentTerms& terms(BookIndex book) const noexcept {
    return books_[book].terms;
  }
  [[nodiscard]] std::uint32_t epoch(BookIndex book) const noexcept { return books_[book].epoch; }
  [[nodiscard]] InstrumentIndex record(BookIndex book) const noexcept {
    return books_[book].record;
  }
  // Resyncs in a row, since it was last Live for settled_ns.
  [[nodiscard]] unsigned attempts(BookIndex book) const noexcept { return books_[book].attempts; }
  [[nodiscard]] std::optional<BookIndex> find(InstrumentId id) const noexcept;

  // --- What happened ---

  void opened(BookIndex book, Now now) noexcept;
  void closed(BookIndex book, Now now) noexcept;
  // The exponents are known, for the first time.
  void learned(BookIndex book, const InstrumentTerms& terms, Now now) noexcept;
  // Nobody knows this symbol: Failed for long. Or the venue refuses it (SubscriptionRefused): it is
  // asked again after the backoff, attempts_max times, and then as rarely.
  void refused(BookIndex book, Cause cause, Now now) noexcept;
  // The subscription was sent: the deadline runs from here.
  void asked(BookIndex book, Now now) noexcept;
  // What due() told to subscribe waits for its turn: the deadline runs from asked().
  void held(BookIndex book) noexcept;
  // The venue acknowledges that it sends. Of meaning only where there is no book.
  void acknowledged(BookIndex book, Now now) noexcept;
  // The venue acknowledges that it sends no more: what is live ends here.
  void unsubscribed(BookIndex book, Now now) noexcept;
  // A snapshot is about to be written: begins an epoch with these terms, and is live. False, and
  // Failed: no epochs are left.
  [[nodiscard]] bool begin_epoch(BookIndex book, const InstrumentTerms& terms, const Origin& origin,
                                 Now now) noexcept;
  // Call behind the snapshot's records: the worker takes them as the end of whatever was reported,
  // but a halt goes on.
  void snapshot_written(BookIndex book, Now now) noexcept;
  // What there is of it is no good: says so, and resyncs, at once the first time.
  void lose(BookIndex book, Cause cause, Now now) noexcept;
  // The venue has halted it, or goes on.
  void halted(BookIndex book, bool halted, Now now) noexcept;
  // The venue lists it no more, or again. True: what is subscribed of it must be subscribed anew,
  // for the book that there was is over.
  [[nodiscard]] bool delisted(BookIndex book, bool delisted, Now now) noexcept;
  // The worker complains of this epoch.
  void resync(BookIndex book, std::uint32_t epoch, Cause cause, Now now) noexcept;

  // It is wanted no more. False: it was not wanted before.
  [[nodiscard]] bool remove(BookIndex book, Now now) noexcept;
  // It has a book from here on, or none: what was subscribed of the book ends, or begins at
  // asked(). Consumers are told by an epoch of its own.
  void with_book(BookIndex book, bool has_book, Now now) noexcept;
  // It is wanted, new or again, and its connection is not open: opened() is next.
  void wanted(BookIndex book, Now now) noexcept;

  // --- What to do ---

  enum class Action : std::uint8_t { Resubscribe, Reconnect };
  struct Due {
    BookIndex book;
    Action action;
  };
  // The next one to resubscribe (counts as asked), or whose connection did not send its terms. Call
  // until empty: at each tick and after each message.
  [[nodiscard]] std::optional<Due> due(Now now) noexcept {
    if (now.steady_ns < next_due_ns_) return std::nullopt;
    return scan(now);
  }

 private:
  static constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();

  struct Book {
    InstrumentId id;
    InstrumentIndex record = 0;
    InstrumentTerms terms;
    Phase phase = Phase::Disconnected;
    bool has_book = true;
    bool has_terms = false;
    bool ever_open = false;
    bool halted = false;
    bool delisted = false;
    std::uint32_t epoch = 0;
    std::uint32_t snapshots = 0;  // low part of the epoch
    unsigned attempts = 0;
    std::int64_t due_ns = never_ns;  // Waiting, Failed: when; else the deadline
    std::int64_t live_since_ns = 0;
    State state = State::Disconnected;  // as reported
    Cause cause = Cause::Starting;
  };

  [[nodiscard]] std::optional<Due> scan(Now now) noexcept;
  [[nodiscard]] std::optional<Due> look(BookIndex index, Now now) noexcept;
  void report(Book& book, State state, Cause cause, Now now) noexcept;
  void set_due(Book& book, std::int64_t due_ns) noexcept;
  void fail(Book& book, Cause cause, Now now) noexcept;
  void retry(Book& book, State state, Cause cause, Now now) noexcept;
  void live_without_book(Book& book, Now now) noexcept;
  [[nodiscard]] bool take_epoch(Book& book, const InstrumentTerms& terms, const Origin& origin,
                                Now now) noexcept;
  [[nodiscard]] std::int64_t backoff_ns(unsigned attempts) noexcept;

  Options options_;
  RecordWriter& records_;
  Counters& counters_;
  std::vector<Book> books_;
  std::int64_t next_due_ns_ = never_ns;  // no book is due before
  // A look at all of them goes on where it has found one.
  BookIndex scan_from_ = 0;
  std::int64_t scan_least_ns_ = never_ns;
  std::uint64_t random_;
};

}  // namespace ringside::collector
