// What the journal makes of the file: the set of instruments that a restart begins with.
#include "collector/config_changes.hpp"

#include <gtest/gtest.h>

namespace ringside::collector {
namespace {

using What = Change::What;
using Symbols = std::vector<std::string>;

VenueConfig table(const std::string& venue, Symbols symbols, Channels channels = {},
                  std::uint32_t depth = 0, const std::string& collector = "c0") {
  VenueConfig made;
  made.name = venue;
  made.collector = collector;
  made.instruments = std::move(symbols);
  made.channels = made.named_channels = channels;
  made.depth = depth;
  return made;
}

Change change(What what, const std::string& venue, const std::string& symbol,
              const std::string& channels = "", std::uint32_t depth = 0) {
  Change made;
  made.what = what;
  made.venue = venue;
  made.subject = symbol;
  made.channels = channels;
  made.depth = depth;
  return made;
}

struct ConfigChanges : ::testing::Test {
  ConfigChanges() {
    config.venues = {table("kraken", {"BTC/USD"}),
                     table("kraken", {"ETH/USD"}, {true, false, false}, 100),
                     table("binance", {"BTCUSDT"}), table("kraken", {"XRP/USD"}, {}, 0, "c1")};
  }
  void apply(std::vector<Change> changes) {
    EXPECT_TRUE(apply_changes(config, "c0", changes).empty());
  }
  Config config;
};

TEST_F(ConfigChanges, AnAdditionGoesToTheFirstTableThatFits) {
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "SOL/USD")), 0U);
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "SOL/USD", "trade")), 1U);
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "SOL/USD", "", 100)), 1U);
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "SOL/USD", "book", 100)), no_table);
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "okx", "SOL-USD")), no_table);
  EXPECT_EQ(table_of(config, "c1", change(What::Add, "kraken", "SOL/USD")), 3U);
  EXPECT_EQ(table_of(config, "c1", change(What::Add, "binance", "SOLUSDT")), no_table);
}

TEST_F(ConfigChanges, ATableThatNamesItAlreadyIsTheOneThatIsMeant) {
  EXPECT_EQ(table_of(config, "c0", change(What::Remove, "kraken", "ETH/USD")), 1U);
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "ETH/USD")), 1U);
}

TEST_F(ConfigChanges, WhatWasAddedAndRemovedIsSoWhateverTheFileSays) {
  apply({change(What::Add, "kraken", "SOL/USD"), change(What::Remove, "kraken", "ETH/USD"),
         change(What::Add, "kraken", "BTC/USD"), change(What::Remove, "binance", "NEVERUSDT"),
         change(What::Add, "okx", "GONE-USD"), change(What::Remove, "kraken", "XRP/USD")});
  EXPECT_EQ(config.venues[0].instruments, (Symbols{"BTC/USD", "SOL/USD"})) << "no one twice";
  EXPECT_EQ(config.venues[1].instruments, Symbols{});
  EXPECT_EQ(config.venues[2].instruments, Symbols{"BTCUSDT"});
  EXPECT_EQ(config.venues[3].instruments, Symbols{"XRP/USD"}) << "another collector's";
}

std::string keys_of(const std::string& venue, const std::string& more = "") {
  return "name = \"" + venue + "\"\ninstruments = [\"A\", \"B\"]\n" + more;
}

struct VenueChanges : ConfigChanges {
  VenueChanges() {
    ipc::ProcessSpec process;
    process.name = "c0";
    process.threads.resize(1);
    config.deployment.collectors = {process};
    for (auto& table : config.venues) table.websocket = "ws://" + table.name + "/";
  }
  [[nodiscard]] std::vector<std::string> collected() const {
    std::vector<std::string> names;
    for (const auto& table : config.venues) {
      if (!table.removed) names.push_back(table.collector + " " + table.name);
    }
    return names;
  }
};

TEST_F(VenueChanges, ARemovedVenueIsGoneWithAllItsTablesAndComesBackAsTheFileHasIt) {
  apply({change(What::RemoveVenue, "kraken", "")});
  EXPECT_EQ(collected(), (Symbols{"c0 binance", "c1 kraken"})) << "the other is another's";
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "BTC/USD")), no_table);
  EXPECT_TRUE(tables_of(config, "c0", change(What::AddChannel, "kraken", "book")).empty());
}

