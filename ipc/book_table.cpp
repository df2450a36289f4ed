#include "ipc/book_table.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "ipc/check.hpp"

namespace ringside::ipc {
namespace {

using Copy = BookEntry::Copy;

std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

constexpr std::size_t row_of(unsigned level) {
  return level == 0 ? book_word::best : book_word::rows + (level - 1) * book_word::row_words;
}

// A level lies in the words as it does in memory, so that both move as one pair.
static_assert(sizeof(Level) == 16 && offsetof(Level, quantity) == 8);
static_assert(row_of(0) % 2 == 1 && row_of(1) % 2 == 1 && book_word::row_words % 2 == 0);

void store_level(Copy& copy, std::size_t word, const Level& level) noexcept {
  copy.put(word, bits(level.price.mantissa));
  copy.put(word + 1, bits(level.quantity.mantissa));
}

// `take(copy)` until the latch says that what it took is of one update. A view that must not be
// used is emptied: what was copied last may be torn.
template <typename View, typename Take>
ReadStatus read_entry(const BookEntry& entry, View& view, Take&& take) noexcept {
  for (unsigned i = 0; i < book_read_tries; ++i) {
    bool sound = false;
    const auto status = entry.read([&](const Copy& copy) { sound = take(copy); });
    if (status == LatchStatus::Ok && sound) [[likely]]
      return ReadStatus::Ok;
    if (status == LatchStatus::Empty) return ReadStatus::Empty;
    if (status == LatchStatus::Retry) continue;
    view = View{};
    return ReadStatus::Corrupt;
  }
  view = View{};
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

void require_table(const Segment& segment) {
  const bool fits = segment.mapped() && segment.geometry().kind == SegmentKind::BookTable &&
                    segment.geometry().item_bytes == sizeof(BookEntry);
  if (!fits) {
    throw std::system_error(EINVAL, std::generic_category(),
                            segment.path() + " is not a table of books");
  }
}

std::uint32_t capacity_of(const Segment& segment) {
  const std::uint64_t max = book_entries_max;
  return static_cast<std::uint32_t>(std::min(segment.geometry().item_count, max));
}

}  // namespace

const char* name_of(ReadStatus status) noexcept {
  constexpr const char* names[] = {"ok",         "retry", "writer_gone", "writer_stale",
                                   "superseded", "empty", "corrupt"};
  const auto index = static_cast<unsigned>(status);
  return index < 7 ? names[index] : "unknown";
}

SegmentSpec book_table_spec(std::uint32_t entries) {
  RINGSIDE_CHECK(entries >= 1 && entries <= book_entries_max);
  SegmentSpec spec;
  spec.kind = SegmentKind::BookTable;
  spec.item_bytes = sizeof(BookEntry);
  spec.item_count = entries;
  spec.payload_bytes = spec.item_count * sizeof(BookEntry);
  return spec;
}

Segment book_table_in_memory(std::uint32_t entries) {
  return create_private_segment(book_table_spec(entries));
}

BookTableWriter::BookTableWriter(Segment& segment)
    : segment_(&segment), entries_(nullptr), capacity_(0) {
  require_table(segment);
  entries_ = reinterpret_cast<BookEntry*>(segment.writable_data().data());
  capacity_ = capacity_of(segment);
}

std::uint32_t BookTableWriter::add(InstrumentId instrument) {
  if (count_ == capacity_) {
    throw std::system_error(ENOSPC, std::generic_category(),
                            segment_->path() + " holds " + std::to_string(capacity_) +
                                " instruments, all taken; raise memory.instruments_max");
  }
  entries_[count_].tag = instrument.value;  // P1: pairs with C2
  auto& count = segment_->writable_header().kind_words[0].value;
  count.store(count_ + 1, std::memory_order_release);  // P2: pairs with C1
  return count_++;
}

void BookTableWriter::update(std::uint32_t index, const BookView& view) noexcept {
  RINGSIDE_DCHECK(index < count_);
  RINGSIDE_DCHECK(view.bid_count <= book_levels_max);
  RINGSIDE_DCHECK(view.ask_count <= book_levels_max);
  BookEntry& entry = entries_[index];
  entry.write([&](Copy& copy) {
    copy.put(book_word::status, static_cast<std::uint64_t>(view.state) |
                                    static_cast<std::uint64_t>(view.cause) << 8 |
                                    static_cast<std::uint64_t>(view.verified) << 16 |
                                    static_cast<std::uint64_t>(view.bid_count) << 32 |
                                    static_cast<std::uint64_t>(view.ask_count) << 48);
    if (view.bid_count > 0) store_level(copy, book_word::best, view.bids[0]);
    if (view.ask_count > 0) store_level(copy, book_word::best + 2, view.asks[0]);
    copy.put(book_word::receive_tsc, view.receive.value);
    copy.put(book_word::epoch, view.epoch | entry.tag << 32);
    copy.put(book_word::publish_tsc, view.publish.value);
    copy.put(book_word::exchange_ns, bits(view.exchange.value));
    copy.put(book_word::terms, bits(view.terms.packed()));
    copy.put(book_word::updates, view.updates);
    for (unsigned i = 1; i < view.bid_count; ++i) store_level(copy, row_of(i), view.bids[i]);
    for (unsigned i = 1; i < view.ask_count; ++i) store_level(copy, row_of(i) + 2, view.asks[i]);
  });
}

BookTableReader::BookTableReader(const Segment& segment, const TickRate& rate)
    : segment_(&segment),
      entries_(nullptr),
      capacity_(0),
      bounds_{rate.ticks(liveness_probe_after_ns), rate.ticks(book_heartbeat_bound_ns)},
      period_ticks_(rate.ticks(book_liveness_period_ns)) {
  require_table(segment);
  entries_ = reinterpret_cast<const BookEntry*>(segment.data().data());
  capacity_ = capacity_of(segment);
}

std::uint32_t BookTableReader::count() const noexcept {
  const auto& count = segment_->header().kind_words[0].value;
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
  if (now.value < bad_until_) return bad_;
  const auto status = status_of(segment_->liveness(now, bounds_));
  const auto until = now.value + period_ticks_;
  ok_until_ = status == ReadStatus::Ok ? until : 0;
  bad_until_ = status == ReadStatus::Ok ? 0 : until;
  bad_ = status;
  return status;
}

// Straight into the view. Bounded whatever the counts say: until the latch is asked again they may
// be torn or a lie. False: no writer of ours leaves this.
bool BookTableReader::take_view(const BookEntry::Copy& copy, std::uint64_t tag, unsigned levels,
                                BookView& view) noexcept {
  const auto status = copy.take(book_word::status);
  const auto wanted = std::min(levels, book_levels_max);
  const auto bids = std::min(static_cast<std::uint32_t>((status >> 32) & 0xffff), wanted);
  const auto asks = std::min(static_cast<std::uint32_t>(status >> 48), wanted);
  copy.take_pair(book_word::best, &view.bids[0]);
  copy.take_pair(book_word::best + 2, &view.asks[0]);
  const auto rows = std::max(bids, asks);
  for (unsigned i = 1; i < rows; ++i) {  // both sides of a row: they share a line
    const auto row = book_word::rows + (i - 1) * book_word::row_words;
    copy.take_pair(row, &view.bids[i]);
    copy.take_pair(row + 2, &view.asks[i]);
  }
  view.state = static_cast<State>(status & 0xff);
  view.cause = static_cast<Cause>((status >> 8) & 0xff);
  view.verified = ((status >> 16) & 1) != 0;
  view.bid_count = bids;
  view.ask_count = asks;
  const auto epoch = copy.take(book_word::epoch);
  view.receive = Ticks{copy.take(book_word::receive_tsc)};
  view.epoch = static_cast<std::uint32_t>(epoch & 0xffff'ffff);
  view.instrument = static_cast<std::uint32_t>(epoch >> 32);
  view.publish = Ticks{copy.take(book_word::publish_tsc)};
  view.exchange = UtcNs{number(copy.take(book_word::exchange_ns))};
  view.terms = InstrumentTerms::unpacked(number(copy.take(book_word::terms)));
  view.updates = copy.take(book_word::updates);
  return is_sound(status) && (epoch >> 32) == tag;
}

ReadStatus BookTableReader::read(std::uint32_t index, BookView& view, Ticks now,
                                 unsigned levels) noexcept {
  const auto writer = writer_status(now);
  if (writer != ReadStatus::Ok) return writer;
  if (!has(index)) return ReadStatus::Empty;
  const BookEntry& entry = entries_[index];
  return read_entry(entry, view, [&](const Copy& copy) noexcept {
    return take_view(copy, entry.tag, levels, view);
  });
}

ReadStatus BookTableReader::read_best_slowly(std::uint32_t index, BestView& best,
                                             Ticks now) noexcept {
  const auto writer = writer_status(now);
  if (writer != ReadStatus::Ok) return writer;
  if (!has(index)) return ReadStatus::Empty;
  const BookEntry& entry = entries_[index];
  return read_entry(entry, best,
                    [&](const Copy& copy) noexcept { return take_best(copy, entry.tag, best); });
}

}  // namespace ringside::ipc
