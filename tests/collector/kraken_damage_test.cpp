// The Kraken v2 adapter: how damage stays with its instrument, how an instrument comes back on the
// same connection.
#include <gtest/gtest.h>

#include "tests/collector/kraken_fixture.hpp"

namespace ringside::collector {
namespace {

// --- Damage, each under its own name, and with its own instrument only ---

TEST_F(Kraken, MalformedJsonIsTheDamageOfWhoeverIsNamedInIt) {
  go_live();
  auto text = book("update", "XRP/USD", R"({"price":1.08100,"qty":1.0})", "");
  text.pop_back();
  take(text);
  expect_confined(Cause::BadMessage, Count::MalformedJson);
}

TEST_F(Kraken, MalformedJsonInAFieldThatNobodyReadsIsSeenToo) {
  go_live();
  take(book("update", "XRP/USD", "", "", R"(,"checksum":7,"extra":[1,nul])"));
  expect_confined(Cause::BadMessage, Count::MalformedJson);
}

TEST_F(Kraken, TextBehindTheMessageIsMalformed) {
  go_live();
  take(book("update", "XRP/USD", "", "") + "{}");
  expect_confined(Cause::BadMessage, Count::MalformedJson);
}

TEST_F(Kraken, ASnapshotCutShortIsAskedForAgain) {
  make({});
  open();
  (void)bench.drain();
  bench.host.sent.clear();
  take(book("snapshot", "XRP/USD", R"({"price":1.08100,"qty":1.0})", "").substr(0, 80));
  EXPECT_EQ(count(Count::MalformedJson), 1U);
  EXPECT_EQ(bench.host.sent.size(), 2U);
  EXPECT_EQ(only(1).size(), 1U);
}

TEST_F(Kraken, AMissingFieldIsCountedAsThat) {
  go_live();
  take(
      R"({"channel":"book","type":"update","data":[{"symbol":"XRP/USD","bids":[],"checksum":7}]})");
  expect_confined(Cause::BadMessage, Count::MissingField);
}

TEST_F(Kraken, ALevelWithoutItsQuantityIsAMissingField) {
  go_live();
  take(book("update", "XRP/USD", R"({"price":1.08100})", ""));
  expect_confined(Cause::BadMessage, Count::MissingField);
}

TEST_F(Kraken, AMistypedFieldIsCountedAsThat) {
  go_live();
  take(book("update", "XRP/USD", R"({"price":"1.08100","qty":1.0})", ""));
  expect_confined(Cause::BadMessage, Count::MistypedField);
}

TEST_F(Kraken, AChecksumThatIsNoneIsMistyped) {
  go_live();
  take(book("update", "XRP/USD", "", "", R"(,"checksum":4294967296)"));
  expect_confined(Cause::BadMessage, Count::MistypedField);
}

TEST_F(Kraken, ATimestampThatIsNoneIsMistyped) {
  go_live();
  take(book("update", "XRP/USD", "", "", R"(,"checksum":1,"timestamp":"2026-13-02T03:35:51Z")"));
  expect_confined(Cause::BadMessage, Count::MistypedField);
}

TEST_F(Kraken, ATypeThatIsNoneIsMistyped) {
  go_live();
  take(book("upsert", "XRP/USD", "", ""));
  expect_confined(Cause::BadMessage, Count::MistypedField);
}

TEST_F(Kraken, ARepeatedFieldIsCountedAsThat) {
  go_live();
  take(book("update", "XRP/USD", "", "", R"(,"checksum":7,"bids":[])"));
  expect_confined(Cause::BadMessage, Count::RepeatedField);
}

TEST_F(Kraken, ANegativeQuantityIsMistyped) {
  go_live();
  take(book("update", "XRP/USD", R"({"price":1.08100,"qty":-1.0})", ""));
  expect_confined(Cause::BadMessage, Count::MistypedField);
}

TEST_F(Kraken, ANumberThatOverflowsIsCountedAsThat) {
  go_live();
  take(book("update", "XRP/USD", R"({"price":1.08100,"qty":99999999999.00000000})", ""));
  expect_confined(Cause::NumberOverflow, Count::NumberOverflow);
}

TEST_F(Kraken, ANumberThatIsTooFineIsCountedAsThat) {
  go_live();
  take(book("update", "XRP/USD", R"({"price":1.081001,"qty":1.00000000})", ""));
  expect_confined(Cause::PrecisionChanged, Count::NumberTooFine);
}

TEST_F(Kraken, ADamagedTradeIsAHoleInItsInstrument) {
  go_live();
  take(R"({"channel":"trade","type":"update","data":[{"symbol":"XRP/USD","side":"hold",)"
       R"("price":1.0,"qty":0.5,"trade_id":1,"timestamp":"2026-08-02T03:35:51Z"}]})");
  expect_confined(Cause::BadMessage, Count::MistypedField);
}

TEST_F(Kraken, ADamagedTickerCostsOnlyItself) {
  go_live();
  take(R"({"channel":"ticker","type":"update","data":[{"symbol":"XRP/USD","bid":1.0000001,)"
       R"("bid_qty":1,"ask":2,"ask_qty":1.5}]})");
  take(R"({"channel":"ticker","type":"update","data":[{"symbol":"XRP/USD","bid":1.0}]})");
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::NumberTooFine), 1U);
  EXPECT_EQ(count(Count::MissingField), 1U);
}

