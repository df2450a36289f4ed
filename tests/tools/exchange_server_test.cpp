// The simulated exchange on a real socket, against a client that talks and does not listen.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/resolver.hpp"
#include "net/websocket_client.hpp"
#include "net/websocket_frame.hpp"
#include "tools/exchange/server.hpp"

namespace ringside::exchange {
namespace {

constexpr int exchanges = 300;        // of a subscription and its end, each with a ping behind it
constexpr int quiet_ms_max = 60'000;  // the server has said everything, or is broken

// A WebSocket client in the plainest form: blocking, unmasking nothing, its mask all zeros.
class PlainClient {
 public:
  explicit PlainClient(std::uint16_t port) {
    const auto address = net::parse_numeric("127.0.0.1", port).value();
    EXPECT_EQ(::connect(socket_, &address.any, address.bytes), 0);
    say("GET /v2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    while (received_.find("\r\n\r\n") == std::string::npos && more()) {
    }
    received_.erase(0, received_.find("\r\n\r\n") + 4);
  }
  ~PlainClient() { ::close(socket_); }

  void send(net::Opcode opcode, std::string_view payload) {
    std::array<std::byte, net::frame_header_bytes_max> header;
    const auto bytes = net::write_frame_header<net::Role::Client>(header, opcode, true,
                                                                  payload.size(), net::MaskKey{});
    say({reinterpret_cast<const char*>(header.data()), bytes});
    say(payload);
  }

  // The next frame's opcode and payload; false at the end of the stream.
  bool next(unsigned& opcode, std::string& payload) {
    while (true) {
      const auto header =
          net::parse_frame_header<net::Role::Client>(std::as_bytes(std::span(received_)));
      EXPECT_EQ(header.error, net::FrameError::None);
      if (header.error != net::FrameError::None) return false;
      const std::size_t whole =
          header.header_bytes + static_cast<std::size_t>(header.payload_bytes);
      if (header.complete && received_.size() >= whole) {
        opcode = static_cast<unsigned>(header.opcode);
        payload = received_.substr(header.header_bytes, whole - header.header_bytes);
        received_.erase(0, whole);
        return true;
      }
      if (!more()) return false;
    }
  }

 private:
  void say(std::string_view text) {
    while (!text.empty()) {
      const auto count = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(count, 0);
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  bool more() {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, quiet_ms_max) <= 0) return false;
    std::array<char, 1 << 18> bytes;
    const auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (count <= 0) return false;
    received_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
  }

  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string received_;
};

// On a thread of its own: its loop belongs to the thread that makes it.
class RunningServer {
 public:
  explicit RunningServer(const ExchangeOptions& options, bool deflate = false) {
    std::promise<std::uint16_t> made;
    auto answer = made.get_future();
    thread_ = std::thread([made = std::move(made), options, deflate, this]() mutable {
      Server server({.deflate = deflate}, options);
      made.set_value(server.port());
      server.run(stop_);
    });
    port = answer.get();
  }
  ~RunningServer() {
    stop_.store(true, std::memory_order_relaxed);  // a flag: nothing is read because of it
    thread_.join();
  }
  std::uint16_t port = 0;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Snapshots of a thousand levels are larger than a batch; three hundred fill every buffer between
// the two, so that the pongs find the exchange in the middle of its backlog.
TEST(ExchangeServer, APongNeverComesInTheMiddleOfAFrame) {
  ExchangeOptions options;
  options.generate = "kraken:BTC/USD;depth=1000;rate=1";
  options.seed = 1;
  RunningServer running(options);
  PlainClient client(running.port);
  const std::string params = R"(","params":{"channel":"book","symbol":["BTC/USD"],"depth":1000}})";
  for (int i = 0; i < exchanges; ++i) {
    client.send(net::Opcode::Text, R"({"method":"subscribe)" + params);
    client.send(net::Opcode::Text, R"({"method":"unsubscribe)" + params);
    client.send(net::Opcode::Ping, std::to_string(i));
  }
  int pongs = 0;
  int snapshots = 0;
  unsigned opcode = 0;
  for (std::string payload; pongs < exchanges || snapshots < exchanges;) {
    if (!client.next(opcode, payload)) break;
    if (opcode == static_cast<unsigned>(net::Opcode::Pong)) {
      EXPECT_EQ(payload, std::to_string(pongs++));
      continue;
    }
    ASSERT_EQ(opcode, static_cast<unsigned>(net::Opcode::Text));
    const auto parsed = nlohmann::json::parse(payload, nullptr, false);
    ASSERT_FALSE(parsed.is_discarded()) << payload.substr(0, 200);
    if (parsed.value("type", "") != "snapshot") continue;
    ++snapshots;
    EXPECT_GT(payload.size(), std::size_t{1} << 16) << "larger than a batch";
  }
  EXPECT_EQ(pongs, exchanges);
  EXPECT_GE(snapshots, exchanges);
}

// A client that subscribes and keeps what it hears, on a loop of this thread.
struct Listening {
  Listening(std::uint16_t port, const net::DeflateOptions& deflate)
      : client(
            loop, {.url = "ws://127.0.0.1:" + std::to_string(port) + "/v2", .deflate = deflate},
            {.context = this,
             .on_open =
                 [](void* context) noexcept {
                   auto& self = *static_cast<Listening*>(context);
                   EXPECT_TRUE(
                       self.client.send_text(R"({"method":"subscribe","params":{"channel":"book",)"
                                             R"("symbol":["BTC/USD"],"depth":25}})"));
                 },
             .on_text =
                 [](void* context, std::string_view text, net::ReceiveTimes) noexcept {
                   static_cast<Listening*>(context)->texts.emplace_back(text);
                 },
             .on_close =
                 [](void* context, net::CloseReason why, std::uint16_t, std::string_view) noexcept {
                   static_cast<Listening*>(context)->reason = why;
                 }}) {}
  // False: it was closed.
  bool hear(std::size_t count) {
    client.connect();
    while (texts.size() < count && reason == net::CloseReason::None) (void)loop.run_once(1'000'000);
    return texts.size() >= count;
  }

