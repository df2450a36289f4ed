// BinanceAdapter: connections, subscriptions, and what is looked at by time.
#include <limits>

#include "collector/binance.hpp"

namespace ringside::collector {
namespace {

constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::uint32_t BinanceAdapter::connection_count() const noexcept {
  return static_cast<std::uint32_t>(connections_.size());
}

std::string_view BinanceAdapter::connection_path(ConnectionIndex connection) const noexcept {
  return connections_[connection].streams.path;
}

void BinanceAdapter::on_open(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  connection.open = true;
  connection.heard_ns = now.steady_ns;
  connection.next_send_ns = now.steady_ns;
  for (auto& due : connection.due_ns) due = now.steady_ns;
  reopened(index);
  if (!connection.streams.begins) return send_batches(index, now);
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    const auto& instrument = instruments_[i];
    if (instrument.home.connection != index || instrument.removed) continue;
    if (instrument.home.has && symbols_.units(i).known) {
      begin(i, Cause::Starting, now);
    } else {
      state(instrument, State::Syncing, Cause::Starting, now);
    }
  }
  // A snapshot can only join a stream that runs: of those, more are asked for by and by.
  for (std::size_t chunk = 0; chunk + 1 < info_chunks_.size(); ++chunk) {
    const auto task = static_cast<RestSchedule::Task>(chunk);
    const bool known = symbols_.units(info_chunks_[chunk].front()).known;
    if (!known && !rest_.waiting(task) && !rest_.in_flight(task)) rest_.want(task, now.steady_ns);
  }
  send_batches(index, now);
  request_due(now);
}

void BinanceAdapter::on_close(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  connection.open = false;
  if (!connection.streams.begins) return;
  for (auto& instrument : instruments_) {
    if (instrument.home.connection != index || instrument.removed) continue;
    rest_.cancel(instrument.task);
    instrument.join.restart();
    instrument.open = false;
    instrument.live = false;
    state(instrument, State::Disconnected, Cause::SocketClosed, now);
  }
}

void BinanceAdapter::send_batches(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  for (std::size_t i = 0; i < connection.due_ns.size(); ++i) {
    if (connection.due_ns[i] > now.steady_ns) continue;
    if (connection.next_send_ns > now.steady_ns) return;
    if (!host_.send(index, connection.streams.batches[i].text)) {
      counters_.add(Count::SendQueueFull);
    }
    connection.due_ns[i] = now.steady_ns + binance_answer_within_ns;
    connection.next_send_ns = now.steady_ns + binance_send_period_ns;
  }
}

void BinanceAdapter::take_answer(const BinanceMessage& message, Now now) noexcept {
  const bool refused = message.event == BinanceEvent::Refused;
  counters_.add(refused ? Count::SubscriptionsRefused : Count::Acknowledgements);
  if (take_change_answer(message.request_id, refused, now)) return;
  for (auto& connection : connections_) {
    for (std::size_t i = 0; i < connection.due_ns.size(); ++i) {
      const auto& batch = connection.streams.batches[i];
      if (batch.id != message.request_id) continue;
      connection.due_ns[i] = refused ? now.steady_ns + binance_refused_retry_ns : never_ns;
      if (!refused) return;
      for (auto each = batch.first; each < batch.first + batch.count; ++each) {
        if (instruments_[each].removed) continue;
        state(instruments_[each], State::Failed, Cause::SubscriptionRefused, now);
      }
      return;
    }
  }
}

// USD-M's old path, after the split, opens and then says nothing: only silence gives it away.
void BinanceAdapter::watch_silence(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  if (!connection.open || !connection.streams.begins || connection.members == 0) return;
  if (now.steady_ns - connection.heard_ns < config_.silence_ns) return;
  connection.heard_ns = now.steady_ns;
  counters_.add(Count::NoDataReconnects);
  host_.reconnect(index);
}

void BinanceAdapter::on_tick(Now now) noexcept {
  for (ConnectionIndex i = 0; i < connections_.size(); ++i) {
    if (connections_[i].open) {
      send_batches(i, now);
      send_changes(i, now);
    }
    watch_silence(i, now);
  }
  ask_for_terms(now);
  request_due(now);
  if (now.steady_ns < next_look_ns_) return;
  next_look_ns_ = now.steady_ns + binance_look_period_ns;
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    auto& join = instruments_[i].join;
    if (join.state() != JoinState::Bridging || !join.quiet_since_snapshot(now.steady_ns)) continue;
    if (publish(i, join.held(), now)) join.release_buffers();
  }
}

}  // namespace ringside::collector
