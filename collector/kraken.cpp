#include "collector/kraken.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "collector/decimal.hpp"
#include "collector/decimals_tally.hpp"
#include "collector/symbol_search.hpp"

namespace ringside::collector {
namespace {

using Phase = BookSubscriptions::Phase;

enum Channel : unsigned { channel_book, channel_trade, channel_ticker, channels };
constexpr std::array<std::string_view, channels> channel_names{"book", "trade", "ticker"};

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
    case KrakenStatus::TooLarge:
      return Count::MessageTooLarge;
    default:
      return Count::MalformedJson;
  }
}

std::vector<std::string> symbols_of(const KrakenConfig& config) {
  std::vector<std::string> symbols;
  for (const auto& instrument : config.instruments) symbols.push_back(instrument.symbol);
  return symbols;
}

bool any_empty(const std::vector<Level>& levels) {
  return std::any_of(levels.begin(), levels.end(),
                     [](const Level& level) { return level.quantity.mantissa == 0; });
}

// The finer of two, or the coarser one where the snapshot leaves no doubt and the finer has failed.
Exponent choose(Exponent in_force, const DecimalsTally& written, bool in_doubt) {
  if (written.count() == 0) return in_force;
  if (in_doubt && written.uniform()) return written.exponent();
  return std::min(in_force, written.exponent());
}

}  // namespace

KrakenAdapter::KrakenAdapter(KrakenConfig config, RecordWriter& records, AdapterHost& host)
    : config_(std::move(config)),
      records_(records),
      host_(host),
      books_({config_.generation, config_.seed, config_.limits}, records, counters_),
      symbols_(symbols_of(config_)) {
  const std::size_t share = config_.instruments_per_connection == 0
                                ? config_.instruments.size()
                                : config_.instruments_per_connection;
  for (const auto& given : config_.instruments) {
    const auto connection = static_cast<ConnectionIndex>(instruments_.size() / share);
    instruments_.push_back({given.symbol, connection, config_.depth, false});
    std::optional<InstrumentTerms> terms;
    if (given.exponents_known) {
      terms = InstrumentTerms{given.price_exponent, given.quantity_exponent, ChecksumRule::Kraken,
                              config_.depth};
    }
    books_.add({given.id, given.record, config_.books, terms});
  }
  connections_.resize(instruments_.empty() ? 1 : instruments_.back().connection + 1);
  bids_.reserve(kraken_levels_max);
  asks_.reserve(kraken_levels_max);
  text_.reserve(4096);
}

std::uint32_t KrakenAdapter::connection_count() const noexcept {
  return static_cast<std::uint32_t>(connections_.size());
}

std::string_view KrakenAdapter::connection_path(ConnectionIndex) const noexcept {
  return config_.path;
}

// --- Connections --------------------------------------------------------------------------------

void KrakenAdapter::on_open(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  connection = Connection{};
  connection.open = true;
  connection.heard_ns = now.steady_ns;
  bool terms_missing = false;
  bool question = false;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].connection != index) continue;
    books_.opened(i, now);
    terms_missing = terms_missing || !books_.has_terms(i);
    // Also when they are known from an earlier connection: the channel tells of halts, too.
    question = question || !config_.instruments[i].exponents_known;
  }
  connection.subscribing = !terms_missing;
  if (question) send_instrument_question(index);
}

void KrakenAdapter::on_close(ConnectionIndex index, Now now) noexcept {
  connections_[index].open = false;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].connection == index) books_.closed(i, now);
  }
}

void KrakenAdapter::on_response(std::uint32_t, int, std::string_view, Now) noexcept {
  counters_.add(Count::UnknownMessage);  // nothing is asked over REST here
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
    take_refused_text(padded, status, now);
  }
  act(now);
}

