// Channels that come and go while Binance connections are up: streams of that channel, and nothing
// else; never more streams on a connection than the venue allows.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/collector/binance_run.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr Channels all{true, true, true};
constexpr Channels no_trade{false, true, true};
constexpr Channels no_book{true, false, true};
constexpr Channels trade_only{true, false, false};

std::string stream_text(const std::string& symbol, const std::string& stream,
                        const std::string& data) {
  std::string name;
  for (const char c : symbol) name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return R"({"stream":")" + name + "@" + stream + R"(","data":)" + data + "}";
}
std::string depth(const std::string& symbol, int id, int previous = 0) {
  return stream_text(symbol, "depth@100ms",
                     R"({"e":"depthUpdate","E":1,"T":1,"s":")" + symbol + R"(","U":)" +
                         std::to_string(id) + R"(,"u":)" + std::to_string(id) +
                         (previous == 0 ? "" : R"(,"pu":)" + std::to_string(previous)) +
                         R"(,"b":[["1.50000000","11.00000000"]],"a":[]})");
}
std::string trade(const std::string& symbol, int id) {
  return stream_text(symbol, "trade",
                     R"({"e":"trade","E":1,"s":")" + symbol + R"(","t":)" + std::to_string(id) +
                         R"(,"p":"1.50000000","q":"1.00000000","T":1,"m":true,"M":true})");
}
std::string snapshot(int id) {
  return R"({"lastUpdateId":)" + std::to_string(id) +
         R"(,"bids":[["1.50000000","10.00000000"]],"asks":[["1.60000000","20.00000000"]]})";
}

// An exchange that answers every subscription at once and keeps account of what runs where.
struct BinanceChannels : ::testing::Test {
  void make(BinanceConfig config) {
    config.seed = 11;
    config.instruments_max = config.instruments.size() + 2;
    streams_max = config.streams_max;
    run = std::make_unique<Bench>(std::move(config));
    open_all();
  }
  void make_spot(Channels channels = all) {
    auto config = BinanceConfig::for_market(BinanceMarket::Spot);
    config.instruments = {instrument("ADAUSDT", 4, 1), instrument("BTCUSDT", 2, 5)};
    with(config, channels);
    make(std::move(config));
  }
  static void with(BinanceConfig& config, Channels channels) {
    config.trades = channels.trade;
    config.books = channels.book;
    config.bbos = channels.bbo;
  }
  void open_all() {
    for (; opened < run->adapter().connection_count(); ++opened) {
      running.emplace_back();
      name_streams(opened, std::string(run->adapter().connection_path(opened)), true);
      run->adapter().on_open(opened, run->now());
      run->drain();
    }
  }
  // Of a path or of a message: every "name@stream".
  void name_streams(ConnectionIndex connection, const std::string& text, bool begin) {
    std::string name;
    for (const char c : text + "\"") {
      if (c != '"' && c != '/' && c != '=' && c != '?') {
        name += c;
        continue;
      }
      if (name.find('@') != std::string::npos) {
        auto& streams = running[connection];
        std::erase(streams, name);
        if (begin) streams.push_back(name);
      }
      name.clear();
    }
    EXPECT_LE(running[connection].size(), streams_max) << "on connection " << connection;
  }
  void answer_all() {
    for (auto sent = std::exchange(run->host.sent, {}); !sent.empty();
         sent = std::exchange(run->host.sent, {})) {
      for (const auto& [connection, text] : sent) {
        texts.push_back(text);
        name_streams(connection, text, text.find("UNSUBSCRIBE") == std::string::npos);
        run->receive(R"({"result":null,"id":)" + text.substr(text.find("\"id\":") + 5), connection);
      }
    }
  }
  void pass(int seconds) {
    for (int i = 0; i < seconds * 10; ++i) {
      run->tick(second_ns / 10);
      open_all();
      answer_all();
    }
  }
  void set(Channels channels) {
    run->adapter().set_channels(channels, run->now());
    run->drain();
    pass(3);
  }
  void go_live(const std::string& symbol, int id) {
    run->receive(depth(symbol, id));
    run->answer("depth?symbol=" + symbol, snapshot(id - 1));
    ASSERT_EQ(run->book(symbol).state, State::Live);
  }
  [[nodiscard]] std::size_t count_of(std::string_view stream) const {
    std::size_t count = 0;
    for (const auto& streams : running) {
      for (const auto& name : streams) count += name.find(stream) != std::string::npos;
    }
    return count;
  }
  [[nodiscard]] std::size_t said() const {
    std::size_t count = 0;
    for (const auto& book : run->books) count += book.states.size();
    return count;
  }

  std::unique_ptr<Bench> run;
  std::vector<std::vector<std::string>> running;  // by connection
  std::vector<std::string> texts;
  ConnectionIndex opened = 0;
  std::uint32_t streams_max = 0;
};

