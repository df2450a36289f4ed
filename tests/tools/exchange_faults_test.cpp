// What each fault does to what the exchange sends, on virtual time: the frames with the fault are
// held against those of the same seed without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "tests/tools/exchange_rig.hpp"

namespace ringside::exchange {
namespace {

constexpr std::int64_t ms = 1'000'000;

struct Sent {
  std::vector<std::string> data, control;
};

// One client of two instruments, for so long.
class OneRun {
 public:
  OneRun(std::string venue, const std::string& faults, std::uint64_t seed = 5)
      : venue_(std::move(venue)),
        exchange_({.generate = spec(), .seed = seed, .faults = faults}, outlet, test_start) {}

  void connect(SessionId session) {
    if (venue_ == "kraken") {
      exchange_.on_open(session, "/v2", now);
      subscribe(session);
    } else {
      exchange_.on_open(session,
                        "/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms/"
                        "ethusdt@bookTicker/ethusdt@trade",
                        now);
    }
  }
  void subscribe(SessionId session) {
    for (const std::string channel : {"instrument", "book", "trade", "ticker"}) {
      exchange_.on_text(session,
                        R"({"method":"subscribe","params":{"channel":")" + channel +
                            R"(","symbol":["BTC/USD","ETH/USD"],"depth":10}})",
                        now);
    }
  }
  void go_on(std::int64_t duration_ns) { now = run(exchange_, now, duration_ns); }
  // What has been sent since the last call.
  Sent take() {
    Sent result;
    for (auto& frame : outlet.take()) {
      (frame.frame == Frame::Data ? result.data : result.control).push_back(std::move(frame.text));
    }
    return result;
  }
  [[nodiscard]] Exchange& exchange() { return exchange_; }

  KeepingOutlet outlet;
  UtcNs now = test_start;

 private:
  [[nodiscard]] std::string spec() const {
    return venue_ + (venue_ == "kraken" ? ":BTC/USD,ETH/USD" : ":BTCUSDT,ETHUSDT") +
           ";depth=10;rate=1000";
  }
  std::string venue_;
  Exchange exchange_;
};

std::vector<std::string> data_of(const std::string& venue, const std::string& faults,
                                 std::int64_t duration_ns = 3 * test_second) {
  OneRun run(venue, faults);
  run.connect(1);
  run.go_on(duration_ns);
  return run.take().data;
}

bool of_eth_book(const std::string& text) {
  return text.find("ETH") != std::string::npos && (text.starts_with(R"({"channel":"book")") ||
                                                   text.find("depthUpdate") != std::string::npos);
}

// Where the nth of those is.
std::size_t place(const std::vector<std::string>& frames, unsigned n,
                  bool (*wanted)(const std::string&)) {
  for (std::size_t at = 0; at < frames.size(); ++at) {
    if (wanted(frames[at]) && --n == 0) return at;
  }
  ADD_FAILURE() << "there are not that many";
  return 0;
}

class OfMessages : public ::testing::TestWithParam<const char*> {
 protected:
  // "BTC/USD" or as the venue has it.
  [[nodiscard]] std::string eth() const {
    return std::string(GetParam()) == "kraken" ? "ETH/USD" : "ETHUSDT";
  }
};

TEST_P(OfMessages, DuplicateSendsTheNamedMessageTwice) {
  auto good = data_of(GetParam(), {});
  const auto bad = data_of(GetParam(), "duplicate:" + eth() + "@20");
  const auto at = place(good, 20, of_eth_book);
  good.insert(good.begin() + static_cast<std::ptrdiff_t>(at), good[at]);
  EXPECT_EQ(bad, good);
}

TEST_P(OfMessages, ReorderSendsTheNamedMessageBehindTheNextOfItsKind) {
  auto good = data_of(GetParam(), {});
  const auto bad = data_of(GetParam(), "reorder:" + eth() + "@20");
  const auto at = place(good, 20, of_eth_book);
  const auto next = place(good, 21, of_eth_book);
  std::rotate(good.begin() + static_cast<std::ptrdiff_t>(at),
              good.begin() + static_cast<std::ptrdiff_t>(at) + 1,
              good.begin() + static_cast<std::ptrdiff_t>(next) + 1);
  EXPECT_EQ(bad, good);
}

