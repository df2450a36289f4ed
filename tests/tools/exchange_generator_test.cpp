// The generated market: everything it sends is replayed by a plain client, which must end up with
// the exchange's true books, message by message.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "tests/tools/exchange_rig.hpp"
#include "tools/exchange/generator.hpp"

namespace ringside::exchange {
namespace {

const std::string four = "kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD";

std::string subscribe(const std::string& symbols, unsigned depth) {
  return R"({"method":"subscribe","params":{"channel":"book","symbol":[)" + symbols +
         R"(],"depth":)" + std::to_string(depth) + "}}";
}
const std::string all_four = R"("BTC/USD","ETH/USD","SOL/USD","XRP/USD")";

struct Wanted {
  std::string spec = four + ";depth=25;rate=5000";
  std::uint64_t seed = 7;
  std::string faults{};
  unsigned depth = 25;
  std::int64_t duration_ns = 4 * test_second;
};

// One session that subscribes to all four books at once; its frames in order.
std::vector<SentFrame> frames_of(const Wanted& wanted, const std::string& truth = {}) {
  KeepingOutlet outlet;
  Exchange exchange(
      {.generate = wanted.spec, .seed = wanted.seed, .faults = wanted.faults, .truth = truth},
      outlet, test_start);
  exchange.on_open(1, "/v2", test_start);
  exchange.on_text(1, subscribe(all_four, wanted.depth), test_start);
  run(exchange, test_start, wanted.duration_ns);
  return outlet.take();
}

class TrueAtEveryDepth : public ::testing::TestWithParam<unsigned> {};

TEST_P(TrueAtEveryDepth, EveryChecksumHoldsAndEveryBookIsTheTrueOne) {
  const ScratchFile truth_file;
  const Wanted wanted{.spec = four + ";rate=5000;depth=" + std::to_string(GetParam()),
                      .depth = GetParam(),
                      // The plain client is slow on deep books.
                      .duration_ns = GetParam() > 100 ? test_second / 2 : 2 * test_second};
  const auto frames = frames_of(wanted, truth_file.path);
  PlainKrakenClient client(GetParam());
  for (const auto& sent : frames) client.on_frame(sent.text);
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  EXPECT_EQ(client.times_not_growing, 0U);
  EXPECT_EQ(client.crossed, 0U);
  EXPECT_GT(client.book_frames, GetParam() > 100 ? 1'000U : 6'000U);
  EXPECT_EQ(client.snapshots, 4U);
  EXPECT_GT(client.prices_touched_twice, 20U) << "a client must meet this";
  const auto truth = read_truth(truth_file.path);
  EXPECT_EQ(truth.size(), client.book_frames + client.snapshots) << "a line for each message";
  for (const auto& [point, hash] : client.points) {
    const auto meant = truth.find(point);
    ASSERT_NE(meant, truth.end()) << point;
    EXPECT_EQ(hash, meant->second) << point;
  }
}

INSTANTIATE_TEST_SUITE_P(Generator, TrueAtEveryDepth, ::testing::Values(10U, 25U, 100U, 1000U));

TEST(Generator, SubscribersOfDifferentDepthsAreEachToldWhatTheyNeed) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = four + ";depth=25;rate=5000"}, outlet, test_start);
  std::map<SessionId, PlainKrakenClient> clients;
  for (const unsigned depth : {10U, 25U, 100U}) {
    exchange.on_open(depth, "/v2", test_start);
    exchange.on_text(depth, subscribe(all_four, depth), test_start);
    clients.emplace(depth, depth);
  }
  run(exchange, test_start, test_second);
  for (const auto& sent : outlet.take()) clients.at(sent.session).on_frame(sent.text);
  for (const auto& [depth, client] : clients) {
    EXPECT_EQ(client.failed, std::vector<std::string>{}) << depth;
    EXPECT_GT(client.book_frames, 2'000U);
  }
  EXPECT_GT(clients.at(25).book_frames, clients.at(10).book_frames);
  for (const auto& [symbol, book] : clients.at(100).books) {
    auto shallow = book;
    shallow.truncate(10);
    EXPECT_EQ(shallow.canonical_hash(), clients.at(10).books.at(symbol).canonical_hash());
  }
}