TEST_F(BinanceChannels, OneThatIsRemovedIsUnsubscribedAndNoBookSaysAWord) {
  make_spot();
  go_live("ADAUSDT", 100);
  go_live("BTCUSDT", 100);
  const auto before = said();
  set(no_trade);
  EXPECT_EQ(texts.size(), 1U);
  EXPECT_EQ(count_of("@trade"), 0U);
  EXPECT_EQ(count_of("@depth"), 2U);
  run->receive(trade("ADAUSDT", 7));
  EXPECT_EQ(run->count(Count::AfterRemoval), 1U);
  EXPECT_TRUE(run->book("ADAUSDT").trades.empty());
  run->receive(depth("ADAUSDT", 101));
  EXPECT_EQ(run->book("ADAUSDT").updates, 2U) << "and the book goes on";
  EXPECT_EQ(said(), before);
  EXPECT_TRUE(run->host.requests.empty()) << "and no snapshot is asked for";
}

TEST_F(BinanceChannels, OneThatIsAddedIsSubscribedOverTheSameConnection) {
  make_spot(no_trade);
  go_live("ADAUSDT", 100);
  go_live("BTCUSDT", 100);
  const auto before = said();
  set(all);
  EXPECT_EQ(texts.size(), 1U);
  EXPECT_EQ(count_of("@trade"), 2U);
  EXPECT_EQ(run->adapter().connection_count(), 1U);
  run->receive(trade("ADAUSDT", 7));
  ASSERT_EQ(run->book("ADAUSDT").trades.size(), 1U);
  EXPECT_EQ(run->book("ADAUSDT").trades[0].epoch, run->book("ADAUSDT").epoch);
  EXPECT_EQ(said(), before);
  EXPECT_TRUE(run->host.requests.empty());
}

TEST_F(BinanceChannels, WhatIsSoAlreadyIsNotAskedForAgain) {
  make_spot();
  set(all);
  EXPECT_TRUE(texts.empty());
  EXPECT_EQ(run->adapter().connection_count(), 1U);
}

TEST_F(BinanceChannels, ARemovedBookIsOverAndComesBackByASnapshot) {
  make_spot();
  go_live("ADAUSDT", 100);
  const auto epoch = run->book("ADAUSDT").epoch;
  set(no_book);
  EXPECT_EQ(count_of("@depth"), 0U);
  EXPECT_EQ(run->book("ADAUSDT").state, State::Syncing);
  EXPECT_EQ(run->book("ADAUSDT").cause, Cause::OperatorRequest);
  EXPECT_GT(run->book("ADAUSDT").epoch, epoch);
  run->receive(depth("ADAUSDT", 101));
  EXPECT_EQ(run->count(Count::AfterRemoval), 1U);
  run->receive(trade("ADAUSDT", 7));
  EXPECT_EQ(run->book("ADAUSDT").trades.size(), 1U);
  EXPECT_EQ(run->host.take("depth?symbol=BTCUSDT").id == 0, false) << "asked before";
  EXPECT_TRUE(run->host.requests.empty());

  const auto without = run->book("ADAUSDT").epoch;
  set(all);
  EXPECT_EQ(count_of("@depth"), 2U);
  go_live("ADAUSDT", 200);
  EXPECT_GT(run->book("ADAUSDT").epoch, without);
  go_live("BTCUSDT", 300);
}

// The end of its stream is asked for and not answered: a book that is wanted again by then does not
// trust that stream, and without an answer asks for it anew.
TEST_F(BinanceChannels, ABookThatComesBackBeforeItsEndWasAnsweredWaitsForThat) {
  make_spot();
  go_live("ADAUSDT", 100);
  run->host.requests.clear();
  run->adapter().set_channels(no_book, run->now());
  for (int i = 0; i < 20; ++i) run->tick(second_ns / 10);
  ASSERT_EQ(run->host.sent.size(), 1U) << "and nobody answers";
  run->host.sent.clear();
  run->adapter().set_channels(all, run->now());
  for (int i = 0; i < 20; ++i) run->tick(second_ns / 10);
  EXPECT_EQ(run->host.take("depth?symbol=ADAUSDT").id, 0U);
  pass(15);
  EXPECT_EQ(count_of("@depth"), 2U);
  go_live("ADAUSDT", 200);
}

// An old ticker's price would call the new book another symbol's.
TEST_F(BinanceChannels, ATickerOfBeforeSaysNothingOfALaterBook) {
  make_spot();
  run->receive(
      stream_text("ADAUSDT", "bookTicker",
                  R"({"u":5,"s":"ADAUSDT","b":"9.5000","B":"1.0","a":"9.6000","A":"1.0"})"));
  ASSERT_EQ(run->book("ADAUSDT").tickers.size(), 1U);
  set(trade_only);
  set(all);
  go_live("ADAUSDT", 100);
}

