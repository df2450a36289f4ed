#include "tools/exchange/venue.hpp"

#include "tools/exchange/binance.hpp"
#include "tools/exchange/kraken_v1.hpp"
#include "tools/exchange/kraken_v2.hpp"

namespace ringside::exchange {

std::string_view venue_names() {
  return "kraken, kraken-v1, binance, binance-us, binance-usdm, binance-coinm";
}

std::unique_ptr<Venue> make_venue(std::string_view name, VenueServices services) {
  if (name == "kraken") return std::make_unique<KrakenV2>(services);
  if (name == "kraken-v1") return std::make_unique<KrakenV1>(services);
  if (name == "binance" || name == "binance-us") {
    return std::make_unique<Binance>(services, BinanceDialect::Spot);
  }
  if (name == "binance-usdm") return std::make_unique<Binance>(services, BinanceDialect::UsdM);
  if (name == "binance-coinm") return std::make_unique<Binance>(services, BinanceDialect::CoinM);
  return nullptr;
}

std::string_view venue_of_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const auto host = url.substr(scheme + 3);
  if (host.starts_with("ws.kraken.com/v2")) return "kraken";
  if (host.starts_with("ws.kraken.com")) return "kraken-v1";
  const auto name = host.substr(0, host.find_first_of(":/"));
  if (name == "stream.binance.com" || name == "api.binance.com") return "binance";
  if (name == "stream.binance.us" || name == "api.binance.us") return "binance-us";
  if (name == "fstream.binance.com" || name == "fapi.binance.com") return "binance-usdm";
  if (name == "dstream.binance.com" || name == "dapi.binance.com") return "binance-coinm";
  return {};
}

}  // namespace ringside::exchange