TEST_F(Kraken, AnotherEntryOfADamagedMessageIsGoodNevertheless) {
  go_live();
  take(R"({"channel":"book","type":"update","data":[{"symbol":"XRP/USD","bids":{},"asks":[],)"
       R"("checksum":1},{"symbol":"BTC/USD","bids":[],"asks":[],"checksum":2}]})");
  const auto seen = bench.drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.id(), Bench::id(1));
  EXPECT_EQ(seen[0].record.kind, Kind::Status);
  EXPECT_EQ(seen[1].record.id(), Bench::id(0));
  EXPECT_EQ(seen[1].record.reference, 2U);
}

TEST_F(Kraken, AnUnknownSymbolIsCountedAndHurtsNobody) {
  go_live();
  take(book("update", "DOGE/USD", "", ""));
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::UnknownSymbol), 1U);
}

TEST_F(Kraken, DamageThatNobodyCanBeToldForIsCountedAsThat) {
  go_live();
  take(R"({"channel":"book","type":"update","da)");
  take("");
  take("\xff\xfe");
  take("[]");
  take("17");
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::MalformedJson), 4U);
  EXPECT_EQ(count(Count::InvalidUtf8), 1U);
  EXPECT_EQ(count(Count::UnattributedDamage), 5U);
}

TEST_F(Kraken, MoreLevelsThanFitAreRefusedByName) {
  go_live();
  std::string many;
  for (std::size_t i = 0; i <= kraken_levels_max; ++i) {
    many += R"({"price":1.0,"qty":1.0},)";
  }
  many.pop_back();
  take(book("update", "XRP/USD", many, ""));
  expect_confined(Cause::BadMessage, Count::TooManyLevels);
}

// --- Resync ---

TEST_F(Kraken, AResyncUnsubscribesAndSubscribesThatSymbolOnly) {
  go_live();
  adapter->on_resync(Bench::id(1), epoch_of(1, 1), Cause::ChecksumFailed, bench.now);
  ASSERT_EQ(bench.host.sent.size(), 2U);
  EXPECT_NE(bench.host.sent[0].find(R"({"method":"unsubscribe","params":{"channel":"book",)"
                                    R"("symbol":["XRP/USD"],"depth":10})"),
            std::string::npos);
  EXPECT_NE(bench.host.sent[1].find(R"({"method":"subscribe","params":{"channel":"book",)"
                                    R"("symbol":["XRP/USD"],"depth":10,"snapshot":true})"),
            std::string::npos);
  take(book("update", "XRP/USD", R"({"price":1.08100,"qty":1.00000000})", ""));
  EXPECT_EQ(count(Count::DeltasWhileSyncing), 1U);
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.cause(), Cause::ChecksumFailed);
  take(book("update", "BTC/USD", "", btc_ask));
  EXPECT_EQ(only(0).size(), 1U) << "the other book goes on";
}

TEST_F(Kraken, AResyncOfAnOlderEpochIsIgnored) {
  go_live();
  adapter->on_resync(Bench::id(1), epoch_of(1, 0), Cause::ChecksumFailed, bench.now);
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_TRUE(bench.host.sent.empty());
  EXPECT_EQ(count(Count::ResyncsIgnored), 1U);
}

TEST_F(Kraken, AResyncUnderWayIsNotBegunAgainButItsStateIsSaidAgain) {
  go_live();
  adapter->on_resync(Bench::id(1), epoch_of(1, 1), Cause::ChecksumFailed, bench.now);
  (void)bench.drain();
  adapter->on_resync(Bench::id(1), ~0U, Cause::WriterGone, bench.now);
  EXPECT_EQ(bench.host.sent.size(), 2U);
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.cause(), Cause::ChecksumFailed);
}

TEST_F(Kraken, AStaleSubscriptionEndsWhenTheVenueSaysSo) {
  go_live();
  take(
      R"({"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"XRP/USD"},"success":true})");
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.quantity, static_cast<std::int64_t>(State::Syncing));
  take(book("update", "XRP/USD", "", ""));
  EXPECT_TRUE(bench.drain().empty());
}

TEST_F(Kraken, ASnapshotThatNobodyAskedForIsIgnored) {
  go_live();
  take(book("snapshot", "XRP/USD", R"({"price":9.0,"qty":1.0})", ""));
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::SnapshotsUnasked), 1U);
}

