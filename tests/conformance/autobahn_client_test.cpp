// autobahn_client as a program, against a small server that speaks the fuzzing server's side: how
// many cases, each case, the report at the end.
#include <gtest/gtest.h>

#include <algorithm>

#include "net/websocket_server.hpp"
#include "tests/e2e/process.hpp"

namespace ringside::conformance {
namespace {

using e2e::milliseconds;

struct FuzzingServer {
  net::Loop loop{net::LoopOptions{}};
  std::vector<std::string> targets;
  std::vector<std::string> echoes;
  unsigned case_count = 3;
  bool tells_count = true;
  net::WebSocketServer server{
      loop,
      {.deflate = {.enabled = true, .compress_sends = true}},
      {.context = this,
       .on_open =
           [](void* context, net::ServerConnection& connection) noexcept {
             auto& self = *static_cast<FuzzingServer*>(context);
             const std::string target(connection.target());
             self.targets.push_back(target);
             if (target == "/getCaseCount") {
               const std::string count = std::to_string(self.case_count);
               if (self.tells_count) {
                 EXPECT_TRUE(connection.send_text(count));
               }
               connection.close();
             } else if (target.starts_with("/runCase")) {
               EXPECT_TRUE(connection.send_text("hello " + target));
             } else {
               connection.close();
             }
           },
       .on_text =
           [](void* context, net::ServerConnection& connection, std::string_view text,
              net::ReceiveTimes) noexcept {
             static_cast<FuzzingServer*>(context)->echoes.emplace_back(text);
             connection.close();
           }}};

  // Runs the program to its end, serving it meanwhile.
  std::optional<int> serve(e2e::Process& program) {
    const std::int64_t end = loop.steady_ns() + 60 * net::ns_per_s;
    while (loop.steady_ns() < end) {
      (void)loop.run_once(net::ns_per_ms);
      if (const auto status = program.wait(milliseconds(0))) return status;
    }
    return std::nullopt;
  }
};

std::string url_of(const FuzzingServer& server) {
  return "ws://127.0.0.1:" + std::to_string(server.server.port());
}

TEST(AutobahnClient, RunsEveryCaseAndAsksForTheReport) {
  FuzzingServer server;
  e2e::Process client({.arguments = {"autobahn_client", url_of(server) + "/", "ringside"}});
  EXPECT_EQ(server.serve(client), 0);
  EXPECT_EQ(server.targets,
            (std::vector<std::string>{
                "/getCaseCount", "/runCase?case=1&agent=ringside", "/runCase?case=2&agent=ringside",
                "/runCase?case=3&agent=ringside", "/updateReports?agent=ringside"}));
  EXPECT_EQ(server.echoes, (std::vector<std::string>{"hello /runCase?case=1&agent=ringside",
                                                     "hello /runCase?case=2&agent=ringside",
                                                     "hello /runCase?case=3&agent=ringside"}));
}

TEST(AutobahnClient, AServerThatTellsNoCountIsNamed) {
  const e2e::Scratch scratch;
  FuzzingServer server;
  server.tells_count = false;
  e2e::Process client({.arguments = {"autobahn_client", url_of(server), "ringside"},
                       .error_file = scratch.path("err")});
  EXPECT_EQ(server.serve(client), 2);
  EXPECT_EQ(server.targets, std::vector<std::string>{"/getCaseCount"});
}

TEST(AutobahnClient, BadUsageIsOneLineAndExit2) {
  const e2e::Scratch scratch;
  const std::vector<std::vector<std::string>> mistakes = {
      {},
      {"ws://127.0.0.1:1"},
      {"ws://127.0.0.1:1", "two words"},
      {"ws://127.0.0.1:1", "agent", "more"},
      {"http://127.0.0.1:1", "agent"},
      {"ws://127.0.0.1:1", "agent"},  // nobody listens there
  };
  for (auto arguments : mistakes) {
    arguments.insert(arguments.begin(), "autobahn_client");
    const e2e::Finished finished = e2e::run(scratch, arguments);
    EXPECT_EQ(finished.status, 2);
    EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
  }
  EXPECT_EQ(e2e::run(scratch, {"autobahn_client", "--help"}).status, 0);
  EXPECT_EQ(e2e::run(scratch, {"autobahn_client", "--version"}).status, 0);
}

}  // namespace
}  // namespace ringside::conformance
