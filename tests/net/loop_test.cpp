#include "net/loop.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "loopback.hpp"
#include "net/receive_stamps.hpp"

namespace ringside::net {
namespace {

class LoopTest : public OverEachBackend {};

TEST_P(LoopTest, TimersFireInTimeOnceAndMayRearmThemselves) {
  struct Ticking {
    Loop* loop;
    Timer timer;
    int fired = 0;
    static void fire(void* context) noexcept {
      auto& self = *static_cast<Ticking*>(context);
      if (++self.fired < 3) self.loop->arm(self.timer, self.loop->steady_ns() + ns_per_ms);
    }
  } ticking{.loop = &loop(), .timer = {.callback = Ticking::fire}};
  ticking.timer.context = &ticking;
  const std::int64_t begin = loop().steady_ns();
  loop().arm(ticking.timer, begin + 5 * ns_per_ms);
  ASSERT_TRUE(turn_until([&] { return ticking.fired == 3; }));
  EXPECT_GE(loop().steady_ns() - begin, 7 * ns_per_ms);
  EXPECT_FALSE(ticking.timer.armed());
}

TEST_P(LoopTest, ADisarmedTimerStaysSilentAlsoWhenAnotherDisarmsIt) {
  struct Pair {
    Loop* loop;
    Timer first;
    Timer second;
    int fired = 0;
    static void fire(void* context) noexcept {
      auto& self = *static_cast<Pair*>(context);
      ++self.fired;
      self.loop->disarm(self.first);
      self.loop->disarm(self.second);
    }
  } pair{.loop = &loop(), .first = {.callback = Pair::fire}, .second = {.callback = Pair::fire}};
  pair.first.context = pair.second.context = &pair;
  loop().arm(pair.first, loop().steady_ns());
  loop().arm(pair.second, loop().steady_ns());
  ASSERT_TRUE(turn_until([&] { return pair.fired > 0; }));
  (void)loop().run_once(0);
  EXPECT_EQ(pair.fired, 1);
}

TEST_P(LoopTest, ATimerArmedInThePastDoesNotHoldTheLoop) {
  struct Eager {
    Loop* loop;
    Timer timer;
    static void fire(void* context) noexcept {
      auto& self = *static_cast<Eager*>(context);
      self.loop->arm(self.timer, 0);
    }
  } eager{.loop = &loop(), .timer = {.callback = Eager::fire}};
  eager.timer.context = &eager;
  loop().arm(eager.timer, 0);
  EXPECT_EQ(loop().run_once(0), 1u);
  EXPECT_EQ(loop().run_once(0), 1u);
  loop().disarm(eager.timer);
}

// Both ends of a socket pair, one of them a channel.
struct Wired {
  Channel channel;
  int other = -1;
  std::string received;
  std::vector<int> results;

  Wired(Loop& loop, ReceiveBuffers buffers) : channel(loop, buffers) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | loop.socket_flags(), 0, ends), 0);
    other = ends[1];
    channel.receive.callback = [](void* context, const Completion& completion) noexcept {
      auto& self = *static_cast<Wired*>(context);
      self.results.push_back(completion.result);
      self.received.append(reinterpret_cast<const char*>(completion.bytes.data()),
                           completion.bytes.size());
    };
    channel.receive.context = this;
    EXPECT_EQ(channel.adopt(ends[0]), 0);
  }
  ~Wired() {
    if (other >= 0) ::close(other);
  }
  void say(std::string_view text) const {
    EXPECT_EQ(::send(other, text.data(), text.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(text.size()));
  }
};

TEST_P(LoopTest, MoreArrivalsThanBuffersAllArriveInOrder) {
  Wired wired(loop(), {.count = 2, .bytes = 64});
  wired.channel.start_receive();
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const std::string text =
        std::to_string(i) + std::string(static_cast<std::size_t>(i % 150), '.');
    wired.say(text);
    sent += text;
    if (i % 17 == 0) (void)loop().run_once(0);
  }
  ASSERT_TRUE(turn_until([&] { return wired.received.size() == sent.size(); }));
  EXPECT_EQ(wired.received, sent);
}

TEST_P(LoopTest, EndOfStreamComesOnceAfterTheLastBytes) {
  Wired wired(loop(), {.count = 2, .bytes = 64});
  wired.channel.start_receive();
  wired.say("last words");
  ::close(wired.other);
  wired.other = -1;
  ASSERT_TRUE(turn_until([&] { return !wired.channel.receive.in_flight; }));
  EXPECT_EQ(wired.received, "last words");
  EXPECT_EQ(wired.results.back(), 0);
  (void)loop().run_once(ns_per_ms);
  EXPECT_EQ(std::count(wired.results.begin(), wired.results.end(), 0), 1);
}

