#include "net/dialer.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "loopback.hpp"

namespace ringside::net {
namespace {

SocketAddress at(std::uint16_t port, const char* host = "127.0.0.1") {
  return parse_numeric(host, port).value();
}

// A port that refuses: nobody listens there any more.
std::uint16_t refusing_port() {
  const Listener gone;
  return gone.port;
}

// A port that says nothing: its accept queue is full, so that further SYNs are dropped.
struct Silent {
  Silent() {
    for (int& descriptor : fill) {
      descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      SocketAddress address = at(listener.port);
      (void)::connect(descriptor, &address.any, address.bytes);
    }
  }
  ~Silent() {
    for (const int descriptor : fill) ::close(descriptor);
  }
  Silent(const Silent&) = delete;
  Silent& operator=(const Silent&) = delete;

  Listener listener{0};
  int fill[4];
};

class DialerTest : public OverEachBackend {
 protected:
  struct Outcome {
    std::vector<Dialed> all;
    ~Outcome() {
      for (const Dialed& dialed : all) {
        if (dialed.descriptor >= 0) ::close(dialed.descriptor);
      }
    }
  };
  static void take(void* context, const Dialed& dialed) noexcept {
    static_cast<Outcome*>(context)->all.push_back(dialed);
  }
  Dialed dial(const std::vector<SocketAddress>& addresses, const DialOptions& options = {}) {
    Dialer dialer(loop(), options, &outcome_, take);
    const std::size_t before = outcome_.all.size();
    dialer.start(addresses);
    EXPECT_EQ(outcome_.all.size(), before) << "never from within the call";
    EXPECT_TRUE(turn_until([&] { return outcome_.all.size() > before; }));
    EXPECT_TRUE(dialer.idle());
    for (int i = 0; i < 5; ++i) (void)loop().run_once(0);
    EXPECT_EQ(outcome_.all.size(), before + 1) << "one callback for each start";
    return outcome_.all.back();
  }

