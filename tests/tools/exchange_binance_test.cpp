// Binance as a client meets it: streams and commands, snapshots from REST, update ids that join,
// tickers in the same id space; generated, and replayed from recorded sets.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>

#include "tests/tools/exchange_binance_rig.hpp"

namespace ringside::exchange {
namespace {

using nlohmann::json;

struct Market {
  std::string venue;
  std::vector<std::string> symbols;
  std::string rest;
};
const std::vector<Market> markets{{"binance", {"BTCUSDT", "ETHUSDT"}, "/api/v3/"},
                                  {"binance-us", {"BTCUSDT", "ETHUSDT"}, "/api/v3/"},
                                  {"binance-usdm", {"BTCUSDT", "ETHUSDT"}, "/fapi/v1/"},
                                  {"binance-coinm", {"BTCUSD_PERP", "ETHUSD_PERP"}, "/dapi/v1/"}};

std::string spec_of(const Market& market, const std::string& keys) {
  return market.venue + ":" + market.symbols[0] + "," + market.symbols[1] + ";" + keys;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

// One connection that follows every book, asking for a snapshot at a symbol's first message.
class PlainBinanceClient {
 public:
  PlainBinanceClient(Exchange& exchange, KeepingOutlet& outlet, std::string rest)
      : exchange_(exchange), outlet_(outlet), rest_(std::move(rest)) {}

  void step(UtcNs now) {
    for (const auto& sent : outlet_.take()) on_frame(sent.text, now);
    for (const auto& answer : std::exchange(outlet_.answers, {})) {
      EXPECT_EQ(answer.status, 200) << answer.body;
      books.at(asked_.at(answer.request)).on_snapshot(json::parse(answer.body));
    }
    for (auto& [symbol, book] : books) {
      if (book.gaps > gaps_seen_[symbol]) ask(symbol, now);
      gaps_seen_[symbol] = book.gaps;
    }
  }

  void on_frame(const std::string& text, UtcNs now) {
    const auto frame = json::parse(text);
    if (frame.contains("result") || frame.contains("error")) return;
    const auto& data = frame.contains("data") ? frame.at("data") : frame;
    const std::string symbol = data.at("s");
    const std::string event = data.value("e", "bookTicker");
    ++events[event];
    auto& book = books[symbol];
    if (event == "bookTicker") return book.on_ticker(data);
    if (event != "depthUpdate") return;
    book.futures = data.contains("pu");
    book.on_depth(data);
    if (asked_symbols_.insert(symbol).second) ask(symbol, now);
  }

  void ask(const std::string& symbol, UtcNs now) {
    asked_[++last_request_] = symbol;
    exchange_.on_get(last_request_, rest_ + "depth?symbol=" + symbol + "&limit=1000", now);
  }

  std::map<std::string, PlainBinanceBook> books;
  std::map<std::string, std::size_t> events;

 private:
  Exchange& exchange_;
  KeepingOutlet& outlet_;
  std::string rest_;
  RequestId last_request_ = 0;
  std::map<RequestId, std::string> asked_;
  std::set<std::string> asked_symbols_;
  std::map<std::string, std::size_t> gaps_seen_;
};

UtcNs run_with(PlainBinanceClient& client, Exchange& exchange, UtcNs from, std::int64_t ns) {
  UtcNs now = from;
  while (now.value < from.value + ns) {
    const auto next = exchange.advance(now);
    client.step(now);
    now = std::max(next, UtcNs{now.value + 1});
  }
  return now;
}

class EachMarket : public ::testing::TestWithParam<Market> {};

TEST_P(EachMarket, GeneratedStreamsJoinItsSnapshotsAndEqualTheTruthAndTheTickers) {
  const auto& market = GetParam();
  const ScratchFile truth_file;
  std::map<std::string, PlainBinanceBook> books;
  {
    KeepingOutlet outlet;
    Exchange exchange({.generate = spec_of(market, "rate=2000;rest_ms=230"),
                       .seed = 11,
                       .truth = truth_file.path},
                      outlet, test_start);
    std::string target = "/stream?streams=";
    for (const auto& symbol : market.symbols) {
      for (const std::string suffix : {"depth@100ms", "bookTicker", "trade", "aggTrade"}) {
        target += (target.back() == '=' ? "" : "/") + lower(symbol) + "@" + suffix;
      }
    }
    ASSERT_TRUE(exchange.accepts(target));
    exchange.on_open(1, target, test_start);
    PlainBinanceClient client(exchange, outlet, market.rest);
    for (ListingIndex i = 0; i < exchange.market().size(); ++i) {
      const auto& listing = exchange.market()[i];
      auto& book = client.books[listing.symbol];
      if (listing.wire.price == 0) continue;
      book.price_padding = listing.wire.price - listing.decimals.price;
      book.quantity_padding = listing.wire.quantity - listing.decimals.quantity;
    }
    run_with(client, exchange, test_start, 6 * test_second);
    EXPECT_GT(client.events["trade"], 500U);
    EXPECT_EQ(client.events["trade"], client.events["aggTrade"]);
    EXPECT_GT(client.events["bookTicker"], 2 * client.events["trade"]) << "the measured mixture";
    books = client.books;
  }
  const auto truth = read_truth(truth_file.path);
  for (const auto& symbol : market.symbols) {
    const auto& book = books.at(symbol);
    EXPECT_EQ(book.gaps, 0U);
    EXPECT_TRUE(book.joined);
    EXPECT_GT(book.applied, 40U);
    EXPECT_EQ(book.tops_wrong, 0U);
    EXPECT_GT(book.tops_compared, 40U);
    EXPECT_GT(book.levels, book.applied * 10);
    for (const auto& [ns, hash] : book.points) {
      ASSERT_TRUE(truth.contains(symbol + " " + ns)) << symbol << " " << ns;
      EXPECT_EQ(truth.at(symbol + " " + ns), hash) << symbol << " " << ns;
    }
  }
}

TEST_P(EachMarket, ADroppedMessageIsAGapAndASnapshotHealsIt) {
  const auto& market = GetParam();
  KeepingOutlet outlet;
  Exchange exchange(
      {.generate = spec_of(market, "rate=1000"), .faults = "drop:" + market.symbols[1] + "@15"},
      outlet, test_start);
  exchange.on_open(1,
                   "/stream?streams=" + lower(market.symbols[0]) + "@depth@100ms/" +
                       lower(market.symbols[1]) + "@depth@100ms",
                   test_start);
  PlainBinanceClient client(exchange, outlet, market.rest);
  run_with(client, exchange, test_start, 4 * test_second);
  EXPECT_EQ(client.books[market.symbols[0]].gaps, 0U);
  EXPECT_EQ(client.books[market.symbols[1]].gaps, 1U);
  EXPECT_TRUE(client.books[market.symbols[1]].joined);
}

TEST_P(EachMarket, MetadataTellsTheStepsThatTheFramesUse) {
  const auto& market = GetParam();
  KeepingOutlet outlet;
  Exchange exchange({.generate = spec_of(market, "rate=1000")}, outlet, test_start);
  exchange.on_get(1, market.rest + "exchangeInfo", test_start);
  exchange.on_get(2, market.rest + "exchangeInfo?symbols=%5B%22" + market.symbols[1] + "%22%5D",
                  test_start);
  exchange.on_get(3, market.rest + "exchangeInfo?symbol=NOPE", test_start);
  exchange.on_get(4, market.rest + "depth?symbol=NOPE", test_start);
  exchange.on_get(5, market.rest + "depth", test_start);
  exchange.on_get(6, market.rest + "depth?symbol=" + market.symbols[0] + "&limit=x", test_start);
  exchange.on_get(7, market.rest + "ping", test_start);
  exchange.on_get(8, market.rest + "time", test_start);
  exchange.on_get(9, "/nothing", test_start);
  ASSERT_EQ(outlet.answers.size(), 9U);
  const auto all = json::parse(outlet.answers[0].body).at("symbols");
  EXPECT_EQ(all.size(), 2U);
  const auto one = json::parse(outlet.answers[1].body).at("symbols");
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].at("symbol"), market.symbols[1]);
  EXPECT_EQ(one[0].at("filters").at(0).at("filterType"), "PRICE_FILTER");
  EXPECT_EQ(one[0].at("filters").at(1).at("filterType"), "LOT_SIZE");
  EXPECT_EQ(json::parse(outlet.answers[2].body).at("code"), -1121);
  EXPECT_EQ(json::parse(outlet.answers[3].body).at("code"), -1121);
  EXPECT_EQ(json::parse(outlet.answers[4].body).at("code"), -1102);
  for (const std::size_t i : {2U, 3U, 4U, 5U}) EXPECT_EQ(outlet.answers[i].status, 400);
  EXPECT_EQ(outlet.answers[6].body, "{}");
  EXPECT_TRUE(json::parse(outlet.answers[7].body).contains("serverTime"));
  EXPECT_EQ(outlet.answers[8].status, 404);
}

INSTANTIATE_TEST_SUITE_P(Binance, EachMarket, ::testing::ValuesIn(markets), [](const auto& each) {
  auto name = each.param.venue;
  std::erase(name, '-');
  return name;
});

class BinanceSession : public ::testing::Test {
 protected:
  std::vector<json> ask(const std::string& text, SessionId session = 1) {
    exchange.on_text(session, text, test_start);
    std::vector<json> answers;
    for (const auto& sent : outlet.take()) answers.push_back(json::parse(sent.text));
    return answers;
  }
  KeepingOutlet outlet;
  Exchange exchange{{.generate = "binance:BTCUSDT,ETHUSDT;rate=1000"}, outlet, test_start};
};

TEST_F(BinanceSession, ServesRawAndCombinedPaths) {
  for (const std::string target : {"/ws", "/ws/btcusdt@trade", "/stream", "/stream?streams=a@b"}) {
    EXPECT_TRUE(exchange.accepts(target)) << target;
  }
  for (const std::string target : {"/", "/v2", "/wss", "/public/ws", "/streams"}) {
    EXPECT_FALSE(exchange.accepts(target)) << target;
  }
  exchange.on_open(1, "/ws/btcusdt@bookTicker", test_start);
  exchange.on_open(2, "/stream?streams=btcusdt@bookTicker", test_start);
  run(exchange, test_start, test_second);
  std::size_t raw = 0, wrapped = 0;
  for (const auto& sent : outlet.take()) {
    const auto frame = json::parse(sent.text);
    EXPECT_EQ(frame.contains("stream"), sent.session == 2);
    EXPECT_EQ(frame.value("stream", "btcusdt@bookTicker"), "btcusdt@bookTicker");
    ++(sent.session == 1 ? raw : wrapped);
  }
  EXPECT_GT(raw, 100U);
  EXPECT_EQ(raw, wrapped);
}

TEST_F(BinanceSession, CommandsAreAnsweredWithTheirId) {
  exchange.on_open(1, "/ws", test_start);
  EXPECT_EQ(ask(R"({"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","nope@trade"],"id":1})"),
            std::vector<json>{json::parse(R"({"result":null,"id":1})")});
  EXPECT_EQ(ask(R"({"method":"LIST_SUBSCRIPTIONS","id":"x"})"),
            std::vector<json>{json::parse(R"({"result":["btcusdt@depth@100ms"],"id":"x"})")});
  EXPECT_EQ(ask(R"({"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms"],"id":null})"),
            std::vector<json>{json::parse(R"({"result":null,"id":null})")});
  EXPECT_EQ(ask(R"({"method":"LIST_SUBSCRIPTIONS","id":4})").at(0).at("result").size(), 0U);
  for (const std::string text :
       {R"({"method":"SUBSCRIBE","params":"btcusdt@trade","id":7})",
        R"({"method":"SUBSCRIBE","params":[7],"id":7})", R"({"method":"DANCE","id":7})",
        R"({"id":7})", R"({"method":"SUBSCRIBE","params":[],"id":[1]})", "{", "[]", ""}) {
    const auto answers = ask(text);
    ASSERT_EQ(answers.size(), 1U) << text;
    EXPECT_TRUE(answers[0].at("error").at("code").is_number()) << text;
  }
}

TEST(BinanceFutures, ThePrefixedPathsCarryTheirOwnStreamsOnly) {
  for (const bool split : {false, true}) {
    KeepingOutlet outlet;
    Exchange exchange({.generate = "binance-usdm:BTCUSDT;rate=1000", .split_layout = split}, outlet,
                      test_start);
    const std::string streams = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@aggTrade";
    exchange.on_open(1, "/public/stream?streams=" + streams, test_start);
    exchange.on_open(2, "/market/stream?streams=" + streams, test_start);
    exchange.on_open(3, "/stream?streams=" + streams, test_start);
    run(exchange, test_start, test_second);
    std::map<SessionId, std::set<std::string>> heard;
    for (const auto& sent : outlet.take()) {
      heard[sent.session].insert(json::parse(sent.text).at("data").at("e"));
    }
    EXPECT_EQ(heard[1], (std::set<std::string>{"depthUpdate", "bookTicker"}));
    EXPECT_EQ(heard[2], (std::set<std::string>{"aggTrade"}));
    EXPECT_EQ(heard[3].size(), split ? 0U : 3U);
  }
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

// As the oracles dump: plain decimals without leading or trailing zeros.
std::string plain(std::string text) {
  text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
  if (text.empty() || text[0] == '.') text = "0" + text;
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

class RecordedBinance : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(RecordedBinance, EndsInTheOraclesBooksForAClientThatFollowsTheRecipe) {
  const char* captures = std::getenv("RINGSIDE_CAPTURES");
  if (captures == nullptr) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  const auto [set, rest] = GetParam();
  const std::string folder(captures);
  KeepingOutlet outlet;
  Exchange exchange({.replay = folder + "/" + set + ".gz", .speed = 0}, outlet, test_start);
  std::string target = "/stream?streams=";
  for (ListingIndex i = 0; i < exchange.market().size(); ++i) {
    for (const std::string suffix : {"depth@100ms", "bookTicker"}) {
      target +=
          (target.back() == '=' ? "" : "/") + lower(exchange.market()[i].symbol) + "@" + suffix;
    }
  }
  exchange.on_open(1, target, test_start);
  PlainBinanceClient client(exchange, outlet, rest);
  const auto now = run_with(client, exchange, test_start, 3 * test_second);
  std::string dump;
  for (const auto& [symbol, book] : client.books) {
    EXPECT_EQ(book.gaps, 0U) << symbol;
    for (auto at = book.bids.rbegin(); at != book.bids.rend(); ++at) {
      dump += symbol + " B " + plain(at->first) + " " + plain(at->second) + "\n";
    }
    for (const auto& [price, quantity] : book.asks) {
      dump += symbol + " A " + plain(price) + " " + plain(quantity) + "\n";
    }
  }
  EXPECT_TRUE(dump == gunzip(folder + "/oracle/" + set + ".book.txt.gz")) << "the final books";
  // A second client, after the end, gets the same books from the exchange itself.
  for (const auto& [symbol, book] : client.books) {
    exchange.on_get(9'999, rest + std::string("depth?symbol=") + symbol + "&limit=1000", now);
    ASSERT_EQ(outlet.answers.size(), 1U);
    PlainBinanceBook late;
    late.on_snapshot(json::parse(std::exchange(outlet.answers, {})[0].body));
    EXPECT_EQ(late.last_id, book.last_id);
    EXPECT_EQ(late.bids.size(), book.bids.size());
    EXPECT_TRUE(late.bids == book.bids && late.asks == book.asks) << symbol;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, RecordedBinance,
                         ::testing::Values(std::pair("binance_spot_multi", "/api/v3/"),
                                           std::pair("binance_us_multi", "/api/v3/"),
                                           std::pair("binance_futures_multi", "/fapi/v1/"),
                                           std::pair("binance_delivery_multi", "/dapi/v1/")));

TEST(RecordedBinanceStream, WaitsAtAnHttpLineUntilThatUrlHasBeenAskedFor) {
  const std::string capture =
      "1000000000\t1\topen\twss://stream.binance.com:9443/stream?streams=abcusdt@depth@100ms\n"
      "1000000000\t1\trecv\t{\"stream\":\"abcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\","
      "\"E\":1,\"s\":\"ABCUSDT\",\"U\":5,\"u\":7,\"b\":[[\"1.50\",\"2.0\"]],\"a\":[]}}\n"
      "1000000100\t0\thttp\thttps://api.binance.com/api/v3/depth?symbol=ABCUSDT&limit=1000 "
      "{\"lastUpdateId\":6,\"bids\":[[\"1.40\",\"1.0\"]],\"asks\":[[\"1.60\",\"3.0\"]]}\n"
      "1000000200\t1\trecv\t{\"stream\":\"abcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\","
      "\"E\":2,\"s\":\"ABCUSDT\",\"U\":8,\"u\":9,\"b\":[],\"a\":[[\"1.60\",\"0.0\"]]}}\n";
  const ScratchFile file(capture);
  KeepingOutlet outlet;
  Exchange exchange({.replay = file.path, .speed = 0}, outlet, test_start);
  exchange.on_open(1, "/ws/abcusdt@depth", test_start);
  auto now = run(exchange, test_start, 5 * test_second);
  ASSERT_EQ(outlet.frames.size(), 1U) << "held at the http line";
  EXPECT_EQ(json::parse(outlet.frames[0].text).at("u"), 7);
  exchange.on_get(4, "/api/v3/depth?symbol=ABCUSDT&limit=5000", now);
  EXPECT_EQ(outlet.answers.size(), 0U) << "answered when the stream gets there";
  now = run(exchange, now, test_second);
  ASSERT_EQ(outlet.answers.size(), 1U);
  EXPECT_EQ(outlet.answers[0].body,
            "{\"lastUpdateId\":6,\"bids\":[[\"1.40\",\"1.0\"]],\"asks\":[[\"1.60\",\"3.0\"]]}");
  ASSERT_EQ(outlet.frames.size(), 2U);
  exchange.on_get(5, "/api/v3/depth?symbol=ABCUSDT", now);
  ASSERT_EQ(outlet.answers.size(), 2U);
  EXPECT_EQ(json::parse(outlet.answers[1].body),
            json::parse(R"({"lastUpdateId":9,"bids":[["1.50","2.0"],["1.40","1.0"]],"asks":[]})"));
  exchange.on_get(6, "/api/v3/exchangeInfo", now);
  const auto symbol = json::parse(outlet.answers[2].body).at("symbols").at(0);
  EXPECT_EQ(symbol.at("filters").at(0).at("tickSize"), "0.10") << "the places that are needed";
}

TEST(RecordedBinanceStream, ARequestForALaterLineIsAnsweredWhileTheStreamWaitsForAnother) {
  std::string capture = "1\t1\topen\twss://stream.binance.com:9443/stream\n";
  for (const std::string symbol : {"AUSDT", "BUSDT"}) {
    capture += "1\t0\thttp\thttps://api.binance.com/api/v3/depth?symbol=" + symbol +
               "&limit=1000 {\"lastUpdateId\":6,\"bids\":[],\"asks\":[]}\n";
  }
  const ScratchFile file(capture);
  KeepingOutlet outlet;
  Exchange exchange({.replay = file.path, .speed = 0}, outlet, test_start);
  exchange.on_open(1, "/stream?streams=ausdt@depth/busdt@depth", test_start);
  exchange.on_get(1, "/api/v3/depth?symbol=BUSDT", test_start);
  EXPECT_EQ(outlet.answers.size(), 0U);
  const auto now = run(exchange, test_start, test_second / 10);
  EXPECT_EQ(outlet.answers.size(), 1U) << "or who would ask for AUSDT might wait for ever";
  exchange.on_get(2, "/api/v3/depth?symbol=AUSDT", now);
  run(exchange, now, test_second / 10);
  EXPECT_EQ(outlet.answers.size(), 2U);
}

TEST(RecordedBinanceStream, TheHoldHasADeadline) {
  const ScratchFile file(
      "1\t1\topen\twss://stream.binance.com:9443/stream\n"
      "1\t0\thttp\thttps://api.binance.com/api/v3/depth?symbol=ABCUSDT&limit=1000 "
      "{\"lastUpdateId\":6,\"bids\":[],\"asks\":[]}\n"
      "2\t1\trecv\t{\"e\":\"trade\",\"E\":2,\"s\":\"ABCUSDT\",\"p\":\"1.0\",\"q\":\"1.0\"}\n");
  KeepingOutlet outlet;
  Exchange exchange({.replay = file.path, .speed = 0}, outlet, test_start);
  exchange.on_open(1, "/ws", test_start);
  exchange.on_text(1, R"({"method":"SUBSCRIBE","params":["abcusdt@depth","abcusdt@trade"],"id":1})",
                   test_start);
  outlet.take();
  auto now = run(exchange, test_start, 29 * test_second);
  EXPECT_EQ(outlet.frames.size(), 0U);
  run(exchange, now, 2 * test_second);
  EXPECT_EQ(outlet.frames.size(), 1U);
}

}  // namespace
}  // namespace ringside::exchange
