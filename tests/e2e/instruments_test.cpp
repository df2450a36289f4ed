// Instruments are added to a running deployment and removed from it: whoever is not meant shows no
// record more for it, has the same book of the same epoch, over the same connection.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/watcher.hpp"

namespace ringside::e2e {
namespace {

using nlohmann::json;
using Symbols = std::vector<std::string>;

#ifndef RINGSIDE_MANY_INSTRUMENTS
#define RINGSIDE_MANY_INSTRUMENTS 60
#endif
constexpr unsigned staying_count = 10;

struct Venue {
  const char* name;
  const char* end;      // of a symbol: S7 + end
  unsigned many;        // added and removed
  unsigned live_count;  // of those, so many are waited for; the venue's limits bound the rest
};

class Instruments : public ::testing::TestWithParam<Venue> {
 protected:
  static Symbols numbered(unsigned from, unsigned count) {
    Symbols symbols;
    for (unsigned i = from; i < from + count; ++i) {
      symbols.push_back("S" + std::to_string(i) + GetParam().end);
    }
    return symbols;
  }
  static SystemOptions options() {
    const auto& venue = GetParam();
    SystemOptions options;
    options.venue = venue.name;
    const bool kraken = std::string(venue.name).starts_with("kraken");
    options.exchange = {"--generate",
                        std::string(venue.name) + ":S#" + venue.end + "*" +
                            std::to_string(venue.many + staying_count) +
                            (kraken ? ";depth=25;rate=2000" : ";depth=25;levels=60;rate=2000"),
                        "--seed", "7"};
    options.instruments = numbered(0, staying_count);
    if (!kraken) options.extra_venue_keys = "depth = 100\n";
    options.memory_keys = "spsc_slots = 65536\nevents_slots = 131072\ninstruments_max = 1100\n";
    return options;
  }
  static std::vector<std::string> command(const LiveSystem& system, const std::string& what,
                                          const Symbols& symbols) {
    std::vector<std::string> words{"instruments", what,      "--json",       "--config",
                                   system.config, "--venue", GetParam().name};
    words.insert(words.end(), symbols.begin(), symbols.end());
    return words;
  }
  // While it runs the watcher goes on reading.
  static void change(LiveSystem& system, Watcher& watcher, const std::string& what,
                     const Symbols& symbols) {
    const auto process = system.start_ringside(command(system, what, symbols));
    std::optional<std::string> answer;
    ASSERT_TRUE(watcher.until("an answer to instruments " + what, [&] {
      answer = process->line(milliseconds(1));
      return answer.has_value();
    }));
    EXPECT_EQ(process->wait(milliseconds(30'000)), 0) << system.log("ringside");
    const auto read = json::parse(*answer);
    ASSERT_EQ(read.at("instruments").size(), symbols.size());
    for (const auto& each : read.at("instruments")) {
      EXPECT_EQ(each.at("result"), what == "add" ? "added" : "removed") << each;
    }
  }
};

TEST_P(Instruments, AreAddedAndRemovedAndNoOtherShowsARecordMore) {
  LiveSystem system(options());
  system.start();
  Watcher watcher(system);
  const auto staying = numbered(0, staying_count);
  const auto changing = numbered(staying_count, GetParam().many);
  ASSERT_TRUE(watcher.until("all live", [&] { return watcher.all(staying, State::Live); }));
  const auto epochs = watcher.epochs(staying);
  watcher.follow();
  watcher.forget();

  change(system, watcher, "add", changing);
  const Symbols first(changing.begin(), changing.begin() + GetParam().live_count);
  measured("added instruments live",
           watcher.until("the added are live", [&] { return watcher.all(first, State::Live); })
               .value_or(-1));
  const auto earlier = watcher.read(changing.front());
  change(system, watcher, "remove", changing);
  for (const auto& symbol : changing) {
    EXPECT_TRUE(watcher.read(symbol).is(State::Failed, Cause::Removed)) << symbol;
  }
  // Back again: the same number, a later book.
  change(system, watcher, "add", {changing.front()});
  EXPECT_TRUE(watcher.until("the first is back",
                            [&] { return watcher.read(changing.front()).is(State::Live); }));
  const auto later = watcher.read(changing.front());
  EXPECT_EQ(later.view.instrument, earlier.view.instrument);
  EXPECT_GT(later.view.epoch, earlier.view.epoch);

  watcher.follow();
  EXPECT_EQ(watcher.lost(), 0U) << "what was not read proves nothing";
  EXPECT_EQ(watcher.epochs(staying), epochs);
  for (const auto& symbol : staying) {
    EXPECT_TRUE(watcher.history(symbol).empty()) << symbol << " said something";
  }
  for (const auto* name : {"sequence_gaps", "checksum_failed", "records_dropped"}) {
    EXPECT_EQ(watcher.counter(name), 0U) << name;
  }
  for (const auto& [name, value] : watcher.counters()) {
    if (name.find(".closed_") == std::string::npos) continue;
    EXPECT_EQ(value, 0U) << name << ": a connection ended; those of the others must go on";
  }
  EXPECT_EQ(watcher.counter("instruments_added"), GetParam().many + 1);
  EXPECT_EQ(watcher.counter("instruments_removed"), GetParam().many);
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), Symbols{});
}

#ifdef RINGSIDE_LONG
INSTANTIATE_TEST_SUITE_P(Run, Instruments,
                         ::testing::Values(Venue{"binance", "USDT", 1000, 300},
                                           Venue{"binance-usdm", "USDT", 60, 60}),
                         [](const auto& venue) {
                           std::string name;
                           for (const char c : std::string(venue.param.name)) {
                             if (c != '-') name += c;
                           }
                           return name;
                         });
#else
INSTANTIATE_TEST_SUITE_P(Run, Instruments,
                         ::testing::Values(Venue{"kraken", "/USD", 1000, 1000},
                                           Venue{"kraken-v1", "/USD", 40, 40},
                                           Venue{"binance", "USDT", 40, 40},
                                           Venue{"binance-us", "USDT", 40, 40},
                                           Venue{"binance-usdm", "USDT", 40, 40},
                                           Venue{"binance-coinm", "USD_PERP", 40, 40}),
                         [](const auto& venue) {
                           std::string name;
                           for (const char c : std::string(venue.param.name)) {
                             if (c != '-') name += c;
                           }
                           return name;
                         });

class KrakenInstruments : public Instruments {};
INSTANTIATE_TEST_SUITE_P(Run, KrakenInstruments,
                         ::testing::Values(Venue{"kraken", "/USD", 10, 10}));

// What was added and removed is so after a restart, too, though the file says something else.
TEST_P(KrakenInstruments, ARestartOfTheCollectorShowsTheSameSet) {
  LiveSystem system(options());
  system.start();
  const auto changed = system.ringside(command(system, "add", {"S10/USD", "S11/USD"}));
  ASSERT_EQ(changed.status, 0) << changed.err;
  ASSERT_EQ(system.ringside(command(system, "remove", {"S0/USD", "S11/USD"})).status, 0);
  system.collector->signal(SIGTERM);
  ASSERT_EQ(system.collector->wait(milliseconds(15'000)), 0);
  system.start_collector();
  Watcher watcher(system);
  auto expected = numbered(1, 10);  // S1 to S10
  EXPECT_TRUE(watcher.until("all live", [&] { return watcher.all(expected, State::Live); }));
  const auto list = json::parse(system.ringside({"instruments", "list", "--json"}).out);
  Symbols listed;
  for (const auto& each : list.at("instruments")) listed.push_back(each.at("symbol"));
  std::sort(listed.begin(), listed.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(listed, expected);
  // The worker did not end: to it the removed are no longer waited for.
  EXPECT_EQ(watcher.counter("journal_damaged"), 0U);
  system.stop();
}

// Each is refused in one line, and nothing is written.
TEST_P(KrakenInstruments, AWrongChangeIsRefusedBeforeItIsWritten) {
  auto few = options();
  few.memory_keys = "spsc_slots = 65536\nevents_slots = 131072\ninstruments_max = 12\n";
  LiveSystem system(few);
  system.start();
  struct Wrong {
    std::vector<std::string> words;
    const char* says;
  };
  const std::string file = system.config;
  const std::vector<Wrong> all{
      {{"add", "--config", file, "--venue", "binance", "BTCUSDT"},
       "no [[venue]] table of 'binance'"},
      {{"add", "--config", file, "--venue", "kraken", "--depth", "10", "S10/USD"},
       "it has: kraken"},
      {{"add", "--config", file, "--venue", "kraken", "--channels", "book,x", "S10/USD"}, "'x'"},
      {{"add", "--config", file, "--venue", "kraken", "S 10/USD"}, "is no symbol"},
      {{"add", "--config", file, "--venue", "kraken", "S10/USD", "S10/USD"}, "comes twice"},
      {{"add", "--config", file, "--venue", "kraken", "A", "B", "C"},
       "raise memory.instruments_max"},
      {{"remove", "--config", file, "--venue", "kraken", "S10/USD"}, "has never collected"},
      {{"add", "--config", file + ".none", "--venue", "kraken", "S10/USD"}, "test.toml.none"},
      {{"add", "--venue", "kraken", "S10/USD"}, "--config"},
  };
  for (const auto& wrong : all) {
    auto words = wrong.words;
    words.insert(words.begin(), "instruments");
    const auto ended = system.ringside(words);
    EXPECT_EQ(ended.status, 2) << wrong.says;
    EXPECT_NE(ended.err.find(wrong.says), std::string::npos) << ended.err;
    EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
  }
  EXPECT_FALSE(std::filesystem::exists(system.scratch.path("state") + "/c0.changes"));
  // A symbol that the venue does not list is taken, fails visibly, and hurts nobody.
  ASSERT_EQ(system.ringside(command(system, "add", {"NONE/USD"})).status, 0);
  Watcher watcher(system);
  EXPECT_TRUE(watcher.until("it has failed", [&] {
    return watcher.read("NONE/USD").is(State::Failed, Cause::UnknownSymbol);
  }));
  EXPECT_TRUE(watcher.all(numbered(0, staying_count), State::Live));
  // Somebody writes rubbish into the journal: said, counted, and nothing else happens.
  {
    std::ofstream journal(system.scratch.path("state") + "/c0.changes", std::ios::app);
    journal << "rubbish\n99 add kraken - 0 S10/USD 00000000\n";
  }
  EXPECT_EQ(watcher.counter("journal_damaged"), 0U) << "an end that nothing good follows";
  system.collector->signal(SIGTERM);
  ASSERT_EQ(system.collector->wait(milliseconds(15'000)), 0);
  const auto late = system.ringside(command(system, "add", {"S10/USD"}));
  EXPECT_EQ(late.status, 2);
  EXPECT_NE(late.err.find("does not run"), std::string::npos) << late.err;
  system.start_collector();
  system.stop();
}
#endif

}  // namespace
}  // namespace ringside::e2e
