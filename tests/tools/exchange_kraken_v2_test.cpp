// Kraken's second version as a client meets it: greetings, acknowledgements, refusals, heartbeats.
#include <gtest/gtest.h>

#include "tests/tools/exchange_rig.hpp"

namespace ringside::exchange {
namespace {

using nlohmann::json;

class KrakenV2Session : public ::testing::Test {
 protected:
  void SetUp() override {
    exchange.on_open(1, "/v2", test_start);
    greeting = outlet.take();
  }

  // The answers to one command.
  std::vector<json> ask(const std::string& text, SessionId session = 1) {
    exchange.on_text(session, text, now);
    std::vector<json> answers;
    for (const auto& sent : outlet.take()) {
      EXPECT_EQ(sent.session, session);
      EXPECT_EQ(sent.frame, Frame::Control);
      answers.push_back(json::parse(sent.text));
    }
    return answers;
  }

  std::vector<json> run_for(std::int64_t ns) {
    now = run(exchange, now, ns);
    std::vector<json> frames;
    for (const auto& sent : outlet.take()) frames.push_back(json::parse(sent.text));
    return frames;
  }

  KeepingOutlet outlet;
  UtcNs now = test_start;
  Exchange exchange{{.generate = "kraken:BTC/USD,XRP/USD;depth=25;rate=1000"}, outlet, test_start};
  std::vector<SentFrame> greeting;
};

std::size_t count(const std::vector<json>& frames, const std::string& channel) {
  return static_cast<std::size_t>(
      std::count_if(frames.begin(), frames.end(),
                    [&](const json& frame) { return frame.value("channel", "") == channel; }));
}

TEST_F(KrakenV2Session, GreetsWithAStatusMessage) {
  ASSERT_EQ(greeting.size(), 1U);
  const auto status = json::parse(greeting[0].text);
  EXPECT_EQ(status.at("channel"), "status");
  EXPECT_EQ(status.at("data").at(0).at("system"), "online");
  EXPECT_EQ(status.at("data").at(0).at("api_version"), "v2");
}

TEST_F(KrakenV2Session, ListensOnItsOwnPathOnly) {
  EXPECT_EQ(exchange.websocket_path(), "/v2");
  EXPECT_TRUE(exchange.accepts("/v2"));
  EXPECT_FALSE(exchange.accepts("/"));
  EXPECT_FALSE(exchange.accepts("/v3"));
}

TEST_F(KrakenV2Session, AcknowledgesEachSymbolThenSendsItsSnapshot) {
  const auto answers =
      ask(R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","XRP/USD"],)"
          R"("depth":10,"snapshot":true},"req_id":77})");
  ASSERT_EQ(answers.size(), 4U);
  for (const std::size_t i : {0U, 2U}) {
    EXPECT_EQ(answers[i].at("method"), "subscribe");
    EXPECT_EQ(answers[i].at("req_id"), 77);
    EXPECT_EQ(answers[i].at("success"), true);
    EXPECT_EQ(answers[i].at("result"), json::parse(R"({"channel":"book","depth":10,"snapshot":true,
              "symbol":")" + std::string(i == 0 ? "BTC/USD" : "XRP/USD") +
                                                   "\"}"));
    EXPECT_TRUE(answers[i].contains("time_in"));
    EXPECT_TRUE(answers[i].contains("time_out"));
    EXPECT_EQ(answers[i + 1].at("type"), "snapshot");
    EXPECT_EQ(answers[i + 1].at("data").at(0).at("bids").size(), 10U);
    EXPECT_EQ(answers[i + 1].at("data").at(0).at("asks").size(), 10U);
  }
}

TEST_F(KrakenV2Session, SendsNoSnapshotWhereNoneWasWanted) {
  const auto answers = ask(
      R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"snapshot":false}})");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].at("result").at("snapshot"), false);
  EXPECT_EQ(answers[0].at("result").at("depth"), 10) << "the venue's default";
}

TEST_F(KrakenV2Session, RefusesOneUnknownSymbolAndServesTheOther) {
  const auto answers =
      ask(R"({"method":"subscribe","params":{"channel":"trade","symbol":["BTC/NONE","BTC/USD"]}})");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].at("success"), false);
  EXPECT_EQ(answers[0].at("symbol"), "BTC/NONE");
  EXPECT_EQ(answers[0].at("error"), "Currency pair not supported BTC/NONE");
  EXPECT_EQ(answers[1].at("success"), true);
}

TEST_F(KrakenV2Session, RefusesWhatItDoesNotServe) {
  for (const std::string command :
       {R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":7}})",
        R"({"method":"subscribe","params":{"channel":"candles","symbol":["BTC/USD"]}})",
        R"({"method":"subscribe","params":{"channel":"book"}})",
        R"({"method":"subscribe","params":{"channel":"book","symbol":[]}})",
        R"({"method":"subscribe","params":{"channel":"book","symbol":[1]}})",
        R"({"method":"subscribe","params":{"channel":"book","symbol":["a\"b"]}})",
        R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":"x"}})",
        R"({"method":"subscribe"})", R"({"method":"dance"})", R"({"event":"subscribe"})", R"([])",
        R"({"method":)", "", "nonsense",
        R"({"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]}})"}) {
    const auto answers = ask(command);
    ASSERT_EQ(answers.size(), 1U) << command;
    EXPECT_EQ(answers[0].at("success"), false) << command;
    EXPECT_FALSE(std::string(answers[0].at("error")).empty()) << command;
  }
}