  Outcome outcome_;
  Listener good_{256};  // nobody accepts
};

TEST_P(DialerTest, TheFirstThatAnswersIsTaken) {
  const Dialed dialed = dial({at(good_.port)});
  EXPECT_GE(dialed.descriptor, 0);
  EXPECT_TRUE(same_address(dialed.address, at(good_.port)));
  const int peer = good_.accept();
  EXPECT_EQ(::send(dialed.descriptor, "x", 1, MSG_NOSIGNAL), 1);
  char octet = 0;
  EXPECT_EQ(::recv(peer, &octet, 1, 0), 1);
  ::close(peer);
}

TEST_P(DialerTest, OneThatRefusesIsFollowedAtOnce) {
  // Were the next to wait for its turn, the test would run out of time.
  const Dialed dialed = dial({at(refusing_port()), at(refusing_port()), at(good_.port)},
                             {.stagger_ns = 3600 * ns_per_s});
  EXPECT_GE(dialed.descriptor, 0);
  EXPECT_TRUE(same_address(dialed.address, at(good_.port)));
}

TEST_P(DialerTest, OneThatIsSilentGetsARivalLongBeforeItsDeadline) {
  const Silent silent;
  const Dialed dialed = dial({at(silent.listener.port), at(good_.port)},
                             {.attempt_ns_max = 3600 * ns_per_s, .stagger_ns = 5 * ns_per_ms});
  EXPECT_GE(dialed.descriptor, 0);
  EXPECT_TRUE(same_address(dialed.address, at(good_.port)));
}

TEST_P(DialerTest, TwoSilentOnesDoNotHideTheThird) {
  const Silent one;
  const Silent two;
  const Dialed dialed = dial({at(one.listener.port), at(two.listener.port), at(good_.port)},
                             {.attempt_ns_max = 30 * ns_per_ms, .stagger_ns = 5 * ns_per_ms});
  EXPECT_GE(dialed.descriptor, 0);
  EXPECT_TRUE(same_address(dialed.address, at(good_.port)));
}

TEST_P(DialerTest, WhenNoneAnswersTheLastSaysWhy) {
  const Dialed refused = dial({at(refusing_port()), at(refusing_port())});
  EXPECT_EQ(refused.descriptor, -1);
  EXPECT_EQ(refused.error, ECONNREFUSED);
  EXPECT_FALSE(refused.timed_out);
  const Silent silent;
  const Dialed timed_out = dial({at(silent.listener.port)}, {.attempt_ns_max = 10 * ns_per_ms});
  EXPECT_EQ(timed_out.descriptor, -1);
  EXPECT_TRUE(timed_out.timed_out);
  EXPECT_EQ(dial({}).descriptor, -1);
}

TEST_P(DialerTest, CancelledInAnyStateItCallsBackOnceAndMayBeUsedAgain) {
  const Silent silent;
  for (int turns = 0; turns < 6; ++turns) {
    for (const bool silent_first : {false, true}) {
      Dialer dialer(loop(), {.stagger_ns = ns_per_ms}, &outcome_, take);
      const std::vector<SocketAddress> addresses =
          silent_first ? std::vector{at(silent.listener.port), at(good_.port)}
                       : std::vector{at(good_.port), at(silent.listener.port)};
      const std::size_t before = outcome_.all.size();
      dialer.start(addresses);
      for (int i = 0; i < turns && outcome_.all.size() == before; ++i) {
        (void)loop().run_once(ns_per_ms);
      }
      const bool over = outcome_.all.size() > before;
      dialer.cancel();
      EXPECT_TRUE(turn_until([&] { return dialer.idle(); }));
      ASSERT_EQ(outcome_.all.size(), before + 1);
      if (!over) {
        EXPECT_EQ(outcome_.all.back().descriptor, -1);
      }
      dialer.start(std::vector{at(good_.port)});
      EXPECT_TRUE(turn_until([&] { return dialer.idle(); }));
      EXPECT_GE(outcome_.all.back().descriptor, 0);
    }
  }
}

TEST_P(DialerTest, MayGoWhileAttemptsAreInFlight) {
  const Silent silent;
  for (int turns = 0; turns < 3; ++turns) {
    Dialer dialer(loop(), {.stagger_ns = 0}, &outcome_, take);
    dialer.start(std::vector{at(silent.listener.port), at(silent.listener.port)});
    for (int i = 0; i < turns; ++i) (void)loop().run_once(0);
  }
  EXPECT_TRUE(outcome_.all.empty());
}

RINGSIDE_OVER_EACH_BACKEND(DialerTest);

std::vector<std::string> ordered(const AddressMemory& memory, std::vector<SocketAddress> list) {
  memory.order(list);
  std::vector<std::string> out;
  for (const auto& address : list) out.push_back(format_address(address));
  return out;
}

TEST(AddressMemoryTest, FamiliesTakeTurnsAndTheResolversOrderIsKeptWithin) {
  const AddressMemory memory;
  EXPECT_EQ(ordered(memory, {at(1, "2001:db8::1"), at(1, "2001:db8::2"), at(1, "192.0.2.1"),
                             at(1, "192.0.2.2"), at(1, "192.0.2.3")}),
            (std::vector<std::string>{"[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1",
                                      "192.0.2.2:1", "192.0.2.3:1"}));
  EXPECT_TRUE(ordered(memory, {}).empty());
}

TEST(AddressMemoryTest, TheFastestComesFirstAndWhatFailedComesLast) {
  AddressMemory memory;
  memory.took(at(1, "192.0.2.1"), 900);
  memory.took(at(1, "192.0.2.2"), 100);
  memory.failed(at(1, "192.0.2.3"));
  const std::vector<SocketAddress> list = {at(1, "192.0.2.3"), at(1, "192.0.2.4"),
                                           at(1, "192.0.2.1"), at(1, "192.0.2.2")};
  EXPECT_EQ(ordered(memory, list),
            (std::vector<std::string>{"192.0.2.2:1", "192.0.2.1:1", "192.0.2.4:1", "192.0.2.3:1"}));
  memory.took(at(1, "192.0.2.1"), 50);  // the newest measure counts
  memory.took(at(1, "192.0.2.3"), 70);
  EXPECT_EQ(ordered(memory, list),
            (std::vector<std::string>{"192.0.2.1:1", "192.0.2.3:1", "192.0.2.2:1", "192.0.2.4:1"}));
}

TEST(AddressMemoryTest, ForgetsTheOldestWhenItIsFull) {
  AddressMemory memory;
  for (std::uint16_t port = 1; port <= addresses_max + 1; ++port) memory.took(at(port), port);
  EXPECT_EQ(ordered(memory, {at(1), at(2)}),
            (std::vector<std::string>{"127.0.0.1:2", "127.0.0.1:1"}));
}

}  // namespace
}  // namespace ringside::net
