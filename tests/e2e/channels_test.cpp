// Channels are added to a running deployment and removed from it: no book shows a record more for a
// channel that is not its own, over the same connection.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/launched.hpp"
#include "tests/e2e/watcher.hpp"

namespace ringside::e2e {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

struct Venue {
  const char* name;
  const char* end;  // of a symbol: S7 + end
};

class Channels : public ::testing::TestWithParam<Venue> {
 protected:
  static Words symbols() {
    Words all;
    for (unsigned i = 0; i < 10; ++i) all.push_back("S" + std::to_string(i) + GetParam().end);
    return all;
  }
  static SystemOptions options() {
    const auto& venue = GetParam();
    const bool kraken = std::string(venue.name).starts_with("kraken");
    SystemOptions options;
    options.venue = venue.name;
    options.exchange = {
        "--generate",
        std::string(venue.name) + ":S#" + venue.end +
            (kraken ? "*10;depth=25;rate=2000" : "*10;depth=25;levels=60;rate=2000"),
        "--seed", "7"};
    options.instruments = symbols();
    if (!kraken) options.extra_venue_keys = "depth = 100\n";
    return options;
  }
  static Words command(const LiveSystem& system, const std::string& what, const Words& channels) {
    Words words{"channels", what, "--json", "--config", system.config, "--venue", GetParam().name};
    words.insert(words.end(), channels.begin(), channels.end());
    return words;
  }
  // While it runs the watcher goes on reading. The channels that there are then.
  static Words change(LiveSystem& system, Watcher& watcher, const std::string& what,
                      const Words& channels) {
    const auto process = system.start_ringside(command(system, what, channels));
    std::optional<std::string> answer;
    static_cast<void>(watcher.until("an answer to channels " + what, [&] {
      answer = process->line(milliseconds(1));
      return answer.has_value();
    }));
    EXPECT_EQ(process->wait(milliseconds(30'000)), 0) << system.log("ringside");
    const auto read = json::parse(answer.value_or("{}"));
    EXPECT_EQ(read.at("venues").size(), 1U);
    EXPECT_EQ(read.at("venues")[0].at("result"), what == "add" ? "added" : "removed");
    return read.at("venues")[0].at("channels").get<Words>();
  }
  // Until the counter of what came of a channel moves, or stands for a while of other news.
  static bool flows(Watcher& watcher, const std::string& counter) {
    const auto before = watcher.counter(counter);
    return watcher.counter_becomes(counter, [&](std::uint64_t value) { return value > before; });
  }
  static void expect_no_connection_ended(Watcher& watcher) {
    for (const auto& [name, value] : watcher.counters()) {
      if (name.find(".closed_") == std::string::npos) continue;
      EXPECT_EQ(value, 0U) << name;
    }
    for (const auto* name : {"sequence_gaps", "checksum_failed", "records_dropped", "resyncs"}) {
      EXPECT_EQ(watcher.counter(name), 0U) << name;
    }
  }
};

TEST_P(Channels, ThatAreNoBooksComeAndGoAndNoBookShowsARecordMore) {
  LiveSystem system(options());
  system.start();
  Watcher watcher(system);
  ASSERT_TRUE(watcher.until("all live", [&] { return watcher.all(symbols(), State::Live); }));
  const auto epochs = watcher.epochs(symbols());
  watcher.follow();
  watcher.forget();

  EXPECT_EQ(change(system, watcher, "remove", {"trade", "bbo"}), Words{"book"});
  // What is under way still comes, and is dropped; then nothing does.
  std::uint64_t dropped = watcher.counter("after_removal");
  ASSERT_TRUE(watcher.until("nothing of it comes", [&] {
    watcher.look_on(milliseconds(300));
    return dropped == std::exchange(dropped, watcher.counter("after_removal"));
  }));
  const auto trades = watcher.counter("trades");
  EXPECT_TRUE(flows(watcher, "book_deltas"));
  EXPECT_EQ(watcher.counter("trades"), trades);

  EXPECT_EQ(change(system, watcher, "add", {"trade"}), (Words{"trade", "book"}));
  EXPECT_TRUE(flows(watcher, "trades"));
  EXPECT_EQ(change(system, watcher, "add", {"bbo", "trade"}), (Words{"trade", "book", "bbo"}));
  EXPECT_TRUE(flows(watcher, "bbos"));

  watcher.follow();
  EXPECT_EQ(watcher.lost(), 0U) << "what was not read proves nothing";
  EXPECT_EQ(watcher.epochs(symbols()), epochs);
  EXPECT_EQ(watcher.counter("book_snapshots"), symbols().size()) << "none but the first of each";
  for (const auto& symbol : symbols()) {
    EXPECT_TRUE(watcher.history(symbol).empty()) << symbol << " said something";
  }
  expect_no_connection_ended(watcher);
  EXPECT_EQ(watcher.counter("channels_changed"), 4U);
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), Words{});
}

// The book channel itself: its end is told, its beginning is a snapshot of a later epoch.
TEST_P(Channels, BooksEndAndBeginAnewWithTheirChannel) {
  LiveSystem system(options());
  system.start();
  Watcher watcher(system);
  ASSERT_TRUE(watcher.until("all live", [&] { return watcher.all(symbols(), State::Live); }));
  const auto epochs = watcher.epochs(symbols());
  EXPECT_EQ(change(system, watcher, "remove", {"book"}), (Words{"trade", "bbo"}));
  ASSERT_TRUE(
      watcher.until("none has a book", [&] { return watcher.all(symbols(), State::Syncing); }));
  EXPECT_TRUE(flows(watcher, "trades"));
  EXPECT_EQ(change(system, watcher, "add", {"book"}), (Words{"trade", "book", "bbo"}));
  ASSERT_TRUE(watcher.until("all live again", [&] { return watcher.all(symbols(), State::Live); }));
  for (const auto& [symbol, epoch] : watcher.epochs(symbols())) EXPECT_GT(epoch, epochs.at(symbol));
  expect_no_connection_ended(watcher);
  system.stop();
}

INSTANTIATE_TEST_SUITE_P(Run, Channels,
                         ::testing::Values(Venue{"kraken", "/USD"}, Venue{"kraken-v1", "/USD"},
                                           Venue{"binance", "USDT"}, Venue{"binance-usdm", "USDT"},
                                           Venue{"binance-coinm", "USD_PERP"}),
                         [](const auto& venue) {
                           std::string name;
                           for (const char c : std::string(venue.param.name)) {
                             if (c != '-') name += c;
                           }
                           return name;
                         });

// scripts/launch down and up: the journal stands above the file.
TEST(ChannelsOfADeployment, AreWhatTheyWereAfterItWasStoppedAndStarted) {
  Launched system;
  const auto kraken = system.start_exchange("kraken:BTC/USD,ETH/USD;depth=25;rate=500");
  const auto binance = system.start_exchange("binance:BTCUSDT;depth=100;rate=500");
  system.configure(
      "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" +
      Launched::venue("kraken", kraken,
                      "depth = 25\nchannels = [\"book\"]\ninstruments = [\"BTC/USD\", "
                      "\"ETH/USD\"]\n") +
      Launched::venue("binance", binance, "instruments = [\"BTCUSDT\"]\n"));
  ASSERT_EQ(system.launch("up").status, 0);
  ASSERT_TRUE(system.all_live(3));
  const auto change = [&](const std::string& what, const Words& names) {
    Words words{"channels", what, "--config", system.config};
    words.insert(words.end(), names.begin(), names.end());
    const auto ended = system.ringside(words);
    EXPECT_EQ(ended.status, 0) << ended.err;
  };
  change("add", {"--venue", "kraken", "trade"});
  change("remove", {"--venue", "binance", "bbo", "trade"});
  for (const bool again : {false, true}) {
    if (again) {
      ASSERT_EQ(system.launch("down").status, 0);
      ASSERT_EQ(system.launch("up").status, 0);
    }
    ASSERT_TRUE(system.all_live(3));
    const auto list = system.ringside({"channels", "list", "--config", system.config, "--json"});
    ASSERT_EQ(list.status, 0) << list.err;
    const auto venues = json::parse(list.out).at("venues");
    ASSERT_EQ(venues.size(), 2U);
    EXPECT_EQ(venues[0].at("channels"), (Words{"trade", "book"}));
    EXPECT_EQ(venues[1].at("channels"), Words{"book"});
    EXPECT_EQ(venues[1].at("live"), 1);
  }
  const auto counters = system.stat().dump();
  EXPECT_NE(counters.find("acknowledgements"), std::string::npos);
  EXPECT_EQ(system.launch("down").status, 0);
}

// Each is refused in one line, and nothing is written.
TEST(ChannelsOfADeployment, AWrongChangeIsRefusedBeforeItIsWritten) {
  Launched system;
  const auto kraken = system.start_exchange("kraken:BTC/USD;depth=25;rate=100");
  system.configure(
      "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" +
      Launched::venue("kraken", kraken,
                      "depth = 25\nchannels = [\"book\", \"trade\"]\n"
                      "instruments = [\"BTC/USD\"]\n"));
  const auto refused = [&](const Words& words, const std::string& says) {
    Words all{"channels"};
    all.insert(all.end(), words.begin(), words.end());
    const auto ended = system.ringside(all);
    EXPECT_EQ(ended.status, 2) << says;
    EXPECT_NE(ended.err.find(says), std::string::npos) << ended.err;
    EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  };
  const std::string& file = system.config;
  refused({"add", "--config", file, "--venue", "kraken", "bbo"}, "does not run");
  ASSERT_EQ(system.launch("up").status, 0);
  ASSERT_TRUE(system.all_live(1));
  refused({"add", "--config", file, "--venue", "binance", "bbo"},
          "no [[venue]] table of 'binance'; it has: kraken (trade,book; depth 25)");
  refused({"add", "--config", file, "--venue", "kraken", "ticker"}, "'ticker' is no channel");
  refused({"add", "--config", file, "--venue", "kraken", "bbo", "bbo"}, "comes twice");
  refused({"remove", "--config", file, "--venue", "kraken", "bbo"},
          "bbo of kraken is not collected");
  refused({"remove", "--config", file, "--venue", "kraken", "book", "trade"},
          "one channel at least");
  refused({"add", "--config", file, "--venue", "kraken", "--depth", "10", "bbo"}, "with depth 10");
  refused({"add", "--config", file + ".none", "--venue", "kraken", "bbo"}, "test.toml.none");
  refused({"add", "--venue", "kraken", "bbo"}, "--config");
  refused({"list", "--config", file, "--venue", "okx"}, "no [[venue]] table of 'okx'");
  EXPECT_FALSE(std::filesystem::exists(system.scratch.path("state") + "/c0.changes"));
  EXPECT_TRUE(system.all_live(1));
  EXPECT_EQ(system.launch("down").status, 0);
}

}  // namespace
}  // namespace ringside::e2e
