// Ordinals are handed out once; generations grow; a crash in mid-line loses nothing that was used.
#include "collector/instrument_registry.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace ringside::collector {
namespace {

class Registry : public ::testing::Test {
 protected:
  Registry() {
    directory_ = (std::filesystem::temp_directory_path() /
                  ("ringside_registry_" + std::to_string(::getpid())))
                     .string();
    std::filesystem::remove_all(directory_);
  }
  ~Registry() override { std::filesystem::remove_all(directory_); }
  InstrumentRegistry open(std::uint32_t number = 3) { return {directory_, "c0", number}; }

  std::string directory_;
};

TEST_F(Registry, OrdinalsAreHandedOutInOrderAndKeptOverRestarts) {
  {
    auto registry = open();
    EXPECT_EQ(registry.id_of("kraken", "BTC/USD"), InstrumentId::of(3, 0));
    EXPECT_EQ(registry.id_of("kraken", "ETH/USD"), InstrumentId::of(3, 1));
    EXPECT_EQ(registry.id_of("kraken", "BTC/USD"), InstrumentId::of(3, 0));
  }
  auto registry = open();
  EXPECT_EQ(registry.id_of("binance", "BTC/USD"), InstrumentId::of(3, 2)) << "venues do not share";
  const std::vector<std::string> many{"SOL/USD", "ETH/USD", "ADA/USD", "SOL/USD"};
  EXPECT_EQ(registry.ids_of("kraken", many),
            (std::vector{InstrumentId::of(3, 3), InstrumentId::of(3, 1), InstrumentId::of(3, 4),
                         InstrumentId::of(3, 3)}));
  EXPECT_EQ(registry.id_of("kraken", "ETH/USD"), InstrumentId::of(3, 1));
}

TEST_F(Registry, ManyAtOnceAreNumberedInOrderAndNoneTwice) {
  const std::vector<std::string> symbols{"ETH/USD", "BTC/USD", "ETH/USD", "SOL/USD"};
  {
    auto registry = open();
    EXPECT_EQ(registry.id_of("kraken", "BTC/USD"), InstrumentId::of(3, 0));
    static_cast<void>(registry.ids_of("kraken", symbols));
    EXPECT_EQ(registry.count(), 3U);
    EXPECT_EQ(registry.id_of("kraken", "ETH/USD"), InstrumentId::of(3, 1));
  }
  auto registry = open();
  EXPECT_EQ(registry.count(), 3U);
  EXPECT_EQ(registry.id_of("kraken", "SOL/USD"), InstrumentId::of(3, 2));
}

TEST_F(Registry, TheGenerationGrowsAtEachStart) {
  EXPECT_EQ(open().generation(), 1U);
  EXPECT_EQ(open().generation(), 2U);
  EXPECT_EQ(open().generation(), 3U);
}

TEST_F(Registry, ALineCutShortByACrashIsForgottenAndItsOrdinalHandedOutAgain) {
  open().id_of("kraken", "BTC/USD");
  std::ofstream(directory_ + "/c0.instruments", std::ios::app) << "1 kraken ET";
  auto registry = open();
  EXPECT_EQ(registry.count(), 1U);
  EXPECT_EQ(registry.id_of("kraken", "SOL/USD"), InstrumentId::of(3, 1));
  EXPECT_EQ(open().count(), 2U);
}

TEST_F(Registry, AFileThatWasNotWrittenHereIsRefusedWithItsLine) {
  open().id_of("kraken", "BTC/USD");
  std::ofstream(directory_ + "/c0.instruments", std::ios::app) << "7 kraken ETH/USD\n";
  try {
    open();
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("c0.instruments:2"), std::string::npos)
        << error.what();
  }
}

TEST_F(Registry, ASymbolThatStandsTwiceIsRefusedSoThatNoOrdinalIsTwoInstruments) {
  open().id_of("kraken", "BTC/USD");
  std::ofstream(directory_ + "/c0.instruments", std::ios::app) << "1 kraken BTC/USD\n";
  EXPECT_THROW(open(), std::runtime_error);
}

// Begun anew at 1, a collector would use epochs that its workers have seen.
TEST_F(Registry, AGenerationThatCannotBeReadIsRefusedAndNotBegunAnew) {
  EXPECT_EQ(open().generation(), 1U);
  for (const auto* damaged :
       {"", "x\n", "-3\n", "7", "7 \n", "0\n", "4294967295\n", "99999999999\n"}) {
    std::ofstream(directory_ + "/c0.generation") << damaged;
    EXPECT_THROW(open(), std::runtime_error) << damaged;
  }
  std::ofstream(directory_ + "/c0.generation") << "41\n";
  EXPECT_EQ(open().generation(), 42U);
}

TEST_F(Registry, ADirectoryThatCannotBeMadeIsACleanError) {
  directory_ = "/proc/ringside_cannot_be_here";
  EXPECT_THROW(open(), std::system_error);
}

}  // namespace
}  // namespace ringside::collector
