// What every table of mutants is checked with.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <span>
#include <vector>

#include "tests/model/checker.hpp"

namespace ringside::model {

inline constexpr std::uint64_t schedules_sound = 5'000;    // the algorithm as it is
inline constexpr std::uint64_t schedules_mutant = 20'000;  // at most, until it is caught

struct Mutant {
  const char* what;
  Scenario scenario;
  std::vector<Mutation> mutations;
};

inline void expect_sound(Scenario scenario) {
  const auto found = explore(scenario, {}, schedules_sound, model_seed());
  EXPECT_FALSE(found) << found->what << "; schedule " << found->schedules
                      << " of RINGSIDE_MODEL_SEED=" << model_seed();
}

inline void expect_caught(std::span<const Mutant> mutants) {
  for (const Mutant& mutant : mutants) {
    const auto found = explore(mutant.scenario, mutant.mutations, schedules_mutant, model_seed());
    EXPECT_TRUE(found) << mutant.what << ": not noticed in " << schedules_mutant
                       << " schedules of RINGSIDE_MODEL_SEED=" << model_seed();
    if (!found) continue;
    std::printf("  caught after %5llu schedules: %s (%s)\n",
                static_cast<unsigned long long>(found->schedules), mutant.what,
                found->what.c_str());
  }
}

// Orders of which each alone may be weaker because another net holds: weakened alone they must not
// be noticed, or the table says too little.
inline void expect_held_by_another(std::span<const Mutant> mutants) {
  for (const Mutant& mutant : mutants) {
    const auto found = explore(mutant.scenario, mutant.mutations, schedules_sound, model_seed());
    EXPECT_FALSE(found) << mutant.what << ": " << found->what;
  }
}

}  // namespace ringside::model