TEST_P(LoopTest, EverythingInFlightCompletesOnceMoreWhenCancelled) {
  Wired wired(loop(), {.count = 2, .bytes = 64});
  wired.channel.start_receive();
  (void)loop().run_once(0);
  wired.channel.cancel();
  ASSERT_TRUE(turn_until([&] { return wired.channel.idle(); }));
  EXPECT_EQ(wired.results, std::vector<int>{-ECANCELED});
}

TEST_P(LoopTest, AChannelMayGoWhileItsOperationsAreInFlight) {
  Wired survivor(loop(), {.count = 2, .bytes = 64});
  survivor.channel.start_receive();
  for (int round = 0; round < 20; ++round) {
    Wired wired(loop(), {.count = 2, .bytes = 64});
    wired.channel.start_receive();
    (void)loop().run_once(0);
    wired.say("for nobody");
    survivor.say("x");
    if (round % 2 == 0) (void)loop().run_once(0);
  }
  ASSERT_TRUE(turn_until([&] { return survivor.received.size() == 20; }));
}

TEST_P(LoopTest, BytesBehindAReceivedRunAreReadable) {
  Wired wired(loop(), {.count = 2, .bytes = 64});
  unsigned sum = 0;
  wired.channel.receive.context = &sum;
  wired.channel.receive.callback = [](void* context, const Completion& completion) noexcept {
    const std::byte* end = completion.bytes.data() + completion.bytes.size();
    for (std::size_t i = 0; i < padding_bytes; ++i) {
      *static_cast<unsigned*>(context) += static_cast<unsigned>(end[i]);
    }
  };
  wired.channel.start_receive();
  wired.say(std::string(300, 'a'));
  ASSERT_TRUE(turn_until([&] { return sum > 0 || loop().counters().completions > 4; }));
  wired.channel.receive.callback = [](void*, const Completion&) noexcept {};
}

// Both ends of a TCP connection, one of them a channel: only there does the kernel stamp.
struct Stamped {
  Channel channel;
  int other;
  std::vector<std::int64_t> ages;

  explicit Stamped(Loop& loop) : channel(loop, {.count = 4, .bytes = 256}) {
    const Listener listener;
    SocketAddress address = parse_numeric("127.0.0.1", listener.port).value();
    other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(other, &address.any, address.bytes), 0);
    EXPECT_EQ(channel.adopt(listener.accept(loop.socket_flags())), 0);
    channel.receive.context = this;
    channel.receive.callback = [](void* context, const Completion& completion) noexcept {
      if (completion.result <= 0) return;
      EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(completion.bytes.data()),
                                 completion.bytes.size()),
                "stamp me");
      static_cast<Stamped*>(context)->ages.push_back(completion.kernel_to_read_ns);
    };
    channel.start_receive();
  }
  ~Stamped() { ::close(other); }
};

TEST_P(LoopTest, AReceiveSaysHowLongTheKernelHadTheBytesWhereItWasAskedTo) {
  Stamped stamped(loop());
  const bool asked = options_of(GetParam()).receive_stamps;
  // The kernel begins to stamp some time after it was asked to.
  for (bool done = false; !done;) {
    const std::size_t before = stamped.ages.size();
    const std::int64_t sending_ns = realtime_ns();
    ASSERT_EQ(::send(stamped.other, "stamp me", 8, 0), 8);
    const std::int64_t sent_ns = realtime_ns();
    const std::int64_t reading_ns = realtime_ns();
    ASSERT_TRUE(turn_until([&] { return stamped.ages.size() > before; }));
    const std::int64_t age_ns = stamped.ages.back();
    done = age_ns != unstamped_ns || !asked;
    if (age_ns == unstamped_ns) continue;
    EXPECT_TRUE(asked);
    EXPECT_GE(age_ns, reading_ns - sent_ns);
    EXPECT_LE(age_ns, realtime_ns() - sending_ns);
  }
}

// What a round's callbacks start goes to the kernel with the next round's wait.
TEST_P(LoopTest, ARoundThatAnswersWhatItReceivesIsOneSystemCall) {
  if (is_epoll(GetParam())) return;  // there each send is a call of its own
  Wired wired(loop(), {.count = 2, .bytes = 64});
  wired.channel.receive.callback = [](void* context, const Completion& completion) noexcept {
    auto& self = *static_cast<Wired*>(context);
    if (completion.result <= 0) return;
    self.received.append(reinterpret_cast<const char*>(completion.bytes.data()),
                         completion.bytes.size());
    self.channel.start_send(std::as_bytes(std::span("answer", 6)));
  };
  wired.channel.send.callback = [](void* context, const Completion& completion) noexcept {
    static_cast<Wired*>(context)->results.push_back(completion.result);
  };
  wired.channel.send.context = &wired;
  wired.channel.start_receive();
  (void)loop().run_once(0);
  for (std::size_t i = 1; i <= 10; ++i) {
    wired.say("ask");
    const std::uint64_t before = loop().counters().enters;
    std::uint64_t rounds = 0;
    ASSERT_TRUE(turn_until([&] { return ++rounds, wired.results.size() == i; }));
    EXPECT_LE(loop().counters().enters - before, rounds - 1);
    EXPECT_EQ(wired.received.size(), 3 * i);
  }
  EXPECT_EQ(wired.results, std::vector<int>(10, 6));
}

