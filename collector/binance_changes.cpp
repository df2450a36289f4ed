// BinanceAdapter: instruments that are added and removed while it runs.
#include <algorithm>
#include <utility>

#include "collector/binance.hpp"

namespace ringside::collector {
namespace {

std::string_view path_of(BinanceLayout layout, StreamSet carries) noexcept {
  if (layout == BinanceLayout::OneStream) return "/stream";
  return (carries & stream_trades) == 0 ? "/public/stream" : "/market/stream";
}

}  // namespace

// --- Where its streams are ----------------------------------------------------------------------

void BinanceAdapter::place(SymbolIndex index, ConnectionIndex home, bool planned) noexcept {
  auto& instrument = instruments_[index];
  const auto place_at = [&](ConnectionIndex connection) {
    Place made;
    made.connection = connection;
    if (planned && connection != no_connection) made.planned = wanted_over(connection);
    return made;
  };
  instrument.home = place_at(home);
  for (std::size_t i = 0; i < others_max; ++i) {
    instrument.others[i] = place_at(connections_[home].others[i]);
  }
  ++connections_[home].places;
  ++connections_[home].members;
}

BinanceAdapter::Place* BinanceAdapter::place_of(Instrument& instrument,
                                                ConnectionIndex connection) noexcept {
  if (instrument.home.connection == connection) return &instrument.home;
  for (auto& other : instrument.others) {
    if (other.connection == connection) return &other;
  }
  return nullptr;
}

// Of a whole shard.
void BinanceAdapter::changes_due(ConnectionIndex home) noexcept {
  connections_[home].changes_due = true;
  for (const auto other : connections_[home].others) {
    if (other != no_connection) connections_[other].changes_due = true;
  }
}

ConnectionIndex BinanceAdapter::add_connection(StreamSet carries, bool begins) noexcept {
  Connection connection(config_.messages);
  connection.streams.path = path_of(config_.layout, carries);
  connection.streams.carries = carries;
  connection.streams.begins = begins;
  connection.changing.reserve(binance_streams_a_message);
  connections_.push_back(std::move(connection));
  return static_cast<ConnectionIndex>(connections_.size() - 1);
}

// The first that has room, else one more; where the layout asks for two, two.
ConnectionIndex BinanceAdapter::connection_with_room() noexcept {
  const auto share = binance_share(streams_);
  for (ConnectionIndex i = 0; i < connections_.size(); ++i) {
    if (connections_[i].streams.begins && connections_[i].places < share) return i;
  }
  if (config_.layout == BinanceLayout::OneStream) return add_connection(every_stream, true);
  if (!config_.books && !config_.bbos) return add_connection(stream_trades, true);
  const auto home = add_connection(stream_depth | stream_ticker, true);
  if (config_.trades) {
    const auto trades = add_connection(stream_trades, false);
    connections_[home].others.front() = trades;
  }
  return home;
}

// What the path and the batches of a connection name comes by itself; the rest is asked for, and
// what is not wanted any more is ended again.
void BinanceAdapter::reopened(ConnectionIndex index) noexcept {
  auto& connection = connections_[index];
  connection.changes_due = true;
  connection.change_id = 0;
  for (auto& instrument : instruments_) {
    auto* const place = place_of(instrument, index);
    if (place == nullptr) continue;
    place->has = place->planned;
    place->asked = place->ending = place->doubted = 0;
  }
}

void BinanceAdapter::begin_if_ready(SymbolIndex index, Now now) noexcept {
  const auto& instrument = instruments_[index];
  const auto& home = instrument.home;
  const bool ready = !instrument.away() && !instrument.open && home.has != 0 &&
                     (home.doubted & wanted_over(home.connection)) == 0 && home.ending == 0 &&
                     connections_[home.connection].open && symbols_.units(index).known;
  if (ready) begin(index, Cause::Starting, now);
}

// --- Add, remove --------------------------------------------------------------------------------

bool BinanceAdapter::add(VenueInstrument given, Now now) noexcept {
  auto index = symbols_.find(given.symbol);
  if (index == no_symbol) {
    if (symbols_.full()) return false;
    BinanceInstrument made;
    made.symbol = given.symbol;
    made.id = given.id;
    made.record = given.record;
    index = symbols_.add(std::move(given.symbol));
    append(std::move(made));
    place(index, connection_with_room(), false);
  } else {
    auto& instrument = instruments_[index];
    if (!instrument.removed) return false;
    instrument.removed = false;
    instrument.failed = false;
    if (instrument.delisted) {
      state(instrument, State::Failed, Cause::Delisted, now);
      return true;
    }
    ++connections_[instrument.home.connection].members;
  }
  come_back(index, now);
  return true;
}

void BinanceAdapter::remove(InstrumentId id, Now now) noexcept {
  const auto found = std::find_if(instruments_.begin(), instruments_.end(),
                                  [&](const auto& each) { return each.given.id == id; });
  if (found == instruments_.end() || found->removed) return;
  if (!found->delisted) leave(*found);
  found->removed = true;
  state(*found, State::Failed, Cause::Removed, now);
}

// Its streams are asked for, even if they still run: a connection that opened meanwhile names them
// in its path, and whether the venue had them to send then nobody says. Asking twice does no harm.
void BinanceAdapter::come_back(SymbolIndex index, Now now) noexcept {
  auto& instrument = instruments_[index];
  instrument.each_place([](Place& place) { place.doubted = place.has; });
  const bool connected = connections_[instrument.home.connection].open;
  instrument.terms_due = !symbols_.units(index).known;
  instrument.terms_not_before_ns = now.steady_ns;
  instrument.change_not_before_ns = now.steady_ns;
  state(instrument, connected ? State::Syncing : State::Disconnected, Cause::Starting, now);
  changes_due(instrument.home.connection);
  begin_if_ready(index, now);
}

// Its book is over, and its streams are to end.
void BinanceAdapter::leave(Instrument& instrument) noexcept {
  rest_.cancel(instrument.task);
  instrument.join.restart();
  instrument.join.release_buffers();
  instrument.open = false;
  instrument.live = false;
  instrument.terms_due = false;
  instrument.each_place([](Place& place) { place.doubted = 0; });
  --connections_[instrument.home.connection].members;
  changes_due(instrument.home.connection);
}

// --- Subscriptions by message -------------------------------------------------------------------

// The next to be named in one message. False: there is nobody.
bool BinanceAdapter::gather(ConnectionIndex index, bool subscribe, Now now) noexcept {
  auto& connection = connections_[index];
  connection.changing.clear();
  text_ =
      subscribe ? R"({"method":"SUBSCRIBE","params":[)" : R"({"method":"UNSUBSCRIBE","params":[)";
  unsigned streams = 0;
  connection.changes_due = false;
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    auto& instrument = instruments_[i];
    auto* const place = place_of(instrument, index);
    if (place == nullptr) continue;
    const StreamSet wanted = wants(instrument, index);
    const StreamSet due =
        subscribe ? wanted & (~place->has | place->doubted) : place->has & ~wanted;
    if (due == 0) continue;
    connection.changes_due = true;
    if (subscribe && instrument.change_not_before_ns > now.steady_ns) continue;
    if (streams + 3 > binance_streams_a_message) break;
    if (connection.changing.size() == connection.changes_most) break;
    if (streams != 0) text_ += ',';
    streams += append_streams(text_, streams_, due, instrument.given.symbol);
    place->asked = due;
    connection.changing.push_back(i);
  }
  return !connection.changing.empty();
}

