#include "collector/kraken_session.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "collector/decimal.hpp"
#include "collector/decimals_tally.hpp"

namespace ringside::collector {
namespace {

using Phase = BookSubscriptions::Phase;

// Of a batch: from the books and to them again.
constexpr std::uint32_t kraken_resync_messages = 2;

// Their answers are not waited for: the window is longer by an eighth, for what takes longer on its
// way than what is sent after it.
PaceLimit as_sent(PaceLimit limit) {
  limit.window_ns += limit.window_ns / 8;
  return limit;
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
      symbols_(symbols_of(config_), config_.instruments_max) {
  const auto capacity = std::max(config_.instruments_max, config_.instruments.size());
  instruments_.reserve(capacity);
  books_.reserve(capacity);
  connections_.emplace_back(as_sent(config_.messages));
  for (const auto& given : config_.instruments) append(given);
  bids_.reserve(kraken_levels_max);
  asks_.reserve(kraken_levels_max);
  symbols_text_.reserve(4096);
  text_.reserve(4096);
}

// Its symbol is in the table already.
void KrakenSession::append(KrakenInstrument given) {
  const auto connection = connection_with_room();
  ++connections_[connection].members;
  std::optional<InstrumentTerms> terms;
  if (given.exponents_known) {
    terms = InstrumentTerms{given.price_exponent, given.quantity_exponent, ChecksumRule::Kraken,
                            config_.depth};
  }
  books_.add({given.id, given.record, config_.books, terms});
  Instrument instrument;
  instrument.symbol = std::move(given.symbol);
  instrument.connection = connection;
  instrument.depth = config_.depth;
  instrument.exponents_known = given.exponents_known;
  instrument.exponents_provisional = given.exponents_provisional;
  instruments_.push_back(std::move(instrument));
}

ConnectionIndex KrakenSession::connection_with_room() noexcept {
  const auto share = config_.instruments_per_connection;
  for (ConnectionIndex index = 0; index < connections_.size(); ++index) {
    if (share == 0 || connections_[index].members < share) return index;
  }
  connections_.emplace_back(as_sent(config_.messages));
  return static_cast<ConnectionIndex>(connections_.size() - 1);
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
  const auto members = connection.members;
  connection = Connection(as_sent(config_.messages));
  connection.members = members;
  connection.open = true;
  connection.heard_ns = now.steady_ns;
  connection.next_terms_ns = now.steady_ns + kraken_terms_period_ns;  // begin_connection() asks
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    auto& instrument = instruments_[i];
    if (instrument.connection != index) continue;
    books_.opened(i, now);
    instrument.subscribe_due = books_.phase(i) != Phase::Removed ? kraken_every_channel : 0;
    instrument.unsubscribe_due = 0;
    instrument.joined = false;
    instrument.resync_due = false;
    instrument.ending = false;
    instrument.refused = 0;
    instrument.refusals = 0;
  }
  connection.subscribing = begin_connection(index, now);
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
  if (over(index, config_.books)) return counters_.add(Count::AfterRemoval);
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
  if (books_.phase(index) != Phase::NeedsSnapshot || !books_.has_book(index) ||
      ends(instruments_[index])) {
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
  if (over(index, config_.trades)) return counters_.add(Count::AfterRemoval);
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
  if (over(index, config_.bbos)) return counters_.add(Count::AfterRemoval);
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
  note_answer(index, what.request, !what.subscribed && what.book);
  if (what.subscribed) {
    if (what.book && what.depth != 0) instruments_[index].depth = what.depth;
    if (!ends(instruments_[index])) books_.acknowledged(index, now);
  } else if (what.book) {
    books_.unsubscribed(index, now);
  }
}

void KrakenSession::take_refusal(BookIndex index, std::uint64_t number, Now now) noexcept {
  if (index != no_symbol) note_answer(index, number, false);
  if (number % (2 * kraken_channels) >= kraken_channels) {
    // That there was nothing to unsubscribe from is as good as having done it: the subscription
    // that was asked for in the same breath is answered on its own.
    return counters_.add(Count::Acknowledgements);
  }
  counters_.add(Count::SubscriptionsRefused);
  if (index == no_symbol) return counters_.add(Count::UnattributedDamage);
  // Refusals need not name the channel, but the question's number tells it. A book does without
  // the others.
  const auto channel = static_cast<KrakenChannel>(number % kraken_channels);
  if (number != 0 && config_.books && channel != KrakenChannel::Book) {
    take_channel_refusal(index, channel, now);
  } else if (books_.phase(index) != Phase::Live) {
    books_.refused(index, Cause::SubscriptionRefused, now);
  }
}

// --- Subscriptions ------------------------------------------------------------------------------

KrakenChannelSet KrakenSession::wanted() const noexcept {
  KrakenChannelSet channels = 0;
  if (config_.books) channels |= set_of(KrakenChannel::Book);
  if (config_.trades) channels |= set_of(KrakenChannel::Trade);
  if (config_.bbos) channels |= set_of(KrakenChannel::Bbo);
  return channels;
}

// Says what was asked, for the answer tells it back: a multiple of all that there is to ask, then
// the channel, higher by their count for the end of a subscription.
std::uint64_t KrakenSession::next_number(bool subscribe, KrakenChannel channel) noexcept {
  questions_ += 2 * kraken_channels;
  return questions_ + (subscribe ? 0 : kraken_channels) + static_cast<unsigned>(channel);
}

void KrakenSession::send(ConnectionIndex connection, std::string_view text, Now now) noexcept {
  connections_[connection].messages.take(1, now.steady_ns);
  if (!host_.send(connection, text)) counters_.add(Count::SendQueueFull);
}

// False: later. Each wait counts once, however long.
bool KrakenSession::may_send(Connection& connection, std::uint32_t messages, Now now) noexcept {
  const bool fits = connection.messages.fits(messages, now.steady_ns);
  if (!fits && !connection.paced) counters_.add(Count::MessagesPaced);
  connection.paced = !fits;
  return fits;
}

// All of them, of one connection, that can be asked for, in one message. False: nobody.
bool KrakenSession::ask(bool subscribe, KrakenChannel channel, std::span<const BookIndex> of,
                        Now now) noexcept {
  if (subscribe && (wanted() & set_of(channel)) == 0) return false;
  symbols_text_.clear();
  for (const BookIndex i : of) {
    const auto phase = books_.phase(i);
    const bool wanted = phase != Phase::Failed && phase < Phase::Delisted && books_.has_terms(i);
    if (subscribe && !wanted) continue;
    symbols_text_.append(symbols_text_.empty() ? "\"" : ",\"");
    symbols_text_.append(instruments_[i].symbol).append("\"");
  }
  if (symbols_text_.empty()) return false;
  text_.clear();
  write_question(
      text_, {subscribe, channel, symbols_text_, config_.depth, next_number(subscribe, channel)});
  send(instruments_[of.front()].connection, text_, now);
  return true;
}

void KrakenSession::begin_subscribing(ConnectionIndex connection, Now now) noexcept {
  connections_[connection].subscribing = true;
  send_subscriptions(connection, now);
}

// The next batch of a connection. False: nobody's turn has come.
bool KrakenSession::gather(ConnectionIndex index, bool subscribe) noexcept {
  auto& connection = connections_[index];
  connection.batch_size = 0;
  connection.batch_subscribes = subscribe;
  connection.channel = 0;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    auto& instrument = instruments_[i];
    if (instrument.connection != index) continue;
    const auto phase = books_.phase(i);
    if (subscribe && (phase == Phase::NeedsTerms || phase == Phase::Failed)) continue;
    auto& due = subscribe ? instrument.subscribe_due : instrument.unsubscribe_due;
    if (due == 0) continue;
    connection.batch[connection.batch_size++] = {i, std::exchange(due, KrakenChannelSet{0})};
    if (connection.batch_size == connection.batch.size()) break;
  }
  return connection.batch_size != 0;
}

// In batches, channel by channel, as fast as the venue takes them.
void KrakenSession::send_subscriptions(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  while (connection.subscribing && may_send(connection, 1, now)) {
    if (connection.batch_size == 0 && !gather(index, false) && !gather(index, true)) {
      connection.subscribing = false;
      return;
    }
    ask_next(connection, now);
  }
}

// Of its batch: the next channel, of those who are to begin or end it.
void KrakenSession::ask_next(Connection& connection, Now now) noexcept {
  const std::span members(connection.batch.data(), connection.batch_size);
  const auto channel = static_cast<KrakenChannel>(connection.channel);
  std::array<BookIndex, kraken_symbols_a_message> of;
  std::size_t count = 0;
  for (const auto& member : members) {
    if ((member.channels & set_of(channel)) != 0) of[count++] = member.book;
  }
  if (ask(connection.batch_subscribes, channel, {of.data(), count}, now) &&
      !connection.batch_subscribes) {
    for (std::size_t i = 0; i < count; ++i) note_end(of[i], channel);
  }
  if (++connection.channel != kraken_channels) return;
  connection.batch_size = 0;
  if (!connection.batch_subscribes) return;
  for (const auto& member : members) {
    if (decides(member.channels)) books_.asked(member.book, now);
  }
}

// For those who were added since: all of them at once, as the venue answers for all.
void KrakenSession::send_terms_question(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  if (!connection.terms_due || now.steady_ns < connection.next_terms_ns) return;
  if (!may_send(connection, 2, now)) return;
  connection.terms_due = false;
  connection.next_terms_ns = now.steady_ns + kraken_terms_period_ns;
  ask_for_terms(index, now);
}

void KrakenSession::subscribe_late(BookIndex index) noexcept {
  instruments_[index].subscribe_due = kraken_every_channel;
  connections_[instruments_[index].connection].subscribing = true;
}

// Those of a connection that are due together share their messages.
void KrakenSession::send_resyncs(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  while (connection.resyncs_due != 0 && may_send(connection, kraken_resync_messages, now)) {
    std::array<BookIndex, kraken_symbols_a_message> taken;
    std::size_t size = 0;
    for (BookIndex i = 0; i < instruments_.size() && size < taken.size(); ++i) {
      auto& instrument = instruments_[i];
      if (instrument.connection != index || !instrument.resync_due) continue;
      instrument.resync_due = false;
      taken[size++] = i;
    }
    connection.resyncs_due = size < taken.size() ? 0 : connection.resyncs_due - size;
    const std::span<const BookIndex> batch(taken.data(), size);
    if (config_.books) {
      static_cast<void>(ask(false, KrakenChannel::Book, batch, now));
      static_cast<void>(ask(true, KrakenChannel::Book, batch, now));
    } else if (!ask(true, KrakenChannel::Trade, batch, now)) {
      static_cast<void>(ask(true, KrakenChannel::Bbo, batch, now));
    }
    for (const auto i : batch) books_.asked(i, now);
  }
}

void KrakenSession::act(Now now) noexcept {
  while (const auto due = books_.due(now)) {
    const auto connection = instruments_[due->book].connection;
    if (!connections_[connection].open) continue;
    if (due->action == BookSubscriptions::Action::Reconnect) {
      if (instruments_[due->book].joined) {  // the others are well: they keep their connection
        books_.opened(due->book, now);
        connections_[connection].terms_due = true;
      } else {
        host_.reconnect(connection);
      }
      continue;
    }
    books_.held(due->book);
    auto& instrument = instruments_[due->book];
    if (instrument.subscribe_due != 0) connections_[connection].subscribing = true;
    if (instrument.resync_due || decides(instrument.subscribe_due)) continue;  // its turn comes
    instrument.resync_due = true;
    if (connections_[connection].resyncs_due++ == 0) resyncs_due_ = true;
  }
  if (!resyncs_due_) return;
  resyncs_due_ = false;
  for (ConnectionIndex i = 0; i < connections_.size(); ++i) {
    if (!connections_[i].open || connections_[i].resyncs_due == 0) continue;
    send_resyncs(i, now);
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
    ask_refused_again(index, now);
    // Each waits for what goes before it, lest smaller ones take its place for ever.
    send_resyncs(index, now);
    if (connection.resyncs_due == 0) send_terms_question(index, now);
    if (connection.resyncs_due == 0) send_subscriptions(index, now);
    if (now.steady_ns - connection.heard_ns > kraken_silence_ns) {
      counters_.add(Count::NoDataReconnects);
      connection.heard_ns = now.steady_ns;
      host_.reconnect(index);
    }
  }
  act(now);
  tell_news(now);
}

}  // namespace ringside::collector
