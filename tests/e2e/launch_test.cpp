// scripts/launch as an operator uses it: several processes of several threads, pinned as the file
// says; processes that die and are started again alone; nothing left behind, however it ended.
#include <gtest/gtest.h>
#include <sched.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/e2e/launched.hpp"

namespace ringside::e2e {
namespace {

const std::vector<std::string> nothing;

// The first and the last core that this test may use; on a machine with one they are the same.
std::pair<int, int> two_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  int first = -1;
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<std::size_t>(cpu), &set)) continue;
    if (first < 0) first = cpu;
    last = cpu;
  }
  return {first, last};
}

// Two collectors and two workers, six threads in all; six instruments of two venues.
class TwoByTwo : public ::testing::Test {
 protected:
  static constexpr std::size_t instruments = 6;

  TwoByTwo() {
    kraken_ = system.start_exchange("kraken:BTC/USD,ETH/USD,SOL/USD,XRP/USD;depth=25;rate=1000");
    binance_ = system.start_exchange("binance:BTCUSDT,ETHUSDT;depth=100;rate=500");
    configure(system.scratch.path("state1"));
  }
  void configure(const std::string& state_of_c1) {
    const auto cpu = [](int core) { return "{ cpu = " + std::to_string(core) + " }"; };
    const auto two = "[" + cpu(cores.first) + ", " + cpu(cores.second) + "]\n";
    const auto one = "[" + cpu(cores.second) + "]\n";
    system.configure(
        "lock = true\n"
        "[[collector]]\nname = \"c0\"\nthreads = " +
        two + "state_dir = \"state0\"\n" + "[[collector]]\nname = \"c1\"\nthreads = " + one +
        "state_dir = \"" + state_of_c1 + "\"\n" + "[[worker]]\nname = \"w0\"\nthreads = " + two +
        "[[worker]]\nname = \"w1\"\nthreads = " + one +
        Launched::venue(
            "kraken", kraken_,
            "collector = \"c0\"\ndepth = 25\ninstruments = [\"BTC/USD\", \"ETH/USD\"]\n") +
        Launched::venue("kraken", kraken_,
                        "collector = \"c0\"\nthread = 1\ndepth = 25\n"
                        "instruments = [\"SOL/USD\", \"XRP/USD\"]\n") +
        Launched::venue("binance", binance_,
                        "collector = \"c1\"\ninstruments = [\"BTCUSDT\", \"ETHUSDT\"]\n"));
  }
  void expect_threads_on_their_cores(pid_t pid, const std::map<std::string, int>& wanted) {
    std::map<std::string, int> found;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      std::ifstream comm(task.path() / "comm");
      std::string name;
      std::getline(comm, name);
      std::ifstream status(task.path() / "status");
      for (std::string line; std::getline(status, line);) {
        std::smatch core;
        if (wanted.contains(name) &&
            std::regex_match(line, core, std::regex("Cpus_allowed_list:\\s*([0-9]+)"))) {
          found[name] = std::stoi(core[1]);
        }
      }
    }
    EXPECT_EQ(found, wanted);
  }
  // What `ringside stat --json` says of one subject of a process.
  static nlohmann::json fact(const nlohmann::json& stat, const std::string& process,
                             const std::string& key) {
    for (const auto& fact : stat.at("placement").at(process)) {
      if (fact.at("key") == key) return fact;
    }
    ADD_FAILURE() << process << " says nothing of '" << key << "'";
    return {{"asked", ""}, {"applied", ""}, {"detail", ""}};
  }

  Launched system;
  const std::pair<int, int> cores = two_cores();
  Endpoint kraken_, binance_;
};

