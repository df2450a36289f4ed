// What can happen to the connection with a venue, done to real sockets by the exchange: the
// collector notices, the instruments say `disconnected`, and a new connection brings new epochs.
#include <gtest/gtest.h>

#include <csignal>
#include <ostream>

#include "tests/e2e/failures.hpp"

namespace ringside::e2e {
namespace {

const std::vector<std::string> two{"BTC/USD", "ETH/USD"};

struct Case {
  const char* fault;
  const char* backend;
  std::vector<std::string> reasons;  // one of which the collector counts
};

void PrintTo(const Case& tried, std::ostream* out) { *out << tried.fault << " " << tried.backend; }

class Connections : public ::testing::TestWithParam<Case> {};

TEST_P(Connections, ThatEndAreSaidToBeDisconnectedAndComeBackWithNewEpochs) {
  const auto& [fault, backend, reasons] = GetParam();
  auto options = kraken("BTC/USD,ETH/USD;depth=25;rate=1000", two, "no_data_ms = 1500\n");
  options.exchange.insert(options.exchange.end(), {"--faults", std::string(fault) + "@1000"});
  options.environment = {{"RINGSIDE_NET_BACKEND", backend}};
  LiveSystem system(options);
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  const auto epochs = watcher.epochs(two);
  watcher.forget();
  Watcher::Seen down;
  watcher.until("disconnected", [&] {
    down = watcher.read("BTC/USD");
    return down.is(State::Disconnected, Cause::SocketClosed);
  });
  measured(std::string(fault) + " (" + backend + "): last message -> disconnected",
           static_cast<double>(
               ipc::TickRate::of_host().ns_between(down.view.receive, down.view.publish)) /
               1e6);
  const auto healed = watcher.until("live again", [&] { return newer(watcher, epochs); });
  if (healed) measured(std::string(fault) + " (" + backend + "): disconnected -> live", *healed);
  for (const auto& symbol : two) {
    std::vector<State> states;
    for (const auto& entry : watcher.history(symbol)) states.push_back(entry.state);
    EXPECT_EQ(states, (std::vector{State::Disconnected, State::Syncing, State::Live})) << symbol;
  }
  EXPECT_TRUE(watcher.counter_becomes("connections_opened", [](auto n) { return n == 2; }));
  std::uint64_t counted = 0;
  for (const auto& reason : reasons) counted += watcher.counter("closed_" + reason);
  EXPECT_EQ(counted, 1U) << system.log("c0");
  EXPECT_EQ(watcher.counter("checksum_failed"), 0U);
  system.stop();
}

std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  std::string name = std::string(info.param.fault) + "_" + info.param.backend;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// A cut connection is a FIN, or an RST where the exchange had not read everything.
INSTANTIATE_TEST_SUITE_P(FailureTable, Connections,
                         ::testing::Values(Case{"close", "uring", {"tls_truncated", "peer_reset"}},
                                           Case{"close", "epoll", {"tls_truncated", "peer_reset"}},
                                           Case{"reset", "uring", {"peer_reset"}},
                                           Case{"reset", "epoll", {"peer_reset"}},
                                           Case{"half-close", "uring", {"tls_truncated"}},
                                           Case{"half-close", "epoll", {"tls_truncated"}},
                                           Case{"stall", "uring", {"silence_timeout"}},
                                           Case{"stall", "epoll", {"silence_timeout"}}),
                         name_of_case);

TEST(FailureTable, AnExchangeThatRestartsIsTriedUntilItIsBack) {
  auto options = kraken("BTC/USD,ETH/USD;depth=25;rate=1000", two);
  options.tls = false;
  LiveSystem system(options);
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  const auto epochs = watcher.epochs(two);
  watcher.forget();
  system.exchange->signal(SIGKILL);
  const auto down = watcher.until(
      "disconnected", [&] { return watcher.all(two, State::Disconnected); }, noticed_within);
  if (down) measured("exchange killed -> disconnected", *down);
  // Two attempts in vain, with their pauses.
  EXPECT_TRUE(watcher.counter_becomes("closed_connect_failed", [](auto n) { return n >= 2; }));
  EXPECT_TRUE(watcher.all(two, State::Disconnected));
  system.restart_exchange();
  const auto healed = watcher.until("live again", [&] { return newer(watcher, epochs); });
  if (healed) measured("exchange back -> live", *healed);
  for (const auto& symbol : two) {
    ASSERT_FALSE(watcher.history(symbol).empty());
    EXPECT_EQ(watcher.history(symbol).front().state, State::Disconnected);
    EXPECT_EQ(watcher.history(symbol).back().state, State::Live);
  }
  system.stop();
}

// Before a venue cuts it, by the clock: nothing was wrong, so it goes without a backoff that grows.
TEST(PlannedReconnect, AConnectionOfItsAgeIsReplacedAndTheBooksComeBack) {
  LiveSystem system(
      kraken("BTC/USD,ETH/USD;depth=25;rate=1000", two, "connection_ms_max = 1000\n"));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  const auto epochs = watcher.epochs(two);
  EXPECT_TRUE(watcher.counter_becomes("connections_renewed", [](auto n) { return n >= 3; }));
  watcher.until("live again", [&] { return newer(watcher, epochs); });
  EXPECT_GE(watcher.counter("connections_opened"), 3U);
  EXPECT_GE(watcher.counter("closed_requested"), 3U) << "orderly, by us";
  EXPECT_EQ(watcher.counter("checksum_failed"), 0U);
  EXPECT_EQ(watcher.counter("connects_refused"), 0U);
  // Each step of a connection's life is counted; the second goes on from the first's TLS session.
  for (const auto* state :
       {"awaiting_retry", "awaiting_turn", "resolving", "connecting", "tls_handshake", "upgrading",
        "open", "closing", "ending", "draining", "finishing", "quiescing", "closed"}) {
    EXPECT_GE(watcher.counter(std::string("entered_") + state), 3U) << state;
  }
  EXPECT_EQ(watcher.counter("entered_proxy_handshake"), 0U);
  EXPECT_GE(watcher.counter("tls_resumed"), 2U);
  EXPECT_GE(watcher.counter("tls_own_records"), 3U);
  EXPECT_TRUE(watcher.counter_becomes("in_open", [](auto n) { return n == 1; }));
  system.stop();
  // What it went through to be open, and to be closed.
  const auto log = system.log("c0");
  const auto at = log.find("kraken connection 0 is open (");
  ASSERT_NE(at, std::string::npos) << log;
  const auto line = log.substr(at, log.find('\n', at) - at);
  for (const auto* step : {"connecting ", "tls_handshake ", "upgrading "}) {
    EXPECT_NE(line.find(step), std::string::npos) << line;
  }
  EXPECT_NE(log.find("requested; after "), std::string::npos) << log;
}

}  // namespace
}  // namespace ringside::e2e
