#include "collector/kraken.hpp"

#include <algorithm>

#include "collector/decimal.hpp"
#include "ipc/check.hpp"

namespace ringside::collector {
namespace {

enum Channel : unsigned { channel_book, channel_trade, channel_ticker, channels };

std::vector<std::string> symbols_of(const KrakenConfig& config) {
  std::vector<std::string> symbols;
  for (const auto& instrument : config.instruments) symbols.push_back(instrument.symbol);
  return symbols;
}

Origin origin_of(Now now, UtcNs exchange, bool has_exchange_time) {
  return Origin{now.ticks, exchange, has_exchange_time};
}

Count count_of(KrakenStatus status) {
  switch (status) {
    case KrakenStatus::MissingField:
      return Count::MissingField;
    case KrakenStatus::MistypedField:
      return Count::MistypedField;
    case KrakenStatus::RepeatedField:
      return Count::RepeatedField;
    case KrakenStatus::TooMany:
      return Count::TooManyLevels;
    default:
      return Count::MalformedJson;
  }
}

}  // namespace

KrakenAdapter::KrakenAdapter(KrakenConfig config, RecordWriter& records, AdapterHost& host)
    : config_(std::move(config)),
      records_(records),
      host_(host),
      symbols_(symbols_of(config_)),
      random_(config_.seed) {
  const std::size_t share = config_.instruments_per_connection == 0
                                ? config_.instruments.size()
                                : config_.instruments_per_connection;
  for (const auto& given : config_.instruments) {
    Instrument instrument;
    instrument.given = given;
    instrument.connection =
        static_cast<ConnectionIndex>(instruments_.size() / std::max<std::size_t>(share, 1));
    instrument.depth = config_.depth;
    instruments_.push_back(std::move(instrument));
  }
  connections_.resize(instruments_.empty() ? 1 : instruments_.back().connection + 1);
  bids_.reserve(kraken_levels_max);
  asks_.reserve(kraken_levels_max);
  text_.reserve(kraken_symbols_a_message * 80 + 256);
}

std::uint32_t KrakenAdapter::connection_count() const noexcept {
  return static_cast<std::uint32_t>(connections_.size());
}

std::string_view KrakenAdapter::connection_path(ConnectionIndex) const noexcept {
  return config_.path;
}

KrakenAdapter::Instrument* KrakenAdapter::find(std::string_view symbol) noexcept {
  const auto index = symbols_.find(symbol);
  return index == no_symbol ? nullptr : &instruments_[index];
}

InstrumentTerms KrakenAdapter::terms(const Instrument& instrument) const noexcept {
  return InstrumentTerms{instrument.given.price_exponent, instrument.given.quantity_exponent,
                         ChecksumRule::Kraken, instrument.depth};
}

// Capped exponential, full jitter: between half and all of it.
std::int64_t KrakenAdapter::backoff_ns(unsigned attempts) noexcept {
  const auto most =
      std::min(kraken_retry_most_ns, kraken_retry_first_ns << std::min(attempts, 10u));
  return most / 2 + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most / 2 + 1));
}

void KrakenAdapter::status(const Instrument& instrument, State state, Cause cause,
                           Now now) noexcept {
  records_.write_status(instrument.given.record, instrument.epoch, state, cause,
                        origin_of(now, {}, false));
}

// --- Connections --------------------------------------------------------------------------------

void KrakenAdapter::on_open(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  connection = Connection{};
  connection.open = true;
  connection.heard_ns = now.steady_ns;
  bool ask = false;
  for (auto& instrument : instruments_) {
    if (instrument.connection != index) continue;
    instrument.phase =
        instrument.given.exponents_known ? Phase::NeedsSnapshot : Phase::NeedsExponents;
    instrument.due_ns = now.steady_ns + kraken_snapshot_deadline_ns;
    ask = ask || !instrument.given.exponents_known;
    status(instrument, State::Syncing, Cause::Starting, now);
  }
  connection.subscribing = !ask;
  if (!ask) return;
  text_ = R"({"method":"subscribe","params":{"channel":"instrument","snapshot":true},"req_id":)";
  text_ += std::to_string(++request_) + "}";
  if (!host_.send(index, text_)) counters_.add(Count::SendQueueFull);
}

