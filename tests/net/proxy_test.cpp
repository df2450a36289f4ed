#include "net/proxy.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>

#include "websocket_fixture.hpp"

namespace ringside::net {
namespace {

TEST(Proxy, TheRequestNamesTheServerAndNothingElse) {
  EXPECT_EQ(
      connect_request({}, "stream.example.com", 9443)
          .find("CONNECT stream.example.com:9443 HTTP/1.1\r\nHost: stream.example.com:9443\r\n"),
      0u);
  EXPECT_EQ(connect_request({}, "2001:db8::1", 443).find("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"),
            0u);
  EXPECT_NE(connect_request({.authorization = "Basic eDp5"}, "h", 1)
                .find("\r\nProxy-Authorization: Basic eDp5\r\n\r\n"),
            std::string::npos);
  EXPECT_EQ(connect_request({}, "h", 1).find("Authorization"), std::string::npos);
}

TEST(Proxy, TheAnswerIsReadToItsEndAndNoFurther) {
  const std::string good = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_EQ(read_connect_answer(good.substr(0, bytes)).verdict, ProxyVerdict::Incomplete);
  }
  EXPECT_EQ(read_connect_answer(good).verdict, ProxyVerdict::Connected);
  EXPECT_EQ(read_connect_answer("HTTP/1.1 100 Continue\r\n\r\n" + good).verdict,
            ProxyVerdict::Connected);
  EXPECT_EQ(read_connect_answer(good + "x").verdict, ProxyVerdict::Invalid);
  EXPECT_EQ(read_connect_answer("SSH-2.0-x\r\n\r\n").verdict, ProxyVerdict::Invalid);
  const ProxyAnswer refused =
      read_connect_answer("HTTP/1.1 407 Proxy Authentication Required\r\n\r\nwho are you?");
  EXPECT_EQ(refused.verdict, ProxyVerdict::Refused);
  EXPECT_EQ(refused.status, 407);
}

// A proxy of one connection: reads the request, answers as it is told, then carries bytes.
class CarryingProxy {
 public:
  CarryingProxy(std::string answer, std::uint16_t target)
      : answer_(std::move(answer)), target_(target) {}
  ~CarryingProxy() {
    for (const int descriptor : {client_, server_}) {
      if (descriptor >= 0) ::close(descriptor);
    }
  }
  CarryingProxy(const CarryingProxy&) = delete;
  CarryingProxy& operator=(const CarryingProxy&) = delete;

  [[nodiscard]] ProxyOptions options() const { return {"127.0.0.1", listener_.port, ""}; }
  [[nodiscard]] const std::string& request() const { return request_; }

  void turn() {
    if (client_ < 0) {
      pollfd waiting{listener_.descriptor, POLLIN, 0};
      if (::poll(&waiting, 1, 0) == 1) client_ = listener_.accept(SOCK_NONBLOCK);
      return;
    }
    if (server_ >= 0) {
      carry(client_, server_);
      carry(server_, client_);
      return;
    }
    char buffer[2048];
    const ssize_t count = ::recv(client_, buffer, sizeof(buffer), 0);
    if (count > 0) request_.append(buffer, static_cast<std::size_t>(count));
    if (answered_ || !request_.ends_with("\r\n\r\n")) return;
    answered_ = true;
    if (answer_.find(" 200 ") != std::string::npos) {
      SocketAddress address = parse_numeric("127.0.0.1", target_).value();
      server_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      EXPECT_EQ(::connect(server_, &address.any, address.bytes), 0);
    }
    EXPECT_EQ(::send(client_, answer_.data(), answer_.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer_.size()));
    if (server_ < 0) ::shutdown(client_, SHUT_WR);
  }

 private:
  static void carry(int from, int to) {
    char buffer[16 * 1024];
    const ssize_t count = ::recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count == 0) ::shutdown(to, SHUT_WR);
    if (count > 0) {
      EXPECT_EQ(::send(to, buffer, static_cast<std::size_t>(count), MSG_NOSIGNAL), count);
    }
  }

  Listener listener_;
  std::string answer_;
  std::uint16_t target_;
  std::string request_;
  bool answered_ = false;
  int client_ = -1;
  int server_ = -1;
};

class ProxyTest : public OverEachBackend {
 protected:
  // How a connection through a proxy that answers so comes to its end.
  CloseReason end_of(const std::string& answer, std::string* detail = nullptr) {
    CarryingProxy proxy(answer, 0);
    ClientSide client(loop(),
                      {.url = "ws://server.invalid:9443/",
                       .stream = {.proxy = proxy.options(), .proxy_ns_max = 200 * ns_per_ms}});
    client.client.connect();
    EXPECT_TRUE(turn_until([&] {
      proxy.turn();
      return client.closed > 0;
    }));
    EXPECT_EQ(client.opened, 0);
    if (detail != nullptr) *detail = client.detail;
    return client.reason;
  }
};

// The name behind the proxy is the proxy's to resolve; the certificate is the server's.
TEST_P(ProxyTest, CarriesAWebSocketPlainAndOverTls) {
  const LocalTls local;
  for (const bool tls : {false, true}) {
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    CarryingProxy proxy("HTTP/1.1 200 Connection established\r\n\r\n", server.server.port());
    ClientSide client(loop(), {.url = (tls ? "wss://localhost:" : "ws://localhost:") +
                                      std::to_string(server.server.port()) + "/",
                               .tls = &local.client,
                               .stream = {.proxy = proxy.options()}});
    client.client.connect();
    const auto turn = [&](auto&& done) {
      return turn_until([&] {
        proxy.turn();
        return done();
      });
    };
    ASSERT_TRUE(turn([&] { return client.opened > 0 || client.closed > 0; }));
    ASSERT_EQ(client.opened, 1) << client.detail;
    EXPECT_EQ(proxy.request().find("CONNECT localhost:"), 0u);
    ASSERT_TRUE(client.client.send_text("through"));
    ASSERT_TRUE(turn([&] { return !client.texts.empty(); }));
    EXPECT_EQ(client.texts.front(), "through");
    client.client.close();
    ASSERT_TRUE(turn([&] { return client.closed > 0; }));
    EXPECT_EQ(client.reason, CloseReason::Requested);
  }
}

TEST_P(ProxyTest, EachWayToBeTurnedAwayHasItsName) {
  std::string detail;
  EXPECT_EQ(end_of("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", &detail),
            CloseReason::ProxyRefused);
  EXPECT_EQ(detail, "HTTP 407");
  EXPECT_EQ(end_of("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno!"),
            CloseReason::ProxyRefused);
  EXPECT_EQ(end_of("SSH-2.0-OpenSSH_9.2\r\n\r\n"), CloseReason::ProxyInvalid);
  EXPECT_EQ(end_of(""), CloseReason::ProxyInvalid);
}

TEST_P(ProxyTest, OneThatSaysNothingIsGivenUp) {
  Listener silent;
  ClientSide client(loop(), {.url = "ws://server.invalid:9443/",
                             .stream = {.proxy = {"127.0.0.1", silent.port, ""},
                                        .proxy_ns_max = 50 * ns_per_ms}});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.reason, CloseReason::ProxyTimeout);
}

RINGSIDE_OVER_EACH_BACKEND(ProxyTest);

}  // namespace
}  // namespace ringside::net
