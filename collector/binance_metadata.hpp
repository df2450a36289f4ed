// Where an instrument's exponents come from: live from the venue's exchangeInfo, offline from one
// pass over a capture. Setup only: allocates, and may throw std::bad_alloc; never hot.
//
// Threads: one. Bounded by: symbols asked for; the first pass by binance_first_pass_symbols_max.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/listings.hpp"
#include "ringside/price.hpp"

namespace ringside::collector {

inline constexpr std::size_t binance_first_pass_symbols_max = 8192;
inline constexpr int decimals_max = 18;
inline constexpr std::uint64_t decimals_outliers_max = 2;

// What exchangeInfo says of one symbol.
struct BinanceTerms {
  std::string_view symbol;
  bool has_exponents = false;  // else it names no sizes, and no increments
  Listing listing;
};

// Decimals of the tick and step sizes, and on futures pricePrecision and quantityPrecision where
// they are finer: there a tick has grown while older orders off it stayed in the book. Calls
// `found` for each symbol. False: not such a body; `found` may have been called.
[[nodiscard]] bool read_exchange_info(std::string_view padded,
                                      const std::function<void(const BinanceTerms&)>& found);

// The symbol of a REST URL or target ("...?symbol=BTCUSDT&limit=1000"), or empty.
[[nodiscard]] std::string_view symbol_of_target(std::string_view target) noexcept;

// Reads a whole capture once, to learn its symbols and how many decimals their numbers need.
class BinanceFirstPass {
 public:
  struct Found {
    std::string symbol;
    Exponent price_exponent;
    Exponent quantity_exponent;
    bool has_depth = false;
    bool has_trades = false;  // of either kind
    bool has_tickers = false;
  };

  BinanceFirstPass();
  ~BinanceFirstPass();
  BinanceFirstPass(const BinanceFirstPass&) = delete;
  BinanceFirstPass& operator=(const BinanceFirstPass&) = delete;

  // The URL of a connection. Where one names its streams, only their symbols count: a symbol in the
  // data that nobody subscribed to is damage.
  void on_open(std::string_view url);
  // A received text. What is malformed is passed over: the adapter will count it.
  void on_message(std::string_view padded);
  // A REST answer; its URL tells the symbol.
  void on_response(std::string_view url, std::string_view padded);

  // In byte order of the symbols. The exponents keep every digit but trailing zeros; a number with
  // more decimals on the wire than its symbol's others does not count where there are at most
  // decimals_outliers_max of them: it is damage, and must not cost the others their exponent.
  [[nodiscard]] std::vector<Found> found() const;
  // Whether there are "trade" messages; else trades are "aggTrade".
  [[nodiscard]] bool has_plain_trades() const noexcept;

 private:
  class Walk;  // keeps simdjson's types, which differ between processors, out of this header
  std::unique_ptr<Walk> walk_;
};

}  // namespace ringside::collector
