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

}  // namespace ringside::ipc
