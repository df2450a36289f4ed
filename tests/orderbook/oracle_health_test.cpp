// Checksums that say nothing: noticed once, set aside, and believed again when they are good again.
#include "orderbook/oracle_health.hpp"

#include <gtest/gtest.h>

#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

constexpr InstrumentId btc = InstrumentId::of(1, 0);
constexpr InstrumentId eth = InstrumentId::of(1, 1);
constexpr InstrumentTerms kraken{Exponent{-1}, Exponent{-8}, ChecksumRule::Kraken, 10};

TEST(OracleHealthTest, AConstantClaimAboutChangingBooksIsNotBelieved) {
  OracleHealth oracle;
  EXPECT_FALSE(oracle.note(0, 11));
  EXPECT_FALSE(oracle.note(0, 12));
  EXPECT_FALSE(oracle.note(0, 13));
  EXPECT_TRUE(oracle.trusted());
  EXPECT_TRUE(oracle.note(0, 14)) << "said once";
  EXPECT_FALSE(oracle.note(0, 15));
  EXPECT_FALSE(oracle.trusted());
}

TEST(OracleHealthTest, ABookThatIsWrongIsNoFaultOfTheOracle) {
  OracleHealth oracle;
  for (std::uint32_t i = 0; i < 1'000; ++i) EXPECT_FALSE(oracle.note(i, i + 1));
  // The same message again and again, over the same book.
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(oracle.note(7, 8));
  // A good one in between.
  for (std::uint32_t i = 0; i < 1'000; ++i) EXPECT_FALSE(oracle.note(0, i % 3 == 0 ? 0 : i));
  EXPECT_TRUE(oracle.trusted());
}

TEST(OracleHealthTest, ItIsBelievedAgainAfterAStretchOfGoodOnes) {
  OracleHealth oracle;
  for (std::uint32_t i = 1; i <= 4; ++i) static_cast<void>(oracle.note(0, i));
  for (std::uint32_t i = 1; i < OracleHealth::successes_min; ++i) EXPECT_FALSE(oracle.note(i, i));
  EXPECT_FALSE(oracle.trusted());
  static_cast<void>(oracle.note(1, 2));
  for (std::uint32_t i = 1; i < OracleHealth::successes_min; ++i) EXPECT_FALSE(oracle.note(i, i));
  EXPECT_FALSE(oracle.trusted()) << "in a row";
  static_cast<void>(oracle.note(9, 9));
  EXPECT_TRUE(oracle.trusted());
}

class Oracle : public ::testing::Test {
 protected:
  void snapshot(InstrumentId id, std::uint32_t count, std::int64_t quantity,
                std::optional<std::uint32_t> claimed = {}) {
    script.take(terms_of(id, epoch_of(1, count), kraken));
    const std::vector bids{at(100, quantity)};
    const std::vector asks{at(101, 5)};
    script.take(with_checksum(levels_of(Kind::Snapshot, id, epoch_of(1, count), bids, asks),
                              claimed.value_or(WorkerScript::checksum(bids, asks))));
  }
  WorkerScript script;
};

TEST_F(Oracle, OfOneInstrumentIsSetAsideAndItsBookGoesOnUnverified) {
  snapshot(btc, 1, 5);
  snapshot(eth, 1, 5);
  for (std::uint32_t i = 0; i < 3; ++i) {
    snapshot(btc, 2 + i, 6 + i, 0);
    EXPECT_EQ(script.state(btc), "gap checksum_failed");
  }
  snapshot(btc, 9, 20, 0);
  EXPECT_EQ(script.state(btc), "live checksum_failed");
  EXPECT_FALSE(script.view(btc).verified);
  EXPECT_EQ(script.view(btc).bids[0], at(100, 20));
  script.take(with_checksum(level_of(btc, epoch_of(1, 9), Side::Bid, at(100, 21)), 0));
  EXPECT_EQ(script.state(btc), "live checksum_failed");
  EXPECT_EQ(script.view(btc).bids[0], at(100, 21));
  EXPECT_EQ(script.worker.counters().oracles_distrusted, 1U);
  EXPECT_EQ(script.worker.counters().checksum_failed, 3U);
  EXPECT_EQ(script.state(eth), "live none");
  EXPECT_TRUE(script.view(eth).verified);
}

TEST_F(Oracle, IsBelievedAgainAndSaysSo) {
  for (std::uint32_t i = 0; i < 4; ++i) snapshot(btc, 1 + i, 6 + i, 0);
  for (std::uint32_t i = 0; i < OracleHealth::successes_min; ++i) snapshot(btc, 9 + i, 6 + i);
  EXPECT_EQ(script.state(btc), "live none");
  EXPECT_TRUE(script.view(btc).verified);
  snapshot(btc, 100, 3, 77);
  EXPECT_EQ(script.state(btc), "gap checksum_failed");
}

}  // namespace
}  // namespace ringside::orderbook
