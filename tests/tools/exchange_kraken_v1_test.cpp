// Kraken's first version: channels by number, arrays, checksums on updates only.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/tools/exchange_rig.hpp"

namespace ringside::exchange {
namespace {

using nlohmann::json;

const std::string spec = "kraken-v1:XBT/USD,ETH/USD;depth=25;rate=4000";

std::string subscribe(const std::string& pairs, const std::string& name, unsigned depth = 0) {
  return R"({"event":"subscribe","pair":[)" + pairs + R"(],"subscription":{"name":")" + name + '"' +
         (depth == 0 ? "" : ",\"depth\":" + std::to_string(depth)) + "}}";
}

// Follows book arrays as a client would.
struct PlainV1Client {
  std::size_t depth;
  std::map<std::string, PlainBook> books{};
  std::map<std::string, std::string> points{};
  std::vector<std::string> failed{};
  std::size_t snapshots = 0, updates = 0, republished = 0, trades = 0, spreads = 0, tickers = 0;

  void on_frame(const std::string& text) {
    const auto frame = json::parse(text);
    if (!frame.is_array()) return;
    const std::string name = frame.at(frame.size() - 2);
    trades += name == "trade" ? frame.at(1).size() : 0;
    spreads += name == "spread" ? 1 : 0;
    tickers += name == "ticker" ? 1 : 0;
    if (!name.starts_with("book-")) return;
    const std::string pair = frame.back();
    auto& book = books[pair];
    std::string checksum;
    std::int64_t ns = 0;
    for (std::size_t i = 1; i + 2 < frame.size(); ++i) {
      if (frame.at(i).contains("as")) book.clear(), ++snapshots;
      for (const std::string key : {"as", "bs", "a", "b"}) {
        if (!frame.at(i).contains(key)) continue;
        for (const auto& level : frame.at(i).at(key)) {
          book.set(key[0] == 'b', std::string(level.at(0)), std::string(level.at(1)));
          std::string time = level.at(2);
          std::erase(time, '.');
          ns = std::max<std::int64_t>(ns, std::stoll(time) * 1'000);
          republished += level.size() == 4 ? 1 : 0;
        }
      }
      checksum = frame.at(i).value("c", "");
    }
    book.truncate(depth);
    if (!checksum.empty()) {
      ++updates;
      if (checksum != std::to_string(book.checksum())) failed.push_back(text);
    }
    points[pair + " " + std::to_string(ns)] = book.canonical_hash();
  }
};

TEST(KrakenV1, AcknowledgesWithAChannelNumberAndRefusesWithAReason) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = spec}, outlet, test_start);
  EXPECT_TRUE(exchange.accepts("/"));
  EXPECT_FALSE(exchange.accepts("/v2"));
  exchange.on_open(1, "/", test_start);
  EXPECT_EQ(json::parse(outlet.take().at(0).text).at("event"), "systemStatus");
  const auto ask = [&](const std::string& text) {
    exchange.on_text(1, text, test_start);
    std::vector<json> answers;
    for (const auto& sent : outlet.take()) answers.push_back(json::parse(sent.text));
    return answers;
  };
  const auto book = ask(subscribe("\"XBT/USD\"", "book", 25));
  ASSERT_EQ(book.size(), 2U);
  EXPECT_EQ(book[0].at("channelName"), "book-25");
  EXPECT_EQ(book[0].at("status"), "subscribed");
  EXPECT_EQ(book[0].at("pair"), "XBT/USD");
  EXPECT_EQ(book[1].at(0), book[0].at("channelID"));
  EXPECT_EQ(book[1].at(1).at("as").size(), 25U);
  EXPECT_EQ(book[1].at(2), "book-25");
  EXPECT_EQ(ask(R"({"event":"ping","reqid":4})").at(0),
            json::parse(R"({"event":"pong","reqid":4})"));
  for (const std::string& text :
       {subscribe("\"XBT/USD\"", "book", 26), subscribe("\"XBT/USD\"", "book", 25),
        subscribe("\"NO/USD\"", "trade"), subscribe("\"XBT/USD\"", "ohlc"),
        subscribe("7", "trade")}) {
    const auto answers = ask(text);
    ASSERT_EQ(answers.size(), 1U) << text;
    EXPECT_EQ(answers[0].at("status"), "error") << text;
    EXPECT_FALSE(std::string(answers[0].at("errorMessage")).empty());
  }
  EXPECT_EQ(ask("{").at(0).at("event"), "error");
  const auto gone = ask(
      R"({"event":"unsubscribe","pair":["XBT/USD"],"subscription":{"name":"book","depth":25}})");
  EXPECT_EQ(gone.at(0).at("status"), "unsubscribed");
}

