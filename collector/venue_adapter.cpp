#include "collector/venue_adapter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "collector/binance.hpp"
#include "collector/kraken.hpp"
#include "collector/kraken_v1.hpp"
#include "collector/venue_limits.hpp"
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
  config.instruments_max = context.instruments_max;
  const auto& venue = context.venue;
  config.trades = venue.channels.trade;
  config.books = venue.channels.book;
  config.bbos = venue.channels.bbo;
  if (venue.depth != 0) config.depth = venue.depth;
  config.generation = context.generation;
  config.instruments_per_connection = instruments_a_connection(venue);
  config.messages = limits_of(venue).messages;
  config.path = net::parse_url(venue.websocket).target;
  config.seed = context.seed;
  if (venue.name == "kraken-v1") {
    return std::make_unique<KrakenV1Adapter>(std::move(config), context.records, context.host);
  }
  return std::make_unique<KrakenAdapter>(std::move(config), context.records, context.host);
}

BinanceLayout binance_layout(BinanceMarket market, const VenueConfig& venue) {
  if (venue.layout.empty()) return BinanceConfig::for_market(market).layout;
  return venue.layout == "split" ? BinanceLayout::PublicAndMarket : BinanceLayout::OneStream;
}

std::unique_ptr<Adapter> make_binance(AdapterContext context, BinanceMarket market) {
  const auto& venue = context.venue;
  auto config = BinanceConfig::for_market(market);
  for (auto& instrument : context.instruments) {
    BinanceInstrument given;
    given.symbol = std::move(instrument.symbol);
    given.id = instrument.id;
    given.record = instrument.record;
    config.instruments.push_back(std::move(given));
  }
  config.instruments_max = context.instruments_max;
  config.trades = venue.channels.trade;
  config.books = venue.channels.book;
  config.bbos = venue.channels.bbo;
  config.layout = binance_layout(market, venue);
  config.instruments_per_connection = venue.instruments_per_connection;
  config.take_limits(limits_of(venue), venue.depth);
  config.rest.backoff_max_ns = std::int64_t{venue.retry_ms_max} * 1'000'000;
  config.rest.backoff_first_ns = std::min(config.rest.backoff_first_ns, config.rest.backoff_max_ns);
  config.metadata_period_ns = std::int64_t{venue.metadata_ms} * 1'000'000;
  config.generation = context.generation;
  config.seed = context.seed;
  return std::make_unique<BinanceAdapter>(std::move(config), context.records, context.host);
}

}  // namespace

std::unique_ptr<Adapter> make_adapter(AdapterContext context) {
  if (const auto market = binance_market(context.venue.name))
    return make_binance(std::move(context), *market);
  if (context.venue.name == "kraken" || context.venue.name == "kraken-v1") {
    return make_kraken(std::move(context));
  }
  throw ipc::ConfigError(
      fmt::format("[[venue]] name = \"{}\": this venue cannot be collected live; use it "
                  "with 'ringside verify' on captures",
                  context.venue.name));
}

ConnectionIndex book_connection(const VenueConfig& venue, std::size_t place) {
  const auto share = instruments_a_connection(venue);
  const auto shard = share == 0 ? 0 : static_cast<ConnectionIndex>(place / share);
  // Split, a shard is two connections, of which the first has the books.
  const auto& channels = venue.channels;
  const auto market = binance_market(venue.name);
  const bool split = market && binance_layout(*market, venue) == BinanceLayout::PublicAndMarket &&
                     channels.trade && (channels.book || channels.bbo);
  return split ? 2 * shard : shard;
}

InstrumentTerms configured_terms(const VenueConfig& venue) {
  InstrumentTerms terms;
  if (venue.name.starts_with("kraken")) {
    terms.checksum = ChecksumRule::Kraken;
    terms.depth = venue.depth == 0 ? kraken_depth_default : venue.depth;
  }
  return terms;
}

}  // namespace ringside::collector
