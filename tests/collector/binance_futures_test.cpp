// What differs on the futures, and everything before the first message: streams, layouts,
// subscriptions, exponents from exchangeInfo or from a first pass.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/collector/binance_run.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::string depth(const std::string& symbol, int previous, int first, int last,
                  const std::string& bids) {
  return R"({"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161256299,)"
         R"("T":1723161256298,"s":")" +
         symbol + R"(","U":)" + std::to_string(first) + R"(,"u":)" + std::to_string(last) +
         R"(,"pu":)" + std::to_string(previous) + R"(,"b":[)" + bids + R"(],"a":[]}})";
}
std::string snapshot(int id) {
  return R"({"lastUpdateId":)" + std::to_string(id) +
         R"(,"E":1723161257835,"T":1723161257823,"bids":[["61804.70","35"]],)"
         R"("asks":[["61804.80","1"]]})";
}

BinanceConfig usdm_config() {
  auto config = BinanceConfig::for_market(BinanceMarket::UsdMargined);
  config.instruments = {instrument("BTCUSDT", 2, 3)};
  return config;
}

TEST(BinanceFutures, TheChainIsThePreviousIdNotTheFirst) {
  Bench run(usdm_config());
  run.open();
  run.receive(depth("BTCUSDT", 90, 95, 99, ""));
  run.receive(depth("BTCUSDT", 99, 105, 110, R"(["61804.60","2"])"));
  run.answer("BTCUSDT", snapshot(107));
  EXPECT_EQ(run.books[0].state, State::Live);
  EXPECT_EQ(run.books[0].updates, 1U);
  run.receive(depth("BTCUSDT", 110, 150, 160, ""));
  EXPECT_EQ(run.books[0].state, State::Live);
  run.receive(depth("BTCUSDT", 161, 170, 180, ""));
  EXPECT_EQ(run.books[0].state, State::Gap);
  EXPECT_EQ(run.books[0].cause, Cause::SequenceGap);
}

TEST(BinanceFutures, AMessageWithoutThePreviousIdIsDamaged) {
  Bench run(usdm_config());
  run.open();
  auto text = depth("BTCUSDT", 90, 95, 99, "");
  const auto at = text.find(R"(,"pu":90)");
  run.receive(text.erase(at, 8));
  EXPECT_EQ(run.count(Count::MissingField), 1U);
}

TEST(BinanceFutures, TickersAndAggregatedTradesCarryTheirTimes) {
  Bench run(usdm_config());
  run.open();
  run.receive(R"({"stream":"btcusdt@bookTicker","data":{"u":7,"e":"bookTicker","s":"BTCUSDT",)"
              R"("ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,)"
              R"("E":1723161257476}})");
  run.receive(
      R"({"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1626992741575,"a":16599292,)"
      R"("s":"BTCUSDT","p":"1.01","q":"10","f":23961322,"l":23961322,"T":1626992741421,)"
      R"("m":false}})",
      1);
  ASSERT_EQ(run.books[0].tickers.size(), 1U);
  EXPECT_EQ(run.books[0].tickers[0].record.exchange_ns, 1723161257465'000'000);
  ASSERT_EQ(run.books[0].trades.size(), 1U);
  EXPECT_EQ(run.books[0].trades[0].reference, 16599292U);
  EXPECT_EQ(run.books[0].trades[0].side(), Side::Bid);
  EXPECT_EQ(run.books[0].trades[0].exchange_ns, 1626992741421'000'000);
}

TEST(BinanceFutures, TheMarketConnectionsEndCostsNoBook) {
  Bench run(usdm_config());
  run.open();
  run.receive(depth("BTCUSDT", 90, 95, 99, ""));
  run.answer("BTCUSDT", snapshot(97));
  run.adapter().on_close(1, run.now());
  run.drain();
  EXPECT_EQ(run.books[0].state, State::Live);
  run.adapter().on_close(0, run.now());
  run.drain();
  EXPECT_EQ(run.books[0].state, State::Disconnected);
}