void BinanceAdapter::send_changes(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  if (!connection.changes_due) return;
  if (connection.change_id != 0 && now.steady_ns < connection.change_until_ns) return;
  // What the batches bring must have been asked for before any of it is ended.
  for (const auto& asked : connection.asked) {
    if (asked.due_ns <= now.steady_ns) return;
  }
  if (std::exchange(connection.change_id, 0) != 0) {
    connection.messages.end(1, now.steady_ns);
    stop_waiting(index);
  }
  if (!may_send(connection, now)) return;
  connection.change_subscribes = !gather(index, false, now);
  if (connection.change_subscribes && !gather(index, true, now)) return;
  connection.changes_due = true;
  connection.change_id = ++last_change_id_;
  connection.change_until_ns = now.steady_ns + binance_answer_within_ns;
  for (const auto each : connection.changing) {
    auto& place = *place_of(instruments_[each], index);
    place.ending = connection.change_subscribes ? 0 : place.asked;
  }
  text_.append(R"(],"id":)").append(std::to_string(connection.change_id)).append("}");
  connection.messages.begin(1);
  if (!host_.send(index, text_)) counters_.add(Count::SendQueueFull);
}

// Whether the venue has done it nobody says: it is asked for what is wanted now.
void BinanceAdapter::stop_waiting(ConnectionIndex index) noexcept {
  for (const auto each : connections_[index].changing) {
    auto& instrument = instruments_[each];
    auto& place = *place_of(instrument, index);
    const auto asked = std::exchange(place.asked, StreamSet{0});
    const StreamSet wanted = wants(instrument, index);
    // What is wanted is asked for, and what is not is ended, once more.
    place.has = static_cast<StreamSet>((place.has & ~asked) | (asked & ~wanted));
    place.ending = 0;
    if ((asked & wanted & stream_depth) != 0) instrument.streams = false;
  }
}

