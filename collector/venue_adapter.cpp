#include "collector/venue_adapter.hpp"

#include <fmt/format.h>

#include "collector/kraken.hpp"
#include "net/url.hpp"

namespace ringside::collector {
namespace {

std::unique_ptr<Adapter> make_kraken(AdapterContext context) {
  KrakenConfig config;
  for (auto& instrument : context.instruments) {
    KrakenInstrument given;
    given.symbol = std::move(instrument.symbol);
    given.id = instrument.id;
    given.record = instrument.record;
    config.instruments.push_back(std::move(given));
  }
  const auto& venue = context.venue;
  config.trades = venue.channels.trade;
  config.books = venue.channels.book;
  config.bbos = venue.channels.bbo;
  if (venue.depth != 0) config.depth = venue.depth;
  config.generation = context.generation;
  config.instruments_per_connection = venue.instruments_per_connection;
  config.path = net::parse_url(venue.websocket).target;
  config.seed = context.seed;
  return std::make_unique<KrakenAdapter>(std::move(config), context.records, context.host);
}

}  // namespace

std::unique_ptr<Adapter> make_adapter(AdapterContext context) {
  if (context.venue.name == "kraken") return make_kraken(std::move(context));
  throw ipc::ConfigError(
      fmt::format("[[venue]] name = \"{}\": this venue cannot be collected live; use it "
                  "with 'ringside verify' on captures",
                  context.venue.name));
}

InstrumentTerms configured_terms(const VenueConfig& venue) {
  InstrumentTerms terms;
  terms.depth = venue.depth;
  if (venue.name.starts_with("kraken")) {
    terms.checksum = ChecksumRule::Kraken;
    if (terms.depth == 0) terms.depth = kraken_depth_default;
  }
  return terms;
}

}  // namespace ringside::collector
