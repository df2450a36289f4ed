#include "net/connection_state.hpp"

#include "ipc/check.hpp"

namespace ringside::net {

const char* name_of(ConnectionState state) noexcept {
  switch (state) {
    case ConnectionState::Closed:
      return "closed";
    case ConnectionState::AwaitingRetry:
      return "awaiting_retry";
    case ConnectionState::AwaitingTurn:
      return "awaiting_turn";
    case ConnectionState::Resolving:
      return "resolving";
    case ConnectionState::Connecting:
      return "connecting";
    case ConnectionState::ProxyHandshake:
      return "proxy_handshake";
    case ConnectionState::TlsHandshake:
      return "tls_handshake";
    case ConnectionState::Upgrading:
      return "upgrading";
    case ConnectionState::Open:
      return "open";
    case ConnectionState::Closing:
      return "closing";
    case ConnectionState::Ending:
      return "ending";
    case ConnectionState::Draining:
      return "draining";
    case ConnectionState::Finishing:
      return "finishing";
    case ConnectionState::Quiescing:
      return "quiescing";
  }
  return "unknown";
}

void ConnectionLife::enter(ConnectionState state, std::int64_t steady_ns) noexcept {
  RINGSIDE_CHECK(may_follow(state_, state));
  StateChange change{state_, state, steady_ns, 0};
  if (state_ == ConnectionState::Closed) {
    spent_ns_.fill(0);
  } else {
    change.spent_ns = steady_ns - since_ns_;
    spent_ns_[static_cast<std::size_t>(state_)] = change.spent_ns;
  }
  state_ = state;
  since_ns_ = steady_ns;
  ++entered_[static_cast<std::size_t>(state)];
  if (on_state_ != nullptr) on_state_(context_, change);
}

}  // namespace ringside::net
