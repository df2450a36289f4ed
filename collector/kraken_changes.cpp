// KrakenSession: instruments that are added and removed while it runs, and whose listing changes.
#include <algorithm>
#include <utility>

#include "collector/kraken_session.hpp"

namespace ringside::collector {
namespace {

using Phase = BookSubscriptions::Phase;

}  // namespace

// --- Change at run time -------------------------------------------------------------------------

bool KrakenSession::add(VenueInstrument given, Now now) noexcept {
  auto index = symbols_.find(given.symbol);
  if (index != no_symbol) {
    if (books_.phase(index) != Phase::Removed) return false;
  } else {
    if (symbols_.full()) return false;
    KrakenInstrument made;
    made.symbol = given.symbol;
    made.id = given.id;
    made.record = given.record;
    prepare(made);
    index = symbols_.add(std::move(given.symbol));
    append(std::move(made));
  }
  join(index, now);
  return true;
}

void KrakenSession::join(BookIndex index, Now now) noexcept {
  auto& instrument = instruments_[index];
  auto& connection = connections_[instrument.connection];
  books_.wanted(index, now);
  if (!connection.open) return;
  books_.opened(index, now);
  books_.halted(index, instrument.pair_halted || !connection.online, now);
  instrument.joined = true;
  instrument.subscribe_due = kraken_every_channel;
  if (books_.has_terms(index)) {
    connection.subscribing = true;
  } else {
    connection.terms_due = true;
  }
}

void KrakenSession::remove(InstrumentId id, Now now) noexcept {
  const auto index = books_.find(id);
  if (!index || !books_.remove(*index, now)) return;
  auto& instrument = instruments_[*index];
  auto& connection = connections_[instrument.connection];
  instrument.subscribe_due = 0;
  instrument.refused = 0;
  drop_resync(instrument);
  if (!connection.open) return;
  instrument.unsubscribe_due |= wanted();
  connection.subscribing = true;
}

void KrakenSession::drop_resync(Instrument& instrument) noexcept {
  if (instrument.resync_due) --connections_[instrument.connection].resyncs_due;
  instrument.resync_due = false;
}

// Its question has just been sent.
void KrakenSession::note_end(BookIndex index, KrakenChannel channel) noexcept {
  if (!decides(set_of(channel))) return;
  instruments_[index].ended_by = questions_ + kraken_channels + static_cast<unsigned>(channel);
  instruments_[index].ending = true;
}

// Of this question; 0: not said, and then only an end (`end`) tells by itself that it is one. The
// venue answers in the order of the questions.
void KrakenSession::note_answer(BookIndex index, std::uint64_t number, bool end) noexcept {
  auto& instrument = instruments_[index];
  if (number != 0 ? number >= instrument.ended_by : end) instrument.ending = false;
}

// Over the connections that are there: a subscription each, like those of the beginning. Only the
// book channel is anything to a book.
void KrakenSession::set_channels(const Channels& channels, Now now) noexcept {
  const auto before = wanted();
  config_.books = channels.book;
  config_.trades = channels.trade;
  config_.bbos = channels.bbo;
  const auto begun = static_cast<KrakenChannelSet>(wanted() & ~before);
  const auto ended = static_cast<KrakenChannelSet>(before & ~wanted());
  const bool of_books = ((begun | ended) & set_of(KrakenChannel::Book)) != 0;
  for (BookIndex i = 0; i < instruments_.size(); ++i) {
    auto& instrument = instruments_[i];
    auto& connection = connections_[instrument.connection];
    if (of_books) {
      drop_resync(instrument);
      books_.with_book(i, channels.book, now);
    }
    if (!connection.open || books_.phase(i) == Phase::Removed) continue;  // it begins with all
    instrument.refused &= static_cast<KrakenChannelSet>(~ended);
    // What was not asked for yet need not be ended.
    auto& due = instrument.subscribe_due;
    instrument.unsubscribe_due |= static_cast<KrakenChannelSet>(ended & ~due);
    due = static_cast<KrakenChannelSet>(due & ~ended);
    if (books_.phase(i) != Phase::Delisted) due |= begun;
    connection.subscribing = true;
  }
}

// As with books (BookSubscriptions::refused): soon a few times, then rarely.
void KrakenSession::take_channel_refusal(BookIndex index, KrakenChannel channel, Now now) noexcept {
  auto& instrument = instruments_[index];
  auto& connection = connections_[instrument.connection];
  const auto& limits = config_.limits;
  const auto backoff_ns = limits.retry_first_ns << std::min(instrument.refusals, 16U);
  instrument.refused_until_ns = now.steady_ns + (instrument.refusals < limits.attempts_max
                                                     ? std::min(backoff_ns, limits.retry_most_ns)
                                                     : limits.failed_retry_ns);
  ++instrument.refusals;
  instrument.refused |= set_of(channel);
  connection.next_refused_ns = std::min(connection.next_refused_ns, instrument.refused_until_ns);
}

void KrakenSession::ask_refused_again(ConnectionIndex index, Now now) noexcept {
  auto& connection = connections_[index];
  if (now.steady_ns < connection.next_refused_ns) return;
  connection.next_refused_ns = never_ns;
  for (auto& instrument : instruments_) {
    if (instrument.connection != index || instrument.refused == 0) continue;
    if (now.steady_ns < instrument.refused_until_ns) {
      connection.next_refused_ns =
          std::min(connection.next_refused_ns, instrument.refused_until_ns);
      continue;
    }
    instrument.subscribe_due |= std::exchange(instrument.refused, KrakenChannelSet{0});
    connection.subscribing = true;
  }
}

// --- What the metadata say ----------------------------------------------------------------------

void KrakenSession::take_pair_status(BookIndex index, ListingStatus status, Now now) noexcept {
  auto& instrument = instruments_[index];
  auto& connection = connections_[instrument.connection];
  instrument.pair_halted = status == ListingStatus::Halted;
  if (books_.delisted(index, status == ListingStatus::Delisted, now)) {
    // Whether its subscriptions have survived nobody says.
    drop_resync(instrument);
    instrument.unsubscribe_due |= wanted();
    instrument.subscribe_due = kraken_every_channel;
    instrument.refused = 0;
    connection.subscribing = true;
  }
  books_.halted(index, instrument.pair_halted || !connection.online, now);
}

// A finer number says so by itself, where one comes; nothing else tells that decimals are fewer.
void KrakenSession::take_exponents(BookIndex index, Exponent price, Exponent quantity,
                                   Now now) noexcept {
  const auto& terms = books_.terms(index);
  if (terms.price_exponent == price && terms.quantity_exponent == quantity) return;
  instruments_[index].exponents_provisional = true;
  if (books_.phase(index) == Phase::Live && books_.has_book(index)) {
    books_.lose(index, Cause::PrecisionChanged, now);
  }
}

}  // namespace ringside::collector