void KrakenAdapter::take(ConnectionIndex connection, const KrakenMessage& message,
                         Now now) noexcept {
  switch (message.kind) {
    case KrakenKind::Book:
      for (const auto& book : message.books) take_book(book, message.snapshot, now);
      return;
    case KrakenKind::Trade:
      // A snapshot of trades is history: not asked for.
      if (message.snapshot) return counters_.add(Count::UnknownMessage);
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

// A text that cannot be used: whoever's symbol can still be read in it gets a new snapshot.
void KrakenAdapter::take_refused_text(std::string_view text, KrakenStatus reason,
                                      Now now) noexcept {
  counters_.add(count_of(reason));
  const bool of_a_book = text.find("\"book\"") != std::string_view::npos;
  bool attributed = false;
  SymbolSearch search(text, "\"symbol\"");
  for (std::string_view symbol; search.next(symbol);) {
    const auto index = symbols_.find(symbol);
    if (index == no_symbol) continue;
    attributed = true;
    // A book that is only awaited is hurt by the loss of its snapshot, not by that of a trade.
    if (of_a_book || books_.phase(index) == Phase::Live) books_.lose(index, Cause::BadMessage, now);
  }
  if (!attributed) counters_.add(Count::UnattributedDamage);
}

BookIndex KrakenAdapter::owner(KrakenStatus fault, std::string_view symbol, Now now) noexcept {
  const auto index = symbol.empty() ? no_symbol : symbols_.find(symbol);
  if (fault == KrakenStatus::Ok) {
    if (index == no_symbol) counters_.add(Count::UnknownSymbol);
    return index;
  }
  counters_.add(count_of(fault));
  if (index == no_symbol) {
    counters_.add(Count::UnattributedDamage);
  } else {
    books_.lose(index, Cause::BadMessage, now);
  }
  return no_symbol;
}

bool KrakenAdapter::convert(const KrakenLevel& from, const InstrumentTerms& terms, Level& to,
                            Cause& damage) noexcept {
  const auto price = parse_padded_decimal(from.price, terms.price_exponent, to.price.mantissa);
  const auto quantity =
      parse_padded_decimal(from.quantity, terms.quantity_exponent, to.quantity.mantissa);
  if (price == DecimalStatus::Ok && quantity == DecimalStatus::Ok && to.price.mantissa >= 0 &&
      to.quantity.mantissa >= 0) [[likely]] {
    return true;
  }
  if (price == DecimalStatus::Overflow || quantity == DecimalStatus::Overflow) {
    counters_.add(Count::NumberOverflow);
    damage = Cause::NumberOverflow;
  } else if (price == DecimalStatus::TooFine || quantity == DecimalStatus::TooFine) {
    counters_.add(Count::NumberTooFine);
    damage = Cause::PrecisionChanged;
  } else {
    counters_.add(Count::MistypedField);  // a JSON number, but not one a price or quantity can be
    damage = Cause::BadMessage;
  }
  return false;
}

bool KrakenAdapter::convert(std::span<const KrakenLevel> from, const InstrumentTerms& terms,
                            std::vector<Level>& to, Cause& damage) noexcept {
  to.clear();
  for (const auto& level : from) {
    to.emplace_back();  // within the capacity reserved
    if (!convert(level, terms, to.back(), damage)) return false;
  }
  return true;
}

void KrakenAdapter::take_book(const KrakenBook& book, bool snapshot, Now now) noexcept {
  const auto index = owner(book.fault, book.symbol, now);
  if (index == no_symbol) return;
  if (snapshot) {
    take_snapshot(index, book, now);
  } else {
    take_delta(index, book, now);
  }
}

// The numbers' digits as this snapshot has them. A finer number in a delta is no proof that the
// venue has added a decimal: it may be damaged, and under a wrong exponent no checksum would ever
// be good again. A whole snapshot is.
InstrumentTerms KrakenAdapter::snapshot_terms(BookIndex index,
                                              const KrakenBook& book) const noexcept {
  DecimalsTally prices;
  DecimalsTally quantities;
  for (const auto side : {book.bids, book.asks}) {
    for (const auto& level : side) {
      prices.add(level.price);
      quantities.add(level.quantity);
    }
  }
  InstrumentTerms terms = books_.terms(index);
  const bool in_doubt = books_.attempts(index) >= 2;
  terms.price_exponent = choose(terms.price_exponent, prices, in_doubt);
  terms.quantity_exponent = choose(terms.quantity_exponent, quantities, in_doubt);
  terms.depth = instruments_[index].depth;
  return terms;
}

void KrakenAdapter::take_snapshot(BookIndex index, const KrakenBook& book, Now now) noexcept {
  if (books_.phase(index) != Phase::NeedsSnapshot || !books_.has_book(index)) {
    return counters_.add(books_.phase(index) == Phase::Live ? Count::SnapshotsUnasked
                                                            : Count::SnapshotsLate);
  }
  const auto terms = snapshot_terms(index, book);
  Cause damage = Cause::None;
  if (!convert(book.bids, terms, bids_, damage) || !convert(book.asks, terms, asks_, damage)) {
    return books_.lose(index, damage, now);
  }
  if (any_empty(bids_) || any_empty(asks_)) {
    counters_.add(Count::SnapshotsUnsound);
    return books_.lose(index, Cause::BadMessage, now);
  }
  const Origin origin{now.ticks, book.exchange, book.has_exchange_time};
  if (!books_.begin_epoch(index, terms, origin, now)) return;
  counters_.add(Count::BookSnapshots);
  records_.write_snapshot(books_.record(index), books_.epoch(index), {bids_, asks_},
                          {book.checksum, flag_reference_checksum}, origin);
  books_.snapshot_written(index, now);
}

void KrakenAdapter::take_delta(BookIndex index, const KrakenBook& book, Now now) noexcept {
  if (books_.phase(index) != Phase::Live || !books_.has_book(index)) {
    return counters_.add(Count::DeltasWhileSyncing);
  }
  const auto& terms = books_.terms(index);
  Cause damage = Cause::None;
  if (!convert(book.bids, terms, bids_, damage) || !convert(book.asks, terms, asks_, damage)) {
    return books_.lose(index, damage, now);
  }
  counters_.add(Count::BookDeltas);
  records_.write_delta(books_.record(index), books_.epoch(index), {bids_, asks_},
                       {book.checksum, flag_reference_checksum},
                       {now.ticks, book.exchange, book.has_exchange_time});
}

void KrakenAdapter::take_trade(const KrakenTrade& trade, Now now) noexcept {
  const auto index = owner(trade.fault, trade.symbol, now);
  if (index == no_symbol) return;
  if (!books_.has_terms(index)) return counters_.add(Count::DeltasWhileSyncing);
  Level level;
  Cause damage = Cause::None;
  if (!convert({trade.price, trade.quantity}, books_.terms(index), level, damage)) {
    return books_.lose(index, damage, now);
  }
  counters_.add(Count::Trades);
  records_.write_trade(
      books_.record(index), books_.epoch(index),
      {trade.buy ? Side::Bid : Side::Ask, level.price, level.quantity, {trade.id, 0}},
      {now.ticks, trade.exchange, true});
}

// Unlike a trade or a delta, a ticker that cannot be used costs nothing but itself: the next one
// says it all again.
void KrakenAdapter::take_ticker(const KrakenTicker& ticker, Now now) noexcept {
  if (ticker.fault != KrakenStatus::Ok) return counters_.add(count_of(ticker.fault));
  const auto index = owner(ticker.fault, ticker.symbol, now);
  if (index == no_symbol) return;
  if (!books_.has_terms(index)) return counters_.add(Count::DeltasWhileSyncing);
  RecordWriter::Bbo bbo;
  Cause damage = Cause::None;
  const auto& terms = books_.terms(index);
  if (!convert(ticker.bid, terms, bbo.bid, damage) ||
      !convert(ticker.ask, terms, bbo.ask, damage)) {
    return;
  }
  counters_.add(Count::Bbos);
  records_.write_bbo(books_.record(index), books_.epoch(index), bbo,
                     {now.ticks, ticker.exchange, ticker.has_exchange_time});
}

void KrakenAdapter::take_pairs(ConnectionIndex connection, const KrakenMessage& message,
                               Now now) noexcept {
  for (const auto& pair : message.pairs) {
    const auto index = symbols_.find(pair.symbol);
    if (index == no_symbol || instruments_[index].connection != connection) continue;
    if (pair.fault == KrakenStatus::Ok) {
      take_pair(index, pair, now);
    } else {
      counters_.add(count_of(pair.fault));
    }
  }
  if (!message.snapshot) return;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].connection != connection || books_.phase(i) != Phase::NeedsTerms) continue;
    counters_.add(Count::UnknownSymbol);
    books_.refused(i, Cause::UnknownSymbol, now);
  }
  connections_[connection].subscribing = true;
  send_subscriptions(connection, now);
}

