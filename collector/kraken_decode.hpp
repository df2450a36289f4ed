// Turns one Kraken v2 text into plain values. Takes fields in any order and looks at every byte, so
// that junk in a field nobody wants is refused as a strict parser would; numbers stay text, because
// their exact digits enter the venue's checksum and their exponent is the instrument's.
//
// Damage stays where it is: what is no JSON, or lacks its outer fields, refuses the whole text; a
// missing or mistyped field inside one entry (a book, a trade, ...) is that entry's fault() and
// leaves the others good.
//
// Shapes: docs of Kraken's WebSocket API v2 (book, trade, ticker, instrument, status, heartbeat,
// subscribe and unsubscribe answers), read November 2026.
//
// Threads: the adapter's. Bounded by the *_max below. Texts need 64 readable bytes behind their
// end. Results live until the next decode(). Fails by: KrakenStatus; allocates nothing after
// construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "collector/kraken_message.hpp"
#include "collector/listings.hpp"

namespace ringside::collector {

inline constexpr std::size_t kraken_pairs_max = 16'384;  // of the instrument channel

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

struct KrakenPair {
  KrakenStatus fault = KrakenStatus::Ok;
  std::string_view symbol;           // empty: it could not be told
  int price_precision = 0;           // decimals
  int quantity_precision = 0;        // decimals
  std::string_view price_increment;  // number tokens; empty: not said
  std::string_view quantity_increment;
  ListingStatus status = ListingStatus::Trading;
};
struct KrakenAnswer {
  std::string_view method;
  std::string_view channel;  // of the result; empty in refusals
  std::string_view symbol;
  std::string_view error;
  std::uint32_t depth = 0;    // books
  std::uint64_t request = 0;  // req_id of the question; 0: it had none
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
  ~KrakenDecoder();
  // `message` is meaningful only if Ok; then each entry's fault says what it is worth.
  [[nodiscard]] KrakenStatus decode(std::string_view padded, KrakenMessage& message) noexcept;

 private:
  struct Parser;  // simdjson's types depend on -march; they stay in one file

  std::unique_ptr<Parser> parser_;
};

}  // namespace ringside::collector