// False: no such message has been sent. Where the venue refuses one, the next are for half as many,
// until the instrument that it will not have is alone: then that one waits for long.
bool BinanceAdapter::take_change_answer(std::uint64_t id, bool refused, Now now) noexcept {
  const auto found = std::find_if(connections_.begin(), connections_.end(), [&](const auto& each) {
    return each.change_id == id && id != 0;
  });
  if (found == connections_.end()) return false;
  const auto index = static_cast<ConnectionIndex>(found - connections_.begin());
  found->change_id = 0;
  found->messages.end(1, now.steady_ns);
  const bool alone = found->changing.size() == 1;
  if (refused && !alone) {
    found->changes_most = found->changing.size() / 2;
    for (const auto each : found->changing) {
      auto& instrument = instruments_[each];
      auto& place = *place_of(instrument, index);
      const auto kept = std::exchange(place.ending, StreamSet{0});
      place.asked = 0;
      if (!instrument.open) {
        begin_if_ready(each, now);
      } else if ((kept & stream_depth) != 0) {
        begin_book(instrument, now);
      }
    }
    return true;
  }
  if (!refused) found->changes_most = std::min(found->changes_most * 2, binance_streams_a_message);
  for (const auto each : found->changing) {
    auto& instrument = instruments_[each];
    if (refused && found->change_subscribes) {
      instrument.change_not_before_ns = now.steady_ns + binance_refused_retry_ns;
      if (!instrument.away()) state(instrument, State::Failed, Cause::SubscriptionRefused, now);
      continue;
    }
    take_streams(each, *place_of(instrument, index), found->change_subscribes, now);
  }
  return true;
}

// What was asked for has begun, or ended: that there was nothing to end is as good.
void BinanceAdapter::take_streams(SymbolIndex index, Place& place, bool begun, Now now) noexcept {
  auto& instrument = instruments_[index];
  const auto changed = std::exchange(place.asked, StreamSet{0});
  place.ending = 0;
  place.doubted &= static_cast<StreamSet>(~changed);
  place.has = begun ? place.has | changed : place.has & static_cast<StreamSet>(~changed);
  if ((changed & stream_depth) != 0 && !begun) instrument.streams = false;
  if ((changed & stream_depth) != 0 && begun) streams_now(index, now);
  begin_if_ready(index, now);
}

// --- Exponents of those who were added ----------------------------------------------------------

// One request at a time, for as many as there are. Where the venue refuses it because of one
// symbol, the next are for half as many, until the one that it does not know is alone.
void BinanceAdapter::ask_for_terms(Now now) noexcept {
  const auto task = static_cast<RestSchedule::Task>(info_chunks_.size() - 1);
  if (now.steady_ns < next_terms_look_ns_ || rest_.waiting(task) || rest_.in_flight(task)) return;
  next_terms_look_ns_ = now.steady_ns + binance_look_period_ns;
  auto& chunk = info_chunks_.back();
  chunk.clear();
  const bool all_at_once = rule_of(config_.market) == BinanceRule::Futures;
  const auto most = all_at_once ? instruments_.size() : terms_share_;
  for (SymbolIndex i = 0; i < instruments_.size() && chunk.size() < most; ++i) {
    const auto& instrument = instruments_[i];
    if (!instrument.terms_due || instrument.terms_not_before_ns > now.steady_ns) continue;
    chunk.push_back(i);  // within the capacity reserved
  }
  if (!chunk.empty()) rest_.want(task, now.steady_ns, RestSchedule::Turn::First);
}

// `refused`: because of a symbol. What could be read has been learned.
void BinanceAdapter::take_terms_answer(int status, bool refused, Now now) noexcept {
  auto& chunk = info_chunks_.back();
  constexpr int status_ok = 200;
  const bool alone = chunk.size() == 1 || rule_of(config_.market) == BinanceRule::Futures;
  next_terms_look_ns_ = now.steady_ns;
  if (refused && !alone) {
    terms_share_ = chunk.size() / 2;
  } else if (status == status_ok) {
    terms_share_ = std::min(terms_share_ * 2, binance_symbols_a_request);
  } else if (!refused) {
    next_terms_look_ns_ = now.steady_ns + config_.rest.backoff_first_ns;
  }
  for (const auto index : chunk) {
    auto& instrument = instruments_[index];
    if (!instrument.terms_due) continue;  // removed meanwhile
    if (symbols_.units(index).known) {
      instrument.terms_due = false;
      begin_if_ready(index, now);
      continue;
    }
    if (status != status_ok && !(refused && alone)) continue;
    instrument.terms_not_before_ns = now.steady_ns + binance_refused_retry_ns;
    instrument.unknown = true;
    counters_.add(Count::UnknownSymbol);
    state(instrument, State::Failed, Cause::UnknownSymbol, now);
  }
}

}  // namespace ringside::collector
