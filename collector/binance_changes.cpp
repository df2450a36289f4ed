// BinanceAdapter: instruments that are added and removed while it runs.
#include <algorithm>
#include <utility>

#include "collector/binance.hpp"

namespace ringside::collector {
namespace {

std::string_view path_of(BinanceLayout layout, bool books) noexcept {
  if (layout == BinanceLayout::OneStream) return "/stream";
  return books ? "/public/stream" : "/market/stream";
}

}  // namespace

// --- Where its streams are ----------------------------------------------------------------------

void BinanceAdapter::place(SymbolIndex index, ConnectionIndex home, bool planned) noexcept {
  auto& instrument = instruments_[index];
  instrument.home = {home, planned, false};
  instrument.trades = {connections_[home].trades, planned, false};
  ++connections_[home].places;
  ++connections_[home].members;
}

BinanceAdapter::Place* BinanceAdapter::place_of(Instrument& instrument,
                                                ConnectionIndex connection) noexcept {
  if (instrument.home.connection == connection) return &instrument.home;
  if (instrument.trades.connection == connection) return &instrument.trades;
  return nullptr;
}

// The first that has room, else one more; where the layout asks for two, two.
ConnectionIndex BinanceAdapter::connection_with_room() noexcept {
  const auto share = binance_share(streams_);
  for (ConnectionIndex i = 0; i < connections_.size(); ++i) {
    if (connections_[i].streams.begins && connections_[i].places < share) return i;
  }
  const bool split = config_.layout == BinanceLayout::PublicAndMarket;
  const bool books = config_.books || config_.bbos;
  const auto add = [&](bool carries_books, bool carries_trades, bool begins) {
    Connection connection(config_.messages);
    connection.streams.path = path_of(config_.layout, carries_books);
    connection.streams.carries_books = carries_books;
    connection.streams.carries_trades = carries_trades;
    connection.streams.begins = begins;
    connection.changing.reserve(binance_streams_a_message);
    connections_.push_back(std::move(connection));
    return static_cast<ConnectionIndex>(connections_.size() - 1);
  };
  if (!split) return add(true, true, true);
  const auto home = add(books, !books, true);
  if (books && config_.trades) {
    const auto trades = add(false, true, false);
    connections_[home].trades = trades;
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
    place->ending = false;
  }
}

void BinanceAdapter::begin_if_ready(SymbolIndex index, Now now) noexcept {
  const auto& instrument = instruments_[index];
  const bool ready = !instrument.away() && !instrument.open && instrument.home.has &&
                     !instrument.home.ending && connections_[instrument.home.connection].open &&
                     symbols_.units(index).known;
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

// Its streams are asked for, or begin again where they still run.
void BinanceAdapter::come_back(SymbolIndex index, Now now) noexcept {
  auto& instrument = instruments_[index];
  auto& home = connections_[instrument.home.connection];
  instrument.terms_due = !symbols_.units(index).known;
  instrument.terms_not_before_ns = now.steady_ns;
  instrument.change_not_before_ns = now.steady_ns;
  state(instrument, home.open ? State::Syncing : State::Disconnected, Cause::Starting, now);
  home.changes_due = true;
  if (home.trades != no_connection) connections_[home.trades].changes_due = true;
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
  auto& home = connections_[instrument.home.connection];
  --home.members;
  home.changes_due = true;
  if (home.trades != no_connection) connections_[home.trades].changes_due = true;
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
    const auto* const place = place_of(instrument, index);
    const bool due = place != nullptr && place->has != subscribe && instrument.away() != subscribe;
    if (!due) continue;
    connection.changes_due = true;
    if (subscribe && instrument.change_not_before_ns > now.steady_ns) continue;
    if (streams + 3 > binance_streams_a_message) break;
    if (connection.changing.size() == connection.changes_most) break;
    if (streams != 0) text_ += ',';
    streams += append_streams(text_, streams_, connection.streams, instrument.given.symbol);
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
    place_of(instruments_[each], index)->ending = !connection.change_subscribes;
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
    place.has = instrument.away();
    place.ending = false;
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
      place_of(instruments_[each], index)->ending = false;
      begin_if_ready(each, now);
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
    // That there was nothing to end is as good as having ended it.
    auto& place = *place_of(instrument, index);
    place.has = found->change_subscribes;
    place.ending = false;
    if (found->streams.begins) instrument.streams = found->change_subscribes;
    begin_if_ready(each, now);
  }
  return true;
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
