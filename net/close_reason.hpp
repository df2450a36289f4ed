// Why a connection ended. One list for every layer, so that a counter and a log line name the layer
// that saw it first; a WebSocket's numeric close code travels beside it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringside::net {

enum class CloseReason : std::uint8_t {
  None,                      // not closed
  Requested,                 // we asked, and the peer agreed or fell silent
  PeerClosed,                // the peer's WebSocket Close frame
  PeerFinished,              // end of stream, without a WebSocket Close where one belongs
  PeerReset,                 // ECONNRESET, EPIPE
  ResolveFailed,             // the name has no address
  ResolveTimeout,            //
  ConnectFailed,             // every address refused or unreachable
  ConnectTimeout,            //
  ProxyRefused,              // its HTTP status is in the detail
  ProxyInvalid,              // no HTTP
  ProxyTimeout,              //
  TlsHandshakeFailed,        // anything but the certificate
  TlsCertificateExpired,     // or not valid yet
  TlsCertificateSelfSigned,  // signed by itself, and not trusted
  TlsCertificateUntrusted,   // nobody whom we trust has signed it
  TlsCertificateWrongHost,   // of another name or address
  TlsCertificateRefused,     // anything else about it
  TlsTimeout,                //
  TlsBroken,                 // a record that does not decrypt, an alert
  TlsTruncated,              // end of stream without close_notify
  UpgradeRedirected,         // HTTP 301, 302, 303, 307, 308; where to is in the detail
  UpgradeForbidden,          // HTTP 401, 403
  UpgradeThrottled,          // HTTP 418, 429
  UpgradeServerError,        // HTTP 5xx
  UpgradeRefused,            // any other HTTP answer; its status is in the detail
  UpgradeInvalid,            // 101 that does not keep RFC 6455, or no HTTP at all
  UpgradeTimeout,            //
  ProtocolError,             // the peer broke RFC 6455 (1002, 1003, 1007)
  TooLarge,                  // a frame, message or head beyond its limit (1009)
  SendQueueFull,             // we produce faster than the peer takes
  PongTimeout,               //
  SilenceTimeout,            // no data for longer than the watchdog allows
  IdleTimeout,               // a server's peer that never finished its request
  SocketError,               // any other errno
};
inline constexpr std::size_t close_reason_count =
    static_cast<std::size_t>(CloseReason::SocketError) + 1;

using CloseCounters = std::array<std::uint64_t, close_reason_count>;

// Stable snake_case, for counters and logs.
[[nodiscard]] const char* name_of(CloseReason reason) noexcept;

}  // namespace ringside::net
