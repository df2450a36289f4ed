#include "collector/kraken.hpp"

#include <algorithm>

#include "collector/decimal.hpp"
#include "collector/symbol_search.hpp"

namespace ringside::collector {

using Phase = BookSubscriptions::Phase;

KrakenAdapter::KrakenAdapter(KrakenConfig config, RecordWriter& records, AdapterHost& host)
    : KrakenSession(std::move(config), records, host),
      listings_("kraken", KrakenSession::records(), mutable_counters()) {}

// --- Messages -----------------------------------------------------------------------------------

void KrakenAdapter::on_message(ConnectionIndex connection, std::string_view padded,
                               Now now) noexcept {
  heard(connection, now);
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
      if (message.snapshot) return count(Count::UnknownMessage);
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
      return count(Count::Heartbeats);
    case KrakenKind::Answer:
      return take_answer(message.answer, now);
    case KrakenKind::Ignored:
      return count(Count::UnknownMessage);
  }
}

// A text that cannot be used: whoever's symbol can still be read in it gets a new snapshot.
void KrakenAdapter::take_refused_text(std::string_view text, KrakenStatus reason,
                                      Now now) noexcept {
  count(count_of(reason));
  const bool of_a_book = text.find("\"book\"") != std::string_view::npos;
  bool attributed = false;
  SymbolSearch search(text, "\"symbol\"");
  for (std::string_view symbol; search.next(symbol);) {
    const auto index = find(symbol);
    if (index == no_symbol) continue;
    attributed = true;
    // A book that is only awaited is hurt by the loss of its snapshot, not by that of a trade.
    if (of_a_book || books().phase(index) == Phase::Live)
      books().lose(index, Cause::BadMessage, now);
  }
  if (!attributed) count(Count::UnattributedDamage);
}

void KrakenAdapter::take_pairs(ConnectionIndex connection, const KrakenMessage& message,
                               Now now) noexcept {
  if (message.snapshot) {
    ++list_;
    if (!is_open(listings_from_)) listings_from_ = connection;
  }
  said_.resize(instruments().size());
  const bool of_listings = connection == listings_from_;
  if (of_listings && message.snapshot) listings_.begin();
  bool whole = message.snapshot;
  for (const auto& pair : message.pairs) {
    const auto index = find(pair.symbol);
    const bool here = index != no_symbol && instruments()[index].connection == connection;
    if (pair.fault != KrakenStatus::Ok) {
      whole = false;  // who is missing in it cannot be told
      if (here) count(count_of(pair.fault));
      continue;
    }
    if (of_listings) note_listing(index, pair);
    if (here) take_pair(index, pair, now);
  }
  if (!message.snapshot) return;
  if (of_listings && whole) listings_.finish();
  take_missing(connection, whole, now);
  begin_subscribing(connection, now);
}

// Those of a connection that the list, which has just come, does not have.
void KrakenAdapter::take_missing(ConnectionIndex connection, bool whole, Now now) noexcept {
  for (BookIndex i = 0; i < instruments().size(); ++i) {
    if (instruments()[i].connection != connection) continue;
    if (books().phase(i) == Phase::NeedsTerms) {
      count(Count::UnknownSymbol);
      books().refused(i, Cause::UnknownSymbol, now);
    } else if (whole && said_[i].list != 0 && said_[i].list != list_) {
      take_pair_status(i, ListingStatus::Delisted, now);
    }
  }
}

void KrakenAdapter::note_listing(BookIndex index, const KrakenPair& pair) noexcept {
  Listing listing;
  listing.status = pair.status;
  listing.price_exponent.power_of_ten = static_cast<std::int8_t>(-pair.price_precision);
  listing.quantity_exponent.power_of_ten = static_cast<std::int8_t>(-pair.quantity_precision);
  const auto step = [](std::string_view token, Exponent exponent) {
    std::int64_t mantissa = 0;
    const auto read = parse_decimal(token, exponent, mantissa);
    return read == DecimalStatus::Ok ? mantissa : 0;  // finer than the decimals: not said
  };
  listing.price_step = step(pair.price_increment, listing.price_exponent);
  listing.quantity_step = step(pair.quantity_increment, listing.quantity_exponent);
  listings_.note(pair.symbol, listing, index == no_symbol ? no_record : books().record(index));
}

