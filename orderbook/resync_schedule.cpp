#include "orderbook/resync_schedule.hpp"

#include <algorithm>

#include "ipc/check.hpp"

namespace ringside::orderbook {
namespace {

Ticks later(Ticks from, std::uint64_t ticks) { return Ticks{from.value + ticks}; }

}  // namespace

ResyncPolicy ResyncPolicy::scaled(double ticks_per_ns) const noexcept {
  const auto scale = [ticks_per_ns](std::uint64_t ns) {
    return static_cast<std::uint64_t>(static_cast<double>(ns) * ticks_per_ns);
  };
  ResyncPolicy policy = *this;
  policy.interval_min = scale(interval_min);
  policy.interval_max = scale(interval_max);
  policy.answer_within = scale(answer_within);
  policy.acknowledged_within = scale(acknowledged_within);
  policy.calm = scale(calm);
  return policy;
}

ResyncSchedule::ResyncSchedule(const ResyncPolicy& policy, std::uint32_t instruments_max)
    : policy_(policy), asked_of_source_(sources_max, 0) {
  entries_.reserve(instruments_max);
  open_.reserve(instruments_max);
}

void ResyncSchedule::add() noexcept {
  RINGSIDE_DCHECK(entries_.size() < entries_.capacity());
  entries_.push_back({});
}

void ResyncSchedule::set_stage(Entry& entry, Stage stage) noexcept {
  const bool had = takes_place(entry.stage);
  const bool has = takes_place(stage);
  if (had && !has) --asked_of_source_[entry.source];
  if (!had && has) ++asked_of_source_[entry.source];
  entry.stage = stage;
  look_ = true;
}

void ResyncSchedule::list(InstrumentIndex instrument) noexcept {
  Entry& entry = entries_[instrument];
  if (entry.listed) return;
  entry.listed = true;
  open_.push_back(instrument);
}

// From how often it was asked already: now, or an interval after the last time.
void ResyncSchedule::postpone(Entry& entry, Ticks now) noexcept {
  if (entry.attempts == 0) {
    entry.not_before = now;
    return;
  }
  constexpr unsigned doublings_max = 16;  // interval_max ends it sooner; this keeps the shift whole
  const unsigned doublings = std::min(entry.attempts - 1, doublings_max);
  const auto interval = std::min(policy_.interval_min << doublings, policy_.interval_max);
  entry.not_before = std::max(now, later(entry.asked, interval));
  if (entry.attempts >= policy_.attempts_max && !entry.failed) {
    entry.failed = true;
    ++counts_.limit_reached;
  }
}

void ResyncSchedule::want(InstrumentIndex instrument, SourceIndex source, std::uint32_t epoch,
                          Cause cause, Ticks now) noexcept {
  Entry& entry = entries_[instrument];
  if (entry.was_settled && now >= later(entry.settled, policy_.calm)) entry.attempts = 0;
  entry.was_settled = false;
  set_stage(entry, Stage::None);  // before the source changes: its place goes back to the old one
  entry.source = source;
  entry.epoch = epoch;
  entry.cause = cause;
  postpone(entry, now);
  set_stage(entry, Stage::Wanted);
  list(instrument);
}

void ResyncSchedule::acknowledged(InstrumentIndex instrument, Ticks now) noexcept {
  Entry& entry = entries_[instrument];
  if (entry.stage == Stage::None || entry.stage == Stage::Acknowledged) return;
  // What the ring dropped may be the very snapshot that this status announced: ask all the same.
  if (entry.stage == Stage::Wanted && entry.cause == Cause::RecordsDropped) return;
  set_stage(entry, Stage::Acknowledged);
  entry.asked = now;
}

void ResyncSchedule::settled(InstrumentIndex instrument, Ticks now) noexcept {
  Entry& entry = entries_[instrument];
  if (entry.stage != Stage::None) set_stage(entry, Stage::None);
  entry.failed = false;
  if (!entry.was_settled) entry.settled = now;
  entry.was_settled = true;
}

void ResyncSchedule::cancel(InstrumentIndex instrument) noexcept {
  Entry& entry = entries_[instrument];
  entry.failed = false;
  if (entry.stage != Stage::None) set_stage(entry, Stage::None);
}

void ResyncSchedule::undo(InstrumentIndex instrument, Ticks now, std::uint64_t delay) noexcept {
  Entry& entry = entries_[instrument];
  if (entry.stage != Stage::Asked) return;
  set_stage(entry, Stage::Wanted);
  --entry.attempts;
  --counts_.requested;
  entry.not_before = later(now, delay);
}

void ResyncSchedule::on_tick(Ticks now) noexcept {
  if (open_.empty()) return;
  look_ = true;
  auto kept = open_.begin();
  for (const InstrumentIndex instrument : open_) {
    Entry& entry = entries_[instrument];
    const bool late =
        (entry.stage == Stage::Asked && now >= later(entry.asked, policy_.answer_within)) ||
        (entry.stage == Stage::Acknowledged &&
         now >= later(entry.asked, policy_.acknowledged_within));
    if (late) {
      ++counts_.timed_out;
      // A request that named too old an epoch was rightly ignored; this one cannot be.
      if (entry.stage == Stage::Asked) entry.epoch = epoch_any;
      set_stage(entry, Stage::Wanted);
      postpone(entry, now);
    }
    entry.listed = entry.stage != Stage::None;
    if (entry.listed) *kept++ = instrument;
  }
  open_.erase(kept, open_.end());
}

std::optional<ResyncSchedule::Due> ResyncSchedule::next(Ticks now) noexcept {
  if (!look_) return std::nullopt;
  for (const InstrumentIndex instrument : open_) {
    Entry& entry = entries_[instrument];
    if (entry.stage != Stage::Wanted || now < entry.not_before) continue;
    if (asked_of_source_[entry.source] >= policy_.concurrent_max) continue;
    set_stage(entry, Stage::Asked);
    entry.asked = now;
    ++entry.attempts;
    ++counts_.requested;
    return Due{instrument, entry.source, entry.epoch, entry.cause};
  }
  look_ = false;
  return std::nullopt;
}

}  // namespace ringside::orderbook
