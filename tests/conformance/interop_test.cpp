// The client against servers that nobody here wrote: python3-websockets, ws, and nginx in front of
// one of them and as a server of files; plain and over TLS, compressed and not.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <optional>
#include <random>
#include <thread>

#include "echo_client.hpp"
#include "net/certificate.hpp"
#include "net/http_client.hpp"
#include "scripted_server.hpp"
#include "tests/e2e/process.hpp"

namespace ringside::conformance {
namespace {

using e2e::milliseconds;

constexpr std::int64_t wait_ns_max = 30 * net::ns_per_s;
constexpr milliseconds start_max(20'000);

bool runs(const e2e::Scratch& scratch, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "/usr/bin/env");
  return e2e::run(scratch, std::move(arguments)).status == 0;
}

const std::string peers = std::string(RINGSIDE_SOURCE_DIR) + "/tests/conformance/peers/";

enum class Peer { Websockets, Ws };

class Interop : public testing::Test {
 protected:
  // The arguments that start a peer, or nothing: it is not installed here.
  std::optional<std::vector<std::string>> peer(Peer which, bool deflate, bool tls) {
    std::vector<std::string> arguments;
    if (which == Peer::Websockets) {
      if (!runs(scratch_, {"/usr/bin/python3", "-c", "import websockets"})) return std::nullopt;
      arguments = {"/usr/bin/python3", peers + "echo_websockets.py"};
    } else {
      if (!runs(scratch_, {"NODE_PATH=/usr/share/nodejs", "node", "-e", "require('ws')"})) {
        return std::nullopt;
      }
      arguments = {"/usr/bin/env", "NODE_PATH=/usr/share/nodejs", "node", peers + "echo_ws.js"};
    }
    if (deflate) arguments.push_back("--deflate");
    if (tls) {
      arguments.push_back(certificates_.certificate_file);
      arguments.push_back(certificates_.key_file);
    }
    return arguments;
  }

  // Messages of every length that has its own header, text and binary, in a burst and one by one.
  void echo_all(const std::string& url, bool deflate) {
    struct Echo {
      std::vector<std::string> expected;
      std::size_t seen = 0;
      bool opened = false;
      bool closed = false;
      std::string why;
      std::uint16_t code = 0;
      void take(std::string_view message) {
        if (seen < expected.size()) {
          EXPECT_EQ(message == expected[seen], true) << "message " << seen;
        }
        ++seen;
      }
    } echo;
    auto options = echo_options(url);
    options.deflate.enabled = deflate;
    options.tls = &tls_;
    options.timing.ping_interval_ns = 20 * net::ns_per_ms;
    net::WebSocketClient client(
        loop_, options,
        {.context = &echo,
         .on_open = [](void* context) noexcept { static_cast<Echo*>(context)->opened = true; },
         .on_text = [](void* context, std::string_view text,
                       net::ReceiveTimes) noexcept { static_cast<Echo*>(context)->take(text); },
         .on_binary = [](void* context, std::string_view bytes,
                         net::ReceiveTimes) noexcept { static_cast<Echo*>(context)->take(bytes); },
         .on_batch_end = nullptr,
         .on_close =
             [](void* context, net::CloseReason why, std::uint16_t code,
                std::string_view detail) noexcept {
               auto& self = *static_cast<Echo*>(context);
               self.closed = true;
               self.code = code;
               self.why = std::string(net::name_of(why)) + " " + std::string(detail);
             }});
    client.connect();
    ASSERT_TRUE(turn_until([&] { return echo.opened || echo.closed; })) << url;
    ASSERT_TRUE(echo.opened) << echo.why;
    EXPECT_EQ(client.deflate().has_value(), deflate);
    std::mt19937_64 random(3);
    for (const std::size_t bytes : {0U, 1U, 125U, 126U, 127U, 65'535U, 65'536U, 1'000'000U}) {
      std::string text(bytes, 'x');
      for (char& c : text) c = static_cast<char>('a' + random() % 26);
      echo.expected.push_back(text);
      ASSERT_TRUE(client.send_text(text));
      for (char& c : text) c = static_cast<char>(random());
      echo.expected.push_back(text);
      ASSERT_TRUE(client.send_binary(text));
    }
    ASSERT_TRUE(turn_until([&] { return echo.seen == echo.expected.size() || echo.closed; }));
    ASSERT_TRUE(turn_until([&] { return client.counters().pongs_received > 2 || echo.closed; }));
    EXPECT_FALSE(echo.closed) << echo.why;
    if (deflate) {
      EXPECT_GT(client.counters().compressed_messages, 0u);
    }
    client.close(1000, "done");
    ASSERT_TRUE(turn_until([&] { return echo.closed; }));
    EXPECT_EQ(echo.why, "requested ");
    EXPECT_EQ(client.stream_counters().forced_closes, 0u);
  }

