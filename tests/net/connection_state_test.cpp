// The life of a connection is the table of net/connection_state.hpp: each step of it is taken here
// by real sockets and told exactly once, and whatever a peer does, no other one is.
#include "net/connection_state.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "websocket_fixture.hpp"

namespace ringside::net {
namespace {

using enum ConnectionState;
using Path = std::vector<ConnectionState>;
using Pair = std::pair<ConnectionState, ConnectionState>;

// What a connection was told to have done, held against itself and against its counters.
Path path_of(const std::vector<StateChange>& steps, const ConnectionLife& life) {
  Path path;
  StateCounters entered{};
  ConnectionState state = Closed;
  std::int64_t since_ns = 0;
  for (const StateChange& step : steps) {
    EXPECT_EQ(step.from, state);
    EXPECT_TRUE(may_follow(step.from, step.to)) << name_of(step.from) << " " << name_of(step.to);
    EXPECT_EQ(step.spent_ns, state == Closed ? 0 : step.steady_ns - since_ns);
    EXPECT_GE(step.spent_ns, 0);
    state = step.to;
    since_ns = step.steady_ns;
    ++entered[static_cast<std::size_t>(state)];
    path.push_back(state);
  }
  EXPECT_EQ(life.state(), state);
  EXPECT_EQ(life.entered(), entered) << "counted as often as told";
  return path;
}

// A stream without a WebSocket.
struct Raw {
  explicit Raw(Loop& loop, const StreamOptions& options = {})
      : stream(loop, options,
               {.context = this,
                .on_open = [](void*) noexcept {},
                .on_bytes = [](void*, std::span<std::byte> bytes,
                               ReceiveTimes) noexcept { return bytes.size(); },
                .on_sent = nullptr,
                .on_close = [](void* context, CloseReason,
                               std::string_view) noexcept { ++static_cast<Raw*>(context)->closed; },
                .on_state =
                    [](void* context, const StateChange& change) noexcept {
                      static_cast<Raw*>(context)->steps.push_back(change);
                    }}) {}
  bool say(std::string_view text) {
    if (!stream.reserve(text.size())) return false;
    stream.write(std::as_bytes(std::span(text)));
    stream.flush();
    return true;
  }
  std::vector<StateChange> steps;
  int closed = 0;
  Stream stream;
};

class ConnectionStates : public OverEachBackend {
 protected:
  template <typename Side>
  const ConnectionLife& life_of(const Side& side) {
    if constexpr (std::is_same_v<Side, Raw>) {
      return side.stream.life();
    } else {
      return side.client.life();
    }
  }
  // Turns until it is over, and expects that it went this way from Closed to Closed.
  template <typename Side>
  void expect_path(Side& side, Path expected, int closed = 1) {
    EXPECT_TRUE(turn_until([&] { return side.closed == closed; }));
    EXPECT_EQ(path_of(side.steps, life_of(side)), expected);
    for (const StateChange& step : side.steps) taken.insert({step.from, step.to});
  }
  template <typename Side>
  void reach(Side& side, ConnectionState state) {
    ASSERT_TRUE(turn_until([&] { return life_of(side).state() == state; })) << name_of(state);
  }
  // A proxy by hand: its answer to what a client asks.
  void answer_connect(const Listener& proxy, int& peer, const std::string& answer) {
    std::string asked;
    ASSERT_TRUE(turn_until([&] {
      pollfd waiting{proxy.descriptor, POLLIN, 0};
      if (peer < 0 && ::poll(&waiting, 1, 0) == 1) peer = proxy.accept(SOCK_NONBLOCK);
      char bytes[1024];
      const ssize_t count = peer < 0 ? 0 : ::recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT);
      if (count > 0) asked.append(bytes, static_cast<std::size_t>(count));
      return asked.ends_with("\r\n\r\n");
    }));
    ASSERT_EQ(::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer.size()));
  }

  void orderly_lives();
  void waiting_lives();
  void lives_without_a_websocket();
  void lives_through_a_proxy();
  void early_ends();
  void ends_of_open_ones();
  void ends_within_an_end();

  std::set<Pair> taken;
  LocalTls local;
};

const Path orderly_end{Draining, Finishing, Quiescing, Closed};

Path then(Path path, const Path& more) {
  path.insert(path.end(), more.begin(), more.end());
  return path;
}

void ConnectionStates::orderly_lives() {
  ServerSide secure(loop(), {.tls = &local.server});
  ClientSide ours(loop(), {.url = url_of(secure.server, "/", true), .tls = &local.client});
  ours.client.connect();
  reach(ours, Open);
  ours.client.close();
  expect_path(ours, then({Resolving, Connecting, TlsHandshake, Upgrading, Open, Closing, Ending},
                         orderly_end));
  ServerSide server(loop());
  ClientSide theirs(loop(), {.url = url_of(server.server)});
  theirs.client.connect();
  ASSERT_TRUE(turn_until([&] { return server.opened > 0 && theirs.opened > 0; }));
  server.last->close(1000);
  expect_path(theirs, then({Resolving, Connecting, Upgrading, Open, Ending}, orderly_end));
}

