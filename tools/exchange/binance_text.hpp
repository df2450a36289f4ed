// How Binance words things: spot, USD-M and COIN-M differ in keys, their order, and the places that
// they print behind the dot.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tools/exchange/market.hpp"

namespace ringside::exchange {

enum class BinanceDialect : std::uint8_t { Spot, UsdM, CoinM };

struct BinanceTimes {
  UtcNs sent;      // E
  UtcNs happened;  // T
};

struct BinanceDepth {
  std::span<const Level> bids;
  std::span<const Level> asks;
  std::uint64_t first_id = 0;     // U
  std::uint64_t last_id = 0;      // u
  std::uint64_t previous_id = 0;  // pu
  UtcNs sent{};                   // E
  UtcNs happened{};               // T
};

class BinanceText {
 public:
  explicit BinanceText(BinanceDialect dialect) : dialect_(dialect) {}

  [[nodiscard]] BinanceDialect dialect() const { return dialect_; }
  [[nodiscard]] bool spot() const { return dialect_ == BinanceDialect::Spot; }
  // "/api/v3/"
  [[nodiscard]] std::string_view rest_prefix() const;

  void depth(std::string& out, const Listing& listing, const BinanceDepth& depth) const;
  void book_ticker(std::string& out, const Listing& listing, UtcNs time) const;
  void trade(std::string& out, const Listing& listing, const Trade& trade) const;
  void aggregated_trade(std::string& out, const Listing& listing, const Trade& trade) const;
  // At most `limit` levels a side.
  void snapshot(std::string& out, const Listing& listing, std::size_t limit,
                BinanceTimes times) const;
  // One entry of exchangeInfo's "symbols".
  void symbol(std::string& out, const Listing& listing) const;

 private:
  void price(std::string& out, const Listing& listing, Price price) const;
  void quantity(std::string& out, const Listing& listing, Quantity quantity) const;
  void levels(std::string& out, const Listing& listing, std::span<const Level> levels) const;
  void pair_of_coin(std::string& out, const Listing& listing) const;

  BinanceDialect dialect_;
};

}  // namespace ringside::exchange