void KrakenAdapter::on_close(ConnectionIndex index, Now now) noexcept {
  connections_[index].open = false;
  for (auto& instrument : instruments_) {
    if (instrument.connection != index) continue;
    instrument.phase = Phase::Disconnected;
    instrument.bid_and_trades = false;
    status(instrument, State::Disconnected, Cause::SocketClosed, now);
  }
}

void KrakenAdapter::on_response(std::uint32_t, int, std::string_view, Now) noexcept {
  counters_.add(Count::UnknownMessage);  // nothing is requested over REST here
}

// --- Messages -----------------------------------------------------------------------------------

void KrakenAdapter::on_message(ConnectionIndex connection, std::string_view padded,
                               Now now) noexcept {
  counters_.add(Count::Messages);
  connections_[connection].heard_ns = now.steady_ns;
  const auto status = decoder_.decode(padded, message_);
  if (status == KrakenStatus::Ok) {
    take(connection, message_, now);
  } else {
    refused(padded, status, now);
  }
}

void KrakenAdapter::take(ConnectionIndex connection, const KrakenMessage& message,
                         Now now) noexcept {
  switch (message.kind) {
    case KrakenKind::Book:
      for (const auto& book : message.books) take_book(book, message.snapshot, now);
      return;
    case KrakenKind::Trade:
      for (const auto& trade : message.trades) take_trade(trade, now);
      return;
    case KrakenKind::Ticker:
      for (const auto& ticker : message.tickers) take_ticker(ticker, now);
      return;
    case KrakenKind::Instruments:
      return take_pairs(connection, message, now);
    case KrakenKind::SystemStatus:
      return take_system_status(connection, message.online, now);
    case KrakenKind::Heartbeat:
      return counters_.add(Count::Heartbeats);
    case KrakenKind::Answer:
      return take_answer(message.answer, now);
    case KrakenKind::Ignored:
      return counters_.add(Count::UnknownMessage);
  }
}

// A frame that cannot be used: whoever's symbol can still be read in it gets a new snapshot.
void KrakenAdapter::refused(std::string_view text, KrakenStatus reason, Now now) noexcept {
  static constexpr std::string_view key = "\"symbol\":\"";
  counters_.add(count_of(reason));
  bool attributed = false;
  for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at)) {
    at += key.size();
    const auto end = text.find('"', at);
    if (end == std::string_view::npos) break;
    auto* instrument = find(text.substr(at, end - at));
    if (instrument == nullptr) continue;
    attributed = true;
    if (instrument->phase == Phase::Live) lose(*instrument, State::Gap, Cause::BadMessage, now);
  }
  if (!attributed) counters_.add(Count::UnattributedDamage);
}

bool KrakenAdapter::convert_one(Instrument& instrument, const KrakenLevel& from, Level& to,
                                Now now) noexcept {
  auto& given = instrument.given;
  const auto price = parse_decimal(from.price, given.price_exponent, to.price.mantissa);
  const auto quantity = parse_decimal(from.quantity, given.quantity_exponent, to.quantity.mantissa);
  if (price == DecimalStatus::Ok && quantity == DecimalStatus::Ok && to.price.mantissa > 0 &&
      to.quantity.mantissa >= 0) {
    return true;
  }
  if (price == DecimalStatus::TooFine || quantity == DecimalStatus::TooFine) {
    // The venue has added a decimal: a new exponent, hence a new epoch and a new snapshot.
    counters_.add(Count::NumberTooFine);
    Exponent needed;
    if (written_exponent(from.price, needed) == DecimalStatus::Ok && needed.power_of_ten >= -18) {
      given.price_exponent = std::min(given.price_exponent, needed);
    }
    if (written_exponent(from.quantity, needed) == DecimalStatus::Ok &&
        needed.power_of_ten >= -18) {
      given.quantity_exponent = std::min(given.quantity_exponent, needed);
    }
    lose(instrument, State::Gap, Cause::PrecisionChanged, now);
  } else if (price == DecimalStatus::Overflow || quantity == DecimalStatus::Overflow) {
    counters_.add(Count::NumberOverflow);
    lose(instrument, State::Gap, Cause::NumberOverflow, now);
  } else {
    counters_.add(Count::MistypedField);  // a JSON number, but not one a price or quantity can be
    lose(instrument, State::Gap, Cause::BadMessage, now);
  }
  return false;
}

