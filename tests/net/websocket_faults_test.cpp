// What a peer may do wrong, from the socket.
#include <gtest/gtest.h>

#include "websocket_fixture.hpp"

namespace ringside::net {
namespace {

class WebSocketFaults : public OverEachBackend {
 protected:
  // A connected pair; the server then misbehaves.
  void open(ServerSide& server, ClientSide& client) {
    client.client.connect();
    ASSERT_TRUE(turn_until([&] { return client.opened > 0 && server.opened > 0; }));
  }
};

struct BadFrame {
  const char* what;
  std::string bytes;
  CloseReason reason;
  std::uint16_t code;
  FrameError error;
};

TEST_P(WebSocketFaults, ABrokenFrameClosesWithItsCodeAndIsCountedByName) {
  const BadFrame table[] = {
      {"masked", std::string("\x81\x81\1\2\3\4x", 7), CloseReason::ProtocolError, 1002,
       FrameError::Masked},
      {"reserved bit", std::string("\xc1\x00", 2), CloseReason::ProtocolError, 1002,
       FrameError::ReservedBits},
      {"reserved opcode", std::string("\x83\x00", 2), CloseReason::ProtocolError, 1002,
       FrameError::ReservedOpcode},
      {"continuation", std::string("\x80\x00", 2), CloseReason::ProtocolError, 1002,
       FrameError::UnexpectedContinuation},
      {"close code", std::string("\x88\x02\x03\xe7", 4), CloseReason::ProtocolError, 1002,
       FrameError::CloseCodeInvalid},
      {"not UTF-8", std::string("\x81\x01\xff", 3), CloseReason::ProtocolError, 1007,
       FrameError::TextNotUtf8},
      {"not UTF-8, and its end never comes", std::string("\x81\x7e\x01\x00\xc3\x28", 6),
       CloseReason::ProtocolError, 1007, FrameError::TextNotUtf8},
      {"too long", std::string("\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01", 10),
       CloseReason::TooLarge, 1009, FrameError::FrameTooLong},
  };
  for (const BadFrame& row : table) {
    SCOPED_TRACE(row.what);
    ServerSide server(loop());
    ClientSide client(loop(), {.url = url_of(server.server),
                               .limits = {.frame_bytes_max = 1 << 20, .validate_utf8 = true}});
    open(server, client);
    ASSERT_TRUE(server.last->send_text("good"));
    ASSERT_TRUE(server.last->send_raw(row.bytes + std::string("\x81\x03"
                                                              "bad",
                                                              5)));
    ASSERT_TRUE(turn_until([&] { return client.closed > 0 && server.closed > 0; }));
    EXPECT_EQ(client.texts, std::vector<std::string>{"good"});
    EXPECT_EQ(client.reason, row.reason);
    EXPECT_EQ(client.code, row.code);
    EXPECT_EQ(client.detail, name_of(row.error));
    EXPECT_EQ(client.client.counters().frame_errors[static_cast<std::size_t>(row.error)], 1u);
    EXPECT_EQ(server.reason, CloseReason::PeerClosed);
  }
}

TEST_P(WebSocketFaults, AConnectionThatEndsWithoutCloseIsAbnormal) {
  LocalTls local;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    ClientSide client(loop(), {.url = url_of(server.server, "/", tls), .tls = &local.client});
    open(server, client);
    server.last->abort();
    ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
    EXPECT_EQ(client.reason, tls ? CloseReason::TlsTruncated : CloseReason::PeerFinished);
    EXPECT_EQ(client.code, 1006);
  }
}

TEST_P(WebSocketFaults, ARefusedUpgradeTellsStatusBodyAndRetryAfter) {
  ServerSide server(loop());
  ClientSide refused(loop(), {.url = url_of(server.server, "/refused")});
  ClientSide teapot(loop(), {.url = url_of(server.server, "/teapot")});
  refused.client.connect();
  teapot.client.connect();
  ASSERT_TRUE(turn_until([&] { return refused.closed > 0 && teapot.closed > 0; }));
  EXPECT_EQ(refused.reason, CloseReason::UpgradeRefused);
  EXPECT_EQ(refused.client.upgrade_status(), 404);
  EXPECT_EQ(refused.detail, "HTTP 404 Not Found");
  EXPECT_EQ(teapot.reason, CloseReason::UpgradeThrottled);
  EXPECT_EQ(teapot.client.upgrade_status(), 418);
  EXPECT_EQ(teapot.client.retry_after_s(), 17);
  EXPECT_EQ(teapot.detail, "HTTP 418 I'm a Teapot: short and stout");
}

// A server that answers an upgrade with whatever bytes it is given.
struct Rogue {
  Rogue(Loop& loop, std::string text) : reply(std::move(text)), server(loop, {}, callbacks()) {}
  WebSocketServerCallbacks callbacks() {
    WebSocketServerCallbacks made;
    made.context = this;
    made.on_upgrade = [](void* context, ServerConnection& connection, const HttpRequest&) noexcept {
      (void)connection.send_raw(static_cast<Rogue*>(context)->reply);
      // Not answered and not upgraded: what was sent raw stands alone.
      static_cast<Rogue*>(context)->last = &connection;
      return false;
    };
    made.on_text = [](void*, ServerConnection&, std::string_view, ReceiveTimes) noexcept {};
    return made;
  }
  std::string reply;
  ServerConnection* last = nullptr;
  WebSocketServer server;
};

TEST_P(WebSocketFaults, AnUpgradeThatIsNoneIsRefused) {
  const std::string bad[] = {
      "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
      "AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
      "HTTP/1.1 101 X\r\n\r\n",
      "SSH-2.0-OpenSSH\r\n\r\n",
      "HTTP/1.1 101 X\r\nA: " + std::string(20000, 'x'),
  };
  for (const std::string& reply : bad) {
    SCOPED_TRACE(reply.substr(0, 30));
    Rogue rogue(loop(), reply);
    ClientSide client(loop(), {.url = url_of(rogue.server)});
    client.client.connect();
    ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
    EXPECT_EQ(client.reason, CloseReason::UpgradeInvalid);
    EXPECT_EQ(client.opened, 0);
  }
}

TEST_P(WebSocketFaults, AnUpgradeThatNeverComesEndsByItsDeadline) {
  const Listener mute;  // its backlog takes connections, nobody answers them
  LocalTls local;
  const std::string host = "127.0.0.1:" + std::to_string(mute.port);
  ClientSide plain(loop(), {.url = "ws://" + host, .upgrade_ns_max = 10 * ns_per_ms});
  ClientSide tls(
      loop(),
      {.url = "wss://" + host, .tls = &local.client, .stream = {.tls_ns_max = 10 * ns_per_ms}});
  plain.client.connect();
  tls.client.connect();
  ASSERT_TRUE(turn_until([&] { return plain.closed > 0 && tls.closed > 0; }));
  EXPECT_EQ(plain.reason, CloseReason::UpgradeTimeout);
  EXPECT_EQ(tls.reason, CloseReason::TlsTimeout);
}

TEST_P(WebSocketFaults, SilenceIsNoticedThoughPongsCome) {
  ServerSide server(loop());
  ClientSide client(
      loop(), {.url = url_of(server.server),
               .timing = {.ping_interval_ns = 5 * ns_per_ms, .silence_ns_max = 400 * ns_per_ms}});
  open(server, client);
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.reason, CloseReason::SilenceTimeout);
  EXPECT_GT(client.client.counters().pongs_received, 0u);
}