TEST(KrakenV1, EveryGeneratedChecksumHoldsAndEveryBookIsTheTrueOne) {
  const ScratchFile truth_file;
  PlainV1Client client{.depth = 25};
  {
    KeepingOutlet outlet;
    Exchange exchange({.generate = spec, .seed = 5, .truth = truth_file.path}, outlet, test_start);
    exchange.on_open(1, "/", test_start);
    exchange.on_text(1, subscribe(R"("XBT/USD","ETH/USD")", "book", 25), test_start);
    for (const std::string name : {"trade", "spread", "ticker"}) {
      exchange.on_text(1, subscribe(R"("XBT/USD")", name), test_start);
    }
    run(exchange, test_start, 2 * test_second);
    for (const auto& sent : outlet.take()) client.on_frame(sent.text);
  }
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  EXPECT_EQ(client.snapshots, 2U);
  EXPECT_GT(client.updates, 4'000U);
  EXPECT_GT(client.republished, 100U);
  EXPECT_GT(client.trades, 100U);
  EXPECT_GT(client.spreads, 100U);
  EXPECT_GT(client.tickers, 100U);
  const auto truth = read_truth(truth_file.path);
  EXPECT_EQ(truth.size(), client.updates + client.snapshots);
  for (const auto& [point, hash] : client.points) {
    ASSERT_TRUE(truth.contains(point)) << point;
    EXPECT_EQ(truth.at(point), hash);
  }
}

TEST(KrakenV1, CorruptionShowsInTheNamedMessagesOwnChecksum) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = spec, .faults = "corrupt:XBT/USD@77"}, outlet, test_start);
  exchange.on_open(1, "/", test_start);
  exchange.on_text(1, subscribe(R"("XBT/USD")", "book", 25), test_start);
  run(exchange, test_start, test_second);
  PlainV1Client client{.depth = 25};
  for (const auto& sent : outlet.take()) {
    client.on_frame(sent.text);
    if (client.updates > 77) break;  // the damage stays in the book
    EXPECT_EQ(client.failed.size(), client.updates == 77 ? 1U : 0U);
  }
  EXPECT_EQ(client.updates, 78U);
}

TEST(KrakenV1, ARecordedSetIsServedAsItWasWithItsOwnChannelNumbers) {
  const char* captures = std::getenv("RINGSIDE_CAPTURES");
  if (captures == nullptr) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  KeepingOutlet outlet;
  Exchange exchange({.replay = std::string(captures) + "/kraken_v1_a.gz", .speed = 0}, outlet,
                    test_start);
  exchange.on_open(1, "/", test_start);
  PlainV1Client client{.depth = 1000};
  exchange.on_text(1, subscribe(R"("XBT/USD","ICX/USD")", "book", 1000), test_start);
  exchange.on_text(1, subscribe(R"("DASH/EUR")", "trade"), test_start);
  std::map<int, std::string> channels;
  auto now = run(exchange, test_start, 2 * test_second);
  for (const auto& sent : outlet.take()) {
    client.on_frame(sent.text);
    const auto frame = json::parse(sent.text);
    if (frame.contains("channelID")) channels[frame.at("channelID")] = frame.at("pair");
    if (!frame.is_array()) continue;
    EXPECT_EQ(channels.at(frame.at(0)), frame.back());
  }
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  EXPECT_EQ(client.snapshots, 2U);
  EXPECT_GT(client.updates, 1'000U);
  EXPECT_GT(client.trades, 0U);
  // A late one gets the exchange's book: equal to what the first has come to.
  exchange.on_open(2, "/", now);
  exchange.on_text(2, subscribe(R"("XBT/USD")", "book", 1000), now);
  PlainV1Client late{.depth = 1000};
  for (const auto& sent : outlet.take()) late.on_frame(sent.text);
  EXPECT_EQ(late.books["XBT/USD"].canonical_hash(), client.books["XBT/USD"].canonical_hash());
}

}  // namespace
}  // namespace ringside::exchange