// What an owner says that it waits for; nothing else happens meanwhile.
void ConnectionStates::waiting_lives() {
  ClientSide client(loop(), {.url = "ws://127.0.0.1:1/"});
  for (const auto state : {AwaitingTurn, Closed, AwaitingRetry, Closed, AwaitingRetry}) {
    client.client.await(state);
    EXPECT_TRUE(client.client.closed());
  }
  client.client.await(AwaitingTurn);
  client.client.connect();
  client.client.abort();
  expect_path(client, {AwaitingTurn, Closed, AwaitingRetry, Closed, AwaitingRetry, AwaitingTurn,
                       Resolving, Connecting, Quiescing, Closed});
}

void ConnectionStates::lives_without_a_websocket() {
  for (const bool tls : {false, true}) {
    const Listener listener;
    Raw client(loop());
    Raw server(loop());
    client.stream.connect("127.0.0.1", listener.port, tls ? &local.client : nullptr);
    (void)loop().run_once(0);
    server.stream.accept(listener.accept(loop().socket_flags()), tls ? &local.server : nullptr);
    reach(client, Open);
    reach(server, Open);
    client.stream.close(CloseReason::Requested);
    const Path up = tls ? Path{Connecting, TlsHandshake, Open} : Path{Connecting, Open};
    expect_path(client, then(then({Resolving}, up), orderly_end));
    expect_path(server, then(up, orderly_end));
  }
}

void ConnectionStates::lives_through_a_proxy() {
  const std::string yes = "HTTP/1.1 200 Connection established\r\n\r\n";
  const Listener proxy;
  const StreamOptions through{.proxy = {"127.0.0.1", proxy.port, ""}};
  const auto accepted = [&](auto& side, const std::string& answer, ConnectionState until) {
    int peer = -1;
    answer_connect(proxy, peer, answer);
    if (!at_rest(until)) reach(side, until);
    return peer;
  };
  Raw raw(loop(), through);
  raw.stream.connect("server.invalid", 9, nullptr);
  int peer = accepted(raw, yes, Open);
  raw.stream.abort(CloseReason::Requested);
  expect_path(raw, {Resolving, Connecting, ProxyHandshake, Open, Quiescing, Closed});
  ::close(peer);
  ClientSide plain(loop(), {.url = "ws://server.invalid/", .stream = through});
  plain.client.connect();
  peer = accepted(plain, yes, Upgrading);
  plain.client.abort();
  expect_path(plain, {Resolving, Connecting, ProxyHandshake, Upgrading, Quiescing, Closed});
  ::close(peer);
  ClientSide tls(loop(), {.url = "wss://server.invalid/", .tls = &local.client, .stream = through});
  tls.client.connect();
  peer = accepted(tls, yes, TlsHandshake);
  tls.client.abort();
  expect_path(tls, {Resolving, Connecting, ProxyHandshake, TlsHandshake, Quiescing, Closed});
  ::close(peer);
  ClientSide refused(loop(), {.url = "ws://server.invalid/", .stream = through});
  refused.client.connect();
  peer = accepted(refused, "HTTP/1.1 502 Bad Gateway\r\n\r\n", Closed);
  expect_path(refused, {Resolving, Connecting, ProxyHandshake, Quiescing, Closed});
  ::close(peer);
}

void ConnectionStates::early_ends() {
  ClientSide named(loop(), {.url = "ws://localhost:9/"});
  named.client.connect();
  named.client.close();
  expect_path(named, {Resolving, Quiescing, Closed});
  std::uint16_t dead_port = 0;
  {
    const Listener gone;
    dead_port = gone.port;
  }
  ClientSide dead(loop(), {.url = "ws://127.0.0.1:" + std::to_string(dead_port)});
  dead.client.connect();
  expect_path(dead, {Resolving, Connecting, Quiescing, Closed});
  ServerSide secure(loop(), {.tls = &local.server});
  const TlsContext stranger = TlsContext::client({});
  ClientSide distrusting(loop(), {.url = url_of(secure.server, "/", true), .tls = &stranger});
  distrusting.client.connect();
  expect_path(distrusting, then({Resolving, Connecting, TlsHandshake}, orderly_end));
  ServerSide server(loop());
  ClientSide refused(loop(), {.url = url_of(server.server, "/refused")});
  refused.client.connect();
  expect_path(refused, then({Resolving, Connecting, Upgrading}, orderly_end));
}

