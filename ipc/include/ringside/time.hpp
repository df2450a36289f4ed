// Two clocks, never mixed: Ticks (this host's counter, for intervals) and UtcNs (venues' time).
#pragma once

#include <compare>
#include <cstdint>

namespace ringside {

// Invariant TSC ticks; nanoseconds of CLOCK_MONOTONIC where the TSC is not invariant (the clock
// page of the collector says which). Comparable between processes of one host, not over a reboot.
struct Ticks {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(const Ticks&, const Ticks&) = default;
};

// Nanoseconds since 1970-01-01 UTC. 0 with Flag::NoExchangeTime: the venue did not say.
struct UtcNs {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(const UtcNs&, const UtcNs&) = default;
};

}  // namespace ringside
