#include <gtest/gtest.h>

#include <random>

#include "websocket_fixture.hpp"

namespace ringside::net {
namespace {

class WebSocketTest : public OverEachBackend {};

TEST_P(WebSocketTest, MessagesAreEchoedInPlainAndInTls) {
  LocalTls local;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    ClientSide client(loop(), {.url = url_of(server.server, "/v2?x", tls), .tls = &local.client});
    client.client.connect();
    ASSERT_TRUE(turn_until([&] { return client.opened > 0 || client.closed > 0; }));
    ASSERT_TRUE(client.client.open()) << client.detail;
    EXPECT_EQ(server.last->target(), "/v2?x");
    EXPECT_TRUE(client.client.send_text("first"));
    EXPECT_TRUE(client.client.send_text(""));
    EXPECT_TRUE(client.client.send_text(std::string(5000, 'z')));
    EXPECT_TRUE(client.client.send_binary(std::string("\0\1\2", 3)));
    ASSERT_TRUE(turn_until([&] { return client.binaries.size() == 1; }));
    EXPECT_EQ(client.texts, (std::vector<std::string>{"first", "", std::string(5000, 'z')}));
    EXPECT_EQ(client.binaries[0], std::string("\0\1\2", 3));
    EXPECT_GE(client.times.decrypted, client.times.received);
    EXPECT_GT(client.times.received.value, 0u);
    client.client.close(1000, "done");
    ASSERT_TRUE(turn_until([&] { return client.closed > 0 && server.closed > 0; }));
    EXPECT_EQ(client.reason, CloseReason::Requested);
    EXPECT_EQ(server.reason, CloseReason::PeerClosed);
    EXPECT_EQ(client.client.stream_counters().forced_closes, 0u);
  }
}

TEST_P(WebSocketTest, AMessageCarriesTheKernelsStampWhereOneWasAskedFor) {
  LocalTls local;
  const bool asked = options_of(GetParam()).receive_stamps;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    ClientSide client(loop(), {.url = url_of(server.server, "/", tls), .tls = &local.client});
    client.client.connect();
    ASSERT_TRUE(turn_until([&] { return client.opened > 0; }));
    // The kernel begins to stamp some time after it was asked to.
    do {
      const std::size_t before = client.texts.size();
      ASSERT_TRUE(client.client.send_text("when?"));
      ASSERT_TRUE(turn_until([&] { return client.texts.size() > before; }));
    } while (asked && client.times.kernel_to_read_ns == unstamped_ns);
    EXPECT_EQ(client.times.kernel_to_read_ns >= 0, asked);
    client.client.abort();
    ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  }
}

TEST_P(WebSocketTest, FramesOfEverySizeArriveWholeAcrossReads) {
  LocalTls local;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    ClientSide client(loop(), {.url = url_of(server.server, "/", tls), .tls = &local.client});
    client.client.connect();
    ASSERT_TRUE(turn_until([&] { return server.opened > 0; }));
    std::vector<std::string> sent;
    std::mt19937_64 random(17);
    for (std::size_t size : {0u, 1u, 125u, 126u, 127u, 16383u, 16384u, 65535u, 65536u, 700'000u}) {
      sent.emplace_back(size, static_cast<char>('a' + sent.size() % 26));
    }
    for (int i = 0; i < 300; ++i)
      sent.emplace_back(random() % 3000, static_cast<char>('A' + i % 26));
    for (const std::string& text : sent) {
      ASSERT_TRUE(turn_until([&] { return server.last->send_text(text); }));
    }
    ASSERT_TRUE(turn_until([&] { return client.texts.size() == sent.size(); }));
    EXPECT_TRUE(client.texts == sent);
  }
}

TEST_P(WebSocketTest, ABatchEndsAfterAllMessagesOfOneRead) {
  ServerSide server(loop());
  ClientSide client(loop(), {.url = url_of(server.server)});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.opened > 0; }));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(server.last->send_text("tick"));
  ASSERT_TRUE(turn_until([&] { return client.texts.size() == 10; }));
  ASSERT_FALSE(client.batch_ends.empty());
  EXPECT_EQ(client.batch_ends.back(), 10u);
  EXPECT_LE(client.batch_ends.size(), 3u);
}

TEST_P(WebSocketTest, FragmentsOfAServerAreJoined) {
  ServerSide server(loop());
  ClientSide client(loop(), {.url = url_of(server.server)});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.opened > 0; }));
  ASSERT_TRUE(server.last->send_frame(Opcode::Text, "Hel", false));
  ASSERT_TRUE(server.last->send_frame(Opcode::Ping, "in between", true));
  ASSERT_TRUE(server.last->send_frame(Opcode::Continuation, "lo", true));
  ASSERT_TRUE(turn_until([&] { return client.texts.size() == 1; }));
  EXPECT_EQ(client.texts[0], "Hello");
  EXPECT_EQ(client.client.counters().pings_received, 1u);
  ASSERT_TRUE(turn_until([&] { return server.last->counters().pongs_received == 1; }));
}

TEST_P(WebSocketTest, OurPingsAreAnsweredAndTimed) {
  ServerSide server(loop());
  ClientSide client(loop(),
                    {.url = url_of(server.server), .timing = {.ping_interval_ns = 2 * ns_per_ms}});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.client.counters().pongs_received >= 3; }));
  EXPECT_GT(client.client.ping_round_trip().value, 0u);
  EXPECT_EQ(client.closed, 0);
}