void ConnectionStates::ends_of_open_ones() {
  ServerSide server(loop());
  ClientSide client(loop(), {.url = url_of(server.server)});
  client.client.connect();
  reach(client, Open);
  client.client.abort();
  const Path up{Resolving, Connecting, Upgrading, Open};
  expect_path(client, then(up, {Quiescing, Closed}));
  client.steps.clear();
  ClientSide left(loop(), {.url = url_of(server.server)});
  left.client.connect();
  ASSERT_TRUE(turn_until([&] { return server.opened > 1 && left.opened > 0; }));
  server.last->abort();
  expect_path(left, then(up, orderly_end));
  ClientSide offended(loop(), {.url = url_of(server.server)});
  offended.client.connect();
  ASSERT_TRUE(turn_until([&] { return server.opened > 2 && offended.opened > 0; }));
  ASSERT_TRUE(server.last->send_raw("\x83"));
  ASSERT_TRUE(server.last->send_raw(std::string(1, '\0')));  // a reserved opcode
  expect_path(offended, then(up, orderly_end));
}

void ConnectionStates::ends_within_an_end() {
  const Path up{Resolving, Connecting, Upgrading, Open};
  Loop other(options_of(GetParam()));  // its server answers when this turns, and not before
  ServerSide server(other);
  const WebSocketClientOptions options{.url = url_of(server.server),
                                       .timing = {.closing_ns_max = 5 * ns_per_ms},
                                       .stream = {.close_ns_max = 5 * ns_per_ms}};
  const auto open = [&](ClientSide& client, int count) {
    client.client.connect();
    ASSERT_TRUE(turn_until([&] {
      (void)other.run_once(0);
      return client.opened > 0 && server.opened == count;
    }));
  };
  ClientSide unanswered(loop(), options);
  open(unanswered, 1);
  unanswered.client.close();
  expect_path(unanswered, then(then(up, {Closing}), orderly_end));
  ClientSide impatient(loop(), options);
  open(impatient, 2);
  impatient.client.close();
  impatient.client.close();
  expect_path(impatient, then(up, {Closing, Quiescing, Closed}));
  ClientSide aborting(loop(), options);
  open(aborting, 3);
  server.last->close(1000);
  ASSERT_TRUE(turn_until([&] {
    if (aborting.client.life().state() == Ending) return true;
    (void)other.run_once(0);
    return false;
  }));
  aborting.client.abort();
  expect_path(aborting, then(up, {Ending, Quiescing, Closed}));
  const Listener deaf;
  Raw unheard(loop(), {.close_ns_max = 5 * ns_per_ms});
  unheard.stream.connect("127.0.0.1", deaf.port, nullptr);
  reach(unheard, Open);
  const std::string block(8000, 'x');
  ASSERT_TRUE(turn_until([&, refused = 0]() mutable {
    refused = unheard.say(block) ? 0 : refused + 1;
    return refused == 20;  // sockets and queue are full
  }));
  unheard.stream.close(CloseReason::Requested);
  expect_path(unheard, {Resolving, Connecting, Open, Draining, Quiescing, Closed});
}

TEST_P(ConnectionStates, EveryStepOfTheTableIsTakenAndToldOnce) {
  orderly_lives();
  waiting_lives();
  lives_without_a_websocket();
  lives_through_a_proxy();
  early_ends();
  ends_of_open_ones();
  ends_within_an_end();
  for (const StateStep& step : state_steps) {
    EXPECT_EQ(taken.count({step.from, step.to}), 1u)
        << "never taken: " << name_of(step.from) << " -> " << name_of(step.to);
  }
  EXPECT_EQ(taken.size(), state_steps.size());
}

// Draws what happens to a connection from a seed.
class Chaos {
 public:
  explicit Chaos(unsigned seed) : random_(seed) {}
  [[nodiscard]] unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  [[nodiscard]] bool one_in(unsigned n) { return below(n) == 0; }

  WebSocketClientOptions options(std::string url, const TlsContext& tls) {
    const std::int64_t limit_ns = (1 + below(30)) * ns_per_ms;
    return {.url = std::move(url),
            .tls = &tls,
            .upgrade_ns_max = limit_ns,
            .timing = {.ping_interval_ns = one_in(2) ? ns_per_ms : 0,
                       .pong_ns_max = limit_ns,
                       .silence_ns_max = limit_ns,
                       .closing_ns_max = limit_ns},
            .stream = {.send_queue_bytes = one_in(4) ? 2048u : 16384u,
                       .tls_ns_max = limit_ns,
                       .close_ns_max = limit_ns}};
  }

