#include "collector/binance_continuity.hpp"

#include "ipc/check.hpp"

namespace ringside::collector {

void DepthJoin::restart() noexcept {
  clear_buffer();
  held_levels_.clear();
  state_ = JoinState::Waiting;
}

void DepthJoin::want_snapshot() noexcept {
  held_levels_.clear();
  if (state_ != JoinState::Waiting) clear_buffer();
  state_ = JoinState::Waiting;
}

DeltaOutcome DepthJoin::on_delta(const DepthDelta& delta, std::int64_t steady_ns) {
  if (state_ == JoinState::Waiting) return buffer(delta);
  if (state_ == JoinState::Bridging) return bridge(delta, steady_ns);
  switch (sequencer_.order_of(delta.ids)) {
    case DepthOrder::Next:
      sequencer_.advance(delta.ids);
      return DeltaOutcome::Apply;
    case DepthOrder::Old:
      if (!sequencer_.at_snapshot()) return DeltaOutcome::Old;
      // The stream was quiet, and now goes on from before the snapshot: one of them is not to be
      // trusted.
      restart();
      append(delta);
      return DeltaOutcome::Ahead;
    case DepthOrder::Gap:
      break;
  }
  restart();
  append(delta);
  return DeltaOutcome::Gap;
}

DeltaOutcome DepthJoin::buffer(const DepthDelta& delta) {
  if (!messages_.empty()) {
    const auto order = sequencer_.order_of(delta.ids);
    if (order == DepthOrder::Old) return DeltaOutcome::Old;
    if (order == DepthOrder::Gap) {
      clear_buffer();
      append(delta);
      return DeltaOutcome::Restarted;
    }
  }
  const auto levels = levels_.size() + delta.bids.size() + delta.asks.size();
  if (messages_.size() >= join_messages_max || levels > join_levels_max) {
    clear_buffer();
    return DeltaOutcome::Overflowed;
  }
  append(delta);
  return DeltaOutcome::Buffered;
}

DeltaOutcome DepthJoin::bridge(const DepthDelta& delta, std::int64_t steady_ns) {
  switch (sequencer_.order_of(delta.ids)) {
    case DepthOrder::Next:
      sequencer_.advance(delta.ids);
      state_ = JoinState::Joined;
      return DeltaOutcome::Joined;
    case DepthOrder::Old:
      ++held_.old_messages;
      if (held_.old_messages < bridge_messages_max && steady_ns - held_.since_ns < bridge_ns_max) {
        return DeltaOutcome::Old;
      }
      restart();
      append(delta);
      return DeltaOutcome::Ahead;
    case DepthOrder::Gap:
      break;
  }
  restart();
  append(delta);
  return DeltaOutcome::Unbridged;
}

SnapshotOutcome DepthJoin::on_snapshot(const DepthSnapshot& snapshot, std::int64_t steady_ns) {
  dropped_ = 0;
  if (state_ != JoinState::Waiting) return SnapshotOutcome::Unwanted;
  auto joined = sequencer_;
  joined.start_at(snapshot.last_update_id);
  std::size_t first = 0;
  while (first < messages_.size() && joined.order_of(messages_[first].ids) == DepthOrder::Old) {
    ++first;
  }
  if (first < messages_.size() && joined.order_of(messages_[first].ids) == DepthOrder::Gap) {
    return SnapshotOutcome::Stale;
  }
  dropped_ = static_cast<std::uint32_t>(first);
  if (first == messages_.size() && first != 0 &&
      messages_.back().ids.last == snapshot.last_update_id) {
    // Both stand at the same place, and the buffer has no holes: what comes next must follow it.
    clear_buffer();
    state_ = JoinState::Joined;
    return SnapshotOutcome::Joined;
  }
  messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(first));
  if (!messages_.empty()) {
    // The buffer has no holes, and sequencer_ stands at its end: the book's place once all is
    // applied.
    state_ = JoinState::Joined;
    return SnapshotOutcome::Joined;
  }
  clear_buffer();
  held_levels_.assign(snapshot.bids.begin(), snapshot.bids.end());
  held_levels_.insert(held_levels_.end(), snapshot.asks.begin(), snapshot.asks.end());
  held_ = Held{snapshot.last_update_id, snapshot.exchange, snapshot.bids.size(), steady_ns, 0};
  sequencer_ = joined;
  state_ = JoinState::Bridging;
  return SnapshotOutcome::Held;
}

bool DepthJoin::quiet_since_snapshot(std::int64_t steady_ns, std::int64_t heard_ns) noexcept {
  if (state_ != JoinState::Bridging || held_.old_messages != 0) return false;
  const bool heard = heard_ns - held_.since_ns >= bridge_quiet_ns;
  if (!heard && steady_ns - held_.since_ns < bridge_unheard_ns) return false;
  state_ = JoinState::Joined;
  return true;
}

DepthSnapshot DepthJoin::held() const noexcept {
  const std::span<const Level> levels(held_levels_);
  return DepthSnapshot{held_.last_update_id, held_.exchange, levels.first(held_.bid_count),
                       levels.subspan(held_.bid_count)};
}

DepthDelta DepthJoin::buffered(std::size_t index) const noexcept {
  RINGSIDE_DCHECK(index < messages_.size());
  const auto& message = messages_[index];
  const std::span<const Level> levels(levels_);
  return DepthDelta{message.ids, message.exchange, message.receive,
                    levels.subspan(message.levels_begin, message.bid_count),
                    levels.subspan(message.levels_begin + message.bid_count, message.ask_count)};
}

void DepthJoin::append(const DepthDelta& delta) {
  messages_.push_back(Message{delta.ids, delta.exchange, delta.receive,
                              static_cast<std::uint32_t>(delta.bids.size()),
                              static_cast<std::uint32_t>(delta.asks.size()), levels_.size()});
  levels_.insert(levels_.end(), delta.bids.begin(), delta.bids.end());
  levels_.insert(levels_.end(), delta.asks.begin(), delta.asks.end());
  sequencer_.advance(delta.ids);
}

void DepthJoin::clear_buffer() noexcept {
  messages_.clear();
  levels_.clear();
}

void DepthJoin::release_buffers() noexcept {
  clear_buffer();
  messages_.shrink_to_fit();
  levels_.shrink_to_fit();
  held_levels_.clear();
  held_levels_.shrink_to_fit();
}

}  // namespace ringside::collector
