#include "orderbook/checksum.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace ringside::orderbook {
namespace {

constexpr std::array<std::uint64_t, 20> powers_of_ten = [] {
  std::array<std::uint64_t, 20> powers{};
  std::uint64_t power = 1;
  for (auto& entry : powers) {
    entry = power;
    power *= 10;
  }
  return powers;
}();

constexpr std::array<char, 200> digit_pairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// 1233 / 4096 is log10(2), close enough below 2^64; the table corrects by one.
unsigned digit_count(std::uint64_t value) noexcept {
  const auto bits = static_cast<unsigned>(std::bit_width(value | 1));
  const unsigned guess = bits * 1233 >> 12;
  return guess + static_cast<unsigned>(value >= powers_of_ten[guess]);
}

// No venue with this checksum has negative prices; a sign would not be part of the text.
std::uint64_t magnitude(std::int64_t mantissa) noexcept {
  const auto bits = static_cast<std::uint64_t>(mantissa);
  return mantissa < 0 ? 0 - bits : bits;
}

char* print_side(char* to, const Book& book, Side side) noexcept {
  const std::uint32_t count = std::min(book.count(side), kraken_checksum_levels);
  for (std::uint32_t index = 0; index < count; ++index) {
    const Level level = book.level(side, index);
    to = print_digits(to, magnitude(level.price.mantissa));
    to = print_digits(to, magnitude(level.quantity.mantissa));
  }
  return to;
}

}  // namespace

char* print_digits(char* to, std::uint64_t value) noexcept {
  const unsigned count = std::max(digit_count(value), 1U);
  char* at = to + count;
  while (value >= 100) {
    at -= 2;
    std::memcpy(at, &digit_pairs[2 * (value % 100)], 2);
    value /= 100;
  }
  if (value >= 10) {
    std::memcpy(at - 2, &digit_pairs[2 * value], 2);
  } else {
    at[-1] = static_cast<char>('0' + value);
  }
  return to + count;
}

std::uint32_t kraken_checksum(const Book& book) noexcept {
  std::array<char, std::size_t{2} * kraken_checksum_levels * 2 * digits_max> text;
  char* end = print_side(text.data(), book, Side::Ask);
  end = print_side(end, book, Side::Bid);
  // crc32 of no bytes is 0, as the rule has it.
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(end - text.data())));
}

}  // namespace ringside::orderbook