TEST(BinanceFutures, EveryMarketAsksItsOwnEndpointForSnapshots) {
  const std::pair<BinanceMarket, const char*> expected[] = {
      {BinanceMarket::Spot, "/api/v3/depth?symbol=BTCUSDT&limit=5000"},
      {BinanceMarket::SpotUs, "/api/v3/depth?symbol=BTCUSDT&limit=5000"},
      {BinanceMarket::UsdMargined, "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"},
      {BinanceMarket::CoinMargined, "/dapi/v1/depth?symbol=BTCUSDT&limit=1000"}};
  for (const auto& [market, target] : expected) {
    auto config = BinanceConfig::for_market(market);
    config.instruments = {instrument("BTCUSDT", 2, 3)};
    Bench run(config);
    run.open();
    ASSERT_EQ(run.host.requests.size(), 1U);
    EXPECT_EQ(run.host.requests[0].target, target);
  }
}

// --- Streams ---

TEST(BinanceStreams, OneConnectionNamesAllStreamsInLowerCase) {
  BinanceStreamsConfig config;
  const auto plan = plan_streams(config, {instrument("BTCUSDT", 2, 3), instrument("X_PERP", 2, 3)});
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_EQ(plan[0].path,
            "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/"
            "x_perp@depth@100ms/x_perp@bookTicker/x_perp@trade");
  EXPECT_TRUE(plan[0].batches.empty());
}

TEST(BinanceStreams, TheSplitLayoutSendsTradesOverTheMarketPath) {
  BinanceStreamsConfig config;
  config.layout = BinanceLayout::PublicAndMarket;
  config.trade_kind = BinanceTrades::Aggregated;
  const auto plan = plan_streams(config, {instrument("BTCUSDT", 2, 3)});
  ASSERT_EQ(plan.size(), 2U);
  EXPECT_EQ(plan[0].path, "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker");
  EXPECT_TRUE(plan[0].begins);
  EXPECT_EQ(plan[1].path, "/market/stream?streams=btcusdt@aggTrade");
  EXPECT_FALSE(plan[1].begins);
  config.books = config.bbos = false;
  const auto trades = plan_streams(config, {instrument("BTCUSDT", 2, 3)});
  ASSERT_EQ(trades.size(), 1U);
  EXPECT_TRUE(trades[0].begins);
}

TEST(BinanceStreams, ManyInstrumentsAreSharedOutAndSubscribedByMessage) {
  BinanceStreamsConfig config;
  config.streams_max = 200;
  std::vector<BinanceInstrument> instruments;
  for (int i = 0; i < 198; ++i) {
    instruments.push_back(instrument(fmt::format("SYMBOL{}USDT", i), 2, 3));
  }
  const auto plan = plan_streams(config, instruments);
  EXPECT_EQ(plan.size(), 3U);
  std::uint32_t named = 0;
  std::uint64_t last_id = 0;
  for (const auto& connection : plan) {
    EXPECT_LE(connection.count * 3, config.streams_max);
    EXPECT_EQ(connection.path, "/stream");
    std::uint32_t in_batches = 0;
    for (const auto& batch : connection.batches) {
      EXPECT_EQ(batch.id, ++last_id);
      EXPECT_EQ(batch.first, connection.first + in_batches);
      in_batches += batch.count;
      EXPECT_LE(std::count(batch.text.begin(), batch.text.end(), '@'),
                static_cast<std::ptrdiff_t>(binance_streams_a_message * 2));
    }
    EXPECT_EQ(in_batches, connection.count);
    named += connection.count;
  }
  EXPECT_EQ(named, 198U);
}

BinanceConfig by_message(int instruments) {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  config.subscribe_by_message = true;
  for (int i = 0; i < instruments; ++i) {
    config.instruments.push_back(instrument(fmt::format("S{}", i), 2, 3));
  }
  return config;
}