TEST_P(WebSocketFaults, AMissingPongIsNoticed) {
  // A server whose loop does not turn answers no ping.
  Loop other(options_of(GetParam()));
  ServerSide server(other);
  ClientSide client(
      loop(), {.url = url_of(server.server),
               .timing = {.ping_interval_ns = 30 * ns_per_ms, .pong_ns_max = 10 * ns_per_ms}});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] {
    if (client.opened == 0) (void)other.run_once(0);
    return client.closed > 0;
  }));
  EXPECT_EQ(client.reason, CloseReason::PongTimeout);
  EXPECT_EQ(client.code, 1006);
}

TEST_P(WebSocketFaults, AFullSendQueueRefusesAndNothingIsHalfSent) {
  Loop other(options_of(GetParam()));
  ServerSide server(other, {.limits = {.frame_bytes_max = 100, .message_bytes_max = 100}});
  ClientSide client(loop(), {.url = url_of(server.server)});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] {
    (void)other.run_once(0);
    return client.opened > 0;
  }));
  const std::string text(100, 'q');
  // Socket buffers fill first, since the server no longer reads; then the queue.
  std::uint64_t taken = 0;
  ASSERT_TRUE(turn_until([&] {
    for (int i = 0; i < 10'000; ++i) {
      if (!client.client.send_text(text)) return client.client.counters().sends_refused > 100;
      ++taken;
    }
    return false;
  }));
  server.echo = false;
  ASSERT_TRUE(turn_until([&] {
    (void)other.run_once(0);
    return server.texts.size() == taken;
  }));
  EXPECT_EQ(client.client.counters().messages_sent, taken);
}

