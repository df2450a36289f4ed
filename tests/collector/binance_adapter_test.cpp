// The adapter against a venue spoken by the test: what each message becomes, and what each kind of
// trouble costs, and whom.
#include <gtest/gtest.h>

#include <string>

#include "tests/collector/binance_run.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
using Rows = std::string;

std::string spot_depth(const std::string& symbol, int first, int last, const Rows& bids,
                       const Rows& asks = "") {
  return R"({"e":"depthUpdate","E":1633998512068,"s":")" + symbol + R"(","U":)" +
         std::to_string(first) + R"(,"u":)" + std::to_string(last) + R"(,"b":[)" + bids +
         R"(],"a":[)" + asks + "]}";
}
std::string wrapped(const std::string& stream, const std::string& data) {
  return R"({"stream":")" + stream + R"(","data":)" + data + "}";
}
std::string ada(int first, int last, const Rows& bids, const Rows& asks = "") {
  return wrapped("adausdt@depth@100ms", spot_depth("ADAUSDT", first, last, bids, asks));
}
std::string btc(int first, int last, const Rows& bids, const Rows& asks = "") {
  return wrapped("btcusdt@depth@100ms", spot_depth("BTCUSDT", first, last, bids, asks));
}
std::string spot_snapshot(int id, const Rows& bids = R"(["1.50000000","10.00000000"])",
                          const Rows& asks = R"(["1.60000000","20.00000000"])") {
  return R"({"lastUpdateId":)" + std::to_string(id) + R"(,"bids":[)" + bids + R"(],"asks":[)" +
         asks + "]}";
}

BinanceConfig spot_config() {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  config.instruments = {instrument("ADAUSDT", 4, 1), instrument("BTCUSDT", 2, 5)};
  config.seed = 11;
  return config;
}

// Both instruments joined at id 100, bids 1.5 x 10, asks 1.6 x 20.
struct Spot : ::testing::Test {
  explicit Spot(BinanceConfig config = spot_config()) : run(std::move(config)) {
    run.open();
    run.receive(ada(100, 100, ""));
    run.receive(btc(100, 100, ""));
    run.answer("ADAUSDT", spot_snapshot(99));
    run.answer("BTCUSDT", spot_snapshot(99));
  }
  // A new snapshot's request goes out once its backoff is over.
  void wait_for_request(std::string_view symbol) {
    for (int i = 0; i < 400; ++i) {
      run.tick(second_ns / 10);
      for (const auto& request : run.host.requests) {
        if (request.target.find(symbol) != std::string::npos) return;
      }
    }
    FAIL() << "no request for " << symbol;
  }
  NaiveBook& ada_book() { return run.book("ADAUSDT"); }
  NaiveBook& btc_book() { return run.book("BTCUSDT"); }
  Bench run;
};

TEST_F(Spot, AStreamAndASnapshotBecomeALiveBookInTheInstrumentsUnits) {
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_EQ(ada_book().bids, (NaiveBook::Side{{15000, 100}}));
  EXPECT_EQ(ada_book().asks, (NaiveBook::Side{{16000, 200}}));
  run.receive(ada(101, 103, R"(["1.5000","0.0"],["1.4","7"])", R"(["1.55000000","2.50000000"])"));
  EXPECT_EQ(ada_book().bids, (NaiveBook::Side{{14000, 70}}));
  EXPECT_EQ(ada_book().asks, (NaiveBook::Side{{15500, 25}, {16000, 200}}));
  EXPECT_EQ(ada_book().terms, (InstrumentTerms{Exponent{-4}, Exponent{-1}, ChecksumRule::None, 0}));
}

TEST_F(Spot, DeletingALevelThatIsNotThereIsNormal) {
  run.receive(ada(101, 101, R"(["0.9000","0.0"])"));
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_EQ(ada_book().updates, 2U);
}

TEST_F(Spot, FieldsMayComeInAnyOrder) {
  run.receive(R"({"data":{"a":[["1.7","1"]],"u":102,"b":[["1.4","3"]],"U":101,"s":"ADAUSDT","E":5,)"
              R"("e":"depthUpdate"},"stream":"adausdt@depth@100ms"})");
  EXPECT_EQ(ada_book().bids, (NaiveBook::Side{{14000, 30}, {15000, 100}}));
  EXPECT_EQ(ada_book().asks, (NaiveBook::Side{{16000, 200}, {17000, 10}}));
}

