// What a capture says about exponents and depth, before it is decoded: offline, the venue's
// metadata is often missing. An instrument's exponents are those that its book's numbers are
// written with (without a book: its trades' and tickers'), because the checksum is over the written
// digits. Found is what was acknowledged and sent: of a symbol in the data that nobody subscribed
// to (where the capture has acknowledgements at all) it is damage, not an instrument.
//
// Threads: one. Bounded by: the symbols of the capture. Fails by: passing over what it cannot read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/decimals_tally.hpp"
#include "collector/kraken_decode.hpp"
#include "collector/kraken_message.hpp"
#include "ringside/price.hpp"

namespace ringside::collector {

inline constexpr std::uint32_t kraken_depth_default = 10;  // the venue's

struct KrakenFound {
  std::string symbol;
  Exponent price_exponent;
  Exponent quantity_exponent;
  std::uint32_t depth = kraken_depth_default;
  bool has_book = false;  // else only trades or tickers came
};

// Counts the decimals of the entries of each symbol; damaged ones are passed over.
class KrakenTallies {
 public:
  void add(const KrakenBook& book);
  void add(const KrakenTrade& trade);
  void add(const KrakenTicker& ticker);
  // A subscription; `depth`: 0 where it is no book's.
  void acknowledge(std::string_view symbol, std::uint32_t depth);
  [[nodiscard]] std::vector<KrakenFound> found() const;

 private:
  struct Decimals {
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
    bool has_book = false;
    bool acknowledged = false;
    Decimals book;
    Decimals other;
  };
  Symbol& of(std::string_view symbol);

  std::vector<Symbol> symbols_;
  bool acknowledgements_ = false;  // there were any
};

class KrakenFirstPass {
 public:
  using Found = KrakenFound;
  // Each text received, in any order, padded as for KrakenDecoder.
  void on_message(std::string_view padded);
  // In order of appearance.
  [[nodiscard]] std::vector<Found> found() const { return tallies_.found(); }

 private:
  KrakenDecoder decoder_;
  KrakenMessage message_;
  KrakenTallies tallies_;
};

}  // namespace ringside::collector
