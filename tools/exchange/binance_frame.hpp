// Recorded Binance frames and REST bodies, taken apart as far as a replay needs: whose they are,
// their place in the update sequence, their levels as text.
//
// Threads: one. Lifetime: views point into the text that was read. Fails by: false, on any bytes.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "ringside/event.hpp"
#include "ringside/time.hpp"

namespace ringside::exchange {

struct BinanceLevel {
  Side side = Side::Bid;
  std::string_view price;
  std::string_view quantity;
};

struct BinanceFrame {
  enum class Kind : std::uint8_t { Other, Depth, BookTicker, Trade, AggTrade };
  Kind kind = Kind::Other;
  std::string_view symbol;
  std::string_view data;             // the payload without the wrapper of a combined stream
  std::uint64_t last_id = 0;         // u, or lastUpdateId
  std::vector<BinanceLevel> levels;  // of trades and tickers: their prices and quantities
  UtcNs time;                        // T, else E; 0 where there is neither
};

class BinanceFrameReader {
 public:
  [[nodiscard]] bool read_frame(std::string_view padded, BinanceFrame& frame);
  // The body of a depth answer.
  [[nodiscard]] bool read_snapshot(std::string_view padded, BinanceFrame& frame);

 private:
  simdjson::ondemand::parser parser_;
};

// "symbol" of a query, as in /api/v3/depth?symbol=BTCUSDT&limit=1000; empty when there is none.
[[nodiscard]] std::string_view query_value(std::string_view target, std::string_view key);

}  // namespace ringside::exchange
