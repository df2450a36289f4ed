// The Kraken v1 adapter: what differs from version 2 is its texts. Then the recorded feed through
// decoder, adapter and ring into the slowest possible books, whole and with one line damaged.
#include "collector/kraken_v1.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/collector/adapter_bench.hpp"
#include "tests/collector/capture_lines.hpp"
#include "tests/collector/naive_books.hpp"

namespace ringside::collector {
namespace {

using bench::Bench;
using bench::NaiveBook;
using bench::Padded;
using bench::Seen;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::string_view xbt_snapshot =
    R"([320,{"as":[["58729.40000","0.45000000","1617666423.606671"]],)"
    R"("bs":[["58729.30000","1.00000000","1617666423.000001"]]},"book-1000","XBT/USD"])";
constexpr std::string_view dash_snapshot =
    R"([1152,{"as":[["230.021000","0.43626401","1617665289.127855"]],"bs":[]},"book-1000","DASH/EUR"])";

class KrakenV1 : public ::testing::Test {
 protected:
  void SetUp() override {
    KrakenConfig config;
    config.path = "/";
    config.depth = 1000;
    config.instruments = {{"XBT/USD", Bench::id(0), 0, false, {}, {}},
                          {"DASH/EUR", Bench::id(1), 1, false, {}, {}}};
    adapter = std::make_unique<KrakenV1Adapter>(config, bench.records, bench.host);
    adapter->on_open(0, bench.now);
    for (int i = 0; i < 10; ++i) tick();
  }
  void go_live() {
    take(R"({"channelID":1152,"channelName":"book-1000","event":"subscriptionStatus",)"
         R"("pair":"DASH/EUR","status":"subscribed","subscription":{"depth":1000,"name":"book"}})");
    take(xbt_snapshot);
    take(dash_snapshot);
    (void)bench.drain();
    bench.host.sent.clear();
  }
  void tick() {
    bench.pass(second_ns / 10);
    adapter->on_tick(bench.now);
  }
  void take(std::string_view text) { adapter->on_message(0, Padded(text).view(), bench.now); }
  std::uint64_t count(Count counter) const { return adapter->counters()[counter]; }
  std::vector<Seen> only(std::uint32_t index) {
    auto seen = bench.drain();
    for (const auto& [record, bids, asks] : seen) EXPECT_EQ(record.id(), Bench::id(index));
    return seen;
  }
  // DASH has left live, XBT shows no record more; then it comes back on the same connection.
  void expect_confined(Cause cause, Count counter) {
    EXPECT_EQ(count(counter), 1U);
    const auto seen = only(1);
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].record.cause(), cause);
    EXPECT_EQ(seen[0].record.quantity, static_cast<std::int64_t>(State::Gap));
    ASSERT_EQ(bench.host.sent.size(), 2U);
    EXPECT_EQ(bench.host.sent[0].substr(0, 30), R"({"event":"unsubscribe","reqid")");
    EXPECT_NE(bench.host.sent[1].find(R"("pair":["DASH/EUR"])"), std::string::npos);
    take(R"({"channelID":1152,"channelName":"book-1000","event":"subscriptionStatus",)"
         R"("pair":"DASH/EUR","status":"unsubscribed"})");
    take(dash_snapshot);
    const auto after = only(1);
    ASSERT_EQ(after.size(), 2U);
    EXPECT_EQ(after[1].record.kind, Kind::Snapshot);
    EXPECT_EQ(after[1].record.epoch, epoch_of(1, 2));
  }

  Bench bench{2};
  std::unique_ptr<KrakenV1Adapter> adapter;
};

TEST_F(KrakenV1, SubscribesBookTradeAndSpread) {
  ASSERT_EQ(bench.host.sent.size(), 3U);
  EXPECT_EQ(bench.host.sent[0], R"({"event":"subscribe","reqid":6,"pair":["XBT/USD","DASH/EUR"],)"
                                R"("subscription":{"name":"book","depth":1000}})");
  EXPECT_EQ(bench.host.sent[1], R"({"event":"subscribe","reqid":13,"pair":["XBT/USD","DASH/EUR"],)"
                                R"("subscription":{"name":"trade"}})");
  EXPECT_EQ(bench.host.sent[2], R"({"event":"subscribe","reqid":20,"pair":["XBT/USD","DASH/EUR"],)"
                                R"("subscription":{"name":"spread"}})");
}

