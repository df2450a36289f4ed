#include "tools/exchange/venue.hpp"

#include "tools/exchange/kraken_v1.hpp"
#include "tools/exchange/kraken_v2.hpp"

namespace ringside::exchange {

std::string_view venue_names() { return "kraken, kraken-v1"; }

std::unique_ptr<Venue> make_venue(std::string_view name, VenueServices services) {
  if (name == "kraken") return std::make_unique<KrakenV2>(services);
  if (name == "kraken-v1") return std::make_unique<KrakenV1>(services);
  return nullptr;
}

std::string_view venue_of_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const auto host = url.substr(scheme + 3);
  if (host.starts_with("ws.kraken.com/v2")) return "kraken";
  if (host.starts_with("ws.kraken.com")) return "kraken-v1";
  return {};
}

}  // namespace ringside::exchange
