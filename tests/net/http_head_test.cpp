#include "net/http_head.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ringside::net {
namespace {

HeadError request_error(const std::string& text) {
  RequestHead head;
  return parse_request_head(text, head).error;
}

HeadError response_error(const std::string& text) {
  ResponseHead head;
  return parse_response_head(text, head).error;
}

TEST(HttpHead, ARequestIsTakenApart) {
  const std::string text =
      "GET /api/v3/depth?symbol=BTCUSDT&limit=5000 HTTP/1.1\r\nHost: example.com\r\n"
      "X-Empty:\r\nconnection:  keep-alive , Upgrade \r\n\r\nrest";
  RequestHead head;
  const HeadResult result = parse_request_head(text, head);
  ASSERT_EQ(result.error, HeadError::None);
  EXPECT_EQ(text.substr(result.bytes), "rest");
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/api/v3/depth?symbol=BTCUSDT&limit=5000");
  EXPECT_EQ(head.headers.count, 3u);
  EXPECT_EQ(head.headers.find("HOST"), "example.com");
  EXPECT_TRUE(head.headers.has("x-empty"));
  EXPECT_EQ(head.headers.find("x-empty"), "");
  EXPECT_TRUE(head.headers.has_token("Connection", "upgrade"));
  EXPECT_TRUE(head.headers.has_token("Connection", "Keep-Alive"));
  EXPECT_FALSE(head.headers.has_token("Connection", "close"));
}

TEST(HttpHead, AResponseIsTakenApart) {
  const std::string text =
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}";
  ResponseHead head;
  const HeadResult result = parse_response_head(text, head);
  ASSERT_EQ(result.error, HeadError::None);
  EXPECT_EQ(head.status, 429);
  EXPECT_EQ(head.reason, "Too Many Requests");
  EXPECT_EQ(head.body.content_bytes, 2u);
  EXPECT_EQ(text.substr(result.bytes), "{}");
}

TEST(HttpHead, AReasonMayBeEmptyOrMissing) {
  EXPECT_EQ(response_error("HTTP/1.1 200 \r\n\r\n"), HeadError::None);
  EXPECT_EQ(response_error("HTTP/1.1 200\r\n\r\n"), HeadError::None);
}

TEST(HttpHead, EveryPrefixIsIncompleteAndNoError) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: b\r\n\r\n";
  ResponseHead head;
  for (std::size_t count = 0; count < text.size(); ++count) {
    const HeadResult result = parse_response_head(std::string_view(text).substr(0, count), head);
    EXPECT_EQ(result.error, HeadError::None) << count;
    EXPECT_EQ(result.bytes, 0u) << count;
  }
  EXPECT_EQ(parse_response_head(text, head).bytes, text.size());
}

TEST(HttpHead, AHeadBeyondItsLimitsIsRefused) {
  EXPECT_EQ(request_error("GET /" + std::string(head_bytes_max, 'a')), HeadError::TooLong);
  EXPECT_EQ(request_error("GET /" + std::string(head_bytes_max, 'a') + " HTTP/1.1\r\n\r\n"),
            HeadError::TooLong);
  std::string many = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i < headers_max; ++i) many += "A: b\r\n";
  EXPECT_EQ(request_error(many + "\r\n"), HeadError::None);
  EXPECT_EQ(request_error(many + "A: b\r\n\r\n"), HeadError::TooManyHeaders);
}

TEST(HttpHead, WhatIsNoRequestIsRefusedByName) {
  EXPECT_EQ(request_error("GET /\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(request_error("GET  HTTP/1.1\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(request_error("GET / x HTTP/1.1\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(request_error("G(T / HTTP/1.1\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(request_error("GET / HTTP/2.0\r\n\r\n"), HeadError::Version);
  EXPECT_EQ(request_error("GET / HTTP/1.1\r\nNo colon\r\n\r\n"), HeadError::HeaderName);
  EXPECT_EQ(request_error("GET / HTTP/1.1\r\nA : b\r\n\r\n"), HeadError::HeaderName);
  EXPECT_EQ(request_error("GET / HTTP/1.1\r\n: b\r\n\r\n"), HeadError::HeaderName);
  EXPECT_EQ(request_error("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n"), HeadError::HeaderName);
  EXPECT_EQ(request_error("GET / HTTP/1.1\r\nA: b\x01\r\n\r\n"), HeadError::HeaderValue);
  EXPECT_EQ(request_error("GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n"), HeadError::LineEnding);
  EXPECT_EQ(request_error("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"), HeadError::LineEnding);
}

TEST(HttpHead, WhatIsNoResponseIsRefusedByName) {
  EXPECT_EQ(response_error("garbage\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(response_error("HTTP/1.1 20 OK\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(response_error("HTTP/1.1 099 Low\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(response_error("HTTP/1.1 2000 OK\r\n\r\n"), HeadError::StartLine);
  EXPECT_EQ(response_error("HTTP/3 200 OK\r\n\r\n"), HeadError::Version);
  EXPECT_EQ(response_error("ICY 200 OK\r\n\r\n"), HeadError::StartLine);
}

TEST(HttpHead, TwoOpinionsOnTheBodysEndAreRefused) {
  const std::string start = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(response_error(start + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
            HeadError::None);
  EXPECT_EQ(response_error(start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
            HeadError::BodyLength);
  for (const char* value : {"", "-1", "+1", "1x", "0x10", "5, 5", "99999999999999999999"}) {
    EXPECT_EQ(response_error(start + "Content-Length: " + value + "\r\n\r\n"),
              HeadError::BodyLength)
        << value;
  }
  EXPECT_EQ(response_error(start + "Transfer-Encoding: chunked\r\n\r\n"), HeadError::None);
  EXPECT_EQ(response_error(start + "Transfer-Encoding: gzip, chunked\r\n\r\n"),
            HeadError::TransferEncoding);
  EXPECT_EQ(response_error(start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
            HeadError::TransferEncoding);
  EXPECT_EQ(
      response_error(start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
      HeadError::TransferEncoding);
}

TEST(HttpHead, EveryErrorHasAName) {
  for (std::size_t i = 0; i < head_error_count; ++i) {
    EXPECT_STRNE(name_of(static_cast<HeadError>(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace ringside::net