TEST_P(OfMessages, DelayKeepsEveryFrameAndTheOrderOfItsKind) {
  const auto good = data_of(GetParam(), {}, 4 * test_second);
  OneRun late(GetParam(), "delay=700ms:" + eth() + "@10");
  late.connect(1);
  late.go_on(4 * test_second);
  auto bad = late.take().data;
  EXPECT_NE(bad, good);
  EXPECT_LE(bad.size(), good.size());
  const auto books = [](const std::vector<std::string>& frames) {
    std::vector<std::string> kept;
    std::copy_if(frames.begin(), frames.end(), std::back_inserter(kept), of_eth_book);
    return kept;
  };
  const auto of_good = books(good);
  const auto of_bad = books(bad);
  ASSERT_GT(of_bad.size(), 20U);
  EXPECT_TRUE(std::equal(of_bad.begin(), of_bad.end(), of_good.begin()));
}

TEST_P(OfMessages, MuteSilencesOneChannelForSoLongAndNothingElse) {
  const auto good = data_of(GetParam(), {});
  const auto bad = data_of(GetParam(), "mute:" + eth() + "@+1s~1s");
  ASSERT_LT(bad.size(), good.size());
  std::size_t at = 0, missing = 0;
  for (const auto& frame : good) {
    if (at < bad.size() && bad[at] == frame) {
      ++at;
      continue;
    }
    EXPECT_TRUE(of_eth_book(frame)) << frame;
    ++missing;
  }
  EXPECT_EQ(at, bad.size());
  EXPECT_GT(missing, 5U);
  EXPECT_TRUE(of_eth_book(bad[place(bad, 12, of_eth_book)]));
}

TEST_P(OfMessages, OfAConnectionAreCountedThere) {
  for (const unsigned connection : {1U, 2U}) {
    OneRun run(GetParam(), "drop:connection#" + std::to_string(connection) + "@20");
    run.connect(1);
    run.connect(2);
    run.go_on(2 * test_second);
    std::vector<std::vector<std::string>> heard(3);
    for (const auto& frame : run.outlet.take()) {
      if (frame.frame == Frame::Data) heard[frame.session].push_back(frame.text);
    }
    auto& whole = heard[3 - connection];
    whole.erase(whole.begin() + 19);
    EXPECT_EQ(heard[connection], whole);
  }
}

TEST_P(OfMessages, ACheckThatIsDamagedIsAnotherDigitAndNothingElse) {
  const auto good = data_of(GetParam(), {});
  const auto bad = data_of(GetParam(), "corrupt=check:" + eth() + "@20");
  ASSERT_EQ(good.size(), bad.size());
  const auto at = place(good, 20, of_eth_book);
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_EQ(good[i] == bad[i], i != at) << good[i] << "\n" << bad[i];
  }
}

INSTANTIATE_TEST_SUITE_P(ExchangeFaults, OfMessages, ::testing::Values("kraken", "binance"));

TEST(ExchangeFaults, AConnectionIsClosedWithTheCodeThatWasAskedFor) {
  OneRun run("kraken", "close=1012:connection#2@50");
  run.connect(1);
  run.connect(2);
  run.go_on(test_second);
  EXPECT_EQ(run.outlet.closed, std::vector<SessionId>{2});
  EXPECT_EQ(run.outlet.endings, std::vector{Ending::Handshake});
  EXPECT_EQ(run.outlet.codes, std::vector<std::uint16_t>{1012});
}

TEST(ExchangeFaults, AFaultOfConnectionsAimedAtAnInstrumentHitsWhoHearsIt) {
  OneRun run("binance", "reset:ETHUSDT@5");
  run.exchange().on_open(7, "/ws/btcusdt@depth@100ms", run.now);
  run.exchange().on_open(8, "/ws/ethusdt@depth@100ms", run.now);
  run.go_on(2 * test_second);
  EXPECT_EQ(run.outlet.closed, std::vector<SessionId>{8});
  EXPECT_EQ(run.outlet.endings, std::vector{Ending::Reset});
}

