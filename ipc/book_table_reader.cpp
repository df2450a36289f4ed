#include "ipc/book_table_reader.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ringside::ipc {
namespace {

using Copy = BookEntry::Copy;

// What a pair of words says, a view says in as many bytes and in the same order.
static_assert(std::endian::native == std::endian::little);
static_assert(offsetof(BookView, verified) == 2 && offsetof(BookView, bid_count) == 4);
static_assert(offsetof(BookView, receive) == 16 && offsetof(BookView, epoch) == 24);
static_assert(offsetof(BookView, instrument) == 28 && offsetof(BookView, publish) == 32);
static_assert(offsetof(BookView, exchange) == 40 && offsetof(BookView, terms) == 48);
static_assert(offsetof(BookView, updates) == 56 && offsetof(BookView, bids) == 64);
static_assert(offsetof(BestView, verified) == 2 && offsetof(BestView, bid_count) == 4);
static_assert(offsetof(BestView, ask_count) == 6 && offsetof(BestView, receive) == 8);
static_assert(offsetof(BestView, bid) == 16 && offsetof(BestView, ask) == 32);
static_assert(offsetof(BestView, epoch) == 48 && offsetof(BestView, instrument) == 52);
static_assert(offsetof(InstrumentTerms, quantity_exponent) == 1 &&
              offsetof(InstrumentTerms, checksum) == 2 && offsetof(InstrumentTerms, depth) == 4);
static_assert(book_word::publish_tsc + 1 == book_word::exchange_ns);
static_assert(book_word::terms + 1 == book_word::updates);

// `take(copy)` until the latch says that what it took is of one update. A view that must not be
// used is emptied: what was copied last may be torn.
template <typename View, typename Take>
ReadStatus read_entry(const BookEntry& entry, void* view, Take&& take) noexcept {
  constexpr View nothing{};
  for (unsigned i = 0; i < book_read_tries; ++i) {
    bool sound = false;
    const auto status = entry.read([&](const Copy& copy) { sound = take(copy); });
    if (status == LatchStatus::Ok && sound) [[likely]]
      return ReadStatus::Ok;
    if (status == LatchStatus::Empty) return ReadStatus::Empty;
    if (status == LatchStatus::Retry) continue;
    std::memcpy(view, &nothing, sizeof(View));
    return ReadStatus::Corrupt;
  }
  std::memcpy(view, &nothing, sizeof(View));
  return ReadStatus::Retry;
}

ReadStatus status_of(Liveness liveness) {
  switch (liveness) {
    case Liveness::Alive:
      return ReadStatus::Ok;
    case Liveness::Stale:
      return ReadStatus::WriterStale;
    case Liveness::Superseded:
      return ReadStatus::Superseded;
    case Liveness::Gone:
    case Liveness::Closed:
      break;
  }
  return ReadStatus::WriterGone;
}

}  // namespace

const char* name_of(ReadStatus status) noexcept {
  constexpr const char* names[] = {"ok",         "retry", "writer_gone", "writer_stale",
                                   "superseded", "empty", "corrupt"};
  const auto index = static_cast<unsigned>(status);
  return index < 7 ? names[index] : "unknown";
}

BookTableReader::BookTableReader(const SegmentView& segment, const TickRate& rate) noexcept
    : segment_(segment),
      entries_(nullptr),
      capacity_(0),
      bounds_{rate.ticks(liveness_probe_after_ns), rate.ticks(book_heartbeat_bound_ns)},
      period_ticks_(rate.ticks(book_liveness_period_ns)) {
  if (!segment.holds(SegmentKind::BookTable, sizeof(BookEntry))) return;
  entries_ = reinterpret_cast<const BookEntry*>(segment.data().data());
  const std::uint64_t max = book_entries_max;
  capacity_ = static_cast<std::uint32_t>(std::min(segment.geometry.item_count, max));
}

std::uint32_t BookTableReader::count() const noexcept {
  if (entries_ == nullptr) return 0;
  const auto& count = segment_.header().kind_words[0].value;
  const auto said = count.load(std::memory_order_acquire);  // C1: pairs with P2
  return said < capacity_ ? static_cast<std::uint32_t>(said) : capacity_;
}

std::optional<InstrumentId> BookTableReader::instrument_at(std::uint32_t index) const noexcept {
  if (index >= count()) return std::nullopt;
  return InstrumentId{static_cast<std::uint32_t>(entries_[index].tag)};  // C2: pairs with P1
}

std::optional<std::uint32_t> BookTableReader::index_of(InstrumentId instrument) const noexcept {
  const auto end = count();
  for (std::uint32_t i = 0; i < end; ++i) {
    if (entries_[i].tag == instrument.value) return i;  // C2: pairs with P1
  }
  return std::nullopt;
}