TEST_F(VenueChanges, WhatIsAddedStandsInPlaceOfWhatTheFileHas) {
  apply({change(What::AddVenue, "kraken", keys_of("kraken", "depth = 25\n")),
         change(What::Add, "kraken", "C"), change(What::RemoveChannel, "kraken", "bbo")});
  EXPECT_EQ(collected(), (Symbols{"c0 binance", "c1 kraken", "c0 kraken"}));
  const auto& added = config.venues.back();
  EXPECT_EQ(added.instruments, (Symbols{"A", "B", "C"}));
  EXPECT_EQ(added.channels, (Channels{true, true, false}));
  EXPECT_EQ(added.depth, 25U);
  EXPECT_LT(added.line, 0);
}

TEST_F(VenueChanges, WhatCannotBeAddedAnyMoreIsSaidAndLeftOut) {
  config.venues[2].websocket = find_venue("kraken-v1")->websocket;
  const std::vector<Change> all{
      change(What::AddVenue, "kraken-v1", keys_of("kraken-v1")),
      change(What::AddVenue, "binance-us", keys_of("binance")),
      change(What::AddVenue, "binance-coinm", keys_of("binance-coinm", "collector = \"c7\"\n"))};
  const auto said = apply_changes(config, "c0", all);
  ASSERT_EQ(said.size(), 3U);
  EXPECT_NE(said[0].find("divided at the start"), std::string::npos) << said[0];
  EXPECT_NE(said[1].find("another's"), std::string::npos) << said[1];
  EXPECT_NE(said[2].find("c7"), std::string::npos) << said[2];
  EXPECT_EQ(config.venues.size(), 4U);
}

constexpr Channels book_only{false, true, false};
constexpr Channels trade_and_book{true, true, false};

TEST_F(ConfigChanges, AChannelIsOfAllTablesOfItsVenueOrOfThoseOfADepth) {
  apply({change(What::RemoveChannel, "kraken", "bbo"),
         change(What::AddChannel, "kraken", "book", "", 100)});
  EXPECT_EQ(config.venues[0].channels, trade_and_book);
  EXPECT_EQ(config.venues[1].channels, trade_and_book);
  EXPECT_EQ(config.venues[2].channels, Channels{}) << "another venue's";
  EXPECT_EQ(config.venues[3].channels, Channels{}) << "another collector's";
}

// Of book, which came first and went last, the journal has only that it went.
TEST_F(ConfigChanges, WhatTheJournalWasReducedToEndsAsTheWholeOfItDid) {
  const std::vector<Change> all{change(What::AddChannel, "kraken", "book", "", 100),
                                change(What::RemoveChannel, "kraken", "trade", "", 100),
                                change(What::AddChannel, "kraken", "bbo", "", 100),
                                change(What::RemoveChannel, "kraken", "book", "", 100)};
  apply(newest_changes(all));
  EXPECT_EQ(config.venues[1].channels, (Channels{false, false, true}));
}

TEST_F(ConfigChanges, NoTableIsLeftWithoutAChannel) {
  EXPECT_EQ(apply_changes(config, "c0",
                          std::vector<Change>{change(What::RemoveChannel, "kraken", "trade")})
                .size(),
            1U);
  EXPECT_EQ(config.venues[0].channels, (Channels{false, true, true}));
  EXPECT_EQ(config.venues[1].channels, (Channels{true, false, false})) << "it had no other";
}

// What an instrument was added to must be the same table after a restart.
TEST_F(ConfigChanges, ATableIsKnownByTheChannelsThatItNamesWhateverHasBecomeOfThem) {
  apply({change(What::RemoveChannel, "kraken", "trade", "", 0),
         change(What::AddChannel, "kraken", "book", "", 100)});
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "SOL/USD", "trade")), 1U);
  EXPECT_EQ(table_of(config, "c0", change(What::Add, "kraken", "SOL/USD", "book")), no_table);
  EXPECT_EQ(changed(book_only, change(What::AddChannel, "kraken", "trade")), trade_and_book);
}

}  // namespace
}  // namespace ringside::collector