void KrakenAdapter::take_pair(BookIndex index, const KrakenPair& pair, Now now) noexcept {
  auto& instrument = instruments_[index];
  // Later changes of precision show in the snapshots, which begin a new epoch by themselves.
  if (!books_.has_terms(index)) {
    const bool newly_listed = books_.phase(index) == Phase::Failed;
    books_.learned(index,
                   {Exponent{static_cast<std::int8_t>(-pair.price_precision)},
                    Exponent{static_cast<std::int8_t>(-pair.quantity_precision)},
                    ChecksumRule::Kraken, instrument.depth},
                   now);
    // The others have subscribed by now; its book follows by itself.
    if (newly_listed && config_.books) {
      (void)send_channel("subscribe", channel_trade, {index, index + 1});
      (void)send_channel("subscribe", channel_ticker, {index, index + 1});
    }
  }
  instrument.pair_halted = pair.halted;
  books_.halted(index, pair.halted || !connections_[instrument.connection].online, now);
}

void KrakenAdapter::take_system_status(ConnectionIndex connection, bool online, Now now) noexcept {
  connections_[connection].online = online;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].connection == connection) {
      books_.halted(i, !online || instruments_[i].pair_halted, now);
    }
  }
}

// Whom an answer is about: named beside it, or at the end of the error's sentence.
BookIndex KrakenAdapter::asked_about(const KrakenAnswer& answer) const noexcept {
  if (!answer.symbol.empty()) return symbols_.find(answer.symbol);
  return symbols_.find(answer.error.substr(answer.error.rfind(' ') + 1));
}