TEST_F(TwoByTwo, ArePinnedAsConfiguredAndLiveAndTheirFactsAreSaid) {
  const auto up = system.launch("up");
  ASSERT_EQ(up.status, 0) << up.out << up.err;
  EXPECT_EQ(up.err, "");
  ASSERT_TRUE(system.all_live(instruments));
  const auto [first, second] = cores;
  const auto pids = system.pids();
  ASSERT_EQ(pids.size(), 4U);
  expect_threads_on_their_cores(pids.at("c0"), {{"c0.0", first}, {"c0.1", second}});
  expect_threads_on_their_cores(pids.at("c1"), {{"c1.0", second}});
  expect_threads_on_their_cores(pids.at("w0"), {{"w0.0", first}, {"w0.1", second}});
  expect_threads_on_their_cores(pids.at("w1"), {{"w1.0", second}});
  const auto stat = system.stat();
  const auto expect_core = [&](const std::string& process, const std::string& thread, int core) {
    const auto cpu = fact(stat, process, thread + " cpu");
    EXPECT_EQ(cpu.at("asked"), std::to_string(core));
    EXPECT_EQ(cpu.at("applied"), std::to_string(core));
  };
  expect_core("c0", "c0.0", first);
  expect_core("c0", "c0.1", second);
  expect_core("w0", "w0.1", second);
  expect_core("w1", "w1.0", second);
  for (const auto& [process, segment] :
       std::map<std::string, std::string>{{"c0", "spsc.c0.1.w1.0"}, {"w1", "books.w1.0"}}) {
    const auto memory = fact(stat, process, segment);
    const std::string asked = memory.at("asked");
    const std::string applied = memory.at("applied");
    EXPECT_TRUE(asked.starts_with("small pages") && asked.ends_with(", locked")) << asked;
    EXPECT_TRUE(applied.starts_with("small pages") && applied.ends_with(" locked")) << applied;
    if (asked.find("node 0") != std::string::npos) {
      EXPECT_NE(applied.find("node 0"), std::string::npos) << applied;
    }
    // A lock that was refused is a fall-back, too.
    bool said = false;
    for (const std::string line : stat.at("degradations").at(process))
      said |= line.starts_with(segment + ": wanted");
    EXPECT_EQ(said, applied.ends_with("not locked"));
  }
  EXPECT_TRUE(
      fact(stat, "w0", "scheduling").at("applied").get<std::string>().starts_with("SCHED_"));
  EXPECT_NE(fact(stat, "c1", "cores allowed").at("applied"), "");
  const auto status = system.launch("status");
  EXPECT_EQ(status.status, 0);
  EXPECT_NE(status.out.find("c0.1 on core " + std::to_string(second)), std::string::npos)
      << status.out;

  const auto again = system.launch("up");
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(system.pids(), pids) << "what runs is left alone";
  EXPECT_EQ(system.launch("down").status, 0);
  EXPECT_EQ(system.left_behind(), nothing);
  const auto nobody = system.launch("down");
  EXPECT_EQ(nobody.status, 0) << nobody.err;
  EXPECT_EQ(nobody.out + nobody.err, "");
  EXPECT_EQ(system.launch("status").status, 1);
}

TEST_F(TwoByTwo, WhatWasKilledIsStartedAgainAloneAndEverythingIsLiveAgain) {
  ASSERT_EQ(system.launch("up").status, 0);
  ASSERT_TRUE(system.all_live(instruments));
  auto pids = system.pids();
  for (const std::string victim : {"c0", "w0"}) {
    ASSERT_TRUE(Launched::kill_and_wait(pids.at(victim), SIGKILL));
    const auto status = system.launch("status");
    EXPECT_EQ(status.status, 1);
    EXPECT_NE(status.out.find(victim + " not running"), std::string::npos) << status.out;
    const auto up = system.launch("up");
    ASSERT_EQ(up.status, 0) << up.out << up.err;
    ASSERT_TRUE(system.all_live(instruments)) << "after the death of " << victim;
    auto now = system.pids();
    EXPECT_NE(now.at(victim), pids.at(victim));
    pids[victim] = now.at(victim);
    EXPECT_EQ(now, pids) << "the others go on";
  }
  EXPECT_EQ(system.launch("down").status, 0);
  EXPECT_EQ(system.left_behind(), nothing);
}

TEST_F(TwoByTwo, DownAfterEverythingWasKilledLeavesNothing) {
  ASSERT_EQ(system.launch("up").status, 0);
  for (const auto& [name, pid] : system.pids()) ASSERT_TRUE(Launched::kill_and_wait(pid, SIGKILL));
  EXPECT_NE(system.scratch.segments_left(), nothing) << "the killed could not clean up";
  const auto down = system.launch("down");
  EXPECT_EQ(down.status, 0) << down.err;
  EXPECT_EQ(system.left_behind(), nothing);
}

