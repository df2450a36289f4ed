// Which faults a venue's protocol has at all, and faults drawn from a seed out of those.
//
// Threads: any; plain functions. Fails by: std::invalid_argument, one line, for a fault that this
// market cannot show.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tools/exchange/fault_language.hpp"
#include "tools/exchange/market.hpp"

namespace ringside::exchange {

struct FaultyMarket {
  std::string_view venue;
  bool replaying = false;
  const Market& market;
};

// Throws when the venue, or a replay, has no such thing, or the symbol is not traded.
void check_fault(const Fault& fault, const FaultyMarket& of);

// Each "random:K" replaced by K faults of the first ten seconds; the rest as it is. Equal seeds,
// symbols and venues give equal faults.
[[nodiscard]] std::vector<Fault> drawn(std::vector<Fault> faults, const FaultyMarket& of,
                                       std::uint64_t seed);

}  // namespace ringside::exchange