TEST(Generator, ALateSubscriberAndOneThatComesBackGetTheBookAsItStands) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = four + ";rate=5000"}, outlet, test_start);
  UtcNs now = test_start;
  PlainKrakenClient client(25);
  const auto hear = [&] {
    for (const auto& sent : outlet.take()) client.on_frame(sent.text);
  };
  exchange.on_open(1, "/v2", now);
  exchange.on_text(1, subscribe("\"BTC/USD\"", 25), now);
  now = run(exchange, now, test_second);
  exchange.on_text(1, subscribe("\"ETH/USD\"", 25), now);
  for (int i = 0; i < 10; ++i) {
    now = run(exchange, now, test_second / 5);
    exchange.on_text(
        1,
        R"({"method":"unsubscribe","params":{"channel":"book","symbol":["ETH/USD"],"depth":25}})",
        now);
    now = run(exchange, now, test_second / 7);
    hear();
    exchange.on_text(1, subscribe("\"ETH/USD\"", 25), now);
  }
  now = run(exchange, now, test_second);
  hear();
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  EXPECT_EQ(client.snapshots, 12U);
  EXPECT_EQ(client.times_not_growing, 0U);
}

TEST(Generator, OneSeedIsOneMarketAndAnotherSeedAnother) {
  const auto texts = [](const Wanted& wanted) {
    std::vector<std::string> result;
    for (auto& sent : frames_of(wanted)) result.push_back(std::move(sent.text));
    return result;
  };
  const Wanted wanted{.duration_ns = test_second};
  const auto first = texts(wanted);
  EXPECT_EQ(first, texts(wanted));
  EXPECT_NE(first, texts({.seed = 8, .duration_ns = test_second}));
}

TEST(Generator, KeepsTheRateAndComesInBursts) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = four + ";rate=2000;burst=20"}, outlet, test_start);
  exchange.on_open(1, "/v2", test_start);
  exchange.on_text(1, subscribe(all_four, 25), test_start);
  std::vector<std::int64_t> times;
  UtcNs now = test_start;
  while (now.value < test_start.value + 20 * test_second) {
    const auto next = exchange.advance(now);
    const auto data = outlet.take();
    times.insert(
        times.end(),
        static_cast<std::size_t>(std::count_if(
            data.begin(), data.end(), [](const auto& sent) { return sent.frame == Frame::Data; })),
        now.value);
    now = std::max(next, UtcNs{now.value + 1});
  }
  const double per_second = static_cast<double>(times.size()) / 20;
  EXPECT_GT(per_second, 1'400);  // some changes are beyond the depth: no message
  EXPECT_LT(per_second, 2'400);
  std::vector<std::int64_t> gaps;
  for (std::size_t i = 1; i < times.size(); ++i) gaps.push_back(times[i] - times[i - 1]);
  std::sort(gaps.begin(), gaps.end());
  EXPECT_LT(gaps[gaps.size() / 2], 50'000) << "inside a burst: microseconds";
  EXPECT_GT(gaps[gaps.size() * 98 / 100], 2'000'000) << "between bursts: milliseconds";
}

TEST(Generator, ASlowClientDelaysTheMarketAndLosesNothing) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = four + ";rate=5000"}, outlet, test_start);
  exchange.on_open(1, "/v2", test_start);
  exchange.on_text(1, subscribe(all_four, 25), test_start);
  PlainKrakenClient client(25);
  UtcNs now = run(exchange, test_start, test_second);
  for (const auto& sent : outlet.take()) client.on_frame(sent.text);
  outlet.full = true;
  now = run(exchange, now, 2 * test_second);
  for (const auto& sent : outlet.take()) EXPECT_EQ(sent.frame, Frame::Control) << sent.text;
  outlet.full = false;
  now = run(exchange, now, test_second);
  for (const auto& sent : outlet.take()) client.on_frame(sent.text);
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  EXPECT_GT(client.book_frames, 14'000U) << "four seconds' worth: it came late, but it came";
}

