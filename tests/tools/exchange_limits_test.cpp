// What the simulated venue allows, to the nanosecond, and what it does to those who ask for more.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "tools/exchange/limits.hpp"

namespace ringside::exchange {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t second = 1'000 * ms;
constexpr std::string_view a_ticker = "/api/v3/ticker/price?symbol=BTCUSDT";

UtcNs at(std::int64_t ns) { return UtcNs{1'000 * second + ns}; }

std::string depth(int levels) {
  return "/api/v3/depth?symbol=BTCUSDT&limit=" + std::to_string(levels);
}

TEST(ExchangeLimits, OffAllowsEverything) {
  for (const auto* const text : {"", "off"}) {
    Limits limits(text, "binance");
    EXPECT_FALSE(limits.on());
    for (int i = 0; i < 10'000; ++i) {
      ASSERT_EQ(limits.connect(at(0)).status, 0);
      ASSERT_EQ(limits.request(depth(5000), at(0)).status, 0);
      ASSERT_TRUE(limits.message(1, 3, at(0)));
      ASSERT_TRUE(limits.stream(1));
    }
    EXPECT_EQ(limits.violations().sum(), 0U);
  }
}

TEST(ExchangeLimits, OneConnectTooManyIsRefusedAndSoIsEachWithinTheBan) {
  Limits limits("connects=3/1,ban=10", "kraken");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limits.connect(at(i * 100 * ms)).status, 0);
  const auto refused = limits.connect(at(second - 1));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.retry_after_s, 10);
  EXPECT_EQ(limits.connect(at(6 * second)).status, 429) << "the window is over, the ban is not";
  EXPECT_EQ(limits.connect(at(6 * second)).retry_after_s, 5);
  EXPECT_EQ(limits.connect(at(11 * second - 2)).status, 429);
  EXPECT_EQ(limits.connect(at(11 * second - 1)).status, 0);
  EXPECT_EQ(limits.violations().connects, 4U);
}

TEST(ExchangeLimits, AWindowIsAnyStretchOfItsLength) {
  Limits limits("connects=2/1,ban=0.001", "kraken");
  EXPECT_EQ(limits.connect(at(900 * ms)).status, 0);
  EXPECT_EQ(limits.connect(at(1'100 * ms)).status, 0);
  EXPECT_EQ(limits.connect(at(1'850 * ms)).status, 429) << "three within 950 ms";
  EXPECT_EQ(limits.connect(at(1'900 * ms)).status, 429) << "the first leaves behind its second";
  EXPECT_EQ(limits.connect(at(1'902 * ms)).status, 0);
}

TEST(ExchangeLimits, MessagesAreCountedByConnectionAndPingsWithThem) {
  Limits limits("messages=5/1", "binance");
  EXPECT_TRUE(limits.message(1, 0, at(0)));
  EXPECT_TRUE(limits.message(1, 2, at(0))) << "with the two pings before it: four";
  EXPECT_TRUE(limits.message(2, 4, at(0))) << "another connection";
  EXPECT_TRUE(limits.message(1, 0, at(0)));
  EXPECT_FALSE(limits.message(1, 0, at(second)));
  EXPECT_TRUE(limits.message(1, 0, at(second + 1)));
  EXPECT_FALSE(limits.message(2, 0, at(second)));
  limits.closed(2);
  EXPECT_TRUE(limits.message(2, 0, at(second))) << "a new connection begins at nothing";
  EXPECT_EQ(limits.violations().messages, 2U);
}

TEST(ExchangeLimits, WhoAsksOnAfterA429IsBanned) {
  Limits limits("weight=10/1,ban=3", "binance");
  EXPECT_EQ(limits.request(depth(100), at(0)).status, 0);
  EXPECT_EQ(limits.request(depth(100), at(500 * ms)).status, 0);
  const auto refused = limits.request(depth(100), at(600 * ms));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.retry_after_s, 1) << "when the first leaves the window, in whole seconds";
  const auto banned = limits.request(a_ticker, at(700 * ms));
  EXPECT_EQ(banned.status, 418);
  EXPECT_EQ(banned.retry_after_s, 3);
  EXPECT_EQ(limits.request(a_ticker, at(3'600 * ms)).status, 418) << "and each asking prolongs it";
  EXPECT_EQ(limits.request(a_ticker, at(6'599 * ms)).status, 418);
  EXPECT_EQ(limits.request(a_ticker, at(9'599 * ms)).status, 0);
  EXPECT_EQ(limits.violations().weight, 4U);
}

TEST(ExchangeLimits, WhoWaitsAsLongAsTheyWereToldIsServed) {
  Limits limits("weight=10/1,ban=3", "binance");
  EXPECT_EQ(limits.request(depth(500), at(0)).status, 429) << "25 would never fit";
  Limits again("weight=25/1,ban=3", "binance");
  EXPECT_EQ(again.request(depth(500), at(0)).status, 0);
  const auto refused = again.request(depth(500), at(ms));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(again.request(depth(500), at(ms + refused.retry_after_s * second)).status, 0);
}

TEST(ExchangeLimits, ARequestWeighsWhatTheVenueSays) {
  struct Row {
    const char* venue;
    std::string target;
    int weight;
  };
  const Row rows[] = {
      {"binance", depth(100), 5},
      {"binance", depth(101), 25},
      {"binance", depth(1000), 50},
      {"binance", depth(5000), 250},
      {"binance", "/api/v3/depth?symbol=BTCUSDT", 5},
      {"binance", "/api/v3/exchangeInfo?symbol=BTCUSDT", 20},
      {"binance-us", depth(5000), 50},
      {"binance-us", "/api/v3/exchangeInfo", 10},
      {"binance-usdm", "/fapi/v1/depth?symbol=BTCUSDT&limit=50", 2},
      {"binance-usdm", "/fapi/v1/depth?symbol=BTCUSDT&limit=100", 5},
      {"binance-coinm", "/dapi/v1/depth?symbol=BTCUSD_PERP&limit=1000", 20},
      {"binance-coinm", "/dapi/v1/depth?symbol=BTCUSD_PERP", 10},
      {"binance-coinm", "/dapi/v1/exchangeInfo", 1},
  };
  for (const auto& row : rows) {
    const auto allowed = [&](int weight) {
      Limits limits("weight=" + std::to_string(weight) + "/1", row.venue);
      return limits.request(row.target, at(0)).status == 0;
    };
    EXPECT_TRUE(allowed(row.weight)) << row.venue << ' ' << row.target;
    EXPECT_TRUE(row.weight == 1 || !allowed(row.weight - 1)) << row.venue << ' ' << row.target;
  }
}

TEST(ExchangeLimits, AStreamTooManyIsRefusedUntilAnotherEnds) {
  Limits limits("streams=2", "binance");
  EXPECT_TRUE(limits.stream(1));
  EXPECT_TRUE(limits.stream(1));
  EXPECT_FALSE(limits.stream(1));
  EXPECT_TRUE(limits.stream(2));
  limits.stream_ended(1);
  EXPECT_TRUE(limits.stream(1));
  EXPECT_FALSE(limits.stream(1));
  limits.closed(1);
  EXPECT_TRUE(limits.stream(1));
  limits.stream_ended(77);  // of nobody
  EXPECT_EQ(limits.violations().streams, 2U);
  EXPECT_EQ(limits.violations_json(),
            R"({"connects": 0, "messages": 0, "weight": 0, "streams": 2})");
}

TEST(ExchangeLimits, WhatTheVenueSaysMayBeChangedEntryByEntry) {
  Limits limits("venue,connects=1/1", "binance");
  EXPECT_EQ(limits.connect(at(0)).status, 0);
  EXPECT_EQ(limits.connect(at(0)).status, 429);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limits.message(1, 0, at(0)));
  EXPECT_FALSE(limits.message(1, 0, at(0))) << "the venue's own five a second";
}

TEST(ExchangeLimits, WhatCannotBeReadIsRefusedByName) {
  for (const auto* const text :
       {"connects", "connects=", "connects=5", "connects=5/", "connects=0/1", "connects=5/0",
        "connects=5/1x", "colours=5/1", "streams=0", "streams=x", "ban=", "ban=-1", "weight=1/1e9",
        "venue,,", ","}) {
    try {
      Limits limits(text, "binance");
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("--limits: '"), std::string::npos) << text;
    }
  }
  EXPECT_THROW(Limits("venue", "nowhere"), std::invalid_argument);
}

}  // namespace
}  // namespace ringside::exchange
