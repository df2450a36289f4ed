// A replayed capture: who subscribes gets the venue's own frames at their own pace, who comes late
// gets the exchange's book, and in the end everybody has the same one.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <stdexcept>

#include "tests/tools/exchange_rig.hpp"
#include "tools/exchange/replay.hpp"

namespace ringside::exchange {
namespace {

std::string subscribe(const std::string& symbol, const std::string& channel = "book") {
  return R"({"method":"subscribe","params":{"channel":")" + channel + R"(","symbol":[")" + symbol +
         R"("],"depth":25}})";
}

// A capture as a recorder would have made it of a generated market: two books and their trades.
struct Recorded {
  std::string text;
  PlainKrakenClient client{25};
  std::vector<std::string> frames;  // books and trades
};

Recorded record(std::int64_t duration_ns) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = "kraken:BTC/USD,XRP/USD;rate=1000", .seed = 3}, outlet,
                    test_start);
  Recorded recorded;
  const auto line = [&](std::int64_t ns, const std::string& kind, const std::string& payload) {
    recorded.text += std::to_string(ns) + "\t1\t" + kind + "\t" + payload + "\n";
  };
  line(test_start.value, "open", "wss://ws.kraken.com/v2");
  exchange.on_open(1, "/v2", test_start);
  for (const std::string symbol : {"BTC/USD", "XRP/USD"}) {
    exchange.on_text(1, subscribe(symbol), test_start);
    exchange.on_text(1, subscribe(symbol, "trade"), test_start);
  }
  UtcNs now = test_start;
  while (now.value < test_start.value + duration_ns) {
    const auto next = exchange.advance(now);
    for (const auto& sent : outlet.take()) {
      line(now.value, "recv", sent.text);
      recorded.client.on_frame(sent.text);
      if (sent.text.find("\"data\":[{\"symbol\"") != std::string::npos) {
        recorded.frames.push_back(sent.text);
      }
    }
    now = std::max(next, UtcNs{now.value + 1});
  }
  return recorded;
}

class ReplayedMarket : public ::testing::Test {
 protected:
  std::unique_ptr<Exchange> make(double speed, const std::string& faults = {}) {
    return std::make_unique<Exchange>(
        ExchangeOptions{.replay = file.path, .speed = speed, .faults = faults}, outlet, now);
  }
  void hear(PlainKrakenClient& client) {
    for (const auto& sent : outlet.take()) client.on_frame(sent.text);
  }

  Recorded recorded = record(2 * test_second);
  ScratchFile file{recorded.text};
  KeepingOutlet outlet;
  UtcNs now{2'000'000'000'000'000'000};
};

TEST_F(ReplayedMarket, WhoSubscribesToEverythingGetsEveryFrameAsItWasRecorded) {
  auto exchange = make(0);
  exchange->on_open(1, "/v2", now);
  for (const std::string symbol : {"BTC/USD", "XRP/USD"}) {
    exchange->on_text(1, subscribe(symbol), now);
    exchange->on_text(1, subscribe(symbol, "trade"), now);
  }
  run(*exchange, now, test_second / 10);
  std::vector<std::string> frames;
  for (const auto& sent : outlet.take()) {
    if (sent.text.find("\"data\":[{\"symbol\"") != std::string::npos) frames.push_back(sent.text);
  }
  EXPECT_EQ(frames, recorded.frames);
}

TEST_F(ReplayedMarket, TheStreamWaitsForItsFirstSubscription) {
  auto exchange = make(0);
  now = run(*exchange, now, test_second);
  exchange->on_open(1, "/v2", now);
  now = run(*exchange, now, 2 * test_second);
  outlet.take();
  PlainKrakenClient client(25);
  exchange->on_text(1, subscribe("BTC/USD"), now);
  run(*exchange, now, test_second);
  hear(client);
  EXPECT_EQ(client.snapshots, 1U);
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  EXPECT_EQ(client.books["BTC/USD"].canonical_hash(),
            recorded.client.books["BTC/USD"].canonical_hash());
  EXPECT_EQ(client.books.size(), 1U) << "nothing that was not subscribed";
}

