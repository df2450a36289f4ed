// Kraken's instrument channel while books are live: what it says of one instrument happens to that
// one, and what it says of all is announced.
#include "tests/collector/kraken_fixture.hpp"

namespace ringside::collector {
namespace {

std::string pair(std::string_view symbol, int decimals, std::string_view status,
                 std::string_view price_increment = "0.1") {
  return R"({"symbol":")" + std::string(symbol) + R"(","price_precision":)" +
         std::to_string(decimals) + R"(,"qty_precision":8,"price_increment":)" +
         std::string(price_increment) + R"(,"qty_increment":1e-08,"status":")" +
         std::string(status) + "\"}";
}
std::string pairs(std::string_view type, const std::vector<std::string>& entries) {
  std::string text = R"({"channel":"instrument","type":")" + std::string(type) +
                     R"(","data":{"assets":[],"pairs":[)";
  for (const auto& entry : entries) text += (text.back() == '[' ? "" : ",") + entry;
  return text + "]}}";
}
const std::string btc = pair("BTC/USD", 1, "online");
const std::string xrp = pair("XRP/USD", 5, "online", "0.00001");
const std::string doge = pair("DOGE/USD", 5, "online", "0.00001");

class KrakenListings : public Kraken {
 protected:
  void SetUp() override {
    KrakenConfig config;
    config.instruments = two(false);
    make(std::move(config));
    open();
    take(pairs("snapshot", {btc, xrp, doge}));
    tick(second_ns);
    take(book("snapshot", "BTC/USD", btc_bid, btc_ask));
    take(xrp_book);
    (void)bench.drain();
    bench.host.sent.clear();
    EXPECT_TRUE(bench.news.empty());
  }
  std::vector<std::string> news() {
    tick(second_ns / 100);
    for (auto& seen : bench.drain()) rest.push_back(std::move(seen));
    return std::exchange(bench.news, {});
  }
  // What else was written, by then.
  std::vector<Seen> others() {
    for (auto& seen : bench.drain()) rest.push_back(std::move(seen));
    return std::exchange(rest, {});
  }
  static bool is(const Seen& seen, State state, Cause cause) {
    return seen.record.kind == Kind::Status && seen.record.cause() == cause &&
           seen.record.quantity == static_cast<std::int64_t>(state);
  }
  const std::string xrp_book =
      book("snapshot", "XRP/USD", R"({"price":1.08100,"qty":5.00000000})", "");
  std::vector<Seen> rest;
};
using Names = std::vector<std::string>;

TEST_F(KrakenListings, ANewPairIsAnnouncedAndOneThatVanishesToo) {
  take(pairs("update", {pair("NEW/USD", 2, "online", "0.05")}));
  EXPECT_EQ(news(), Names{"listed kraken NEW/USD"});
  take(pairs("update", {pair("NEW/USD", 2, "maintenance", "0.05")}));
  take(pairs("update", {pair("NEW/USD", 2, "online", "0.01")}));
  EXPECT_EQ(news(), (Names{"halted kraken NEW/USD", "resumed kraken NEW/USD",
                           "increments kraken NEW/USD"}));
  take(pairs("snapshot", {btc, xrp, pair("NEW/USD", 2, "online", "0.01")}));
  EXPECT_EQ(news(), Names{"delisted kraken DOGE/USD"});
  EXPECT_TRUE(others().empty()) << "no book has heard of it";
}

TEST_F(KrakenListings, ADelistedPairHasFailedAndComesBackWithANewSnapshotOnly) {
  take(pairs("update", {pair("XRP/USD", 5, "delisted", "0.00001")}));
  EXPECT_EQ(news(), Names{"delisted kraken XRP/USD"});
  auto seen = others();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(is(seen[0], State::Failed, Cause::Delisted));
  EXPECT_EQ(seen[0].record.id(), Bench::id(1));
  take(book("update", "XRP/USD", R"({"price":1.08100,"qty":6.00000000})", ""));
  adapter->on_resync(Bench::id(1), epoch_of(1, 1), Cause::ChecksumFailed, bench.now);
  tick(20 * second_ns);
  EXPECT_EQ(count(Count::NoDataReconnects), 1U);  // nothing else came: not its fault
  bench.host.reconnects.clear();
  seen = others();
  ASSERT_EQ(seen.size(), 1U) << "the worker is told again why";
  EXPECT_TRUE(is(seen[0], State::Failed, Cause::Delisted));
  EXPECT_TRUE(bench.host.sent.empty()) << "nothing is asked for meanwhile";

  take(pairs("update", {xrp}));
  EXPECT_EQ(news(), Names{"listed kraken XRP/USD"});
  tick(second_ns);
  seen = others();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(is(seen[0], State::Syncing, Cause::Resubscribing));
  take(book("update", "XRP/USD", R"({"price":1.08100,"qty":7.00000000})", ""));
  EXPECT_TRUE(others().empty()) << "its old book is not continued";
  ASSERT_EQ(bench.host.sent.size(), 6U) << "each channel is ended, then begun";
  EXPECT_NE(bench.host.sent[0].find("unsubscribe"), std::string::npos);
  EXPECT_EQ(bench.host.sent[3].find("unsubscribe"), std::string::npos);
  take_end("XRP/USD", number_of("unsubscribe", "\"book\""));
  take(xrp_book);
  seen = others();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen[0].record.is_terms());
  EXPECT_EQ(seen[1].record.kind, Kind::Snapshot);
  EXPECT_EQ(seen[1].record.epoch, epoch_of(1, 2));
}

