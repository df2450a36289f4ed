#include "tools/exchange/book.hpp"

#include <zlib.h>

#include <algorithm>
#include <string>

#include "tools/exchange/decimal.hpp"

namespace ringside::exchange {
namespace {

template <typename Levels>
auto find(Levels& levels, Side side, Price price) {
  return std::lower_bound(
      levels.begin(), levels.end(), price,
      [side](const Level& level, Price wanted) { return better(side, level.price, wanted); });
}

void append_digits(std::string& out, const std::vector<Level>& levels) {
  const std::size_t count = std::min(levels.size(), kraken_checksum_levels);
  for (std::size_t i = 0; i < count; ++i) {
    append_integer(out, static_cast<std::uint64_t>(levels[i].price.mantissa));
    append_integer(out, static_cast<std::uint64_t>(levels[i].quantity.mantissa));
  }
}

void append_lines(std::string& out, char name, const std::vector<Level>& levels,
                  std::size_t depth) {
  const std::size_t count = std::min(levels.size(), depth);
  for (std::size_t i = 0; i < count; ++i) {
    out += name;
    out += ' ';
    append_integer(out, static_cast<std::uint64_t>(levels[i].price.mantissa));
    out += ' ';
    append_integer(out, static_cast<std::uint64_t>(levels[i].quantity.mantissa));
    out += '\n';
  }
}

}  // namespace

Book::Applied Book::apply(Side side, Level level) {
  auto& all = levels(side);
  const auto at = find(all, side, level.price);
  const auto rank = static_cast<std::size_t>(at - all.begin());
  const bool present = at != all.end() && at->price == level.price;
  if (level.quantity.mantissa == 0) {
    if (!present) return {Change::Absent, rank};
    all.erase(at);
    return {Change::Removed, rank};
  }
  if (present) {
    at->quantity = level.quantity;
    return {Change::Modified, rank};
  }
  all.insert(at, level);
  return {Change::Inserted, rank};
}

void Book::truncate(std::size_t depth) {
  if (bids_.size() > depth) bids_.resize(depth);
  if (asks_.size() > depth) asks_.resize(depth);
}

void Book::clear() {
  bids_.clear();
  asks_.clear();
}

Quantity Book::quantity_at(Side side, Price price) const {
  const auto& all = this->side(side);
  const auto at = find(all, side, price);
  return at != all.end() && at->price == price ? at->quantity : Quantity{};
}

bool Book::crossed() const {
  return !bids_.empty() && !asks_.empty() && bids_.front().price >= asks_.front().price;
}

std::uint32_t kraken_checksum(const Book& book) {
  thread_local std::string text;  // capacity kept between calls
  text.clear();
  append_digits(text, book.side(Side::Ask));
  append_digits(text, book.side(Side::Bid));
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

std::uint64_t canonical_hash(const Book& book, std::size_t depth) {
  thread_local std::string text;
  text.clear();
  append_lines(text, 'B', book.side(Side::Bid), depth);
  append_lines(text, 'A', book.side(Side::Ask), depth);
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211U;
  }
  return hash;
}

}  // namespace ringside::exchange