TEST_P(WebSocketFaults, ASlowReaderLosesNothingAndCorruptsNothing) {
  LocalTls local;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    Loop other(options_of(GetParam()));
    ServerSide server(other, {.tls = tls ? &local.server : nullptr});
    ClientSide client(loop(), {.url = url_of(server.server, "/", tls),
                               .tls = &local.client,
                               .stream = {.receive_buffers = {.count = 2, .bytes = 1024}}});
    client.client.connect();
    ASSERT_TRUE(turn_until([&] {
      (void)other.run_once(0);
      return server.opened > 0 && client.opened > 0;
    }));
    std::size_t sent = 0;
    for (; sent < 3000; ++sent) {
      const std::string text = std::to_string(sent) + std::string(sent % 700, '-');
      if (!server.last->send_text(text)) break;
      if (sent % 50 == 0) (void)other.run_once(0);  // the client lags far behind
    }
    ASSERT_TRUE(turn_until([&] {
      (void)other.run_once(0);
      return client.texts.size() == sent || client.closed > 0;
    }));
    ASSERT_EQ(client.texts.size(), sent) << client.detail;
    for (std::size_t i = 0; i < sent; ++i) {
      ASSERT_EQ(client.texts[i], std::to_string(i) + std::string(i % 700, '-'));
    }
  }
}

TEST_P(WebSocketFaults, ServersRefuseWhatClientsMayNotSend) {
  ServerSide server(loop(), {.request_ns_max = 500 * ns_per_ms});
  struct RawClient {
    explicit RawClient(Loop& loop)
        : stream(loop, {.send_queue_bytes = 64 * 1024},
                 {.context = this,
                  .on_open = [](void*) noexcept {},
                  .on_bytes =
                      [](void* context, std::span<std::byte> bytes, ReceiveTimes) noexcept {
                        static_cast<RawClient*>(context)->received.append(
                            reinterpret_cast<const char*>(bytes.data()), bytes.size());
                        return bytes.size();
                      },
                  .on_close =
                      [](void* context, CloseReason, std::string_view) noexcept {
                        ++static_cast<RawClient*>(context)->closed;
                      }}) {}
    void say(std::string_view text) {
      ASSERT_TRUE(stream.reserve(text.size()));
      stream.write(std::as_bytes(std::span(text)));
      stream.flush();
    }
    Stream stream;
    std::string received;
    int closed = 0;
  };
  const auto reply_to = [&](std::string_view text) {
    const int closed_before = server.closed;
    RawClient raw(loop());
    raw.stream.connect("127.0.0.1", server.server.port(), nullptr);
    EXPECT_TRUE(turn_until([&] { return raw.stream.open(); }));
    if (!text.empty()) raw.say(text);
    EXPECT_TRUE(turn_until([&] { return raw.closed > 0 && server.closed > closed_before; }));
    return raw.received;
  };
  EXPECT_TRUE(reply_to("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(reply_to("GET /" + std::string(20000, 'a')).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(
      reply_to("POST / HTTP/1.1\r\nContent-Length: 999999\r\n\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(reply_to("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
                  .starts_with("HTTP/1.1 501 "));
  EXPECT_TRUE(
      reply_to("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(reply_to(""), "");  // says nothing, and is closed by the deadline
  EXPECT_EQ(server.reason, CloseReason::IdleTimeout);
  const std::string upgrade =
      "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  const std::string answer = reply_to(upgrade + std::string("\x81\x01x", 3));  // unmasked
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 "));
  EXPECT_NE(answer.find("\x03\xea"
                        "unmasked"),
            std::string::npos);  // 1002
}

RINGSIDE_OVER_EACH_BACKEND(WebSocketFaults);

TEST(WebSocketClientOptionsTest, AUrlThatCannotBeIsRefusedAtSetup) {
  Loop loop;
  const WebSocketClientCallbacks none;
  EXPECT_THROW(WebSocketClient(loop, {.url = "http://h/"}, none), std::system_error);
  EXPECT_THROW(WebSocketClient(loop, {.url = "wss://h/"}, none), std::system_error);  // no TLS
  EXPECT_THROW(WebSocketClient(loop, {.url = "nonsense"}, none), std::system_error);
}

}  // namespace
}  // namespace ringside::net