TEST_F(Spot, ABareMessageNeedsNoWrapper) {
  run.receive(spot_depth("ADAUSDT", 101, 101, R"(["1.4","3"])"));
  EXPECT_EQ(ada_book().bids.size(), 2U);
}

TEST_F(Spot, ATradeTellsTheAggressorAndKeepsItsId) {
  run.receive(wrapped("adausdt@trade",
                      R"({"e":"trade","E":1723161255343,"s":"ADAUSDT","t":77,"p":"1.55000000",)"
                      R"("q":"3.20000000","T":1723161255342,"m":true,"M":true})"));
  run.receive(wrapped("adausdt@trade",
                      R"({"e":"trade","E":1723161255343,"s":"ADAUSDT","t":78,"p":"1.55000000",)"
                      R"("q":"3.20000000","T":1723161255342,"m":false,"M":true})"));
  ASSERT_EQ(ada_book().trades.size(), 2U);
  const auto& trade = ada_book().trades[0];
  EXPECT_EQ(trade.price, 15500);
  EXPECT_EQ(trade.quantity, 32);
  EXPECT_EQ(trade.reference, 77U);
  EXPECT_EQ(trade.side(), Side::Ask) << "the buyer was the maker: the aggressor sold";
  EXPECT_EQ(trade.exchange_ns, 1723161255342'000'000);
  EXPECT_EQ(ada_book().trades[1].side(), Side::Bid);
}

TEST_F(Spot, ARepeatedTradeIsDroppedALateOneKeptASkippedOneCounted) {
  const auto trade = [&](int id) {
    run.receive(wrapped("adausdt@trade", R"({"e":"trade","E":1,"s":"ADAUSDT","t":)" +
                                             std::to_string(id) +
                                             R"(,"p":"1.5","q":"3.2","T":1,"m":true})"));
  };
  for (const int id : {10, 11, 11, 13, 12, 12, 10}) trade(id);
  EXPECT_EQ(ada_book().trades.size(), 4U);
  EXPECT_EQ(run.adapter().counts(0).trade_gaps, 1U);
  EXPECT_EQ(run.adapter().counts(0).trades_late, 1U);
  EXPECT_EQ(run.count(Count::DuplicatesDropped), 3U);
  EXPECT_EQ(ada_book().state, State::Live);
  trade(1'000'000);
  trade(14);
  trade(15);
  EXPECT_EQ(ada_book().trades.size(), 7U) << "one damaged id must not silence the rest";
}

TEST_F(Spot, ATickerNeedsNoEventTypeAndHasNoTime) {
  run.receive(wrapped("adausdt@bookTicker",
                      R"({"u":55,"s":"ADAUSDT","b":"1.50000000","B":"9.00000000",)"
                      R"("a":"1.51000000","A":"8.00000000"})"));
  run.receive(R"({"A":"8","B":"9","a":"1.51","b":"1.49","s":"ADAUSDT","u":56})");
  ASSERT_EQ(ada_book().tickers.size(), 2U);
  const auto& [record, ask] = ada_book().tickers[0];
  EXPECT_EQ(record.price, 15000);
  EXPECT_EQ(record.quantity, 90);
  EXPECT_EQ(ask, (Level{Price{15100}, Quantity{80}}));
  EXPECT_EQ(record.reference, 55U);
  EXPECT_NE(record.flags & flag_no_exchange_time, 0);
  EXPECT_NE(record.flags & flag_reference_sequence, 0);
}

