// Instruments that come and go while a Binance connection is up.
#include <gtest/gtest.h>

#include <string>

#include "tests/collector/binance_run.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::string depth(const std::string& symbol, int id) {
  std::string stream;
  for (const char c : symbol) stream += static_cast<char>(c + ('a' - 'A'));
  return R"({"stream":")" + stream + R"(@depth@100ms","data":{"e":"depthUpdate","E":1,"s":")" +
         symbol + R"(","U":)" + std::to_string(id) + R"(,"u":)" + std::to_string(id) +
         R"(,"b":[],"a":[]}})";
}
std::string snapshot(int id) {
  return R"({"lastUpdateId":)" + std::to_string(id) +
         R"(,"bids":[["1.50000000","10.00000000"]],"asks":[["1.60000000","20.00000000"]]})";
}
std::string info(const std::string& symbol) {
  return R"({"symbols":[{"symbol":")" + symbol +
         R"(","status":"TRADING","filters":[)"
         R"({"filterType":"PRICE_FILTER","tickSize":"0.00010000"},)"
         R"({"filterType":"LOT_SIZE","stepSize":"0.10000000"}]}]})";
}

BinanceConfig config() {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  config.instruments = {instrument("ADAUSDT", 4, 1), instrument("BTCUSDT", 2, 5)};
  config.instruments_max = 5;
  config.seed = 11;
  return config;
}

struct BinanceChanges : ::testing::Test {
  BinanceChanges() : run(config()) {
    run.open();
    run.receive(depth("ADAUSDT", 100));
    run.receive(depth("BTCUSDT", 100));
    run.answer("depth?symbol=ADAUSDT", snapshot(99));
    run.answer("depth?symbol=BTCUSDT", snapshot(99));
    states = run.book("ADAUSDT").states.size() + run.book("BTCUSDT").states.size();
    run.host.sent.clear();
  }
  ~BinanceChanges() override {
    EXPECT_EQ(run.book("ADAUSDT").states.size() + run.book("BTCUSDT").states.size(), states)
        << "another instrument said something";
    EXPECT_EQ(run.book("ADAUSDT").epoch, run.book("BTCUSDT").epoch);
    EXPECT_TRUE(run.host.reconnects.empty());
  }
  // The newest text with these words, and its id; 0: none.
  std::uint64_t asked(std::string_view method, std::string_view stream) {
    for (auto each = run.host.sent.rbegin(); each != run.host.sent.rend(); ++each) {
      const auto& text = each->second;
      if (text.find("\"" + std::string(method) + "\"") == std::string::npos) continue;
      if (text.find(stream) == std::string::npos) continue;
      return std::stoull(text.substr(text.find("\"id\":") + 5));
    }
    return 0;
  }
  void acknowledge(std::uint64_t id) {
    run.receive(R"({"result":null,"id":)" + std::to_string(id) + "}");
  }
  void refuse(std::uint64_t id) {
    run.receive(R"({"error":{"code":2,"msg":"Invalid request"},"id":)" + std::to_string(id) + "}");
  }
  void pass(int seconds) {
    for (int i = 0; i < seconds * 20; ++i) run.tick(second_ns / 20);
  }
  void sol_live() {
    ASSERT_TRUE(run.add("SOLUSDT"));
    pass(2);
    run.answer("exchangeInfo?symbol=SOLUSDT", info("SOLUSDT"));
    const auto id = asked("SUBSCRIBE", "solusdt@depth");
    ASSERT_NE(id, 0U);
    acknowledge(id);
    run.receive(depth("SOLUSDT", 7));
    pass(1);
    run.answer("depth?symbol=SOLUSDT", snapshot(6));
    ASSERT_EQ(run.book("SOLUSDT").state, State::Live);
  }

  Bench run;
  std::size_t states = 0;
};

TEST_F(BinanceChanges, AnAddedInstrumentComesUpOverTheConnectionThatIsThere) {
  sol_live();
  EXPECT_EQ(run.adapter().connection_count(), 1U);
}

