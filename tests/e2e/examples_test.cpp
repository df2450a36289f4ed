// The examples of tools/examples against a live generated exchange: what they promise, and what
// they do when their worker dies or they fall behind.
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <regex>
#include <set>

#include "tests/e2e/launched.hpp"

namespace ringside::e2e {
namespace {

using Clock = std::chrono::steady_clock;
constexpr milliseconds patience{60'000};

class LiveBbo : public ::testing::Test {
 protected:
  LiveBbo() {
    const auto exchange = system.start_exchange("kraken:BTC/USD,ETH/USD;depth=25;rate=2000");
    system.configure(
        "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" +
        Launched::venue("kraken", exchange,
                        "depth = 25\ninstruments = [\"BTC/USD\", \"ETH/USD\"]\n"));
  }
  void SetUp() override {
    const auto up = system.launch("up");
    ASSERT_EQ(up.status, 0) << up.err;
    ASSERT_TRUE(system.all_live(2));
    ProcessOptions options;
    options.arguments = {"live_bbo", "test"};
    options.environment = {{"RINGSIDE_SHM_ROOT", system.scratch.shm_root()}};
    example = std::make_unique<Process>(options);
  }
  void TearDown() override {
    example->signal(SIGTERM);
    EXPECT_EQ(example->wait(milliseconds(10'000)), 0);
    EXPECT_EQ(system.launch("down").status, 0);
    EXPECT_EQ(system.left_behind(), std::vector<std::string>{});
  }
  // Reads until such a line, checking every quote on the way; false: none came in time.
  bool reads(const std::function<bool(const std::string&)>& wanted) {
    const auto until = Clock::now() + patience;
    while (Clock::now() < until) {
      const auto line = example->line(milliseconds(1'000));
      if (!line) continue;
      expect_sound(*line);
      if (wanted(*line)) return true;
    }
    return false;
  }
  void expect_sound(const std::string& line) {
    static const std::regex quote("(BTC/USD|ETH/USD) ([0-9.]+) ([0-9.]+)");
    std::smatch parts;
    if (line.ends_with(" -")) last.erase(line.substr(0, line.find(' ')));
    if (!std::regex_match(line, parts, quote)) {
      EXPECT_TRUE(line.starts_with("# ") || line.ends_with(" -")) << line;
      return;
    }
    EXPECT_LT(std::stod(parts[2]), std::stod(parts[3])) << line;
    EXPECT_NE(last[parts[1]], line) << "nothing changed";
    last[parts[1]] = line;
    quoted.insert(parts[1]);
  }
  bool quotes_both() {
    quoted.clear();
    return reads([this](const auto&) { return quoted.size() == 2; });
  }

  Launched system;
  std::unique_ptr<Process> example;
  std::map<std::string, std::string> last;
  std::set<std::string> quoted;
};

TEST_F(LiveBbo, PrintsQuotesSaysThatItsWorkerDiedAndGoesOnWithTheNextOne) {
  EXPECT_TRUE(quotes_both());
  ASSERT_TRUE(Launched::kill_and_wait(system.pids().at("w0"), SIGKILL));
  EXPECT_TRUE(reads([](const auto& line) { return line == "# w0.0 is gone"; }));
  last.clear();
  ASSERT_EQ(system.launch("up").status, 0);
  EXPECT_TRUE(quotes_both());
}

TEST_F(LiveBbo, SaysThatItFellBehindAndGoesOn) {
  EXPECT_TRUE(quotes_both());
  const auto written = [&] {
    const auto stat = system.stat();  // must outlive the loop over a part of it
    for (const auto& ring : stat.at("rings")) {
      if (ring.at("name") == "events.w0.0") return ring.at("written").get<std::uint64_t>();
    }
    return std::uint64_t{0};
  };
  example->signal(SIGSTOP);
  // More than a lap of its ring.
  const auto before = written();
  const auto until = Clock::now() + patience;
  while (written() < before + 20'000) ASSERT_LT(Clock::now(), until);
  example->signal(SIGCONT);
  EXPECT_TRUE(reads([](const auto& line) { return line.starts_with("# records lost"); }));
  last.clear();
  EXPECT_TRUE(quotes_both());
}

// As far as that can be seen without the venues.
TEST(ExampleDeployment, IsGood) {
  const Scratch scratch;
  const std::string file = RINGSIDE_SOURCE_DIR "/tools/examples/deployment.toml";
  const auto checked = run(scratch, {"ringside-collector", "--config", file, "--check"});
  EXPECT_EQ(checked.status, 0) << checked.err;
  const auto worker =
      run(scratch, {"ringside-orderbook", "--config", file, "--name", "w0", "--check"});
  EXPECT_EQ(worker.status, 0) << worker.err;
}

TEST(LiveBboAlone, SaysThatNothingRuns) {
  const Scratch scratch;
  const auto finished = run(scratch, {"live_bbo"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("no deployment runs on this host"), std::string::npos);
}

}  // namespace
}  // namespace ringside::e2e
