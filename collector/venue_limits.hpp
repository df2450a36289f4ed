// What each venue allows, and how much of it is used: the one table of facts about limits, with
// their sources. Everything that paces itself reads it through limits_of().
//
//   connects      attempts to connect, of one address, all its processes together
//   messages      sent by us over one connection; pings and pongs count, too
//   rest_weight   of requests, of one address; a request costs what the venue says
//
// Setup only. Threads: any. Fails by: nothing; check_limits() throws for a configuration that could
// never send its heaviest request.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "collector/config.hpp"
#include "collector/pacer.hpp"

namespace ringside::collector {

// A depth request of up to so many levels a side costs so much.
struct DepthWeight {
  std::uint32_t levels_max;
  std::uint32_t weight;
};

struct VenueLimits {
  std::string_view venue;
  PaceLimit connects{};
  PaceLimit messages{};
  std::uint32_t messages_reserved = 0;         // of each window, for pings and pongs
  std::uint32_t streams_a_connection = 0;      // 0: none is documented
  std::uint32_t instruments_a_connection = 0;  // ours, where the venue says nothing; 0: all
  std::int64_t connection_life_ns = 0;         // then the venue cuts it; 0: none is documented
  PaceLimit rest_weight{};                     // most 0: nothing is asked over REST
  std::array<DepthWeight, 4> depth_weights{};  // ascending
  std::uint32_t info_weight = 0;               // of the metadata
  std::uint32_t depth_default = 0;             // levels a side that a snapshot is asked for

  [[nodiscard]] std::uint32_t depth_weight(std::uint32_t levels) const noexcept;
};

// The venue's own. `venue`: of known_venues().
[[nodiscard]] const VenueLimits& documented_limits(std::string_view venue);
// With the keys of the configuration in their place, and of what counts by address the part that
// falls to this table of the file. Less one in twenty of connects and weight, for whoever else uses
// the address.
[[nodiscard]] VenueLimits limits_of(const VenueConfig& venue);
// Instruments that share a connection; 0: all.
[[nodiscard]] std::uint32_t instruments_a_connection(const VenueConfig& venue);
// Age at which a connection is replaced, before the venue cuts it; 0: never.
[[nodiscard]] std::int64_t connection_age_ns_max(const VenueConfig& venue);
// Throws ipc::ConfigError, one line.
void check_limits(const VenueConfig& venue);

}  // namespace ringside::collector
