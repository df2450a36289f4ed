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