void KrakenAdapter::take_answer(const KrakenAnswer& answer, Now now) noexcept {
  if (!answer.success && answer.method != "pong") return take_refusal(answer, now);
  counters_.add(Count::Acknowledgements);
  const auto index = asked_about(answer);
  if (index == no_symbol) return;
  if (answer.method == "subscribe") {
    if (answer.channel == "book" && answer.depth != 0) instruments_[index].depth = answer.depth;
    books_.acknowledged(index, now);
  } else if (answer.method == "unsubscribe" && answer.channel == "book") {
    books_.unsubscribed(index, now);
  }
}

void KrakenAdapter::take_refusal(const KrakenAnswer& answer, Now now) noexcept {
  // That there was nothing to unsubscribe from is as good as having done it.
  if (answer.method == "unsubscribe") return counters_.add(Count::Acknowledgements);
  counters_.add(Count::SubscriptionsRefused);
  const auto index = asked_about(answer);
  if (index == no_symbol) return counters_.add(Count::UnattributedDamage);
  // The channel is not said, but the question's number tells it. A book does without the others.
  const auto channel = answer.request % channels;
  const bool of_the_book = answer.request == 0 || channel == channel_book || !config_.books;
  if (of_the_book && books_.phase(index) != Phase::Live) {
    books_.refused(index, Cause::SubscriptionRefused, now);
  }
}

