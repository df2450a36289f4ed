// The book of one instrument together with what makes it worth something: epoch, terms, whether it
// is whole, and what the venue's checksum says. Applies records; publishes nothing.
//
//              terms            first             last
//     Empty ----------> Awaiting -----> Loading --------> Whole --.
//       ^                  ^  terms of a newer epoch: from any     | a message breaks a rule
//       | abandon()        '------------------------------- Broken <'  or break_off()
//
// Threads: one. Bounded by: Book. Fails by: Verdict; after one that breaks() the book waits for the
// snapshot of a newer epoch, and everything else for it is dropped: but for deltas of a book whose
// checksum has failed, which show whether the venue's checksums follow the market at all.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "orderbook/book.hpp"
#include "ringside/event.hpp"

namespace ringside::orderbook {

// What became of a record.
enum class Verdict : std::uint8_t {
  Whole = 0,  // it was the last of its message: the book is consistent
  Partial,    // taken; more of its message must come
  // Dropped, and the book is as it was:
  StaleEpoch,  // of an epoch that is over, or a second snapshot of one
  NoBook,      // a delta while there is no whole book
  Doubted,     // the same, of a book whose checksum has failed: verify() has something to say
  // The book is broken:
  NoTerms,        // of an epoch whose terms never came
  Cut,            // a message or snapshot stops in the middle, or starts there
  BadRecord,      // a side, price, quantity or exponent out of range; terms that change in an epoch
  TooManyLevels,  // levels_per_side_max
};
constexpr bool breaks(Verdict verdict) { return verdict >= Verdict::NoTerms; }
constexpr bool drops(Verdict verdict) { return verdict >= Verdict::StaleEpoch; }

enum class ChecksumResult : std::uint8_t { NotSent = 0, Good, Bad };

// How often each kind of change came; of all books of a worker.
struct LevelCounts {
  std::uint64_t changed = 0;
  std::uint64_t absent_deletes = 0;
};

class TrackedBook {
 public:
  enum class Phase : std::uint8_t {
    Empty = 0,  // nothing is known, or the collector has given the epoch up
    Awaiting,   // terms of the epoch have come; its snapshot has not
    Loading,    // between the first and the last record of the snapshot
    Whole,      // continuous since the snapshot
    Broken,     // not continuous; cause() says why
  };

  // Each takes a record of this instrument of the kind it is named after. `levels`: at least
  // bid_count() + ask_count() of them; any for Kind::Level.
  [[nodiscard]] Verdict take_terms(const Record& record) noexcept;
  [[nodiscard]] Verdict take_snapshot(const Record& record, std::span<const Level> levels) noexcept;
  [[nodiscard]] Verdict take_delta(const Record& record, std::span<const Level> levels,
                                   LevelCounts& counts) noexcept;

  // After Verdict::Whole or Doubted: the checksum that came with the message's last record, against
  // this book. Computed anew only if one of the levels it covers was touched since it was computed
  // last.
  [[nodiscard]] ChecksumResult verify(const Record& last) noexcept;

  // As verify() computed it last.
  [[nodiscard]] std::uint32_t checksum() const noexcept { return checksum_; }

  // The book is no longer to be trusted, until a newer epoch's snapshot. Cause::ChecksumFailed: its
  // deltas are Doubted until then.
  void break_off(Cause cause) noexcept;
  // The same, but the reason is the collector's to tell: it is fetching a snapshot already.
  void abandon() noexcept;
  // A new generation of the collector: its epochs start anew.
  void forget_epoch() noexcept;

  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  // Whole, and no message of several records is under way.
  [[nodiscard]] bool between_messages() const noexcept {
    return phase_ == Phase::Whole && !in_message_;
  }
  // None unless phase() is Broken.
  [[nodiscard]] Cause cause() const noexcept { return cause_; }
  [[nodiscard]] const Book& book() const noexcept { return book_; }
  [[nodiscard]] const InstrumentTerms& terms() const noexcept { return terms_; }
  [[nodiscard]] bool has_terms() const noexcept { return has_terms_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }
  // Index from the best of the level nearest to it that the last whole message touched; after a
  // snapshot 0; untouched if it changed nothing.
  [[nodiscard]] std::uint32_t touched_index() const noexcept { return touched_; }
  static constexpr std::uint32_t untouched = ~std::uint32_t{0};

 private:
  [[nodiscard]] Verdict broken(Verdict verdict, Cause cause) noexcept;
  [[nodiscard]] Verdict whole() noexcept;
  void end_message() noexcept;
  [[nodiscard]] Verdict take_doubted(const Record& record, std::span<const Level> levels) noexcept;
  [[nodiscard]] Verdict apply_levels(const Record& record, std::span<const Level> levels,
                                     LevelCounts& counts) noexcept;
  [[nodiscard]] Verdict apply_all(Side side, std::span<const Level> levels,
                                  LevelCounts& counts) noexcept;

  Book book_;
  InstrumentTerms terms_;
  std::uint32_t epoch_ = 0;
  std::uint32_t touched_ = untouched;
  std::uint32_t checksum_ = 0;  // of the book, unless it is stale
  bool checksum_is_stale_ = true;
  Phase phase_ = Phase::Empty;
  Cause cause_ = Cause::None;
  bool has_terms_ = false;
  bool in_message_ = false;
  bool doubted_ = false;  // broken by its checksum only, and continuous since
};

// Whether mantissas are within their limit and quantities not below 0.
[[nodiscard]] bool is_plausible(std::span<const Level> levels) noexcept;

}  // namespace ringside::orderbook
