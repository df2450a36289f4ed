// The simulated exchange on a real socket, against a client that talks and does not listen.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "net/resolver.hpp"
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
  explicit RunningServer(const ExchangeOptions& options) {
    std::promise<std::uint16_t> made;
    auto answer = made.get_future();
    thread_ = std::thread([made = std::move(made), options, this]() mutable {
      Server server({}, options);
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

}  // namespace
}  // namespace ringside::exchange
