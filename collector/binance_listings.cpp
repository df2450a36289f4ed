// BinanceAdapter: what the venue lists, and what becomes of an instrument when that changes.
#include <algorithm>
#include <utility>

#include "collector/binance.hpp"
#include "collector/binance_metadata.hpp"

namespace ringside::collector {

// All of it, when the first connection opens and each period. Behind the snapshots that wait
// already: they are wanted sooner.
void BinanceAdapter::ask_for_listings(Now now) noexcept {
  if (config_.metadata_period_ns == 0) return;
  const bool begun = next_listings_ns_ != 0;
  if (begun && now.steady_ns < next_listings_ns_) return;
  next_listings_ns_ = now.steady_ns + config_.metadata_period_ns;
  const auto task = listings_task();
  if (!begun || rest_.waiting(task) || rest_.in_flight(task)) return;
  // The exponents' own question may be for all there is: then that is the first look.
  const auto first = RestSchedule::Task{0};
  const bool comes = info_chunks_.size() > 1 && asks_all(first) &&
                     (rest_.waiting(first) || rest_.in_flight(first));
  if (list_ == 0 && comes) return;
  rest_.settle(task);
  rest_.want(task, now.steady_ns);
}

// `whole`: who is missing in it is not listed. False: it is no such body, and nobody is missed.
bool BinanceAdapter::read_listings(std::string_view padded, bool whole, Now now) noexcept {
  if (whole) {
    listings_.begin();
    ++list_;
  }
  const bool read = read_exchange_info(padded, [&](const BinanceTerms& terms) {
    const auto index = symbols_.find(terms.symbol);
    if (whole) {
      listings_.note(terms.symbol, terms.listing,
                     index == no_symbol ? no_record : instruments_[index].given.record);
    }
    if (index == no_symbol) return;
    if (whole) instruments_[index].said_in = list_;
    if (terms.has_exponents) take_terms(index, terms, now);
  });
  if (!read || !whole) return read;
  listings_.finish();
  if (config_.metadata_period_ns != 0) {
    next_listings_ns_ = now.steady_ns + config_.metadata_period_ns;
  }
  for (SymbolIndex i = 0; i < instruments_.size(); ++i) {
    if (instruments_[i].said && instruments_[i].said_in != list_) {
      take_status(i, ListingStatus::Delisted, now);
    }
  }
  return true;
}

void BinanceAdapter::take_terms(SymbolIndex index, const BinanceTerms& terms, Now now) noexcept {
  auto& instrument = instruments_[index];
  const auto& units = symbols_.units(index);
  const auto price = terms.listing.price_exponent;
  const auto quantity = terms.listing.quantity_exponent;
  const bool others =
      instrument.said && (instrument.said_price != price || instrument.said_quantity != quantity);
  instrument.said = true;
  instrument.said_price = price;
  instrument.said_quantity = quantity;
  if (!units.known) {
    symbols_.set_units(index, price, quantity);
    instrument.terms_due = false;
    if (std::exchange(instrument.unknown, false)) subscribe_anew(instrument);
    begin_if_ready(index, now);
  } else if (others && (price < units.price || quantity < units.quantity)) {
    widen(index, price, quantity);
    if (instrument.open && config_.books) {
      lose(index, Cause::PrecisionChanged, now);
      instrument.join.want_snapshot();
      want_snapshot(index, now);
    }
  }
  take_status(index, terms.listing.status, now);
}

// Whether the venue has kept what was asked of it before it knew the symbol, nobody says.
void BinanceAdapter::subscribe_anew(Instrument& instrument) noexcept {
  instrument.each_place([](Place& place) { place.has = 0; });
  instrument.streams = false;
  changes_due(instrument.home.connection);
}

void BinanceAdapter::take_status(SymbolIndex index, ListingStatus status, Now now) noexcept {
  auto& instrument = instruments_[index];
  const bool halted = status == ListingStatus::Halted;
  if (halted != instrument.halted) {
    instrument.halted = halted;
    if (halted) counters_.add(Count::VenueHalts);
    if (instrument.live) {
      state(instrument, halted ? State::Halted : State::Live,
            halted ? Cause::VenueHalt : Cause::None, now);
    }
  }
  const bool delisted = status == ListingStatus::Delisted;
  if (delisted == instrument.delisted) return;
  instrument.delisted = delisted;
  if (instrument.removed) return;
  if (delisted) {
    leave(instrument);
    return state(instrument, State::Failed, Cause::Delisted, now);
  }
  ++connections_[instrument.home.connection].members;
  come_back(index, now);
}

}  // namespace ringside::collector
