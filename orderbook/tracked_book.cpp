#include "orderbook/tracked_book.hpp"

#include <algorithm>
#include <utility>

#include "orderbook/checksum.hpp"

namespace ringside::orderbook {
namespace {

constexpr bool is_plausible_exponent(Exponent exponent) {
  return exponent.power_of_ten >= -18 && exponent.power_of_ten <= 18;
}

constexpr bool is_plausible_terms(const InstrumentTerms& terms) {
  return is_plausible_exponent(terms.price_exponent) &&
         is_plausible_exponent(terms.quantity_exponent) && terms.checksum <= ChecksumRule::Kraken;
}

}  // namespace

bool is_plausible(std::span<const Level> levels) noexcept {
  bool plausible = true;
  for (const Level& level : levels) {
    const auto price = level.price.mantissa;
    const auto quantity = level.quantity.mantissa;
    plausible &= price > -mantissa_limit && price < mantissa_limit && quantity >= 0 &&
                 quantity < mantissa_limit;
  }
  return plausible;
}

Verdict TrackedBook::broken(Verdict verdict, Cause cause) noexcept {
  break_off(cause);
  return verdict;
}

void TrackedBook::break_off(Cause cause) noexcept {
  doubted_ = cause == Cause::ChecksumFailed && between_messages();
  phase_ = Phase::Broken;
  cause_ = cause;
  in_message_ = false;
}

void TrackedBook::abandon() noexcept {
  // Terms may come ahead of the status that announces their snapshot.
  if (phase_ == Phase::Awaiting) return;
  phase_ = Phase::Empty;
  cause_ = Cause::None;
  in_message_ = false;
}

void TrackedBook::forget_epoch() noexcept {
  phase_ = Phase::Empty;
  cause_ = Cause::None;
  in_message_ = false;
  has_terms_ = false;
  epoch_ = 0;
}

Verdict TrackedBook::take_terms(const Record& record) noexcept {
  const auto terms = InstrumentTerms::unpacked(record.price);
  if (has_terms_ && record.epoch < epoch_) return Verdict::StaleEpoch;
  if (!is_plausible_terms(terms)) return broken(Verdict::BadRecord, Cause::BadMessage);
  if (has_terms_ && record.epoch == epoch_) {
    if (terms == terms_) return Verdict::StaleEpoch;
    return broken(Verdict::BadRecord, Cause::PrecisionChanged);
  }
  terms_ = terms;
  epoch_ = record.epoch;
  has_terms_ = true;
  phase_ = Phase::Awaiting;
  cause_ = Cause::None;
  in_message_ = false;
  return Verdict::Partial;
}

Verdict TrackedBook::take_snapshot(const Record& record, std::span<const Level> levels) noexcept {
  if (has_terms_ && record.epoch < epoch_) return Verdict::StaleEpoch;
  if (!has_terms_ || record.epoch > epoch_) return broken(Verdict::NoTerms, Cause::BadMessage);
  if (phase_ == Phase::Loading) {
    if (record.first()) return broken(Verdict::Cut, Cause::BadMessage);
  } else if (phase_ != Phase::Awaiting) {
    return Verdict::StaleEpoch;
  } else if (!record.first()) {
    return broken(Verdict::Cut, Cause::BadMessage);
  } else {
    book_.clear();
    phase_ = Phase::Loading;
  }
  levels = levels.first(std::size_t{record.bid_count()} + record.ask_count());
  if (!is_plausible(levels)) return broken(Verdict::BadRecord, Cause::BadMessage);
  if (!book_.append(Side::Bid, levels.first(record.bid_count())) ||
      !book_.append(Side::Ask, levels.subspan(record.bid_count()))) {
    return broken(Verdict::TooManyLevels, Cause::BadMessage);
  }
  if (!record.last()) return Verdict::Partial;
  book_.order();
  touched_ = 0;
  return whole();
}

Verdict TrackedBook::apply_all(Side side, std::span<const Level> levels,
                               LevelCounts& counts) noexcept {
  for (const Level& level : levels) {
    const Applied applied = book_.apply(side, level);
    if (applied.change == Change::AbsentDelete) {
      ++counts.absent_deletes;
      continue;
    }
    if (applied.change == Change::Refused) [[unlikely]] {
      return Verdict::TooManyLevels;
    }
    ++counts.changed;
    touched_ = std::min(touched_, applied.index);
  }
  return Verdict::Partial;
}

Verdict TrackedBook::apply_levels(const Record& record, std::span<const Level> levels,
                                  LevelCounts& counts) noexcept {
  if (record.kind == Kind::Level) {
    const std::array one{Level{Price{record.price}, Quantity{record.quantity}}};
    const bool sided = record.side() == Side::Bid || record.side() == Side::Ask;
    if (!sided || !is_plausible(one)) return Verdict::BadRecord;
    return apply_all(record.side(), one, counts);
  }
  levels = levels.first(std::size_t{record.bid_count()} + record.ask_count());
  if (!is_plausible(levels)) return Verdict::BadRecord;
  const Verdict verdict = apply_all(Side::Bid, levels.first(record.bid_count()), counts);
  if (verdict != Verdict::Partial) return verdict;
  return apply_all(Side::Ask, levels.subspan(record.bid_count()), counts);
}

Verdict TrackedBook::take_delta(const Record& record, std::span<const Level> levels,
                                LevelCounts& counts) noexcept {
  if (has_terms_ && record.epoch < epoch_) return Verdict::StaleEpoch;
  if (phase_ == Phase::Loading) return broken(Verdict::Cut, Cause::BadMessage);
  if (phase_ == Phase::Broken && doubted_) return take_doubted(record, levels);
  if (phase_ != Phase::Whole) return Verdict::NoBook;
  if (record.epoch != epoch_) return broken(Verdict::NoTerms, Cause::BadMessage);
  if (record.first() == in_message_) return broken(Verdict::Cut, Cause::BadMessage);
  if (!in_message_) touched_ = untouched;
  in_message_ = true;

  const Verdict verdict = apply_levels(record, levels, counts);
  if (verdict != Verdict::Partial) return broken(verdict, Cause::BadMessage);
  return record.last() ? whole() : Verdict::Partial;
}

Verdict TrackedBook::take_doubted(const Record& record, std::span<const Level> levels) noexcept {
  LevelCounts uncounted;
  doubted_ = record.epoch == epoch_ && record.first() != in_message_;
  if (!doubted_) return Verdict::NoBook;
  if (!in_message_) touched_ = untouched;
  in_message_ = !record.last();
  doubted_ = apply_levels(record, levels, uncounted) == Verdict::Partial;
  if (!doubted_ || !record.last()) return Verdict::NoBook;
  end_message();
  return Verdict::Doubted;
}

void TrackedBook::end_message() noexcept {
  book_.truncate(terms_.depth);
  checksum_is_stale_ |= touched_ < kraken_checksum_levels;
}

Verdict TrackedBook::whole() noexcept {
  end_message();
  phase_ = Phase::Whole;
  in_message_ = false;
  return Verdict::Whole;
}

ChecksumResult TrackedBook::verify(const Record& last) noexcept {
  if ((last.flags & flag_reference_checksum) == 0) return ChecksumResult::NotSent;
  switch (terms_.checksum) {
    case ChecksumRule::Kraken:
      if (std::exchange(checksum_is_stale_, false)) checksum_ = kraken_checksum(book_);
      return checksum_ == last.reference ? ChecksumResult::Good : ChecksumResult::Bad;
    case ChecksumRule::None:
      break;
  }
  return ChecksumResult::NotSent;
}

}  // namespace ringside::orderbook