TEST_F(KrakenV1, TheFirstSnapshotTellsTheExponentsAndTheDepth) {
  (void)bench.drain();
  take(xbt_snapshot);
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(InstrumentTerms::unpacked(seen[0].record.price),
            (InstrumentTerms{Exponent{-5}, Exponent{-8}, ChecksumRule::Kraken, 1000}));
  EXPECT_EQ(seen[1].asks, (std::vector<Level>{{Price{5872940000}, Quantity{45000000}}}));
  EXPECT_EQ(seen[1].record.flags, flag_first | flag_last) << "no checksum on snapshots";
  EXPECT_EQ(seen[1].record.exchange_ns, 1617666423'606671000);
}

TEST_F(KrakenV1, AnUpdateOfBothSidesIsOneMessage) {
  go_live();
  take(R"([320,{"a":[["58729.40000","0.00000000","1617666539.868687"],)"
       R"(["61800.00000","1.48600534","1617648977.752138","r"]]},)"
       R"({"b":[["56123.40000","0.06137256","1617666539.870272"]],"c":"1768150633"},)"
       R"("book-1000","XBT/USD"])");
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Levels);
  EXPECT_EQ(seen[0].bids.size(), 1U);
  EXPECT_EQ(seen[0].asks.size(), 2U);
  EXPECT_EQ(seen[0].record.reference, 1768150633U);
  EXPECT_NE(seen[0].record.flags & flag_reference_checksum, 0);
  EXPECT_EQ(seen[0].record.exchange_ns, 1617666539'870272000);
}

TEST_F(KrakenV1, TradesAndSpreadsAreRecords) {
  go_live();
  take(R"([321,[["58721.20000","0.00511839","1617666498.239644","s","m",""],)"
       R"(["58721.30000","0.00001161","1617666498.241382","b","l",""]],"trade","XBT/USD"])");
  take(R"([322,["58721.20000","58721.30000","1617666498.25","1.5","2"],"spread","XBT/USD"])");
  const auto seen = only(0);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].record.side(), Side::Ask);
  EXPECT_EQ(seen[0].record.price, 5872120000);
  EXPECT_EQ(seen[0].record.reference, 0U);
  EXPECT_EQ(seen[1].record.side(), Side::Bid);
  EXPECT_EQ(seen[2].record.kind, Kind::Bbo);
  EXPECT_EQ(seen[2].record.quantity, 150000000);
  EXPECT_EQ(seen[2].asks[0], (Level{Price{5872130000}, Quantity{200000000}}));
}

TEST_F(KrakenV1, EventsAreUnderstood) {
  go_live();
  take(R"({"event":"heartbeat"})");
  take(R"({"event":"pong","reqid":1})");
  take(R"([324,{"a":["58729.5",0,"0.1"],"b":["58729.4",4,"4.0"]},"ticker","XBT/USD"])");
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::Heartbeats), 1U);
  EXPECT_EQ(count(Count::UnknownMessage), 1U);
  take(
      R"({"connectionID":13935949241502919679,"event":"systemStatus","status":"cancel_only","version":"1.8.3"})");
  EXPECT_EQ(bench.drain().size(), 2U);
}

TEST_F(KrakenV1, ARefusedSymbolFailsAlone) {
  (void)bench.drain();
  take(R"({"errorMessage":"Currency pair not supported","event":"subscriptionStatus",)"
       R"("pair":"DASH/EUR","reqid":6,"status":"error","subscription":{"name":"book"}})");
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.cause(), Cause::SubscriptionRefused);
}

TEST_F(KrakenV1, ThatThereIsNothingToUnsubscribeFromCostsNothing) {
  // The venue never heard of the subscription: its snapshot is overdue, and asked for once more.
  adapter->on_close(0, bench.now);
  adapter->on_open(0, bench.now);
  for (int i = 0; i < 120; ++i) {
    if (i % 10 == 0) take(R"({"event":"heartbeat"})");
    tick();
  }
  (void)bench.drain();
  const std::string_view asked = bench.host.sent.back();
  ASSERT_NE(asked.find(R"("event":"subscribe")"), std::string_view::npos) << asked;
  const std::string_view ended = bench.host.sent[bench.host.sent.size() - 2];
  const auto number = ended.substr(ended.find(R"("reqid":)") + 8);
  ASSERT_NE(ended.find(R"("event":"unsubscribe")"), std::string_view::npos) << ended;
  take(R"({"errorMessage":"Subscription Not Found","event":"subscriptionStatus",)"
       R"("pair":"DASH/EUR","reqid":)" +
       std::string(number.substr(0, number.find(','))) +
       R"(,"status":"error","subscription":{"name":"book"}})");
  for (const auto& seen : bench.drain()) {
    EXPECT_NE(seen.record.quantity, static_cast<std::int64_t>(State::Failed));
  }
  EXPECT_EQ(count(Count::SubscriptionsRefused), 0U);
}

