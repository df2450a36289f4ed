#include "tools/exchange/exchange.hpp"

#include <algorithm>
#include <stdexcept>

#include "tools/exchange/binance_frame.hpp"
#include "tools/exchange/generator.hpp"
#include "tools/exchange/replay.hpp"

namespace ringside::exchange {
namespace {

constexpr int status_too_many = 429;

}  // namespace

Exchange::Exchange(const ExchangeOptions& options, Outlet& outlet, UtcNs now)
    : outlet_(outlet, faults_) {
  const auto asked = parse_faults(options.faults);
  const bool replaying = !options.replay.empty();
  GeneratorSpec spec;
  if (!replaying) spec = parse_spec(options.generate);
  std::string name = replaying ? options.venue : spec.venue;
  if (name.empty()) name = venue_of_capture(options.replay);
  if (!options.venue.empty() && options.venue != name) {
    throw std::invalid_argument("--venue: the spec says '" + name + "'");
  }
  faults_.set_time(now);
  if (!options.truth.empty()) truth_ = std::make_unique<TruthLog>(options.truth);
  VenueServices services{market_, outlet_, faults_, truth_.get(), replaying};
  services.rest_delay_ns = std::int64_t{spec.rest_ms} * 1'000'000;
  services.depth_period_ns = std::int64_t{spec.depth_ms} * 1'000'000;
  services.split_layout = options.split_layout;
  limits_ = Limits(options.limits, name);
  services.limits = &limits_;
  venue_ = make_venue(name, services);
  if (!venue_) {
    throw std::invalid_argument("'" + name + "' is no venue that can be simulated; venues are " +
                                std::string(venue_names()));
  }
  outlet_.serve(*venue_, market_);
  if (replaying) {
    learn_capture(options.replay, *venue_);
    if (market_.size() == 0) {
      throw std::invalid_argument("--replay: " + options.replay + " holds nothing that venue '" +
                                  name + "' understands");
    }
    begin_faults(asked, {name, true, market_}, options.seed);
    venue_->begin(now);
    source_ = std::make_unique<Replay>(options.replay, options.speed, *venue_, outlet_);
    return;
  }
  Random random(options.seed);
  list_instruments(market_, spec, venue_->shape(), random);
  begin_faults(asked, {spec.venue, false, market_}, options.seed);
  venue_->begin(now);
  source_ = std::make_unique<Generator>(Generator::Options{spec, options.seed}, random, market_,
                                        *venue_, outlet_);
}

void Exchange::begin_faults(const std::vector<Fault>& asked, const FaultyMarket& of,
                            std::uint64_t seed) {
  const auto now = faults_.now();
  for (const auto& fault : asked) check_fault(fault, of);
  const auto faults = drawn(asked, of, seed);
  faults_ = Faults(faults);
  faults_.set_time(now);
  faults_text_ = text_of(faults);
  for (const auto& fault : faults) {
    if (fault.kind != FaultKind::List) continue;
    const auto listing = market_.find(fault.aim.symbol);
    if (listing == no_listing) continue;  // said twice
    market_.set_trading(listing, Trading::Unlisted);
  }
}

void Exchange::on_open(SessionId session, std::string_view target, UtcNs now) {
  faults_.set_time(now);
  outlet_.on_open(session);
  venue_->on_open(session, target, now);
  if (venue_->subscriptions().begun()) faults_.begin();
}

void Exchange::on_close(SessionId session) {
  limits_.closed(session);
  outlet_.on_close(session);
  venue_->on_close(session);
}

void Exchange::on_text(SessionId session, std::string_view text, UtcNs now) {
  faults_.set_time(now);
  venue_->on_text(session, text, now);
  if (venue_->subscriptions().begun()) faults_.begin();
}

void Exchange::on_get(RequestId request, std::string_view target, UtcNs now) {
  faults_.set_time(now);
  const auto fate = faults_.on_request(query_value(target, "symbol"));
  if (fate.dropped) return;
  if (fate.too_many) return outlet_.refuse(request, status_too_many, fate.retry_after_s);
  if (fate.delay_ns != 0) outlet_.hold_answer(request, fate.delay_ns);
  venue_->on_get(request, target, now);
}

UtcNs Exchange::advance(UtcNs now) {
  faults_.set_time(now);
  change_instruments(now);
  const auto due = outlet_.on_tick();
  const auto source = source_->advance(now);
  return std::min({due, source, venue_->on_tick(now)});
}

// --- Instruments that change --------------------------------------------------------------------

void Exchange::rename(ListingIndex listing, const std::string& symbol, std::uint32_t name) {
  const auto was = market_[listing].symbol;
  market_.rename(listing, symbol);
  market_[listing].name = name;
  venue_->on_renamed(listing, was);
}

void Exchange::set_trading(ListingIndex index, Trading trading) {
  market_.set_trading(index, trading);
  venue_->on_listing(index);
}

void Exchange::change(const Fault& fault, UtcNs now) {
  if (fault.kind == FaultKind::List) {
    return set_trading(market_.find_any(fault.aim.symbol), Trading::Online);
  }
  const auto listing = market_.find(fault.aim.symbol);
  if (listing == no_listing) return;  // it has another name just now, or none
  const Undo undo{listing, fault.kind, fault.aim.symbol, UtcNs{now.value + fault.lasts_ns}};
  const Decimals numbers{fault.price_more, fault.quantity_more};
  switch (fault.kind) {
    case FaultKind::Precision:
      market_[listing].refine(numbers);
      source_->on_refined(listing, numbers);
      return venue_->on_refined(listing, numbers);
    case FaultKind::Increments:
      market_[listing].steps = numbers;
      return venue_->on_listing(listing);
    case FaultKind::Delist:
    case FaultKind::Halt:
      set_trading(listing, fault.kind == FaultKind::Halt ? Trading::Halted : Trading::Delisted);
      break;
    default:
      if (market_.find_any(fault.name) != no_listing) return;
      rename(listing, fault.name, 1);
  }
  if (fault.lasts_ns != 0) undone_.push_back(undo);
}

void Exchange::change_instruments(UtcNs now) {
  for (const auto& fault : faults_.take_changes()) change(fault, now);
  for (auto at = undone_.begin(); at != undone_.end();) {
    if (at->until > now) {
      ++at;
      continue;
    }
    if (at->kind == FaultKind::Rename) {
      rename(at->listing, at->symbol, 0);
    } else {
      set_trading(at->listing, Trading::Online);
    }
    at = undone_.erase(at);
  }
}

}  // namespace ringside::exchange