TEST(ExchangeFaults, AConnectionIsAnnouncedToEndAndThenEnds) {
  OneRun run("binance", "shutdown@+1s~500ms");
  run.connect(1);
  run.go_on(test_second - 20 * ms);
  EXPECT_EQ(run.take().control, std::vector<std::string>{});
  run.go_on(400 * ms);
  const auto said = run.take().control;
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].starts_with(R"({"e":"serverShutdown","E":1)")) << said[0];
  EXPECT_TRUE(run.outlet.closed.empty());
  run.go_on(200 * ms);
  EXPECT_EQ(run.outlet.endings, std::vector{Ending::Handshake});
  OneRun kraken("kraken", "shutdown@+1s");
  kraken.connect(1);
  kraken.go_on(1'050 * ms);
  const auto all = kraken.take().control;
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const std::string& text) {
                            return text.find(R"("system":"maintenance")") != std::string::npos;
                          }),
            1);
}

TEST(ExchangeFaults, AConnectionEndsWhenItIsOldAndTheNextLivesAsLong) {
  OneRun run("kraken", "life=2s");
  run.connect(1);
  run.go_on(test_second);
  run.connect(2);
  run.go_on(1'100 * ms);
  EXPECT_EQ(run.outlet.closed, std::vector<SessionId>{1});
  run.exchange().on_close(1);
  run.go_on(test_second);
  EXPECT_EQ(run.outlet.closed, (std::vector<SessionId>{1, 2}));
  EXPECT_EQ(run.outlet.codes, (std::vector<std::uint16_t>{1001, 1001}));
}

TEST(ExchangeFaults, ARestartIsAwayForSoLong) {
  OneRun run("kraken", "restart@+1s~2s");
  run.connect(1);
  run.go_on(1'100 * ms);
  EXPECT_TRUE(run.outlet.away);
  run.exchange().on_close(1);
  run.take();
  run.go_on(1'800 * ms);
  EXPECT_TRUE(run.outlet.away);
  run.go_on(200 * ms);
  EXPECT_FALSE(run.outlet.away);
  EXPECT_TRUE(run.take().data.empty()) << "no subscription survives";
  run.connect(2);
  run.go_on(test_second);
  EXPECT_GT(run.take().data.size(), 500U);
}

TEST(ExchangeFaults, ASubscriptionIsRefusedInTheVenuesOwnWords) {
  OneRun run("kraken", "refuse:ETH/USD@1,refuse:BTC/USD#trade@2");
  run.connect(1);
  std::size_t refused = 0;
  for (const auto& text : run.take().control) {
    if (text.find(R"("success":false)") == std::string::npos) continue;
    ++refused;
    EXPECT_NE(text.find("ETH/USD"), std::string::npos) << text;
  }
  EXPECT_EQ(refused, 1U);
  OneRun of_urls("binance", "refuse:ETHUSDT#bbo@2");
  const std::string target = "/stream?streams=btcusdt@trade/ethusdt@bookTicker";
  EXPECT_TRUE(of_urls.exchange().accepts(target));
  EXPECT_FALSE(of_urls.exchange().accepts(target));
  EXPECT_TRUE(of_urls.exchange().accepts(target));
  OneRun of_messages("binance", "refuse:ETHUSDT@1");
  of_messages.exchange().on_open(1, "/ws", of_messages.now);
  of_messages.exchange().on_text(1, R"({"method":"SUBSCRIBE","params":["ethusdt@depth"],"id":4})",
                                 of_messages.now);
  EXPECT_NE(of_messages.take().control.at(0).find(R"("error")"), std::string::npos);
}

TEST(ExchangeFaults, RequestsAreToldToComeLaterOrAnsweredLateOrNever) {
  OneRun run("binance", "429=7:ETHUSDT@2,delay=2s:BTCUSDT#rest@1,drop:BTCUSDT#rest@2");
  run.connect(1);
  const auto ask = [&](RequestId id, const std::string& symbol) {
    run.exchange().on_get(id, "/api/v3/depth?symbol=" + symbol + "&limit=100", run.now);
  };
  ask(11, "ETHUSDT");
  ask(12, "ETHUSDT");
  ask(13, "BTCUSDT");
  ask(14, "BTCUSDT");
  run.go_on(test_second);
  ASSERT_EQ(run.outlet.answers.size(), 2U);
  EXPECT_EQ(run.outlet.answers[0].request, 12U);
  EXPECT_EQ(run.outlet.answers[0].status, 429);
  EXPECT_EQ(run.outlet.answers[0].body, "7") << "Retry-After";
  EXPECT_EQ(run.outlet.answers[1].request, 11U);
  run.go_on(2 * test_second);
  ASSERT_EQ(run.outlet.answers.size(), 3U);
  EXPECT_EQ(run.outlet.answers[2].request, 13U);
  EXPECT_EQ(run.outlet.answers[2].status, 200);
}

TEST(ExchangeFaults, AStaleSnapshotIsTheBooksOfTheBeginningAndAWrongOneAnothers) {
  OneRun run("binance", "stale-snapshot:ETHUSDT@2,wrong-snapshot:ETHUSDT@3");
  run.connect(1);
  std::vector<std::uint64_t> ids;
  const auto ask = [&] {
    run.exchange().on_get(90 + static_cast<RequestId>(ids.size()),
                          "/api/v3/depth?symbol=ETHUSDT&limit=100", run.now);
    run.go_on(test_second);
    const auto body = nlohmann::json::parse(run.outlet.answers.back().body);
    ids.push_back(body.at("lastUpdateId"));
  };
  ask();
  ask();
  ask();
  ask();
  EXPECT_EQ(ids[1], ids[0]) << "as at the beginning";
  EXPECT_GT(ids[3], ids[0]);
  EXPECT_LT(ids[2], ids[0]) << "BTCUSDT's";
  OneRun kraken("kraken", "stale-snapshot:ETH/USD@2,wrong-snapshot:ETH/USD@3");
  std::vector<std::string> snapshots;
  for (SessionId session = 1; session <= 3; ++session) {
    kraken.connect(session);
    for (const auto& text : kraken.take().control) {
      if (text.starts_with(R"({"channel":"book","type":"snapshot","data":[{"symbol":"ETH/USD")")) {
        snapshots.push_back(text);
      }
    }
    kraken.go_on(test_second);
    kraken.take();
  }
  ASSERT_EQ(snapshots.size(), 3U);
  const auto levels = [](const std::string& text) {
    return text.substr(0, text.find(R"("timestamp")"));
  };
  EXPECT_EQ(levels(snapshots[0]), levels(snapshots[1]));
  EXPECT_NE(levels(snapshots[0]), levels(snapshots[2]));
  PlainKrakenClient client(10);
  for (const auto& text : snapshots) client.on_frame(text);
  EXPECT_TRUE(client.failed.empty()) << "each fits its own checksum";
}

TEST(ExchangeFaults, ChecksumsAreZeroForAWhile) {
  OneRun run("kraken", "checksum-zero:ETH/USD@20~1s");
  run.connect(1);
  run.go_on(3 * test_second);
  std::size_t zero = 0, after = 0;
  for (const auto& text : run.take().data) {
    if (text.find(R"("checksum":)") == std::string::npos) continue;
    const bool none = text.find(R"("checksum":0,)") != std::string::npos;
    EXPECT_TRUE(!none || of_eth_book(text)) << text;
    zero += none ? 1 : 0;
    after += !none && zero > 0 && of_eth_book(text) ? 1 : 0;
  }
  EXPECT_GT(zero, 100U);
  EXPECT_GT(after, 100U);
}

TEST(ExchangeFaults, ADelistedSymbolIsSilentAndUnknownUntilItIsListedAgain) {
  OneRun run("kraken", "delist:ETH/USD@+1s~1s");
  run.connect(1);
  run.go_on(1'100 * ms);
  const auto announced = [](const Sent& all, const std::string& text) {
    return std::any_of(all.control.begin(), all.control.end(), [&](const std::string& each) {
      return each.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(
      announced(run.take(), R"("symbol":"ETH/USD","base":"ETH","quote":"USD","status":"del)"));
  run.connect(2);
  EXPECT_TRUE(announced(run.take(), "Currency pair not supported ETH/USD"));
  run.go_on(500 * ms);
  for (const auto& text : run.take().data) EXPECT_EQ(text.find("ETH/USD"), std::string::npos);
  run.go_on(500 * ms);
  EXPECT_TRUE(
      announced(run.take(), R"("symbol":"ETH/USD","base":"ETH","quote":"USD","status":"onl)"));
}

TEST(ExchangeFaults, ASymbolIsUnknownBeforeItIsListed) {
  OneRun run("kraken", "list:ETH/USD@+1s,increments=5:BTC/USD@+2s");
  run.connect(1);
  const auto announced = [](const Sent& all, const std::string& text) {
    return std::any_of(all.control.begin(), all.control.end(), [&](const std::string& each) {
      return each.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(announced(run.take(), "Currency pair not supported ETH/USD"));
  run.go_on(1'100 * ms);
  EXPECT_TRUE(
      announced(run.take(), R"("symbol":"ETH/USD","base":"ETH","quote":"USD","status":"onl)"));
  run.go_on(1'000 * ms);
  EXPECT_TRUE(announced(run.take(), R"("price_increment":0.5,)"));
}

TEST(ExchangeFaults, ARenamedSymbolIsServedUnderItsNewNameOnlyUntilItIsGivenBack) {
  OneRun run("kraken", "rename=NEW/USD:ETH/USD@+1s~1s");
  run.connect(1);
  run.go_on(1'100 * ms);
  auto sent = run.take();
  const auto announced = [](const Sent& all, const std::string& text) {
    return std::any_of(all.control.begin(), all.control.end(), [&](const std::string& each) {
      return each.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(
      announced(sent, R"("symbol":"ETH/USD","base":"ETH","quote":"USD","status":"delisted")"));
  EXPECT_TRUE(
      announced(sent, R"("symbol":"NEW/USD","base":"NEW","quote":"USD","status":"online")"));
  run.connect(2);
  EXPECT_TRUE(announced(run.take(), "Currency pair not supported ETH/USD"));
  run.go_on(800 * ms);
  for (const auto& text : run.take().data) EXPECT_EQ(text.find("ETH/USD"), std::string::npos);
  run.go_on(500 * ms);
  sent = run.take();
  EXPECT_TRUE(
      announced(sent, R"("symbol":"ETH/USD","base":"ETH","quote":"USD","status":"online")"));
  EXPECT_TRUE(std::any_of(sent.data.begin(), sent.data.end(), of_eth_book));
}

TEST(ExchangeFaults, MoreDecimalsAreWrittenAndTheBookStaysTrue) {
  OneRun run("kraken", "precision=+2/+0:ETH/USD@50");
  PlainKrakenClient before(10), after(10);
  run.connect(1);
  run.go_on(2 * test_second);
  const auto sent = run.take();
  EXPECT_NE(std::find_if(sent.control.begin(), sent.control.end(),
                         [](const std::string& text) {
                           return text.find(R"("price_precision":4)") != std::string::npos;
                         }),
            sent.control.end());
  run.connect(2);
  run.go_on(test_second);
  for (const auto& frame : run.outlet.take()) {
    if (frame.session == 2) after.on_frame(frame.text);
  }
  EXPECT_TRUE(after.failed.empty());
  EXPECT_GT(after.book_frames, 300U);
  const auto price = nlohmann::json::parse(sent.data.back()).dump();
  EXPECT_FALSE(price.empty());
}

TEST(ExchangeFaults, WhatThisMarketCannotShowIsRefused) {
  struct Case {
    const char* venue;
    const char* faults;
    const char* why;
  };
  for (const auto& [venue, faults, why] : std::vector<Case>{
           {"binance", "checksum-zero:ETHUSDT@1", "venue 'binance' has no checksums"},
           {"kraken", "drop:NOPE/USD@1", "symbol 'NOPE/USD' is not traded here"},
           {"kraken", "rename=BTC/USD:ETH/USD@1", "'BTC/USD' is a symbol already"},
           {"kraken", "precision=+0/+4:ETH/USD@1,precision=+0/+1:ETH/USD@1,precision=+4:NO@1",
            "'NO' is not traded"},
       }) {
    try {
      OneRun run(venue, faults);
      ADD_FAILURE() << faults << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
  }
}

TEST(ExchangeFaults, WhatWasDrawnDoesTheSameWhenItIsGivenLiterally) {
  for (const std::string venue : {"kraken", "binance"}) {
    OneRun drawn(venue, "random:6", 11);
    const auto literal = drawn.exchange().faults_text();
    EXPECT_EQ(std::count(literal.begin(), literal.end(), ','), 5) << literal;
    OneRun given(venue, literal, 11);
    for (auto* run : {&drawn, &given}) {
      run->connect(1);
      run->go_on(12 * test_second);
    }
    EXPECT_EQ(drawn.take().data, given.take().data) << literal;
    EXPECT_EQ(drawn.outlet.endings, given.outlet.endings) << literal;
  }
}

}  // namespace
}  // namespace ringside::exchange
