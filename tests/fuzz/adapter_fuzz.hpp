// What fuzzers of adapters share: two instruments, a ring that is read as fast as it is written,
// and a look at every record that comes out.
#pragma once

#include <cstdint>
#include <string_view>

#include "ipc/check.hpp"
#include "tests/collector/adapter_bench.hpp"

namespace ringside::fuzz {

inline constexpr std::size_t instruments = 2;

inline bool within(std::int64_t mantissa) {
  return mantissa > -mantissa_limit && mantissa < mantissa_limit;
}

// Takes all records; they must be what a worker can take.
inline void check_records(collector::bench::Bench& bench) {
  for (const auto& seen : bench.drain()) {
    RINGSIDE_CHECK(seen.record.id().ordinal() < instruments);
    for (const auto* side : {&seen.bids, &seen.asks}) {
      for (const auto& level : *side) {
        RINGSIDE_CHECK(within(level.price.mantissa) && within(level.quantity.mantissa));
        RINGSIDE_CHECK(level.quantity.mantissa >= 0);
      }
    }
    if (seen.record.kind == Kind::Trade || seen.record.kind == Kind::Level ||
        seen.record.kind == Kind::Bbo) {
      RINGSIDE_CHECK(within(seen.record.price) && within(seen.record.quantity));
    }
  }
}

// Calls take(text) for each line of the input, and lets time pass between them.
template <typename Take>
void each_line(std::string_view input, Take take) {
  while (!input.empty()) {
    const auto end = input.find('\n');
    take(input.substr(0, end));
    if (end == std::string_view::npos) return;
    input.remove_prefix(end + 1);
  }
}

}  // namespace ringside::fuzz
