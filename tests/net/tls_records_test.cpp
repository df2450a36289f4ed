#include "net/tls_records.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "loopback.hpp"
#include "tls_peer.hpp"

namespace ringside::net::tls_peer {
namespace {

constexpr std::size_t everything = 1 << 20;

// In their order: the operands of + have none.
std::string joined(std::initializer_list<std::string> records) {
  std::string stream;
  for (const std::string& record : records) stream += record;
  return stream;
}

// The same script for both readers, over each suite: sealed for each under its own keys.
class TlsRecordsTest : public testing::TestWithParam<std::size_t> {
 protected:
  template <typename Script>
  Reading read_by(TlsRecordReader reader, Script&& script, std::size_t piece = everything,
                  std::size_t room = 64 * 1024) {
    Connection connection(contexts_, reader);
    return read_all(connection, script(*connection.sealer), piece, room);
  }
  // Both make the same of it; that is the answer.
  template <typename Script>
  Reading agreed(Script&& script) {
    const Reading expected = read_by(TlsRecordReader::OpenSsl, script);
    for (const std::size_t piece : {everything, std::size_t{1}, std::size_t{7}, std::size_t{500}}) {
      EXPECT_EQ(read_by(TlsRecordReader::Own, script, piece), expected) << "pieces of " << piece;
    }
    EXPECT_EQ(read_by(TlsRecordReader::Own, script, everything, 100), expected);
    return expected;
  }

