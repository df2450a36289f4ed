// Turns one Binance text (stream message or REST body) into plain values. Unlike a schema-first
// parser it takes the fields in any order, and unlike simdjson On-Demand used bare it looks at
// every byte: junk in a field nobody wants is refused, too, as a strict parser would.
//
// What is refused keeps the name of its reason, and the instrument as far as it could be told, so
// that the damage stays with that instrument.
//
// Threads: the adapter's. Bounded by: depth_levels_max levels a message, json_depth_max nesting of
// fields nobody wants. Texts need 64 readable bytes behind their end. Results live until the next
// call. Fails by: DecodeStatus; allocates only for a text longer than any before it.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "collector/binance_continuity.hpp"
#include "collector/binance_symbols.hpp"

namespace ringside::collector {

inline constexpr std::size_t depth_levels_max = 32'768;
inline constexpr int wire_decimals_max = 8;  // of any price or quantity of the venue
inline constexpr std::size_t decode_bytes_expected = std::size_t{256} << 10;

enum class DecodeStatus : std::uint8_t {
  Ok = 0,
  MalformedJson,
  MissingField,
  MistypedField,
  RepeatedField,
  NumberOverflow,    // does not fit the mantissa
  NumberTooFine,     // has more digits than the instrument's exponent
  ContradictingIds,  // U > u, or pu >= U
  TooManyLevels,
  UnknownSymbol,
  SymbolMismatch,   // the stream's name and the data's symbol differ
  UnsoundSnapshot,  // not strictly best first, crossed, or a level of quantity 0
};

enum class BinanceEvent : std::uint8_t {
  Ignored = 0,  // a channel that is not used here
  Depth,
  Trade,
  AggTrade,
  BookTicker,
  Acknowledged,  // of a SUBSCRIBE: request_id
  Refused,       // error to a SUBSCRIBE: request_id, 0 when it names none
  Shutdown,      // the server will close: reconnect
};

struct BinanceMessage {
  BinanceEvent event = BinanceEvent::Ignored;
  // Whose message it is; for a refused one whose it seems to be, or no_binance_instrument.
  BinanceIndex instrument = no_binance_instrument;
  bool has_exchange_time = false;
  UtcNs exchange;
  DepthIds ids;                  // Depth; BookTicker: last
  std::span<const Level> bids;   // Depth
  std::span<const Level> asks;   // Depth
  Level bid;                     // BookTicker
  Level ask;                     // BookTicker
  Price price;                   // trades
  Quantity quantity;             // trades
  std::uint64_t trade_id = 0;    // trades
  bool buyer_is_maker = false;   // trades: the aggressor sells
  std::uint64_t request_id = 0;  // Acknowledged, Refused
  Exponent finer_price;          // with NumberTooFine: what the text needed, or 0
  Exponent finer_quantity;
};

class BinanceDecoder {
 public:
  enum class Rule : std::uint8_t { Spot, Futures };  // futures: pu, and times everywhere

  BinanceDecoder(const BinanceSymbols& symbols, Rule rule);

  // One stream message, combined (`{"stream":...,"data":...}`) or bare.
  [[nodiscard]] DecodeStatus decode(std::string_view padded, BinanceMessage& message) noexcept;

  // Body of a depth request for this instrument: an event Depth whose ids.last is lastUpdateId.
  [[nodiscard]] DecodeStatus decode_snapshot(std::string_view padded, BinanceIndex instrument,
                                             BinanceMessage& message) noexcept;

 private:
  using Value = simdjson::ondemand::value;
  struct Scalar;
  struct Row {
    std::string_view price;
    std::string_view quantity;
  };
  struct Fields;

  [[nodiscard]] DecodeStatus decode_root(simdjson::ondemand::document& document, Fields& fields,
                                         BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus decode_data(simdjson::ondemand::object data, Fields& fields,
                                         BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus take_field(unsigned key, Value value, Fields& fields,
                                        BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus take_levels(simdjson::ondemand::array rows, BinanceMessage& message,
                                         std::vector<Level>& levels, std::size_t& count) noexcept;
  [[nodiscard]] DecodeStatus take_row(const Row& row, BinanceMessage& message,
                                      Level& level) noexcept;
  // Each judges the fields of one event.
  [[nodiscard]] DecodeStatus finish(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_answer(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_symbol(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_times(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_sides(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_depth(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_trade(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_ticker(const Fields& fields, BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_snapshot(const Fields& fields,
                                             BinanceMessage& message) noexcept;
  [[nodiscard]] DecodeStatus finish_level(const Fields& fields, unsigned price, unsigned quantity,
                                          BinanceMessage& message, Level& level) noexcept;

  const BinanceSymbols& symbols_;
  Rule rule_;
  simdjson::ondemand::parser parser_;
  std::vector<Level> bids_;  // scratch, depth_levels_max each
  std::vector<Level> asks_;
};

// The stream's name as far as it can be read out of a damaged text, to tell whose damage it is.
[[nodiscard]] BinanceIndex guess_instrument(std::string_view text,
                                            const BinanceSymbols& symbols) noexcept;

}  // namespace ringside::collector
