// KrakenSession: instruments that are added and removed while it runs, and whose listing changes.
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
  instrument.subscribe_due = true;
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
  instrument.subscribe_due = false;
  if (instrument.resync_due) --connection.resyncs_due;
  instrument.resync_due = false;
  if (!connection.open) return;
  instrument.unsubscribe_due = true;
  connection.subscribing = true;
}

// --- What the metadata say ----------------------------------------------------------------------

void KrakenSession::take_pair_status(BookIndex index, ListingStatus status, Now now) noexcept {
  auto& instrument = instruments_[index];
  auto& connection = connections_[instrument.connection];
  instrument.pair_halted = status == ListingStatus::Halted;
  if (books_.delisted(index, status == ListingStatus::Delisted, now)) {
    // Whether its subscriptions have survived nobody says.
    if (instrument.resync_due) --connection.resyncs_due;
    instrument.resync_due = false;
    instrument.unsubscribe_due = true;
    instrument.subscribe_due = true;
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
