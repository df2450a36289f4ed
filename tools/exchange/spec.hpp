// What --generate is asked for.
//
//   spec := VENUE ":" symbol { "," symbol } { ";" key "=" value }
//
// A '#' in a symbol, followed by '*' and a count at its end, stands for a number: "S#/USD*500" is
// S0/USD ... S499/USD. Keys:
//   depth    levels a side that the truth is told of, and the default subscription   25
//   rate     market events (book changes and trades) a second, all symbols; or max   2000
//   burst    mean events in a burst                                                  20
//   seconds  the market stands still afterwards; 0: never                            0
//   levels   levels kept a side; 0: half as many again as depth, and five            0
//   rest_ms  an answer to a REST request takes so long                               20
//   deep     mean changes away from the top that come with each event                0
//   depth_ms a depth message of Binance gathers so much; 0: what its stream says     0
//
// Fails by: std::invalid_argument, one line that names the key, the value and what is allowed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::exchange {

inline constexpr std::size_t symbols_max = 10'000;

struct GeneratorSpec {
  std::string venue;
  std::vector<std::string> symbols;
  std::uint32_t depth = 25;    // 1..5000
  std::uint32_t rate = 2'000;  // a second, 1..10'000'000; 0: max
  std::uint32_t burst = 20;    // 1..10'000
  std::uint32_t seconds = 0;   // 0..1'000'000
  std::uint32_t levels = 0;    // 0..20'000
  std::uint32_t rest_ms = 20;  // 0..60'000
  std::uint32_t deep = 0;      // 0..1'000
  std::uint32_t depth_ms = 0;  // 0..10'000
};

[[nodiscard]] GeneratorSpec parse_spec(std::string_view text);

}  // namespace ringside::exchange