// A bad answer holds for a period, too: a dead writer's readers do not ask the kernel each time.
ReadStatus BookTableReader::probe(Ticks now) noexcept {
  if (entries_ == nullptr) return ReadStatus::Corrupt;
  if (now.value < bad_until_) return bad_;
  const auto status = status_of(segment_.liveness(now, bounds_));
  const auto until = now.value + period_ticks_;
  ok_until_ = status == ReadStatus::Ok ? until : 0;
  bad_until_ = status == ReadStatus::Ok ? 0 : until;
  bad_ = status;
  return status;
}

// Straight into the view. Bounded whatever the counts say: until the latch is asked they may be
// torn or a lie. False: no writer of ours leaves this.
inline bool BookTableReader::take_view(const BookEntry::Copy& copy, std::uint64_t tag,
                                       unsigned levels, void* view) noexcept {
  auto* const out = static_cast<std::byte*>(view);
  const auto put = [out](std::size_t at, std::uint64_t word) noexcept {
    std::memcpy(out + at, &word, sizeof(word));
  };
  // Each value is used up before the next is loaded: fewer live at once spill no register.
  const auto status = copy.take(book_word::status);
  const auto wanted = std::min(levels, book_levels_max);
  const auto bid_count = std::min(static_cast<std::uint32_t>((status >> 32) & 0xffff), wanted);
  const auto ask_count = std::min(static_cast<std::uint32_t>(status >> 48), wanted);
  const auto rows = std::max(bid_count, ask_count);
  put(0, (status & 0xffff'ffff) | std::uint64_t{bid_count} << 32);  // state, cause, verified
  put(offsetof(BookView, ask_count), ask_count);
  bool sound = is_sound(status);
  put(offsetof(BookView, receive), copy.take(book_word::receive_tsc));
  const auto epoch = copy.take(book_word::epoch);
  put(offsetof(BookView, epoch), epoch);
  sound &= epoch >> 32 == tag;
  copy.take_pair(book_word::publish_tsc, out + offsetof(BookView, publish));
  copy.take_pair(book_word::terms, out + offsetof(BookView, terms));
  copy.take_pair(book_word::best, out + offsetof(BookView, bids));
  copy.take_pair(book_word::best + 2, out + offsetof(BookView, asks));
  // Two rows a turn, and one side after the other: stores to one line go out together. One row more
  // than wanted is still one of the copy's and of the view's.
  constexpr auto across = offsetof(BookView, asks) - offsetof(BookView, bids);
  const Atomic<std::uint64_t>* row = &copy.words[book_word::rows];
  auto* to = out + offsetof(BookView, bids) + sizeof(Level);
  for (unsigned i = 1; i < rows; i += 2) {
    copy_pair(row, to);  // C2 of the latch, here and below
    copy_pair(row + book_word::row_words, to + sizeof(Level));
    copy_pair(row + 2, to + across);
    copy_pair(row + book_word::row_words + 2, to + across + sizeof(Level));
    to += 2 * sizeof(Level);
    row += 2 * book_word::row_words;
  }
  return sound;
}
static_assert(book_levels_max % 2 == 1, "rows are taken by twos");

ReadStatus BookTableReader::read_as(std::uint32_t index, void* view, Ticks now,
                                    unsigned levels) noexcept {
  if (index < count_seen_ && now.value < ok_until_) [[likely]] {
    const BookEntry& entry = entries_[index];
    bool sound = false;
    const auto status = entry.read(
        [&](const Copy& copy) noexcept { sound = take_view(copy, entry.tag, levels, view); });
    if (status == LatchStatus::Ok && sound) [[likely]]
      return ReadStatus::Ok;
  }
  return read_slowly(index, view, now, levels);
}

[[gnu::noinline]] ReadStatus BookTableReader::read_slowly(std::uint32_t index, void* view,
                                                          Ticks now, unsigned levels) noexcept {
  const auto writer = writer_status(now);
  if (writer != ReadStatus::Ok) return writer;
  if (!has(index)) return ReadStatus::Empty;
  const BookEntry& entry = entries_[index];
  return read_entry<BookView>(entry, view, [&](const Copy& copy) noexcept {
    return take_view(copy, entry.tag, levels, view);
  });
}

[[gnu::noinline]] ReadStatus BookTableReader::read_best_slowly(std::uint32_t index, void* best,
                                                               Ticks now) noexcept {
  const auto writer = writer_status(now);
  if (writer != ReadStatus::Ok) return writer;
  if (!has(index)) return ReadStatus::Empty;
  const BookEntry& entry = entries_[index];
  return read_entry<BestView>(
      entry, best, [&](const Copy& copy) noexcept { return take_best(copy, entry.tag, best); });
}

}  // namespace ringside::ipc
