// What a person reads when a venue cannot be had: once, with the remedy, and not a line a second.
#include "collector/notice_lines.hpp"

#include <gtest/gtest.h>

namespace ringside::collector {
namespace {

using Lines = std::vector<std::string>;

Config two_venues() {
  Config config;
  config.deployment.file = "md.toml";
  VenueConfig kraken;
  kraken.name = "kraken";
  kraken.websocket = "wss://127.0.0.1:1/v2";
  kraken.line = 10;
  VenueConfig binance;
  binance.name = "binance";
  binance.websocket = "wss://127.0.0.1:2";
  binance.rest = "https://127.0.0.1:3";
  binance.line = 20;
  config.venues = {kraken, binance};
  return config;
}

Notice notice(Notice::What what, int line, std::uint32_t connection = 0,
              net::CloseReason reason = net::CloseReason::None) {
  Notice made;
  made.what = what;
  made.line = line;
  made.connection = connection;
  made.reason = reason;
  return made;
}

class NoticeLinesTest : public ::testing::Test {
 protected:
  void close(std::uint32_t connection, net::CloseReason reason) {
    lines.take(notice(Notice::What::Closed, 10, connection, reason));
  }
  const Config config = two_venues();
  NoticeLines lines{config};
};

TEST_F(NoticeLinesTest, AThousandRefusedConnectionsAreFourLines) {
  Lines said;
  for (int i = 0; i < 1000; ++i) {
    close(0, net::CloseReason::ConnectFailed);
    for (auto& line : lines.lines()) said.push_back(std::move(line));
  }
  ASSERT_EQ(said.size(), 4U);
  EXPECT_EQ(said[0],
            "kraken connection 0 to wss://127.0.0.1:1/v2: connect_failed; check the address and "
            "port, and that a server listens there; retrying");
  EXPECT_TRUE(said[3].ends_with("; retrying (1000 times in a row now)")) << said[3];
}

TEST_F(NoticeLinesTest, ConnectionsThatNeverOpenedShareALineAndOpenedOnesDoNot) {
  for (std::uint32_t i = 0; i < 9; ++i) close(i, net::CloseReason::ConnectFailed);
  EXPECT_EQ(lines.lines().size(), 1U);
  for (std::uint32_t i = 0; i < 2; ++i) {
    lines.take(notice(Notice::What::Opened, 10, i));
    close(i, net::CloseReason::PeerReset);
  }
  EXPECT_EQ(lines.lines(),
            (Lines{"kraken connection 0 is open",
                   "kraken connection 0 to wss://127.0.0.1:1/v2: peer_reset; retrying",
                   "kraken connection 1 is open",
                   "kraken connection 1 to wss://127.0.0.1:1/v2: peer_reset; "
                   "retrying"}));
}

TEST_F(NoticeLinesTest, WhatAConnectionWentThroughIsSaidWithItsTimes) {
  const auto spent = [](Notice made, net::ConnectionState state, std::int64_t ns) {
    made.spent_ns[static_cast<std::size_t>(state)] = ns;
    return made;
  };
  auto opened = notice(Notice::What::Opened, 10);
  opened = spent(opened, net::ConnectionState::Connecting, 420'000);
  opened = spent(opened, net::ConnectionState::TlsHandshake, 31'250'000);
  lines.take(opened);
  auto closed = notice(Notice::What::Closed, 10, 0, net::CloseReason::PeerReset);
  closed = spent(closed, net::ConnectionState::AwaitingTurn, 2'000'000'000);
  closed = spent(closed, net::ConnectionState::Open, 86'399'040'000'000);
  closed = spent(closed, net::ConnectionState::Quiescing, 5'000'000);
  lines.take(closed);
  EXPECT_EQ(lines.lines(),
            (Lines{"kraken connection 0 is open (connecting 0.4 ms, tls_handshake 31.2 ms)",
                   "kraken connection 0 to wss://127.0.0.1:1/v2: peer_reset; after awaiting_turn "
                   "2000.0 ms, open 86399.0 s; retrying"}));
}

TEST_F(NoticeLinesTest, AnotherReasonIsSaidAtOnce) {
  close(0, net::CloseReason::ConnectFailed);
  close(0, net::CloseReason::TlsCertificateRefused);
  const auto said = lines.lines();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_NE(said[1].find("check tls_ca, the host name and this host's date"), std::string::npos);
}

TEST_F(NoticeLinesTest, InstrumentsThatFailTogetherShareALineWithTheirTablesPlace) {
  for (std::uint32_t i = 0; i < 7; ++i) {
    lines.know(InstrumentId::of(0, i), "S" + std::to_string(i));
    auto failed = notice(Notice::What::InstrumentFailed, 20);
    failed.instrument = InstrumentId::of(0, i);
    failed.cause = Cause::UnknownSymbol;
    lines.take(failed);
  }
  EXPECT_EQ(lines.lines(),
            (Lines{"binance does not list 'S0', 'S1', 'S2', 'S3', 'S4' and 2 more; use the venue's "
                   "own spelling in instruments (md.toml:20)"}));
  EXPECT_EQ(lines.lines(), Lines{});
}

TEST_F(NoticeLinesTest, RequestsThatGetNoAnswerNameTheRestAddress) {
  lines.take(notice(Notice::What::RequestFailed, 20, 0, net::CloseReason::ResolveFailed));
  EXPECT_EQ(lines.lines(), (Lines{"binance requests to https://127.0.0.1:3: resolve_failed; check "
                                  "the host name and this host's resolver; retrying"}));
}

}  // namespace
}  // namespace ringside::collector
