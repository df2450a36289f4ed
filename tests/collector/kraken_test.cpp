// The Kraken v2 adapter, message by message: what is subscribed, what becomes of each message.
#include <gtest/gtest.h>

#include "tests/collector/kraken_fixture.hpp"

namespace ringside::collector {
namespace {

// --- Subscribing ---

TEST_F(Kraken, SubscribesEachChannelForAllItsSymbols) {
  make({});
  open();
  ASSERT_EQ(bench.host.sent.size(), 3U);
  EXPECT_EQ(bench.host.sent[0],
            R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","XRP/USD"],)"
            R"("depth":10,"snapshot":true},"req_id":6})");
  EXPECT_EQ(bench.host.sent[1],
            R"({"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","XRP/USD"],)"
            R"("snapshot":false},"req_id":13})");
  EXPECT_EQ(bench.host.sent[2],
            R"({"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD","XRP/USD"],)"
            R"("event_trigger":"bbo","snapshot":true},"req_id":20})");
}

TEST_F(Kraken, ManySymbolsGoInBatchesAndOverSeveralConnections) {
  KrakenConfig config;
  config.trades = config.bbos = false;
  for (std::uint32_t i = 0; i < 50; ++i) {
    config.instruments.push_back({std::string("S").append(std::to_string(i)), Bench::id(i), i, true,
                                  Exponent{-1}, Exponent{-8}});
  }
  config.instruments_per_connection = 30;
  Bench many(50);
  KrakenAdapter sharded(config, many.records, many.host);
  ASSERT_EQ(sharded.connection_count(), 2U);
  EXPECT_EQ(sharded.connection_path(1), "/v2");
  sharded.on_open(0, many.now);
  sharded.on_open(1, many.now);
  for (int i = 0; i < 10; ++i) {
    many.pass(second_ns / 10);
    sharded.on_tick(many.now);
  }
  EXPECT_EQ(many.host.sent_on, (std::vector<ConnectionIndex>{0, 0, 1}));
}

TEST_F(Kraken, TermsAndTheStateSyncingComeBeforeAnythingElse) {
  make({});
  open();
  const auto seen = bench.drain();
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[0].record.kind, Kind::Instrument);
  EXPECT_EQ(InstrumentTerms::unpacked(seen[0].record.price),
            (InstrumentTerms{Exponent{-1}, Exponent{-8}, ChecksumRule::Kraken, 10}));
  EXPECT_EQ(seen[0].record.epoch, epoch_of(1, 0));
  EXPECT_EQ(seen[1].record.kind, Kind::Status);
  EXPECT_EQ(seen[1].record.cause(), Cause::Starting);
  EXPECT_EQ(seen[1].record.quantity, static_cast<std::int64_t>(State::Syncing));
}

TEST_F(Kraken, UnknownExponentsAreAskedForBeforeTheBooks) {
  KrakenConfig config;
  config.instruments = two(false);
  make(config);
  open();
  ASSERT_EQ(bench.host.sent.size(), 1U);
  EXPECT_NE(bench.host.sent[0].find(R"("channel":"instrument")"), std::string::npos);
  take(R"({"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"BTC"}],"pairs":[)"
       R"({"symbol":"BTC/USD","price_precision":1,"qty_precision":8,"status":"online"},)"
       R"({"symbol":"ODD/USD","price_precision":99,"qty_precision":"x"}]}})");
  ASSERT_EQ(bench.host.sent.size(), 4U);
  for (unsigned i = 1; i < 4; ++i) {
    EXPECT_NE(bench.host.sent[i].find(R"(["BTC/USD"])"), std::string::npos);
  }
  EXPECT_EQ(count(Count::UnknownSymbol), 1U) << "XRP/USD is not listed";
  EXPECT_EQ(count(Count::MistypedField), 0U) << "the odd pair is nobody's here";
  const auto seen = bench.drain();
  EXPECT_EQ(seen.back().record.id(), Bench::id(1));
  EXPECT_EQ(seen.back().record.quantity, static_cast<std::int64_t>(State::Failed));
  EXPECT_EQ(seen.back().record.cause(), Cause::UnknownSymbol);

  bench.host.sent.clear();
  tick(second_ns);
  bench.host.sent.clear();
  take(R"({"channel":"instrument","type":"update","data":{"assets":[],"pairs":[)"
       R"({"symbol":"XRP/USD","price_precision":5,"qty_precision":8,"status":"online"}]}})");
  tick(second_ns);
  ASSERT_EQ(bench.host.sent.size(), 3U) << "newly listed: its book, trades, tickers";
  for (const auto& sent : bench.host.sent) EXPECT_NE(sent.find("XRP/USD"), std::string::npos);
}