TEST_F(Spot, AnOlderTickerIsDroppedButOneDamagedIdDoesNotSilenceTheRest) {
  const auto ticker = [&](int id) {
    run.receive(R"({"u":)" + std::to_string(id) +
                R"(,"s":"ADAUSDT","b":"1.5","B":"9","a":"1.51","A":"8"})");
  };
  ticker(50);
  ticker(49);
  EXPECT_EQ(ada_book().tickers.size(), 1U);
  ticker(900'000);
  for (int i = 0; i < 20; ++i) ticker(51 + i);
  EXPECT_EQ(ada_book().tickers.size(), 2U + 20U - binance_tickers_old_max + 1U);
}

TEST_F(Spot, AGapCostsOneInstrumentItsBookUntilANewSnapshot) {
  run.receive(ada(102, 103, R"(["1.4","7"])"));
  EXPECT_EQ(ada_book().state, State::Gap);
  EXPECT_EQ(ada_book().cause, Cause::SequenceGap);
  EXPECT_EQ(run.count(Count::SequenceGaps), 1U);
  run.receive(btc(101, 101, R"(["1.4","7"])"));
  EXPECT_EQ(btc_book().state, State::Live);
  wait_for_request("ADAUSDT");
  run.receive(ada(104, 104, R"(["1.3","1"])"));
  run.answer("ADAUSDT", spot_snapshot(102));
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_EQ(ada_book().bids, (NaiveBook::Side{{13000, 10}, {14000, 70}, {15000, 100}}));
  EXPECT_TRUE(run.host.reconnects.empty());
}

TEST_F(Spot, AnAnswerToAnEarlierRequestIsDiscarded) {
  run.receive(ada(102, 103, ""));
  wait_for_request("ADAUSDT");
  const auto early = run.host.take("ADAUSDT");
  run.receive(
      wrapped("adausdt@depth@100ms", "{broken"));  // lost again: what it asks for is too old
  wait_for_request("ADAUSDT");
  const auto late = run.host.take("ADAUSDT");
  run.respond(early.id, spot_snapshot(103));
  EXPECT_EQ(ada_book().state, State::Gap);
  EXPECT_EQ(run.count(Count::SnapshotsLate), 1U);
  run.receive(ada(104, 105, ""));
  run.respond(late.id, spot_snapshot(104));
  EXPECT_EQ(ada_book().state, State::Live);
  run.respond(late.id, spot_snapshot(104));
  EXPECT_EQ(run.count(Count::SnapshotsLate), 2U);
}

TEST_F(Spot, AStaleSnapshotIsAskedForAgainLater) {
  run.receive(ada(110, 110, ""));
  wait_for_request("ADAUSDT");
  const auto before = run.steady_ns;
  run.answer("ADAUSDT", spot_snapshot(90));
  EXPECT_EQ(run.count(Count::SnapshotsStale), 1U);
  EXPECT_EQ(ada_book().state, State::Gap);
  wait_for_request("ADAUSDT");
  EXPECT_GE(run.steady_ns, before);
  run.answer("ADAUSDT", spot_snapshot(110));
  run.receive(ada(111, 111, ""));
  EXPECT_EQ(ada_book().state, State::Live);
}

TEST_F(Spot, SnapshotsThatNeverFitMakeTheInstrumentFailedAndAreStillAskedFor) {
  run.receive(ada(110, 110, ""));
  for (unsigned i = 0; i < binance_resync_attempts_max; ++i) {
    wait_for_request("ADAUSDT");
    run.answer("ADAUSDT", spot_snapshot(90));
  }
  EXPECT_EQ(ada_book().state, State::Failed);
  EXPECT_EQ(ada_book().cause, Cause::ResyncLimit);
  EXPECT_EQ(run.count(Count::ResyncLimits), 1U);
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", spot_snapshot(109));
  EXPECT_EQ(ada_book().state, State::Live);
}

TEST_F(Spot, ATooFastAnswerStopsAllRequestsForAWhile) {
  run.receive(ada(110, 110, ""));
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", "", 429);
  EXPECT_EQ(run.count(Count::RequestsRefused), 1U);
  run.receive(btc(110, 110, ""));
  run.tick(RestLimits{}.throttled_ns - second_ns);
  EXPECT_TRUE(run.host.requests.empty());
  run.tick(2 * second_ns);
  EXPECT_EQ(run.host.requests.size(), 2U);
}

TEST_F(Spot, NoAnswerIsAFailureAndAskedForAgain) {
  run.receive(ada(110, 110, ""));
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", "", 0);
  EXPECT_EQ(run.count(Count::RequestsFailed), 1U);
  wait_for_request("ADAUSDT");
}

TEST_F(Spot, AResyncRequestOfTheWorkerIsHonouredUnlessItIsOfAnOlderEpoch) {
  const auto id = InstrumentId::of(0, 0);
  const auto epoch = ada_book().epoch;
  run.adapter().on_resync(id, epoch - 1, Cause::BookCrossed, run.now());
  run.drain();
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_EQ(run.count(Count::ResyncsIgnored), 1U);
  run.adapter().on_resync(id, epoch, Cause::BookCrossed, run.now());
  run.drain();
  EXPECT_EQ(ada_book().state, State::Gap);
  EXPECT_EQ(ada_book().cause, Cause::BookCrossed);
  run.adapter().on_resync(id, epoch, Cause::BookCrossed, run.now());
  run.drain();
  EXPECT_EQ(ada_book().state, State::Syncing) << "under way: said again";
  wait_for_request("ADAUSDT");
  EXPECT_EQ(run.host.requests.size(), 1U);
  run.receive(ada(101, 101, ""));
  run.answer("ADAUSDT", spot_snapshot(100));
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_GT(ada_book().epoch, epoch);
}

TEST_F(Spot, LostRecordsAreResyncedWhateverEpochTheWorkerKnows) {
  run.adapter().on_resync(InstrumentId::of(0, 1), 0, Cause::RecordsDropped, run.now());
  run.drain();
  EXPECT_EQ(btc_book().state, State::Gap);
  EXPECT_EQ(ada_book().state, State::Live);
}

TEST_F(Spot, AClosedConnectionTakesAllBooksAndAnOpenedOneBringsNewEpochs) {
  const auto epoch = ada_book().epoch;
  run.adapter().on_close(0, run.now());
  run.drain();
  EXPECT_EQ(ada_book().state, State::Disconnected);
  EXPECT_EQ(btc_book().cause, Cause::SocketClosed);
  run.open();
  EXPECT_EQ(ada_book().state, State::Syncing);
  wait_for_request("ADAUSDT");
  run.receive(ada(500, 500, ""));
  run.answer("ADAUSDT", spot_snapshot(499));
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_GT(ada_book().epoch, epoch);
}

TEST_F(Spot, AnAnswerThatCrossesADisconnectIsDiscarded) {
  run.receive(ada(110, 110, ""));
  wait_for_request("ADAUSDT");
  const auto request = run.host.take("ADAUSDT");
  run.adapter().on_close(0, run.now());
  run.respond(request.id, spot_snapshot(110));
  EXPECT_EQ(ada_book().state, State::Disconnected);
  EXPECT_EQ(run.count(Count::SnapshotsLate), 1U);
}

TEST_F(Spot, AnAnnouncedShutdownIsAPlannedReconnect) {
  run.receive(R"({"e":"serverShutdown","E":1723161255343})");
  EXPECT_EQ(run.host.reconnects, std::vector<ConnectionIndex>{0});
  EXPECT_EQ(run.count(Count::PlannedReconnects), 1U);
}

TEST_F(Spot, ASilentConnectionIsReopened) {
  run.tick(binance_silence_ns - 1);
  EXPECT_TRUE(run.host.reconnects.empty());
  run.tick(1);
  EXPECT_EQ(run.host.reconnects.size(), 1U);
  EXPECT_EQ(run.count(Count::NoDataReconnects), 1U);
}

TEST_F(Spot, AFinerNumberBeginsAnEpochOfFinerUnits) {
  run.receive(ada(101, 101, R"(["1.50001000","7.00000000"])"));
  EXPECT_EQ(ada_book().state, State::Gap);
  EXPECT_EQ(ada_book().cause, Cause::PrecisionChanged);
  EXPECT_EQ(run.count(Count::NumberTooFine), 1U);
  wait_for_request("ADAUSDT");
  run.receive(ada(102, 102, R"(["1.50002000","7.00000000"])"));
  run.answer("ADAUSDT", spot_snapshot(101));
  EXPECT_EQ(ada_book().terms.price_exponent, Exponent{-5});
  EXPECT_EQ(ada_book().terms.quantity_exponent, Exponent{-1});
  EXPECT_EQ(ada_book().bids, (NaiveBook::Side{{150000, 100}, {150002, 70}}));
}

TEST_F(Spot, MoreDigitsThanTheVenueEverSendsAreDamageNotPrecision) {
  run.receive(ada(101, 101, R"(["1.500000000000001","7.00000000"])"));
  EXPECT_EQ(ada_book().state, State::Gap);
  EXPECT_EQ(run.count(Count::NumberTooFine), 1U);
  wait_for_request("ADAUSDT");
  run.receive(ada(102, 102, ""));
  run.answer("ADAUSDT", spot_snapshot(101));
  EXPECT_EQ(ada_book().terms.price_exponent, Exponent{-4});
}

TEST_F(Spot, AFullRequestQueueIsTriedAgain) {
  run.host.accepts = false;
  run.receive(ada(110, 110, ""));
  run.tick(second_ns);
  EXPECT_GE(run.count(Count::SendQueueFull), 1U);
  run.host.accepts = true;
  wait_for_request("ADAUSDT");
}

TEST_F(Spot, AChannelNobodyAskedForIsCountedAndCostsNothing) {
  run.receive(wrapped("adausdt@kline_1m", R"({"e":"kline","E":5,"s":"ADAUSDT","k":{"t":1}})"));
  EXPECT_EQ(run.count(Count::UnknownMessage), 1U);
  EXPECT_EQ(ada_book().state, State::Live);
}

// --- Damage ---

struct Damage {
  const char* name;
  std::string text;
  Count count;
  Cause cause = Cause::BadMessage;
  friend void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }
};

