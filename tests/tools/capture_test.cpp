// The capture reader on good files, and on each kind of bad one.
#include "tools/capture/capture.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ringside::capture {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

struct Outcome {
  std::vector<std::string> payloads;
  CaptureStatus status;
  std::string message;
};

Outcome read_all(const std::string& bytes) {
  auto reader = CaptureReader::over(bytes);
  Outcome outcome;
  CaptureLine line;
  while (reader.next(line)) {
    // The promised padding: sanitizers see this read when it is not there.
    EXPECT_NE(std::string(line.payload.data() + line.payload.size(), payload_padding).size(), 0U);
    outcome.payloads.emplace_back(line.payload);
  }
  outcome.status = reader.status();
  outcome.message = reader.message();
  return outcome;
}

const std::string two_lines = "17\t0\thttp\thttps://x/y?z=1 {\"a\":\t1}\n18\t1\trecv\t{}\n";

TEST(Capture, TheFourFieldsOfALineAreRead) {
  const std::string bytes = gzip("1785641750295158100\t4294967295\tsent\ta\tb\n");
  auto reader = CaptureReader::over(bytes);
  CaptureLine line;
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line.unix_ns, 1785641750295158100);
  EXPECT_EQ(line.connection, 4294967295U);
  EXPECT_EQ(line.kind, CaptureKind::Sent);
  EXPECT_EQ(line.payload, "a\tb") << "a payload runs to the end of the line";
  EXPECT_EQ(reader.line_number(), 1U);
  EXPECT_FALSE(reader.next(line));
  EXPECT_EQ(reader.status(), CaptureStatus::End);
  EXPECT_EQ(reader.message(), "");
}

TEST(Capture, AnHttpPayloadIsAUrlAndABody) {
  const auto [url, body] = split_http("https://x/y?z=1 {\"a\": 1}");
  EXPECT_EQ(url, "https://x/y?z=1");
  EXPECT_EQ(body, "{\"a\": 1}");
  EXPECT_EQ(split_http("https://x").url, "https://x");
  EXPECT_EQ(split_http("https://x").body, "");
}

TEST(Capture, PlainTextAndSeveralGzipMembersReadAsOne) {
  EXPECT_EQ(read_all(two_lines).payloads.size(), 2U);
  const auto members =
      read_all(gzip(two_lines) + gzip(two_lines.substr(0, 5)) + gzip(two_lines.substr(5)));
  EXPECT_EQ(members.payloads.size(), 4U);
  EXPECT_EQ(members.status, CaptureStatus::End);
}

TEST(Capture, ALastLineNeedsNoNewlineAndAnEmptyFileIsAnEmptyCapture) {
  EXPECT_EQ(read_all(gzip("1\t1\trecv\t{}")).payloads, std::vector<std::string>{"{}"});
  EXPECT_EQ(read_all("").status, CaptureStatus::End);
  EXPECT_EQ(read_all(gzip("")).status, CaptureStatus::End);
}

TEST(Capture, ACutFileEndsWithTruncatedAtEveryCut) {
  const auto whole = gzip(two_lines);
  for (std::size_t bytes = 2; bytes < whole.size(); ++bytes) {
    EXPECT_EQ(read_all(whole.substr(0, bytes)).status, CaptureStatus::Truncated) << bytes;
  }
}

TEST(Capture, AFlippedBitInTheCompressedBytesIsNoticed) {
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += std::to_string(i) + "\t1\trecv\t{\"i\":" + std::to_string(i * 7919) + "}\n";
  auto bytes = gzip(text);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x10);
  const auto status = read_all(bytes).status;
  EXPECT_NE(status, CaptureStatus::End);
  EXPECT_NE(status, CaptureStatus::Ok);
}

TEST(Capture, EachBadFieldHasItsOwnStatusAndLine) {
  const std::vector<std::pair<std::string, CaptureStatus>> cases{
      {"1\t1\trecv\n", CaptureStatus::FieldMissing},
      {"\n", CaptureStatus::FieldMissing},
      {"x\t1\trecv\t{}\n", CaptureStatus::BadTime},
      {"-1\t1\trecv\t{}\n", CaptureStatus::BadTime},
      {"9223372036854775808\t1\trecv\t{}\n", CaptureStatus::BadTime},
      {"1\t4294967296\trecv\t{}\n", CaptureStatus::BadConnection},
      {"1\t\trecv\t{}\n", CaptureStatus::BadConnection},
      {"1\t1\tRecv\t{}\n", CaptureStatus::BadKind}};
  for (const auto& [text, status] : cases) {
    const auto outcome = read_all(gzip("1\t1\trecv\tfirst\n" + text));
    EXPECT_EQ(outcome.status, status) << text;
    EXPECT_EQ(outcome.payloads, std::vector<std::string>{"first"});
    EXPECT_NE(outcome.message.find("(line 2)"), std::string::npos) << outcome.message;
  }
}

TEST(Capture, WhatIsNoCaptureIsSaidToBeNone) {
  EXPECT_EQ(read_all("PK\x03\x04").status, CaptureStatus::NotACapture);
  CaptureReader absent("/nonexistent/capture.gz");
  CaptureLine line;
  EXPECT_FALSE(absent.next(line));
  EXPECT_EQ(absent.status(), CaptureStatus::CannotOpen);
  EXPECT_NE(absent.message().find("/nonexistent/capture.gz"), std::string::npos);
}

TEST(Capture, ALineAsLongAsTheLimitIsReadAndALongerOneRefused) {
  const std::string head = "1\t1\trecv\t";
  const std::string longest = head + std::string(line_bytes_max - head.size(), 'x');
  EXPECT_EQ(read_all(gzip("1\t1\trecv\t{}\n" + longest + "\n")).payloads.size(), 2U);
  const auto refused = read_all(gzip(longest + std::string(line_bytes_max, 'y')));
  EXPECT_EQ(refused.status, CaptureStatus::LineTooLong);
  EXPECT_EQ(refused.payloads.size(), 0U);
}

TEST(Capture, ARecordedSetHoldsAsManyFramesAsItsOracleSays) {
  const char* captures = std::getenv("RINGSIDE_CAPTURES");
  if (captures == nullptr) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  for (const std::string set : {"kraken_v2_btcusd_d25", "binance_futures_multi"}) {
    CaptureReader reader(std::string(captures) + "/" + set + ".gz");
    std::size_t received = 0;
    std::int64_t before = 0;
    for (CaptureLine line; reader.next(line);) {
      received += line.kind == CaptureKind::Recv ? 1 : 0;
      EXPECT_GE(line.unix_ns, before) << "time order";
      before = line.unix_ns;
    }
    EXPECT_EQ(reader.status(), CaptureStatus::End) << reader.message();
    std::ifstream file(std::string(captures) + "/oracle/" + set + ".json");
    EXPECT_EQ(received, nlohmann::json::parse(file).at("counts").at("msgs").get<std::size_t>());
  }
}

}  // namespace
}  // namespace ringside::capture
