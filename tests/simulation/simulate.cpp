// simulate: runs the simulation from the command line.
//   simulate [--venue V] [--seed S] [--runs N] [--trace]
// Exit 0: all held; 1: something did not, with the seed that shows it; 2: bad usage.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/simulation/world.hpp"

namespace {

using namespace ringside::simulation;

struct Arguments {
  std::string venue;  // empty: all
  std::uint64_t seed = 1;
  std::uint64_t runs = 1;
  bool trace = false;
};

int usage() {
  std::fprintf(stderr, "usage: simulate [--venue V] [--seed S] [--runs N] [--trace]\n");
  return 2;
}

void print_trace(std::string_view venue, std::uint64_t seed) {
  const auto outcome = run_world(make_plan(venue, seed), true);
  for (const auto& line : outcome.trace) std::printf("%s\n", line.c_str());
}

// False: one of them failed; the rest is left out.
bool run(const Arguments& arguments, std::string_view venue) {
  const auto began = std::chrono::steady_clock::now();
  Outcome sum;
  for (auto seed = arguments.seed; seed < arguments.seed + arguments.runs; ++seed) {
    const auto plan = make_plan(venue, seed);
    const auto outcome = run_world(plan);
    sum.steps += outcome.steps;
    sum.looks += outcome.looks;
    sum.losses += outcome.losses;
    sum.settle_ns = std::max(sum.settle_ns, outcome.settle_ns);
    if (arguments.trace) print_trace(venue, seed);
    if (outcome.failure.empty()) continue;
    std::printf("FAILED %s\n  %s\n", describe(plan).c_str(), outcome.failure.c_str());
    return false;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf(
      "%-14s %8llu runs  %6.1f s  %9llu steps  %9llu books compared  %7llu losses of live"
      "  settled within %.1f s\n",
      std::string(venue).c_str(), static_cast<unsigned long long>(arguments.runs), took.count(),
      static_cast<unsigned long long>(sum.steps), static_cast<unsigned long long>(sum.looks),
      static_cast<unsigned long long>(sum.losses), static_cast<double>(sum.settle_ns) / 1e9);
  return true;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const char* const value = i + 1 < count ? words[i + 1] : nullptr;
    if (word == "--trace") {
      arguments.trace = true;
      continue;
    }
    if (value == nullptr) return usage();
    if (word == "--venue") {
      arguments.venue = value;
    } else if (word == "--seed") {
      arguments.seed = std::strtoull(value, nullptr, 10);
    } else if (word == "--runs") {
      arguments.runs = std::strtoull(value, nullptr, 10);
    } else {
      return usage();
    }
    ++i;
  }
  const auto& venues = simulated_venues();
  if (!arguments.venue.empty() &&
      std::find(venues.begin(), venues.end(), arguments.venue) == venues.end()) {
    return usage();
  }
  bool good = true;
  for (const auto venue : venues) {
    if (arguments.venue.empty() || arguments.venue == venue) good = run(arguments, venue) && good;
  }
  return good ? 0 : 1;
}
