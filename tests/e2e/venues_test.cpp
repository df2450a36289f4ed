// Whole venues are added to a running deployment and removed from it: the other venue shows no
// record more for it, over the same connection; ids stay; a restart shows the same.
#include <gtest/gtest.h>

#include <algorithm>
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

Words numbered(const char* end, unsigned count) {
  Words all;
  for (unsigned i = 0; i < count; ++i) all.push_back("S" + std::to_string(i) + end);
  return all;
}

// Kraken, which stays, and Binance, which comes and goes. Both stand in the file.
class Venues : public ::testing::Test {
 protected:
  static SystemOptions options() {
    SystemOptions options;
    options.venue = "kraken";
    options.exchange = {"--generate", "kraken:S#/USD*10;depth=25;rate=2000", "--seed", "7"};
    options.instruments = numbered("/USD", 10);
    VenueOptions binance;
    binance.venue = "binance";
    binance.exchange = {"--generate", "binance:S#USDT*10;depth=25;levels=60;rate=2000", "--seed",
                        "7"};
    binance.instruments = numbered("USDT", 10);
    binance.extra_venue_keys = "depth = 100\n";
    options.more = {binance};
    return options;
  }
  // While it runs the watcher goes on reading.
  json change(Watcher& watcher, const std::string& what, const Words& more) {
    Words words{"venues", what, "--json", "--config", system.config};
    words.insert(words.end(), more.begin(), more.end());
    const auto process = system.start_ringside(words);
    std::optional<std::string> answer;
    static_cast<void>(watcher.until("an answer to venues " + what, [&] {
      answer = process->line(milliseconds(1));
      return answer.has_value();
    }));
    EXPECT_EQ(process->wait(milliseconds(30'000)), 0) << system.log("ringside");
    return json::parse(answer.value_or("{}")).at("venues");
  }
  static std::uint64_t sum_of(Watcher& watcher, const std::string& owner, const std::string& part) {
    std::uint64_t sum = 0;
    for (const auto& [name, value] : watcher.counters()) {
      if (name.starts_with(owner + ".") && name.find(part) != std::string::npos) sum += value;
    }
    return sum;
  }

  LiveSystem system{options()};
  const Words kraken = numbered("/USD", 10);
  const Words binance = numbered("USDT", 10);
};

TEST_F(Venues, OneIsRemovedAndComesBackAndTheOtherShowsNoRecordMore) {
  system.start();
  Watcher watcher(system);
  ASSERT_TRUE(watcher.until("all live", [&] {
    return watcher.all(kraken, State::Live) && watcher.all(binance, State::Live);
  }));
  const auto epochs = watcher.epochs(kraken);
  const auto earlier = watcher.epochs(binance);
  std::map<std::string, std::uint32_t> ids;
  for (const auto& symbol : binance) ids[symbol] = watcher.read(symbol).view.instrument;
  watcher.follow();
  watcher.forget();

  for (const bool with_other_keys : {false, true}) {
    const auto removed = change(watcher, "remove", {"--venue", "binance"});
    ASSERT_EQ(removed.size(), 1U);
    EXPECT_EQ(removed[0].at("result"), "removed");
    for (const auto& symbol : binance) {
      EXPECT_TRUE(watcher.read(symbol).is(State::Failed, Cause::Removed)) << symbol;
    }
    EXPECT_TRUE(watcher.until("its connections are closed", [&] {
      const auto frames = sum_of(watcher, "c0.0.binance-1", "frames");
      watcher.look_on(milliseconds(200));
      return frames == sum_of(watcher, "c0.0.binance-1", "frames");
    }));
    Words more{"--venue", "binance"};
    if (with_other_keys) {
      const auto list =
          json::parse(system.ringside({"venues", "list", "--json", "--config", system.config}).out);
      EXPECT_EQ(list.at("venues")[1].at("state"), "removed");
      const auto& endpoint = system.endpoint(1);
      more.insert(more.end(), {"--set", "websocket=" + endpoint.websocket, "--set",
                               "rest=" + endpoint.rest, "--set", "tls_ca=" + endpoint.ca, "--set",
                               "depth=500", "--set", "channels=[\"book\"]"});
      more.insert(more.end(), binance.begin(), binance.end());
    }
    const auto added = change(watcher, "add", more);
    EXPECT_EQ(added[0].at("result"), "added");
    EXPECT_EQ(added[0].at("from"), with_other_keys ? "added" : "file");
    ASSERT_TRUE(watcher.until("it is back", [&] { return watcher.all(binance, State::Live); }));
    for (const auto& symbol : binance) {
      EXPECT_EQ(watcher.read(symbol).view.instrument, ids.at(symbol));
      EXPECT_GT(watcher.read(symbol).view.epoch, earlier.at(symbol));
    }
  }

  watcher.follow();
  EXPECT_EQ(watcher.lost(), 0U) << "what was not read proves nothing";
  EXPECT_EQ(watcher.epochs(kraken), epochs);
  for (const auto& symbol : kraken) {
    EXPECT_TRUE(watcher.history(symbol).empty()) << symbol << " said something";
  }
  EXPECT_EQ(sum_of(watcher, "c0.0.kraken", ".closed_"), 0U);
  EXPECT_EQ(sum_of(watcher, "c0.0.kraken", ".connections_opened"), 1U);
  for (const auto* name : {"sequence_gaps", "checksum_failed", "records_dropped", "changes_refused",
                           "closed_by_policy", "requests_refused"}) {
    EXPECT_EQ(watcher.counter(name), 0U) << name;
  }
  EXPECT_EQ(watcher.counter("venues_added"), 2U);
  EXPECT_EQ(watcher.counter("venues_removed"), 2U);
  // What is changed of it now is a change of its new table.
  ASSERT_EQ(system
                .ringside({"instruments", "remove", "--config", system.config, "--venue", "binance",
                           binance.front()})
                .status,
            0);
  EXPECT_TRUE(watcher.read(binance.front()).is(State::Failed, Cause::Removed));
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), Words{});
}

// A venue that the file does not name, by a file of its own; scripts/launch down and up.
TEST(VenuesOfADeployment, AreWhatTheyWereAfterItWasStoppedAndStarted) {
  Launched system;
  const auto kraken = system.start_exchange("kraken:BTC/USD,ETH/USD;depth=25;rate=500");
  const auto binance = system.start_exchange("binance:BTCUSDT;depth=100;rate=500");
  system.configure(
      "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" +
      Launched::venue("kraken", kraken, "depth = 25\ninstruments = [\"BTC/USD\", \"ETH/USD\"]\n"));
  const auto file = system.scratch.write(
      "binance.toml", Launched::venue("binance", binance, "instruments = [\"BTCUSDT\"]\n"));
  ASSERT_EQ(system.launch("up").status, 0);
  ASSERT_TRUE(system.all_live(2));
  const auto added = system.ringside({"venues", "add", "--config", system.config, "--file", file});
  ASSERT_EQ(added.status, 0) << added.err;
  ASSERT_TRUE(system.all_live(3));
  const auto id_of = [&](const std::string& symbol) {
    for (const auto& each : system.stat().at("instruments")) {
      if (each.at("symbol") == symbol) return each.at("instrument").get<std::uint32_t>();
    }
    return ~0U;
  };
  const auto id = id_of("BTCUSDT");
  ASSERT_EQ(
      system
          .ringside({"channels", "remove", "--config", system.config, "--venue", "binance", "bbo"})
          .status,
      0);
  ASSERT_EQ(
      system.ringside({"venues", "remove", "--config", system.config, "--venue", "kraken"}).status,
      0);
  ASSERT_EQ(system.launch("down").status, 0);
  std::filesystem::remove(file);  // it was needed once
  ASSERT_EQ(system.launch("up").status, 0);
  ASSERT_TRUE(system.all_live(1)) << "the removed venue is not there, though the file names it";
  EXPECT_EQ(id_of("BTCUSDT"), id);
  const auto list = system.ringside({"venues", "list", "--json", "--config", system.config});
  const auto venues = json::parse(list.out).at("venues");
  ASSERT_EQ(venues.size(), 2U);
  EXPECT_EQ(venues[0].at("state"), "removed");
  EXPECT_EQ(venues[1].at("channels"), (Words{"trade", "book"}));
  const auto back =
      system.ringside({"venues", "add", "--config", system.config, "--venue", "kraken"});
  ASSERT_EQ(back.status, 0) << back.err;
  EXPECT_TRUE(system.all_live(3));
  EXPECT_EQ(system.launch("down").status, 0);
}

// Each is refused in one line, and nothing is written.
TEST(VenuesOfADeployment, AWrongChangeIsRefusedBeforeItIsWritten) {
  Launched system;
  const auto kraken = system.start_exchange("kraken:BTC/USD;depth=25;rate=100");
  system.configure(
      "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" +
      Launched::venue("kraken", kraken, "depth = 25\ninstruments = [\"BTC/USD\"]\n"));
  const auto refused = [&](const Words& words, const std::string& says) {
    Words all{"venues"};
    all.insert(all.end(), words.begin(), words.end());
    const auto ended = system.ringside(all);
    EXPECT_EQ(ended.status, 2) << says;
    EXPECT_NE(ended.err.find(says), std::string::npos) << ended.err;
    EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  };
  const auto config = system.config;
  const auto table = [&](const std::string& text) { return system.scratch.write("v.toml", text); };
  refused({"remove", "--config", config, "--venue", "kraken"}, "does not run");
  ASSERT_EQ(system.launch("up").status, 0);
  ASSERT_TRUE(system.all_live(1));
  const Words add{"add", "--config", config};
  const auto with = [&](const Words& more) {
    auto words = add;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  refused(with({}), "which venue?");
  refused(with({"--venue", "krakn", "BTC/USD"}), "krakn");
  refused(with({"--venue", "kraken", "ETH/USD"}), "is collected already");
  refused(with({"--venue", "kraken"}), "is collected already");
  refused(with({"--venue", "binance"}), "to bring back (it has: kraken");
  refused(with({"--venue", "binance", "--set", "depth=5", "--set", "chanels=[\"book\"]", "A"}),
          "did you mean 'channels'");
  refused(with({"--venue", "binance", "--set", "depth", "A"}), "is not KEY=VALUE");
  refused(with({"--venue", "binance", "--set", "tls_ca=none.pem", "A"}), "none.pem");
  refused(with({"--venue", "kraken-v1", "--set", "websocket=" + kraken.websocket, "XBT/USD"}),
          "divided at the start");
  refused(with({"--file", config + ".none"}), "test.toml.none");
  refused(with({"--file", table("[[venue]]\nname = \"binance\"\n")}), "instruments");
  refused(with({"--file", table("instance = \"x\"\n")}), "instance");
  refused(with({"--file", table("x = [\n")}), "not valid TOML");
  refused(with({"--file", table("[[venue]]\nname = \"binance\"\ninstruments = [\"A\"]\n"
                                "[[venue]]\nname = \"binance\"\ninstruments = [\"B\"]\n")}),
          "is collected already");
  refused({"remove", "--config", config, "--venue", "okx"}, "no [[venue]] table of 'okx'");
  EXPECT_FALSE(std::filesystem::exists(system.scratch.path("state") + "/c0.changes"));
  EXPECT_TRUE(system.all_live(1));
  EXPECT_EQ(system.launch("down").status, 0);
}

}  // namespace
}  // namespace ringside::e2e
