// What the venue lists changes while everything runs: `ringside tail` says so in words, and what is
// collected follows.
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/watcher.hpp"

namespace ringside::e2e {
namespace {

using nlohmann::json;

struct Venue {
  const char* name;
  const char* end;  // of a symbol
};

class Listings : public ::testing::TestWithParam<Venue> {};

TEST_P(Listings, NewOnesDelistedOnesAndOtherIncrementsAreAnnounced) {
  const std::string end = GetParam().end;
  const bool kraken = std::string(GetParam().name) == "kraken";
  SystemOptions options;
  options.venue = GetParam().name;
  options.exchange = {"--generate",
                      options.venue + ":BTC" + end + ",ETH" + end + ",SOL" + end + ",NEW" + end +
                          (kraken ? ";depth=25;rate=500" : ";depth=25;levels=60;rate=500"),
                      "--seed",
                      "7",
                      "--faults",
                      "list:NEW" + end + "@+6s,increments=5/3:BTC" + end + "@+7s,precision=+1:ETH" +
                          end + "@+8s,delist:SOL" + end + "@+9s"};
  options.instruments = {"BTC" + end, "ETH" + end, "SOL" + end};
  options.extra_venue_keys = kraken ? "" : "depth = 100\nmetadata_ms = 1000\n";
  LiveSystem system(options);
  system.start();
  const auto tail =
      system.start_ringside({"tail", "--json", "--kind", "instrument", "--from", "start"});
  Watcher watcher(system);
  const auto finer = [&] {
    const auto seen = watcher.read("ETH" + end);
    return seen.is(State::Live) && seen.view.terms.price_exponent == Exponent{-3};
  };
  watcher.until("live", [&] { return watcher.read("ETH" + end).is(State::Live); });
  // The exchange's clock does not wait for a machine that is busy: it may have come up as that.
  const bool was_finer = finer();
  std::map<std::string, json> news;  // by "what symbol"
  const auto has = [&](const std::string& what) { return news.contains(what + end); };
  EXPECT_TRUE(watcher.until("all that is new", [&] {
    while (const auto line = tail->line(milliseconds(1))) {
      const auto read = json::parse(*line);
      const auto what = read.value("announcement", std::string("terms"));
      if (what != "terms") news[what + " " + read.at("symbol").get<std::string>()] = read;
    }
    return has("listed NEW") && has("increments BTC") && has("increments ETH") &&
           has("delisted SOL");
  }));
  EXPECT_EQ(news.size(), 4U);
  for (const auto& [what, record] : news) EXPECT_EQ(record.at("venue"), options.venue) << what;
  EXPECT_EQ(news.at("listed NEW" + end).at("instrument"), 0xffffff) << "nobody collects it";
  EXPECT_NE(news.at("increments BTC" + end).at("price_step").get<std::string>().find('5'),
            std::string::npos);
  EXPECT_TRUE(watcher.until("the delisted one has failed", [&] {
    return watcher.read("SOL" + end).is(State::Failed, Cause::Delisted);
  }));
  EXPECT_TRUE(watcher.until("the finer one is live again", finer));
  if (!was_finer) {
    EXPECT_TRUE(watcher.announced("ETH" + end, State::Gap, Cause::PrecisionChanged));
  }
  EXPECT_TRUE(watcher.read("BTC" + end).is(State::Live));
  EXPECT_TRUE(watcher.counter_becomes("listed", [](auto count) { return count == 1; }));
  EXPECT_TRUE(watcher.counter_becomes("delisted", [](auto count) { return count == 1; }));
  tail->signal(SIGTERM);
  EXPECT_EQ(tail->wait(milliseconds(10'000)), 0);
  system.stop();
}

INSTANTIATE_TEST_SUITE_P(Run, Listings,
                         ::testing::Values(Venue{"kraken", "/USD"}, Venue{"binance", "USDT"},
                                           Venue{"binance-usdm", "USDT"}),
                         [](const auto& venue) {
                           std::string name;
                           for (const char c : std::string(venue.param.name)) {
                             if (c != '-') name += c;
                           }
                           return name;
                         });

}  // namespace
}  // namespace ringside::e2e