class DamagedMessage : public Spot, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedMessage, IsCountedByNameAndCostsItsInstrumentAlone) {
  const auto& damage = GetParam();
  run.receive(damage.text);
  EXPECT_EQ(run.count(damage.count), 1U) << name_of(damage.count);
  EXPECT_EQ(ada_book().state, State::Gap);
  EXPECT_EQ(ada_book().cause, damage.cause);
  EXPECT_EQ(btc_book().state, State::Live);
  run.receive(btc(101, 101, ""));
  EXPECT_EQ(btc_book().state, State::Live);
  wait_for_request("ADAUSDT");
  run.receive(ada(200, 200, ""));
  run.answer("ADAUSDT", spot_snapshot(199));
  EXPECT_EQ(ada_book().state, State::Live) << "and it recovers";
  EXPECT_EQ(run.count(Count::UnattributedDamage), 0U);
}

const std::string depth_start = R"({"stream":"adausdt@depth@100ms","data":{"e":"depthUpdate",)";
std::string depth_rest(const std::string& fields) { return depth_start + fields + "}}"; }

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamagedMessage,
    ::testing::Values(
        Damage{"cut_short", ada(101, 101, R"(["1.4","7"])").substr(0, 90), Count::MalformedJson},
        Damage{"no_json_at_all", R"({"stream":"adausdt@depth@100ms",garbage)",
               Count::MalformedJson},
        Damage{"no_utf8",
               depth_rest("\"x\":\"\xff\",\"E\":1,\"s\":\"ADAUSDT\",\"U\":101,\"u\":101"),
               Count::InvalidUtf8},
        Damage{"trailing_bytes", ada(101, 101, "") + "}", Count::MalformedJson},
        Damage{"junk_in_an_unused_field",
               depth_rest(R"("x":nul,"E":1,"s":"ADAUSDT","U":101,"u":101,"b":[],"a":[])"),
               Count::MalformedJson},
        Damage{"number_with_a_leading_zero",
               depth_rest(R"("E":01,"s":"ADAUSDT","U":101,"u":101,"b":[],"a":[])"),
               Count::MalformedJson},
        Damage{"no_update_id", depth_rest(R"("E":1,"s":"ADAUSDT","U":101,"b":[],"a":[])"),
               Count::MissingField},
        Damage{"no_asks", depth_rest(R"("E":1,"s":"ADAUSDT","U":101,"u":101,"b":[])"),
               Count::MissingField},
        Damage{"no_symbol", depth_rest(R"("E":1,"U":101,"u":101,"b":[],"a":[])"),
               Count::MissingField},
        Damage{"no_event", R"({"stream":"adausdt@depth@100ms","data":{"E":1,"s":"ADAUSDT"}})",
               Count::MissingField},
        Damage{"half_a_level", ada(101, 101, R"(["1.4"])"), Count::MissingField},
        Damage{"id_as_text", depth_rest(R"("E":1,"s":"ADAUSDT","U":101,"u":"101","b":[],"a":[])"),
               Count::MistypedField},
        Damage{"price_as_number", ada(101, 101, R"([1.4,"7"])"), Count::MistypedField},
        Damage{"price_that_is_none", ada(101, 101, R"(["abc","7"])"), Count::MistypedField},
        Damage{"negative_quantity", ada(101, 101, R"(["1.4","-7"])"), Count::MistypedField},
        Damage{"fractional_id",
               depth_rest(R"("E":1,"s":"ADAUSDT","U":101,"u":101.5,"b":[],"a":[])"),
               Count::MistypedField},
        Damage{"another_event_than_the_streams",
               R"({"stream":"adausdt@depth@100ms","data":{"e":"depthXpdate","s":"ADAUSDT"}})",
               Count::MistypedField},
        Damage{"field_twice",
               depth_rest(R"("E":1,"s":"ADAUSDT","U":101,"u":101,"u":102,"b":[],"a":[])"),
               Count::RepeatedField},
        Damage{"price_beyond_64_bits", ada(101, 101, R"(["99999999999999999999","7"])"),
               Count::NumberOverflow, Cause::NumberOverflow},
        Damage{
            "id_beyond_64_bits",
            depth_rest(R"("E":1,"s":"ADAUSDT","U":101,"u":99999999999999999999999,"b":[],"a":[])"),
            Count::NumberOverflow, Cause::NumberOverflow},
        Damage{"ids_the_wrong_way_round", ada(105, 101, ""), Count::ContradictingIds},
        Damage{"another_symbol_than_the_streams",
               wrapped("adausdt@depth@100ms", spot_depth("BTCUSDT", 101, 101, "")),
               Count::SymbolMismatch, Cause::UnknownSymbol},
        Damage{"an_unknown_symbol_in_a_known_stream",
               wrapped("adausdt@depth@100ms", spot_depth("ADAUSDX", 101, 101, "")),
               Count::SymbolMismatch, Cause::UnknownSymbol},
        Damage{"a_trade_without_a_price",
               wrapped("adausdt@trade",
                       R"({"e":"trade","E":1,"s":"ADAUSDT","t":1,"q":"1","T":1,"m":true})"),
               Count::MissingField},
        Damage{"a_trade_with_a_mistyped_side",
               wrapped("adausdt@trade", R"({"e":"trade","E":1,"s":"ADAUSDT","t":1,"p":"1",)"
                                        R"("q":"1","T":1,"m":"true"})"),
               Count::MistypedField},
        Damage{"a_ticker_without_a_price",
               wrapped("adausdt@bookTicker", R"({"u":5,"s":"ADAUSDT","B":"1","a":"2","A":"1"})"),
               Count::MissingField}),
    [](const auto& damage) { return damage.param.name; });