bool KrakenAdapter::convert(Instrument& instrument, std::span<const KrakenLevel> from,
                            std::vector<Level>& to, Now now) noexcept {
  to.clear();
  for (const auto& level : from) {
    Level converted;
    if (!convert_one(instrument, level, converted, now)) return false;
    to.push_back(converted);  // never reallocates: reserved in full
  }
  return true;
}

void KrakenAdapter::take_book(const KrakenBook& book, bool snapshot, Now now) noexcept {
  auto* instrument = find(book.symbol);
  if (instrument == nullptr) return counters_.add(Count::UnknownSymbol);
  if (!instrument->given.exponents_known) return counters_.add(Count::DeltasWhileSyncing);
  if (snapshot) {
    take_snapshot(*instrument, book, now);
  } else {
    take_delta(*instrument, book, now);
  }
}

void KrakenAdapter::take_snapshot(Instrument& instrument, const KrakenBook& book,
                                  Now now) noexcept {
  counters_.add(Count::BookSnapshots);
  if (instrument.phase == Phase::Live) counters_.add(Count::SnapshotsUnasked);
  if (!convert(instrument, book.bids, bids_, now) || !convert(instrument, book.asks, asks_, now))
    return;
  const bool empty_level =
      std::any_of(bids_.begin(), bids_.end(), [](auto& l) { return l.quantity.mantissa == 0; }) ||
      std::any_of(asks_.begin(), asks_.end(), [](auto& l) { return l.quantity.mantissa == 0; });
  if (empty_level) {
    counters_.add(Count::SnapshotsUnsound);
    return lose(instrument, State::Gap, Cause::BadMessage, now);
  }
  if (instrument.snapshots == 0xffff) {
    counters_.add(Count::EpochsExhausted);
    instrument.phase = Phase::Failed;
    instrument.due_ns = now.steady_ns + kraken_failed_retry_ns;
    return status(instrument, State::Failed, Cause::ResyncLimit, now);
  }
  instrument.epoch = epoch_of(config_.generation, ++instrument.snapshots);
  const auto origin = origin_of(now, book.exchange, book.has_exchange_time);
  records_.write_terms(instrument.given.record, instrument.epoch, terms(instrument), origin);
  records_.write_snapshot(instrument.given.record, instrument.epoch, {bids_, asks_},
                          {book.checksum, flag_reference_checksum}, origin);
  if (instrument.phase != Phase::Live) instrument.live_since_ns = now.steady_ns;
  instrument.phase = Phase::Live;
  if (instrument.halted) status(instrument, State::Halted, Cause::VenueHalt, now);
}

void KrakenAdapter::take_delta(Instrument& instrument, const KrakenBook& book, Now now) noexcept {
  counters_.add(Count::BookDeltas);
  if (instrument.phase != Phase::Live) return counters_.add(Count::DeltasWhileSyncing);
  if (!convert(instrument, book.bids, bids_, now) || !convert(instrument, book.asks, asks_, now))
    return;
  records_.write_delta(instrument.given.record, instrument.epoch, {bids_, asks_},
                       {book.checksum, flag_reference_checksum},
                       origin_of(now, book.exchange, book.has_exchange_time));
}