  LocalTls local_;
  Contexts contexts_{local_.files, GetParam()};
};

TEST_P(TlsRecordsTest, RecordsOfEverySizeAndPaddingAreReadAlike) {
  std::string said;
  const Reading reading = agreed([&](Sealer& sealer) {
    std::string stream;
    said.clear();
    for (const std::size_t bytes : {1u, 2u, 15u, 16u, 17u, 300u, 4096u, 16384u}) {
      for (const std::size_t padding : {0u, 1u, 255u}) {
        const std::string text(bytes, static_cast<char>('a' + padding % 26));
        stream += sealer.record(data_type, text, std::min(padding, 16384 - bytes));
        said += text;
      }
    }
    return stream;
  });
  EXPECT_TRUE(reading.text == said);
  EXPECT_EQ(reading.status, TlsStatus::WantInput);
  EXPECT_EQ(reading.answered_bytes, 0u);
}

TEST_P(TlsRecordsTest, TicketsBetweenDataAreTaken) {
  const Reading reading = agreed([](Sealer& sealer) {
    const std::string ticket = new_session_ticket();
    return joined(
        {sealer.record(data_type, "one "), sealer.record(handshake_type, ticket + ticket),
         sealer.record(data_type, "two "), sealer.record(handshake_type, ticket.substr(0, 3)),
         sealer.record(handshake_type, ticket.substr(3, 9)),
         sealer.record(handshake_type, ticket.substr(12)), sealer.record(data_type, "three")});
  });
  EXPECT_EQ(reading.text, "one two three");
  EXPECT_EQ(reading.status, TlsStatus::WantInput);
}

TEST_P(TlsRecordsTest, DataWithinAHandshakeMessageIsRefused) {
  for (const std::size_t cut : {1u, 3u, 4u, 20u}) {
    const Reading reading = agreed([&](Sealer& sealer) {
      const std::string ticket = new_session_ticket();
      return joined({sealer.record(data_type, "before"),
                     sealer.record(handshake_type, ticket.substr(0, cut)),
                     sealer.record(data_type, "within")});
    });
    EXPECT_EQ(reading.text, "before");
    EXPECT_EQ(reading.status, TlsStatus::Failed);
  }
}

TEST_P(TlsRecordsTest, ManyKeyUpdatesAreFollowed) {
  const Reading reading = agreed([](Sealer& sealer) {
    std::string stream;
    for (int i = 0; i < 100; ++i) {
      stream += sealer.record(data_type, "x");
      stream += sealer.record(handshake_type, key_update(0));
      sealer.update();
    }
    return stream + sealer.record(data_type, "end");
  });
  EXPECT_EQ(reading.text, std::string(100, 'x') + "end");
  EXPECT_EQ(reading.status, TlsStatus::WantInput);
}

TEST_P(TlsRecordsTest, ARequestedKeyUpdateIsAnsweredBeforeTheNextRecord) {
  for (const TlsRecordReader reader : {TlsRecordReader::Own, TlsRecordReader::OpenSsl}) {
    Connection connection(contexts_, reader);
    const std::string stream = joined({connection.sealer->record(data_type, "old"),
                                       connection.sealer->record(handshake_type, key_update(1))});
    EXPECT_EQ(read_all(connection, stream, everything, 1000).text, "old");
    ASSERT_EQ(connection.client.write(std::as_bytes(std::span("reply", 5))), TlsStatus::Ok);
    EXPECT_GT(connection.sent.size(), std::size_t{2 * (5 + 17)});
    EXPECT_EQ(connection.server_reads(), "reply");
  }
}

TEST_P(TlsRecordsTest, UnderTheOldKeysNothingIsReadAfterAKeyUpdate) {
  const Reading reading = agreed([](Sealer& sealer) {
    return joined({sealer.record(data_type, "a"), sealer.record(handshake_type, key_update(0)),
                   sealer.record(data_type, "b")});
  });
  EXPECT_EQ(reading.text, "a");
  EXPECT_EQ(reading.status, TlsStatus::Failed);
  EXPECT_GT(reading.answered_bytes, 0u);  // the alert
}

TEST_P(TlsRecordsTest, CloseNotifyIsAnEndAndOtherAlertsAreFailures) {
  const auto alerted = [&](std::string_view alert) {
    return agreed([&](Sealer& sealer) {
      return joined({sealer.record(data_type, "last"), sealer.record(alert_type, alert),
                     sealer.record(data_type, "unheard")});
    });
  };
  EXPECT_EQ(alerted(std::string_view("\1\0", 2)).status, TlsStatus::Closed);
  EXPECT_EQ(alerted("\2\50").status, TlsStatus::Failed);
  EXPECT_EQ(alerted("\1\50").status, TlsStatus::Failed);
  EXPECT_EQ(alerted("\2").status, TlsStatus::Failed);
  EXPECT_EQ(alerted(std::string_view("\1\0", 2)).text, "last");
}

TEST_P(TlsRecordsTest, ABitTurnedAnywhereIsNoticed) {
  for (const std::size_t at : {0u, 1u, 2u, 3u, 4u, 5u, 60u, 320u}) {
    const Reading reading = agreed([&](Sealer& sealer) {
      std::string second = sealer.record(data_type, std::string(300, 's'));
      const std::string first = sealer.record(data_type, "first");  // out of its turn, too
      second[at] = static_cast<char>(second[at] ^ 1);
      return second + first + first;
    });
    EXPECT_EQ(reading.text, "") << at;
    EXPECT_EQ(reading.status, TlsStatus::Failed) << at;
  }
}

TEST_P(TlsRecordsTest, ARecordTwiceOrLeftOutIsNoticed) {
  for (const bool twice : {true, false}) {
    const Reading reading = agreed([&](Sealer& sealer) {
      const std::string first = sealer.record(data_type, "1");
      const std::string second = sealer.record(data_type, "2");
      const std::string third = sealer.record(data_type, "3");
      return twice ? first + second + second + third : first + third;
    });
    EXPECT_EQ(reading.text, twice ? "12" : "1");
    EXPECT_EQ(reading.status, TlsStatus::Failed);
  }
}

TEST_P(TlsRecordsTest, SizesBeyondTheLimitsAndTypesThatAreNoneAreRefused) {
  const auto status_of = [&](auto&& script) { return agreed(script).status; };
  // More content than a record may have, within what the ciphertext may.
  EXPECT_EQ(
      status_of([](Sealer& sealer) { return sealer.record(data_type, std::string(16385, 'x')); }),
      TlsStatus::Failed);
  EXPECT_EQ(status_of([](Sealer& sealer) {
              return sealer.record(data_type, std::string(16384, 'x'), 256);
            }),
            TlsStatus::Failed);
  EXPECT_EQ(status_of([](Sealer& sealer) { return sealer.seal(std::string(20, '\0')); }),
            TlsStatus::Failed);
  for (const auto type : std::to_array<std::uint8_t>({1, 20, 24, 255})) {
    EXPECT_EQ(status_of([&](Sealer& sealer) { return sealer.record(type, "\1\0"); }),
              TlsStatus::Failed);
  }
  EXPECT_EQ(status_of([](Sealer& sealer) { return sealer.record(handshake_type, ""); }),
            TlsStatus::Failed);
  EXPECT_EQ(
      status_of([](Sealer&) { return std::string("\x17\3\3\0\20", 5) + std::string(16, 'x'); }),
      TlsStatus::Failed);
  EXPECT_EQ(status_of([](Sealer&) { return std::string("\x14\3\3\0\1\1", 6); }), TlsStatus::Failed);
  EXPECT_EQ(status_of([](Sealer&) { return std::string("\x15\3\3\0\2\1\0", 7); }),
            TlsStatus::Failed);
}

TEST_P(TlsRecordsTest, EmptyRecordsAreSuffered) {
  const auto empties = [&](int count) {
    return agreed([&](Sealer& sealer) {
      std::string stream;
      for (int i = 0; i < count; ++i) stream += sealer.record(data_type, "", 3);
      return stream + sealer.record(data_type, "something");
    });
  };
  EXPECT_EQ(empties(32).text, "something");
  EXPECT_EQ(empties(33).status, TlsStatus::Failed);
}

TEST_P(TlsRecordsTest, AStreamCutWithinARecordSaysNothingOfIt) {
  const Reading reading = agreed([](Sealer& sealer) {
    return joined(
        {sealer.record(data_type, "whole"), sealer.record(data_type, "cut short").substr(0, 20)});
  });
  EXPECT_EQ(reading.text, "whole");
  EXPECT_EQ(reading.status, TlsStatus::WantInput);
}

INSTANTIATE_TEST_SUITE_P(Suites, TlsRecordsTest, testing::Values(0u, 1u, 2u),
                         [](const auto& suite) { return std::string(suites[suite.param]); });

TEST(TlsRecordsStart, OnlyWhatItKnowsIsTaken) {
  TlsRecords records;
  const std::array<std::byte, 48> secret{};
  EXPECT_FALSE(records.start(0x1304, std::span(secret).first(32)));
  EXPECT_FALSE(records.start(0x1301, std::span(secret).first(48)));
  EXPECT_FALSE(records.start(0x1302, std::span(secret).first(32)));
  EXPECT_FALSE(records.start(0x1303, {}));
  EXPECT_TRUE(records.start(0x1303, std::span(secret).first(32)));
}

}  // namespace
}  // namespace ringside::net::tls_peer
