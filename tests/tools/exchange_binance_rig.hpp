// A client of Binance that follows the venue's recipe in the plainest form: buffer, snapshot, join,
// check every id; decimals as text of fixed places.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tools/exchange_rig.hpp"

namespace ringside::exchange {

class PlainBinanceBook {
 public:
  bool futures = false;
  // Zeros that the wire pads with, behind the places of the truth's own numbers.
  std::size_t price_padding = 0, quantity_padding = 0;

  // The data of one depth message.
  void on_depth(const nlohmann::json& data);
  void on_snapshot(const nlohmann::json& body);
  void on_ticker(const nlohmann::json& data);
  // Of a gap: as if nothing had been heard yet.
  void start_over();

  [[nodiscard]] std::string top() const;

  // Price and quantity as decimal text of the wire.
  std::map<std::string, std::string> bids, asks;  // ordered by text: see key_of
  bool joined = false;
  std::uint64_t last_id = 0;
  std::size_t gaps = 0, applied = 0, absent_deletes = 0, levels = 0;
  std::size_t tops_compared = 0, tops_wrong = 0;
  std::map<std::string, std::string> points;  // "ns" -> hash of the whole book

 private:
  void apply(const nlohmann::json& data);
  void set(bool bid, const std::string& price, const std::string& quantity);

  std::vector<nlohmann::json> buffered_;
  std::map<std::uint64_t, std::string> tickers_;  // u -> top
  bool first_ = true;                             // no message has followed the snapshot
};

// Prices that sort as text.
std::string key_of(const std::string& price);

}  // namespace ringside::exchange
