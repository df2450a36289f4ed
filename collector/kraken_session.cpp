#include "collector/kraken_session.hpp"

#include <algorithm>
#include <optional>

#include "collector/decimal.hpp"
#include "collector/decimals_tally.hpp"

namespace ringside::collector {
namespace {

using Phase = BookSubscriptions::Phase;

std::vector<std::string> symbols_of(const KrakenConfig& config) {
  std::vector<std::string> symbols;
  for (const auto& instrument : config.instruments) symbols.push_back(instrument.symbol);
  return symbols;
}

bool any_empty(const std::vector<Level>& levels) {
  return std::any_of(levels.begin(), levels.end(),
                     [](const Level& level) { return level.quantity.mantissa == 0; });
}

Reference checksum_of(const KrakenBook& book) {
  if (!book.has_checksum) return {};
  return {book.checksum, flag_reference_checksum};
}

// The finer of two, or the coarser one where the snapshot leaves no doubt and the finer has failed.
Exponent choose(Exponent in_force, const DecimalsTally& written, bool in_doubt) {
  if (written.count() == 0) return in_force;
  if (in_doubt && written.uniform()) return written.exponent();
  return std::min(in_force, written.exponent());
}

}  // namespace

Count count_of(KrakenStatus status) noexcept {
  switch (status) {
    case KrakenStatus::InvalidUtf8:
      return Count::InvalidUtf8;
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

KrakenSession::KrakenSession(KrakenConfig config, RecordWriter& records, AdapterHost& host)
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
    instruments_.push_back({given.symbol, connection, config_.depth, given.exponents_known,
                            given.exponents_provisional, false});
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
  symbols_text_.reserve(4096);
  text_.reserve(4096);
}

std::uint32_t KrakenSession::connection_count() const noexcept {
  return static_cast<std::uint32_t>(connections_.size());
}

std::string_view KrakenSession::connection_path(ConnectionIndex) const noexcept {
  return config_.path;
}

// --- Connections --------------------------------------------------------------------------------

void KrakenSession::on_open(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  connection = Connection{};
  connection.open = true;
  connection.heard_ns = now.steady_ns;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].connection == index) books_.opened(i, now);
  }
  connection.subscribing = begin_connection(index);
}

void KrakenSession::on_close(ConnectionIndex index, Now now) noexcept {
  connections_[index].open = false;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].connection == index) books_.closed(i, now);
  }
}

void KrakenSession::on_response(std::uint32_t, const RestReply&, Now) noexcept {
  counters_.add(Count::UnknownMessage);  // nothing is asked over REST here
}

// --- Entries ------------------------------------------------------------------------------------

