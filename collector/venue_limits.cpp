#include "collector/venue_limits.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::collector {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t ns_per_minute = 60 * ns_per_s;

// Kraken. Documents neither a rate of messages nor a number of subscriptions a connection: those
// are ours. Connects: Cloudflare in front of it, about 150 in 10 minutes of one address (the
// venue's support pages; not a promise).
constexpr VenueLimits kraken{
    .venue = "kraken",
    .connects = {150, 10 * ns_per_minute},
    .messages = {50, ns_per_s},
    .instruments_a_connection = 500,
};

// Binance spot: web-socket-streams.md and rest-api.md, July 2026. 5 messages a second, pings and
// pongs among them, of which up to two may fall into one second; 1024 streams; 300 connects in 5
// minutes; a connection lives 24 hours; weight 6000 a minute.
constexpr VenueLimits binance{
    .venue = "binance",
    .connects = {300, 5 * ns_per_minute},
    .messages = {5, ns_per_s},
    .messages_reserved = 2,
    .streams_a_connection = 1024,
    .connection_life_ns = 24 * 60 * ns_per_minute,
    .rest_weight = {6000, ns_per_minute},
    .depth_weights = {{{100, 5}, {500, 25}, {1000, 50}, {5000, 250}}},
    .info_weight = 20,
    .depth_default = 5000,
};

// The futures: USD-M "Websocket Market Streams" and "Order Book". Of streams a connection its pages
// say 1024 and 200: the stricter counts. Connects are not documented: as on spot.
constexpr VenueLimits futures(std::string_view venue) {
  return {
      .venue = venue,
      .connects = {300, 5 * ns_per_minute},
      .messages = {10, ns_per_s},
      .messages_reserved = 2,
      .streams_a_connection = 200,
      .connection_life_ns = 24 * 60 * ns_per_minute,
      .rest_weight = {2400, ns_per_minute},
      .depth_weights = {{{50, 2}, {100, 5}, {500, 10}, {1000, 20}}},
      .info_weight = 1,
      .depth_default = 1000,
  };
}

// Still counts by the scale that spot had until 2023.
constexpr VenueLimits binance_us() {
  auto limits = binance;
  limits.venue = "binance-us";
  limits.rest_weight = {1200, ns_per_minute};
  limits.depth_weights = {{{100, 1}, {500, 5}, {1000, 10}, {5000, 50}}};
  limits.info_weight = 10;
  return limits;
}

constexpr VenueLimits kraken_v1() {
  auto limits = kraken;
  limits.venue = "kraken-v1";
  return limits;
}

constexpr std::array table{
    kraken, kraken_v1(), binance, binance_us(), futures("binance-usdm"), futures("binance-coinm")};

void override_with(PaceLimit& limit, std::uint32_t most, std::uint32_t window_ms) {
  if (most != 0) limit.most = most;
  if (window_ms != 0) limit.window_ns = window_ms * ns_per_ms;
}

// Of what an address may do: what falls to these instruments, less one in twenty.
void take_part(PaceLimit& limit, const VenueConfig& venue) {
  if (limit.most == 0) return;
  std::uint64_t most = limit.most;
  const auto own = venue.own_instruments != 0 ? venue.own_instruments : venue.instruments.size();
  if (venue.address_instruments > own) {
    most = most * own / venue.address_instruments;
  }
  limit.most = static_cast<std::uint32_t>(std::max<std::uint64_t>(most - most / 20, 1));
}

}  // namespace

std::uint32_t VenueLimits::depth_weight(std::uint32_t levels) const noexcept {
  for (const auto& each : depth_weights) {
    if (levels <= each.levels_max) return each.weight;
  }
  return depth_weights.back().weight;
}

const VenueLimits& documented_limits(std::string_view venue) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const VenueLimits& each) { return each.venue == venue; });
  RINGSIDE_CHECK(found != table.end());
  return *found;
}

VenueLimits limits_of(const VenueConfig& venue) {
  auto limits = documented_limits(venue.name);
  override_with(limits.connects, venue.connects_max, venue.connects_window_ms);
  override_with(limits.messages, venue.messages_max, venue.messages_window_ms);
  override_with(limits.rest_weight, venue.rest_weight_max, venue.rest_window_ms);
  take_part(limits.connects, venue);
  take_part(limits.rest_weight, venue);
  limits.messages.most -= limits.messages_reserved;
  return limits;
}

std::uint32_t instruments_a_connection(const VenueConfig& venue) {
  const auto& limits = documented_limits(venue.name);
  auto share = limits.instruments_a_connection;
  if (limits.streams_a_connection != 0) {
    const auto& channels = venue.channels;
    const auto streams = static_cast<std::uint32_t>(channels.trade) +
                         static_cast<std::uint32_t>(channels.book) +
                         static_cast<std::uint32_t>(channels.bbo);
    share = limits.streams_a_connection / std::max(1U, streams);
  }
  const auto asked = venue.instruments_per_connection;
  return asked == 0                                       ? share
         : share == 0 || limits.streams_a_connection == 0 ? asked
                                                          : std::min(share, asked);
}

std::int64_t connection_age_ns_max(const VenueConfig& venue) {
  if (venue.connection_ms_max != 0) return venue.connection_ms_max * ns_per_ms;
  const auto life_ns = documented_limits(venue.name).connection_life_ns;
  return life_ns - life_ns / 24;
}

void check_limits(const VenueConfig& venue) {
  const auto limits = limits_of(venue);
  if (limits.rest_weight.most == 0) return;
  const auto levels = venue.depth == 0 ? limits.depth_default : venue.depth;
  const auto heaviest = std::max(limits.depth_weight(levels), limits.info_weight);
  if (heaviest <= limits.rest_weight.most) return;
  throw ipc::ConfigError(fmt::format(
      "[[venue]] name = \"{}\" (line {}): its part of the venue's REST weight is {}, and a "
      "snapshot "
      "of {} levels costs {}; ask for a smaller depth, or put its instruments into fewer tables",
      venue.name, venue.line, limits.rest_weight.most, levels, heaviest));
}

}  // namespace ringside::collector
