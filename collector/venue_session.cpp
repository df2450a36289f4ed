#include "collector/venue_session.hpp"

#include <algorithm>

namespace ringside::collector {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t reconnect_first_ns = 250'000'000;

}  // namespace

net::StreamOptions stream_options(const VenueConfig& venue) {
  const auto step_ns = std::int64_t{venue.connect_ms_max} * ns_per_ms;
  net::StreamOptions options;
  options.resolve_ns_max = step_ns;
  options.connect_ns_max = step_ns;
  options.tls_ns_max = step_ns;
  options.proxy_ns_max = step_ns;
  if (!venue.proxy.empty()) {
    const auto proxy = net::parse_url(venue.proxy);
    options.proxy = {proxy.host, proxy.port, venue.proxy_authorization};
  }
  return options;
}

net::BackoffOptions backoff_options(const VenueConfig& venue) noexcept {
  const auto cap_ns = std::int64_t{venue.retry_ms_max} * ns_per_ms;
  return {.base_ns = std::min(reconnect_first_ns, cap_ns), .cap_ns = cap_ns};
}

std::unique_ptr<net::TlsContext> tls_of(const VenueConfig& venue) {
  if (!venue.websocket.starts_with("wss://") && !venue.rest.starts_with("https://")) return nullptr;
  return std::make_unique<net::TlsContext>(
      net::TlsContext::client({.ca_file = venue.tls_ca,
                               .insecure_for_tests = venue.insecure_for_tests,
                               .records = venue.openssl_records ? net::TlsRecordReader::OpenSsl
                                                                : net::TlsRecordReader::Own}));
}

template class BasicVenueSession<net::Sockets>;

}  // namespace ringside::collector