  net::Loop loop;
  net::WebSocketClient client;
  std::vector<std::string> texts;
  net::CloseReason reason = net::CloseReason::None;
};

TEST(ExchangeServer, CompressesByTheParametersOfWhoOffersIt) {
  struct Row {
    const char* what;
    net::DeflateOptions offered;
    std::optional<net::DeflateAgreement> agreed;
    bool compressed;
  };
  const Row rows[] = {
      {"nothing offered", {}, std::nullopt, false},
      {"a bare offer", {.enabled = true}, net::DeflateAgreement{}, true},
      {"all four parameters",
       {.enabled = true,
        .server_no_context_takeover = true,
        .server_max_window_bits = 9,
        .client_no_context_takeover = true,
        .client_max_window_bits = 10,
        .compress_sends = true},
       net::DeflateAgreement{true, true, 9, 10},
       true},
      {"a window that cannot be made",
       {.enabled = true, .server_max_window_bits = 8},
       net::DeflateAgreement{false, false, 8, 15},
       false},
  };
  ExchangeOptions options;
  options.generate = "kraken:BTC/USD;depth=25;rate=2000";
  options.seed = 1;
  RunningServer running(options, true);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Listening heard(running.port, row.offered);
    ASSERT_TRUE(heard.hear(300));
    EXPECT_EQ(heard.client.deflate(), row.agreed);
    for (const auto& text : heard.texts) {
      ASSERT_FALSE(nlohmann::json::parse(text, nullptr, false).is_discarded()) << text;
    }
    const auto& counters = heard.client.counters();
    EXPECT_EQ(counters.compressed_messages, row.compressed ? counters.messages : 0);
    EXPECT_EQ(counters.compressed_messages_sent, row.offered.compress_sends ? 1U : 0U);
    if (row.compressed) {
      EXPECT_LT(counters.compressed_bytes * 4, counters.message_bytes * 3);
    }
  }
  RunningServer plain(options);
  Listening refused(plain.port, {.enabled = true});
  ASSERT_TRUE(refused.hear(10));
  EXPECT_EQ(refused.client.deflate(), std::nullopt);
  EXPECT_EQ(refused.client.counters().compressed_messages, 0U);
}

}  // namespace
}  // namespace ringside::exchange