// After a reconnect the URL brings what it was made with, and the difference is asked for again.
TEST_F(BinanceChannels, AReconnectEndsWithTheChannelsThatAreWanted) {
  make_spot(no_trade);
  set(trade_only);
  run->adapter().on_close(0, run->now());
  running.clear();
  opened = 0;
  open_all();
  EXPECT_EQ(count_of("@depth"), 2U);
  pass(3);
  EXPECT_EQ(count_of("@depth") + count_of("@bookTicker"), 0U);
  EXPECT_EQ(count_of("@trade"), 2U);
}

// Each connection is full of what it has: a channel more gets connections of its own.
TEST_F(BinanceChannels, AChannelThatHasNoRoomGetsAConnectionMore) {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  config.streams_max = 8;
  for (const auto* symbol : {"AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT"}) {
    config.instruments.push_back(instrument(symbol, 4, 1));
  }
  with(config, {false, true, true});
  make(std::move(config));
  ASSERT_EQ(run->adapter().connection_count(), 2U) << "four and one";
  go_live("AUSDT", 100);
  const auto before = said();
  set(all);
  EXPECT_EQ(run->adapter().connection_count(), 3U) << "the second has room";
  EXPECT_EQ(count_of("@trade"), 5U);
  EXPECT_EQ(said(), before);
  run->adapter().on_close(2, run->now());
  run->drain();
  EXPECT_EQ(said(), before) << "its end is no book's end";
  running[2].clear();
  run->adapter().on_open(2, run->now());
  pass(3);
  EXPECT_EQ(count_of("@trade"), 5U);
  set({false, true, true});
  EXPECT_EQ(count_of("@trade"), 0U);
  set(all);
  EXPECT_EQ(run->adapter().connection_count(), 3U) << "and is used again";
}

// The depth itself has no room: whose connection it gets, begins and ends its books.
TEST_F(BinanceChannels, ABookThatHasNoRoomLivesAndEndsWithItsOwnConnection) {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  config.streams_max = 2;
  config.instruments = {instrument("ADAUSDT", 4, 1)};
  with(config, no_book);
  make(std::move(config));
  set(all);
  ASSERT_EQ(run->adapter().connection_count(), 2U);
  EXPECT_EQ(running[1].size(), 1U);
  go_live("ADAUSDT", 100);
  run->receive(trade("ADAUSDT", 7));
  EXPECT_EQ(run->book("ADAUSDT").trades.size(), 1U);
  run->adapter().on_close(0, run->now());
  run->drain();
  EXPECT_EQ(run->book("ADAUSDT").state, State::Live) << "only trades came over that";
  run->adapter().on_close(1, run->now());
  run->drain();
  EXPECT_EQ(run->book("ADAUSDT").state, State::Disconnected);
}

// Of the split layout: trades were all there was, over the one path; books come over the other.
TEST_F(BinanceChannels, OfASplitLayoutTheOtherPathIsOpened) {
  auto config = BinanceConfig::for_market(BinanceMarket::UsdMargined);
  config.instruments = {instrument("ADAUSDT", 4, 1), instrument("BTCUSDT", 2, 5)};
  with(config, trade_only);
  make(std::move(config));
  ASSERT_EQ(run->adapter().connection_count(), 1U);
  EXPECT_TRUE(run->adapter().connection_path(0).starts_with("/market/"));
  set(all);
  ASSERT_EQ(run->adapter().connection_count(), 2U);
  EXPECT_EQ(run->adapter().connection_path(1), "/public/stream");
  EXPECT_EQ(running[1].size(), 4U);
  run->receive(depth("ADAUSDT", 100, 99));
  run->answer("depth?symbol=ADAUSDT",
              R"({"lastUpdateId":100,"E":1,"T":1,"bids":[["1.50","35"]],"asks":[["1.60","1"]]})");
  run->receive(depth("ADAUSDT", 101, 100));
  EXPECT_EQ(run->book("ADAUSDT").state, State::Live);
  // Who is added now is at home on the same two.
  ASSERT_TRUE(run->add("SOLUSDT"));
  pass(3);
  EXPECT_EQ(run->adapter().connection_count(), 2U);
}

TEST_F(BinanceChannels, ARemovedInstrumentIsNotAskedForByAnAddedChannel) {
  make_spot(no_trade);
  run->remove("ADAUSDT");
  set(all);
  EXPECT_EQ(count_of("adausdt"), 0U);
  EXPECT_EQ(count_of("btcusdt@trade"), 1U);
}

}  // namespace
}  // namespace ringside::collector::binance_test
