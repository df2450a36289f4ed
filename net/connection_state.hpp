// The life of a connection, from its owner's decision to try again until its socket is gone: one
// machine for TCP, TLS, HTTP and WebSocket, so that a counter, an event and a duration belong to
// each step of it, whichever layer takes it.
//
//   Closed -> AwaitingRetry -> AwaitingTurn -> Resolving -> Connecting (-> ProxyHandshake)
//     (-> TlsHandshake) (-> Upgrading) -> Open (-> Closing) (-> Ending) -> Draining -> Finishing
//     -> Quiescing -> Closed
//
// What may follow what is state_steps, and nothing else is possible: a step that is not in it ends
// the process (a programmer's error; no peer can cause one).
//
// Threads: the owner's. Bounded by: one event a step; from Closed to Closed there are 14 at most.
// Fails by: RINGSIDE_CHECK.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringside::net {

enum class ConnectionState : std::uint8_t {
  Closed,
  AwaitingRetry,   // its owner's backoff
  AwaitingTurn,    // its owner's limit of connects
  Resolving,       //
  Connecting,      // to an address, and where that is silent to another; or just accepted
  ProxyHandshake,  // CONNECT
  TlsHandshake,    //
  Upgrading,       // HTTP, on its way to a WebSocket
  Open,            //
  Closing,         // our Close frame is sent, the peer's awaited
  Ending,          // both are, or the peer's is answered: a server finishes first
  Draining,        // the send queue empties
  Finishing,       // FIN sent: the peer's is awaited
  Quiescing,       // operations cancelled: the kernel lets go
};
inline constexpr std::size_t connection_state_count =
    static_cast<std::size_t>(ConnectionState::Quiescing) + 1;

// Stable snake_case, for counters and logs.
[[nodiscard]] const char* name_of(ConnectionState state) noexcept;

struct StateStep {
  ConnectionState from;
  ConnectionState to;
};

// Every step that can be taken, and when.
inline constexpr std::array state_steps{
    StateStep{ConnectionState::Closed, ConnectionState::AwaitingRetry},  // it ended
    StateStep{ConnectionState::Closed, ConnectionState::AwaitingTurn},  // wanted for the first time
    StateStep{ConnectionState::Closed, ConnectionState::Resolving},     // no owner to wait for
    StateStep{ConnectionState::Closed, ConnectionState::Connecting},    // accepted
    StateStep{ConnectionState::AwaitingRetry, ConnectionState::AwaitingTurn},
    StateStep{ConnectionState::AwaitingRetry, ConnectionState::Closed},  // no longer wanted
    StateStep{ConnectionState::AwaitingTurn, ConnectionState::Resolving},
    StateStep{ConnectionState::AwaitingTurn, ConnectionState::Closed},  // no longer wanted
    StateStep{ConnectionState::Resolving, ConnectionState::Connecting},
    StateStep{ConnectionState::Resolving, ConnectionState::Quiescing},
    StateStep{ConnectionState::Connecting, ConnectionState::ProxyHandshake},
    StateStep{ConnectionState::Connecting, ConnectionState::TlsHandshake},
    StateStep{ConnectionState::Connecting, ConnectionState::Upgrading},
    StateStep{ConnectionState::Connecting, ConnectionState::Open},
    StateStep{ConnectionState::Connecting, ConnectionState::Quiescing},
    StateStep{ConnectionState::ProxyHandshake, ConnectionState::TlsHandshake},
    StateStep{ConnectionState::ProxyHandshake, ConnectionState::Upgrading},
    StateStep{ConnectionState::ProxyHandshake, ConnectionState::Open},
    StateStep{ConnectionState::ProxyHandshake, ConnectionState::Quiescing},
    StateStep{ConnectionState::TlsHandshake, ConnectionState::Upgrading},
    StateStep{ConnectionState::TlsHandshake, ConnectionState::Open},
    StateStep{ConnectionState::TlsHandshake, ConnectionState::Draining},  // our alert goes out
    StateStep{ConnectionState::TlsHandshake, ConnectionState::Quiescing},
    StateStep{ConnectionState::Upgrading, ConnectionState::Open},
    StateStep{ConnectionState::Upgrading, ConnectionState::Draining},  // refused, or no WebSocket
    StateStep{ConnectionState::Upgrading, ConnectionState::Quiescing},
    StateStep{ConnectionState::Open, ConnectionState::Closing},  // by us
    StateStep{ConnectionState::Open, ConnectionState::Ending},   // by the peer
    StateStep{ConnectionState::Open,
              ConnectionState::Draining},  // the peer finished, or broke a rule
    StateStep{ConnectionState::Open, ConnectionState::Quiescing},
    StateStep{ConnectionState::Closing, ConnectionState::Ending},
    StateStep{ConnectionState::Closing, ConnectionState::Draining},  // its Close never came
    StateStep{ConnectionState::Closing, ConnectionState::Quiescing},
    StateStep{ConnectionState::Ending, ConnectionState::Draining},
    StateStep{ConnectionState::Ending, ConnectionState::Quiescing},
    StateStep{ConnectionState::Draining, ConnectionState::Finishing},
    StateStep{ConnectionState::Draining, ConnectionState::Quiescing},
    StateStep{ConnectionState::Finishing, ConnectionState::Quiescing},
    StateStep{ConnectionState::Quiescing, ConnectionState::Closed},
};

[[nodiscard]] constexpr bool may_follow(ConnectionState from, ConnectionState to) noexcept {
  for (const StateStep& step : state_steps) {
    if (step.from == from && step.to == to) return true;
  }
  return false;
}

// No socket, and nothing under way in the kernel: it may be connected.
[[nodiscard]] constexpr bool at_rest(ConnectionState state) noexcept {
  return state <= ConnectionState::AwaitingTurn;
}
// Bytes pass both ways.
[[nodiscard]] constexpr bool carries_bytes(ConnectionState state) noexcept {
  return state >= ConnectionState::Upgrading && state <= ConnectionState::Ending;
}

struct StateChange {
  ConnectionState from = ConnectionState::Closed;
  ConnectionState to = ConnectionState::Closed;
  std::int64_t steady_ns = 0;  // of the loop's round
  std::int64_t spent_ns = 0;   // in `from`
};

using StateTimes = std::array<std::int64_t, connection_state_count>;      // ns, by ConnectionState
using StateCounters = std::array<std::uint64_t, connection_state_count>;  // by ConnectionState

class ConnectionLife {
 public:
  // Called from within whatever takes the step, also a call of the owner's: it may look, and not
  // touch the connection. May be null.
  using OnState = void (*)(void* context, const StateChange& change) noexcept;
  ConnectionLife(OnState on_state, void* context) noexcept
      : on_state_(on_state), context_(context) {}

  void enter(ConnectionState state, std::int64_t steady_ns) noexcept;

  [[nodiscard]] ConnectionState state() const noexcept { return state_; }
  // Of this attempt, or of the last one: from Closed to Closed. The present state's is not in it.
  [[nodiscard]] const StateTimes& spent_ns() const noexcept { return spent_ns_; }
  [[nodiscard]] const StateCounters& entered() const noexcept { return entered_; }

 private:
  OnState on_state_;
  void* context_;
  ConnectionState state_ = ConnectionState::Closed;
  std::int64_t since_ns_ = 0;
  StateTimes spent_ns_{};
  StateCounters entered_{};
};

}  // namespace ringside::net
