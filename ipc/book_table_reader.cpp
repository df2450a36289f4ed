#include "ipc/book_table_reader.hpp"

#include <algorithm>

namespace ringside::ipc {
namespace {

using Copy = BookEntry::Copy;

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

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
