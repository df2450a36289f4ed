// The learned cadence: what is silence, and what is only a quiet instrument.
#include "orderbook/cadence.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

constexpr InstrumentId btc = InstrumentId::of(1, 0);
constexpr InstrumentId quiet = InstrumentId::of(1, 1);
constexpr std::uint32_t epoch = epoch_of(1, 1);
constexpr InstrumentTerms plain{Exponent{-1}, Exponent{-8}, ChecksumRule::None, 0};

WorkerOptions with_cadence() {
  WorkerOptions options;
  options.cadence = CadencePolicy{};
  return options;
}

class Staleness : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto id : {btc, quiet}) {
      script.take(terms_of(id, epoch, plain));
      script.take(levels_of(Kind::Snapshot, id, epoch, {at(100, 5)}, {at(101, 5)}));
    }
  }
  void change(InstrumentId id) {
    script.take(level_of(id, epoch, Side::Bid, at(99, static_cast<std::int64_t>(++quantity_))));
  }
  // BTC each 100 ms, the quiet one each 5 s.
  void trade(std::uint64_t seconds) {
    for (std::uint64_t i = 1; i <= seconds * 10; ++i) {
      script.tick(100);
      change(btc);
      if (i % 50 == 0) change(quiet);
    }
  }
  WorkerScript script{with_cadence()};

 private:
  std::uint64_t quantity_ = 0;
};

TEST_F(Staleness, ABusyBookThatFallsSilentIsStaleAndItsNextMessageMakesItLive) {
  trade(120);
  script.tick(9'900);
  EXPECT_EQ(script.state(btc), "live none");
  script.tick(200);
  EXPECT_EQ(script.state(btc), "stale no_data");
  EXPECT_EQ(script.state(quiet), "live none") << "this is how it always is";
  EXPECT_EQ(script.worker.counters().went_stale, 1U);
  EXPECT_TRUE(script.requests().empty());
  change(btc);
  EXPECT_EQ(script.state(btc), "live none");
  script.tick(1'000);
  EXPECT_EQ(script.state(btc), "live none");
}

TEST_F(Staleness, OneThatLastsAsksForANewSnapshotEverMoreSlowly) {
  trade(120);
  script.requests();
  script.tick(10'200);
  ASSERT_EQ(script.state(btc), "stale no_data");
  script.tick(59'700);
  EXPECT_TRUE(script.requests().empty());
  for (std::uint32_t look = 1; look <= 8; ++look) {
    script.tick(300);
    EXPECT_EQ(script.state(btc), "gap no_data");
    auto requests = script.requests();
    std::erase_if(requests, [](const auto& request) { return request.instrument != btc; });
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].cause, Cause::NoData);
    script.take(terms_of(btc, epoch + look, plain));
    script.take(levels_of(Kind::Snapshot, btc, epoch + look, {at(100, 5)}, {at(101, 5)}));
    EXPECT_EQ(script.state(btc), "live none");
    script.tick(10'200);
    EXPECT_EQ(script.state(btc), "stale no_data");
    script.tick((60'000U << std::min(look, 6U)) - 300);
    EXPECT_EQ(script.state(btc), "stale no_data");
  }
  EXPECT_GE(script.worker.counters().stale_resyncs, 8U);
  EXPECT_EQ(script.worker.counters().resync_limit_reached, 0U);
}

TEST_F(Staleness, HeartbeatsAndTradesAreNoMessagesOfTheBook) {
  trade(120);
  for (int i = 0; i < 11; ++i) {
    script.tick(1'000);
    ScriptRecord trade_record;
    trade_record.record.kind = Kind::Trade;
    trade_record.record.instrument = btc.value;
    script.take(trade_record);
    trade_record.record.kind = Kind::Heartbeat;
    script.take(trade_record);
  }
  EXPECT_EQ(script.state(btc), "stale no_data");
}

TEST_F(Staleness, NothingIsStaleBeforeItsCadenceIsKnown) {
  trade(50);
  script.tick(30'000);
  EXPECT_EQ(script.state(btc), "live none") << "fifty seconds are too few";
}

TEST_F(Staleness, AResyncTeachesNothing) {
  trade(120);
  script.take(status_of(btc, State::Gap, Cause::SequenceGap));
  script.tick(300'000);
  script.take(terms_of(btc, epoch + 1, plain));
  script.take(levels_of(Kind::Snapshot, btc, epoch + 1, {at(100, 5)}, {at(101, 5)}));
  EXPECT_EQ(script.state(btc), "live none");
  script.tick(10'200);
  EXPECT_EQ(script.state(btc), "stale no_data");
}

TEST(CadenceTest, ALongGapIsForgottenByHalfEachHalfLife) {
  const CadencePolicy policy;
  Cadence cadence;
  Ticks now{1};
  cadence.begin(now);
  now.value += 100 * second;
  cadence.message(policy, now);
  EXPECT_EQ(cadence.limit(policy), 500 * second);
  for (int i = 0; i < 600; ++i) {
    now.value += second;
    cadence.message(policy, now);
  }
  EXPECT_NEAR(static_cast<double>(cadence.limit(policy)), 250e9, 60e9);
  for (int i = 0; i < 20 * 600; ++i) {
    now.value += second;
    cadence.message(policy, now);
  }
  EXPECT_EQ(cadence.limit(policy), policy.least);
}

TEST(CadenceTest, InstrumentsOfAnyPaceAreHardlyEverStaleByChance) {
  const CadencePolicy policy;
  std::mt19937_64 random(20261121);
  unsigned overdue = 0;
  constexpr int messages = 20'000;
  for (const double mean_s : {0.01, 0.5, 3.0, 20.0, 200.0, 2'000.0}) {
    std::exponential_distribution<double> gap_s(1 / mean_s);
    Cadence cadence;
    Ticks now{1};
    cadence.begin(now);
    for (int i = 0; i < messages; ++i) {
      now.value += static_cast<std::uint64_t>(gap_s(random) * 1e9);
      overdue += cadence.overdue(policy, now) ? 1 : 0;
      cadence.message(policy, now);
    }
    EXPECT_TRUE(cadence.overdue(policy, Ticks{now.value + cadence.limit(policy) + 1}));
  }
  // Past the learning a gap of five times the longest of sixteen or more: 1 in 10^5 or rarer.
  EXPECT_LE(overdue, 6U);
}

}  // namespace
}  // namespace ringside::orderbook
