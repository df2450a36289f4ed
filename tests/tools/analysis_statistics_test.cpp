// What a feed was like: by hand.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/scripted_source.hpp"
#include "tools/ringside/analysis/statistics.hpp"

namespace ringside::tools::analysis_test {
namespace {

Statistics statistics_of(ScriptedSource& source) {
  Statistics statistics(source.instruments().size());
  SourceEvent event;
  while (source.next(event)) statistics.take(event);
  statistics.finish();
  return statistics;
}

TEST(Statistics, SpreadAndDepthAreWeightedByHowLongTheyStood) {
  ScriptedSource source("binance", {"A"});
  source.snapshot(midnight, {at(9'990, 1'000), at(9'980, 500)}, {at(10'010, 2'000)});
  source.level(midnight + 3 * second, Side::Ask, 10'000, 4'000);
  source.trade(midnight + 4 * second, Side::Bid, 10'000, 1);
  const auto statistics = statistics_of(source);
  const auto& of = statistics.of(0);
  EXPECT_EQ(of.spread_least, "0.1");
  EXPECT_EQ(of.spread_most, "0.2");
  EXPECT_DOUBLE_EQ(of.spread.mean(), (3 * 0.2 + 1 * 0.1) / 4);
  EXPECT_NEAR(of.spread_share.mean(), (3 * 0.2 / 100 + 0.1 / 99.95) / 4, 1e-12);
  EXPECT_DOUBLE_EQ(of.best_ask.mean(), (3 * 2.0 + 4.0) / 4);
  EXPECT_DOUBLE_EQ(of.bid_depth.mean(), 1.5);
  EXPECT_DOUBLE_EQ(of.ask_depth.mean(), (3 * 2.0 + 6.0) / 4);
  EXPECT_EQ(of.live_ns, 4 * second);
  EXPECT_EQ(statistics.span_ns(), 4 * second);
  EXPECT_EQ(of.updates.total(), 2U);
  EXPECT_EQ(of.trades.total(), 1U);
}

TEST(Statistics, WhatABookShowsWhileItIsNotLiveDoesNotCount) {
  ScriptedSource source("binance", {"A", "B"});
  source.snapshot(midnight, {at(100, 1)}, {at(102, 1)});
  source.gap(midnight + second);
  source.snapshot(midnight + 11 * second, {at(100, 1)}, {at(110, 1)});
  source.trade(midnight + 12 * second, Side::Bid, 1, 1, 0, 1);
  const auto statistics = statistics_of(source);
  const auto& of = statistics.of(0);
  EXPECT_EQ(of.gaps, 1U);
  EXPECT_EQ(of.live_ns, 2 * second);
  EXPECT_DOUBLE_EQ(of.spread.mean(), (0.02 + 0.1) / 2);
  EXPECT_EQ(of.longest_silence_ns, 0) << "a gap is no silence";
  EXPECT_EQ(statistics.of(1).gaps, 0U);
}

TEST(Statistics, ACrossedBookHasNoSpread) {
  ScriptedSource source("binance", {"A"});
  source.snapshot(midnight, {at(100, 1)}, {at(102, 1)});
  source.level(midnight + second, Side::Bid, 103, 1);
  source.level(midnight + 3 * second, Side::Bid, 103, 0);
  source.level(midnight + 10 * second, Side::Bid, 99, 1);
  const auto statistics = statistics_of(source);
  const auto& of = statistics.of(0);
  EXPECT_EQ(of.crossed_ns, 2 * second);
  EXPECT_EQ(of.spread_least, "0.02");
  EXPECT_EQ(of.longest_silence_ns, 7 * second);
}

TEST(Statistics, TheBusiestSecondIsOneOfTheClock) {
  ScriptedSource source("binance", {"A"});
  for (const std::int64_t ms : {100, 900, 1'000, 1'100, 1'200, 2'000, 9'000}) {
    source.trade(midnight + ms * 1'000'000, Side::Bid, 1, 1);
  }
  const auto statistics = statistics_of(source);
  EXPECT_EQ(statistics.of(0).trades.most_a_second(), 3U);
}

TEST(Statistics, WhatComesWithAnOlderTimeTakesNothingBack) {
  ScriptedSource source("binance", {"A"});
  source.snapshot(midnight + 5 * second, {at(100, 1)}, {at(102, 1)});
  source.level(midnight, Side::Bid, 101, 1);  // kept for the snapshot
  source.level(midnight + 6 * second, Side::Bid, 99, 1);
  const auto statistics = statistics_of(source);
  EXPECT_EQ(statistics.of(0).live_ns, second);
  EXPECT_DOUBLE_EQ(statistics.of(0).spread.mean(), 0.01);
}

TEST(Statistics, AreToldAsJsonAndAsATable) {
  ScriptedSource source("binance", {"A", "B"});
  source.snapshot(midnight, {at(9'990, 1'000)}, {at(10'010, 2'000)});
  source.trade(midnight + second, Side::Bid, 1, 1);
  const auto statistics = statistics_of(source);
  const auto json = nlohmann::json::parse(statistics_json(statistics, source));
  EXPECT_EQ(json["venue"], "binance");
  EXPECT_EQ(json["span_s"], 1.0);
  EXPECT_EQ(json["instruments"]["A"]["spread"]["least"], "0.2");
  EXPECT_EQ(json["instruments"]["A"]["updates"], 1);
  EXPECT_FALSE(json["instruments"]["B"].contains("spread"));
  const auto text = statistics_text(statistics, source);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    EXPECT_LE(end - begin, 80U);
    begin = end + 1;
  }
}

}  // namespace
}  // namespace ringside::tools::analysis_test
