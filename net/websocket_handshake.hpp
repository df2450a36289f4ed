// The HTTP upgrade to WebSocket (RFC 6455, section 4), both sides. Pure: heads in, verdicts out.
// No subprotocol is offered and no extension but permessage-deflate, where that is configured: a
// server that names another breaks the protocol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/deflate.hpp"
#include "net/http_head.hpp"
#include "net/url.hpp"

namespace ringside::net {

inline constexpr std::size_t nonce_bytes = 16;
using WebSocketKey = std::array<char, 24>;     // base64 of 16 random bytes
using WebSocketAccept = std::array<char, 28>;  // base64 of a SHA-1

[[nodiscard]] WebSocketKey websocket_key(std::span<const std::byte, nonce_bytes> nonce) noexcept;
[[nodiscard]] WebSocketAccept websocket_accept(std::string_view key) noexcept;

// `extra_headers`: whole lines, each ended by CRLF; may be empty.
[[nodiscard]] std::string upgrade_request(const Url& url, std::string_view key,
                                          std::string_view extra_headers);

enum class UpgradeError : std::uint8_t {
  None,
  Status,       // not 101
  Upgrade,      // no "Upgrade: websocket"
  Connection,   // no "Connection: Upgrade"
  Key,          // Sec-WebSocket-Accept is of another key; or a request's key is no key
  Extension,    // one that was not offered, or otherwise than offered
  Subprotocol,  //
  Method,       // a request other than GET, or of HTTP/1.0
  Version,      // a request for another version than 13
};
inline constexpr std::size_t upgrade_error_count =
    static_cast<std::size_t>(UpgradeError::Version) + 1;
[[nodiscard]] const char* name_of(UpgradeError error) noexcept;

// `agreement`: set when the server has taken up the offer.
[[nodiscard]] UpgradeError check_upgrade_response(
    const ResponseHead& head, std::string_view expected_accept, const DeflateOptions& offered,
    std::optional<DeflateAgreement>& agreement) noexcept;
[[nodiscard]] bool wants_upgrade(const RequestHead& head) noexcept;
[[nodiscard]] UpgradeError check_upgrade_request(const RequestHead& head) noexcept;

}  // namespace ringside::net
