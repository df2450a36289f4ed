#include "net/utf8.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace ringside::net {
namespace {

bool valid(std::string_view text) {
  return is_utf8(std::as_bytes(std::span(text.data(), text.size())));
}

// The definition, slow and obvious: decode each character and compare with its shortest form.
bool slow_valid(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t count = lead < 0x80             ? 1
                              : (lead & 0xe0) == 0xc0 ? 2
                              : (lead & 0xf0) == 0xe0 ? 3
                              : (lead & 0xf8) == 0xf0 ? 4
                                                      : 0;
    if (count == 0 || at + count > text.size()) return false;
    std::uint32_t point = count == 1 ? lead : lead & (0xffu >> (count + 1));
    for (std::size_t i = 1; i < count; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < least[count] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      return false;
    }
    at += count;
  }
  return true;
}

TEST(Utf8, EdgesOfEachRangeAreWhereTheStandardPutsThem) {
  EXPECT_TRUE(valid(""));
  EXPECT_TRUE(valid("\x7f"));
  EXPECT_FALSE(valid("\x80"));
  EXPECT_FALSE(valid("\xc1\xbf"));  // overlong
  EXPECT_TRUE(valid("\xc2\x80"));
  EXPECT_FALSE(valid("\xe0\x9f\xbf"));
  EXPECT_TRUE(valid("\xe0\xa0\x80"));
  EXPECT_TRUE(valid("\xed\x9f\xbf"));
  EXPECT_FALSE(valid("\xed\xa0\x80"));  // a surrogate
  EXPECT_TRUE(valid("\xee\x80\x80"));
  EXPECT_FALSE(valid("\xf0\x8f\xbf\xbf"));
  EXPECT_TRUE(valid("\xf0\x90\x80\x80"));
  EXPECT_TRUE(valid("\xf4\x8f\xbf\xbf"));
  EXPECT_FALSE(valid("\xf4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(valid("\xf5\x80\x80\x80"));
}

TEST(Utf8, RandomBytesAreJudgedAsByTheDefinitionHoweverTheyAreCut) {
  std::mt19937_64 random(1);
  const std::string_view lumps[] = {
      "a",        "abcdefgh", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80",
      "\xc0\x80", "\x80",     "\xff",     "\xf4\x90"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (auto lumps_left = random() % 8; lumps_left > 0; --lumps_left) {
      text += lumps[random() % std::size(lumps)];
    }
    if (!text.empty() && random() % 3 == 0)
      text[random() % text.size()] = static_cast<char>(random());
    const bool expected = slow_valid(text);
    ASSERT_EQ(valid(text), expected);
    Utf8Checker checker;
    bool good = true;
    for (std::size_t at = 0; at < text.size() && good;) {
      const std::size_t count = std::min<std::size_t>(1 + random() % 4, text.size() - at);
      good = checker.feed(std::as_bytes(std::span(text.data() + at, count)));
      at += count;
    }
    ASSERT_EQ(good && checker.complete(), expected);
  }
}

}  // namespace
}  // namespace ringside::net
