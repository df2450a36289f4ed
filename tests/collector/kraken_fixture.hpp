// What the tests of the Kraken v2 adapter share: texts as the venue sends them, and an adapter over
// a ring whose records can be looked at.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/kraken.hpp"
#include "tests/collector/adapter_bench.hpp"

namespace ringside::collector {

using bench::Bench;
using bench::Padded;
using bench::Seen;

inline constexpr std::int64_t second_ns = 1'000'000'000;

inline std::string book(
    std::string_view type, std::string_view symbol, std::string_view bids, std::string_view asks,
    std::string_view more = R"(,"checksum":7,"timestamp":"2026-08-02T03:35:51.660084Z")") {
  std::string text = R"({"channel":"book","type":")";
  text.append(type).append(R"(","data":[{"symbol":")").append(symbol);
  text.append(R"(","bids":[)").append(bids).append(R"(],"asks":[)").append(asks).append("]");
  return text.append(more).append("}]}");
}

inline constexpr std::string_view btc_bid = R"({"price":63388.7,"qty":0.25761908})";
inline constexpr std::string_view btc_ask = R"({"price":63389.0,"qty":1.00000000})";

class Kraken : public ::testing::Test {
 protected:
  void make(KrakenConfig config) {
    if (config.instruments.empty()) config.instruments = two();
    adapter = std::make_unique<KrakenAdapter>(std::move(config), bench.records, bench.host);
  }
  static std::vector<KrakenInstrument> two(bool known = true) {
    return {{"BTC/USD", Bench::id(0), 0, known, Exponent{-1}, Exponent{-8}},
            {"XRP/USD", Bench::id(1), 1, known, Exponent{-5}, Exponent{-8}}};
  }
  void open() {
    adapter->on_open(0, bench.now);
    tick(second_ns);
  }
  // Both books live.
  void go_live() {
    make({});
    open();
    take(book("snapshot", "BTC/USD", btc_bid, btc_ask));
    take(book("snapshot", "XRP/USD", R"({"price":1.08100,"qty":5.00000000})", ""));
    (void)bench.drain();
    bench.host.sent.clear();
  }
  void take(std::string_view text) {
    const Padded padded(text);
    adapter->on_message(0, padded.view(), bench.now);
  }
  // That a book's subscription has ended, in answer to the question of this number.
  void take_end(std::string_view symbol, std::uint64_t request) {
    std::string text =
        R"({"method":"unsubscribe","success":true,"result":{"channel":"book","symbol":")";
    text.append(symbol).append(R"("},"req_id":)").append(std::to_string(request));
    take(text.append(R"(,"time_in":"2026-08-02T03:35:51.660084Z"})"));
  }
  // Of the last question with these words.
  [[nodiscard]] std::uint64_t number_of(std::string_view method, std::string_view channel) const {
    std::uint64_t number = 0;
    for (const auto& text : bench.host.sent) {
      if (text.find(method) == text.npos || text.find(channel) == text.npos) continue;
      number = std::stoull(text.substr(text.find("\"req_id\":") + 9));
    }
    return number;
  }
  void tick(std::int64_t ns) {
    for (int i = 0; i < 10; ++i) {
      bench.pass(ns / 10);
      adapter->on_tick(bench.now);
    }
  }
  std::uint64_t count(Count counter) const { return adapter->counters()[counter]; }

  // All records since the last look; of the other instrument there must be none.
  std::vector<Seen> only(std::uint32_t index) {
    auto seen = bench.drain();
    for (const auto& [record, bids, asks] : seen) EXPECT_EQ(record.id(), Bench::id(index));
    return seen;
  }
  // That XRP has left live for this cause, and BTC shows no record more; then back to live.
  void expect_confined(Cause cause, Count counter) {
    EXPECT_EQ(count(counter), 1U);
    const auto seen = only(1);
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].record.kind, Kind::Status);
    EXPECT_EQ(seen[0].record.cause(), cause);
    EXPECT_EQ(seen[0].record.quantity, static_cast<std::int64_t>(State::Gap));
    ASSERT_EQ(bench.host.sent.size(), 2U) << "it resyncs, and nothing else is sent";
    for (const auto& sent : bench.host.sent) EXPECT_NE(sent.find("XRP/USD"), std::string::npos);
    EXPECT_TRUE(bench.host.reconnects.empty());
    take(
        R"({"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"XRP/USD"},"success":true})");
    take(
        R"({"method":"subscribe","result":{"channel":"book","depth":10,"symbol":"XRP/USD"},"success":true})");
    take(book("snapshot", "XRP/USD", R"({"price":1.08101,"qty":5.00000000})", ""));
    const auto after = only(1);
    ASSERT_EQ(after.size(), 2U);
    EXPECT_EQ(after[0].record.kind, Kind::Instrument);
    EXPECT_EQ(after[1].record.kind, Kind::Snapshot);
    EXPECT_EQ(after[1].record.epoch, epoch_of(1, 2));
  }

  Bench bench{3};  // one more than are configured
  std::unique_ptr<KrakenAdapter> adapter;
};

}  // namespace ringside::collector
