#include "net/url.hpp"

#include <gtest/gtest.h>

#include <system_error>

#include "net/resolver.hpp"

namespace ringside::net {
namespace {

TEST(Url, PartsAreFoundAndDefaultsFilledIn) {
  const Url url = parse_url("wss://ws.kraken.com/v2");
  EXPECT_TRUE(url.tls);
  EXPECT_TRUE(url.websocket);
  EXPECT_EQ(url.host, "ws.kraken.com");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.target, "/v2");
  EXPECT_EQ(url.authority(), "ws.kraken.com");
}

TEST(Url, AddressesPortsAndQueriesAreUnderstood) {
  const Url ipv6 = parse_url("ws://[::1]:9443?a=b");
  EXPECT_EQ(ipv6.host, "::1");
  EXPECT_EQ(ipv6.port, 9443);
  EXPECT_EQ(ipv6.target, "/?a=b");
  EXPECT_EQ(ipv6.authority(), "[::1]:9443");
  const Url plain = parse_url("http://127.0.0.1:80");
  EXPECT_FALSE(plain.websocket);
  EXPECT_EQ(plain.target, "/");
  EXPECT_EQ(plain.authority(), "127.0.0.1");
}

TEST(Url, WhatCannotBeConnectedToIsRefusedAtSetup) {
  for (const char* text : {"", "kraken.com", "ftp://x/", "ws://", "ws://:80/", "ws://h:0/",
                           "ws://h:65536/", "ws://h:8x/", "ws://h:/", "ws://user@h/", "ws://h/a b",
                           "ws://h/\r\nHost: x", "ws://h/#f", "ws://[::1/", "ws://[::1]x/"}) {
    EXPECT_THROW((void)parse_url(text), std::system_error) << text;
  }
}

TEST(Address, NumericHostsNeedNoLookup) {
  EXPECT_EQ(format_address(parse_numeric("127.0.0.1", 80).value()), "127.0.0.1:80");
  EXPECT_EQ(format_address(parse_numeric("::1", 443).value()), "[::1]:443");
  EXPECT_FALSE(parse_numeric("localhost", 80).has_value());
  EXPECT_FALSE(parse_numeric("", 80).has_value());
  EXPECT_FALSE(parse_numeric(std::string(300, '1'), 80).has_value());
}

}  // namespace
}  // namespace ringside::net
