#include "net/proxy.hpp"

#include "net/http_head.hpp"

namespace ringside::net {

std::string connect_request(const ProxyOptions& proxy, std::string_view host, std::uint16_t port) {
  // An IPv6 address stands in brackets.
  const bool colons = host.find(':') != std::string_view::npos;
  std::string authority = colons ? "[" + std::string(host) + "]" : std::string(host);
  authority += ":" + std::to_string(port);
  std::string text = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority +
                     "\r\nUser-Agent: ringside/" RINGSIDE_VERSION "\r\n";
  if (!proxy.authorization.empty()) {
    text += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  }
  return text + "\r\n";
}

ProxyAnswer read_connect_answer(std::string_view bytes) noexcept {
  while (true) {
    ResponseHead head;
    const HeadResult result = parse_response_head(bytes, head);
    if (result.error != HeadError::None) return {ProxyVerdict::Invalid, 0};
    if (result.bytes == 0) return {ProxyVerdict::Incomplete, 0};
    bytes.remove_prefix(result.bytes);
    if (head.status < 200) continue;  // interim
    if (head.status >= 300) return {ProxyVerdict::Refused, head.status};
    return {bytes.empty() ? ProxyVerdict::Connected : ProxyVerdict::Invalid, head.status};
  }
}

}  // namespace ringside::net