// --- Subscriptions ------------------------------------------------------------------------------

void KrakenAdapter::send_instrument_question(ConnectionIndex connection) noexcept {
  text_ = R"({"method":"subscribe","params":{"channel":"instrument","snapshot":true},"req_id":)";
  requests_ += channels;
  text_ += std::to_string(requests_ + channel_ticker) + "}";  // no book's
  if (!host_.send(connection, text_)) counters_.add(Count::SendQueueFull);
}

// False: nothing to say for that channel, or the send queue is full.
bool KrakenAdapter::send_channel(std::string_view method, unsigned channel,
                                 Symbols symbols) noexcept {
  const std::array<bool, channels> wanted{config_.books, config_.trades, config_.bbos};
  if (!wanted[channel]) return false;
  text_.assign("{\"method\":\"").append(method);
  text_.append("\",\"params\":{\"channel\":\"").append(channel_names[channel]);
  text_ += "\",\"symbol\":[";
  bool any = false;
  for (BookIndex i = symbols.from; i < symbols.to; ++i) {
    if (books_.phase(i) == Phase::Failed || !books_.has_terms(i)) continue;
    text_.append(any ? ",\"" : "\"").append(instruments_[i].symbol).append("\"");
    any = true;
  }
  if (!any) return false;
  text_ += "]";
  if (channel == channel_book) text_ += ",\"depth\":" + std::to_string(config_.depth);
  if (channel == channel_ticker) text_ += ",\"event_trigger\":\"bbo\"";
  if (method == "subscribe") {
    text_ += channel == channel_trade ? ",\"snapshot\":false" : ",\"snapshot\":true";
  }
  requests_ += channels;  // a multiple of it, and so the channel can be told from the answer
  text_ += "},\"req_id\":" + std::to_string(requests_ + channel) + "}";
  if (host_.send(instruments_[symbols.from].connection, text_)) return true;
  counters_.add(Count::SendQueueFull);
  return false;
}

// In batches, channel by channel, one message a period: within what the venue takes.
void KrakenAdapter::send_subscriptions(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  while (connection.subscribing && now.steady_ns >= connection.next_send_ns) {
    auto& from = connection.subscribe_from;
    while (from < instruments_.size() && instruments_[from].connection != index) ++from;
    if (from >= instruments_.size()) {
      connection.subscribing = false;
      return;
    }
    BookIndex to = from;
    while (to < instruments_.size() && to - from < kraken_symbols_a_message &&
           instruments_[to].connection == index) {
      ++to;
    }
    const bool sent = send_channel("subscribe", connection.channel, {from, to});
    if (++connection.channel == channels) {
      for (BookIndex i = from; i < to; ++i) books_.asked(i, now);
      connection.channel = 0;
      from = to;
    }
    if (sent) connection.next_send_ns = now.steady_ns + kraken_send_period_ns;
  }
}

// Resyncs what is due.
void KrakenAdapter::act(Now now) noexcept {
  while (const auto due = books_.due(now)) {
    const auto connection = instruments_[due->book].connection;
    if (!connections_[connection].open) continue;
    if (due->action == BookSubscriptions::Action::Reconnect) {
      host_.reconnect(connection);
      continue;
    }
    const Symbols one{due->book, due->book + 1};
    if (config_.books) {
      (void)send_channel("unsubscribe", channel_book, one);
      (void)send_channel("subscribe", channel_book, one);
    } else if (!send_channel("subscribe", channel_trade, one)) {
      (void)send_channel("subscribe", channel_ticker, one);
    }
  }
}

void KrakenAdapter::on_resync(InstrumentId id, std::uint32_t epoch, Cause cause, Now now) noexcept {
  const auto index = books_.find(id);
  if (!index) return counters_.add(Count::UnknownSymbol);
  books_.resync(*index, epoch, cause, now);
  act(now);
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
  act(now);
}

}  // namespace ringside::collector
