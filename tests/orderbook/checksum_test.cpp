#include "orderbook/checksum.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ringside::orderbook {
namespace {

constexpr Level at(std::int64_t price, std::int64_t quantity) {
  return {Price{price}, Quantity{quantity}};
}

// Kraken's rule word by word: decimal text with the dot, then dot and leading zeros taken away.
std::string wire_text(std::int64_t mantissa, unsigned decimals) {
  std::string digits = std::to_string(mantissa);
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  return digits.substr(0, digits.size() - decimals) + "." + digits.substr(digits.size() - decimals);
}

std::string checksum_text(std::string number) {
  std::erase(number, '.');
  return number.substr(number.find_first_not_of('0'));
}

std::string book_text(const Book& book, unsigned price_decimals, unsigned quantity_decimals) {
  std::string text;
  for (const auto side : {Side::Ask, Side::Bid}) {
    for (std::uint32_t i = 0; i < 10 && i < book.count(side); ++i) {
      const auto level = book.level(side, i);
      text += checksum_text(wire_text(level.price.mantissa, price_decimals));
      text += checksum_text(wire_text(level.quantity.mantissa, quantity_decimals));
    }
  }
  return text;
}

// Bit by bit, as the standard defines it: shares nothing with zlib's tables.
std::uint32_t slow_crc32(const std::string& text) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

TEST(Checksum, DigitsArePrintedForEveryLength) {
  const auto text = [](std::uint64_t value) {
    char digits[digits_max];
    return std::string(digits, print_digits(digits, value));
  };
  EXPECT_EQ(text(0), "0");
  EXPECT_EQ(text(~std::uint64_t{0}), "18446744073709551615");
  std::uint64_t power = 1;
  for (int length = 1; length <= 19; ++length, power *= 10) {
    for (const auto value : {power - 1, power, power + 1, power * 9}) {
      EXPECT_EQ(text(value), std::to_string(value));
    }
  }
}

TEST(Checksum, AnEmptyBookIsTheChecksumOfNoText) { EXPECT_EQ(kraken_checksum(Book()), 0U); }

TEST(Checksum, OneLevelASideIsPriceThenQuantityAsksFirst) {
  Book book;
  book.apply(Side::Ask, at(35480000000, 140000000));
  book.apply(Side::Bid, at(35416000000, 140000000));
  EXPECT_EQ(kraken_checksum(book), slow_crc32("3548000000014000000035416000000140000000"));
}

// The book of the exchange's own guide to the v1 checksum and the number it arrives at.
TEST(Checksum, TheGuidesExampleOfTenLevelsASideMatches) {
  Book book;
  const std::int64_t asks[] = {5005, 5010, 5015, 5020, 5025, 5030, 5035, 5040, 5045, 5050};
  const std::int64_t bids[] = {5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950};
  for (const auto price : asks) book.apply(Side::Ask, at(price, 500));
  for (const auto price : bids) book.apply(Side::Bid, at(price, 500));
  EXPECT_EQ(book_text(book, 5, 8).substr(0, 14), "50055005010500");
  EXPECT_EQ(kraken_checksum(book), 974947235U);
}

TEST(Checksum, LevelsBeyondTheTenthDoNotCount) {
  Book book;
  for (std::int64_t i = 0; i < 10; ++i) book.apply(Side::Ask, at(100 + i, 1 + i));
  const auto before = kraken_checksum(book);
  book.apply(Side::Ask, at(200, 5));
  EXPECT_EQ(kraken_checksum(book), before);
  book.apply(Side::Ask, at(99, 5));
  EXPECT_NE(kraken_checksum(book), before);
}

TEST(Checksum, EqualsTheSlowReferenceOnRandomBooks) {
  std::mt19937_64 random(20240611);
  for (int round = 0; round < 3000; ++round) {
    const auto decimals = [&random] { return static_cast<unsigned>(random() % 11); };
    const unsigned price_decimals = decimals(), quantity_decimals = decimals();
    const auto value = [&random] {
      return static_cast<std::int64_t>((random() & (mantissa_limit - 1)) >> (random() % 62)) + 1;
    };
    Book book;
    for (auto count = random() % 30; count > 0; --count) {
      const auto side = random() % 2 == 0 ? Side::Bid : Side::Ask;
      book.apply(side, at(value() % mantissa_limit, value() % mantissa_limit));
    }
    ASSERT_EQ(kraken_checksum(book), slow_crc32(book_text(book, price_decimals, quantity_decimals)))
        << "round " << round;
  }
}

TEST(Checksum, OneUnitInAnyOfTheBestTenLevelsChangesIt) {
  Book book;
  for (std::int64_t i = 0; i < 15; ++i) {
    book.apply(Side::Ask, at(1000 + i, 7 + i));
    book.apply(Side::Bid, at(999 - i, 9 + i));
  }
  const auto before = kraken_checksum(book);
  for (const auto side : {Side::Bid, Side::Ask}) {
    for (std::uint32_t i = 0; i < 15; ++i) {
      auto level = book.level(side, i);
      ++level.quantity.mantissa;
      book.apply(side, level);
      EXPECT_EQ(kraken_checksum(book) == before, i >= 10) << i;
      --level.quantity.mantissa;
      book.apply(side, level);
    }
  }
  EXPECT_EQ(kraken_checksum(book), before);
}

}  // namespace
}  // namespace ringside::orderbook
