// Turns one Kraken v1 text (WebSocket API 1.x, frozen; recorded feeds until 2026) into the same
// plain entries as version 2. Data are arrays whose meaning stands at their end:
//
//   [320, {"a":[["58734.5","0.2","1617666423.6"]]}, {"b":[..],"c":"1611137690"},
//   "book-1000","XBT/USD"] [321, [["58721.3","0.0017","1617666497.0","b","m",""]], "trade",
//   "XBT/USD"] [322, ["5698.4","5700.0","1542057299.5","1.019","0.998"], "spread", "XBT/USD"]
//
// and events are objects. Strict as kraken_decode.hpp, with the same bounds; so are lifetimes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "collector/kraken_message.hpp"

namespace ringside::collector {

enum class KrakenV1Kind : std::uint8_t {
  Ignored = 0,  // valid, of no interest
  Book,
  Trade,
  Spread,
  SystemStatus,
  Heartbeat,
  Answer,  // to subscribe, unsubscribe or ping
};

struct KrakenV1Answer {
  enum class What : std::uint8_t { Pong, Subscribed, Unsubscribed, Refused };
  What what = What::Pong;
  std::string_view channel;  // "book-25", "trade"; empty in refusals
  std::string_view symbol;
  std::uint32_t depth = 0;       // books
  std::uint64_t channel_id = 0;  // with which its data begin; 0: not said
  std::uint64_t request = 0;     // reqid of the question; 0: it had none
};

struct KrakenV1Message {
  KrakenV1Kind kind = KrakenV1Kind::Ignored;
  bool snapshot = false;  // Book
  bool online = true;     // SystemStatus
  // With which data begin: the venue has said whose it is.
  std::uint64_t channel_id = 0;
  KrakenBook book;
  std::span<const KrakenTrade> trades;
  KrakenTicker spread;
  KrakenV1Answer answer;
};

class KrakenV1Decoder {
 public:
  KrakenV1Decoder();
  ~KrakenV1Decoder();
  // `message` is meaningful only if Ok; then each entry's fault says what it is worth.
  [[nodiscard]] KrakenStatus decode(std::string_view padded, KrakenV1Message& message) noexcept;

 private:
  struct Parser;

  std::unique_ptr<Parser> parser_;
};

}  // namespace ringside::collector
