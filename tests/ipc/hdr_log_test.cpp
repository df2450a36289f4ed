// Our encoder, decoder and reports against what Java HdrHistogram wrote. The samples are found
// through RINGSIDE_HDR_SAMPLES; the shape of the encoding is tested without them, too.
#include "ipc/hdr_log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "ipc/hdr_encoding.hpp"

namespace ringside::ipc {
namespace {

HistogramGeometry geometry(std::uint64_t lowest, std::uint64_t highest, unsigned digits) {
  return HistogramGeometry::of(lowest, highest, digits).value();
}

HistogramSnapshot lcg10k() {
  HistogramSnapshot histogram(geometry(1, 3'600'000'000'000, 3));
  std::uint64_t s = 12345;
  for (int i = 0; i < 10'000; ++i) {
    s = s * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    histogram.record((s >> 33) % 5'000'000 + 200);
  }
  return histogram;
}

HistogramSnapshot small2() {
  HistogramSnapshot histogram(geometry(1, 3'600'000'000, 2));
  for (const std::uint64_t value : {1U, 2U, 3U, 100U, 1000U, 1000U, 99'999U, 3'600'000'000U}) {
    histogram.record(value);
  }
  return histogram;
}

HistogramSnapshot empty() { return HistogramSnapshot(geometry(1, 100'000, 3)); }

HistogramSnapshot unit1000() {
  HistogramSnapshot histogram(geometry(1000, 3'600'000'000'000, 3));
  for (std::uint64_t i = 0; i < 1000; ++i) histogram.record(i * 977'000 + 1500);
  return histogram;
}

HistogramSnapshot autoresize() {
  HistogramSnapshot histogram(geometry(1, 8'388'607, 3));
  for (std::uint64_t i = 0; i < 1000; ++i) histogram.record(7 * i * i);
  return histogram;
}

const std::map<std::string, HistogramSnapshot (*)()> samples{{"lcg10k", lcg10k},
                                                             {"small2", small2},
                                                             {"empty", empty},
                                                             {"unit1000", unit1000},
                                                             {"autoresize", autoresize}};

std::string hex(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (const auto byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::vector<std::uint8_t> unhex(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

bool equal(const HistogramSnapshot& a, const HistogramSnapshot& b) {
  return a.geometry() == b.geometry() &&
         std::equal(a.slots().begin(), a.slots().end(), b.slots().begin(), b.slots().end());
}

class HdrSamples : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("RINGSIDE_HDR_SAMPLES");
    if (folder == nullptr) GTEST_SKIP() << "RINGSIDE_HDR_SAMPLES is not set";
    folder_ = folder;
  }
  [[nodiscard]] std::string text(const std::string& file) const {
    std::ifstream stream(folder_ + "/" + file, std::ios::binary);
    EXPECT_TRUE(stream) << folder_ << "/" << file;
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  // "NAME raw N bytes: HEX", "NAME comp N bytes: HEX", "NAME b64 TEXT", by "NAME raw" and so on.
  [[nodiscard]] std::map<std::string, std::string> encodings() const {
    std::map<std::string, std::string> found;
    std::istringstream lines(text("java_encodings.txt"));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string name, form;
      words >> name >> form;
      found[name + " " + form] = line.substr(line.rfind(' ') + 1);
    }
    return found;
  }
  std::string folder_;
};

TEST_F(HdrSamples, EveryEncodingEqualsJavasByteForByte) {
  const auto java = encodings();
  for (const auto& [name, make] : samples) {
    EXPECT_EQ(hex(encode_hdr(make())), java.at(name + " raw")) << name;
    std::optional<HistogramSnapshot> inflated;
    ASSERT_EQ(decode_hdr(encode_hdr_compressed(make()), inflated), HdrStatus::Ok) << name;
    EXPECT_EQ(hex(encode_hdr(*inflated)), java.at(name + " raw")) << name;
  }
}

TEST_F(HdrSamples, JavasEncodingsDecodeToTheRecordedValues) {
  const auto java = encodings();
  for (const auto& [name, make] : samples) {
    for (const std::string form : {"raw", "comp"}) {
      std::optional<HistogramSnapshot> decoded;
      ASSERT_EQ(decode_hdr(unhex(java.at(name + " " + form)), decoded), HdrStatus::Ok) << name;
      EXPECT_TRUE(equal(*decoded, make())) << name << ' ' << form;
    }
    const auto bytes = from_base64(java.at(name + " b64"));
    ASSERT_TRUE(bytes) << name;
    EXPECT_EQ(hex(*bytes), java.at(name + " comp")) << name;
    EXPECT_EQ(base64(*bytes), java.at(name + " b64")) << name;
  }
}

TEST_F(HdrSamples, TheJavaScriptPortsEncodingsDecodeToTheSameCounts) {
  const std::string json = text("js_histograms.json");
  std::size_t found = 0;
  for (std::size_t at = json.find("HISTFAAA"); at != std::string::npos;
       at = json.find("HISTFAAA", at + 1)) {
    const auto bytes = from_base64(json.substr(at, json.find('"', at) - at));
    ASSERT_TRUE(bytes);
    std::optional<HistogramSnapshot> decoded;
    ASSERT_EQ(decode_hdr(*bytes, decoded), HdrStatus::Ok);
    const bool known =
        equal(*decoded, lcg10k()) || equal(*decoded, small2()) || equal(*decoded, empty());
    EXPECT_TRUE(known) << decoded->count();
    ++found;
  }
  EXPECT_EQ(found, 3U);
}

TEST_F(HdrSamples, PercentileReportsEqualJavasByteForByte) {
  for (const auto& [name, make] : samples) {
    EXPECT_EQ(percentile_report(make()), text("java_" + name + ".hgrm")) << name;
    EXPECT_EQ(percentile_csv(make(), {5, 1000.0}), text("java_" + name + "_us.csv")) << name;
  }
}

TEST_F(HdrSamples, ALogEqualsJavasButForTheCompressedBytes) {
  const UtcNs start{1'700'000'000'123'000'000};
  const auto at = [&](std::int64_t ms) { return UtcNs{start.value + ms * 1'000'000}; };
  std::ostringstream out;
  HdrLogWriter log(out, start, "Logged with ringside test oracle");
  log.write({"binance.parse", at(0), 1'000'000'000}, lcg10k());
  log.write({"", at(1000), 1'500'000'000}, small2());
  log.write({"empty", at(2500), 1'000'000'000}, empty());
  std::istringstream ours(out.str()), java(text("java_sample.hlog"));
  std::string our_line, java_line;
  while (std::getline(java, java_line)) {
    ASSERT_TRUE(std::getline(ours, our_line));
    const auto payload = java_line.find("HISTFAAA");
    EXPECT_EQ(our_line.substr(0, payload), java_line.substr(0, payload));
    if (payload == std::string::npos) continue;
    std::optional<HistogramSnapshot> decoded, reference;
    ASSERT_EQ(decode_hdr(from_base64(our_line.substr(payload)).value(), decoded), HdrStatus::Ok);
    ASSERT_EQ(decode_hdr(from_base64(java_line.substr(payload)).value(), reference), HdrStatus::Ok);
    EXPECT_TRUE(equal(*decoded, *reference));
  }
  EXPECT_FALSE(std::getline(ours, our_line));
}

TEST(HdrEncoding, AnEmptyHistogramIsOneZeroByte) {
  const auto bytes = encode_hdr(empty());
  ASSERT_EQ(bytes.size(), 41U);
  EXPECT_EQ(bytes.back(), 0U);
}

TEST(HdrEncoding, WhatIsEncodedIsDecodedAgain) {
  for (const auto& [name, make] : samples) {
    for (const auto& bytes : {encode_hdr(make()), encode_hdr_compressed(make())}) {
      std::optional<HistogramSnapshot> decoded;
      ASSERT_EQ(decode_hdr(bytes, decoded), HdrStatus::Ok) << name;
      EXPECT_TRUE(equal(*decoded, make())) << name;
    }
  }
}

TEST(HdrEncoding, CountsOfAllSizesSurvive) {
  HistogramSnapshot histogram(geometry(1, 1'000'000, 2));
  for (unsigned i = 0; i < 63; ++i) histogram.slots()[2 * i] = (std::uint64_t{1} << i) + i;
  std::optional<HistogramSnapshot> decoded;
  ASSERT_EQ(decode_hdr(encode_hdr(histogram), decoded), HdrStatus::Ok);
  EXPECT_TRUE(equal(*decoded, histogram));
}

TEST(HdrEncoding, EveryTruncationIsRefused) {
  for (const auto& whole : {encode_hdr(small2()), encode_hdr_compressed(small2())}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      std::optional<HistogramSnapshot> decoded;
      EXPECT_NE(decode_hdr(std::span(whole).first(length), decoded), HdrStatus::Ok) << length;
      EXPECT_FALSE(decoded);
    }
  }
}

TEST(HdrEncoding, LiesAboutSizesAreNamed) {
  std::optional<HistogramSnapshot> decoded;
  auto bytes = encode_hdr(small2());
  bytes[0] ^= 1;
  EXPECT_EQ(decode_hdr(bytes, decoded), HdrStatus::UnknownCookie);
  bytes = encode_hdr(small2());
  bytes[15] = 9;  // digits
  EXPECT_EQ(decode_hdr(bytes, decoded), HdrStatus::BadGeometry);
  bytes = encode_hdr(small2());
  bytes[40] = 0xff;  // a run of zeros over the end of the range
  bytes[41] = 0xff;
  bytes[42] = 0x7f;
  EXPECT_EQ(decode_hdr(bytes, decoded), HdrStatus::BadPayload);
  bytes = encode_hdr_compressed(small2());
  bytes[8] ^= 0xff;
  EXPECT_EQ(decode_hdr(bytes, decoded), HdrStatus::BadCompression);
}

TEST(HdrEncoding, Base64RefusesWhatIsNotOfItsAlphabet) {
  EXPECT_FALSE(from_base64("abc"));
  EXPECT_FALSE(from_base64("ab=c"));
  EXPECT_FALSE(from_base64("ab*d"));
  EXPECT_EQ(from_base64("").value().size(), 0U);
  EXPECT_EQ(from_base64("AQ==").value(), std::vector<std::uint8_t>{1});
  EXPECT_EQ(base64(std::vector<std::uint8_t>{1, 2}), "AQI=");
}

}  // namespace
}  // namespace ringside::ipc