TEST_F(KrakenV1, DamageIsCountedByNameAndConfined) {
  struct Damage {
    std::string_view text;
    Cause cause;
    Count count;
  };
  const Damage damages[] = {
      {R"([1152,{"a":[["230.1","1.0","1.0"]],"c":"1"},"book-1000","DASH/EUR"]])", Cause::BadMessage,
       Count::MalformedJson},
      {R"([1152,{"a":[["230.1","1.0)", Cause::BadMessage, Count::MalformedJson},
      {R"([1152,{"a":[["230.1","1.0","1.0"]]},"book-1000","DASH/EUR"])", Cause::BadMessage,
       Count::MissingField},
      {R"([1152,{"a":[["230.1","1.0"]],"c":"1"},"book-1000","DASH/EUR"])", Cause::BadMessage,
       Count::MissingField},
      {R"([1152,{"as":[],"c":"1"},"book-1000","DASH/EUR"])", Cause::BadMessage,
       Count::MissingField},
      {R"([1152,{"a":[["230.1",1.0,"1.0"]],"c":"1"},"book-1000","DASH/EUR"])", Cause::BadMessage,
       Count::MistypedField},
      {R"([1152,{"a":[["230.1","1.0","1.0","x"]],"c":"1"},"book-1000","DASH/EUR"])",
       Cause::BadMessage, Count::MistypedField},
      {R"([1152,{"a":[["230.1","1.0","yesterday"]],"c":"1"},"book-1000","DASH/EUR"])",
       Cause::BadMessage, Count::MistypedField},
      {R"([1152,{"a":[["230.1","one","1.0"]],"c":"1"},"book-1000","DASH/EUR"])", Cause::BadMessage,
       Count::MistypedField},
      {R"([1152,{"a":[["230.1","1.0","1.0"]],"c":1},"book-1000","DASH/EUR"])", Cause::BadMessage,
       Count::MistypedField},
      {R"([1152,{"a":[],"a":[],"c":"1"},"book-1000","DASH/EUR"])", Cause::BadMessage,
       Count::RepeatedField},
      {R"([1152,{"a":[["230.1","99999999999.0","1.0"]],"c":"1"},"book-1000","DASH/EUR"])",
       Cause::NumberOverflow, Count::NumberOverflow},
      {R"([1152,{"a":[["230.1000001","1.0","1.0"]],"c":"1"},"book-1000","DASH/EUR"])",
       Cause::PrecisionChanged, Count::NumberTooFine},
      {R"([1153,[["230.1","1.0","1.0","b","m"]],"trade","DASH/EUR"])", Cause::BadMessage,
       Count::MissingField},
      // The number and the pair contradict each other: the number's instrument has lost something.
      {R"([1152,{"a":[["230.1","1.0","1.0"]],"c":"1"},"book-1000","XBT/USD"])",
       Cause::UnknownSymbol, Count::SymbolMismatch},
      {R"([1152,{"a":[["230.1","1.0","1.0"]],"c":"1"},"book-1000","ABC/USD"])",
       Cause::UnknownSymbol, Count::UnknownSymbol},
      {R"([7,{"a":[["230.1","1.0","1.0"]],"c":"1"},"book-1000","DASH/EUR"])", Cause::UnknownSymbol,
       Count::SymbolMismatch},
  };
  for (const auto& damage : damages) {
    SCOPED_TRACE(damage.text);
    bench.now = {Ticks{1'000'000}, 1'000'000};
    bench.host = {};
    SetUp();
    go_live();
    take(damage.text);
    expect_confined(damage.cause, damage.count);
  }
}

TEST_F(KrakenV1, WhatNobodyCanBeToldForIsCountedAsThat) {
  go_live();
  for (const std::string_view text : {"", "[]", "[1]", "nul", R"([7,{"a":[)", R"({"event")"}) {
    take(text);
  }
  EXPECT_TRUE(bench.drain().empty());
  EXPECT_EQ(count(Count::UnattributedDamage), 6U);
  take(R"([9,{"a":[],"c":"1"},"book-10","DOGE/USD"])");
  EXPECT_EQ(count(Count::UnknownSymbol), 1U);
}

// --- The recorded feed ---

constexpr const char* set = "kraken_v1_a";

struct Run {
  std::vector<KrakenFound> found;
  std::vector<NaiveBook> books;
  Counters counters;
  std::vector<std::string> sent;