TEST_F(KrakenV2Session, RefusesASecondSubscriptionOfTheSame) {
  const std::string command =
      R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25}})";
  EXPECT_EQ(ask(command).size(), 2U);
  const auto again = ask(command);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].at("error"), "Already subscribed");
}

TEST_F(KrakenV2Session, AnUnsubscribedChannelFallsSilentAndTheOtherGoesOn) {
  ask(R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","XRP/USD"]}})");
  EXPECT_GT(count(run_for(test_second), "book"), 100U);
  const auto answers = ask(
      R"({"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":3})");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].at("method"), "unsubscribe");
  EXPECT_EQ(answers[0].at("success"), true);
  EXPECT_EQ(answers[0].at("req_id"), 3);
  std::size_t others = 0;
  for (const auto& frame : run_for(test_second)) {
    if (frame.value("channel", "") != "book") continue;
    EXPECT_EQ(frame.at("data").at(0).at("symbol"), "XRP/USD");
    ++others;
  }
  EXPECT_GT(others, 100U);
}

TEST_F(KrakenV2Session, AnswersAPing) {
  const auto answers = ask(R"({"method":"ping","req_id":101})");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].at("method"), "pong");
  EXPECT_EQ(answers[0].at("req_id"), 101);
}

TEST_F(KrakenV2Session, HeartbeatsComeEachSecondWithOrWithoutData) {
  EXPECT_EQ(count(run_for(5 * test_second), "heartbeat"), 4U);
  ask(R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}})");
  const auto beats = count(run_for(10 * test_second), "heartbeat");
  EXPECT_GE(beats, 9U);
  EXPECT_LE(beats, 11U);
}

TEST_F(KrakenV2Session, TheInstrumentChannelTellsThePrecisionThatTheFramesUse) {
  const auto answers =
      ask(R"({"method":"subscribe","params":{"channel":"instrument","snapshot":true}})");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].at("result").at("channel"), "instrument");
  EXPECT_EQ(answers[1].at("type"), "snapshot");
  std::map<std::string, std::pair<int, int>> precision;
  for (const auto& pair : answers[1].at("data").at("pairs")) {
    precision[pair.at("symbol")] = {pair.at("price_precision"), pair.at("qty_precision")};
  }
  EXPECT_EQ(precision.size(), 2U);
  exchange.on_text(
      1, R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","XRP/USD"]}})",
      now);
  for (const auto& sent : outlet.take()) {
    const auto frame = parse_keeping_digits(sent.text);
    if (frame.value("type", "") != "snapshot") continue;
    const auto& entry = frame.at("data").at(0);
    const std::string price = entry.at("bids").at(0).at("price");
    const std::string quantity = entry.at("bids").at(0).at("qty");
    EXPECT_EQ(price.size() - price.find('.') - 1,
              static_cast<std::size_t>(precision[entry.at("symbol")].first));
    EXPECT_EQ(quantity.size() - quantity.find('.') - 1,
              static_cast<std::size_t>(precision[entry.at("symbol")].second));
  }
}

TEST_F(KrakenV2Session, TheTickerFollowsTheTopOfTheBook) {
  for (const std::string channel : {"book", "ticker"}) {
    exchange.on_text(1,
                     R"({"method":"subscribe","params":{"channel":")" + channel +
                         R"(","symbol":["BTC/USD"],"event_trigger":"bbo"}})",
                     now);
  }
  now = run(exchange, now, 2 * test_second);
  PlainKrakenClient client(10);
  for (const auto& sent : outlet.take()) {
    client.on_frame(sent.text);
    const auto frame = parse_keeping_digits(sent.text);
    if (frame.value("channel", "") != "ticker") continue;
    const auto& entry = frame.at("data").at(0);
    PlainBook told;
    told.set(true, std::string(entry.at("bid")), std::string(entry.at("bid_qty")));
    told.set(false, std::string(entry.at("ask")), std::string(entry.at("ask_qty")));
    const auto& book = client.books["BTC/USD"];
    EXPECT_EQ(*told.bids.begin(), *book.bids.rbegin());
    EXPECT_EQ(*told.asks.begin(), *book.asks.begin());
  }
  EXPECT_GT(client.tickers, 20U);
}

TEST_F(KrakenV2Session, TwoSessionsAreServedApartAndAClosedOneNotAtAll) {
  exchange.on_open(2, "/v2", now);
  outlet.take();
  ask(R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}})", 1);
  ask(R"({"method":"subscribe","params":{"channel":"trade","symbol":["XRP/USD"]}})", 2);
  now = run(exchange, now, test_second);
  for (const auto& sent : outlet.take()) {
    const auto frame = json::parse(sent.text);
    if (frame.at("channel") == "heartbeat") continue;
    EXPECT_EQ(frame.at("channel"), sent.session == 1 ? "book" : "trade");
  }
  exchange.on_close(1);
  now = run(exchange, now, test_second);
  for (const auto& sent : outlet.take()) EXPECT_EQ(sent.session, 2U);
}

TEST_F(KrakenV2Session, TheRestEndpointListsThePairs) {
  exchange.on_get(9, "/0/public/AssetPairs", now);
  exchange.on_get(10, "/0/public/Nothing", now);
  ASSERT_EQ(outlet.answers.size(), 2U);
  EXPECT_EQ(outlet.answers[0].status, 200);
  const auto pairs = json::parse(outlet.answers[0].body).at("result");
  EXPECT_EQ(pairs.at("BTCUSD").at("wsname"), "BTC/USD");
  EXPECT_EQ(outlet.answers[1].status, 404);
}

}  // namespace
}  // namespace ringside::exchange