TEST_F(Spot, AMessageOfAnUnknownSymbolIsCountedAndCostsNobody) {
  run.receive(wrapped("xrpusdt@depth@100ms", spot_depth("XRPUSDT", 101, 101, "")));
  EXPECT_EQ(run.count(Count::UnknownSymbol), 1U);
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_EQ(btc_book().state, State::Live);
}

TEST_F(Spot, DamageThatNamesNobodyIsCountedAndShowsAtTheNextMessage) {
  run.receive("\x01\xff{{");
  EXPECT_EQ(run.count(Count::UnattributedDamage), 1U);
  EXPECT_EQ(ada_book().state, State::Live);
  run.receive(ada(102, 102, ""));
  EXPECT_EQ(ada_book().state, State::Gap);
}

struct SnapshotDamage {
  const char* name;
  std::string body;
  Count count;
  friend void PrintTo(const SnapshotDamage& damage, std::ostream* out) { *out << damage.name; }
};
class DamagedSnapshot : public Spot, public ::testing::WithParamInterface<SnapshotDamage> {};

TEST_P(DamagedSnapshot, IsCountedByNameAndAskedForAgain) {
  run.receive(ada(110, 110, ""));
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", GetParam().body);
  EXPECT_EQ(run.count(GetParam().count), 1U) << name_of(GetParam().count);
  EXPECT_EQ(ada_book().state, State::Gap);
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", spot_snapshot(109));
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_EQ(btc_book().state, State::Live);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamagedSnapshot,
    ::testing::Values(
        SnapshotDamage{"cut_short", spot_snapshot(110).substr(0, 60), Count::MalformedJson},
        SnapshotDamage{"empty", "", Count::MalformedJson},
        SnapshotDamage{"no_utf8", "{\"lastUpdateId\":110,\"bids\":[],\"asks\":[],\"x\":\"\xc3\"}",
                       Count::InvalidUtf8},
        SnapshotDamage{"no_id", R"({"bids":[],"asks":[]})", Count::MissingField},
        SnapshotDamage{"no_asks", R"({"lastUpdateId":110,"bids":[]})", Count::MissingField},
        SnapshotDamage{"id_as_text", R"({"lastUpdateId":"110","bids":[],"asks":[]})",
                       Count::MistypedField},
        SnapshotDamage{"of_another_symbol",
                       R"({"lastUpdateId":110,"symbol":"BTCUSDT","bids":[],"asks":[]})",
                       Count::SymbolMismatch},
        SnapshotDamage{"unsorted",
                       spot_snapshot(110, R"(["1.4","1"],["1.5","1"])", R"(["1.6","1"])"),
                       Count::SnapshotsUnsound},
        SnapshotDamage{"crossed", spot_snapshot(110, R"(["1.7","1"])", R"(["1.6","1"])"),
                       Count::SnapshotsUnsound},
        SnapshotDamage{"an_empty_level", spot_snapshot(110, R"(["1.5","0.0"])"),
                       Count::SnapshotsUnsound},
        SnapshotDamage{"overflow", spot_snapshot(110, R"(["99999999999999999999","1"])"),
                       Count::NumberOverflow}),
    [](const auto& damage) { return damage.param.name; });

