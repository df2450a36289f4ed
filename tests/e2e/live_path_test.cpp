// The whole path over real sockets: what the exchange meant is what a consumer in another process
// sees.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/e2e/live_system.hpp"

namespace ringside::e2e {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
constexpr milliseconds settle_deadline{60'000};
const std::vector<std::string> four{"BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD"};

SystemOptions generated(const std::string& spec) {
  SystemOptions options;
  options.exchange = {"--generate", spec, "--seed", "7"};
  options.instruments = four;
  return options;
}

// state by symbol, from `ringside stat --json`.
std::map<std::string, std::string> states(LiveSystem& system) {
  std::map<std::string, std::string> result;
  const auto stat = system.ringside({"stat", "--json"});
  if (stat.status != 0) return result;
  const auto parsed = json::parse(stat.out);  // must outlive the loop over a part of it
  for (const auto& instrument : parsed.at("instruments")) {
    result[instrument.at("symbol")] = instrument.at("state");
  }
  return result;
}

bool all_live(LiveSystem& system, std::size_t count) {
  const auto until = Clock::now() + settle_deadline;
  while (Clock::now() < until) {
    const auto now = states(system);
    if (now.size() == count && std::all_of(now.begin(), now.end(), [](const auto& entry) {
          return entry.second == "live";
        })) {
      return true;
    }
  }
  const auto last = system.ringside({"stat"});
  ADD_FAILURE() << "status " << last.status << "\n" << last.out << last.err;
  return false;
}

std::uint64_t counter(LiveSystem& system, const std::string& name) {
  const auto stat = system.ringside({"stat", "--json"});
  std::uint64_t sum = 0;
  const auto parsed = json::parse(stat.out);
  for (const auto& [thread, counters] : parsed.at("counters").items()) {
    for (const auto& [full_name, value] : counters.items()) {
      // Of the thread itself, or of one of its venues: "kraken.frames".
      if (full_name == name || full_name.ends_with("." + name)) sum += value.get<std::uint64_t>();
    }
  }
  return sum;
}

// Counters reach the telemetry some milliseconds after the fact.
bool counter_becomes(LiveSystem& system, const std::string& name, std::uint64_t wanted) {
  const auto until = Clock::now() + milliseconds(5'000);
  while (counter(system, name) != wanted) {
    if (Clock::now() > until) return false;
  }
  return true;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "symbol exchange_ns hash" lines.
std::map<std::string, std::string> points(const std::string& path) {
  std::map<std::string, std::string> result;
  std::istringstream lines(read_text(path));
  for (std::string symbol, time, hash; lines >> symbol >> time >> hash;)
    result[symbol + " " + time] = hash;
  return result;
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

INSTANTIATE_TEST_SUITE_P(LivePath, Backends, ::testing::Values("uring", "epoll"));

TEST(LivePath, PublishedBooksEqualTheExchangesTrueBooksAtThousandsOfPointsUnderLoad) {
  const Scratch files;
  const auto truth_file = files.path("truth");
  const auto seen_file = files.path("seen");
  auto options = generated("kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=5000");
  options.exchange.insert(options.exchange.end(), {"--truth", truth_file});
  LiveSystem system(options);
  system.start();
  ASSERT_TRUE(all_live(system, 4));
  const auto follow = system.ringside({"follow", "--truth-points", seen_file, "--seconds", "5"});
  EXPECT_EQ(follow.status, 0) << follow.err;
  EXPECT_EQ(counter(system, "checksum_failed"), 0U);
  system.stop();
  const auto truth = points(truth_file);
  std::size_t equal = 0;
  std::set<std::string> symbols;
  for (const auto& [point, hash] : points(seen_file)) {
    const auto meant = truth.find(point);
    ASSERT_NE(meant, truth.end()) << "a book that the exchange never had: " << point;
    ASSERT_EQ(hash, meant->second) << "at " << point;
    symbols.insert(point.substr(0, point.find(' ')));
    ++equal;
  }
  EXPECT_GT(equal, 4000U);
  EXPECT_EQ(symbols.size(), 4U);
}

TEST(LivePath, AFlippedDigitCostsOneInstrumentOneResyncOnTheSameConnection) {
  auto options = generated("kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=500");
  options.exchange.insert(options.exchange.end(), {"--faults", "corrupt:ETH/USD@400"});
  LiveSystem system(options);
  system.start_exchange();
  system.start_worker();
  system.start_collector();
  // All status records of the run: the tail joins before the fault, which is some seconds away.
  auto tail = system.start_ringside({"tail", "--json", "--kind", "status"});
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

class ReplayedCapture : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(ReplayedCapture, EndsInTheOraclesBooks) {
  const char* captures = std::getenv("RINGSIDE_CAPTURES");
  if (captures == nullptr)
    GTEST_SKIP() << "RINGSIDE_CAPTURES is not set: no recorded feed to replay";
  const auto [set, symbol] = GetParam();
  SystemOptions options;
  options.exchange = {"--replay", std::string(captures) + "/" + set + ".gz", "--speed", "max"};
  options.instruments = {symbol};
  LiveSystem system(options);
  system.start();
  const auto oracle = json::parse(read_text(std::string(captures) + "/oracle/" + set + ".json"));
  const std::string wanted = oracle.at("books").at(symbol).at("sha256");
  // Published books, not hashes in passing: the final one must stand in shared memory.
  std::string last;
  const auto until = Clock::now() + settle_deadline;
  while (last != wanted && Clock::now() < until) {
    const auto books = system.ringside({"books", "--json"});
    if (books.status != 0) continue;
    last = json::parse(books.out).at("books").at(symbol).value("sha256", "");
  }
  EXPECT_EQ(last, wanted);
  EXPECT_EQ(states(system)[symbol], "live");
  EXPECT_EQ(counter(system, "checksum_failed"), 0U);
  system.stop();
}

INSTANTIATE_TEST_SUITE_P(KrakenV2, ReplayedCapture,
                         ::testing::Values(std::pair("kraken_v2_btcusd_d25", "BTC/USD"),
                                           std::pair("kraken_v2_xrpusd_d25", "XRP/USD")));

}  // namespace
}  // namespace ringside::e2e
