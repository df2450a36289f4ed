// What Binance lists, looked at again and again while books are live.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/collector/binance_run.hpp"

namespace ringside::collector::binance_test {
namespace {

using Names = std::vector<std::string>;
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr const char* whole_list = "/api/v3/exchangeInfo";

std::string depth(int id) {
  return R"({"stream":"adausdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"ADAUSDT","U":)" +
         std::to_string(id) + R"(,"u":)" + std::to_string(id) + R"(,"b":[],"a":[]}})";
}
std::string snapshot(int id) {
  return R"({"lastUpdateId":)" + std::to_string(id) +
         R"(,"bids":[["1.50000000","10.00000000"]],"asks":[["1.60000000","20.00000000"]]})";
}
std::string symbol(const std::string& name, const std::string& status = "TRADING",
                   const std::string& tick = "0.00010000") {
  return R"({"symbol":")" + name + R"(","status":")" + status +
         R"(","filters":[{"filterType":"PRICE_FILTER","tickSize":")" + tick +
         R"("},{"filterType":"LOT_SIZE","stepSize":"0.10000000"}]})";
}
std::string info(const Names& symbols) {
  std::string text = R"({"symbols":[)";
  for (const auto& each : symbols) text += (text.back() == '[' ? "" : ",") + each;
  return text + "]}";
}
const std::string ada = symbol("ADAUSDT");

BinanceConfig config() {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  config.instruments = {instrument("ADAUSDT", 4, 1)};
  config.instruments_max = 3;
  config.metadata_period_ns = 5 * second_ns;
  return config;
}

struct BinanceListings : ::testing::Test {
  BinanceListings() : run(config()) {
    run.open();
    run.receive(depth(100));
    run.answer("depth?symbol=ADAUSDT", snapshot(99));
    run.tick();
    look({ada, symbol("OLDUSDT")});
    EXPECT_TRUE(run.news.empty());
  }
  void pass(int seconds) {
    for (int i = 0; i < seconds * 20; ++i) run.tick(second_ns / 20);
  }
  void look(const Names& symbols) {
    pass(6);
    run.answer(whole_list, info(symbols));
    run.tick();
  }
  Names news() { return std::exchange(run.news, {}); }
  NaiveBook& book() { return run.books[0]; }
  bool sent(std::string_view method) {
    return !run.host.sent.empty() &&
           run.host.sent.back().second.find("\"" + std::string(method)) != std::string::npos;
  }
  void acknowledge() {
    const auto& text = run.host.sent.back().second;
    run.receive(R"({"result":null,"id":)" + text.substr(text.find("\"id\":") + 5));
  }
  Bench run;
};

TEST(BinanceListingsAtTheStart, AreLookedAtWhenTheFirstConnectionOpensAndThenEachPeriod) {
  Bench run(config());
  run.tick(second_ns);
  EXPECT_EQ(run.host.take(whole_list).id, 0U);
  run.open();
  run.tick();
  run.answer(whole_list, info({ada}));
  run.adapter().on_close(0, run.now());
  run.open();
  run.tick(second_ns);
  EXPECT_EQ(run.host.take(whole_list).id, 0U) << "once";
  run.tick(5 * second_ns);
  run.answer(whole_list, info({ada, symbol("NEWUSDT")}));
  run.tick();
  EXPECT_EQ(run.news, Names{"listed binance NEWUSDT"});
}

TEST_F(BinanceListings, AreAskedForOncePerPeriodWhateverBecomesOfIt) {
  pass(6);
  run.answer(whole_list, "", 500);
  pass(2);
  EXPECT_EQ(run.host.take(whole_list).id, 0U) << "not before its time";
  pass(2);
  run.answer(whole_list, R"({"symbols":[)");
  EXPECT_EQ(run.count(Count::MalformedJson), 1U);
  look({ada, symbol("OLDUSDT")});
  EXPECT_EQ(news(), Names{}) << "nobody is missed in what could not be read";
  EXPECT_EQ(book().state, State::Live);
}

TEST_F(BinanceListings, WhatIsNewHaltedGoneOrHasOtherIncrementsIsAnnounced) {
  look({ada, symbol("OLDUSDT", "BREAK"), symbol("NEWUSDT", "TRADING", "0.05000000")});
  EXPECT_EQ(news(), (Names{"halted binance OLDUSDT", "listed binance NEWUSDT"}));
  look({ada, symbol("NEWUSDT")});
  EXPECT_EQ(news(), (Names{"increments binance NEWUSDT", "delisted binance OLDUSDT"}));
  EXPECT_EQ(run.count(Count::Listed), 1U);
  EXPECT_EQ(run.count(Count::Delisted), 1U);
  EXPECT_EQ(run.count(Count::IncrementsChanged), 1U);
  EXPECT_EQ(book().state, State::Live);
}