TEST_F(Kraken, ASnapshotThatDoesNotComeIsAskedForAgainWithGrowingPauses) {
  go_live();
  adapter->on_resync(Bench::id(1), epoch_of(1, 1), Cause::ChecksumFailed, bench.now);
  for (int i = 0; i < 300; ++i) {
    tick(second_ns);
    take(R"({"channel":"heartbeat"})");
  }
  EXPECT_EQ(bench.host.sent.size(), 12U) << "six attempts of two frames, then it is failed";
  const auto seen = only(1);
  EXPECT_EQ(seen.back().record.quantity, static_cast<std::int64_t>(State::Failed));
  EXPECT_EQ(seen.back().record.cause(), Cause::ResyncLimit);
  for (int i = 0; i < 300; ++i) {
    tick(second_ns);
    take(R"({"channel":"heartbeat"})");
  }
  EXPECT_GT(bench.host.sent.size(), 12U) << "but not given up for ever";
}

TEST_F(Kraken, OnceSettledTheNextResyncStartsAtOnceAgain) {
  go_live();
  for (int i = 0; i < 5; ++i) {
    adapter->on_resync(Bench::id(1), ~0U, Cause::ChecksumFailed, bench.now);
    EXPECT_EQ(bench.host.sent.size(), 2U) << i;
    bench.host.sent.clear();
    take(book("snapshot", "XRP/USD", "", ""));
    for (int s = 0; s < 61; ++s) {
      tick(second_ns);
      take(R"({"channel":"heartbeat"})");
    }
  }
}

TEST_F(Kraken, FinerNumbersBeginAnEpochOfAFinerExponent) {
  go_live();
  take(book("update", "XRP/USD", R"({"price":1.081001,"qty":1.00000000})", ""));
  take(R"({"channel":"trade","type":"update","data":[{"symbol":"XRP/USD","side":"buy",)"
       R"("price":1.08100,"qty":1.0,"trade_id":1,"timestamp":"2026-08-02T03:35:51Z"}]})");
  take(book("snapshot", "XRP/USD", R"({"price":1.081001,"qty":1.00000000})",
            R"({"price":1.081100,"qty":1.00000000})"));
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[1].record.kind, Kind::Trade);
  EXPECT_EQ(seen[1].record.price, 108100) << "still of the old epoch's exponent";
  EXPECT_EQ(InstrumentTerms::unpacked(seen[2].record.price).price_exponent, Exponent{-6});
  EXPECT_EQ(seen[3].bids[0].price.mantissa, 1081001);
}

TEST_F(Kraken, ADamagedDigitDoesNotChangeTheExponent) {
  go_live();
  take(book("update", "XRP/USD", R"({"price":1.081001,"qty":1.00000000})", ""));
  take(book("snapshot", "XRP/USD", R"({"price":1.08100,"qty":1.00000000})", ""));
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(InstrumentTerms::unpacked(seen[1].record.price).price_exponent, Exponent{-5});
}

// --- Connections ---

TEST_F(Kraken, AClosedConnectionTakesItsInstrumentsDownAndANewOneBringsThemBack) {
  go_live();
  adapter->on_close(0, bench.now);
  auto seen = bench.drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.quantity, static_cast<std::int64_t>(State::Disconnected));
  EXPECT_EQ(seen[0].record.cause(), Cause::SocketClosed);
  tick(100 * second_ns);
  EXPECT_TRUE(bench.host.sent.empty());
  open();
  EXPECT_EQ(bench.host.sent.size(), 3U);
  take(book("snapshot", "BTC/USD", btc_bid, btc_ask));
  seen = bench.drain();
  EXPECT_EQ(seen.back().record.kind, Kind::Snapshot);
  EXPECT_EQ(seen.back().record.epoch, epoch_of(1, 2));
}

TEST_F(Kraken, TenSilentSecondsCostTheConnection) {
  go_live();
  tick(9 * second_ns);
  EXPECT_TRUE(bench.host.reconnects.empty());
  take(R"({"channel":"heartbeat"})");
  tick(9 * second_ns);
  EXPECT_TRUE(bench.host.reconnects.empty());
  tick(2 * second_ns);
  EXPECT_EQ(bench.host.reconnects, (std::vector<ConnectionIndex>{0}));
  EXPECT_EQ(count(Count::NoDataReconnects), 1U);
}

TEST_F(Kraken, WithoutABookTheAcknowledgementMakesItLive) {
  KrakenConfig config;
  config.books = false;
  make(config);
  open();
  (void)bench.drain();
  take(R"({"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD"},"success":true})");
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.kind, Kind::Instrument);
  EXPECT_EQ(seen[1].record.quantity, static_cast<std::int64_t>(State::Live));
}

}  // namespace
}  // namespace ringside::collector
