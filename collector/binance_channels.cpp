// BinanceAdapter: channels that are added and removed while it runs. What is subscribed of a place
// differs then from what is wanted of it, and send_changes() ends and begins the difference.
#include <algorithm>
#include <bit>
#include <utility>

#include "collector/binance.hpp"

namespace ringside::collector {

void BinanceAdapter::set_channels(const Channels& channels, Now now) noexcept {
  const auto before = streams_.wanted();
  streams_.books = config_.books = channels.book;
  streams_.bbos = config_.bbos = channels.bbo;
  streams_.trades = config_.trades = channels.trade;
  const StreamSet begun = streams_.wanted() & ~before;
  const StreamSet ended = before & ~streams_.wanted();
  const auto shards = static_cast<ConnectionIndex>(connections_.size());
  for (ConnectionIndex home = 0; home < shards; ++home) {
    if (!connections_[home].streams.begins) continue;
    for (const auto stream : {stream_ticker, stream_trades, stream_depth}) {
      if ((begun & stream) != 0) carry(home, stream);
    }
    const auto carrier = carrier_of(home, stream_depth);
    if ((begun & stream_depth) != 0 && carrier != home) move_home(home, carrier, now);
  }
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    auto& instrument = instruments_[i];
    if ((ended & stream_ticker) != 0) {
      instrument.newest_ticker = 0;
      instrument.newest_bid = Price{};  // it grows old
    }
    if ((begun & stream_trades) != 0) instrument.trade_ids.restart();
    if ((ended & stream_depth) != 0) end_book(i, now);
    if ((begun & stream_depth) != 0) begin_book(instrument, now);
  }
  for (auto& connection : connections_) connection.changes_due = true;
}

// --- Over which connection ----------------------------------------------------------------------

// Of this shard's; no_connection: none may, on its path.
ConnectionIndex BinanceAdapter::carrier_of(ConnectionIndex home, StreamSet stream) const noexcept {
  if ((connections_[home].streams.carries & stream) != 0) return home;
  for (const auto other : connections_[home].others) {
    if (other != no_connection && (connections_[other].streams.carries & stream) != 0) return other;
  }
  return no_connection;
}

bool BinanceAdapter::has_room(ConnectionIndex carrier, ConnectionIndex home) const noexcept {
  const auto streams = static_cast<std::uint32_t>(std::popcount(wanted_over(carrier)));
  return std::uint64_t{connections_[home].places} * streams <= config_.streams_max;
}

// Some connection carries it, and none more than the venue allows. Each keeps a stream at least, so
// that there are no more connections in a shard than streams.
void BinanceAdapter::carry(ConnectionIndex home, StreamSet stream) noexcept {
  const auto carrier = carrier_of(home, stream);
  StreamSet carries = stream;
  if (carrier == no_connection) {
    // Of the layout's other path: all that goes there.
    carries = stream == stream_trades ? stream_trades : stream_depth | stream_ticker;
  } else {
    auto& already = connections_[carrier].streams.carries;
    if (has_room(carrier, home) || already == stream) return;
    already &= static_cast<StreamSet>(~stream);
  }
  const auto added = add_connection(carries, false);
  auto& others = connections_[home].others;
  const auto free = std::find(others.begin(), others.end(), no_connection);
  RINGSIDE_CHECK(free != others.end());
  *free = added;
  for (auto& instrument : instruments_) {
    if (instrument.home.connection != home) continue;
    instrument.others[static_cast<std::size_t>(free - others.begin())].connection = added;
  }
}

// The depth goes over another connection than what the shard had until now: that one begins its
// instruments, and ends their books. They have none yet.
void BinanceAdapter::move_home(ConnectionIndex from, ConnectionIndex to, Now now) noexcept {
  auto& old = connections_[from];
  auto& home = connections_[to];
  const auto slot = static_cast<std::size_t>(std::find(old.others.begin(), old.others.end(), to) -
                                             old.others.begin());
  home.others = std::exchange(old.others, {no_connection, no_connection});
  home.others[slot] = from;
  home.places = std::exchange(old.places, 0);
  home.members = std::exchange(old.members, 0);
  home.streams.begins = std::exchange(old.streams.begins, false);
  home.heard_ns = now.steady_ns;
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    auto& instrument = instruments_[i];
    if (instrument.home.connection != from) continue;
    std::swap(instrument.home, instrument.others[slot]);
    instrument.open = false;
    if (instrument.away()) continue;
    state(instrument, home.open ? State::Syncing : State::Disconnected, Cause::OperatorRequest,
          now);
    begin_if_ready(i, now);
  }
}

// --- Books --------------------------------------------------------------------------------------

// Its stream is asked for, or still runs; one whose end is asked for begins anew when that has
// come.
void BinanceAdapter::begin_book(Instrument& instrument, Now now) noexcept {
  if (!instrument.open || instrument.away() || !config_.books || instrument.live) return;
  instrument.join.restart();
  instrument.newest_depth = 0;
  state(instrument, State::Syncing, Cause::OperatorRequest, now);
  const bool ending = (instrument.home.ending & stream_depth) != 0;
  if (instrument.streams && !ending) rest_.want(instrument.task, now.steady_ns);
}

// There is none from here on: an epoch of its own says so. Trades and tickers go on in it.
void BinanceAdapter::end_book(SymbolIndex index, Now now) noexcept {
  auto& instrument = instruments_[index];
  rest_.cancel(instrument.task);
  instrument.join.restart();
  instrument.join.release_buffers();
  instrument.live = false;
  instrument.was_live = false;
  instrument.failed = false;
  instrument.attempts = 0;
  if (!instrument.open || instrument.away() || !new_epoch(instrument, now)) return;
  records_.write_terms(instrument.given.record, instrument.epoch, terms(index),
                       {now.ticks, {}, false});
  state(instrument, State::Syncing, Cause::OperatorRequest, now);
}

}  // namespace ringside::collector
