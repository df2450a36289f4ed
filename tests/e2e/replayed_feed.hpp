// A recorded feed, or the beginning of one, served over TLS by the simulated exchange to the real
// collector and worker; for tests of what then stands in shared memory.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/e2e/live_view.hpp"

namespace ringside::e2e {

#define RINGSIDE_NEEDS_CAPTURES() \
  if (captures_folder().empty()) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set: no recorded feed"

// The folder of recorded captures; empty: RINGSIDE_CAPTURES is not set.
std::string captures_folder();
// The oracle's canonical dump of all final books of a set.
std::string oracle_dump(const std::string& set);

struct FeedSet {
  const char* name;
  const char* venue;
  int depth;  // Kraken: as recorded
};
inline void PrintTo(const FeedSet& set, std::ostream* out) { *out << set.name; }

struct ReplayedFeed {
  FeedSet set;
  std::string capture;  // the file
  std::vector<std::string> symbols;
  std::string speed;
  int seconds = 0;     // how long it lasts at that speed
  std::string wanted;  // the canonical dump of the final books
};

// Replays it and expects that in the end every book is live and equals what is wanted, that no
// checksum failed and nothing was damaged on the way, and that nothing is left behind.
void expect_final_books(const ReplayedFeed& feed);

}  // namespace ringside::e2e