void KrakenAdapter::take_trade(const KrakenTrade& trade, Now now) noexcept {
  auto* instrument = find(trade.symbol);
  if (instrument == nullptr) return counters_.add(Count::UnknownSymbol);
  if (!instrument->given.exponents_known) return counters_.add(Count::DeltasWhileSyncing);
  counters_.add(Count::Trades);
  Level level;
  if (!convert_one(*instrument, {trade.price, trade.quantity}, level, now)) return;
  records_.write_trade(
      instrument->given.record, instrument->epoch,
      {trade.buy ? Side::Bid : Side::Ask, level.price, level.quantity, {trade.id, 0}},
      origin_of(now, trade.exchange, true));
}

void KrakenAdapter::take_ticker(const KrakenTicker& ticker, Now now) noexcept {
  auto* instrument = find(ticker.symbol);
  if (instrument == nullptr) return counters_.add(Count::UnknownSymbol);
  if (!instrument->given.exponents_known) return counters_.add(Count::DeltasWhileSyncing);
  counters_.add(Count::Bbos);
  RecordWriter::Bbo bbo;
  if (!convert_one(*instrument, ticker.bid, bbo.bid, now) ||
      !convert_one(*instrument, ticker.ask, bbo.ask, now)) {
    return;
  }
  records_.write_bbo(instrument->given.record, instrument->epoch, bbo,
                     origin_of(now, ticker.exchange, ticker.has_exchange_time));
}

void KrakenAdapter::take_pairs(ConnectionIndex index, const KrakenMessage& message,
                               Now now) noexcept {
  for (const auto& pair : message.pairs) {
    auto* instrument = find(pair.symbol);
    // Later changes of precision come with finer numbers, which begin a new epoch by themselves.
    if (instrument == nullptr || instrument->given.exponents_known) continue;
    instrument->given.price_exponent = Exponent{static_cast<std::int8_t>(-pair.price_precision)};
    instrument->given.quantity_exponent =
        Exponent{static_cast<std::int8_t>(-pair.quantity_precision)};
    instrument->given.exponents_known = true;
  }
  if (!message.snapshot) return;
  for (auto& instrument : instruments_) {
    if (instrument.connection != index || instrument.phase != Phase::NeedsExponents) continue;
    if (instrument.given.exponents_known) {
      instrument.phase = Phase::NeedsSnapshot;
      instrument.due_ns = now.steady_ns + kraken_snapshot_deadline_ns;
    } else {
      counters_.add(Count::UnknownSymbol);
      instrument.phase = Phase::Failed;
      instrument.due_ns = now.steady_ns + kraken_failed_retry_ns;
      status(instrument, State::Failed, Cause::UnknownSymbol, now);
    }
  }
  connections_[index].subscribing = true;
  send_subscriptions(index, now);
}

void KrakenAdapter::take_answer(const KrakenAnswer& answer, Now now) noexcept {
  auto* instrument = find(answer.symbol);
  if (answer.success || answer.method == "pong") {
    counters_.add(Count::Acknowledgements);
    if (instrument != nullptr && answer.method == "subscribe" && answer.channel == "book" &&
        answer.depth != 0) {
      instrument->depth = answer.depth;
    }
    return;
  }
  counters_.add(Count::SubscriptionsRefused);
  if (instrument == nullptr || answer.method != "subscribe" || instrument->phase == Phase::Live)
    return;
  instrument->phase = Phase::Failed;
  instrument->due_ns = now.steady_ns + kraken_failed_retry_ns;
  status(*instrument, State::Failed, Cause::SubscriptionRefused, now);
}

void KrakenAdapter::take_system_status(ConnectionIndex index, bool online, Now now) noexcept {
  if (!online) counters_.add(Count::VenueHalts);
  for (auto& instrument : instruments_) {
    if (instrument.connection != index || instrument.halted == !online) continue;
    instrument.halted = !online;
    if (!online) {
      status(instrument, State::Halted, Cause::VenueHalt, now);
    } else if (instrument.phase == Phase::Live) {
      status(instrument, State::Live, Cause::None, now);
    }
  }
}

// --- Subscriptions ------------------------------------------------------------------------------

