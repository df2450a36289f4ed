#include "net/close_reason.hpp"

namespace ringside::net {

const char* name_of(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::None:
      return "none";
    case CloseReason::Requested:
      return "requested";
    case CloseReason::PeerClosed:
      return "peer_closed";
    case CloseReason::PeerFinished:
      return "peer_finished";
    case CloseReason::PeerReset:
      return "peer_reset";
    case CloseReason::ResolveFailed:
      return "resolve_failed";
    case CloseReason::ResolveTimeout:
      return "resolve_timeout";
    case CloseReason::ConnectFailed:
      return "connect_failed";
    case CloseReason::ConnectTimeout:
      return "connect_timeout";
    case CloseReason::ProxyRefused:
      return "proxy_refused";
    case CloseReason::ProxyInvalid:
      return "proxy_invalid";
    case CloseReason::ProxyTimeout:
      return "proxy_timeout";
    case CloseReason::TlsHandshakeFailed:
      return "tls_handshake_failed";
    case CloseReason::TlsCertificateExpired:
      return "certificate_expired";
    case CloseReason::TlsCertificateSelfSigned:
      return "certificate_self_signed";
    case CloseReason::TlsCertificateUntrusted:
      return "certificate_untrusted";
    case CloseReason::TlsCertificateWrongHost:
      return "certificate_wrong_host";
    case CloseReason::TlsCertificateRefused:
      return "certificate_refused";
    case CloseReason::TlsTimeout:
      return "tls_timeout";
    case CloseReason::TlsBroken:
      return "tls_broken";
    case CloseReason::TlsTruncated:
      return "tls_truncated";
    case CloseReason::UpgradeRedirected:
      return "upgrade_redirected";
    case CloseReason::UpgradeForbidden:
      return "upgrade_forbidden";
    case CloseReason::UpgradeThrottled:
      return "upgrade_throttled";
    case CloseReason::UpgradeServerError:
      return "upgrade_server_error";
    case CloseReason::UpgradeRefused:
      return "upgrade_refused";
    case CloseReason::UpgradeInvalid:
      return "upgrade_invalid";
    case CloseReason::UpgradeTimeout:
      return "upgrade_timeout";
    case CloseReason::ProtocolError:
      return "protocol_error";
    case CloseReason::TooLarge:
      return "too_large";
    case CloseReason::SendQueueFull:
      return "send_queue_full";
    case CloseReason::PongTimeout:
      return "pong_timeout";
    case CloseReason::SilenceTimeout:
      return "silence_timeout";
    case CloseReason::IdleTimeout:
      return "idle_timeout";
    case CloseReason::SocketError:
      return "socket_error";
  }
  return "unknown";
}

}  // namespace ringside::net