TEST_F(ReplayedMarket, ItKeepsTheRecordedPaceOrAMultiple) {
  for (const double speed : {1.0, 4.0}) {
    auto exchange = make(speed);
    exchange->on_open(1, "/v2", now);
    for (const std::string symbol : {"BTC/USD", "XRP/USD"}) {
      exchange->on_text(1, subscribe(symbol), now);
      exchange->on_text(1, subscribe(symbol, "trade"), now);
    }
    const auto half = static_cast<std::int64_t>(1.0 * test_second / speed);
    auto at = run(*exchange, now, half);
    PlainKrakenClient client(25);
    hear(client);
    EXPECT_GT(client.book_frames, recorded.client.book_frames * 3 / 10) << speed;
    EXPECT_LT(client.book_frames, recorded.client.book_frames * 7 / 10) << speed;
    run(*exchange, at, half + test_second / 10);
    hear(client);
    EXPECT_EQ(client.book_frames, recorded.client.book_frames);
  }
}

TEST_F(ReplayedMarket, ALateSubscriberGetsTheExchangesOwnBookWithARightChecksum) {
  auto exchange = make(1);
  exchange->on_open(1, "/v2", now);
  exchange->on_text(1, subscribe("BTC/USD"), now);
  auto at = run(*exchange, now, test_second * 3 / 2);  // half a second of it was waiting for XRP
  outlet.take();
  exchange->on_open(2, "/v2", at);
  exchange->on_text(2, subscribe("XRP/USD"), at);
  exchange->on_text(
      1, R"({"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]}})", at);
  exchange->on_text(1, subscribe("BTC/USD"), at);
  run(*exchange, at, 2 * test_second);
  PlainKrakenClient client(25);
  hear(client);
  EXPECT_EQ(client.snapshots, 2U);
  EXPECT_GT(client.book_frames, 100U);
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  for (const auto& [symbol, book] : recorded.client.books) {
    EXPECT_EQ(client.books[symbol].canonical_hash(), book.canonical_hash()) << symbol;
  }
}

TEST_F(ReplayedMarket, TheConnectionStaysOpenAtTheEndWithHeartbeats) {
  auto exchange = make(0);
  exchange->on_open(1, "/v2", now);
  exchange->on_text(1, subscribe("BTC/USD"), now);
  now = run(*exchange, now, 5 * test_second);
  outlet.take();
  run(*exchange, now, 5 * test_second);
  const auto after = outlet.take();
  EXPECT_EQ(after.size(), 5U);
  for (const auto& sent : after) EXPECT_EQ(sent.text, R"({"channel":"heartbeat"})");
  EXPECT_TRUE(outlet.closed.empty());
}

TEST_F(ReplayedMarket, ADepthOtherThanTheRecordedOneIsRefused) {
  auto exchange = make(0);
  exchange->on_open(1, "/v2", now);
  exchange->on_text(
      1, R"({"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}})",
      now);
  EXPECT_NE(outlet.take().back().text.find("\"success\":false"), std::string::npos);
}

TEST_F(ReplayedMarket, FaultsHitTheNamedFrameOfTheCapture) {
  auto exchange = make(0, "corrupt:XRP/USD@50");
  exchange->on_open(1, "/v2", now);
  for (const std::string symbol : {"BTC/USD", "XRP/USD"}) {
    exchange->on_text(1, subscribe(symbol), now);
    exchange->on_text(1, subscribe(symbol, "trade"), now);
  }
  run(*exchange, now, test_second / 10);
  std::vector<std::string> frames;
  for (const auto& sent : outlet.take()) {
    if (sent.text.find("\"data\":[{\"symbol\"") != std::string::npos) frames.push_back(sent.text);
  }
  ASSERT_EQ(frames.size(), recorded.frames.size());
  std::size_t updates = 0, different = 0;
  PlainKrakenClient client(25);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    updates += recorded.frames[i].starts_with(R"({"channel":"book","type":"update")") &&
                       recorded.frames[i].find("XRP/USD") != std::string::npos
                   ? 1
                   : 0;
    client.on_frame(frames[i]);
    if (frames[i] == recorded.frames[i]) continue;
    ++different;
    EXPECT_EQ(updates, 50U);
    EXPECT_EQ(client.failed, std::vector<std::string>{frames[i]});
  }
  EXPECT_EQ(different, 1U);
}

