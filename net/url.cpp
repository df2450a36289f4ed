#include "net/url.hpp"

#include <charconv>
#include <system_error>

namespace ringside::net {

namespace {

[[noreturn]] void refuse(std::string_view text, const char* reason) {
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "URL \"" + std::string(text) + "\": " + reason);
}

struct Scheme {
  std::string_view prefix;
  bool tls;
  bool websocket;
};
constexpr Scheme schemes[] = {{"ws://", false, true},
                              {"wss://", true, true},
                              {"http://", false, false},
                              {"https://", true, false}};

std::uint16_t parse_port(std::string_view url, std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535) {
    refuse(url, "the port must be a number from 1 to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

}  // namespace

std::string Url::authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string text = ipv6 ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

Url parse_url(std::string_view text) {
  Url url;
  const Scheme* found = nullptr;
  for (const Scheme& scheme : schemes) {
    if (text.starts_with(scheme.prefix)) found = &scheme;
  }
  if (found == nullptr) refuse(text, "it must begin with ws://, wss://, http:// or https://");
  url.tls = found->tls;
  url.websocket = found->websocket;
  for (const char c : text) {
    if (c <= ' ' || c == 0x7f)
      refuse(text, "spaces and control characters must be percent-encoded");
    if (c == '#') refuse(text, "a fragment has no meaning here");
  }
  std::string_view rest = text.substr(found->prefix.size());
  const std::size_t slash = rest.find_first_of("/?");
  if (slash != std::string_view::npos) {
    url.target = rest.substr(slash);
    if (url.target.front() == '?') url.target.insert(0, "/");
    rest = rest.substr(0, slash);
  }
  if (rest.find('@') != std::string_view::npos) refuse(text, "user information is not accepted");
  url.port = url.tls ? 443 : 80;
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) refuse(text, "the bracket of the address is not closed");
    url.host = rest.substr(1, close - 1);
    rest = rest.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') refuse(text, "a port must follow the bracket");
    if (!rest.empty()) url.port = parse_port(text, rest.substr(1));
  } else {
    const std::size_t colon = rest.find(':');
    url.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) url.port = parse_port(text, rest.substr(colon + 1));
  }
  if (url.host.empty()) refuse(text, "the host is missing");
  if (url.host.size() > 255) refuse(text, "the host is longer than 255 bytes");
  return url;
}

}  // namespace ringside::net