TEST_F(Kraken, AnInstrumentChannelThatNeverAnswersCostsTheConnection) {
  KrakenConfig config;
  config.instruments = two(false);
  make(config);
  open();
  for (int i = 0; i < 10; ++i) {
    tick(second_ns);
    take(R"({"channel":"heartbeat"})");
  }
  EXPECT_FALSE(bench.host.reconnects.empty());
}

TEST_F(Kraken, TheAcknowledgedDepthIsTheBooks) {
  make({});
  open();
  take(R"({"method":"subscribe","req_id":6,"result":{"channel":"book","depth":25,"snapshot":true,)"
       R"("symbol":"BTC/USD"},"success":true,"time_in":"x","time_out":"y"})");
  (void)bench.drain();
  take(book("snapshot", "BTC/USD", btc_bid, btc_ask));
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(InstrumentTerms::unpacked(seen[0].record.price).depth, 25U);
}

TEST_F(Kraken, ARefusedSymbolFailsAloneAndIsTriedAgainLater) {
  make({});
  open();
  (void)bench.drain();
  take(R"({"error":"Currency pair not supported","method":"subscribe","req_id":6,"success":false,)"
       R"("symbol":"XRP/USD"})");
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.quantity, static_cast<std::int64_t>(State::Failed));
  EXPECT_EQ(seen[0].record.cause(), Cause::SubscriptionRefused);
  EXPECT_EQ(count(Count::SubscriptionsRefused), 1U);
  take(book("snapshot", "BTC/USD", btc_bid, btc_ask));
  bench.host.sent.clear();
  // Asks again within so long, and is refused again; false: it does not ask.
  const auto asks_within = [&](int seconds) {
    for (int i = 0; i < seconds && bench.host.sent.empty(); ++i) {
      tick(second_ns);
      take(R"({"channel":"heartbeat"})");
    }
    if (bench.host.sent.empty()) return false;
    EXPECT_EQ(bench.host.sent.size(), 2U) << "an end and a beginning";
    bench.host.sent.clear();
    take(R"({"error":"Service unavailable","method":"subscribe","req_id":6,"success":false,)"
         R"("symbol":"XRP/USD"})");
    return true;
  };
  // With the backoff, six times; then once each five minutes.
  for (const int within : {1, 2, 4, 8, 16, 32}) EXPECT_TRUE(asks_within(within)) << within;
  EXPECT_FALSE(asks_within(290));
  EXPECT_TRUE(asks_within(11));
  EXPECT_FALSE(asks_within(290));
}

// A worker asks for no new snapshot of what is said to be given up: were the one that comes to be
// dropped by a full ring, it would stay failed for ever.
TEST_F(Kraken, WhatIsAskedForAgainIsSaidToBeSyncing) {
  make({});
  open();
  (void)bench.drain();
  take(R"({"error":"Service unavailable","method":"subscribe","req_id":6,"success":false,)"
       R"("symbol":"XRP/USD"})");
  EXPECT_EQ(only(1).size(), 1U);
  bench.host.sent.clear();
  for (int i = 0; i < 5 && bench.host.sent.empty(); ++i) tick(second_ns);
  EXPECT_FALSE(bench.host.sent.empty());
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.quantity, static_cast<std::int64_t>(State::Syncing));
  EXPECT_EQ(seen[0].record.cause(), Cause::Resubscribing);
}

TEST_F(Kraken, ARefusalThatNamesTheSymbolInItsSentenceIsUnderstood) {
  make({});
  open();
  (void)bench.drain();
  take(R"({"error":"Currency pair not supported XRP/USD","method":"subscribe","success":false})");
  EXPECT_EQ(only(1).size(), 1U);
}

