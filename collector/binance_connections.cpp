// BinanceAdapter: connections, subscriptions, and what is looked at by time.
#include <algorithm>
#include <limits>
#include <utility>

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
  connection.paced = false;
  connection.messages = Pacer(config_.messages);
  for (auto& asked : connection.asked) asked = {now.steady_ns, false};
  reopened(index);
  if (!connection.streams.begins) return send_batches(index, now);
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    auto& instrument = instruments_[i];
    if (instrument.home.connection != index) continue;
    instrument.streams = (instrument.home.planned & stream_depth) != 0 &&
                         (connection.streams.batches.empty() || !config_.acknowledges);
    if (instrument.away()) continue;
    if (instrument.home.has != 0 && symbols_.units(i).known) {
      begin(i, Cause::Starting, now);
    } else if (!instrument.unknown) {  // else it has failed, connected or not
      state(instrument, State::Syncing, Cause::Starting, now);
    }
  }
  // A snapshot can only join a stream that runs: of those, more are asked for by and by.
  for (std::size_t chunk = 0; chunk + 1 < info_chunks_.size(); ++chunk) {
    const auto task = static_cast<RestSchedule::Task>(chunk);
    const bool known = std::all_of(info_chunks_[chunk].begin(), info_chunks_[chunk].end(),
                                   [this](auto each) { return symbols_.units(each).known; });
    if (!known && !rest_.waiting(task) && !rest_.in_flight(task)) {
      rest_.want(task, now.steady_ns, RestSchedule::Turn::First);
    }
  }
  if (!std::exchange(ever_open_, true)) next_listings_ns_ = now.steady_ns;
  send_batches(index, now);
  request_due(now);
}

void BinanceAdapter::on_close(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  connection.open = false;
  if (!connection.streams.begins) return;
  for (auto& instrument : instruments_) {
    if (instrument.home.connection != index || instrument.away()) continue;
    rest_.cancel(instrument.task);
    instrument.join.restart();
    instrument.streams = false;
    instrument.open = false;
    instrument.live = false;
    if (instrument.unknown) continue;
    state(instrument, State::Disconnected, Cause::SocketClosed, now);
  }
}

// False: later. Each wait counts once, however long.
bool BinanceAdapter::may_send(Connection& connection, Now now) noexcept {
  const bool fits = connection.messages.fits(1, now.steady_ns);
  if (!fits && !connection.paced) counters_.add(Count::MessagesPaced);
  connection.paced = !fits;
  return fits;
}

void BinanceAdapter::send_batches(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  for (std::size_t i = 0; i < connection.asked.size(); ++i) {
    auto& asked = connection.asked[i];
    if (asked.due_ns > now.steady_ns) continue;
    if (std::exchange(asked.unanswered, false)) connection.messages.end(1, now.steady_ns);
    if (!may_send(connection, now)) return;
    connection.messages.begin(1);
    asked = {now.steady_ns + binance_answer_within_ns, true};
    if (!host_.send(index, connection.streams.batches[i].text)) {
      counters_.add(Count::SendQueueFull);
    }
  }
}

// The depth stream runs: a snapshot can meet it.
void BinanceAdapter::streams_now(SymbolIndex index, Now now) noexcept {
  auto& instrument = instruments_[index];
  if (std::exchange(instrument.streams, true) || !instrument.open || !config_.books) return;
  rest_.want(instrument.task, now.steady_ns);
}

void BinanceAdapter::take_answer(ConnectionIndex index, const BinanceMessage& message,
                                 Now now) noexcept {
  const bool refused = message.event == BinanceEvent::Refused;
  counters_.add(refused ? Count::SubscriptionsRefused : Count::Acknowledgements);
  if (take_change_answer(message.request_id, refused, now)) return;
  auto& connection = connections_[index];
  const auto& batches = connection.streams.batches;
  const auto batch = std::find_if(batches.begin(), batches.end(), [&](const BinanceBatch& each) {
    return each.id == message.request_id;
  });
  if (batch == batches.end()) return;
  auto& asked = connection.asked[static_cast<std::size_t>(batch - batches.begin())];
  if (std::exchange(asked.unanswered, false)) connection.messages.end(1, now.steady_ns);
  asked.due_ns = refused ? now.steady_ns + binance_refused_retry_ns : never_ns;
  for (auto each = batch->first; each < batch->first + batch->count; ++each) {
    if (instruments_[each].away()) continue;
    if (refused) {
      state(instruments_[each], State::Failed, Cause::SubscriptionRefused, now);
    } else if (connection.streams.begins && (instruments_[each].home.planned & stream_depth) != 0) {
      streams_now(each, now);
    }
  }
}

// USD-M's old path, after the split, opens and then says nothing: only silence gives it away.
void BinanceAdapter::watch_silence(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  if (!connection.open || !connection.streams.begins || connection.members == 0) return;
  if (wanted_over(index) == 0) return;  // nothing is to be heard
  if (now.steady_ns - std::max(connection.heard_ns, connection.cut_ns) < config_.silence_ns) return;
  connection.cut_ns = now.steady_ns;
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
  ask_for_listings(now);
  request_due(now);
  listings_.announce(now.ticks);
  if (now.steady_ns < next_look_ns_) return;
  next_look_ns_ = now.steady_ns + binance_look_period_ns;
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    auto& join = instruments_[i].join;
    if (join.state() != JoinState::Bridging) continue;
    const auto heard_ns = connections_[instruments_[i].home.connection].heard_ns;
    if (!join.quiet_since_snapshot(now.steady_ns, heard_ns)) continue;
    if (publish(i, join.held(), now)) join.release_buffers();
  }
}

}  // namespace ringside::collector