TEST(BinanceStreams, SubscriptionsArePacedAcknowledgedAndSentAgain) {
  Bench run(by_message(80));
  run.open();
  ASSERT_EQ(run.host.sent.size(), 3U) << "of five a second two are left to ping and pong";
  EXPECT_EQ(run.host.sent[0].second.substr(0, 45),
            R"({"method":"SUBSCRIBE","params":["s0@depth@100)");
  run.tick(2 * second_ns);
  EXPECT_EQ(run.host.sent.size(), 3U) << "when the venue has counted them is not known";
  run.receive(R"({"result":null,"id":1})");
  run.receive(R"({"id":2,"error":{"code":2,"msg":"Invalid request"}})");
  EXPECT_EQ(run.count(Count::Acknowledgements), 1U);
  EXPECT_EQ(run.count(Count::SubscriptionsRefused), 1U);
  EXPECT_EQ(run.books[0].state, State::Syncing);
  EXPECT_EQ(run.books[20].state, State::Failed);
  EXPECT_EQ(run.books[20].cause, Cause::SubscriptionRefused);
  run.tick(second_ns);
  EXPECT_EQ(run.host.sent.size(), 3U);
  run.tick(1);
  ASSERT_EQ(run.host.sent.size(), 4U) << "a second after the answers";
  EXPECT_EQ(run.count(Count::MessagesPaced), 1U);
  run.receive(R"({"result":null,"id":4})");
  run.tick(binance_answer_within_ns - 3 * second_ns);
  ASSERT_EQ(run.host.sent.size(), 5U) << "the third was never answered";
  EXPECT_EQ(run.host.sent[4].second, run.host.sent[2].second);
}

TEST(BinanceStreams, ASnapshotIsAskedForOnceItsStreamIsAcknowledged) {
  Bench run(by_message(40));
  run.open();
  EXPECT_TRUE(run.host.requests.empty()) << "there is nothing yet that it could meet";
  run.receive(R"({"result":null,"id":2})");
  run.tick();
  EXPECT_EQ(run.host.take("symbol=S19&").id, 0U);
  EXPECT_NE(run.host.take("symbol=S20&").id, 0U);
}

// --- Exponents ---

constexpr const char* spot_info =
    R"({"timezone":"UTC","symbols":[{"symbol":"ADAUSDT","status":"TRADING","quotePrecision":8,)"
    R"("filters":[{"filterType":"PRICE_FILTER","minPrice":"0.0001","tickSize":"0.00010000"},)"
    R"({"stepSize":"0.10000000","filterType":"LOT_SIZE"},)"
    R"({"filterType":"MARKET_LOT_SIZE","stepSize":"0.00000000"}]}]})";

TEST(BinanceExponents, ComeFromTickAndStepWhenNotGiven) {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  BinanceInstrument unknown;
  unknown.symbol = "ADAUSDT";
  config.instruments = {unknown};
  Bench run(config);
  run.open();
  ASSERT_EQ(run.host.requests.size(), 1U);
  EXPECT_EQ(run.host.requests[0].target, "/api/v3/exchangeInfo?symbol=ADAUSDT");
  run.receive(R"({"u":7,"s":"ADAUSDT","b":"1.5","B":"9","a":"1.51","A":"8"})");
  EXPECT_EQ(run.books[0].tickers.size(), 0U) << "its units are not known yet";
  run.answer("exchangeInfo", spot_info);
  run.tick();
  ASSERT_EQ(run.host.requests.size(), 1U);
  EXPECT_EQ(run.host.requests[0].target, "/api/v3/depth?symbol=ADAUSDT&limit=5000");
  EXPECT_EQ(run.books[0].terms.price_exponent, Exponent{-4});
  EXPECT_EQ(run.books[0].terms.quantity_exponent, Exponent{-1});
}

