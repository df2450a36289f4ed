#include "net/websocket_handshake.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>

#include "ipc/check.hpp"

namespace ringside::net {

namespace {

constexpr std::string_view accept_suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t key_bytes_max = 64;

// EVP_EncodeBlock ends its output with a zero, which has no place in the result.
template <std::size_t out_bytes>
std::array<char, out_bytes> base64(const unsigned char* bytes, std::size_t count) noexcept {
  std::array<unsigned char, out_bytes + 1> text{};
  const int written = EVP_EncodeBlock(text.data(), bytes, static_cast<int>(count));
  RINGSIDE_CHECK(written == static_cast<int>(out_bytes));
  std::array<char, out_bytes> result{};
  std::copy_n(text.begin(), out_bytes, result.begin());
  return result;
}

bool is_key(std::string_view text) noexcept {
  const auto is_base64 = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  };
  return text.size() == 24 && text.ends_with("==") &&
         std::all_of(text.begin(), text.end() - 2, is_base64);
}

}  // namespace

WebSocketKey websocket_key(std::span<const std::byte, nonce_bytes> nonce) noexcept {
  return base64<24>(reinterpret_cast<const unsigned char*>(nonce.data()), nonce.size());
}

WebSocketAccept websocket_accept(std::string_view key) noexcept {
  std::array<unsigned char, key_bytes_max + accept_suffix.size()> input{};
  const std::size_t kept = std::min(key.size(), key_bytes_max);
  std::copy_n(key.begin(), kept, input.begin());
  std::copy(accept_suffix.begin(), accept_suffix.end(),
            input.begin() + static_cast<std::ptrdiff_t>(kept));
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(input.data(), kept + accept_suffix.size(), digest.data());
  return base64<28>(digest.data(), digest.size());
}

std::string upgrade_request(const Url& url, std::string_view key, std::string_view extra_headers) {
  std::string text = "GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority() +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
                     "\r\nSec-WebSocket-Key: ";
  text += key;
  text += "\r\nUser-Agent: ringside/" RINGSIDE_VERSION "\r\n";
  text += extra_headers;
  text += "\r\n";
  return text;
}

const char* name_of(UpgradeError error) noexcept {
  switch (error) {
    case UpgradeError::None:
      return "none";
    case UpgradeError::Status:
      return "status";
    case UpgradeError::Upgrade:
      return "upgrade";
    case UpgradeError::Connection:
      return "connection";
    case UpgradeError::Key:
      return "key";
    case UpgradeError::Extension:
      return "extension";
    case UpgradeError::Subprotocol:
      return "subprotocol";
    case UpgradeError::Method:
      return "method";
    case UpgradeError::Version:
      return "version";
  }
  return "unknown";
}

UpgradeError check_upgrade_response(const ResponseHead& head, std::string_view expected_accept,
                                    const DeflateOptions& offered,
                                    std::optional<DeflateAgreement>& agreement) noexcept {
  agreement.reset();
  if (head.status != 101) return UpgradeError::Status;
  if (!head.headers.has_token("Upgrade", "websocket")) return UpgradeError::Upgrade;
  if (!head.headers.has_token("Connection", "Upgrade")) return UpgradeError::Connection;
  if (head.headers.find("Sec-WebSocket-Accept") != expected_accept) return UpgradeError::Key;
  DeflateAgreement answered;
  const DeflateAnswer answer = read_deflate_answer(head.headers, offered, answered);
  if (answer == DeflateAnswer::Invalid) return UpgradeError::Extension;
  if (head.headers.has("Sec-WebSocket-Protocol")) return UpgradeError::Subprotocol;
  if (answer == DeflateAnswer::Agreed) agreement = answered;
  return UpgradeError::None;
}

bool wants_upgrade(const RequestHead& head) noexcept {
  return head.headers.has_token("Upgrade", "websocket");
}

UpgradeError check_upgrade_request(const RequestHead& head) noexcept {
  if (head.method != "GET" || head.http_1_0) return UpgradeError::Method;
  if (!head.headers.has_token("Upgrade", "websocket")) return UpgradeError::Upgrade;
  if (!head.headers.has_token("Connection", "Upgrade")) return UpgradeError::Connection;
  if (head.headers.find("Sec-WebSocket-Version") != "13") return UpgradeError::Version;
  if (!is_key(head.headers.find("Sec-WebSocket-Key"))) return UpgradeError::Key;
  return UpgradeError::None;
}

}  // namespace ringside::net
