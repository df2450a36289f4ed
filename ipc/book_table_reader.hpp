// The reading half of the book table, and its entry as it lies in the segment; how the two halves
// work together stands in ipc/book_table.hpp.
//
// Threads: a BookTableReader belongs to one thread; any number of them, in any process. Bounded by:
// the segment's capacity, book_levels_max, book_read_tries. Fails by: ReadStatus; it never throws,
// prints, allocates or trusts a word of the segment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "ipc/clock.hpp"
#include "ipc/latch.hpp"
#include "ipc/segment_view.hpp"
#include "ringside/event.hpp"

namespace ringside::ipc {

inline constexpr unsigned book_levels_max = 25;  // a side
inline constexpr std::uint32_t book_entries_max = 1U << 20U;
inline constexpr unsigned book_read_tries = 64;
// A read looks after its writer if the last look is older than this; two looks bound how long a
// dead writer can go unnoticed (liveness_probe_after_ns + this = 10 ms).
inline constexpr std::uint64_t book_liveness_period_ns = 5'000'000;
inline constexpr std::uint64_t book_heartbeat_bound_ns = liveness_stale_after_ns;

// Words of one copy. The first line (with the latch's sequence) holds what a reader of the best
// levels wants; level i > 0 has a row of four words from word_rows on.
// Invariant: bids descend, asks ascend, counts <= book_levels_max.
namespace book_word {
inline constexpr std::size_t status = 0;  // state | cause<<8 | verified<<16 | bids<<32 | asks<<48
inline constexpr std::size_t best = 1;    // bid price, bid quantity, ask price, ask quantity
inline constexpr std::size_t receive_tsc = 5;
inline constexpr std::size_t epoch = 6;  // epoch | instrument<<32
inline constexpr std::size_t publish_tsc = 7;
inline constexpr std::size_t exchange_ns = 8;
inline constexpr std::size_t terms = 9;  // InstrumentTerms::packed()
inline constexpr std::size_t updates = 10;
inline constexpr std::size_t rows = 15;  // of levels 1..24
inline constexpr std::size_t row_words = 4;
inline constexpr std::size_t count = rows + (book_levels_max - 1) * row_words;
}  // namespace book_word

using BookEntry = Latch<book_word::count>;
static_assert(sizeof(BookEntry::Copy) == 896);
static_assert(sizeof(BookEntry) == 1920 && alignof(BookEntry) == hot_line_bytes);
static_assert(offsetof(BookEntry, current) == 0);
static_assert(offsetof(BookEntry, tag) == 8);
static_assert(offsetof(BookEntry, copies) == 128);

// One value of an entry, in private memory. Pairs of members lie as the words of a copy do, so that
// a read moves them as they are; aligned, so that no such store straddles a line or, at eight times
// the cost, a page.
struct alignas(16) BookView {
  State state = State::Syncing;
  Cause cause = Cause::None;
  bool verified = false;  // the venue's checksum was good for this very book
  std::uint8_t reserved_0 = 0;
  std::uint32_t bid_count = 0;
  std::uint32_t ask_count = 0;
  std::uint32_t reserved_1 = 0;
  Ticks receive;  // of the frame that changed it last
  std::uint32_t epoch = 0;
  std::uint32_t instrument = 0;
  Ticks publish;
  UtcNs exchange;
  InstrumentTerms terms;                      // exponents of this epoch
  std::uint64_t updates = 0;                  // since the worker began
  std::array<Level, book_levels_max> bids{};  // best first; valid below bid_count
  std::array<Level, book_levels_max> asks{};
};
static_assert(std::is_trivially_copyable_v<BookView> && sizeof(BookView) == 864);

// The best level a side, and what must be known of it. The default is no Live book.
struct alignas(16) BestView {
  State state = State::Syncing;
  Cause cause = Cause::None;
  bool verified = false;
  std::uint8_t reserved_0 = 0;
  std::uint16_t bid_count = 0;  // levels of the book; 0: `bid` means nothing
  std::uint16_t ask_count = 0;
  Ticks receive;
  Level bid;
  Level ask;
  std::uint32_t epoch = 0;
  std::uint32_t instrument = 0;
  std::uint64_t reserved_1 = 0;

  [[nodiscard]] bool has_bid() const noexcept { return bid_count != 0; }
  [[nodiscard]] bool has_ask() const noexcept { return ask_count != 0; }
};
static_assert(std::is_trivially_copyable_v<BestView> && sizeof(BestView) == 64);

enum class ReadStatus : std::uint8_t {
  Ok = 0,
  Retry,        // rewritten book_read_tries times while being read: ask again
  WriterGone,   // the lock is free, or the writer ended in order
  WriterStale,  // the lock is held, but there was no heartbeat for book_heartbeat_bound_ns
  Superseded,   // a newer generation has taken the name: attach again
  Empty,        // no such entry yet, or nothing published in it yet
  Corrupt,      // contents that no writer of ours leaves
};
const char* name_of(ReadStatus status) noexcept;

class BookTableReader {
 public:
  // Of an attached segment, which outlives this. One of any other kind has no entries, and every
  // read of it answers Corrupt.
  explicit BookTableReader(const SegmentView& segment,
                           const TickRate& rate = TickRate::of_host()) noexcept;

