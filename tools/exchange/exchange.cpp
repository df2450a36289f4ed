#include "tools/exchange/exchange.hpp"

#include <algorithm>
#include <stdexcept>

#include "tools/exchange/generator.hpp"
#include "tools/exchange/replay.hpp"

namespace ringside::exchange {

Exchange::Exchange(const ExchangeOptions& options, Outlet& outlet, UtcNs now)
    : faults_(options.faults), outlet_(outlet, faults_) {
  const bool replaying = !options.replay.empty();
  GeneratorSpec spec;
  if (!replaying) spec = parse_spec(options.generate);
  std::string name = replaying ? options.venue : spec.venue;
  if (name.empty()) name = venue_of_capture(options.replay);
  if (!options.venue.empty() && options.venue != name) {
    throw std::invalid_argument("--venue: the spec says '" + name + "'");
  }
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
  if (replaying) {
    learn_capture(options.replay, *venue_);
    if (market_.size() == 0) {
      throw std::invalid_argument("--replay: " + options.replay + " holds nothing that venue '" +
                                  name + "' understands");
    }
    check_faults();
    venue_->begin(now);
    source_ = std::make_unique<Replay>(options.replay, options.speed, *venue_, outlet_);
    return;
  }
  Random random(options.seed);
  list_instruments(market_, spec, venue_->shape(), random);
  check_faults();
  venue_->begin(now);
  source_ = std::make_unique<Generator>(Generator::Options{spec, options.seed}, random, market_,
                                        *venue_, outlet_);
}

void Exchange::check_faults() const {
  for (const auto& symbol : faults_.symbols()) {
    if (market_.find(symbol) == no_listing) {
      throw std::invalid_argument("--faults: symbol '" + symbol + "' is not traded here");
    }
  }
}

void Exchange::on_open(SessionId session, std::string_view target, UtcNs now) {
  outlet_.on_open(session);
  venue_->on_open(session, target, now);
}

void Exchange::on_close(SessionId session) {
  limits_.closed(session);
  outlet_.on_close(session);
  venue_->on_close(session);
}

UtcNs Exchange::advance(UtcNs now) {
  const auto source = source_->advance(now);
  return std::min(source, venue_->on_tick(now));
}

}  // namespace ringside::exchange
