#include <gtest/gtest.h>

#include <string>

#include "net/websocket_handshake.hpp"

namespace ringside::net {
namespace {

const std::string rfc_key = "dGhlIHNhbXBsZSBub25jZQ==";
const std::string rfc_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

UpgradeError response_verdict(const std::string& text) {
  ResponseHead head;
  EXPECT_EQ(parse_response_head(text, head).error, HeadError::None);
  std::optional<DeflateAgreement> agreement;
  return check_upgrade_response(head, rfc_accept, {}, agreement);
}

UpgradeError request_verdict(const std::string& text) {
  RequestHead head;
  EXPECT_EQ(parse_request_head(text, head).error, HeadError::None);
  return check_upgrade_request(head);
}

// RFC 6455, 1.3.
TEST(Handshake, KeyAndAcceptAreThoseOfTheStandard) {
  const std::string nonce = "the sample nonce";
  const WebSocketKey key = websocket_key(std::as_bytes(std::span(nonce)).first<nonce_bytes>());
  EXPECT_EQ(std::string(key.data(), key.size()), rfc_key);
  const WebSocketAccept accept = websocket_accept(rfc_key);
  EXPECT_EQ(std::string(accept.data(), accept.size()), rfc_accept);
}

TEST(Handshake, OurOwnRequestIsOneThatOurServerTakes) {
  const Url url = parse_url("wss://example.com:8443/v2?x=1");
  const std::string text = upgrade_request(url, rfc_key, "Origin: https://example.com\r\n");
  RequestHead head;
  ASSERT_EQ(parse_request_head(text, head).bytes, text.size());
  EXPECT_EQ(check_upgrade_request(head), UpgradeError::None);
  EXPECT_EQ(head.target, "/v2?x=1");
  EXPECT_EQ(head.headers.find("Host"), "example.com:8443");
  EXPECT_EQ(head.headers.find("Origin"), "https://example.com");
}

TEST(Handshake, AResponseIsHeldToEachRule) {
  const std::string good =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade"
      "\r\nSec-WebSocket-Accept: " +
      rfc_accept + "\r\n";
  EXPECT_EQ(response_verdict(good + "\r\n"), UpgradeError::None);
  EXPECT_EQ(response_verdict("HTTP/1.1 200 OK\r\n\r\n"), UpgradeError::Status);
  EXPECT_EQ(response_verdict("HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n"),
            UpgradeError::Upgrade);
  EXPECT_EQ(response_verdict("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"),
            UpgradeError::Connection);
  EXPECT_EQ(response_verdict("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: AAAA\r\n\r\n"),
            UpgradeError::Key);
  EXPECT_EQ(response_verdict(good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
            UpgradeError::Extension);
  EXPECT_EQ(response_verdict(good + "Sec-WebSocket-Protocol: chat\r\n\r\n"),
            UpgradeError::Subprotocol);
}

TEST(Handshake, ARequestIsHeldToEachRule) {
  const std::string fields = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  const std::string key = "Sec-WebSocket-Key: " + rfc_key + "\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  EXPECT_EQ(request_verdict("GET / HTTP/1.1\r\n" + fields + key + version + "\r\n"),
            UpgradeError::None);
  EXPECT_EQ(request_verdict("POST / HTTP/1.1\r\n" + fields + key + version + "\r\n"),
            UpgradeError::Method);
  EXPECT_EQ(request_verdict("GET / HTTP/1.0\r\n" + fields + key + version + "\r\n"),
            UpgradeError::Method);
  EXPECT_EQ(request_verdict("GET / HTTP/1.1\r\n" + fields + key + "\r\n"), UpgradeError::Version);
  EXPECT_EQ(request_verdict("GET / HTTP/1.1\r\n" + fields + version + "\r\n"), UpgradeError::Key);
  EXPECT_EQ(request_verdict("GET / HTTP/1.1\r\nUpgrade: websocket\r\n" + key + version + "\r\n"),
            UpgradeError::Connection);
}

}  // namespace
}  // namespace ringside::net