  // Entries that can be read now; only ever grows.
  [[nodiscard]] std::uint32_t count() const noexcept;
  [[nodiscard]] std::optional<InstrumentId> instrument_at(std::uint32_t index) const noexcept;
  // Looks through the table; keep the answer.
  [[nodiscard]] std::optional<std::uint32_t> index_of(InstrumentId instrument) const noexcept;

  // The newest value, the best `levels` of it. Ok: its counts are what it holds; levels beyond them
  // mean nothing. Retry, Corrupt: it is not Live, and without levels. Else it is left alone.
  [[nodiscard]] ReadStatus read(std::uint32_t index, BookView& view,
                                unsigned levels = book_levels_max) noexcept {
    return read_as(index, &view, now_ticks(), levels);
  }
  [[nodiscard]] ReadStatus read(std::uint32_t index, BookView& view, Ticks now,
                                unsigned levels) noexcept {
    return read_as(index, &view, now, levels);
  }
  // Only the best level a side: the cheapest read there is. Same answers; the same of `best`.
  [[nodiscard]] ReadStatus read_best(std::uint32_t index, BestView& best, Ticks now) noexcept {
    return read_best_as(index, &best, now);
  }

  // The same into somebody else's struct, which lies as BookView or BestView does.
  [[nodiscard]] ReadStatus read_as(std::uint32_t index, void* view, Ticks now,
                                   unsigned levels) noexcept;
  [[nodiscard]] ReadStatus read_best_as(std::uint32_t index, void* best, Ticks now) noexcept {
    if (index < count_seen_ && now.value < ok_until_) [[likely]] {
      const BookEntry& entry = entries_[index];
      bool sound = false;
      const auto status = entry.read(
          [&](const BookEntry::Copy& copy) noexcept { sound = take_best(copy, entry.tag, best); });
      if (status == LatchStatus::Ok && sound) [[likely]]
        return ReadStatus::Ok;
    }
    return read_best_slowly(index, best, now);
  }

  // Ok, or what every read() answers now.
  [[nodiscard]] ReadStatus writer_status(Ticks now) noexcept {
    if (now.value < ok_until_) [[likely]]
      return ReadStatus::Ok;
    return probe(now);
  }

 private:
  // False: no writer of ours leaves this.
  static bool take_best(const BookEntry::Copy& copy, std::uint64_t tag, void* best) noexcept {
    auto* const out = static_cast<std::byte*>(best);
    const auto status = copy.take(book_word::status);
    const std::array<std::uint64_t, 2> head{status, copy.take(book_word::receive_tsc)};
    std::memcpy(out, head.data(), sizeof(head));
    copy.take_pair(book_word::best, out + offsetof(BestView, bid));
    copy.take_pair(book_word::best + 2, out + offsetof(BestView, ask));
    const std::array<std::uint64_t, 2> tail{copy.take(book_word::epoch), 0};
    std::memcpy(out + offsetof(BestView, epoch), tail.data(), sizeof(tail));
    return tail[0] >> 32 == tag && is_sound(status);
  }
  // State and counts within their bounds, `verified` a bit, the byte behind it 0, all in one test:
  // a count c is good if neither c nor c + 6 reaches 32.
  static bool is_sound(std::uint64_t status) noexcept {
    static_assert(static_cast<unsigned>(State::Live) == 7 && book_levels_max == 31 - 6);
    constexpr std::uint64_t beyond = 0xffe0'ffe0'fffe'00f8;
    constexpr std::uint64_t six_each = 0x0006'0006'0000'0000;
    return ((status | (status + six_each)) & beyond) == 0;
  }
  static bool take_view(const BookEntry::Copy& copy, std::uint64_t tag, unsigned levels,
                        void* view) noexcept;
  ReadStatus read_slowly(std::uint32_t index, void* view, Ticks now, unsigned levels) noexcept;
  ReadStatus read_best_slowly(std::uint32_t index, void* best, Ticks now) noexcept;
  ReadStatus probe(Ticks now) noexcept;
  // It only ever grows, so that what was once below it stays there.
  [[nodiscard]] bool has(std::uint32_t index) noexcept {
    if (index < count_seen_) [[likely]]
      return true;
    count_seen_ = count();
    return index < count_seen_;
  }

  SegmentView segment_;
  const BookEntry* entries_;
  std::uint32_t capacity_;
  LivenessBounds bounds_;
  std::uint64_t period_ticks_;
  std::uint32_t count_seen_ = 0;
  std::uint64_t ok_until_ = 0;  // in ticks; 0: the last look at the writer was not good
  std::uint64_t bad_until_ = 0;
  ReadStatus bad_ = ReadStatus::Ok;
};

}  // namespace ringside::ipc
