#include "orderbook/publisher.hpp"

#include <algorithm>

namespace ringside::orderbook {
namespace {

constexpr std::int64_t slot_cost = late_joiner_share - 1;
// An idle worker spends its share over so many ticks, so that the ring keeps late_joiner_share
// times as long a history: 1 s.
constexpr std::int64_t idle_ticks_per_share = 125;

// Counts of both sides for a record that carries levels [from, from + count) of bids, then asks.
struct Part {
  std::uint32_t bids;
  std::uint32_t asks;
};

Part copy_part(const Book& book, std::uint32_t from, std::span<Level> to) {
  const std::uint32_t bid_count = book.count(Side::Bid);
  Part part{0, 0};
  for (Level& level : to) {
    if (from < bid_count) {
      level = book.level(Side::Bid, from);
      ++part.bids;
    } else {
      level = book.level(Side::Ask, from - bid_count);
      ++part.asks;
    }
    ++from;
  }
  return part;
}

Record record_of(const BookHead& head, Kind kind) {
  Record record;
  record.instrument = head.instrument.value;
  record.kind = kind;
  record.flags = head.flags;
  if (head.exchange.value == 0) record.flags |= flag_no_exchange_time;
  record.receive_tsc = head.receive.value;
  record.exchange_ns = head.exchange.value;
  record.reference = head.reference;
  record.epoch = head.epoch;
  return record;
}

}  // namespace

Publisher::Publisher(ipc::BroadcastWriter& events, Clock clock) noexcept
    : events_(&events),
      clock_(clock),
      levels_per_record_((ipc::claim_slots_max(events.capacity()) - 1) * levels_per_slot) {
  const auto share = static_cast<std::int64_t>(events.capacity() / late_joiner_share);
  credit_max_ = share * slot_cost;
  credit_per_tick_ = std::max(credit_max_ / idle_ticks_per_share, std::int64_t{1});
}

void Publisher::put(const Record& record, std::span<const Level> levels, Ticks now) noexcept {
  published_ = clock_ != nullptr ? clock_() : now;
  events_->publish(record, levels, published_);
}

void Publisher::earn(std::uint64_t slots) noexcept {
  credit_ = std::min(credit_ + static_cast<std::int64_t>(slots), credit_max_);
}

void Publisher::record(const Record& record, std::span<const Level> levels, Ticks now) noexcept {
  put(record, levels, now);
  earn(1 + (levels.size() + levels_per_slot - 1) / levels_per_slot);
}

void Publisher::status(InstrumentId instrument, std::uint32_t epoch, State state, Cause cause,
                       Ticks now) noexcept {
  Record record = record_of({instrument, epoch, now, UtcNs{}, 0, 0}, Kind::Status);
  record.side_or_reason = static_cast<std::uint8_t>(cause);
  record.quantity = static_cast<std::int64_t>(state);
  put(record, {}, now);
  earn(1);
}

void Publisher::snapshot(const BookHead& head, const Book& book, Ticks now) noexcept {
  const std::uint32_t total = book.count(Side::Bid) + book.count(Side::Ask);
  std::uint32_t from = 0;
  do {
    const auto count = std::min(total - from, levels_per_record_);
    const std::span<Level> levels{scratch_.data(), count};
    const Part part = copy_part(book, from, levels);
    const bool last = from + count == total;
    Record record = record_of(head, Kind::Snapshot);
    if (!last) {
      // Reference and its meaning belong to the record that makes the book whole.
      record.reference = 0;
      record.flags &= static_cast<std::uint8_t>(
          ~(flag_reference_checksum | flag_reference_hashed | flag_reference_sequence));
    }
    if (from == 0) record.flags |= flag_first;
    if (last) record.flags |= flag_last;
    record.set_counts(part.bids, part.asks);
    put(record, levels, now);
    from += count;
  } while (from < total);
  earn(snapshot_slots(book));
}

std::uint64_t Publisher::snapshot_slots(const Book& book) const noexcept {
  const std::uint64_t levels = book.count(Side::Bid) + book.count(Side::Ask);
  const std::uint64_t records =
      std::max<std::uint64_t>((levels + levels_per_record_ - 1) / levels_per_record_, 1);
  return records + (levels + levels_per_slot - 1) / levels_per_slot;
}

void Publisher::on_tick() noexcept { credit_ = std::min(credit_ + credit_per_tick_, credit_max_); }

bool Publisher::late_joiner_round(const BookHead& head, const ipc::BookView& view,
                                  const TermsInForce& terms, const Book* book, Ticks now) noexcept {
  const std::uint32_t bids = book != nullptr ? std::min(view.bid_count, key_levels) : 0;
  const std::uint32_t asks = book != nullptr ? std::min(view.ask_count, key_levels) : 0;
  const std::uint64_t slots =
      2 + continuation_slots(bids + asks) + (book != nullptr ? snapshot_slots(*book) : 0);
  const auto cost = static_cast<std::int64_t>(slots) * slot_cost;
  // A book that costs more than all the credit there can be waits for that much, then owes.
  if (credit_ < std::min(cost, credit_max_)) return false;
  credit_ -= cost;

  Record key = record_of(head, Kind::Key);
  key.flags |= flag_first | flag_last;
  key.side_or_reason = static_cast<std::uint8_t>(view.cause);
  key.quantity = static_cast<std::int64_t>(view.state);
  key.set_counts(bids, asks);
  std::copy_n(view.bids.begin(), bids, scratch_.begin());
  std::copy_n(view.asks.begin(), asks, scratch_.begin() + bids);
  put(key, {scratch_.data(), bids + asks}, now);

  if (terms.known) {
    Record announced = record_of(head, Kind::Instrument);
    announced.epoch = terms.epoch;
    announced.price = terms.terms.packed();
    put(announced, {}, now);
  }
  if (book != nullptr) {
    snapshot(head, *book, now);
    credit_ -= static_cast<std::int64_t>(snapshot_slots(*book));  // what it just earned
  }
  return true;
}

}  // namespace ringside::orderbook