TEST_P(WebSocketTest, TheServersCloseIsAnsweredAndReported) {
  ServerSide server(loop());
  ClientSide client(loop(), {.url = url_of(server.server)});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.opened > 0; }));
  server.last->close(1012, "restarting");
  ASSERT_TRUE(turn_until([&] { return client.closed > 0 && server.closed > 0; }));
  EXPECT_EQ(client.reason, CloseReason::PeerClosed);
  EXPECT_EQ(client.code, 1012);
  EXPECT_EQ(client.detail, "restarting");
  EXPECT_EQ(server.reason, CloseReason::Requested);
}

TEST_P(WebSocketTest, AClientConnectsAgainFromWithinOnClose) {
  ServerSide server(loop());
  struct Persistent {
    WebSocketClient* client = nullptr;
    int opened = 0;
    int closed = 0;
  } persistent;
  WebSocketClient client(
      loop(), {.url = url_of(server.server)},
      {.context = &persistent,
       .on_open =
           [](void* context) noexcept {
             auto& self = *static_cast<Persistent*>(context);
             ++self.opened;
             self.client->close();
           },
       .on_text = [](void*, std::string_view, ReceiveTimes) noexcept {},
       .on_close =
           [](void* context, CloseReason, std::uint16_t, std::string_view) noexcept {
             auto& self = *static_cast<Persistent*>(context);
             if (++self.closed < 10) self.client->connect();
           }});
  persistent.client = &client;
  client.connect();
  ASSERT_TRUE(turn_until([&] { return persistent.closed == 10; }));
  EXPECT_EQ(persistent.opened, 10);
  EXPECT_EQ(client.counters().closed[static_cast<std::size_t>(CloseReason::Requested)], 10u);
}

TEST_P(WebSocketTest, AClientMayBeDestroyedWithinItsOnClose) {
  ServerSide server(loop());
  std::unique_ptr<WebSocketClient> client;
  client = std::make_unique<WebSocketClient>(
      loop(), WebSocketClientOptions{.url = url_of(server.server)},
      WebSocketClientCallbacks{
          .context = &client,
          .on_open =
              [](void* context) noexcept {
                (*static_cast<std::unique_ptr<WebSocketClient>*>(context))->close();
              },
          .on_text = [](void*, std::string_view, ReceiveTimes) noexcept {},
          .on_close =
              [](void* context, CloseReason, std::uint16_t, std::string_view) noexcept {
                static_cast<std::unique_ptr<WebSocketClient>*>(context)->reset();
              }});
  client->connect();
  ASSERT_TRUE(turn_until([&] { return client == nullptr && server.closed == 1; }));
}

TEST_P(WebSocketTest, TheServerServesManyAtOnceAndRefusesBeyondItsMaximum) {
  ServerSide server(loop(), {.connections_max = 4});
  std::vector<std::unique_ptr<ClientSide>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<ClientSide>(
        loop(), WebSocketClientOptions{.url = url_of(server.server, "/" + std::to_string(i))}));
    clients.back()->client.connect();
  }
  ASSERT_TRUE(turn_until([&] {
    int settled = 0;
    for (const auto& client : clients) settled += client->opened + client->closed;
    return settled == 6;
  }));
  EXPECT_EQ(server.server.refused(), 2u);
  int open = 0;
  server.server.for_each([&](ServerConnection& connection) {
    ++open;
    EXPECT_TRUE(connection.send_text(connection.target()));
  });
  EXPECT_EQ(open, 4);
  ASSERT_TRUE(turn_until([&] {
    std::size_t texts = 0;
    for (const auto& client : clients) texts += client->texts.size();
    return texts == 4;
  }));
  // A place that has become free is used again.
  for (const auto& client : clients) client->client.close();
  ASSERT_TRUE(turn_until([&] { return server.closed == 4; }));
  ClientSide late(loop(), {.url = url_of(server.server)});
  late.client.connect();
  ASSERT_TRUE(turn_until([&] { return late.opened > 0; }));
}

TEST_P(WebSocketTest, AfterStopAcceptingNobodyComesIn) {
  ServerSide server(loop());
  server.server.stop_accepting();
  for (int i = 0; i < 5; ++i) (void)loop().run_once(ns_per_ms);
  ClientSide client(loop(), {.url = url_of(server.server)});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.opened, 0);
}

TEST_P(WebSocketTest, SpinningLoopsCarryMessagesToo) {
  LoopOptions options = options_of(GetParam());
  options.wait = WaitMode::Spin;
  Loop spinning(options);
  ServerSide server(spinning);
  ClientSide client(spinning, {.url = url_of(server.server)});
  client.client.connect();
  bool asked = false;
  for (std::uint64_t i = 0; i < 50'000'000 && client.texts.empty(); ++i) {
    (void)spinning.run_once(ns_per_ms);
    if (client.opened > 0 && !asked) asked = client.client.send_text("spin");
  }
  EXPECT_EQ(client.texts, std::vector<std::string>{"spin"});
}

RINGSIDE_OVER_EACH_BACKEND(WebSocketTest);

}  // namespace
}  // namespace ringside::net
