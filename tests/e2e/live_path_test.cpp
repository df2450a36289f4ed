// The whole path over real sockets: what the exchange meant is what a consumer in another process
// sees.
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/e2e/live_view.hpp"

namespace ringside::e2e {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
const std::vector<std::string> four{"BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD"};

SystemOptions generated(const std::string& spec) {
  SystemOptions options;
  options.exchange = {"--generate", spec, "--seed", "7"};
  options.instruments = four;
  return options;
}

class Backends : public ::testing::TestWithParam<const char*> {};

TEST_P(Backends, FourGeneratedInstrumentsComeUpLiveAndNothingIsLeftBehind) {
  auto options = generated("kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=2000");
  options.environment = {{"RINGSIDE_NET_BACKEND", GetParam()}};
  LiveSystem system(options);
  system.start();
  EXPECT_TRUE(all_live(system, 4));
  const auto latency = json::parse(system.ringside({"latency", "--json"}).out);
  EXPECT_FALSE(latency.empty());
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
}

// The kernel begins to stamp a little after it was asked to, and not at all what came before.
TEST_P(Backends, KernelStampsAreAStageOfTheirOwnWhereAsked) {
  auto options = generated("kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=2000");
  options.environment = {{"RINGSIDE_NET_BACKEND", GetParam()}};
  options.collector_keys = "receive_stamps = true\n";
  LiveSystem system(options);
  system.start();
  EXPECT_TRUE(all_live(system, 4));
  EXPECT_TRUE(becomes_true([&] {
    const auto latency = json::parse(system.ringside({"latency", "--json"}).out);
    for (const auto& stage : latency.at("stages")) {
      EXPECT_EQ(stage.at("other_clock"), stage.at("stage") == "kernel_to_read");
      if (stage.at("stage") == "kernel_to_read") return stage.at("count") > 100;
    }
    return false;
  }));
  system.stop();
}

INSTANTIATE_TEST_SUITE_P(LivePath, Backends, ::testing::Values("uring", "epoll"));

// One venue's generated market, and how many points of it must have been seen at least.
struct Truth {
  const char* name;
  const char* venue;
  const char* spec;
  std::vector<std::string> instruments;
  const char* extra_keys;
  std::size_t points_min;
  bool deflate = false;  // the exchange compresses for whoever offers it
};

// S0USDT, S1USDT, ...
std::vector<std::string> numbered(const std::string& begin, const std::string& end,
                                  std::size_t count) {
  std::vector<std::string> symbols;
  for (std::size_t i = 0; i < count; ++i) symbols.push_back(begin + std::to_string(i) + end);
  return symbols;
}

class TrueBooks : public ::testing::TestWithParam<Truth> {};

TEST_P(TrueBooks, ArePublishedAtThousandsOfPointsUnderLoad) {
  const auto& param = GetParam();
  const Scratch files;
  const auto truth_file = files.path("truth");
  const auto seen_file = files.path("seen");
  auto options = generated(param.spec);
  options.venue = param.venue;
  options.instruments = param.instruments;
  options.extra_venue_keys = param.extra_keys;
  options.exchange.insert(options.exchange.end(), {"--truth", truth_file});
  if (param.deflate) options.exchange.push_back("--deflate");
  LiveSystem system(options);
  system.start();
  ASSERT_TRUE(all_live(system, param.instruments.size()));
  // Until there are enough of all: a machine that does other work shows fewer in a second.
  std::map<std::string, std::string> seen;
  std::set<std::string> symbols;
  EXPECT_TRUE(becomes_true([&] {
    const auto follow = system.ringside({"follow", "--truth-points", seen_file, "--seconds", "4"});
    EXPECT_EQ(follow.status, 0) << follow.err;
    seen.merge(points(seen_file));
    for (const auto& [point, hash] : seen) symbols.insert(point.substr(0, point.find(' ')));
    return seen.size() > param.points_min && symbols.size() == param.instruments.size();
  })) << seen.size()
      << " points of " << symbols.size() << " symbols";
  for (const auto* count : {"checksum_failed", "sequence_gaps", "malformed_json"}) {
    EXPECT_EQ(counter(system, count), 0U) << count;
  }
  const auto compressed = counter(system, "compressed_messages");
  if (param.deflate) {
    EXPECT_GT(compressed, counter(system, "frames") / 2);
    EXPECT_LT(counter(system, "compressed_bytes"), counter(system, "frame_bytes") / 2);
  } else {
    EXPECT_EQ(compressed, 0U);
  }
  system.stop();
  const auto truth = points(truth_file);
  for (const auto& [point, hash] : seen) {
    const auto meant = truth.find(point);
    ASSERT_NE(meant, truth.end()) << "a book that the exchange never had: " << point;
    ASSERT_EQ(hash, meant->second) << "at " << point;
  }
}

// Binance gathers 100 ms of changes in one message: thousands of points take a hundred symbols.
// Their truth is the whole book: less levels than the client asks for.
INSTANTIATE_TEST_SUITE_P(
    LivePath, TrueBooks,
    ::testing::Values(
        Truth{"Kraken", "kraken", "kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=5000", four,
              "", 2000},
        Truth{"KrakenV1", "kraken-v1",
              "kraken-v1:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=5000", four, "", 2000},
        Truth{"Binance", "binance", "binance:S#USDT*100;depth=25;levels=60;rate=20000",
              numbered("S", "USDT", 100), "depth = 100\n", 2000},
        Truth{"BinanceUsdm", "binance-usdm",
              "binance-usdm:S#USDT*100;depth=25;levels=60;rate=20000", numbered("S", "USDT", 100),
              "depth = 100\n", 2000},
        Truth{"BinanceCoinm", "binance-coinm",
              "binance-coinm:S#USD_PERP*100;depth=25;levels=60;rate=20000",
              numbered("S", "USD_PERP", 100), "depth = 100\n", 2000},
        Truth{"KrakenCompressed", "kraken",
              "kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=5000", four,
              "compress = true\n", 2000, true},
        Truth{"BinanceCompressed", "binance", "binance:S#USDT*100;depth=25;levels=60;rate=20000",
              numbered("S", "USDT", 100), "depth = 100\ncompress = true\n", 2000, true},
        Truth{"KrakenThatDoesNotCompress", "kraken",
              "kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=5000", four,
              "compress = true\n", 2000}),
    [](const auto& truth) { return std::string(truth.param.name); });

TEST(LivePath, AFlippedDigitCostsOneInstrumentOneResyncOnTheSameConnection) {
  auto options = generated("kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=500");
  options.exchange.insert(options.exchange.end(), {"--faults", "corrupt:ETH/USD@400"});
  LiveSystem system(options);
  system.start_exchange();
  system.start_worker();
  system.start_collector();
  // All status records of the run, however late the tail joins.
  auto tail = system.start_ringside({"tail", "--json", "--kind", "status", "--from", "start"});
  std::vector<std::pair<std::string, std::string>> seen;  // symbol, state; in order
  const auto gap_of_eth = [&] {
    return std::find(seen.begin(), seen.end(),
                     std::pair<std::string, std::string>("ETH/USD", "gap"));
  };
  const auto healed = [&] {
    const std::pair<std::string, std::string> live("ETH/USD", "live");
    return std::find(gap_of_eth(), seen.end(), live) != seen.end();
  };
  const auto until = Clock::now() + settle_deadline;
  while (!healed() && Clock::now() < until) {
    const auto line = tail->line(milliseconds(1'000));
    if (!line) continue;
    const auto record = json::parse(*line);
    if (record.value("kind", "") == "status")
      seen.emplace_back(record.at("symbol"), record.at("state"));
  }
  EXPECT_TRUE(healed()) << "ETH/USD did not leave live and come back";
  for (auto at = gap_of_eth(); at != seen.end(); ++at) {
    EXPECT_EQ(at->first, "ETH/USD") << "another instrument shows a record: " << at->second;
  }
  EXPECT_TRUE(counter_becomes(system, "checksum_failed", 1));
  EXPECT_TRUE(counter_becomes(system, "connections_opened", 1)) << "the same connection";
  EXPECT_TRUE(all_live(system, 4));
  tail.reset();
  system.stop();
}

}  // namespace
}  // namespace ringside::e2e
