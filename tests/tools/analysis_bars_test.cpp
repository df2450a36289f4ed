// Bars: by hand, and against a slow and obvious twin over random trades.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/collector/capture_lines.hpp"
#include "tests/tools/scripted_source.hpp"
#include "tools/ringside/analysis/bars.hpp"
#include "tools/ringside/capture_source.hpp"
#include "tools/ringside/verification.hpp"

namespace ringside::tools::analysis_test {
namespace {

std::vector<Bar> bars_of(ScriptedSource& source, std::string_view rule) {
  BarBuilder builder(parse_bar_rule(rule).value(), source.instruments().size());
  std::vector<Bar> bars;
  SourceEvent event;
  while (source.next(event)) builder.take(event, bars);
  builder.finish(bars);
  return bars;
}

std::string row(const Bar& bar, std::string_view symbol = "A") {
  std::string text;
  append_bar_csv(text, bar, symbol);
  return text;
}

TEST(BarRule, IsReadStrictly) {
  EXPECT_EQ(parse_bar_rule("time:250ms")->period_ns, 250'000'000);
  EXPECT_EQ(parse_bar_rule("time:1m")->period_ns, 60 * second);
  EXPECT_EQ(parse_bar_rule("time:2h")->period_ns, 7'200 * second);
  EXPECT_EQ(parse_bar_rule("time:1d")->period_ns, 86'400 * second);
  const auto volume = parse_bar_rule("volume:12.50").value();
  EXPECT_EQ(volume.kind, BarKind::Volume);
  EXPECT_EQ(static_cast<std::int64_t>(volume.threshold.mantissa), 1250);
  EXPECT_EQ(volume.threshold.power_of_ten, -2);
  EXPECT_EQ(parse_bar_rule("imbalance:3")->kind, BarKind::Imbalance);
  for (const auto* const text :
       {"", "time", "time:", "time:0s", "time:-1s", "time:1", "time:1w", "time:s", "volume:0",
        "volume:", "volume:.", "volume:1e3", "volume:-1", "volume:1.2.3", "ticks:5",
        "time:999999999999d", "volume:1234567890123456789"}) {
    EXPECT_FALSE(parse_bar_rule(text)) << text;
  }
}

TEST(Bars, OfTimeHoldWhatWasTradedInTheirPeriod) {
  ScriptedSource source("binance", {"A"});
  source.trade(midnight + second, Side::Bid, 1'000, 500);
  source.trade(midnight + 2 * second, Side::Ask, 990, 1'500);
  source.trade(midnight + 3 * second, Side::Bid, 1'010, 1'000);
  source.trade(midnight + 60 * second, Side::None, 1'005, 1);
  source.trade(midnight + 200 * second, Side::None, 1'001, 1);  // nothing traded for a while
  const auto bars = bars_of(source, "time:1m");
  ASSERT_EQ(bars.size(), 3U);
  EXPECT_EQ(row(bars[0]),
            "A,1795219200000000000,1795219260000000000,10,10.1,9.9,10.1,3,1.5,29.95,9.983333,3,0,"
            "yes\n");
  EXPECT_EQ(bars[1].begin_ns, midnight + 60 * second);
  EXPECT_EQ(bars[1].trades, 1U);
  EXPECT_EQ(bars[2].begin_ns, midnight + 180 * second);
  EXPECT_TRUE(row(bars[2]).ends_with(",no\n")) << "the feed ended within it";
}

TEST(Bars, ATradeThatComesLateBelongsToTheOpenBarAndIsCounted) {
  ScriptedSource source("binance", {"A"});
  source.trade(midnight + 59 * second, Side::Bid, 1'000, 1);
  source.trade(midnight + 61 * second, Side::Bid, 1'000, 1);
  source.trade(midnight + 58 * second, Side::Bid, 2'000, 1);
  source.trade(midnight + 119 * second, Side::Bid, 1'000, 1);
  const auto bars = bars_of(source, "time:1m");
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_EQ(bars[0].trades, 1U);
  EXPECT_EQ(bars[1].trades, 3U);
  EXPECT_EQ(bars[1].late, 1U);
  EXPECT_EQ(bars[1].high, 2'000);
}

TEST(Bars, TheVenuesTimeCountsWhereItSendsOne) {
  ScriptedSource source("binance", {"A"});
  source.trade(midnight + second, Side::Bid, 1'000, 1);
  source.exchange_time(midnight - second);
  EXPECT_EQ(bars_of(source, "time:1m")[0].begin_ns, midnight - 60 * second);
}

TEST(Bars, OfVolumeEndWithTheTradeThatReachesIt) {
  ScriptedSource source("binance", {"A"});
  for (int i = 0; i < 5; ++i) source.trade(midnight + i * second, Side::Bid, 1'000, 400);
  const auto bars = bars_of(source, "volume:1");
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_EQ(static_cast<std::int64_t>(bars[0].volume), 1'200) << "a trade is not split";
  EXPECT_EQ(bars[0].end_ns, midnight + 2 * second);
  EXPECT_TRUE(bars[0].complete);
  EXPECT_FALSE(bars[1].complete);
}

TEST(Bars, OfImbalanceEndWhenOneSideIsAhead) {
  ScriptedSource source("binance", {"A"});
  std::int64_t now = midnight;
  const auto trade = [&](Side side, std::int64_t price) {
    source.trade(now += second, side, price, 1'000);
  };
  trade(Side::Bid, 100);
  trade(Side::Ask, 100);
  trade(Side::Ask, 100);
  trade(Side::Ask, 100);   // -2: ends
  trade(Side::None, 101);  // an uptick counts as bought
  trade(Side::None, 101);  // no change: as before; ends
  trade(Side::None, 99);
  const auto bars = bars_of(source, "imbalance:2");
  ASSERT_EQ(bars.size(), 3U);
  EXPECT_EQ(bars[0].trades, 4U);
  EXPECT_EQ(bars[1].trades, 2U);
  EXPECT_EQ(static_cast<std::int64_t>(bars[1].bought), 0) << "nobody said that they were";
  EXPECT_EQ(bars[2].trades, 1U);
}

TEST(Bars, UnitsThatBecomeFinerOrCoarserWithinABarChangeNothing) {
  ScriptedSource source("binance", {"A"});
  source.trade(midnight, Side::Bid, 1'000, 1'000);
  source.trade(midnight + 1, Side::Bid, 100'050, 10'000);
  source.trade(midnight + 2, Side::Bid, 1'001, 1'000);
  BarBuilder builder(parse_bar_rule("time:1m").value(), 1);
  std::vector<Bar> bars;
  SourceEvent event;
  for (int i = 0; source.next(event); ++i) {
    if (i == 1) event.terms = {Exponent{-4}, Exponent{-4}, ChecksumRule::None, 0};
    builder.take(event, bars);
  }
  builder.finish(bars);
  ASSERT_EQ(bars.size(), 1U);
  EXPECT_EQ(row(bars[0]),
            "A,1795219200000000000,1795219260000000000,10,10.01,10,10.01,3,3,30.015,10.005,3,0,"
            "no\n");
}

TEST(Bars, ASumThatDoesNotFitIsSaid) {
  ScriptedSource source("binance", {"A"});
  constexpr std::int64_t most = mantissa_limit - 1;
  for (int i = 0; i < 20; ++i) source.trade(midnight, Side::Bid, most, most);
  const auto bars = bars_of(source, "time:1m");
  ASSERT_EQ(bars.size(), 1U);
  EXPECT_TRUE(bars[0].overflowed);
  EXPECT_TRUE(row(bars[0]).ends_with(",overflowed\n"));
}

TEST(Bars, OfRandomTradesAddUpToAllThatWasTraded) {
  for (const auto* const rule : {"time:7s", "volume:25.5", "imbalance:12"}) {
    std::mt19937_64 random(20261121);
    ScriptedSource source("binance", {"A", "B", "C"});
    struct Sums {
      std::int64_t volume = 0, bought = 0, notional = 0, trades = 0, high = 0;
    };
    std::map<std::size_t, Sums> sums;
    std::int64_t now = midnight;
    for (int i = 0; i < 3'000; ++i) {
      now += static_cast<std::int64_t>(random() % second);
      const auto instrument = random() % 3;
      const auto side = static_cast<Side>(random() % 3);
      const auto price = static_cast<std::int64_t>(900 + random() % 200);
      const auto quantity = static_cast<std::int64_t>(1 + random() % 5'000);
      const auto jitter = static_cast<std::int64_t>(random() % second);
      source.trade(now - jitter, side, price, quantity, 0, instrument);
      auto& sum = sums[instrument];
      sum.volume += quantity;
      sum.bought += side == Side::Bid ? quantity : 0;
      sum.notional += price * quantity;
      ++sum.trades;
      sum.high = std::max(sum.high, price);
    }
    std::map<std::size_t, Sums> found;
    std::map<std::size_t, std::int64_t> ends;
    for (const auto& bar : bars_of(source, rule)) {
      auto& sum = found[bar.instrument];
      sum.volume += static_cast<std::int64_t>(bar.volume);
      sum.bought += static_cast<std::int64_t>(bar.bought);
      sum.notional += static_cast<std::int64_t>(bar.notional);
      sum.trades += static_cast<std::int64_t>(bar.trades);
      sum.high = std::max(sum.high, bar.high);
      EXPECT_LE(bar.low, std::min(bar.open, bar.close));
      EXPECT_GE(bar.high, std::max(bar.open, bar.close));
      const auto average = bar.average_price();
      EXPECT_GE(average.mantissa, Wide{bar.low} * 10'000);
      EXPECT_LE(average.mantissa, Wide{bar.high} * 10'000);
      if (std::string_view(rule).starts_with("time")) {
        EXPECT_GE(bar.begin_ns, ends[bar.instrument]) << "a period has one bar";
        ends[bar.instrument] = bar.end_ns;
      }
    }
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(found[i].volume, sums[i].volume) << rule;
      EXPECT_EQ(found[i].bought, sums[i].bought) << rule;
      EXPECT_EQ(found[i].notional, sums[i].notional) << rule;
      EXPECT_EQ(found[i].trades, sums[i].trades) << rule;
      EXPECT_EQ(found[i].high, sums[i].high) << rule;
    }
  }
}

struct Set {
  const char* name;
  const char* venue;
};
class RecordedBars : public ::testing::TestWithParam<Set> {};

TEST_P(RecordedBars, AddUpToTheOraclesTrades) {
  const auto folder = collector::bench::captures_folder();
  if (folder.empty()) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  const auto [set, venue] = GetParam();
  const auto capture = folder + "/" + set + ".gz";
  CaptureSource source(venue, capture);
  BarBuilder builder(parse_bar_rule("time:10s").value(), source.instruments().size());
  std::vector<Bar> bars;
  SourceEvent event;
  while (source.next(event)) builder.take(event, bars);
  builder.finish(bars);
  struct Sums {
    ExactSum volume, notional;
    std::uint64_t trades = 0;
  };
  std::map<std::string, Sums> sums;
  for (const auto& bar : bars) {
    auto& sum = sums[source.instruments()[bar.instrument].symbol];
    sum.volume.add(bar.volume, bar.quantity_power);
    sum.notional.add(bar.notional, bar.price_power + bar.quantity_power);
    sum.trades += bar.trades;
  }
  const auto verified = verify_capture(venue, capture);
  ASSERT_EQ(sums.size(), verified.trades.size());
  for (const auto& [symbol, totals] : verified.trades) {
    EXPECT_EQ(sums[symbol].trades, totals.count) << symbol;
    EXPECT_EQ(sums[symbol].volume.text(), totals.quantity_sum) << symbol;
    EXPECT_EQ(sums[symbol].notional.text(), totals.notional_sum) << symbol;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, RecordedBars,
                         ::testing::Values(Set{"kraken_v1_a", "kraken-v1"},
                                           Set{"binance_spot_btcusdt", "binance"},
                                           Set{"binance_us_multi", "binance-us"},
                                           Set{"binance_usdm_btcusdt", "binance-usdm"},
                                           Set{"binance_cm_btcusd_perp", "binance-coinm"}),
                         [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::tools::analysis_test