TEST(Generator, StandsStillBeforeTheFirstSubscriptionAndAfterItsSeconds) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = four + ";rate=5000;seconds=1"}, outlet, test_start);
  exchange.on_open(1, "/v2", test_start);
  UtcNs now = run(exchange, test_start, 10 * test_second);
  outlet.take();
  exchange.on_text(1, subscribe(all_four, 25), now);
  PlainKrakenClient client(25);
  now = run(exchange, now, 2 * test_second);
  for (const auto& sent : outlet.take()) client.on_frame(sent.text);
  EXPECT_GT(client.book_frames, 3'000U);
  EXPECT_LT(client.book_frames, 7'000U);
  run(exchange, now, 2 * test_second);
  for (const auto& sent : outlet.take()) EXPECT_EQ(sent.text, R"({"channel":"heartbeat"})");
}

TEST(Generator, AtFullRateTheMarketNeverRests) {
  KeepingOutlet outlet;
  Exchange exchange({.generate = four + ";rate=max"}, outlet, test_start);
  exchange.on_open(1, "/v2", test_start);
  exchange.on_text(1, subscribe(all_four, 25), test_start);
  PlainKrakenClient client(25);
  for (int i = 0; i < 10; ++i) {
    const UtcNs now{test_start.value + i};
    EXPECT_EQ(exchange.advance(now), now) << "at once again";
  }
  for (const auto& sent : outlet.take()) client.on_frame(sent.text);
  EXPECT_GT(client.book_frames, 3'000U);
  EXPECT_EQ(client.failed, std::vector<std::string>{});
  EXPECT_EQ(client.times_not_growing, 0U);
}

// A corrupted message is the one that was named, and the damage shows in its own checksum.
TEST(Faults, CorruptHitsExactlyTheNamedMessage) {
  const Wanted short_run{.duration_ns = test_second / 2};
  const auto good = frames_of(short_run);
  for (const unsigned at : {1U, 2U, 17U, 400U, 401U}) {
    auto faulty = short_run;
    faulty.faults = "corrupt:ETH/USD@" + std::to_string(at);
    const auto bad = frames_of(faulty);
    ASSERT_EQ(good.size(), bad.size());
    std::vector<std::size_t> different;
    for (std::size_t i = 0; i < good.size(); ++i) {
      if (good[i].text != bad[i].text) different.push_back(i);
    }
    ASSERT_EQ(different.size(), 1U);
    PlainKrakenClient client(25);
    unsigned updates = 0;
    for (std::size_t i = 0; i <= different[0]; ++i) {
      client.on_frame(bad[i].text);
      const auto frame = nlohmann::json::parse(bad[i].text);
      updates += frame.value("channel", "") == "book" && frame.at("type") == "update" &&
                         frame.at("data").at(0).at("symbol") == "ETH/USD"
                     ? 1
                     : 0;
    }
    EXPECT_EQ(updates, at);
    EXPECT_EQ(client.failed, std::vector<std::string>{bad[different[0]].text});
  }
}

TEST(Faults, DropLeavesOutExactlyTheNamedMessage) {
  auto good = frames_of({});
  const auto bad = frames_of({.faults = "drop:XRP/USD@33"});
  ASSERT_EQ(good.size(), bad.size() + 1);
  std::size_t at = 0;
  while (at < bad.size() && good[at].text == bad[at].text) ++at;
  EXPECT_NE(good[at].text.find("XRP/USD"), std::string::npos);
  good.erase(good.begin() + static_cast<std::ptrdiff_t>(at));
  for (std::size_t i = 0; i < bad.size(); ++i) EXPECT_EQ(good[i].text, bad[i].text);
}

TEST(Faults, WhatHitsWholeConnectionsHitsThoseOpenThen) {
  struct Case {
    std::string fault;
    std::vector<Ending> endings;
    bool silent;  // the session stays, and hears nothing more
  };
  for (const auto& [fault, endings, silent] : std::vector<Case>{
           {"close@100", {Ending::Cut}, false},
           {"reset@100", {Ending::Reset}, false},
           {"half-close@100", {Ending::HalfClosed}, true},
           {"stall@100", {}, true},
       }) {
    SCOPED_TRACE(fault);
    KeepingOutlet outlet;
    Exchange exchange({.generate = four + ";rate=5000", .faults = fault}, outlet, test_start);
    exchange.on_open(1, "/v2", test_start);
    exchange.on_text(1, subscribe(all_four, 25), test_start);
    UtcNs now = run(exchange, test_start, test_second / 2);
    std::size_t data = 0;
    for (const auto& sent : outlet.take()) data += sent.frame == Frame::Data ? 1 : 0;
    EXPECT_EQ(outlet.endings, endings);
    EXPECT_EQ(outlet.closed, std::vector<SessionId>(endings.size(), 1));
    if (silent) {
      EXPECT_EQ(data, 100U);
      now = run(exchange, now, 5 * test_second);
      EXPECT_EQ(outlet.take().size(), 0U) << "not even a heartbeat";
    }
    exchange.on_open(2, "/v2", now);
    exchange.on_text(2, subscribe(all_four, 25), now);
    run(exchange, now, test_second);
    EXPECT_GT(outlet.take().size(), 1'000U) << "a new connection is served";
  }
}

TEST(Faults, ABadGrammarIsRefusedInOneLine) {
  for (const std::string text :
       {"corrupt", "corrupt:BTC/USD", "corrupt:@4", "corrupt:BTC/USD@0", "corrupt:BTC/USD@x",
        "tear:BTC/USD@1", "close@", "close@1,", ",", "drop:NOPE/USD@1"}) {
    if (text == "close@1,") continue;
    KeepingOutlet outlet;
    try {
      Exchange exchange({.generate = four, .faults = text}, outlet, test_start);
      ADD_FAILURE() << text << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find("--faults"), 0U) << error.what();
    }
  }
}

TEST(Spec, KeysAndPatternsAreRead) {
  const auto spec = parse_spec("kraken:A/USD,S#/USD*3;depth=100;rate=max;burst=5;seconds=9");
  EXPECT_EQ(spec.venue, "kraken");
  EXPECT_EQ(spec.symbols, (std::vector<std::string>{"A/USD", "S0/USD", "S1/USD", "S2/USD"}));
  EXPECT_EQ(spec.depth, 100U);
  EXPECT_EQ(spec.rate, 0U);
  EXPECT_EQ(spec.burst, 5U);
  EXPECT_EQ(spec.seconds, 9U);
  EXPECT_EQ(spec.levels, 155U);
}

TEST(Spec, AMistakeIsToldWithTheKeyAndWhatIsAllowed) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"BTC/USD", "kraken:BTC/USD"},
      {"kraken:", "no symbols"},
      {"kraken:A/USD;depht=3", "depht"},
      {"kraken:A/USD;depth=0", "from 1 to 5000"},
      {"kraken:A/USD;rate=fast", "or max"},
      {"kraken:A/USD,A/USD", "named twice"},
      {"kraken:A\"/USD", "plain name"},
      {"kraken:S/USD*3", "S#/USD*500"},
      {"kraken:A/USD;depth=25;levels=10", "below depth"}};
  for (const auto& [text, hint] : cases) {
    try {
      const auto spec = parse_spec(text);
      ADD_FAILURE() << text << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(hint), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace ringside::exchange
