// The collector's and the worker's logic against a simulated exchange that misbehaves, run after
// run from a seed each. One seed alone: RINGSIDE_SIMULATION_SEED; more or fewer runs:
// RINGSIDE_SIMULATION_RUNS. `simulate --venue V --seed S --trace` tells what happened in one.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/simulation/world.hpp"

namespace ringside::simulation {
namespace {

#ifndef RINGSIDE_SIMULATION_RUNS
#define RINGSIDE_SIMULATION_RUNS 500
#endif
constexpr std::size_t trace_lines_shown = 60;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr || *text == 0 ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string story(const Plan& plan, const Outcome& outcome) {
  auto text = describe(plan) + "\n  " + outcome.failure + "\n  again: simulate --venue " +
              plan.venue + " --seed " + std::to_string(plan.seed) + " --trace\n";
  const auto lines = run_world(plan, true).trace;
  const auto shown = std::min(lines.size(), trace_lines_shown);
  for (auto i = lines.size() - shown; i < lines.size(); ++i) text += lines[i].substr(0, 200) + "\n";
  return text;
}

// Nothing happens in it.
void strip(Plan& plan) {
  plan.faults.clear();
  plan.changes.clear();
  plan.unwanted.assign(plan.symbols.size(), false);
  plan.unlisted.assign(plan.symbols.size(), false);
}

class Simulation : public ::testing::TestWithParam<std::string_view> {};
class ChecksumSimulation : public Simulation {};

TEST_P(Simulation, NoFaultMakesAWrongBookLiveAndAllBooksComeBack) {
  const auto one = from_environment("RINGSIDE_SIMULATION_SEED", 0);
  const auto first = one == 0 ? 1 : one;
  const auto runs =
      one == 0 ? from_environment("RINGSIDE_SIMULATION_RUNS", RINGSIDE_SIMULATION_RUNS) : 1;
  std::array<std::uint64_t, fault_kinds> struck{};
  std::uint64_t looks = 0;
  std::uint64_t changes = 0;
  for (auto seed = first; seed < first + runs; ++seed) {
    const auto plan = make_plan(GetParam(), seed);
    const auto outcome = run_world(plan);
    ASSERT_EQ(outcome.failure, "") << story(plan, outcome);
    looks += outcome.looks;
    changes += outcome.changes;
    for (unsigned kind = 0; kind < fault_kinds; ++kind) struck[kind] += outcome.struck[kind];
  }
  if (runs < RINGSIDE_SIMULATION_RUNS) return;
  EXPECT_GT(looks, runs * 10) << "books were hardly ever live";
  EXPECT_GT(changes, runs) << "instruments hardly ever came or went";
  // A fault that never strikes proves nothing.
  const bool kraken = is_kraken(GetParam());
  for (unsigned kind = 0; kind < fault_kinds; ++kind) {
    const auto each = static_cast<FaultKind>(kind);
    const bool of_kraken = each == FaultKind::CutAtSnapshot || each == FaultKind::Refuse;
    const bool of_rest = each >= FaultKind::RestLate && each <= FaultKind::RestGarbage;
    // Of Binance nothing is sent but over REST: the streams stand in the URL.
    const bool sends = kraken || each != FaultKind::SendFull;
    if (each == FaultKind::OracleZero) continue;
    if ((of_kraken && !kraken) || (of_rest && kraken) || !sends) continue;
    EXPECT_GT(struck[kind], 0U) << name_of(each);
  }
}

TEST_P(Simulation, ARunIsToldWhollyByItsSeed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto plan = make_plan(GetParam(), seed);
    const auto once = run_world(plan);
    const auto again = run_world(plan, true);
    EXPECT_EQ(once.hash, again.hash) << describe(plan);
    EXPECT_EQ(once.steps, again.steps);
    EXPECT_FALSE(again.trace.empty());
    EXPECT_NE(once.hash, run_world(make_plan(GetParam(), seed + 1'000'000)).hash);
  }
}

// It costs the book some seconds, is noticed once, and the book goes on.
TEST_P(ChecksumSimulation, OneThatStaysZeroIsSetAsideAndTheBookGoesOn) {
  Plan plan = make_plan(GetParam(), 1);
  strip(plan);
  plan.rate = 40;
  plan.faulty_ns = 30'000'000'000;
  Fault zero;
  zero.kind = FaultKind::OracleZero;
  zero.listing = 0;
  zero.at_ns = 1'000'000'000;
  zero.duration_ns = 600'000'000'000;  // beyond the faults' end, which ends it
  plan.faults.push_back(zero);
  const auto outcome = run_world(plan);
  ASSERT_EQ(outcome.failure, "") << story(plan, outcome);
  EXPECT_EQ(outcome.oracles_distrusted, 1U);
  EXPECT_GE(outcome.losses, 1U);
  EXPECT_LE(outcome.losses, 6U) << "once set aside it takes the book down no more";
  EXPECT_GT(outcome.struck[static_cast<unsigned>(FaultKind::OracleZero)], 100U);
}

// The connection is alive, the other books' messages go on, and nothing is missing that a sequence
// or a checksum could show.
TEST_P(Simulation, ABookWhoseChannelFallsSilentIsStaleAndTheOthersAreNot) {
  Plan plan = make_plan(GetParam(), 1);
  plan.sharded = plan.channels.trade = false;
  while (plan.symbols.size() < 2) plan.symbols = make_plan(GetParam(), ++plan.seed).symbols;
  strip(plan);
  plan.rate = 20;
  plan.tick_ns = 50'000'000;
  plan.faulty_ns = 115'000'000'000;
  Fault mute;
  mute.kind = FaultKind::Mute;
  mute.listing = 1;
  mute.at_ns = 75'000'000'000;
  mute.duration_ns = 30'000'000'000;
  plan.faults.push_back(mute);
  const auto outcome = run_world(plan);
  ASSERT_EQ(outcome.failure, "") << story(plan, outcome);
  EXPECT_EQ(outcome.went_stale[0], 0U);
  EXPECT_EQ(outcome.went_stale[1], 1U);
}

INSTANTIATE_TEST_SUITE_P(Venues, Simulation, ::testing::ValuesIn(simulated_venues()),
                         [](const auto& venue) {
                           std::string name(venue.param);
                           std::erase(name, '-');
                           return name;
                         });

INSTANTIATE_TEST_SUITE_P(Venues, ChecksumSimulation,
                         ::testing::Values(std::string_view("kraken"),
                                           std::string_view("kraken-v1")),
                         [](const auto& venue) {
                           return std::string(venue.param == "kraken" ? "kraken" : "krakenv1");
                         });

}  // namespace
}  // namespace ringside::simulation
