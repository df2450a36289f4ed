// `ringside job` over recorded feeds: each job answers the same alone and in parallel, to the byte,
// and goes on where it was stopped; `verify` as `ringside verify` does.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/tools/verify_rig.hpp"

namespace ringside::tools::verify_test {
namespace {

namespace fs = std::filesystem;
using e2e::Scratch;

using Captures = std::vector<std::string>;  // VENUE=SET
const Captures five{"kraken=kraken_v2_btcusd_d25", "kraken-v1=kraken_v1_a",
                    "kraken=kraken_v2_xrpusd_d25", "binance=binance_spot_btcusdt",
                    "binance-us=binance_us_multi"};
// Of one minute; and those whose sizes fit in 32 bits.
const Captures together{"binance=binance_spot_multi", "binance-us=binance_us_multi"};
const Captures small_sizes{"kraken=kraken_v2_btcusd_d25", "kraken=kraken_v2_xrpusd_d25",
                           "binance-us=binance_us_multi"};

struct NamedJob {
  const char* label;
  std::vector<std::string> arguments;  // the job, and its own options but --to
  Captures captures = five;
  bool writes_files = false;
};

// VENUE=PATH
std::string located(const std::string& capture) {
  const auto equals = capture.find('=');
  return capture.substr(0, equals + 1) + captures_folder() + "/" + capture.substr(equals + 1) +
         ".gz";
}

std::vector<std::string> arguments_of(const NamedJob& job, const Scratch& scratch,
                                      std::vector<std::string> more) {
  std::vector<std::string> arguments{"ringside", "job"};
  arguments.insert(arguments.end(), job.arguments.begin(), job.arguments.end());
  if (job.writes_files) {
    arguments.insert(arguments.end(), {"--replace", "--to", scratch.path("out")});
  }
  arguments.insert(arguments.end(),
                   {"--json", "--nice", "0", "--no-idle", "--state=" + scratch.path("state")});
  arguments.insert(arguments.end(), more.begin(), more.end());
  for (const auto& capture : job.captures) arguments.push_back(located(capture));
  return arguments;
}

e2e::Finished run(const NamedJob& job, const Scratch& scratch, std::vector<std::string> more) {
  return e2e::run(scratch, arguments_of(job, scratch, std::move(more)));
}

std::map<std::string, std::string> files_under(const fs::path& folder) {
  std::map<std::string, std::string> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[fs::relative(entry.path(), folder).string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return files;
}

class JobOverCaptures : public ::testing::TestWithParam<NamedJob> {};

TEST_P(JobOverCaptures, AnswersAlikeAloneAndInParallel) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto& job = GetParam();
  const Scratch scratch;
  const auto alone = run(job, scratch, {"--workers", "1"});
  const auto files = files_under(scratch.path("out"));
  EXPECT_EQ(alone.status, 0) << alone.err;
  EXPECT_FALSE(nlohmann::json::parse(alone.out).empty());
  EXPECT_EQ(files.empty(), !job.writes_files);
  for (const auto& others : {std::vector<std::string>{"--workers", "3"},
                             std::vector<std::string>{"--workers", "2", "--no-stealing"}}) {
    const auto shared = run(job, scratch, others);
    EXPECT_EQ(shared.status, 0) << shared.err;
    EXPECT_EQ(shared.out, alone.out);
    EXPECT_EQ(files_under(scratch.path("out")), files);
    // One line an item and one at the end, none of them a bar.
    EXPECT_EQ(std::count(shared.err.begin(), shared.err.end(), '\n'),
              static_cast<std::ptrdiff_t>(job.captures.size() + 1))
        << shared.err;
  }
  EXPECT_TRUE(fs::is_empty(scratch.path("state"))) << "complete: nothing to go on from";
}

constexpr std::uintmax_t header_bytes = 15 + 64 + 1;  // a fingerprint is 64 digits

std::uintmax_t journal_bytes(const fs::path& folder) {
  std::error_code gone;  // not yet there, or already complete
  for (const auto& entry : fs::directory_iterator(folder, gone)) return entry.file_size(gone);
  return 0;
}

// Stopped as by Ctrl-C once the first item is done.
TEST_P(JobOverCaptures, GoesOnWhereItWasStopped) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto& job = GetParam();
  const Scratch scratch;
  const auto whole = run(job, scratch, {"--workers", "1"});
  const auto error_file = scratch.path("stderr");
  {
    e2e::Process process({arguments_of(job, scratch, {"--workers", "1"}),
                          {{"RINGSIDE_SHM_ROOT", scratch.shm_root()}},
                          error_file});
    while (journal_bytes(scratch.path("state")) <= header_bytes) {
      if (process.wait(e2e::milliseconds{1})) break;
    }
    process.signal_group(SIGINT);
    const auto status = process.wait(e2e::milliseconds{60'000});
    ASSERT_TRUE(status);
    // Had it been quicker than the signal, there would be nothing to go on from.
    EXPECT_TRUE(*status == 2 || (*status == 0 && journal_bytes(scratch.path("state")) == 0))
        << *status;
  }
  const auto resumed = run(job, scratch, {"--workers", "2"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(resumed.out, whole.out);
}

INSTANTIATE_TEST_SUITE_P(
    Every, JobOverCaptures,
    ::testing::Values(
        NamedJob{"Verify", {"verify"}}, NamedJob{"TimeBars", {"bars", "--bars", "time:1s"}},
        NamedJob{"VolumeBars", {"bars", "--bars", "volume:1"}}, NamedJob{"Stats", {"stats"}},
        NamedJob{"ExportToTardis",
                 {"export", "--types", "trades,incremental_book_L2,book_snapshot_5"},
                 five,
                 true},
        NamedJob{
            "ExportToDbn", {"export", "--format", "dbn", "--schema", "trades"}, small_sizes, true},
        NamedJob{"Correlate", {"correlate", "--period", "0.5"}, together}),
    [](const auto& instance) { return std::string(instance.param.label); });

TEST(JobVerify, SaysWhatVerifySaysOfEach) {
  RINGSIDE_NEEDS_CAPTURES();
  const Scratch scratch;
  const auto report = nlohmann::json::parse(run({"", {"verify"}}, scratch, {}).out);
  ASSERT_EQ(report["items"].size(), five.size());
  EXPECT_EQ(report["done"], five.size());
  for (std::size_t i = 0; i < five.size(); ++i) {
    const auto capture = located(five[i]);
    const auto equals = capture.find('=');
    const auto single = verify_file(capture.substr(0, equals), capture.substr(equals + 1));
    EXPECT_EQ(report["items"][i], single.json) << capture;
  }
}

TEST(JobExport, RefusesWhatDoesNotFitAndNamesIt) {
  RINGSIDE_NEEDS_CAPTURES();
  const Scratch scratch;
  const auto refused =
      run({"", {"export", "--format", "dbn"}, {"kraken-v1=kraken_v1_a"}, true}, scratch, {});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("does not fit"), std::string::npos) << refused.err;
  EXPECT_TRUE(files_under(scratch.path("out")).empty());
}

}  // namespace
}  // namespace ringside::tools::verify_test
