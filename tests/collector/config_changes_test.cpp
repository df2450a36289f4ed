// What the journal makes of the file: the set of instruments that a restart begins with.
#include "collector/config_changes.hpp"

#include <gtest/gtest.h>

namespace ringside::collector {
namespace {

using What = InstrumentChange::What;
using Symbols = std::vector<std::string>;

VenueConfig table(const std::string& venue, Symbols symbols, Channels channels = {},
                  std::uint32_t depth = 0, const std::string& collector = "c0") {
  VenueConfig made;
  made.name = venue;
  made.collector = collector;
  made.instruments = std::move(symbols);
  made.channels = channels;
  made.depth = depth;
  return made;
}

InstrumentChange change(What what, const std::string& venue, const std::string& symbol,
                        const std::string& channels = "", std::uint32_t depth = 0) {
  InstrumentChange made;
  made.what = what;
  made.venue = venue;
  made.symbol = symbol;
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
  void apply(std::vector<InstrumentChange> changes) { apply_changes(config, "c0", changes); }
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

}  // namespace
}  // namespace ringside::collector