  // From rest, with any waits before it.
  void connect(WebSocketClient& client) {
    const auto state = [&] { return client.life().state(); };
    if (state() == Closed && one_in(2)) client.await(one_in(2) ? AwaitingRetry : AwaitingTurn);
    if (state() == AwaitingRetry) client.await(AwaitingTurn);
    if (state() == AwaitingTurn && one_in(4)) client.await(Closed);
    client.connect();
  }
  void act(WebSocketClient& client) {
    switch (below(24)) {
      case 0:
        return client.close();
      case 1:
        return client.abort();
      case 2:
        (void)client.send_text(std::string(below(3000), 'x'));
        return;
      default:
        return;
    }
  }
  void act(ServerConnection& server) {
    switch (below(24)) {
      case 0:
        return server.close();
      case 1:
        return server.abort();
      case 2:
        return server.reset();
      case 3:
        return server.half_close();
      case 4:  // garbage, or parts of frames
        (void)server.send_raw(std::string(1 + below(40), static_cast<char>(below(256))));
        return;
      case 5:  // a Close, and more behind it
        (void)server.send_raw(std::string("\x88\x02\x03\xe8\x81\x01x", 7));
        return;
      default:
        (void)server.send_text("hello");
        return;
    }
  }

 private:
  std::mt19937 random_;
};

// Anything, at any time, by either side: whatever comes of it is in the table (or the process would
// be over), told once, and ends in Closed.
TEST_P(ConnectionStates, NoFaultLeadsOutOfTheTable) {
  const Listener mute(64);
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Chaos chaos(seed);
    const bool tls = chaos.one_in(2);
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    server.echo = false;
    std::string url = url_of(server.server, chaos.one_in(8) ? "/refused" : "/", tls);
    if (chaos.one_in(8)) {
      url = (tls ? "wss://127.0.0.1:" : "ws://127.0.0.1:") + std::to_string(mute.port);
    }
    ClientSide client(loop(), chaos.options(url, local.client));
    int connects = 0;
    for (int act = 0; act < 40; ++act) {
      if (client.client.closed() && chaos.one_in(2)) {
        chaos.connect(client.client);
        ++connects;
      }
      for (unsigned turns = chaos.below(6); turns > 0; --turns) (void)loop().run_once(0);
      if (chaos.one_in(3)) (void)loop().run_once(ns_per_ms);
      chaos.act(client.client);
      if (server.last != nullptr) chaos.act(*server.last);
    }
    client.client.abort();
    ASSERT_TRUE(turn_until([&] { return client.client.closed(); }));
    EXPECT_EQ(client.closed, connects);
    (void)path_of(client.steps, client.client.life());
  }
}

RINGSIDE_OVER_EACH_BACKEND(ConnectionStates);

TEST(ConnectionStateTable, HasEachStepOnceAndLeadsFromEveryStateToClosedWithoutACircle) {
  std::set<Pair> seen;
  for (const StateStep& step : state_steps) {
    EXPECT_TRUE(seen.insert({step.from, step.to}).second);
    // Forwards, or home: so an attempt has no more steps than there are states.
    EXPECT_TRUE(step.to > step.from || step.to == Closed);
  }
  for (std::size_t i = 0; i < connection_state_count; ++i) {
    const auto state = static_cast<ConnectionState>(i);
    EXPECT_STRNE(name_of(state), "unknown");
    const auto count = [&](auto&& is) {
      return std::count_if(state_steps.begin(), state_steps.end(), is);
    };
    EXPECT_GT(count([&](const StateStep& step) { return step.from == state; }), 0);
    EXPECT_GT(count([&](const StateStep& step) { return step.to == state; }), 0);
  }
}

TEST(ConnectionLifeTest, TimesAreOfOneAttemptAndStayUntilTheNext) {
  ConnectionLife life(nullptr, nullptr);
  life.enter(AwaitingTurn, 100);
  life.enter(Resolving, 105);
  life.enter(Connecting, 112);
  life.enter(Quiescing, 150);
  life.enter(Closed, 151);
  StateTimes spent{};
  spent[static_cast<std::size_t>(AwaitingTurn)] = 5;
  spent[static_cast<std::size_t>(Resolving)] = 7;
  spent[static_cast<std::size_t>(Connecting)] = 38;
  spent[static_cast<std::size_t>(Quiescing)] = 1;
  EXPECT_EQ(life.spent_ns(), spent);
  life.enter(Resolving, 1000);
  EXPECT_EQ(life.spent_ns(), StateTimes{});
}

TEST(ConnectionLifeDeathTest, AStepThatIsNotInTheTableEndsTheProcess) {
  ConnectionLife life(nullptr, nullptr);
  EXPECT_DEATH(life.enter(Open, 0), "may_follow");
  life.enter(Resolving, 0);
  EXPECT_DEATH(life.enter(Resolving, 0), "may_follow");
}

}  // namespace
}  // namespace ringside::net