// One past the last instrument of the batch that begins at `from`: the same connection, at most
// kraken_symbols_a_message of them.
std::size_t KrakenAdapter::batch_end(ConnectionIndex index, std::size_t from) const noexcept {
  std::size_t to = from;
  while (to < instruments_.size() && to - from < kraken_symbols_a_message &&
         instruments_[to].connection == index) {
    ++to;
  }
  return to;
}

// False: nothing to say for that channel, or the send queue is full.
bool KrakenAdapter::send_channel(ConnectionIndex index, std::string_view method, unsigned channel,
                                 std::size_t from, std::size_t to) noexcept {
  static constexpr std::string_view names[] = {"book", "trade", "ticker"};
  const bool wanted[] = {config_.books, config_.trades, config_.bbos};
  if (!wanted[channel]) return false;
  text_.clear();
  text_.append("{\"method\":\"")
      .append(method)
      .append("\",\"params\":{\"channel\":\"")
      .append(names[channel]);
  text_ += "\",\"symbol\":[";
  bool any = false;
  for (std::size_t i = from; i < to; ++i) {
    if (instruments_[i].phase == Phase::Failed || instruments_[i].phase == Phase::NeedsExponents)
      continue;
    text_.append(any ? ",\"" : "\"").append(instruments_[i].given.symbol).append("\"");
    any = true;
  }
  if (!any) return false;
  text_ += "]";
  if (channel == channel_book) text_ += ",\"depth\":" + std::to_string(config_.depth);
  if (channel == channel_ticker) text_ += ",\"event_trigger\":\"bbo\"";
  if (method == "subscribe")
    text_ += channel == channel_trade ? ",\"snapshot\":false" : ",\"snapshot\":true";
  text_ += "},\"req_id\":" + std::to_string(++request_) + "}";
  if (host_.send(index, text_)) return true;
  counters_.add(Count::SendQueueFull);
  return false;
}

void KrakenAdapter::send_subscriptions(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  while (connection.subscribing && now.steady_ns >= connection.next_send_ns) {
    auto& from = connection.subscribe_from;
    while (from < instruments_.size() && instruments_[from].connection != index) ++from;
    if (from >= instruments_.size()) {
      connection.subscribing = false;
      return;
    }
    const auto to = batch_end(index, from);
    const bool sent = send_channel(index, "subscribe", connection.channel, from, to);
    if (connection.channel == channel_book) {
      for (auto i = from; i < to; ++i)
        instruments_[i].due_ns = now.steady_ns + kraken_snapshot_deadline_ns;
    }
    if (++connection.channel == channels) {
      connection.channel = 0;
      from = to;
    }
    if (sent) connection.next_send_ns = now.steady_ns + kraken_send_period_ns;
  }
}

void KrakenAdapter::resubscribe(Instrument& instrument, Now now) noexcept {
  const auto index = static_cast<std::size_t>(&instrument - instruments_.data());
  instrument.phase = Phase::NeedsSnapshot;
  instrument.due_ns = now.steady_ns + kraken_snapshot_deadline_ns;
  ++instrument.attempts;
  (void)send_channel(instrument.connection, "unsubscribe", channel_book, index, index + 1);
  (void)send_channel(instrument.connection, "subscribe", channel_book, index, index + 1);
}

// The book is no good any more: say so, and get a new one, at once the first time.
void KrakenAdapter::lose(Instrument& instrument, State state, Cause cause, Now now) noexcept {
  if (instrument.phase != Phase::Live && instrument.phase != Phase::NeedsSnapshot) return;
  if (instrument.phase == Phase::Live &&
      now.steady_ns - instrument.live_since_ns > kraken_settled_ns) {
    instrument.attempts = 0;
  }
  counters_.add(Count::Resyncs);
  status(instrument, state, cause, now);
  if (instrument.attempts == 0) return resubscribe(instrument, now);
  const bool failed = instrument.attempts >= kraken_resync_attempts_max;
  if (failed) {
    counters_.add(Count::ResyncLimits);
    status(instrument, State::Failed, Cause::ResyncLimit, now);
  }
  instrument.phase = failed ? Phase::Failed : Phase::Waiting;
  instrument.due_ns =
      now.steady_ns + (failed ? kraken_failed_retry_ns : backoff_ns(instrument.attempts - 1));
}

