// Recorded feeds through the real adapter, ring and worker: every field must be what an independent
// program computed.
#include <fstream>
#include <sstream>

#include "tests/tools/verify_rig.hpp"

namespace ringside::tools::verify_test {
namespace {

using nlohmann::json;

struct Set {
  const char* name;
  const char* venue;
};

class VerifyOracle : public ::testing::TestWithParam<Set> {};

void expect_books(const json& ours, const json& oracle) {
  ASSERT_EQ(ours.size(), oracle.size());
  for (const auto& [symbol, book] : oracle.items()) {
    SCOPED_TRACE(symbol);
    ASSERT_TRUE(ours.contains(symbol));
    const auto& mine = ours[symbol];
    EXPECT_EQ(mine["state"], "live");
    for (const auto* key : {"updates", "sha256", "bbo_stream_n", "bbo_stream_sha256"}) {
      EXPECT_EQ(mine[key], book[key]) << key;
    }
    for (const auto* key : {"checksums_failed", "gaps", "resyncs"}) EXPECT_EQ(mine[key], 0) << key;
  }
}

void expect_trades(const json& ours, const json& oracle) {
  ASSERT_EQ(ours.size(), oracle.size());
  for (const auto& [symbol, totals] : oracle.items()) {
    SCOPED_TRACE(symbol);
    ASSERT_TRUE(ours.contains(symbol));
    for (const auto* key : {"n", "sum_qty", "sum_notional"}) {
      EXPECT_EQ(ours[symbol][key], totals[key]) << key;
    }
  }
}

// "| set | endpoint | recv | http | ..." of the captures' own description: how many frames and HTTP
// bodies a set holds. (The oracles' "msgs" is of the files the sets were made from: three of those
// had the snapshot in the stream, which their "snapshots_inline" says.)
struct LineCounts {
  std::uint64_t received = 0;
  std::uint64_t responses = 0;
};

LineCounts published_counts(const std::string& set) {
  std::ifstream file(captures_folder() + "/README.md");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| " + set + " |")) continue;
    std::istringstream columns(line);
    std::string endpoint;
    LineCounts counts;
    std::string bar;
    columns >> bar >> endpoint >> bar >> endpoint >> bar >> counts.received >> bar >>
        counts.responses;
    return counts;
  }
  ADD_FAILURE() << set << " is not described";
  return {};
}

TEST_P(VerifyOracle, AgreesInEveryFieldAndInTheWholeDump) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto [set, venue] = GetParam();
  const auto oracle = oracle_of(set);
  const auto verified = verify_file(venue, captures_folder() + "/" + set + ".gz");
  EXPECT_EQ(verified.status, 0) << verified.error;
  ASSERT_TRUE(verified.json.is_object());
  EXPECT_EQ(verified.json["venue"], venue);
  const auto lines = published_counts(set);
  EXPECT_EQ(verified.json["messages"], lines.received);
  EXPECT_EQ(verified.json["responses"], lines.responses);
  expect_books(verified.json["books"], oracle["books"]);
  expect_trades(verified.json["trades"], oracle["trades"]);
  EXPECT_EQ(verified.json["books_sha256"], oracle["books_sha256"]);
  EXPECT_TRUE(verified.dump == oracle_dump_of(set)) << "the dumps differ";
  std::uint64_t good = 0;
  for (const auto& [symbol, book] : verified.json["books"].items()) {
    good += book["checksums_ok"].get<std::uint64_t>();
  }
  EXPECT_EQ(good, oracle["totals"].value("crc_ok", std::uint64_t{0}));
}

INSTANTIATE_TEST_SUITE_P(Sets, VerifyOracle,
                         ::testing::Values(Set{"kraken_v1_a", "kraken-v1"},
                                           Set{"kraken_v2_btcusd_d25", "kraken"},
                                           Set{"kraken_v2_xrpusd_d25", "kraken"},
                                           Set{"binance_cm_btcusd_perp", "binance-coinm"},
                                           Set{"binance_delivery_multi", "binance-coinm"},
                                           Set{"binance_futures_multi", "binance-usdm"},
                                           Set{"binance_spot_btcusdt", "binance"},
                                           Set{"binance_spot_multi", "binance"},
                                           Set{"binance_us_multi", "binance-us"},
                                           Set{"binance_usdm_btcusdt", "binance-usdm"}),
                         [](const auto& set) { return std::string(set.param.name); });

TEST(Verify, ManyCapturesGiveAnArrayInTheirOrder) {
  RINGSIDE_NEEDS_CAPTURES();
  const e2e::Scratch scratch;
  const auto folder = captures_folder();
  const auto run =
      e2e::run(scratch, {"ringside", "verify", "--venue", "kraken", "--json",
                         folder + "/kraken_v2_xrpusd_d25.gz", folder + "/kraken_v2_btcusd_d25.gz"});
  EXPECT_EQ(run.status, 0) << run.err;
  const auto results = json::parse(run.out);
  ASSERT_TRUE(results.is_array());
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0]["books"].contains("XRP/USD"));
  EXPECT_TRUE(results[1]["books"].contains("BTC/USD"));
}

TEST(Verify, JsonCanGoToAFileBesideTheTable) {
  RINGSIDE_NEEDS_CAPTURES();
  const e2e::Scratch scratch;
  const auto file = scratch.path("result.json");
  const auto run = e2e::run(scratch, {"ringside", "verify", "--venue", "kraken", "--json=" + file,
                                      captures_folder() + "/kraken_v2_xrpusd_d25.gz"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find("XRP/USD"), std::string::npos);
  EXPECT_NE(run.out.find("1147/1147"), std::string::npos);
  std::ifstream stream(file);
  EXPECT_EQ(json::parse(stream)["books"]["XRP/USD"]["checksums_ok"], 1147);
}

TEST(Verify, TwoRunsSayTheSameToTheByte) {
  RINGSIDE_NEEDS_CAPTURES();
  const e2e::Scratch scratch;
  const std::vector<std::string> arguments{
      "ringside", "verify", "--venue",
      "binance",  "--json", captures_folder() + "/binance_spot_multi.gz"};
  EXPECT_EQ(e2e::run(scratch, arguments).out, e2e::run(scratch, arguments).out);
}

}  // namespace
}  // namespace ringside::tools::verify_test
