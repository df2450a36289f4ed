// Reaching a server through an HTTP proxy (CONNECT, RFC 9110, 9.3.6): the request, and the answer.
// Pure. Only where it is configured: no environment variable is looked at.
//
// Bounded by: head_bytes_max. Fails by: ProxyVerdict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::net {

struct ProxyOptions {
  std::string host{};  // name or address; empty: no proxy
  std::uint16_t port = 0;
  std::string authorization{};  // the value of Proxy-Authorization; empty: none
};

// `host` and `port`: of the server behind it, which resolves the name.
[[nodiscard]] std::string connect_request(const ProxyOptions& proxy, std::string_view host,
                                          std::uint16_t port);

enum class ProxyVerdict : std::uint8_t {
  Incomplete,
  Connected,
  Refused,  // an HTTP status other than 2xx
  Invalid,  // no HTTP, or bytes behind the answer, though the server has nothing to say yet
};

struct ProxyAnswer {
  ProxyVerdict verdict = ProxyVerdict::Incomplete;
  int status = 0;  // of HTTP; 0: none came
};
[[nodiscard]] ProxyAnswer read_connect_answer(std::string_view bytes) noexcept;

}  // namespace ringside::net