TEST_F(BinanceChanges, ARemovedInstrumentIsEndedAndComesBackWithALaterEpoch) {
  sol_live();
  const auto epoch = run.book("SOLUSDT").epoch;
  run.remove("SOLUSDT");
  EXPECT_EQ(run.book("SOLUSDT").state, State::Failed);
  EXPECT_EQ(run.book("SOLUSDT").cause, Cause::Removed);
  run.receive(depth("SOLUSDT", 8));
  EXPECT_EQ(run.count(Count::AfterRemoval), 1U);
  pass(2);
  const auto end = asked("UNSUBSCRIBE", "solusdt@depth");
  ASSERT_NE(end, 0U);
  acknowledge(end);
  ASSERT_TRUE(run.add("SOLUSDT"));
  EXPECT_FALSE(run.add("SOLUSDT")) << "it is collected already";
  pass(2);
  const auto begin = asked("SUBSCRIBE", "solusdt@depth");
  ASSERT_GT(begin, end);
  acknowledge(begin);
  run.receive(depth("SOLUSDT", 20));
  pass(1);
  run.answer("depth?symbol=SOLUSDT", snapshot(19));
  EXPECT_EQ(run.book("SOLUSDT").state, State::Live);
  EXPECT_GT(run.book("SOLUSDT").epoch, epoch);
}

// Whether its streams still run is not known until then: a book on none would be live for ever.
TEST_F(BinanceChanges, AddedAgainItWaitsUntilTheEndThatWasAskedForIsAnswered) {
  sol_live();
  run.remove("SOLUSDT");
  pass(2);
  const auto end = asked("UNSUBSCRIBE", "solusdt@depth");
  ASSERT_NE(end, 0U);
  ASSERT_TRUE(run.add("SOLUSDT"));
  pass(2);
  EXPECT_EQ(run.host.take("depth?symbol=SOLUSDT").id, 0U);
  EXPECT_EQ(run.book("SOLUSDT").state, State::Syncing);
  acknowledge(end);
  pass(2);
  const auto begin = asked("SUBSCRIBE", "solusdt@depth");
  ASSERT_GT(begin, end);
  acknowledge(begin);
  pass(2);
  EXPECT_NE(run.host.take("depth?symbol=SOLUSDT").id, 0U);
}

TEST_F(BinanceChanges, AnEndThatIsNeverAnsweredIsNoReasonToBelieveInItsStreams) {
  sol_live();
  run.remove("SOLUSDT");
  pass(2);
  ASSERT_NE(asked("UNSUBSCRIBE", "solusdt@depth"), 0U);
  ASSERT_TRUE(run.add("SOLUSDT"));
  pass(8);
  EXPECT_EQ(run.host.take("depth?symbol=SOLUSDT").id, 0U);
  pass(3);
  EXPECT_GT(asked("SUBSCRIBE", "solusdt@depth"), asked("UNSUBSCRIBE", "solusdt@depth"));
}

// And one whose beginning was not answered is ended all the same.
TEST_F(BinanceChanges, ABeginningThatIsNeverAnsweredIsEnded) {
  ASSERT_TRUE(run.add("SOLUSDT"));
  pass(2);
  ASSERT_NE(asked("SUBSCRIBE", "solusdt@depth"), 0U);
  run.remove("SOLUSDT");
  pass(8);
  EXPECT_EQ(asked("UNSUBSCRIBE", "solusdt@depth"), 0U);
  pass(3);
  EXPECT_NE(asked("UNSUBSCRIBE", "solusdt@depth"), 0U);
}