  template <typename Done>
  bool turn_until(Done&& done) {
    const std::int64_t end = loop_.steady_ns() + wait_ns_max;
    while (!done() && loop_.steady_ns() < end) (void)loop_.run_once(net::ns_per_ms);
    return done();
  }

  e2e::Scratch scratch_;
  net::CertificateFiles certificates_ = net::write_certificates(scratch_.path(""));
  net::TlsContext tls_ = net::TlsContext::client({.ca_file = certificates_.ca_file});
  net::Loop loop_{net::LoopOptions{}};
};

class EchoPeer : public Interop, public testing::WithParamInterface<Peer> {};

TEST_P(EchoPeer, EchoesEveryMessagePlainAndOverTlsCompressedAndNot) {
  for (const bool tls : {false, true}) {
    for (const bool deflate : {false, true}) {
      SCOPED_TRACE(std::string(tls ? "wss" : "ws") + (deflate ? " compressed" : ""));
      const auto arguments = peer(GetParam(), deflate, tls);
      if (!arguments)
        GTEST_SKIP()
            << "this peer is not installed: see ringside_peer_packages in scripts/packages.sh";
      e2e::Process server({.arguments = *arguments});
      const auto port = server.line(start_max);
      ASSERT_TRUE(port.has_value());
      echo_all((tls ? "wss://127.0.0.1:" : "ws://127.0.0.1:") + *port + "/", deflate);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Peers, EchoPeer, testing::Values(Peer::Websockets, Peer::Ws),
                         [](const testing::TestParamInfo<Peer>& each) {
                           return each.param == Peer::Ws ? "Ws" : "Websockets";
                         });

// --- nginx --------------------------------------------------------------------------------------

std::uint16_t free_port() {
  Script nothing;
  return ScriptedServer(nothing).port();
}

struct Answers {
  std::vector<std::pair<int, std::string>> all;
  net::HttpError error = net::HttpError::None;
};

class Nginx : public Interop {
 protected:
  // In the foreground, as one process of this user's, everything of it in the scratch folder.
  void start(std::uint16_t port, std::uint16_t behind) {
    for (const char* name : {"logs", "files", "tmp"}) {
      std::filesystem::create_directory(scratch_.path(name));
    }
    body_ = "{\"lastUpdateId\": 7, \"bids\": [";
    for (int i = 0; i < 5000; ++i) body_ += "[\"6123" + std::to_string(i) + "\",\"0.5\"],";
    body_ += "[]]}";
    std::ofstream(scratch_.path("files/depth.json"), std::ios::binary) << body_;
    const std::string tmp = scratch_.path("tmp");
    scratch_.write(
        "nginx.conf",
        "daemon off; master_process off; pid " + tmp +
            "/pid; error_log stderr warn;\n"
            "events {}\nhttp {\n access_log off; client_body_temp_path " +
            tmp +
            "/a;\n"
            " proxy_temp_path " +
            tmp + "/b; fastcgi_temp_path " + tmp + "/c; uwsgi_temp_path " + tmp +
            "/d; scgi_temp_path " + tmp +
            "/e;\n types { application/json json; }\n"
            " gzip on; gzip_types application/json; gzip_min_length 1;\n"
            " server {\n  listen 127.0.0.1:" +
            std::to_string(port) + " ssl;\n  ssl_certificate " + certificates_.certificate_file +
            ";\n  ssl_certificate_key " + certificates_.key_file + ";\n  location / { root " +
            scratch_.path("files") +
            "; }\n  location /moved { return 301 /depth.json; }\n"
            "  location /slow { return 429 \"later\"; add_header Retry-After 7 always; }\n"
            "  location /ws { proxy_pass http://127.0.0.1:" +
            std::to_string(behind) +
            "; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
            " proxy_set_header Connection upgrade; proxy_set_header Host $host; }\n }\n}\n");
    server_.emplace(e2e::ProcessOptions{.arguments = {"/usr/sbin/nginx", "-p", scratch_.path(""),
                                                      "-c", scratch_.path("nginx.conf")},
                                        .error_file = scratch_.path("nginx.err")});
  }

  static void take(void* context, const net::HttpResponse& response) noexcept {
    auto& answers = *static_cast<Answers*>(context);
    answers.all.emplace_back(response.status, std::string(response.body));
    answers.error = response.error;
  }

  std::string body_;
  std::optional<e2e::Process> server_;
};

TEST_F(Nginx, ServesFilesRefusalsAndAWebSocketBehindItOverTls) {
  const auto arguments = peer(Peer::Websockets, false, false);
  if (!arguments || !std::filesystem::exists("/usr/sbin/nginx")) {
    GTEST_SKIP() << "nginx or python3-websockets is not installed: see ringside_peer_packages in "
                    "scripts/packages.sh";
  }
  e2e::Process behind({.arguments = *arguments});
  const auto behind_port = behind.line(start_max);
  ASSERT_TRUE(behind_port.has_value());
  const std::uint16_t port = free_port();
  start(port, static_cast<std::uint16_t>(std::stoi(*behind_port)));

  Answers answers;
  net::HttpClient client(loop_, {.url = "https://127.0.0.1:" + std::to_string(port), .tls = &tls_},
                         {.context = &answers, .on_response = take});
  const auto ask = [&](const char* target) {
    const std::size_t before = answers.all.size();
    EXPECT_TRUE(client.get(target));
    EXPECT_TRUE(turn_until([&] { return answers.all.size() > before; }));
  };
  // Until it listens: a refused connection is an answer, too.
  const std::int64_t end = loop_.steady_ns() + wait_ns_max;
  do {
    ask("/depth.json");
  } while (answers.all.back().first == 0 && loop_.steady_ns() < end);
  ASSERT_EQ(answers.all.back().first, 200);
  EXPECT_EQ(answers.all.back().second == body_, true);
  const std::uint64_t connections = client.counters().connections;
  for (int i = 0; i < 20; ++i) {
    ask("/depth.json");
    ASSERT_EQ(answers.all.back().second == body_, true);
  }
  EXPECT_EQ(client.counters().connections, connections) << "the connection is kept";
  ask("/moved");
  EXPECT_EQ(answers.all.back().first, 301);
  EXPECT_EQ(answers.error, net::HttpError::Redirect);
  ask("/slow");
  EXPECT_EQ(answers.all.back(), (std::pair<int, std::string>{429, "later"}));
  ask("/absent");
  EXPECT_EQ(answers.all.back().first, 404);
  Answers unpacked;
  net::HttpClient packed(
      loop_,
      {.url = "https://127.0.0.1:" + std::to_string(port), .tls = &tls_, .accept_gzip = true},
      {.context = &unpacked, .on_response = take});
  ASSERT_TRUE(packed.get("/depth.json"));
  ASSERT_TRUE(turn_until([&] { return !unpacked.all.empty(); }));
  EXPECT_EQ(unpacked.all.back().second == body_, true);
  EXPECT_EQ(packed.counters().gzip_bodies, 1u);
  echo_all("wss://127.0.0.1:" + std::to_string(port) + "/ws", false);
  server_->signal(SIGQUIT);
}

}  // namespace
}  // namespace ringside::conformance
