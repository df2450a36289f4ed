// The command line itself: what a newcomer's mistakes are told, and with which status.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "ipc/telemetry.hpp"
#include "tests/e2e/process.hpp"

namespace ringside::tools {
namespace {

using e2e::Finished;
using e2e::Scratch;

Finished ringside(const Scratch& scratch, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ringside");
  return e2e::run(scratch, std::move(arguments));
}

void expect_one_line(const Finished& run, const std::vector<std::string>& words) {
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(run.out.empty()) << run.out;
  EXPECT_TRUE(run.err.starts_with("ringside: ")) << run.err;
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  for (const auto& word : words) EXPECT_NE(run.err.find(word), std::string::npos) << run.err;
}

TEST(RingsideCommand, TellsItsVersionAndItsCommands) {
  const Scratch scratch;
  const auto version = ringside(scratch, {"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "ringside " RINGSIDE_VERSION "\n");
  const auto help = ringside(scratch, {"--help"});
  EXPECT_EQ(help.status, 0);
  for (const auto* command : {"verify", "top", "tail", "stat", "latency"}) {
    EXPECT_NE(help.out.find(command), std::string::npos) << command;
    EXPECT_EQ(ringside(scratch, {command, "--help"}).status, 0) << command;
  }
}

TEST(RingsideCommand, BadUsageIsOneLineThatNamesTheRemedy) {
  const Scratch scratch;
  expect_one_line(ringside(scratch, {}), {"which command", "top"});
  expect_one_line(ringside(scratch, {"tpo"}), {"unknown command 'tpo'", "top, tail"});
  expect_one_line(ringside(scratch, {"top", "--bogus"}), {"--bogus", "ringside top --help"});
  expect_one_line(ringside(scratch, {"top", "--levels", "26"}), {"26"});
  expect_one_line(ringside(scratch, {"tail", "--count", "x"}), {"--count"});
  expect_one_line(ringside(scratch, {"verify", "capture"}), {"--venue"});
  expect_one_line(ringside(scratch, {"verify", "--venue", "kraken"}), {"capture"});
  expect_one_line(ringside(scratch, {"verify", "--venue", "krakn", "x"}), {"'krakn'", "kraken"});
  expect_one_line(ringside(scratch, {"verify", "--venue", "kraken", "/no/such/file"}),
                  {"/no/such/file"});
}

TEST(RingsideCommand, MissingInstanceIsSaidWithItsRemedy) {
  const Scratch scratch;
  for (const auto* command : {"top", "tail", "stat", "latency", "memory", "books"}) {
    expect_one_line(ringside(scratch, {command}), {"no deployment runs", "scripts/launch up"});
    expect_one_line(ringside(scratch, {command, "--instance", "demo"}), {"'demo'"});
  }
}

class TwoInstances : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("RINGSIDE_SHM_ROOT", scratch.shm_root().c_str(), 1);
    std::filesystem::create_directories(scratch.shm_root());
    first = std::make_unique<ipc::Telemetry>(ipc::TelemetrySpec{"first", "c0", "collector", {}, 2});
    second =
        std::make_unique<ipc::Telemetry>(ipc::TelemetrySpec{"second", "c0", "collector", {}, 2});
  }
  void TearDown() override {
    first.reset();
    second.reset();
    ::unsetenv("RINGSIDE_SHM_ROOT");
  }

  Scratch scratch;
  std::unique_ptr<ipc::Telemetry> first;
  std::unique_ptr<ipc::Telemetry> second;
};

TEST_F(TwoInstances, AreListedWhenNoneIsChosen) {
  expect_one_line(ringside(scratch, {"stat"}), {"first, second", "--instance"});
  expect_one_line(ringside(scratch, {"stat", "--instance", "third"}), {"first, second"});
  const auto chosen = ringside(scratch, {"stat", "--instance", "second"});
  EXPECT_EQ(chosen.status, 0) << chosen.err;
  EXPECT_TRUE(chosen.out.starts_with("instance second\n")) << chosen.out;
}

TEST_F(TwoInstances, TheOnlyOneIsTheDefault) {
  second.reset();
  const auto run = ringside(scratch, {"stat"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(run.out.starts_with("instance first\n")) << run.out;
}

TEST_F(TwoInstances, EnvironmentChoosesUnlessTheCommandLineDoes) {
  ::setenv("RINGSIDE_INSTANCE", "second", 1);
  EXPECT_TRUE(ringside(scratch, {"stat"}).out.starts_with("instance second\n"));
  EXPECT_TRUE(
      ringside(scratch, {"stat", "--instance", "first"}).out.starts_with("instance first\n"));
  ::unsetenv("RINGSIDE_INSTANCE");
}

TEST_F(TwoInstances, StatShowsCountersPlacementAndFallBacksOfAProcess) {
  first->counter("c0.0.kraken.frames").add(42);
  first->fact({"c0.0 cpu", "auto", "3", "the next one free"});
  first->degradation({"no huge pages: small ones instead"});
  const auto run = ringside(scratch, {"stat", "--instance", "first", "--json"});
  ASSERT_EQ(run.status, 0) << run.err;
  for (const auto* text :
       {R"("c0.0.kraken":{"frames":42})", R"("asked":"auto","applied":"3")",
        R"("degradations":{"c0":["no huge pages: small ones instead"]})", R"("instruments":[])"}) {
    EXPECT_NE(run.out.find(text), std::string::npos) << text << " is not in " << run.out;
  }
}

TEST_F(TwoInstances, MemoryOfAllProcessesIsOneLine) {
  // All its segments are this test's own: it is the one process.
  for (const auto& arguments : {std::vector<std::string>{"stat", "--memory"}, {"memory"}}) {
    auto with_instance = arguments;
    with_instance.insert(with_instance.end(), {"--instance", "first"});
    const auto run = ringside(scratch, with_instance);
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_TRUE(run.out.starts_with("memory of all processes: ")) << run.out;
    EXPECT_NE(run.out.find(" MB (PSS, huge pages once)\n"), std::string::npos) << run.out;
  }
}

TEST_F(TwoInstances, LatencyReportsWhatWasCountedAndWritesBothHdrFiles) {
  expect_one_line(ringside(scratch, {"latency", "--instance", "first"}), {"nothing has been"});
  auto& histogram = first->histogram(ipc::stage::worker, "w0.0");
  for (int i = 0; i < 1'000; ++i) histogram.record(1'500);
  const auto hlog = scratch.path("stages.hlog");
  const auto hgrm = scratch.path("worker.hgrm");
  const auto run = ringside(
      scratch, {"latency", "--instance", "first", "--json", "--hlog", hlog, "--hgrm", hgrm});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find(R"("stage":"worker")"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find(R"("count":1000,"p50_ns":1503)"), std::string::npos) << run.out;
  const auto text_of = [](const std::string& path) {
    std::ifstream file(path);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  EXPECT_NE(text_of(hlog).find("Tag=worker.w0.0,"), std::string::npos);
  EXPECT_NE(text_of(hlog).find("HISTFAAA"), std::string::npos);
  EXPECT_NE(text_of(hgrm).find("Total count    =         1000]"), std::string::npos);
}

TEST_F(TwoInstances, TopAndTailEndInTimeWhenThereIsNothingToShow) {
  const auto top = ringside(scratch, {"top", "--instance", "first", "--seconds", "0.2"});
  EXPECT_EQ(top.status, 0) << top.err;
  EXPECT_NE(top.out.find("no instrument yet"), std::string::npos) << top.out;
  const auto tail = ringside(scratch, {"tail", "--instance", "first", "--seconds", "0.2"});
  EXPECT_EQ(tail.status, 0) << tail.err;
  const auto books = ringside(scratch, {"books", "--instance", "first", "--seconds", "0.2"});
  EXPECT_EQ(books.status, 1);
  // And its own telemetry segment is gone.
  std::size_t left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.shm_root() + "/first")) {
    static_cast<void>(entry);
    ++left;
  }
  EXPECT_EQ(left, 1U);
}

}  // namespace
}  // namespace ringside::tools