TEST_F(Kraken, ARefusedTickerLeavesTheBookAloneAndIsAskedForAgain) {
  go_live();
  const auto refuse = [&] {
    take(R"({"error":"no","method":"subscribe","req_id":20,"success":false,"symbol":"XRP/USD"})");
  };
  // Seconds until it is asked for; at most so many.
  const auto asked_within = [&](int most) {
    for (int seconds = 1; seconds <= most; ++seconds) {
      tick(second_ns);
      take(R"({"channel":"heartbeat"})");
      if (!bench.host.sent.empty()) return seconds;
    }
    return 0;
  };
  refuse();
  // With the backoff, six times; then once each five minutes.
  for (const int seconds : {1, 2, 4, 8, 16, 32, 300, 300}) {
    EXPECT_EQ(asked_within(301), seconds);
    ASSERT_EQ(bench.host.sent.size(), 1U) << "of that channel, of that symbol";
    const auto text = std::exchange(bench.host.sent, {}).front();
    EXPECT_NE(text.find(R"("method":"subscribe")"), text.npos) << text;
    EXPECT_NE(text.find(R"("channel":"ticker")"), text.npos) << text;
    EXPECT_NE(text.find("XRP/USD"), text.npos) << text;
    EXPECT_EQ(text.find("BTC/USD"), text.npos) << text;
    refuse();
  }
  EXPECT_EQ(count(Count::SubscriptionsRefused), 9U);
  EXPECT_TRUE(bench.drain().empty()) << "no book says a word";
  adapter->remove(Bench::id(1), bench.now);
  bench.host.sent.clear();
  tick(second_ns);
  bench.host.sent.clear();  // its end
  EXPECT_EQ(asked_within(301), 0) << "nobody wants it any more";
}

// --- Data ---

TEST_F(Kraken, ASnapshotIsTermsAndLevelsOfANewEpoch) {
  make({});
  open();
  (void)bench.drain();
  take(book("snapshot", "BTC/USD",
            R"({"price":63388.7,"qty":0.25761908},{"price":63388.1,"qty":0.00000001})", btc_ask));
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.kind, Kind::Instrument);
  const Record& record = seen[1].record;
  EXPECT_EQ(record.kind, Kind::Snapshot);
  EXPECT_EQ(record.epoch, epoch_of(1, 1));
  EXPECT_EQ(seen[0].record.epoch, record.epoch);
  EXPECT_EQ(record.flags, flag_first | flag_last | flag_reference_checksum);
  EXPECT_EQ(record.reference, 7U);
  EXPECT_EQ(record.exchange_ns, 1785641751'660084000);
  EXPECT_EQ(seen[1].bids, (std::vector<Level>{{Price{633887}, Quantity{25761908}},
                                              {Price{633881}, Quantity{1}}}));
  EXPECT_EQ(seen[1].asks, (std::vector<Level>{{Price{633890}, Quantity{100000000}}}));
}

TEST_F(Kraken, ADeltaKeepsTheOrderEvenOfOnePriceTwice) {
  go_live();
  take(book("update", "BTC/USD",
            R"({"price":63388.7,"qty":0.00000000},{"price":63388.7,"qty":2.00000000})", ""));
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Levels);
  EXPECT_EQ(seen[0].bids, (std::vector<Level>{{Price{633887}, Quantity{0}},
                                              {Price{633887}, Quantity{200000000}}}));
}

TEST_F(Kraken, OneMessageMayHoldSeveralBooks) {
  go_live();
  take(
      R"({"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[],)"
      R"("checksum":1,"timestamp":"2026-08-02T03:35:51.6Z"},{"symbol":"XRP/USD","bids":[)"
      R"({"price":1.08100,"qty":0}],"asks":[],"checksum":2,"timestamp":"2026-08-02T03:35:51Z"}]})");
  const auto seen = bench.drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.id(), Bench::id(0));
  EXPECT_EQ(seen[0].record.reference, 1U);
  EXPECT_EQ(seen[1].record.kind, Kind::Level);
  EXPECT_EQ(seen[1].record.reference, 2U);
}

