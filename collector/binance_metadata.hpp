// Where an instrument's exponents come from: live from the venue's exchangeInfo, offline from one
// pass over a capture. Setup only: allocates, and may throw std::bad_alloc; never hot.
//
// Threads: one. Bounded by: symbols asked for; the first pass by binance_first_pass_symbols_max.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ringside/price.hpp"

namespace ringside::collector {

inline constexpr std::size_t binance_first_pass_symbols_max = 8192;
inline constexpr int decimals_max = 18;

// What exchangeInfo says of one symbol.
struct BinanceTerms {
  std::string_view symbol;
  Exponent price_exponent;
  Exponent quantity_exponent;
  bool trading = true;
};

// Decimals of the tick and step sizes, and on futures pricePrecision and quantityPrecision where
// they are finer: there a tick has grown while older orders off it stayed in the book. Calls
// `found` for each symbol that has both. False: not such a body; `found` may have been called.
[[nodiscard]] bool read_exchange_info(std::string_view padded,
                                      const std::function<void(const BinanceTerms&)>& found);

// The symbol of a REST URL or target ("...?symbol=BTCUSDT&limit=1000"), or empty.
[[nodiscard]] std::string_view symbol_of_target(std::string_view target) noexcept;

// Reads a whole capture once, to learn its symbols and how many decimals their numbers need.
class BinanceFirstPass {
 public:
  struct Symbol {
    Exponent price_exponent;
    Exponent quantity_exponent;
    bool has_depth = false;
    bool has_trades = false;
    bool has_tickers = false;
  };

  BinanceFirstPass() = default;
  // The URL of a connection. Where one names its streams, only their symbols count: a symbol in the
  // data that nobody subscribed to is damage.
  void on_open(std::string_view url);
  // A received text. What is malformed is passed over: the adapter will count it.
  void on_message(std::string_view padded);
  // A REST answer; the URL tells the symbol.
  void on_response(std::string_view url, std::string_view padded);

  // By name. The exponents keep every digit but trailing zeros; a number with more decimals on the
  // wire than its symbol's others have (at most outliers_max of them) does not count: it is damage,
  // and must not cost the others their exponent.
  [[nodiscard]] std::map<std::string, Symbol> symbols() const;
  // "trade" or "aggTrade": the former where the capture has both.
  [[nodiscard]] bool has_plain_trades() const noexcept { return has_plain_trades_; }

 private:
  static constexpr std::uint64_t outliers_max = 2;
  // Of the texts with so many decimals on the wire: how many, and what the widest one needed.
  struct Width {
    std::uint64_t count = 0;
    int needed = 0;
  };
  using Widths = std::array<Width, decimals_max + 1>;
  struct Seen {
    Widths prices{};
    Widths quantities{};
    Symbol symbol;
  };

  void take_data(simdjson::ondemand::object data);
  void take_rows(simdjson::ondemand::array rows, Seen& seen);
  [[nodiscard]] Seen* seen(std::string_view name);
  static void take(std::string_view text, Widths& widths) noexcept;
  static Exponent exponent_of(const Widths& widths) noexcept;

  simdjson::ondemand::parser parser_;
  std::map<std::string, Seen, std::less<>> seen_;
  std::set<std::string, std::less<>> subscribed_;
  bool has_plain_trades_ = false;
};

}  // namespace ringside::collector