TEST_F(ReplayedMarket, TheTruthOfAReplayIsTheBookThatTheFramesDescribe) {
  const ScratchFile truth_file;
  {
    Exchange exchange({.replay = file.path, .speed = 0, .truth = truth_file.path}, outlet, now);
    exchange.on_open(1, "/v2", now);
    exchange.on_text(1, subscribe("BTC/USD"), now);
    run(exchange, now, test_second);
  }
  const auto truth = read_truth(truth_file.path);
  for (const auto& [point, hash] : recorded.client.points) {
    ASSERT_TRUE(truth.contains(point)) << point;
    EXPECT_EQ(truth.at(point), hash) << point;
  }
}

TEST(Replay, AFileThatIsNoCaptureIsRefusedInOneLine) {
  KeepingOutlet outlet;
  const ScratchFile garbage("garbage");
  const ScratchFile nameless("1\t1\topen\twss://example.com/\n");
  const ScratchFile empty("1\t1\topen\twss://ws.kraken.com/v2\n");
  for (const auto& [path, hint] : std::vector<std::pair<std::string, std::string>>{
           {"/nonexistent/capture.gz", "cannot be opened"},
           {garbage.path, "is neither gzip nor"},
           {nameless.path, "--venue"},
           {empty.path, "holds nothing"}}) {
    try {
      Exchange exchange({.replay = path}, outlet, test_start);
      ADD_FAILURE() << path << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(hint), std::string::npos) << error.what();
    }
  }
}

// Canonical dump of a book as the oracles have it: plain decimals without trailing zeros.
std::string plain_decimal(std::int64_t mantissa, unsigned decimals) {
  std::string text;
  append_decimal(text, mantissa, decimals);
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string gunzip(const std::string& path) {
  std::string text;
  gzFile file = gzopen(path.c_str(), "rb");
  char bytes[4096];
  for (int count; (count = gzread(file, bytes, sizeof bytes)) > 0;) {
    text.append(bytes, static_cast<std::size_t>(count));
  }
  gzclose(file);
  return text;
}

TEST(Replay, RecordedSetsEndInTheOraclesBooks) {
  const char* captures = std::getenv("RINGSIDE_CAPTURES");
  if (captures == nullptr) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  for (const std::string set : {"kraken_v2_btcusd_d25", "kraken_v2_xrpusd_d25"}) {
    const std::string folder(captures);
    KeepingOutlet outlet;
    Exchange exchange({.replay = folder + "/" + set + ".gz", .speed = 0}, outlet, test_start);
    const auto& listing = exchange.market()[0];
    exchange.on_open(1, "/v2", test_start);
    exchange.on_text(1, subscribe(listing.symbol), test_start);
    run(exchange, test_start, test_second);
    PlainKrakenClient client(25);
    for (const auto& sent : outlet.take()) client.on_frame(sent.text);
    EXPECT_EQ(client.failed, std::vector<std::string>{});
    std::string dump;
    const auto& book = client.books[listing.symbol];
    const auto line = [&](char side, const auto& level) {
      dump += listing.symbol + ' ' + side + ' ' +
              plain_decimal(level.first, listing.decimals.price) + ' ' +
              plain_decimal(level.second, listing.decimals.quantity) + '\n';
    };
    for (auto at = book.bids.rbegin(); at != book.bids.rend(); ++at) line('B', *at);
    for (const auto& level : book.asks) line('A', level);
    EXPECT_EQ(dump, gunzip(folder + "/oracle/" + set + ".book.txt.gz"));
  }
}

}  // namespace
}  // namespace ringside::exchange
