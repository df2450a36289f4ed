// Checksums that say nothing: noticed once, set aside, and believed again when they are good again.
#include "orderbook/oracle_health.hpp"

#include <gtest/gtest.h>

#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

constexpr InstrumentId btc = InstrumentId::of(1, 0);
constexpr InstrumentId eth = InstrumentId::of(1, 1);
constexpr InstrumentTerms kraken{Exponent{-1}, Exponent{-8}, ChecksumRule::Kraken, 10};

TEST(OracleHealthTest, AClaimOfZeroAboutChangingBooksIsNotBelieved) {
  OracleHealth oracle;
  EXPECT_FALSE(oracle.note(0, 11, false));
  EXPECT_FALSE(oracle.note(0, 12, false));
  EXPECT_FALSE(oracle.note(0, 13, false));
  EXPECT_TRUE(oracle.trusted());
  EXPECT_TRUE(oracle.note(0, 14, false)) << "said once";
  EXPECT_FALSE(oracle.note(0, 15, false));
  EXPECT_FALSE(oracle.trusted());
}

TEST(OracleHealthTest, AClaimThatDoesNotFollowTheBestLevelIsNotBelieved) {
  OracleHealth oracle;
  EXPECT_FALSE(oracle.note(7, 11, true));
  EXPECT_FALSE(oracle.note(7, 12, true));
  EXPECT_FALSE(oracle.note(7, 13, false)) << "a snapshot between";
  EXPECT_FALSE(oracle.note(7, 14, true));
  EXPECT_FALSE(oracle.note(7, 14, true)) << "the same book once more";
  EXPECT_TRUE(oracle.note(7, 15, true));
}

TEST(OracleHealthTest, ABookThatIsWrongIsNoFaultOfTheOracle) {
  OracleHealth oracle;
  for (std::uint32_t i = 0; i < 1'000; ++i) EXPECT_FALSE(oracle.note(i, i + 1, true));
  // A market that stands still: the claim is right to stay, and so is the book.
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(oracle.note(7, 8, true));
  // One that stands still and whose snapshots come damaged, each in its own way.
  for (std::uint32_t i = 8; i < 1'000; ++i) EXPECT_FALSE(oracle.note(7, i, false));
  for (std::uint32_t i = 0; i < 1'000; ++i) EXPECT_FALSE(oracle.note(0, i % 3 == 0 ? 0 : i, true));
  EXPECT_TRUE(oracle.trusted());
}

TEST(OracleHealthTest, ItIsBelievedAgainAfterAStretchOfGoodOnes) {
  OracleHealth oracle;
  const auto good = [&](std::uint32_t checksum) { return oracle.note(checksum, checksum, true); };
  for (std::uint32_t i = 1; i <= 4; ++i) static_cast<void>(oracle.note(0, i, true));
  for (std::uint32_t i = 1; i < OracleHealth::successes_min; ++i) EXPECT_FALSE(good(i));
  EXPECT_FALSE(oracle.trusted());
  static_cast<void>(oracle.note(1, 2, true));
  for (std::uint32_t i = 1; i < OracleHealth::successes_min; ++i) EXPECT_FALSE(good(i));
  EXPECT_FALSE(oracle.trusted()) << "in a row";
  EXPECT_FALSE(good(9));
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

TEST_F(Oracle, ThatStaysWhileTheBestLevelMovesIsSetAside) {
  snapshot(btc, 1, 5);
  snapshot(eth, 1, 5);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(script.worker.counters().oracles_distrusted, 0U);
    script.take(with_checksum(level_of(btc, epoch_of(1, 1), Side::Bid, at(100, 21 + i)), 77));
    EXPECT_EQ(script.state(btc), "gap checksum_failed");
    EXPECT_EQ(script.view(btc).bids[0], at(100, 5)) << "a book in doubt is seen by nobody";
  }
  EXPECT_EQ(script.worker.counters().oracles_distrusted, 1U);
  EXPECT_EQ(script.worker.counters().no_book, 3U);
  snapshot(btc, 2, 30, 77);
  EXPECT_EQ(script.state(btc), "live checksum_failed");
  EXPECT_EQ(script.view(btc).bids[0], at(100, 30));
  EXPECT_EQ(script.state(eth), "live none");
}

TEST_F(Oracle, IsBelievedWhereTheSnapshotsOfAStandingMarketAreDamaged) {
  snapshot(btc, 1, 5);
  const std::vector bids{at(100, 5)};
  const auto right = WorkerScript::checksum(bids, {at(101, 5)});
  for (std::uint32_t i = 0; i < 20; ++i) {
    snapshot(btc, 2 + i, 6 + i, right);
    EXPECT_EQ(script.state(btc), "gap checksum_failed");
  }
  snapshot(btc, 30, 5);
  EXPECT_EQ(script.state(btc), "live none");
}

TEST_F(Oracle, OfABookInDoubtIsNotAskedAfterAMessageThatCannotBeApplied) {
  snapshot(btc, 1, 5);
  const auto bad = [&](ScriptRecord made) { script.take(with_checksum(std::move(made), 77)); };
  bad(level_of(btc, epoch_of(1, 1), Side::Bid, at(100, 21)));
  bad(level_of(btc, epoch_of(1, 1), Side::Bid, at(100, -1)));
  for (std::int64_t i = 0; i < 9; ++i) {
    bad(level_of(btc, epoch_of(1, 1), Side::Bid, at(100, 30 + i)));
  }
  EXPECT_EQ(script.worker.counters().oracles_distrusted, 0U);
  EXPECT_EQ(script.state(btc), "gap checksum_failed");
}

}  // namespace
}  // namespace ringside::orderbook