void KrakenAdapter::on_resync(InstrumentId id, std::uint32_t epoch, Cause cause, Now now) noexcept {
  const auto found =
      std::find_if(instruments_.begin(), instruments_.end(),
                   [id](const auto& instrument) { return instrument.given.id == id; });
  if (found == instruments_.end()) return counters_.add(Count::UnknownSymbol);
  if (epoch < found->epoch || found->phase != Phase::Live)
    return counters_.add(Count::ResyncsIgnored);
  lose(*found, State::Gap, cause, now);
}

// --- Time ---------------------------------------------------------------------------------------

void KrakenAdapter::tick(Instrument& instrument, Now now) noexcept {
  if (instrument.phase == Phase::Live || instrument.phase == Phase::Disconnected ||
      now.steady_ns < instrument.due_ns) {
    return;
  }
  if (!instrument.given.exponents_known) {
    // The instrument channel did not answer, or did not know the symbol: only a reconnect asks
    // again.
    instrument.due_ns = now.steady_ns + kraken_failed_retry_ns;
    return host_.reconnect(instrument.connection);
  }
  if (instrument.phase == Phase::NeedsSnapshot && config_.books) {
    counters_.add(Count::SnapshotTimeouts);
    instrument.attempts = std::max(instrument.attempts, 1u);
    return lose(instrument, State::Syncing, Cause::Resubscribing, now);
  }
  if (instrument.phase == Phase::Failed) instrument.attempts = 0;
  if (config_.books) resubscribe(instrument, now);
}

void KrakenAdapter::on_tick(Now now) noexcept {
  for (ConnectionIndex index = 0; index < connections_.size(); ++index) {
    auto& connection = connections_[index];
    if (!connection.open) continue;
    send_subscriptions(index, now);
    if (now.steady_ns - connection.heard_ns > kraken_silence_ns) {
      counters_.add(Count::NoDataReconnects);
      connection.heard_ns = now.steady_ns;
      host_.reconnect(index);
    }
  }
  for (auto& instrument : instruments_) {
    if (connections_[instrument.connection].open &&
        !connections_[instrument.connection].subscribing) {
      tick(instrument, now);
    }
  }
}

// --- First pass ---------------------------------------------------------------------------------

KrakenFirstPass::Found& KrakenFirstPass::of(std::string_view symbol) {
  for (auto& found : found_) {
    if (found.symbol == symbol) return found;
  }
  found_.push_back({std::string(symbol), {}, {}, kraken_depth_default});
  return found_.back();
}

void KrakenFirstPass::widen(Found& found, const KrakenLevel& level) noexcept {
  Exponent needed;
  if (written_exponent(level.price, needed) == DecimalStatus::Ok && needed.power_of_ten >= -18) {
    found.price_exponent = std::min(found.price_exponent, needed);
  }
  if (written_exponent(level.quantity, needed) == DecimalStatus::Ok && needed.power_of_ten >= -18) {
    found.quantity_exponent = std::min(found.quantity_exponent, needed);
  }
}

void KrakenFirstPass::on_message(std::string_view padded) noexcept {
  if (decoder_.decode(padded, message_) != KrakenStatus::Ok) return;
  for (const auto& book : message_.books) {
    auto& found = of(book.symbol);
    for (const auto& level : book.bids) widen(found, level);
    for (const auto& level : book.asks) widen(found, level);
  }
  for (const auto& trade : message_.trades) widen(of(trade.symbol), {trade.price, trade.quantity});
  for (const auto& ticker : message_.tickers) {
    widen(of(ticker.symbol), ticker.bid);
    widen(of(ticker.symbol), ticker.ask);
  }
  const auto& answer = message_.answer;
  if (message_.kind == KrakenKind::Answer && answer.channel == "book" && answer.depth != 0) {
    of(answer.symbol).depth = answer.depth;
  }
}

}  // namespace ringside::collector
