// Where a connection goes: scheme://host[:port][/target]. Only what RFC 3986 needs for ws, wss,
// http and https; user information and fragments are refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::net {

struct Url {
  bool tls = false;
  bool websocket = false;
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string target = "/";  // path and query

  // For the Host header: with brackets where needed, without the scheme's own port.
  [[nodiscard]] std::string authority() const;
};

// Throws std::system_error (invalid_argument) that names the URL and what is wrong with it.
[[nodiscard]] Url parse_url(std::string_view text);

}  // namespace ringside::net