TEST_F(BinanceListings, AHaltIsAStateAndItsEndTheOldBook) {
  look({symbol("ADAUSDT", "BREAK")});
  EXPECT_EQ(book().state, State::Halted);
  EXPECT_EQ(book().cause, Cause::VenueHalt);
  EXPECT_EQ(run.count(Count::VenueHalts), 1U);
  const auto epoch = book().epoch;
  look({ada});
  EXPECT_EQ(book().state, State::Live);
  EXPECT_EQ(book().epoch, epoch);
}

TEST_F(BinanceListings, WhatIsNotListedHasNoBookUntilItIsAgainAndANewSnapshotHasCome) {
  look({symbol("OLDUSDT")});
  EXPECT_EQ(book().state, State::Failed);
  EXPECT_EQ(book().cause, Cause::Delisted);
  const auto epoch = book().epoch;
  ASSERT_TRUE(sent("UNSUBSCRIBE"));
  acknowledge();
  run.receive(depth(101));
  EXPECT_EQ(run.count(Count::AfterRemoval), 1U);
  run.adapter().on_resync(InstrumentId::of(0, 0), epoch, Cause::SequenceGap, run.now());
  pass(1);
  EXPECT_EQ(book().cause, Cause::Delisted);
  EXPECT_EQ(run.host.take("depth").id, 0U);
  run.adapter().on_close(0, run.now());
  run.open();
  pass(1);
  EXPECT_EQ(book().cause, Cause::Delisted);
  ASSERT_TRUE(sent("UNSUBSCRIBE")) << "what the URL names comes by itself";
  acknowledge();

  look({ada, symbol("OLDUSDT")});
  EXPECT_EQ(book().state, State::Syncing);
  pass(1);
  ASSERT_TRUE(sent("SUBSCRIBE"));
  acknowledge();
  run.receive(depth(300));
  EXPECT_NE(book().state, State::Live);
  pass(3);
  run.answer("depth?symbol=ADAUSDT", snapshot(299));
  EXPECT_EQ(book().state, State::Live);
  EXPECT_GT(book().epoch, epoch);
}

TEST_F(BinanceListings, FinerIncrementsBringANewExponentANewEpochAndANewSnapshot) {
  const auto epoch = book().epoch;
  look({symbol("ADAUSDT", "TRADING", "0.00001000")});
  EXPECT_EQ(book().state, State::Gap);
  EXPECT_EQ(book().cause, Cause::PrecisionChanged);
  run.receive(depth(101));
  pass(3);  // its backoff: it was asked for a moment ago
  run.answer("depth?symbol=ADAUSDT", snapshot(101));
  run.receive(depth(102));
  EXPECT_EQ(book().state, State::Live);
  EXPECT_EQ(book().terms.price_exponent, Exponent{-5});
  EXPECT_GT(book().epoch, epoch);
  // Coarser ones are announced, and all numbers still fit.
  const auto finer = book().epoch;
  news();
  look({ada});
  EXPECT_EQ(news().front(), "increments binance ADAUSDT");
  EXPECT_EQ(book().state, State::Live);
  EXPECT_EQ(book().epoch, finer);
}

// Connected or not, and whichever worker asks.
TEST_F(BinanceListings, ASymbolThatTheVenueDoesNotKnowHasFailedOverAReconnect) {
  ASSERT_TRUE(run.add("NEWUSDT"));
  pass(1);
  run.answer("exchangeInfo?symbol=NEWUSDT", R"({"code":-1121,"msg":"Invalid symbol."})", 400);
  ASSERT_EQ(run.book("NEWUSDT").cause, Cause::UnknownSymbol);
  const auto said = run.book("NEWUSDT").states.size();
  run.adapter().on_close(0, run.now());
  run.open();
  pass(1);
  EXPECT_EQ(run.book("NEWUSDT").states.size(), said);
  run.adapter().on_resync(InstrumentId::of(0, 1), epoch_of(0xffff, 0xffff), Cause::Starting,
                          run.now());
  pass(1);
  EXPECT_EQ(run.book("NEWUSDT").states.size(), said + 1);
  EXPECT_EQ(run.book("NEWUSDT").state, State::Failed);
  EXPECT_EQ(run.book("NEWUSDT").cause, Cause::UnknownSymbol);
}

TEST_F(BinanceListings, ASymbolThatTheVenueDidNotKnowBeginsWhenItIsListed) {
  ASSERT_TRUE(run.add("NEWUSDT"));
  pass(1);
  run.answer("exchangeInfo?symbol=NEWUSDT", R"({"code":-1121,"msg":"Invalid symbol."})", 400);
  EXPECT_EQ(run.book("NEWUSDT").cause, Cause::UnknownSymbol);
  acknowledge();
  look({ada, symbol("OLDUSDT"), symbol("NEWUSDT")});
  EXPECT_EQ(news(), Names{"listed binance NEWUSDT"});
  pass(1);
  ASSERT_TRUE(sent("SUBSCRIBE")) << "once more: nobody knows what became of the first";
  acknowledge();
  EXPECT_EQ(run.book("NEWUSDT").state, State::Syncing);
  run.tick();
  EXPECT_NE(run.host.take("depth?symbol=NEWUSDT").id, 0U);
}

}  // namespace
}  // namespace ringside::collector::binance_test