TEST_F(KrakenListings, ADelistedPairStaysSoOverAReconnectAndARemoval) {
  take(pairs("update", {pair("XRP/USD", 5, "delisted", "0.00001")}));
  (void)news();
  (void)others();
  adapter->on_close(0, bench.now);
  adapter->on_open(0, bench.now);
  take(pairs("snapshot", {btc, doge}));
  tick(second_ns);
  for (const auto& each : others()) {
    if (each.record.id() == Bench::id(0)) continue;
    EXPECT_TRUE(is(each, State::Failed, Cause::Delisted));
  }
  for (const auto& text : bench.host.sent) EXPECT_EQ(text.find("XRP"), std::string::npos) << text;
  adapter->remove(Bench::id(1), bench.now);
  take(pairs("update", {xrp}));
  tick(second_ns);
  auto seen = only(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(is(seen[0], State::Failed, Cause::Removed));
}

TEST_F(KrakenListings, AListThatIsDamagedMissesNobody) {
  take(pairs("snapshot", {btc, xrp, R"({"symbol":"DOGE/USD","price_precision":"x"})"}));
  EXPECT_EQ(news(), Names{});
  take(pairs("snapshot", {btc, xrp, R"({"price_precision":1})"}));
  EXPECT_EQ(news(), Names{});
  EXPECT_TRUE(others().empty());
}

TEST_F(KrakenListings, FinerIncrementsBringANewExponentANewEpochAndANewSnapshot) {
  take(pairs("update", {pair("XRP/USD", 6, "online", "0.000001")}));
  EXPECT_EQ(news(), Names{"increments kraken XRP/USD"});
  auto seen = others();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(is(seen[0], State::Gap, Cause::PrecisionChanged));
  tick(second_ns);
  EXPECT_EQ(bench.host.sent.size(), 2U);
  take(book("snapshot", "XRP/USD", R"({"price":1.081000,"qty":5.00000000})", ""));
  seen = only(1);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(InstrumentTerms::unpacked(seen[0].record.price).price_exponent, Exponent{-6});
  EXPECT_EQ(seen[1].record.epoch, epoch_of(1, 2));
}

TEST_F(KrakenListings, FewerDecimalsAreTakenFromTheFirstSnapshotBehindTheNews) {
  take(pairs("update", {pair("XRP/USD", 4, "online", "0.0001")}));
  tick(second_ns);
  take(book("snapshot", "XRP/USD", R"({"price":1.0810,"qty":5.00000000})",
            R"({"price":1.0820,"qty":5.00000000})"));
  const auto seen = only(1);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(InstrumentTerms::unpacked(seen[1].record.price).price_exponent, Exponent{-4});
}

}  // namespace
}  // namespace ringside::collector