BookIndex KrakenSession::owner(KrakenStatus fault, std::string_view symbol, Now now) noexcept {
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

bool KrakenSession::convert(const KrakenLevel& from, const InstrumentTerms& terms, Level& to,
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

bool KrakenSession::convert(std::span<const KrakenLevel> from, const InstrumentTerms& terms,
                            std::vector<Level>& to, Cause& damage) noexcept {
  to.clear();
  for (const auto& level : from) {
    to.emplace_back();  // within the capacity reserved
    if (!convert(level, terms, to.back(), damage)) return false;
  }
  return true;
}

void KrakenSession::take_book(const KrakenBook& book, bool snapshot, Now now) noexcept {
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
InstrumentTerms KrakenSession::snapshot_terms(BookIndex index,
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
  const bool in_doubt = instruments_[index].exponents_provisional || books_.attempts(index) >= 2;
  terms.price_exponent = choose(terms.price_exponent, prices, in_doubt);
  terms.quantity_exponent = choose(terms.quantity_exponent, quantities, in_doubt);
  terms.depth = book.depth != 0 ? book.depth : instruments_[index].depth;
  return terms;
}

void KrakenSession::take_snapshot(BookIndex index, const KrakenBook& book, Now now) noexcept {
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
  instruments_[index].exponents_provisional = false;
  counters_.add(Count::BookSnapshots);
  records_.write_snapshot(books_.record(index), books_.epoch(index), {bids_, asks_},
                          checksum_of(book), origin);
  books_.snapshot_written(index, now);
}

void KrakenSession::take_delta(BookIndex index, const KrakenBook& book, Now now) noexcept {
  if (books_.phase(index) != Phase::Live || !books_.has_book(index)) {
    return counters_.add(Count::DeltasWhileSyncing);
  }
  const auto& terms = books_.terms(index);
  Cause damage = Cause::None;
  if (!convert(book.bids, terms, bids_, damage) || !convert(book.asks, terms, asks_, damage)) {
    return books_.lose(index, damage, now);
  }
  counters_.add(Count::BookDeltas);
  records_.write_delta(books_.record(index), books_.epoch(index), {bids_, asks_}, checksum_of(book),
                       {now.ticks, book.exchange, book.has_exchange_time});
}

void KrakenSession::take_trade(const KrakenTrade& trade, Now now) noexcept {
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
void KrakenSession::take_ticker(const KrakenTicker& ticker, Now now) noexcept {
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

void KrakenSession::take_pair_status(BookIndex index, bool halted, Now now) noexcept {
  auto& instrument = instruments_[index];
  instrument.pair_halted = halted;
  books_.halted(index, halted || !connections_[instrument.connection].online, now);
}

void KrakenSession::take_system_status(ConnectionIndex connection, bool online, Now now) noexcept {
  connections_[connection].online = online;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].connection == connection) {
      books_.halted(i, !online || instruments_[i].pair_halted, now);
    }
  }
}

void KrakenSession::take_acknowledgement(BookIndex index, const Acknowledged& what,
                                         Now now) noexcept {
  counters_.add(Count::Acknowledgements);
  if (index == no_symbol) return;
  if (what.subscribed) {
    if (what.book && what.depth != 0) instruments_[index].depth = what.depth;
    books_.acknowledged(index, now);
  } else if (what.book) {
    books_.unsubscribed(index, now);
  }
}

void KrakenSession::take_refusal(BookIndex index, std::uint64_t number, Now now) noexcept {
  if (number % (2 * kraken_channels) >= kraken_channels) {
    // That there was nothing to unsubscribe from is as good as having done it: the subscription
    // that was asked for in the same breath is answered on its own.
    return counters_.add(Count::Acknowledgements);
  }
  counters_.add(Count::SubscriptionsRefused);
  if (index == no_symbol) return counters_.add(Count::UnattributedDamage);
  // Refusals need not name the channel, but the question's number tells it. A book does without
  // the others.
  const bool of_the_book = number == 0 || !config_.books ||
                           number % kraken_channels == static_cast<unsigned>(KrakenChannel::Book);
  if (of_the_book && books_.phase(index) != Phase::Live) {
    books_.refused(index, Cause::SubscriptionRefused, now);
  }
}

// --- Subscriptions ------------------------------------------------------------------------------

bool KrakenSession::wants(KrakenChannel channel) const noexcept {
  const std::array<bool, kraken_channels> wanted{config_.books, config_.trades, config_.bbos};
  return wanted[static_cast<unsigned>(channel)];
}

// Says what was asked, for the answer tells it back: a multiple of all that there is to ask, then
// the channel, higher by their count for the end of a subscription.
std::uint64_t KrakenSession::next_number(bool subscribe, KrakenChannel channel) noexcept {
  questions_ += 2 * kraken_channels;
  return questions_ + (subscribe ? 0 : kraken_channels) + static_cast<unsigned>(channel);
}

void KrakenSession::send(ConnectionIndex connection, std::string_view text) noexcept {
  if (!host_.send(connection, text)) counters_.add(Count::SendQueueFull);
}

// All of [from, to) that can be asked for, in one message. False: nobody.
bool KrakenSession::ask(bool subscribe, KrakenChannel channel, BookIndex from,
                        BookIndex to) noexcept {
  if (!wants(channel)) return false;
  symbols_text_.clear();
  for (BookIndex i = from; i < to; ++i) {
    if (books_.phase(i) == Phase::Failed || !books_.has_terms(i)) continue;
    symbols_text_.append(symbols_text_.empty() ? "\"" : ",\"");
    symbols_text_.append(instruments_[i].symbol).append("\"");
  }
  if (symbols_text_.empty()) return false;
  text_.clear();
  write_question(text_, {subscribe, channel, symbols_text_, config_.depth,
                         next_number(subscribe, channel)});
  send(instruments_[from].connection, text_);
  return true;
}

void KrakenSession::begin_subscribing(ConnectionIndex connection, Now now) noexcept {
  connections_[connection].subscribing = true;
  send_subscriptions(connection, now);
}

// In batches, channel by channel, one message a period: within what the venue takes.
void KrakenSession::send_subscriptions(ConnectionIndex index, Now now) noexcept {
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
    const bool asked = ask(true, static_cast<KrakenChannel>(connection.channel), from, to);
    if (++connection.channel == kraken_channels) {
      for (BookIndex i = from; i < to; ++i) books_.asked(i, now);
      connection.channel = 0;
      from = to;
    }
    if (asked) connection.next_send_ns = now.steady_ns + kraken_send_period_ns;
  }
}

void KrakenSession::act(Now now) noexcept {
  while (const auto due = books_.due(now)) {
    const auto connection = instruments_[due->book].connection;
    if (!connections_[connection].open) continue;
    if (due->action == BookSubscriptions::Action::Reconnect) {
      host_.reconnect(connection);
      continue;
    }
    const BookIndex end = due->book + 1;
    if (config_.books) {
      ask(false, KrakenChannel::Book, due->book, end);
      ask(true, KrakenChannel::Book, due->book, end);
    } else if (!ask(true, KrakenChannel::Trade, due->book, end)) {
      ask(true, KrakenChannel::Bbo, due->book, end);
    }
  }
}

void KrakenSession::on_resync(InstrumentId id, std::uint32_t epoch, Cause cause, Now now) noexcept {
  const auto index = books_.find(id);
  if (!index) return counters_.add(Count::UnknownSymbol);
  books_.resync(*index, epoch, cause, now);
  act(now);
}

void KrakenSession::on_tick(Now now) noexcept {
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
