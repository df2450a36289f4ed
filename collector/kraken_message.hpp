// What Kraken's messages say, whichever version of its protocol they come in: entries of text
// tokens, each with the fault that was found in it. Vocabulary of the decoders and the adapters.
//
// Lifetime: everything points into the text and the decoder; until the decoder's next text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ringside/time.hpp"

namespace ringside::collector {

inline constexpr std::size_t kraken_levels_max = 16'384;  // of one message
inline constexpr std::size_t kraken_entries_max = 1'024;  // books, trades or tickers of one message
// A longer text is refused: the whole instrument channel of 2026 is about 1 MB.
inline constexpr std::size_t kraken_text_bytes_max = std::size_t{4} << 20;

enum class KrakenStatus : std::uint8_t {
  Ok = 0,
  MalformedJson,
  InvalidUtf8,
  MissingField,
  MistypedField,
  RepeatedField,
  TooMany,  // levels or entries
  TooLarge,
};

// Number tokens as written; what they mean depends on the instrument's exponents.
struct KrakenLevel {
  std::string_view price;
  std::string_view quantity;
};
struct KrakenBook {
  KrakenStatus fault = KrakenStatus::Ok;
  std::string_view symbol;            // empty: it could not be told
  std::span<const KrakenLevel> bids;  // in the order of the message
  std::span<const KrakenLevel> asks;
  std::uint32_t checksum = 0;
  bool has_checksum = false;
  std::uint32_t depth = 0;  // that is subscribed to; 0: not said here
  UtcNs exchange;
  bool has_exchange_time = false;
};
struct KrakenTrade {
  KrakenStatus fault = KrakenStatus::Ok;
  std::string_view symbol;  // empty: it could not be told
  std::string_view price;
  std::string_view quantity;
  bool buy = false;  // the taker's side
  std::uint64_t id = 0;
  UtcNs exchange;
};
struct KrakenTicker {
  KrakenStatus fault = KrakenStatus::Ok;
  std::string_view symbol;  // empty: it could not be told
  KrakenLevel bid;
  KrakenLevel ask;
  UtcNs exchange;
  bool has_exchange_time = false;
};
}  // namespace ringside::collector
