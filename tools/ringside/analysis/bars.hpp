// Trades as bars: open, high, low, close, volume.
//
//   time       each period of UTC in which something traded; it ends with the period
//   volume     ends with the trade that brings its volume to the threshold
//   imbalance  ends with the trade that brings |bought - sold| to the threshold; a trade whose
//              aggressor is not known counts as the side of the last change of price (the tick
//              rule)
//
// A trade is never split, and belongs to the bar that is open when it comes: the bars' volumes add
// up to all that was traded. One that is older than its time bar is counted (`late`).
// Source of the last two: M. Lopez de Prado, Advances in Financial Machine Learning (2018), ch. 2;
// imbalance here against a fixed threshold, not an expected one.
//
// Exact: mantissas, and 128-bit sums. Threads: one. Bounded by: one open bar an instrument.
// Fails by: Bar::overflowed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringside/analysis/event_source.hpp"
#include "tools/ringside/decimal_text.hpp"

namespace ringside::tools {

// mantissa x 10^power_of_ten.
struct Decimal {
  Wide mantissa = 0;
  int power_of_ten = 0;
};

enum class BarKind : std::uint8_t { Time, Volume, Imbalance };

struct BarRule {
  BarKind kind = BarKind::Time;
  std::int64_t period_ns = 60'000'000'000;  // of time bars, > 0
  Decimal threshold;                        // of the others, > 0
};

// "time:60s", "time:250ms", "time:1h", "volume:12.5", "imbalance:100". Nothing: it is none of them.
std::optional<BarRule> parse_bar_rule(std::string_view text);

struct Bar {
  std::size_t instrument = 0;
  std::int64_t begin_ns = 0;  // of the period, or of the first trade. UTC
  std::int64_t end_ns = 0;    // of the period, or of the last trade
  // Prices in units of 10^price_power, quantities in units of 10^quantity_power.
  int price_power = 0;
  int quantity_power = 0;
  std::int64_t open = 0;
  std::int64_t high = 0;
  std::int64_t low = 0;
  std::int64_t close = 0;
  Wide volume = 0;
  Wide bought = 0;
  Wide notional = 0;  // in units of both
  std::uint64_t trades = 0;
  std::uint64_t late = 0;
  bool complete = true;  // false: the feed ended within it
  bool overflowed = false;

  // Notional by volume, four decimals finer than a price, rounded to nearest.
  [[nodiscard]] Decimal average_price() const;
};

class BarBuilder {
 public:
  BarBuilder(BarRule rule, std::size_t instruments);

  // Events in their order; only trades matter. Appends the bars that have ended.
  void take(const SourceEvent& event, std::vector<Bar>& ended);
  // The feed has ended: what is open, in order of the instruments.
  void finish(std::vector<Bar>& ended);

 private:
  struct Open {
    Bar bar;
    bool any = false;
    std::int64_t ended_ns = 0;      // of the newest time bar that has ended
    Wide imbalance = 0;             // bought - sold, by the tick rule where need be
    std::int64_t newest_price = 0;  // of any bar
    int newest_power = 0;
    int newest_sign = 1;
  };
  void begin(Open& open, const SourceEvent& event) const;
  static void rescale(Open& open, const InstrumentTerms& terms);
  static int sign_of(Open& open, const SourceEvent& event);
  [[nodiscard]] bool reached(const Open& open) const;

  BarRule rule_;
  std::vector<Open> open_;
};

// "symbol,begin,end,open,high,low,close,volume,bought,notional,average,trades,late,complete\n"
std::string_view bar_csv_header();
void append_bar_csv(std::string& to, const Bar& bar, std::string_view symbol);

}  // namespace ringside::tools
