// Channels that come and go while Kraken connections are up: subscriptions of that channel, and
// nothing else; no book is touched but by the book channel.
#include <algorithm>

#include "tests/collector/kraken_fixture.hpp"

namespace ringside::collector {
namespace {

constexpr Channels all{true, true, true};
constexpr Channels no_trade{false, true, true};
constexpr Channels no_book{true, false, true};

class KrakenChannels : public Kraken {
 protected:
  void SetUp() override { go_live(); }
  void set(const Channels& channels) {
    adapter->set_channels(channels, bench.now);
    tick(second_ns);
  }
  // What was sent since the last look, by the word of its channel.
  std::vector<std::string> sent() { return std::exchange(bench.host.sent, {}); }
  static std::size_t with(const std::vector<std::string>& texts, std::string_view first,
                          std::string_view second) {
    return static_cast<std::size_t>(
        std::count_if(texts.begin(), texts.end(), [&](const auto& text) {
          return text.find(first) != std::string::npos && text.find(second) != std::string::npos;
        }));
  }
  static State state_of(const Seen& seen) { return static_cast<State>(seen.record.quantity); }
  std::vector<Seen> of(std::uint32_t index) {
    auto seen = bench.drain();
    std::erase_if(seen, [&](const auto& each) { return each.record.id() != Bench::id(index); });
    return seen;
  }
};

constexpr std::string_view btc_trade =
    R"({"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":63389.0,)"
    R"("qty":0.10000000,"ord_type":"market","trade_id":7,"timestamp":"2026-08-02T03:35:51.660084Z"}]})";

TEST_F(KrakenChannels, OneThatIsRemovedIsUnsubscribedOfAllAndNoBookSaysAWord) {
  set(no_trade);
  const auto texts = sent();
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(with(texts, "\"unsubscribe\"", "\"trade\""), 1U);
  EXPECT_EQ(with(texts, "BTC/USD", "XRP/USD"), 1U);
  EXPECT_TRUE(bench.drain().empty());
  take(btc_trade);
  EXPECT_EQ(count(Count::AfterRemoval), 1U);
  EXPECT_TRUE(bench.drain().empty()) << "what still comes of it is dropped";
  take(book("update", "BTC/USD", R"({"price":63388.8,"qty":1.00000000})", ""));
  EXPECT_EQ(of(0).size(), 1U) << "and the book goes on";
}

TEST_F(KrakenChannels, OneThatIsAddedIsSubscribedOfAllAndNoBookSaysAWord) {
  set(no_trade);
  (void)sent();
  set(all);
  const auto texts = sent();
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(with(texts, "\"subscribe\"", "\"trade\""), 1U);
  EXPECT_TRUE(bench.drain().empty());
  take(btc_trade);
  const auto seen = of(0);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Trade);
  EXPECT_EQ(seen[0].record.epoch, epoch_of(1, 1)) << "of the epoch that its book has";
}

TEST_F(KrakenChannels, WhatIsSoAlreadyIsNotAskedForAgain) {
  set(all);
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(bench.drain().empty());
}

TEST_F(KrakenChannels, RemovedAndAddedInOneBreathItIsEndedBeforeItBegins) {
  adapter->set_channels(no_trade, bench.now);
  adapter->set_channels(all, bench.now);
  tick(second_ns);
  const auto texts = sent();
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_NE(texts[0].find("unsubscribe"), std::string::npos);
  EXPECT_EQ(texts[1].find("unsubscribe"), std::string::npos);
}

// The book is over for whoever looks at it, by an epoch of its own; trades go on in that.
TEST_F(KrakenChannels, ARemovedBookIsOverAndComesBackByASnapshot) {
  set(no_book);
  const auto ended = number_of("\"unsubscribe\"", "\"book\"");
  EXPECT_EQ(with(sent(), "\"unsubscribe\"", "\"book\""), 1U);
  auto seen = of(0);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(state_of(seen[0]), State::Syncing);
  EXPECT_EQ(seen[0].record.cause(), Cause::OperatorRequest);
  EXPECT_EQ(seen[1].record.kind, Kind::Instrument);
  EXPECT_EQ(seen[1].record.epoch, epoch_of(1, 2));
  take(book("update", "BTC/USD", R"({"price":63388.8,"qty":1.00000000})", ""));
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::AfterRemoval), 1U);
  take(btc_trade);
  EXPECT_EQ(of(0).back().record.epoch, epoch_of(1, 2));
  tick(30 * second_ns);
  EXPECT_EQ(with(sent(), "\"book\"", "BTC/USD"), 0U) << "nobody misses it";

  set(all);
  const auto texts = sent();
  EXPECT_EQ(with(texts, "\"subscribe\"", "\"book\""), 1U);
  EXPECT_EQ(with(texts, "\"trade\"", ""), 0U);
  take_end("BTC/USD", ended);
  take(book("snapshot", "BTC/USD", btc_bid, btc_ask));
  seen = of(0);
  EXPECT_EQ(seen.back().record.kind, Kind::Snapshot);
  EXPECT_EQ(seen.back().record.epoch, epoch_of(1, 3));
}

// A book whose snapshot does not come is asked for as any other is.
TEST_F(KrakenChannels, AnAddedBookHasADeadline) {
  set(no_book);
  (void)sent();
  set(all);
  (void)sent();
  for (int i = 0; i < 15; ++i) {
    tick(second_ns);
    take(R"({"channel":"heartbeat"})");
  }
  EXPECT_EQ(count(Count::SnapshotTimeouts), 2U);
  EXPECT_GE(with(sent(), "\"subscribe\"", "\"book\""), 1U);
}

// A book that is lost meanwhile comes back on its own, whatever waits for its turn.
TEST_F(KrakenChannels, ABookThatIsLostWhileAChannelIsAddedIsResynced) {
  set(no_trade);
  (void)sent();
  adapter->set_channels(all, bench.now);
  adapter->on_resync(Bench::id(1), epoch_of(1, 1), Cause::ChecksumFailed, bench.now);
  tick(second_ns);
  const auto texts = sent();
  EXPECT_EQ(with(texts, "\"unsubscribe\"", "XRP/USD"), 1U);
  EXPECT_EQ(with(texts, "\"subscribe\"", "\"book\""), 1U);
  EXPECT_EQ(with(texts, "\"subscribe\"", "\"trade\""), 1U);
  (void)only(1);
}

TEST_F(KrakenChannels, AReconnectSubscribesWhatIsWantedThen) {
  set(no_trade);
  adapter->on_close(0, bench.now);
  (void)sent();
  open();
  const auto texts = sent();
  EXPECT_EQ(with(texts, "\"subscribe\"", "\"trade\""), 0U);
  EXPECT_EQ(with(texts, "\"unsubscribe\"", ""), 0U);
  EXPECT_EQ(with(texts, "\"subscribe\"", "\"book\""), 1U);
}

TEST_F(KrakenChannels, ARemovedInstrumentIsNotAskedForByAnAddedChannel) {
  set(no_trade);
  adapter->remove(Bench::id(1), bench.now);
  tick(second_ns);
  (void)sent();
  set(all);
  EXPECT_EQ(with(sent(), "XRP/USD", ""), 0U);
}

}  // namespace
}  // namespace ringside::collector