void KrakenAdapter::take_pair(BookIndex index, const KrakenPair& pair, Now now) noexcept {
  const Exponent price{static_cast<std::int8_t>(-pair.price_precision)};
  const Exponent quantity{static_cast<std::int8_t>(-pair.quantity_precision)};
  auto& said = said_[index];
  const bool other_exponents =
      said.list != 0 && (said.price_precision != pair.price_precision ||
                         said.quantity_precision != pair.quantity_precision);
  said = {list_, pair.price_precision, pair.quantity_precision};
  if (!books().has_terms(index)) {
    const bool newly_listed = books().phase(index) == Phase::Failed;
    books().learned(index, {price, quantity, ChecksumRule::Kraken, instruments()[index].depth},
                    now);
    // The others have subscribed by now.
    if (newly_listed) subscribe_late(index);
  } else if (other_exponents) {
    take_exponents(index, price, quantity, now);
  }
  take_pair_status(index, pair.status, now);
}

// Whom an answer is about: named beside it, or at the end of the error's sentence.
BookIndex KrakenAdapter::asked_about(const KrakenAnswer& answer) const noexcept {
  if (!answer.symbol.empty()) return find(answer.symbol);
  return find(answer.error.substr(answer.error.rfind(' ') + 1));
}

void KrakenAdapter::take_answer(const KrakenAnswer& answer, Now now) noexcept {
  const auto index = asked_about(answer);
  if (answer.method == "pong") {
    take_acknowledgement(no_symbol, {}, now);
  } else if (answer.method == "unsubscribe") {
    // That there was nothing to unsubscribe from is as good as having done it.
    take_acknowledgement(
        index, {false, answer.success && answer.channel == "book", 0, answer.request}, now);
  } else if (answer.success) {
    take_acknowledgement(index, {true, answer.channel == "book", answer.depth, answer.request},
                         now);
  } else {
    take_refusal(index, answer.request, now);
  }
}

// --- Subscriptions ------------------------------------------------------------------------------

bool KrakenAdapter::begin_connection(ConnectionIndex connection, Now now) noexcept {
  bool terms_missing = false;
  bool question = false;
  for (BookIndex i = 0; i < instruments().size(); ++i) {
    if (instruments()[i].connection != connection) continue;
    terms_missing = terms_missing || !books().has_terms(i);
    // Also when they are known from an earlier connection: the channel tells of halts, too.
    question = question || !instruments()[i].exponents_known;
  }
  if (question) ask_for_instruments(connection, true, now);
  return !terms_missing;
}

void KrakenAdapter::ask_for_instruments(ConnectionIndex connection, bool subscribe,
                                        Now now) noexcept {
  std::string text = subscribe ? R"({"method":"subscribe")" : R"({"method":"unsubscribe")";
  text += R"(,"params":{"channel":"instrument","snapshot":true},"req_id":)";
  text += std::to_string(next_number(subscribe, KrakenChannel::Bbo)) + "}";  // no book's
  send(connection, text, now);
}

// The channel tells of all pairs when a subscription begins, and later of those that change.
void KrakenAdapter::ask_for_terms(ConnectionIndex connection, Now now) noexcept {
  ask_for_instruments(connection, false, now);
  ask_for_instruments(connection, true, now);
}

void KrakenAdapter::prepare(KrakenInstrument&) noexcept {}

void KrakenAdapter::write_question(std::string& text, const Question& question) noexcept {
  static constexpr std::array<std::string_view, kraken_channels> names{"book", "trade", "ticker"};
  text.append("{\"method\":\"").append(question.subscribe ? "subscribe" : "unsubscribe");
  text.append("\",\"params\":{\"channel\":\"");
  text.append(names[static_cast<unsigned>(question.channel)]);
  text.append("\",\"symbol\":[").append(question.symbols).append("]");
  switch (question.channel) {
    case KrakenChannel::Book:
      text.append(",\"depth\":").append(std::to_string(question.depth));
      if (question.subscribe) text.append(",\"snapshot\":true");
      break;
    case KrakenChannel::Trade:
      if (question.subscribe) text.append(",\"snapshot\":false");
      break;
    case KrakenChannel::Bbo:
      text.append(",\"event_trigger\":\"bbo\"");
      if (question.subscribe) text.append(",\"snapshot\":true");
      break;
  }
  text.append("},\"req_id\":").append(std::to_string(question.number)).append("}");
}

}  // namespace ringside::collector
