// What a capture says about exponents and depth, before it is decoded: offline, the venue's
// metadata is often missing. An instrument's exponents are those that its book's numbers are
// written with (without a book: its trades' and tickers'), because the checksum is over the written
// digits.
//
// Threads: one. Bounded by: the symbols of the capture. Fails by: passing over what it cannot read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/decimals_tally.hpp"
#include "collector/kraken_decode.hpp"
#include "ringside/price.hpp"

namespace ringside::collector {

inline constexpr std::uint32_t kraken_depth_default = 10;  // the venue's

class KrakenFirstPass {
 public:
  struct Found {
    std::string symbol;
    Exponent price_exponent;
    Exponent quantity_exponent;
    std::uint32_t depth = kraken_depth_default;
  };
  // Each text received, in any order, padded as for KrakenDecoder.
  void on_message(std::string_view padded);
  // In order of appearance.
  [[nodiscard]] std::vector<Found> found() const;

 private:
  struct Tallies {
    DecimalsTally price;
    DecimalsTally quantity;
    void add(const KrakenLevel& level) noexcept {
      price.add(level.price);
      quantity.add(level.quantity);
    }
  };
  struct Symbol {
    std::string name;
    std::uint32_t depth = kraken_depth_default;
    Tallies book;
    Tallies other;
  };
  Symbol& of(std::string_view symbol);

  KrakenDecoder decoder_;
  KrakenMessage message_;
  std::vector<Symbol> symbols_;
};

}  // namespace ringside::collector