TEST_F(Kraken, FieldOrderDoesNotMatter) {
  go_live();
  take(
      R"({"data":[{"timestamp":"2026-08-02T03:35:51.66Z","checksum":9,"asks":[],"bids":[)"
      R"({"qty":1.00000000,"price":63380.0}],"symbol":"BTC\/USD"}],"type":"update","channel":"book"})");
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.price, 633800);
  EXPECT_EQ(seen[0].record.reference, 9U);
}

TEST_F(Kraken, ATradeCarriesTheTakersSide) {
  go_live();
  take(R"({"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell",)"
       R"("price":63388.7,"qty":0.5,"ord_type":"limit","trade_id":4665906,)"
       R"("timestamp":"2026-08-02T03:35:51.660084Z"},{"symbol":"BTC/USD","side":"buy",)"
       R"("price":63389.0,"qty":1e-8,"ord_type":"market","trade_id":4665907,)"
       R"("timestamp":"2026-08-02T03:35:51.660085Z"}]})");
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.kind, Kind::Trade);
  EXPECT_EQ(seen[0].record.side(), Side::Ask);
  EXPECT_EQ(seen[0].record.price, 633887);
  EXPECT_EQ(seen[0].record.quantity, 50000000);
  EXPECT_EQ(seen[0].record.reference, 4665906U);
  EXPECT_EQ(seen[1].record.side(), Side::Bid);
  EXPECT_EQ(seen[1].record.quantity, 1);
  EXPECT_EQ(seen[1].record.exchange_ns - seen[0].record.exchange_ns, 1000);
  EXPECT_EQ(count(Count::Trades), 2U);
}

TEST_F(Kraken, ATickerIsABbo) {
  go_live();
  take(R"({"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":63388.7,)"
       R"("bid_qty":0.25761908,"ask":63389.0,"ask_qty":1.5,"last":63388.9,"volume":2}]})");
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Bbo);
  EXPECT_EQ(seen[0].record.price, 633887);
  EXPECT_EQ(seen[0].record.quantity, 25761908);
  EXPECT_EQ(seen[0].asks, (std::vector<Level>{{Price{633890}, Quantity{150000000}}}));
  EXPECT_NE(seen[0].record.flags & flag_no_exchange_time, 0);
}

TEST_F(Kraken, HeartbeatsPongsAndUnknownChannelsAreCountedAndChangeNothing) {
  go_live();
  take(R"({"channel":"heartbeat"})");
  take(R"({"method":"pong","req_id":1,"time_in":"a","time_out":"b"})");
  take(R"({"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD"}]})");
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::Heartbeats), 1U);
  EXPECT_EQ(count(Count::UnknownMessage), 1U);
}

TEST_F(Kraken, TheSystemsStatusHaltsAndResumes) {
  go_live();
  take(
      R"({"channel":"status","type":"update","data":[{"version":"2.0.10","system":"maintenance"}]})");
  auto seen = bench.drain();
  ASSERT_EQ(seen.size(), 2U);
  for (const auto& one : seen) {
    EXPECT_EQ(one.record.quantity, static_cast<std::int64_t>(State::Halted));
    EXPECT_EQ(one.record.cause(), Cause::VenueHalt);
  }
  take(R"({"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online"}]})");
  seen = bench.drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.quantity, static_cast<std::int64_t>(State::Live));
}

TEST_F(Kraken, AHaltOutlastsASnapshot) {
  go_live();
  take(R"({"channel":"status","type":"update","data":[{"system":"cancel_only"}]})");
  (void)bench.drain();
  adapter->on_resync(Bench::id(1), epoch_of(1, 1), Cause::ChecksumFailed, bench.now);
  take(book("snapshot", "XRP/USD", "", ""));
  const auto seen = only(1);
  EXPECT_EQ(seen.back().record.kind, Kind::Status);
  EXPECT_EQ(seen.back().record.quantity, static_cast<std::int64_t>(State::Halted));
}

}  // namespace
}  // namespace ringside::collector
