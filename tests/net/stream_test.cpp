#include "net/stream.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <random>

#include "loopback.hpp"

namespace ringside::net {
namespace {

// A stream that writes down what happens to it.
struct Party {
  explicit Party(Loop& loop, const StreamOptions& options = {})
      : stream(loop, patient(options),
               {.context = this,
                .on_open = [](void* context) noexcept { ++static_cast<Party*>(context)->opened; },
                .on_bytes =
                    [](void* context, std::span<std::byte> bytes, ReceiveTimes) noexcept {
                      return static_cast<Party*>(context)->take(bytes);
                    },
                .on_sent = [](void* context) noexcept { ++static_cast<Party*>(context)->sent; },
                .on_close =
                    [](void* context, CloseReason why, std::string_view text) noexcept {
                      auto& self = *static_cast<Party*>(context);
                      ++self.closed;
                      self.reason = why;
                      self.detail = text;
                    }}) {}

  std::size_t take(std::span<std::byte> bytes) noexcept {
    largest = std::max(largest, bytes.size());
    // Whole units only, as a parser of frames would.
    const std::size_t whole = bytes.size() / unit * unit;
    received.append(reinterpret_cast<const char*>(bytes.data()), whole);
    return whole;
  }
  bool say(std::string_view text) {
    if (!stream.reserve(text.size())) return false;
    stream.write(std::as_bytes(std::span(text)));
    stream.flush();
    return true;
  }

  Stream stream;
  std::size_t unit = 1;
  std::size_t largest = 0;
  int opened = 0;
  int sent = 0;
  int closed = 0;
  CloseReason reason = CloseReason::None;
  std::string detail;
  std::string received;
};

class StreamTest : public OverEachBackend {
 protected:
  // Connects `client` to `server` over `listener`.
  void join(Party& client, Party& server, const TlsContext* client_tls = nullptr,
            const TlsContext* server_tls = nullptr) {
    client.stream.connect("127.0.0.1", listener_.port, client_tls);
    (void)loop().run_once(0);
    server.stream.accept(listener_.accept(loop().socket_flags()), server_tls);
    ASSERT_TRUE(turn_until([&] {
      return (client.opened > 0 || client.closed > 0) && (server.opened > 0 || server.closed > 0);
    }));
    ASSERT_EQ(client.closed, 0) << name_of(client.reason) << " " << client.detail;
    ASSERT_EQ(server.closed, 0) << name_of(server.reason) << " " << server.detail;
  }

