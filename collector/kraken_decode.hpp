// Turns one Kraken v2 text into plain values. Takes fields in any order and looks at every byte, so
// that junk in a field nobody wants is refused as a strict parser would; numbers stay text, because
// their exact digits enter the venue's checksum and their exponent is the instrument's.
//
// Shapes: docs of Kraken's WebSocket API v2 (book, trade, ticker, instrument, status, heartbeat,
// subscribe and unsubscribe answers), read November 2026.
//
// Threads: the adapter's. Bounded by the *_max below. Texts need 64 readable bytes behind their
// end. Results live until the next decode(). Fails by: KrakenStatus; allocates nothing after
// construction but for a text longer than kraken_text_bytes_expected.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ringside/time.hpp"

namespace ringside::collector {

inline constexpr std::size_t kraken_levels_max = 16'384;  // of one message
inline constexpr std::size_t kraken_entries_max = 1'024;  // books, trades or tickers of one message
inline constexpr std::size_t kraken_pairs_max = 16'384;   // of the instrument channel
inline constexpr std::size_t kraken_text_bytes_expected = std::size_t{1} << 20;

enum class KrakenStatus : std::uint8_t {
  Ok = 0,
  MalformedJson,
  MissingField,
  MistypedField,
  RepeatedField,
  TooMany,  // levels or entries
};

enum class KrakenKind : std::uint8_t {
  Ignored = 0,  // valid, of no interest
  Book,
  Trade,
  Ticker,
  Instruments,
  SystemStatus,
  Heartbeat,
  Answer,  // to subscribe, unsubscribe or ping
};

// Number tokens as written; what they mean depends on the instrument's exponents.
struct KrakenLevel {
  std::string_view price;
  std::string_view quantity;
};
struct KrakenBook {
  std::string_view symbol;
  std::span<const KrakenLevel> bids;  // in the order of the message
  std::span<const KrakenLevel> asks;
  std::uint32_t checksum = 0;
  UtcNs exchange;
  bool has_exchange_time = false;
};
struct KrakenTrade {
  std::string_view symbol;
  std::string_view price;
  std::string_view quantity;
  bool buy = false;  // the taker's side
  std::uint64_t id = 0;
  UtcNs exchange;
};
struct KrakenTicker {
  std::string_view symbol;
  KrakenLevel bid;
  KrakenLevel ask;
  UtcNs exchange;
  bool has_exchange_time = false;
};
struct KrakenPair {
  std::string_view symbol;
  int price_precision = 0;     // decimals
  int quantity_precision = 0;  // decimals
};
struct KrakenAnswer {
  std::string_view method;
  std::string_view channel;  // of the result; empty in refusals
  std::string_view symbol;
  std::string_view error;
  std::uint32_t depth = 0;  // books
  bool success = false;
};

struct KrakenMessage {
  KrakenKind kind = KrakenKind::Ignored;
  bool snapshot = false;  // type: else an update
  bool online = true;     // SystemStatus
  std::span<const KrakenBook> books;
  std::span<const KrakenTrade> trades;
  std::span<const KrakenTicker> tickers;
  std::span<const KrakenPair> pairs;
  KrakenAnswer answer;
};

class KrakenDecoder {
 public:
  KrakenDecoder();
  // `message` is meaningful only if Ok.
  [[nodiscard]] KrakenStatus decode(std::string_view padded, KrakenMessage& message) noexcept;

 private:
  using Value = simdjson::ondemand::value;
  using Object = simdjson::ondemand::object;

  [[nodiscard]] KrakenStatus decode_fields(simdjson::ondemand::document& document,
                                           KrakenMessage& message) noexcept;
  [[nodiscard]] KrakenStatus take_data(Value data, KrakenMessage& message) noexcept;
  template <typename Entry, typename Take>
  [[nodiscard]] KrakenStatus take_entries(Value data, std::vector<Entry>& entries,
                                          Take take) noexcept;
  [[nodiscard]] KrakenStatus take_book(Object fields, KrakenBook& book) noexcept;
  [[nodiscard]] KrakenStatus take_levels(Value value,
                                         std::span<const KrakenLevel>& levels) noexcept;
  [[nodiscard]] KrakenStatus take_trade(Object fields, KrakenTrade& trade) noexcept;
  [[nodiscard]] KrakenStatus take_ticker(Object fields, KrakenTicker& ticker) noexcept;
  [[nodiscard]] KrakenStatus take_instruments(Value data) noexcept;
  [[nodiscard]] KrakenStatus take_pair(Object fields, KrakenPair& pair) noexcept;
  [[nodiscard]] KrakenStatus take_system_status(Value data, bool& online) noexcept;
  [[nodiscard]] KrakenStatus take_result(Value result, KrakenAnswer& answer) noexcept;

  simdjson::ondemand::parser parser_;
  std::vector<KrakenLevel> levels_;
  std::vector<KrakenBook> books_;
  std::vector<KrakenTrade> trades_;
  std::vector<KrakenTicker> tickers_;
  std::vector<KrakenPair> pairs_;
};

}  // namespace ringside::collector
