#include "tools/ringside/book_text.hpp"

#include <array>
#include <charconv>

#include "ipc/layout.hpp"
#include "tools/ringside/decimal_text.hpp"

namespace ringside::tools {
namespace {

constexpr std::array<Side, 2> sides{Side::Bid, Side::Ask};

void append_level(std::string& to, Level level, const InstrumentTerms& terms) {
  append_decimal(to, level.price.mantissa, terms.price_exponent.power_of_ten);
  to += ' ';
  append_decimal(to, level.quantity.mantissa, terms.quantity_exponent.power_of_ten);
}

}  // namespace

void append_dump(std::string& to, std::string_view symbol, const orderbook::Book& book,
                 const InstrumentTerms& terms) {
  for (const auto side : sides) {
    for (std::uint32_t i = 0; i < book.count(side); ++i) {
      to += symbol;
      to += side == Side::Bid ? " B " : " A ";
      append_level(to, book.level(side, i), terms);
      to += '\n';
    }
  }
}

void append_best(std::string& to, const orderbook::Book& book, const InstrumentTerms& terms) {
  for (const auto side : sides) {
    if (side == Side::Ask) to += ' ';
    if (book.count(side) == 0) {
      to += "- -";
    } else {
      append_level(to, book.level(side, 0), terms);
    }
  }
  to += '\n';
}

std::uint64_t fingerprint(const orderbook::Book& book) {
  auto hash = ipc::fnv1a({});
  for (const auto side : sides) {
    for (std::uint32_t i = 0; i < book.count(side); ++i) {
      const auto level = book.level(side, i);
      std::array<char, 64> text{};
      text[0] = side == Side::Bid ? 'B' : 'A';
      text[1] = ' ';
      auto* const end = text.data() + text.size();
      auto* at = std::to_chars(text.data() + 2, end, level.price.mantissa).ptr;
      *at++ = ' ';
      at = std::to_chars(at, end, level.quantity.mantissa).ptr;
      *at++ = '\n';
      hash = ipc::fnv1a({text.data(), static_cast<std::size_t>(at - text.data())}, hash);
    }
  }
  return hash;
}

}  // namespace ringside::tools