// Of the new connection nothing has come yet that the snapshot could be held against.
TEST_F(Spot, ASnapshotOlderThanWhatAnEarlierConnectionBroughtIsStale) {
  run.receive(ada(101, 120, ""));
  run.adapter().on_close(0, run.now());
  run.open();
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", spot_snapshot(119));
  EXPECT_EQ(run.count(Count::SnapshotsStale), 1U);
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", spot_snapshot(120));
  run.tick(31 * second_ns);
  EXPECT_EQ(run.count(Count::SnapshotsStale), 1U);
  EXPECT_EQ(ada_book().state, State::Live);
  EXPECT_EQ(ada_book().snapshot_reference, 120U);
}

// Its numbers are too fine for this symbol, so that the units become finer. The next such answer
// can be read, and is known by its price all the same.
TEST_F(Spot, ASecondAnswerOfAnotherSymbolIsSeenByItsPriceInFinerUnits) {
  run.receive(
      wrapped("adausdt@bookTicker",
              R"({"u":101,"s":"ADAUSDT","b":"1.5000","B":"10.0","a":"1.6000","A":"20.0"})"));
  const auto of_another = spot_snapshot(110, R"(["63.12345","1.0"])", R"(["63.22345","1.0"])");
  run.receive(ada(110, 110, ""));
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", of_another);
  EXPECT_EQ(run.count(Count::NumberTooFine), 1U);
  run.receive(ada(111, 112, ""));
  wait_for_request("ADAUSDT");
  run.answer("ADAUSDT", of_another);
  EXPECT_EQ(run.count(Count::SymbolMismatch), 1U);
  EXPECT_NE(ada_book().state, State::Live);
}

}  // namespace
}  // namespace ringside::collector::binance_test
