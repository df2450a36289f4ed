// kill -9 and SIGSTOP of either side at every fault point of every structure, in two processes.
#include "tests/crash/crash_matrix.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <random>
#include <regex>
#include <set>

namespace ringside::crash {
namespace {

constexpr std::uint64_t seed = 20261121;

const std::vector<Structure>& all() {
  static const std::vector<Structure> structures = crash::structures();
  return structures;
}

// Every point of every structure and side.
const std::vector<Round>& matrix() {
  static const std::vector<Round> rounds = [] {
    std::vector<Round> found;
    for (const Structure& structure : all()) {
      for (const bool writes : {true, false}) {
        for (const auto& point : points_of(structure, writes)) {
          found.push_back({&structure, writes, point, 1, SIGKILL});
        }
      }
    }
    return found;
  }();
  return rounds;
}

std::string text_of(const Round& round) {
  return round.structure->name + (round.victim_writes ? ": writer " : ": reader ") +
         (round.signal == SIGKILL ? "killed" : "stopped") + " at " + round.point + ", hit " +
         std::to_string(round.hit);
}

// Wanted of each reattachment. What it waits for a processor that others have is not its own; and
// one that takes longer all the same is played again: only one that does so every time is slow by
// itself.
constexpr std::uint64_t reattach_ns_wanted = 10'000'000;
constexpr unsigned slow_replays = 7;

struct Tally {
  std::set<std::string> reached;
  std::vector<std::uint64_t> reattach_ns, on_core_ns;
  std::string slowest;
  unsigned rounds = 0, unreached = 0, beyond_wanted = 0;

  void play(const Round& round) {
    const Outcome outcome = run(round);
    ++rounds;
    EXPECT_EQ(outcome.wrong, "") << text_of(round);
    if (outcome.reached) reached.insert(round.point);
    unreached += outcome.reached ? 0 : 1;
    if (outcome.reattach_ns == 0) return;
    if (outcome.reattach_ns >= reattach_ns_wanted) ++beyond_wanted;
    EXPECT_TRUE(outcome.on_core_ns() < reattach_ns_wanted || comes_in_time(round))
        << "reattaching is slow: " << text_of(round);
    if (reattach_ns.empty() ||
        outcome.reattach_ns > *std::max_element(reattach_ns.begin(), reattach_ns.end())) {
      slowest = text_of(round) + ", " + std::to_string(outcome.off_core_ns / 1'000) +
                " us of it without a processor";
    }
    reattach_ns.push_back(outcome.reattach_ns);
    on_core_ns.push_back(outcome.on_core_ns());
  }
  static bool comes_in_time(const Round& round) {
    for (unsigned i = 0; i < slow_replays; ++i) {
      if (run(round).on_core_ns() < reattach_ns_wanted) return true;
    }
    return false;
  }
  static void print_spread(const char* what, std::vector<std::uint64_t> ns) {
    std::sort(ns.begin(), ns.end());
    const auto us_at = [&](double share) {
      const auto last = static_cast<double>(ns.size() - 1);
      return static_cast<double>(ns[static_cast<std::size_t>(share * last)]) / 1000.0;
    };
    std::printf("  %s: %.0f us (median), %.0f us (p99), %.0f us (worst)\n", what, us_at(0.5),
                us_at(0.99), us_at(1.0));
  }
  void print() const {
    ASSERT_FALSE(reattach_ns.empty());
    std::printf("  %u rounds, %zu points, %u not reached, %u reattached later than in 10 ms\n",
                rounds, reached.size(), unreached, beyond_wanted);
    print_spread("reattached", reattach_ns);
    print_spread("without the waits for a processor", on_core_ns);
    std::printf("  slowest: %s\n", slowest.c_str());
  }
};

TEST(CrashMatrix, EitherSideFallsAtEveryPointOfEveryStructure) {
  Tally tally;
  for (std::size_t i = 0; i < matrix().size(); ++i) {
    Round round = matrix()[i];
    round.signal = i % 2 == 0 ? SIGKILL : SIGSTOP;  // the long run has both at every one
    tally.play(round);
  }
  tally.print();
}

// Points are found by looking where a process goes; this looks that it went everywhere.
TEST(CrashMatrix, EveryStoreAndEveryNamedMomentOfTheSourcesIsAPoint) {
  std::set<std::string> known;
  for (const Round& round : matrix()) known.insert(round.point);
  const std::regex store("[.>]store\\("), named("fault_point\\(\"([^\"]+)\"\\)");
  unsigned points = 0;
  for (const char* file : {"spsc_ring.hpp", "spsc_ring.cpp", "broadcast_ring.cpp", "latch.hpp",
                           "cursor.cpp", "book_table.cpp", "catalogue.cpp", "segment.cpp",
                           "segment_create.cpp", "telemetry.cpp", "histogram.hpp"}) {
    std::ifstream source(std::string(RINGSIDE_SOURCE_DIR "/ipc/") + file);
    ASSERT_TRUE(source) << file;
    std::string line;
    for (unsigned number = 1; std::getline(source, line); ++number) {
      std::smatch match;
      if (std::regex_search(line, match, named)) {
        EXPECT_TRUE(known.contains(match[1])) << match[1];
        ++points;
      } else if (std::regex_search(line, store)) {
        // The compiler may name the line on which a long call ends.
        const auto name = [&](unsigned at) { return std::string(file) + ":" + std::to_string(at); };
        EXPECT_TRUE(known.contains(name(number)) || known.contains(name(number + 1)))
            << name(number) << ": " << line;
        ++points;
      }
    }
  }
  EXPECT_GT(points, 30U);
}

TEST(CrashMatrixLong, AThousandRoundsAtRandomPoints) {
  Tally tally;
  std::mt19937_64 random(seed);
  for (const int signal : {SIGKILL, SIGSTOP}) {
    for (Round round : matrix()) {
      round.signal = signal;
      tally.play(round);
    }
  }
  // Some points come only once in a life, and a later hit of them never: such a round does not
  // count.
  while (tally.rounds - tally.unreached < 1'000) {
    Round round = matrix()[random() % matrix().size()];
    round.hit = 1 + static_cast<unsigned>(random() % 50);
    round.signal = random() % 2 == 0 ? SIGKILL : SIGSTOP;
    tally.play(round);
  }
  tally.print();
}

}  // namespace
}  // namespace ringside::crash