TEST_F(TwoByTwo, OneThatCannotStartIsNamedAndTheOthersGoOn) {
  // A state directory below a file: refused to every user.
  configure(system.config + "/state");
  const auto up = system.launch("up");
  EXPECT_EQ(up.status, 2);
  EXPECT_NE(up.err.find("test.toml/state"), std::string::npos) << up.err;
  EXPECT_NE(up.err.find("not running: c1"), std::string::npos) << up.err;
  EXPECT_EQ(std::count(up.err.begin(), up.err.end(), '\n'), 2) << up.err;
  const auto before = system.pids();
  EXPECT_EQ(before.size(), 3U);
  configure(system.scratch.path("state1"));
  ASSERT_EQ(system.launch("up").status, 0);
  ASSERT_TRUE(system.all_live(instruments));
  auto after = system.pids();
  EXPECT_EQ(after.erase("c1"), 1U);
  EXPECT_EQ(after, before);
  EXPECT_EQ(system.launch("down").status, 0);
  EXPECT_EQ(system.left_behind(), nothing);
}

TEST_F(TwoByTwo, AProcessStartedByHandIsNeitherReplacedNorRobbedOfItsSegments) {
  ProcessOptions options;
  options.arguments = {"ringside-orderbook", "--config", system.config, "--name", "w0"};
  options.environment = {{"RINGSIDE_SHM_ROOT", system.scratch.shm_root()}};
  Process by_hand(options);
  ASSERT_TRUE(by_hand.line(milliseconds(30'000)));
  const auto up = system.launch("up");
  EXPECT_EQ(up.status, 2);
  const auto pid = std::to_string(by_hand.pid());
  EXPECT_NE(up.err.find("already running: process " + pid), std::string::npos) << up.err;
  EXPECT_EQ(system.pids().size(), 4U);
  const auto refused = system.launch("down");
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("process " + pid), std::string::npos) << refused.err;
  EXPECT_NE(system.scratch.segments_left(), nothing);
  by_hand.signal(SIGTERM);
  EXPECT_EQ(by_hand.wait(milliseconds(15'000)), 0);
  EXPECT_EQ(system.launch("down").status, 0);
  EXPECT_EQ(system.left_behind(), nothing);
}

TEST(Launch, AFileWithAMistakeStartsNothing) {
  Launched system;
  const auto exchange = system.start_exchange("kraken:BTC/USD;depth=25");
  system.configure(
      "[[collector]]\nname = \"c0\"\n[[worker]]\nname = \"w0\"\n"
      "threads = [{ cpu = 4000 }]\n" +
      Launched::venue("kraken", exchange, "instruments = [\"BTC/USD\"]\n"));
  const auto up = system.launch("up");
  EXPECT_EQ(up.status, 2);
  EXPECT_NE(up.err.find("cpu = 4000: core 4000 does not exist"), std::string::npos) << up.err;
  EXPECT_EQ(std::count(up.err.begin(), up.err.end(), '\n'), 1) << up.err;
  EXPECT_EQ(system.left_behind(), nothing);
}

// More venues and threads in one process than its telemetry once had room for.
TEST(Launch, EightThreadsWithAVenueEachAndSixteenWorkerThreadsAreLive) {
  Launched system;
  const auto exchange = system.start_exchange("kraken:S#/USD*8;depth=25;rate=400");
  const auto threads = [](int count) {
    std::string text = "threads = [";
    for (int i = 0; i < count; ++i) text += "{ cpu = \"auto\" }, ";
    return text + "]\n";
  };
  std::string tables = "[[collector]]\nname = \"c0\"\n" + threads(8) +
                       "state_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" + threads(16);
  for (int i = 0; i < 8; ++i) {
    const auto number = std::to_string(i);
    tables += Launched::venue(
        "kraken", exchange,
        "thread = " + number + "\ndepth = 25\ninstruments = [\"S" + number + "/USD\"]\n");
  }
  system.configure(tables);
  const auto up = system.launch("up");
  ASSERT_EQ(up.status, 0) << up.err;
  EXPECT_TRUE(system.all_live(8));
  EXPECT_TRUE(system.counts("c0.7.kraken", "frames"));
  EXPECT_TRUE(system.stat().at("counters").at("w0.15").contains("records"));
  EXPECT_EQ(system.launch("down").status, 0);
  EXPECT_EQ(system.left_behind(), nothing);
}

}  // namespace
}  // namespace ringside::e2e
