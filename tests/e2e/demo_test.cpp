// scripts/demo as a newcomer runs it: it shows what it promises, and leaves nothing, however it
// ends.
#include <gtest/gtest.h>

#include <csignal>
#include <regex>

#include "tests/e2e/process.hpp"

namespace ringside::e2e {
namespace {

constexpr milliseconds demo_deadline{280'000};

ProcessOptions demo(const Scratch& scratch, std::vector<std::string> arguments,
                    std::vector<std::pair<std::string, std::string>> environment = {}) {
  ProcessOptions options;
  options.arguments = std::move(arguments);
  options.arguments.insert(options.arguments.begin(), RINGSIDE_SOURCE_DIR "/scripts/demo");
  options.environment = std::move(environment);
  options.environment.emplace_back("RINGSIDE_SHM_ROOT", scratch.shm_root());
  return options;
}

void expect_report(const std::string& out) {
  for (const auto* symbol : {"BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "BTCUSDT", "ETHUSDT"}) {
    EXPECT_TRUE(std::regex_search(out, std::regex(std::string(symbol) + ".*live"))) << symbol;
  }
  for (const auto* stage : {"read_to_decrypted", "decrypted_to_decoded", "decoded_to_published",
                            "ring_hop", "worker", "broadcast_hop", "socket_to_consumer"}) {
    EXPECT_NE(out.find(stage), std::string::npos) << stage;
  }
  std::smatch memory;
  ASSERT_TRUE(std::regex_search(out, memory, std::regex("memory of all processes: ([0-9.]+) MB")));
  EXPECT_LT(std::stod(memory[1]), 100.0);
}

TEST(Demo, ShowsLiveBooksEveryStageAndTheMemoryThenLeavesNothing) {
  const Scratch scratch;
  Process process(demo(scratch, {"--seconds", "3"}));
  const auto out = process.rest(demo_deadline);
  EXPECT_EQ(process.wait(milliseconds(10'000)), 0);
  expect_report(out);
  EXPECT_EQ(scratch.segments_left(), std::vector<std::string>{});
}

TEST(Demo, WorksWithoutIoUringAndSaysSo) {
  const Scratch scratch;
  Process process(demo(scratch, {"--seconds", "2"}, {{"RINGSIDE_NET_BACKEND", "epoll"}}));
  const auto out = process.rest(demo_deadline);
  EXPECT_EQ(process.wait(milliseconds(10'000)), 0);
  expect_report(out);
  EXPECT_NE(out.find("epoll"), std::string::npos) << "the fall-back is one line on the screen";
}

TEST(Demo, CtrlCInTheMiddleLeavesNeitherProcessNorSegment) {
  const Scratch scratch;
  Process process(demo(scratch, {"--seconds", "600"}));
  // The first live line: everything is up.
  while (const auto line = process.line(demo_deadline)) {
    if (line->find("live") != std::string::npos) break;
  }
  process.signal_group(SIGINT);
  const auto status = process.wait(milliseconds(30'000));
  EXPECT_TRUE(status == 130 || status == 0) << status.value_or(-1);
  EXPECT_EQ(scratch.segments_left(), std::vector<std::string>{});
  EXPECT_EQ(processes_with_environment("RINGSIDE_SHM_ROOT=" + scratch.shm_root()),
            std::vector<std::string>{});
}

TEST(Demo, BadArgumentsGiveOneLineAndStatusTwo) {
  const Scratch scratch;
  for (const auto* argument : {"--second", "--seconds=x", "--seconds=0"}) {
    auto options = demo(scratch, {argument});
    options.error_file = scratch.path("stderr");
    Process process(options);
    EXPECT_EQ(process.wait(milliseconds(10'000)), 2) << argument;
  }
}

}  // namespace
}  // namespace ringside::e2e
