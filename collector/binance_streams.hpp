// Which streams go over which connection: the paths of the URLs and, where a path would grow too
// long, the SUBSCRIBE messages instead. Pure, made once; nothing of it changes afterwards.
//
// Sources: spot web-socket-streams.md; USD-M "Important WebSocket Change Notice" (March 2026: depth
// and bookTicker moved to /public, aggregated trades to /market; the old path answers, silently).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/binance_message.hpp"
#include "collector/record_writer.hpp"
#include "ringside/instrument.hpp"

namespace ringside::collector {

inline constexpr std::size_t binance_path_bytes_max = 4096;   // longer: SUBSCRIBE messages
inline constexpr std::size_t binance_streams_a_message = 60;  // ours

enum class BinanceMarket : std::uint8_t { Spot, SpotUs, UsdMargined, CoinMargined };
// By the venue's name in the configuration: binance, binance-us, binance-usdm, binance-coinm.
[[nodiscard]] std::optional<BinanceMarket> binance_market(std::string_view venue) noexcept;
constexpr BinanceRule rule_of(BinanceMarket market) noexcept {
  return market == BinanceMarket::Spot || market == BinanceMarket::SpotUs ? BinanceRule::Spot
                                                                          : BinanceRule::Futures;
}

enum class BinanceLayout : std::uint8_t {
  OneStream,        // /stream for everything: spot, COIN-M, and USD-M until April 2026
  PublicAndMarket,  // /public/stream and /market/stream: two connections
};
enum class BinanceTrades : std::uint8_t {
  Every,       // "trade"
  Aggregated,  // "aggTrade": the only documented one of the futures
};

struct BinanceInstrument {
  std::string symbol;  // as in the data: "BTCUSDT", "BTCUSD_PERP"
  InstrumentId id;
  InstrumentIndex record = 0;    // of the RecordWriter
  bool exponents_known = false;  // else exchangeInfo is asked
  Exponent price_exponent;
  Exponent quantity_exponent;
};

// The streams of an instrument: some of them.
using StreamSet = std::uint8_t;
inline constexpr StreamSet stream_depth = 1;
inline constexpr StreamSet stream_ticker = 2;
inline constexpr StreamSet stream_trades = 4;
inline constexpr StreamSet every_stream = stream_depth | stream_ticker | stream_trades;

struct BinanceStreamsConfig {
  bool trades = true;
  bool books = true;
  bool bbos = true;

  [[nodiscard]] StreamSet wanted() const noexcept {
    return static_cast<StreamSet>((books ? stream_depth : 0) | (bbos ? stream_ticker : 0) |
                                  (trades ? stream_trades : 0));
  }
  BinanceTrades trade_kind = BinanceTrades::Every;
  std::string depth_stream = "depth@100ms";
  BinanceLayout layout = BinanceLayout::OneStream;
  bool subscribe_by_message = false;             // else in the URL, where it fits
  std::uint32_t instruments_per_connection = 0;  // 0: the venue's limit
  std::uint32_t streams_max = 1024;              // of a connection
};

// One SUBSCRIBE message.
struct BinanceBatch {
  std::uint64_t id = 0;  // unique over all connections, from 1
  std::string text;
  SymbolIndex first = 0;  // of the instruments whose streams it names
  std::uint32_t count = 0;
};

struct BinanceStreams {
  std::string path;
  SymbolIndex first = 0;
  std::uint32_t count = 0;
  StreamSet carries = 0;  // those of them that are wanted
  bool begins = false;    // its opening begins the instruments, its end ends their books
  std::vector<BinanceBatch> batches;  // empty: the path says it all
};

// How many instruments one connection carries.
[[nodiscard]] std::uint32_t binance_share(const BinanceStreamsConfig& config) noexcept;

// Appends the names of these streams of an instrument, quoted and with commas between. Returns how
// many.
unsigned append_streams(std::string& text, const BinanceStreamsConfig& config, StreamSet streams,
                        std::string_view symbol);

[[nodiscard]] std::vector<BinanceStreams> plan_streams(
    const BinanceStreamsConfig& config, const std::vector<BinanceInstrument>& instruments);

}  // namespace ringside::collector