RINGSIDE_OVER_EACH_BACKEND(LoopTest);

struct StampMessage {
  alignas(cmsghdr) std::array<std::byte, stamp_control_bytes> control{};

  StampMessage(timespec stamp, int type = SCM_TIMESTAMPNS) {
    header()->cmsg_level = SOL_SOCKET;
    header()->cmsg_type = type;
    header()->cmsg_len = CMSG_LEN(sizeof(stamp));
    std::memcpy(CMSG_DATA(header()), &stamp, sizeof(stamp));
  }
  cmsghdr* header() { return reinterpret_cast<cmsghdr*>(control.data()); }
};

TEST(ReceiveStamp, IsAnAgeByTheSameClock) {
  StampMessage message({.tv_sec = 7, .tv_nsec = 5});
  EXPECT_EQ(stamp_age_ns(message.header(), 7 * ns_per_s + 1005), 1000);
  EXPECT_EQ(stamp_age_ns(message.header(), 7 * ns_per_s + 5), 0);
}

TEST(ReceiveStamp, OfTheFutureOrOfAnotherKindOrNoneIsNoAge) {
  StampMessage message({.tv_sec = 7, .tv_nsec = 5});
  EXPECT_EQ(stamp_age_ns(message.header(), 7 * ns_per_s), unstamped_ns);
  EXPECT_EQ(stamp_age_ns(nullptr, 8 * ns_per_s), unstamped_ns);
  message.header()->cmsg_len = CMSG_LEN(8);
  EXPECT_EQ(stamp_age_ns(message.header(), 8 * ns_per_s), unstamped_ns);
  StampMessage other({.tv_sec = 7, .tv_nsec = 5}, SCM_RIGHTS);
  EXPECT_EQ(stamp_age_ns(other.header(), 8 * ns_per_s), unstamped_ns);
}

// The tests themselves may be run with a backend forced.
class LoopEnvironment : public testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    ::unsetenv("RINGSIDE_NET_BACKEND");
    ::unsetenv("RINGSIDE_NET_KERNEL");
  }
};

TEST_F(LoopEnvironment, TheEnvironmentForcesABackend) {
  ::setenv("RINGSIDE_NET_BACKEND", "epoll", 1);
  const Loop loop({.backend = BackendKind::Uring});
  EXPECT_STREQ(loop.backend_name(), "epoll");
}

TEST_F(LoopEnvironment, TheEnvironmentConfinesToAnOlderKernel) {
  if (!uring_works()) GTEST_SKIP() << "this machine refuses io_uring";
  ::setenv("RINGSIDE_NET_KERNEL", "6.1", 1);
  const Loop loop({.backend = BackendKind::Uring});
  EXPECT_STREQ(loop.backend_name(), "io_uring (kernel 6.1 features)");
}

TEST_F(LoopEnvironment, AnUnknownValueIsRefusedWithItsName) {
  ::setenv("RINGSIDE_NET_BACKEND", "kqueue", 1);
  try {
    const Loop loop;
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("RINGSIDE_NET_BACKEND=kqueue"), std::string::npos);
  }
}

TEST_F(LoopEnvironment, AutoAlwaysFindsABackendAndSaysWhenItIsTheSecondChoice) {
  const Loop loop;
  EXPECT_EQ(loop.fallback_line().empty(), uring_works());
}

// As Docker's default profile does.
void forbid_io_uring() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("seccomp");
    ::_exit(9);
  }
}

TEST_F(LoopEnvironment, WhereIoUringIsForbiddenAutoTakesEpollAndSaysWhy) {
  EXPECT_EXIT(
      {
        forbid_io_uring();
        const Loop loop;
        std::fprintf(stderr, "%s|%s\n", loop.backend_name(), loop.fallback_line().c_str());
        ::_exit(0);
      },
      testing::ExitedWithCode(0),
      "^epoll.network: epoll instead of io_uring: io_uring_setup .refused: see "
      "kernel.io_uring_disabled and the container's seccomp profile.: Operation not permitted");
}

TEST_F(LoopEnvironment, WhereIoUringIsForbiddenAForcedOneIsAnError) {
  EXPECT_EXIT(
      {
        forbid_io_uring();
        try {
          const Loop loop({.backend = BackendKind::Uring});
        } catch (const std::system_error& error) {
          std::fprintf(stderr, "%s\n", error.what());
          ::_exit(2);
        }
        ::_exit(0);
      },
      testing::ExitedWithCode(2), "seccomp");
}

}  // namespace
}  // namespace ringside::net
