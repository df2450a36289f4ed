// Every job over captures that are made here, in this process, so that sanitizers see its threads:
// alone and in parallel, read ahead or not, it answers alike.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"
#include "tools/ringside/job/job_captures.hpp"

namespace ringside::tools {
namespace {

constexpr unsigned captures = 5;
constexpr unsigned changes = 300;  // of each capture's book
constexpr std::int64_t begin_ns = 1'700'000'000'000'000'000;

std::string line_of(std::int64_t ns, unsigned connection, const char* kind,
                    const std::string& payload) {
  return fmt::format("{}\t{}\t{}\t{}\n", ns, connection, kind, payload);
}

// A spot feed of one instrument: a snapshot, then changes and trades around a wandering price.
std::string generated_capture(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  std::uint64_t id = 1'000;
  std::string text =
      line_of(begin_ns, 1, "open",
              "wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms/btcusdt@trade");
  const auto depth = [&](std::int64_t ns, const std::string& bid, const std::string& ask) {
    ++id;
    return line_of(ns, 1, "recv",
                   fmt::format(R"({{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate",)"
                               R"("E":{},"s":"BTCUSDT","U":{},"u":{},"b":[["{}","{}.50"]],)"
                               R"("a":[["{}","{}.25"]]}}}})",
                               ns / 1'000'000, id, id, bid, 1 + below(9), ask, 1 + below(9)));
  };
  text += depth(begin_ns + 1'000'000, "99.00", "101.00");
  text += line_of(begin_ns + 2'000'000, 0, "http",
                  fmt::format("https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000 "
                              R"({{"lastUpdateId":{},"bids":[["99.00","1.00"],["98.00","2.00"]],)"
                              R"("asks":[["101.00","1.00"],["102.00","3.00"]]}})",
                              id));
  for (unsigned i = 0; i < changes; ++i) {
    const auto ns = begin_ns + (3 + std::int64_t{i} * 50) * 1'000'000;
    text += depth(ns, fmt::format("{}.{:02}", 95 + below(5), below(100)),
                  fmt::format("{}.{:02}", 101 + below(5), below(100)));
    text += line_of(ns + 1'000'000, 1, "recv",
                    fmt::format(R"({{"stream":"btcusdt@trade","data":{{"e":"trade","E":{0},)"
                                R"("s":"BTCUSDT","t":{1},"p":"100.{2:02}","q":"0.{3:02}",)"
                                R"("T":{0},"m":{4},"M":true}}}})",
                                ns / 1'000'000, i + 1, below(100), 1 + below(90),
                                below(2) == 0 ? "true" : "false"));
  }
  return text;
}

struct NamedJob {
  const char* label;
  int (*run)(const JobArguments& arguments);
};

class JobOverGenerated : public ::testing::TestWithParam<NamedJob> {};

TEST_P(JobOverGenerated, AnswersAlikeAloneAndInParallel) {
  const e2e::Scratch scratch;
  JobArguments arguments;
  arguments.venue = "binance";
  arguments.json = scratch.path("answer.json");
  arguments.period_s = 0.5;
  arguments.bars = "time:1s";
  arguments.replace = true;
  for (unsigned i = 0; i < captures; ++i) {
    arguments.captures.push_back(
        scratch.write(fmt::format("capture{}", i), generated_capture(i + 1)));
  }
  std::string alone;
  for (const unsigned workers : {1U, 3U}) {
    for (const bool ahead : {true, false}) {
      arguments.settings.workers = workers;
      arguments.settings.read_ahead = ahead;
      arguments.settings.nice = 0;
      arguments.settings.idle = false;  // tests are waited for
      arguments.folder = scratch.path("out");
      ASSERT_EQ(GetParam().run(arguments), 0);
      std::ifstream file(arguments.json);
      const std::string answer{std::istreambuf_iterator<char>(file), {}};
      EXPECT_GT(answer.size(), 100U);
      if (alone.empty()) alone = answer;
      EXPECT_EQ(answer, alone) << workers << " workers, read ahead: " << ahead;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, JobOverGenerated,
                         ::testing::Values(NamedJob{"Verify", &run_verify_job},
                                           NamedJob{"Bars", &run_bars_job},
                                           NamedJob{"Stats", &run_stats_job},
                                           NamedJob{"Correlate", &run_correlate_job},
                                           NamedJob{"Export",
                                                    [](const JobArguments& given) {
                                                      auto dbn = given;
                                                      dbn.format = "dbn";  // a file a capture
                                                      return run_export_job(dbn);
                                                    }}),
                         [](const auto& instance) { return std::string(instance.param.label); });

}  // namespace
}  // namespace ringside::tools