  Listener listener_;
};

TEST_P(StreamTest, BytesGoBothWaysAndAnOrderlyCloseEndsBoth) {
  Party client(loop());
  Party server(loop());
  join(client, server);
  ASSERT_TRUE(client.say("to the server"));
  ASSERT_TRUE(server.say("to the client"));
  client.stream.close(CloseReason::Requested);
  ASSERT_TRUE(turn_until([&] { return client.closed > 0 && server.closed > 0; }));
  EXPECT_EQ(server.received, "to the server");
  EXPECT_EQ(client.reason, CloseReason::Requested);
  EXPECT_EQ(server.reason, CloseReason::PeerFinished);
  EXPECT_EQ(client.stream.counters().forced_closes, 0u);
}

TEST_P(StreamTest, WhatIsLeftIsPresentedAgainWithMoreBehindIt) {
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    LocalTls local;
    Party client(loop());
    Party server(loop());
    join(client, server, tls ? &local.client : nullptr, tls ? &local.server : nullptr);
    client.unit = 1000;
    std::string sent;
    std::mt19937_64 random(11);
    for (int i = 0; i < 400; ++i) {
      const std::string piece(1 + random() % 2500, static_cast<char>('a' + i % 26));
      sent += piece;
      ASSERT_TRUE(turn_until([&] { return server.say(piece); }));
    }
    sent.resize(sent.size() / 1000 * 1000);
    ASSERT_TRUE(turn_until([&] { return client.received.size() == sent.size(); }));
    EXPECT_EQ(client.received, sent);
  }
}

// What is copied to complete a leftover grows from 2 KiB: units below it, about it, far above it.
TEST_P(StreamTest, ALeftoverIsCompletedWhateverTheSizesOfUnitsAndArrivals) {
  for (const std::size_t unit : {3u, 700u, 2047u, 2048u, 5000u, 40'000u}) {
    SCOPED_TRACE(unit);
    Party client(loop());
    Party server(loop(), {.send_queue_bytes = 128 * 1024});
    join(client, server);
    client.unit = unit;
    std::string sent;
    std::mt19937_64 random(unit);
    for (int i = 0; i < 40; ++i) {
      std::string piece(1 + random() % 30'000, 0);
      for (char& octet : piece) octet = static_cast<char>(random());
      sent += piece;
      ASSERT_TRUE(turn_until([&] { return server.say(piece); }));
    }
    sent.resize(sent.size() / unit * unit);
    ASSERT_TRUE(turn_until([&] { return client.received.size() == sent.size(); }));
    EXPECT_TRUE(client.received == sent);
  }
}

TEST_P(StreamTest, ManyMegabytesPassThroughASmallQueueUnharmed) {
  LocalTls local;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    Party client(loop());
    Party server(loop(), {.send_queue_bytes = 64 * 1024});
    join(client, server, tls ? &local.client : nullptr, tls ? &local.server : nullptr);
    const std::string block(20000, 'x');
    std::size_t sent = 0;
    const std::size_t total = 4u << 20;
    ASSERT_TRUE(turn_until([&] {
      while (sent < total && server.say(block)) sent += block.size();
      return sent >= total && client.received.size() == sent;
    }));
    EXPECT_EQ(client.received, std::string(sent, 'x'));
    EXPECT_EQ(client.closed, 0);
  }
}

TEST_P(StreamTest, AFullQueueRefusesWithoutTakingAnything) {
  Party client(loop(), {.send_queue_bytes = 1000});
  Party server(loop());
  join(client, server);
  EXPECT_FALSE(client.say(std::string(1001, 'a')));
  EXPECT_TRUE(client.say(std::string(600, 'a')));
  EXPECT_FALSE(client.say(std::string(600, 'b')));
  EXPECT_TRUE(client.say(std::string(400, 'c')));
  ASSERT_TRUE(turn_until([&] { return server.received.size() == 1000 && client.sent > 0; }));
}

TEST_P(StreamTest, AConsumerThatNeverConsumesIsStoppedAtTheInboxBound) {
  Party client(loop(), {.inbox_bytes = 100'000});
  Party server(loop(), {.send_queue_bytes = 1 << 20});
  client.unit = 1 << 30;
  join(client, server);
  ASSERT_TRUE(server.say(std::string(500'000, 'a')));
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.reason, CloseReason::TooLarge);
  // What one read brings is presented before any of it is kept.
  EXPECT_LE(client.largest, 8u * 16 * 1024);
}

TEST_P(StreamTest, ARefusedConnectionSaysSo) {
  std::uint16_t dead_port = 0;
  {
    const Listener gone;
    dead_port = gone.port;
  }
  Party client(loop());
  client.stream.connect("127.0.0.1", dead_port, nullptr);
  EXPECT_EQ(client.closed, 0);  // never from within the call
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.reason, CloseReason::ConnectFailed);
  EXPECT_EQ(client.detail, "Connection refused");
  EXPECT_EQ(client.opened, 0);
}

TEST_P(StreamTest, AConnectionThatNobodyAnswersEndsByItsDeadline) {
  // A full accept queue: further SYNs are dropped.
  const Listener full(0);
  Party first(loop());
  Party second(loop());
  first.stream.connect("127.0.0.1", full.port, nullptr);
  second.stream.connect("127.0.0.1", full.port, nullptr);
  ASSERT_TRUE(turn_until([&] { return first.opened > 0; }));
  Party client(loop(), {.connect_ns_max = 20 * ns_per_ms});
  client.stream.connect("127.0.0.1", full.port, nullptr);
  ASSERT_TRUE(turn_until([&] { return client.opened > 0 || client.closed > 0; }));
  if (client.opened > 0) GTEST_SKIP() << "this kernel's accept queue took a third connection";
  EXPECT_EQ(client.reason, CloseReason::ConnectTimeout);
}

TEST_P(StreamTest, ANameThatDoesNotExistSaysSo) {
  Party client(loop());
  client.stream.connect("ringside.invalid", 80, nullptr);
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_TRUE(client.reason == CloseReason::ResolveFailed ||
              client.reason == CloseReason::ResolveTimeout);
  EXPECT_EQ(client.detail, "ringside.invalid");
}

TEST_P(StreamTest, ANameIsLookedUpAndEachAddressTried) {
  Party client(loop());
  client.stream.connect("localhost", listener_.port, nullptr);  // ::1 may come first, and refuse
  ASSERT_TRUE(turn_until([&] { return client.opened > 0 || client.closed > 0; }));
  EXPECT_EQ(client.opened, 1) << client.detail;
}

TEST_P(StreamTest, AResetIsToldFromAnEnd) {
  Party client(loop());
  client.stream.connect("127.0.0.1", listener_.port, nullptr);
  ASSERT_TRUE(turn_until([&] { return client.opened > 0; }));
  const int peer = listener_.accept();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  ::close(peer);
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.reason, CloseReason::PeerReset);
}

TEST_P(StreamTest, APeerThatNeverFinishesIsCutOffByTheDeadline) {
  Party client(loop(), {.close_ns_max = 10 * ns_per_ms});
  client.stream.connect("127.0.0.1", listener_.port, nullptr);
  ASSERT_TRUE(turn_until([&] { return client.opened > 0; }));
  const int peer = listener_.accept();
  client.stream.close(CloseReason::Requested);
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.stream.counters().forced_closes, 1u);
  ::close(peer);
}

TEST_P(StreamTest, TheSameObjectConnectsManyTimesAlsoFromWithinOnClose) {
  struct Again {
    Again(Loop& loop, std::uint16_t to)
        : port(to),
          stream(loop, {},
                 {.context = this,
                  .on_open =
                      [](void* context) noexcept {
                        static_cast<Again*>(context)->stream.abort(CloseReason::Requested);
                      },
                  .on_bytes = [](void*, std::span<std::byte> bytes,
                                 ReceiveTimes) noexcept { return bytes.size(); },
                  .on_close =
                      [](void* context, CloseReason, std::string_view) noexcept {
                        auto& self = *static_cast<Again*>(context);
                        if (++self.closed < 20) {
                          self.stream.connect("127.0.0.1", self.port, nullptr);
                        }
                      }}) {}
    std::uint16_t port;
    int closed = 0;
    Stream stream;
  };
  Listener wide(64);
  Again again(loop(), wide.port);
  again.stream.connect("127.0.0.1", wide.port, nullptr);
  ASSERT_TRUE(turn_until([&] { return again.closed == 20; }));
  EXPECT_EQ(again.stream.counters().closed[static_cast<std::size_t>(CloseReason::Requested)], 20u);
}

TEST_P(StreamTest, AStreamMayBeDestroyedInAnyState) {
  LocalTls local;
  for (int rounds = 0; rounds < 6; ++rounds) {
    Party client(loop());
    Party server(loop());
    client.stream.connect("127.0.0.1", listener_.port, &local.client);
    for (int i = 0; i < rounds; ++i) (void)loop().run_once(0);
    if (rounds > 1) server.stream.accept(listener_.accept(loop().socket_flags()), &local.server);
    for (int i = 0; i < rounds; ++i) (void)loop().run_once(0);
  }
  Party named(loop());
  named.stream.connect("localhost", listener_.port, nullptr);
}

RINGSIDE_OVER_EACH_BACKEND(StreamTest);

TEST(CloseReasons, EachHasAName) {
  for (std::size_t i = 0; i < close_reason_count; ++i) {
    EXPECT_STRNE(name_of(static_cast<CloseReason>(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace ringside::net