  [[nodiscard]] std::string dump() const {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < found.size(); ++i) parts.push_back(books[i].dump(found[i].symbol));
    std::sort(parts.begin(), parts.end());
    std::string text;
    for (const auto& part : parts) text += part;
    return text;
  }
  [[nodiscard]] std::uint64_t sum(std::uint64_t NaiveBook::*field) const {
    std::uint64_t all = 0;
    for (const auto& book : books) all += book.*field;
    return all;
  }
};

Run run(const std::vector<std::string>& texts) {
  Run result;
  KrakenV1FirstPass pass;
  for (const auto& text : texts) pass.on_message(Padded(text).view());
  result.found = pass.found();
  Bench bench(result.found.size());
  KrakenConfig config;
  for (std::uint32_t i = 0; i < result.found.size(); ++i) {
    const auto& found = result.found[i];
    config.instruments.push_back(
        {found.symbol, Bench::id(i), i, true, found.price_exponent, found.quantity_exponent});
  }
  result.books.resize(result.found.size());
  KrakenV1Adapter adapter(config, bench.records, bench.host);
  adapter.on_open(0, bench.now);
  adapter.on_tick(bench.now);
  bench.host.sent.clear();  // what it subscribes to, the capture has
  for (const auto& text : texts) {
    bench.pass(1000);
    adapter.on_message(0, Padded(text).view(), bench.now);
    for (const auto& seen : bench.drain()) {
      auto& book = result.books[seen.record.id().ordinal()];
      const auto failed = book.checksums_failed;
      book.take(seen);
      if (book.checksums_failed != failed) {
        adapter.on_resync(seen.record.id(), seen.record.epoch, Cause::ChecksumFailed, bench.now);
      }
    }
  }
  for (const auto& seen : bench.drain()) result.books[seen.record.id().ordinal()].take(seen);
  result.counters = adapter.counters();
  result.sent = bench.host.sent;
  return result;
}

TEST(KrakenV1Capture, EveryChecksumIsGoodAndTheFinalBooksAreTheOracles) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto result = run(bench::received(set));
  EXPECT_EQ(result.found.size(), 5U) << "pairs of which only acknowledgements came are none";
  EXPECT_EQ(result.sum(&NaiveBook::checksums_good), 10662U);
  EXPECT_EQ(result.sum(&NaiveBook::checksums_failed), 0U);
  EXPECT_EQ(result.sum(&NaiveBook::updates), 10662U);
  EXPECT_EQ(result.sum(&NaiveBook::trades), 28U);
  EXPECT_EQ(result.counters[Count::UnattributedDamage], 0U);
  EXPECT_EQ(result.dump(), bench::oracle_dump(set));
}

TEST(KrakenV1Capture, DamageOfOneLineStaysWithItsInstrument) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto whole = bench::received(set);
  const auto at = static_cast<std::size_t>(std::find_if(whole.begin() + 3000, whole.end(),
                                                        [](const auto& text) {
                                                          return text.starts_with(
                                                              R"([1152,{"a":[["2)");  // DASH/EUR
                                                        }) -
                                           whole.begin());
  struct Damage {
    const char* name;
    std::string text;
    Count count;
    bool by_checksum;
  };
  std::string digit = whole[at];
  digit.replace(digit.find(R"([["2)"), 4, R"([["1)");
  const Damage damages[] = {
      {"a digit changed", digit, Count::Resyncs, true},
      {"cut short", whole[at].substr(0, 30), Count::MalformedJson, false},
      {"no JSON", whole[at] + "x", Count::MalformedJson, false},
  };
  for (const auto& damage : damages) {
    SCOPED_TRACE(damage.name);
    auto texts = whole;
    texts[at] = damage.text;
    const auto result = run(texts);
    EXPECT_EQ(result.counters[damage.count], 1U);
    EXPECT_EQ(result.counters[Count::Resyncs], 1U);
    EXPECT_EQ(result.sum(&NaiveBook::checksums_failed), damage.by_checksum ? 1U : 0U);
    EXPECT_EQ(result.sent.size(), 2U);
    for (std::size_t i = 0; i < result.books.size(); ++i) {
      const bool hit = result.found[i].symbol == "DASH/EUR";
      EXPECT_EQ(result.books[i].states.size(), hit ? 2U : 1U) << result.found[i].symbol;
      EXPECT_EQ(result.books[i].states.back(), hit ? State::Gap : State::Syncing);
    }
  }
}

}  // namespace
}  // namespace ringside::collector