TEST(BinanceExponents, OfTheFuturesAreThePrecisionWhereItIsFinerThanTheTick) {
  std::vector<std::string> found;
  const std::string body =
      R"({"symbols":[{"symbol":"BTCUSDT","contractType":"PERPETUAL","status":"TRADING",)"
      R"("pricePrecision":2,"quantityPrecision":3,"filters":[{"tickSize":"0.10",)"
      R"("filterType":"PRICE_FILTER"},{"stepSize":"0.001","filterType":"LOT_SIZE"}]},)"
      R"({"symbol":"HALF","filters":[]}]})" +
      std::string(64, ' ');
  EXPECT_TRUE(read_exchange_info(std::string_view(body).substr(0, body.size() - 64),
                                 [&](const BinanceTerms& terms) {
                                   found.emplace_back(terms.symbol);
                                   EXPECT_EQ(terms.has_exponents, terms.symbol == "BTCUSDT");
                                   if (!terms.has_exponents) return;
                                   EXPECT_EQ(terms.listing.price_exponent, Exponent{-2});
                                   EXPECT_EQ(terms.listing.quantity_exponent, Exponent{-3});
                                   EXPECT_EQ(terms.listing.price_step, 10);
                                   EXPECT_EQ(terms.listing.quantity_step, 1);
                                 }));
  EXPECT_EQ(found, (std::vector<std::string>{"BTCUSDT", "HALF"}));
}

TEST(BinanceExponents, ASymbolTheVenueDoesNotKnowIsFailedByName) {
  auto config = BinanceConfig::for_market(BinanceMarket::Spot);
  BinanceInstrument unknown;
  unknown.symbol = "NOSUCH";
  config.instruments = {unknown, instrument("ADAUSDT", 4, 1)};
  Bench run(config);
  run.open();
  run.answer("exchangeInfo", R"({"code":-1121,"msg":"Invalid symbol."})", 400);
  EXPECT_EQ(run.books[0].state, State::Failed);
  EXPECT_EQ(run.books[0].cause, Cause::UnknownSymbol);
  EXPECT_EQ(run.books[1].state, State::Syncing);
  EXPECT_EQ(run.count(Count::UnknownSymbol), 1U);
}

std::string_view padded(std::string& text) {
  text.append(64, ' ');
  return std::string_view(text).substr(0, text.size() - 64);
}

TEST(BinanceFirstPass, LearnsSymbolsAndTheDecimalsTheirNumbersNeed) {
  BinanceFirstPass pass;
  pass.on_open("wss://x/stream?streams=adausdt@depth@100ms/adausdt@trade");
  std::string body = R"({"lastUpdateId":1,"bids":[["1.50010000","10.00000000"]],"asks":[]})";
  pass.on_response("https://x/api/v3/depth?symbol=ADAUSDT&limit=1000", padded(body));
  std::string trade = R"({"stream":"adausdt@trade","data":{"e":"trade","s":"ADAUSDT",)"
                      R"("p":"1.50000000","q":"0.12500000"}})";
  pass.on_message(padded(trade));
  std::string damaged = R"({"stream":"adausdt@trade","data":{"e":"trade","s":"ADAUSDX","p":"1"}})";
  pass.on_message(padded(damaged));
  const auto found = pass.found();
  ASSERT_EQ(found.size(), 1U) << "nobody subscribed to the other";
  EXPECT_EQ(found[0].symbol, "ADAUSDT");
  EXPECT_EQ(found[0].price_exponent, Exponent{-4});
  EXPECT_EQ(found[0].quantity_exponent, Exponent{-3});
  EXPECT_TRUE(pass.has_plain_trades());
}

TEST(BinanceFirstPass, ANumberWiderThanAllOthersIsDamageAndCostsThemNothing) {
  BinanceFirstPass pass;
  for (int i = 0; i < 50; ++i) {
    std::string ticker = R"({"u":1,"s":"ADAUSDT","b":"1.5001","B":"1","a":"1.6000","A":"2"})";
    pass.on_message(padded(ticker));
  }
  std::string wide = R"({"u":1,"s":"ADAUSDT","b":"1.500100000001","B":"1","a":"1.6","A":"2"})";
  pass.on_message(padded(wide));
  EXPECT_EQ(pass.found()[0].price_exponent, Exponent{-4});
}

}  // namespace
}  // namespace ringside::collector::binance_test
