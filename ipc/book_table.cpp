#include "ipc/book_table.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "ipc/check.hpp"

namespace ringside::ipc {
namespace {

using Copy = BookEntry::Copy;
using Words = std::array<std::uint64_t, book_word::count>;

std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::size_t row_of(unsigned level) {
  return level == 0 ? book_word::best : book_word::rows + (level - 1) * book_word::row_words;
}

void store_level(Copy& copy, std::size_t word, const Level& level) noexcept {
  copy.put(word, bits(level.price.mantissa));
  copy.put(word + 1, bits(level.quantity.mantissa));
}

Level level_of(const Words& words, std::size_t word) {
  return Level{Price{number(words[word])}, Quantity{number(words[word + 1])}};
}

struct Counts {
  std::uint32_t bids, asks;
};
Counts counts_of(std::uint64_t status) {
  return Counts{static_cast<std::uint32_t>((status >> 32) & 0xffff),
                static_cast<std::uint32_t>(status >> 48)};
}

// Loads what `levels` levels need. Bounded whatever the counts say: they may be torn or a lie.
void take_words(const Copy& copy, unsigned levels, Words& words) noexcept {
  for (std::size_t i = 0; i <= book_word::updates; ++i) words[i] = copy.take(i);
  const auto counts = counts_of(words[book_word::status]);
  const auto rows = std::min(std::max(counts.bids, counts.asks), levels);
  const auto end = rows == 0 ? 0 : row_of(rows);
  for (std::size_t i = book_word::rows; i < end; ++i) words[i] = copy.take(i);
}

// False: no writer of ours leaves this.
bool decode(const Words& words, std::uint64_t tag, unsigned levels, BookView& view) noexcept {
  const auto status = words[book_word::status];
  const auto state = status & 0xff;
  const auto counts = counts_of(status);
  const auto instrument = words[book_word::epoch] >> 32;
  if (state > static_cast<std::uint64_t>(State::Live) || counts.bids > book_levels_max ||
      counts.asks > book_levels_max || instrument != tag) {
    return false;
  }
  view.state = static_cast<State>(state);
  view.cause = static_cast<Cause>((status >> 8) & 0xff);
  view.verified = ((status >> 16) & 1) != 0;
  view.bid_count = std::min(counts.bids, levels);
  view.ask_count = std::min(counts.asks, levels);
  view.receive = Ticks{words[book_word::receive_tsc]};
  view.epoch = static_cast<std::uint32_t>(words[book_word::epoch] & 0xffff'ffff);
  view.instrument = static_cast<std::uint32_t>(instrument);
  view.publish = Ticks{words[book_word::publish_tsc]};
  view.exchange = UtcNs{number(words[book_word::exchange_ns])};
  view.terms = InstrumentTerms::unpacked(number(words[book_word::terms]));
  view.updates = words[book_word::updates];
  for (unsigned i = 0; i < view.bid_count; ++i) view.bids[i] = level_of(words, row_of(i));
  for (unsigned i = 0; i < view.ask_count; ++i) view.asks[i] = level_of(words, row_of(i) + 2);
  return true;
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

ReadStatus BookTableReader::writer_status(Ticks now) noexcept {
  if (ever_probed_ && now.value < probed_.value + period_ticks_) return writer_;
  writer_ = status_of(segment_->liveness(now, bounds_));
  probed_ = now;
  ever_probed_ = true;
  return writer_;
}

ReadStatus BookTableReader::read(std::uint32_t index, BookView& view, Ticks now,
                                 unsigned levels) noexcept {
  const auto writer = writer_status(now);
  if (writer != ReadStatus::Ok) return writer;
  if (index >= count()) return ReadStatus::Empty;
  const BookEntry& entry = entries_[index];
  const auto wanted = std::min(levels, book_levels_max);
  Words words;  // filled as far as it is read
  for (unsigned i = 0; i < book_read_tries; ++i) {
    const auto status = entry.read([&](const Copy& copy) { take_words(copy, wanted, words); });
    if (status == LatchStatus::Empty) return ReadStatus::Empty;
    if (status == LatchStatus::Retry) continue;
    return decode(words, entry.tag, wanted, view) ? ReadStatus::Ok : ReadStatus::Corrupt;
  }
  return ReadStatus::Retry;
}

}  // namespace ringside::ipc