// After a reconnect the URL brings its streams again: they are ended again.
TEST_F(BinanceChanges, WhoStandsInTheUrlIsEndedAgainAfterAReconnect) {
  sol_live();
  run.remove("BTCUSDT");
  states += 1;
  pass(2);
  acknowledge(asked("UNSUBSCRIBE", "btcusdt@depth"));
  run.adapter().on_close(0, run.now());
  run.host.sent.clear();
  run.open();
  pass(2);
  EXPECT_NE(asked("UNSUBSCRIBE", "btcusdt@depth"), 0U);
  acknowledge(asked("UNSUBSCRIBE", "btcusdt@depth"));
  pass(2);
  EXPECT_NE(asked("SUBSCRIBE", "solusdt@depth"), 0U) << "and who was added is asked for again";
  EXPECT_EQ(run.book("BTCUSDT").cause, Cause::Removed);
  // ADA lost its connection, as it must.
  states = run.book("ADAUSDT").states.size() + run.book("BTCUSDT").states.size();
  run.book("BTCUSDT").epoch = run.book("ADAUSDT").epoch;
}

// Whether the venue had it to send when that connection opened nobody says.
TEST_F(BinanceChanges, WhoComesBackOverAUrlThatNamesItIsAskedForAllTheSame) {
  run.remove("BTCUSDT");
  pass(2);
  acknowledge(asked("UNSUBSCRIBE", "btcusdt@depth"));
  run.adapter().on_close(0, run.now());
  run.open();
  run.host.sent.clear();
  ASSERT_TRUE(run.add("BTCUSDT"));
  pass(2);
  EXPECT_EQ(run.host.take("depth?symbol=BTCUSDT").id, 0U);
  const auto begin = asked("SUBSCRIBE", "btcusdt@depth");
  ASSERT_NE(begin, 0U);
  acknowledge(begin);
  pass(1);
  EXPECT_NE(run.host.take("depth?symbol=BTCUSDT").id, 0U);
  states = run.book("ADAUSDT").states.size() + run.book("BTCUSDT").states.size();
  run.book("BTCUSDT").epoch = run.book("ADAUSDT").epoch;
}

// One that the venue refuses is found by halves, and only that one fails.
TEST_F(BinanceChanges, ARefusedSubscriptionCostsTheOneThatIsRefused) {
  ASSERT_TRUE(run.add("SOLUSDT"));
  ASSERT_TRUE(run.add("BADUSDT"));
  for (int i = 0; i < 20; ++i) {
    pass(1);
    if (run.host.sent.empty()) continue;
    const auto text = run.host.sent.back().second;
    run.host.sent.clear();
    const auto id = std::stoull(text.substr(text.find("\"id\":") + 5));
    text.find("badusdt") == std::string::npos ? acknowledge(id) : refuse(id);
  }
  EXPECT_EQ(run.book("BADUSDT").cause, Cause::SubscriptionRefused);
  EXPECT_NE(run.book("SOLUSDT").cause, Cause::SubscriptionRefused);
}

// The same with metadata.
TEST_F(BinanceChanges, AnUnknownSymbolCostsItselfOnly) {
  ASSERT_TRUE(run.add("SOLUSDT"));
  ASSERT_TRUE(run.add("BADUSDT"));
  for (int i = 0; i < 100; ++i) {
    pass(1);
    run.receive(depth("ADAUSDT", 101 + i));  // a silent connection would be opened anew
    const auto request = run.host.take("exchangeInfo");
    if (request.id == 0) continue;
    if (request.target.find("BADUSDT") != std::string::npos) {
      run.respond(request.id, R"({"code":-1121,"msg":"Invalid symbol."})", 400);
    } else {
      run.respond(request.id, info("SOLUSDT"));
    }
  }
  EXPECT_EQ(run.book("BADUSDT").cause, Cause::UnknownSymbol);
  EXPECT_NE(run.book("SOLUSDT").state, State::Failed);
}

TEST_F(BinanceChanges, ThereIsRoomForSoManyAndNoMore) {
  for (const auto* symbol : {"AAAUSDT", "BBBUSDT", "CCCUSDT"}) EXPECT_TRUE(run.add(symbol));
  EXPECT_FALSE(run.adapter().add({"DDDUSDT", InstrumentId::of(0, 9), 0}, run.now()));
}

}  // namespace
}  // namespace ringside::collector::binance_test
