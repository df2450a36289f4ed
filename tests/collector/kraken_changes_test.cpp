// Instruments that come and go while a Kraken connection is up: the one meant is subscribed, or
// ended, and nobody else shows a record.
#include "tests/collector/kraken_fixture.hpp"

namespace ringside::collector {
namespace {

constexpr std::string_view pairs =
    R"({"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[)"
    R"({"symbol":"SOL/USD","price_precision":2,"qty_precision":8,"status":"online"}]}})";

class KrakenChanges : public Kraken {
 protected:
  void SetUp() override {
    KrakenConfig config;
    config.instruments_max = 3;
    make(std::move(config));
    open();
    take(book("snapshot", "BTC/USD", btc_bid, btc_ask));
    take(book("snapshot", "XRP/USD", R"({"price":1.08100,"qty":5.00000000})", ""));
    (void)bench.drain();
    bench.host.sent.clear();
  }
  bool add_sol() { return adapter->add({"SOL/USD", Bench::id(2), 2}, bench.now); }
  void sol_live() {
    ASSERT_TRUE(add_sol());
    tick(3 * second_ns);
    take(pairs);
    tick(second_ns);
    take(book("snapshot", "SOL/USD", R"({"price":150.10,"qty":5.00000000})", ""));
  }
  [[nodiscard]] bool sent(std::string_view first, std::string_view second) const {
    for (const auto& text : bench.host.sent) {
      if (text.find(first) != std::string::npos && text.find(second) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  static State state_of(const Seen& seen) { return static_cast<State>(seen.record.quantity); }
};

TEST_F(KrakenChanges, AnAddedInstrumentComesUpAndTheOthersSayNothing) {
  sol_live();
  EXPECT_TRUE(sent("\"instrument\"", "subscribe")) << "its exponents are asked for";
  EXPECT_TRUE(sent("\"book\"", "SOL/USD"));
  EXPECT_TRUE(sent("\"trade\"", "SOL/USD"));
  EXPECT_TRUE(sent("\"ticker\"", "SOL/USD"));
  EXPECT_FALSE(sent("\"book\"", "BTC/USD")) << "nobody else is asked for again";
  EXPECT_TRUE(bench.host.reconnects.empty());
  const auto seen = only(2);
  ASSERT_GE(seen.size(), 3U);
  EXPECT_EQ(seen.back().record.kind, Kind::Snapshot);
  EXPECT_EQ(seen.back().record.epoch, epoch_of(1, 1));
}

TEST_F(KrakenChanges, ARemovedInstrumentIsEndedSaysSoOnceAndWhatStillComesIsDropped) {
  sol_live();
  (void)bench.drain();
  bench.host.sent.clear();
  adapter->remove(Bench::id(2), bench.now);
  adapter->remove(Bench::id(2), bench.now);
  tick(second_ns);
  EXPECT_TRUE(sent("unsubscribe", "SOL/USD"));
  EXPECT_FALSE(sent("unsubscribe", "BTC/USD"));
  auto seen = only(2);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(state_of(seen[0]), State::Failed);
  EXPECT_EQ(seen[0].record.cause(), Cause::Removed);
  take(book("update", "SOL/USD", R"({"price":150.20,"qty":5.00000000})", ""));
  take(book("snapshot", "SOL/USD", R"({"price":150.20,"qty":5.00000000})", ""));
  take(R"({"channel":"book","type":"update","data":[{"symbol":"SOL/USD","bids":7}]})");
  EXPECT_EQ(count(Count::AfterRemoval), 2U);
  EXPECT_TRUE(only(2).empty());
  // A worker that has just started is told.
  adapter->on_resync(Bench::id(2), epoch_of(0xffff, 0xffff), Cause::Starting, bench.now);
  seen = only(2);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.cause(), Cause::Removed);
}

TEST_F(KrakenChanges, AddedAgainItHasItsNumberAndALaterEpoch) {
  sol_live();
  adapter->remove(Bench::id(2), bench.now);
  tick(second_ns);
  const auto ended = number_of("unsubscribe", "\"book\"");
  (void)bench.drain();
  bench.host.sent.clear();
  ASSERT_TRUE(add_sol());
  EXPECT_FALSE(add_sol()) << "it is collected already";
  tick(second_ns);
  EXPECT_TRUE(sent("\"book\"", "SOL/USD"));
  take_end("SOL/USD", ended);
  take(book("snapshot", "SOL/USD", R"({"price":150.30,"qty":5.00000000})", ""));
  const auto seen = only(2);
  EXPECT_EQ(seen.back().record.kind, Kind::Snapshot);
  EXPECT_EQ(seen.back().record.epoch, epoch_of(1, 2));
}

// The first subscription's answer and snapshot come when its end has been asked for: nothing will
// follow them, and were the second one's refusal lost, the book would be live for ever.
TEST_F(KrakenChanges, ASnapshotOfASubscriptionWhoseEndIsNotAnsweredBeginsNoBook) {
  const std::string snapshot =
      book("snapshot", "SOL/USD", R"({"price":150.30,"qty":5.00000000})", "");
  ASSERT_TRUE(add_sol());
  tick(3 * second_ns);
  take(pairs);
  tick(second_ns);
  const auto first = number_of("\"subscribe\"", "\"book\"");
  adapter->remove(Bench::id(2), bench.now);
  ASSERT_TRUE(add_sol());
  take(snapshot);  // the end has not even been asked for
  tick(second_ns);
  (void)bench.drain();
  take(R"({"method":"subscribe","success":true,"result":{"channel":"book","symbol":"SOL/USD",)"
       R"("depth":10},"req_id":)" +
       std::to_string(first) + "}");
  take(snapshot);
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::SnapshotsLate), 2U);
  take_end("SOL/USD", number_of("unsubscribe", "\"book\""));
  take(snapshot);
  EXPECT_EQ(only(2).back().record.kind, Kind::Snapshot);
}

// A lost answer costs a deadline: then it is ended and begun once more.
TEST_F(KrakenChanges, AnEndThatIsNeverAnsweredIsAskedForAgain) {
  sol_live();
  adapter->remove(Bench::id(2), bench.now);
  ASSERT_TRUE(add_sol());
  tick(second_ns);
  (void)bench.drain();
  bench.host.sent.clear();
  for (int i = 0; i < 15; ++i) {
    take(R"({"channel":"heartbeat"})");
    tick(second_ns);
  }
  EXPECT_EQ(count(Count::SnapshotTimeouts), 1U);
  take_end("SOL/USD", number_of("unsubscribe", "\"book\""));
  take(book("snapshot", "SOL/USD", R"({"price":150.30,"qty":5.00000000})", ""));
  EXPECT_EQ(only(2).back().record.kind, Kind::Snapshot);
}

// Its unsubscription has not gone out yet: the order on the wire is end, then begin.
TEST_F(KrakenChanges, RemovedAndAddedInOneBreathItIsEndedBeforeItBegins) {
  sol_live();
  bench.host.sent.clear();
  adapter->remove(Bench::id(2), bench.now);
  ASSERT_TRUE(add_sol());
  tick(second_ns);
  std::size_t end = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < bench.host.sent.size(); ++i) {
    const auto& text = bench.host.sent[i];
    if (text.find("\"book\"") == std::string::npos) continue;
    (text.find("unsubscribe") != std::string::npos ? end : begin) = i + 1;
  }
  EXPECT_NE(end, 0U);
  EXPECT_GT(begin, end);
}

TEST_F(KrakenChanges, ThereIsRoomForSoManyAndNoMore) {
  ASSERT_TRUE(add_sol());
  EXPECT_FALSE(adapter->add({"ADA/USD", Bench::id(3), 2}, bench.now));
  adapter->remove(Bench::id(2), bench.now);
  EXPECT_FALSE(adapter->add({"ADA/USD", Bench::id(3), 2}, bench.now)) << "places are for ever";
  EXPECT_TRUE(add_sol());
}

TEST_F(KrakenChanges, AnUnknownSymbolFailsAloneAndTheConnectionStays) {
  ASSERT_TRUE(adapter->add({"NONE/USD", Bench::id(2), 2}, bench.now));
  tick(3 * second_ns);
  take(pairs);
  const auto seen = only(2);
  EXPECT_EQ(state_of(seen.back()), State::Failed);
  EXPECT_EQ(seen.back().record.cause(), Cause::UnknownSymbol);
  EXPECT_TRUE(bench.host.reconnects.empty());
}

// The metadata do not come: they are asked for again, and nobody else's connection pays for it.
TEST_F(KrakenChanges, MetadataThatDoNotComeCostNoConnection) {
  ASSERT_TRUE(add_sol());
  for (int i = 0; i < 25; ++i) {
    tick(second_ns);
    take(R"({"channel":"heartbeat"})");
  }
  EXPECT_TRUE(bench.host.reconnects.empty());
  std::size_t asked = 0;
  for (const auto& text : bench.host.sent) {
    asked += text.find("\"instrument\"") != std::string::npos &&
             text.find("unsubscribe") == std::string::npos;
  }
  EXPECT_GE(asked, 2U);
  (void)only(2);
}

TEST_F(KrakenChanges, WhoWasRemovedStaysSoOverAReconnect) {
  sol_live();
  adapter->remove(Bench::id(2), bench.now);
  (void)bench.drain();
  adapter->on_close(0, bench.now);
  bench.host.sent.clear();
  open();
  for (const auto& seen : bench.drain()) EXPECT_NE(seen.record.id(), Bench::id(2));
  EXPECT_FALSE(sent("subscribe", "SOL/USD"));
}

}  // namespace
}  // namespace ringside::collector
