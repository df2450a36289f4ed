// Runs `ringside verify` over captures: the recorded ones as they are, or made of their lines.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"

namespace ringside::tools::verify_test {

// The folder of recorded captures; empty: RINGSIDE_CAPTURES is not set.
std::string captures_folder();

#define RINGSIDE_NEEDS_CAPTURES()                                \
  if (::ringside::tools::verify_test::captures_folder().empty()) \
  GTEST_SKIP() << "RINGSIDE_CAPTURES is not set: no recorded feed to read"

struct Line {
  std::int64_t unix_ns = 0;
  std::uint32_t connection = 0;
  std::string kind;
  std::string payload;
};
// Of a recorded set, e.g. "kraken_v2_btcusd_d25".
std::vector<Line> lines_of(const std::string& set);
std::string text_of(const std::vector<Line>& lines);
// The same connection's lines of two captures, alternating, on a time of their own: one every
// millisecond. For tests about who is not affected.
std::vector<Line> interleaved(const std::vector<Line>& a, const std::vector<Line>& b);

nlohmann::json oracle_of(const std::string& set);
std::string oracle_dump_of(const std::string& set);

struct Verified {
  int status = -1;
  nlohmann::json json;  // of the one capture
  std::string dump;
  std::string error;
};
Verified verify_file(const std::string& venue, const std::string& path);
Verified verify_text(const std::string& venue, const std::string& text);
inline Verified verify_lines(const std::string& venue, const std::vector<Line>& lines) {
  return verify_text(venue, text_of(lines));
}

}  // namespace ringside::tools::verify_test
