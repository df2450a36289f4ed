// Kraken, WebSocket v1: how its texts look. What becomes of them: kraken_session.hpp. The venue has
// frozen this version; it is kept for recorded feeds, and works live.
//
// Differs from version 2: exponents are not asked for. The venue writes all decimals of an
// instrument (more than its metadata say), so the first snapshot tells them. A snapshot has no
// checksum; trades have no id; the best bid and offer is the channel "spread".
//
// Threads, bounds, failures: those of KrakenSession and KrakenV1Decoder.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collector/decimals_tally.hpp"
#include "collector/kraken_session.hpp"
#include "collector/kraken_v1_decode.hpp"

namespace ringside::collector {

// Finer than any number of this venue, and coarse enough for all of them.
inline constexpr Exponent kraken_v1_price_exponent{-10};
inline constexpr Exponent kraken_v1_quantity_exponent{-8};

class KrakenV1Adapter final : public KrakenSession {
 public:
  // `records` and `host` outlive this.
  KrakenV1Adapter(KrakenConfig config, RecordWriter& records, AdapterHost& host);

  void on_message(ConnectionIndex connection, std::string_view padded, Now now) noexcept override;

 private:
  void write_question(std::string& text, const Question& question) noexcept override;
  bool begin_connection(ConnectionIndex connection, Now now) noexcept override;
  void ask_for_terms(ConnectionIndex connection, Now now) noexcept override;
  void prepare(KrakenInstrument& instrument) noexcept override;
  void tell_news(Now) noexcept override {}  // it has no metadata

  void take(ConnectionIndex connection, Now now) noexcept;
  void take_answer(const KrakenV1Answer& answer, Now now) noexcept;
  [[nodiscard]] BookIndex whose(std::string_view text) const noexcept;
  [[nodiscard]] BookIndex owner_of(std::uint64_t channel_id) const noexcept;
  // False, and the channel's instrument has lost its book: the number that the data begin with is
  // not that of the pair that they end with.
  [[nodiscard]] bool agrees(KrakenChannel channel, std::string_view symbol, Now now) noexcept;

  KrakenV1Decoder decoder_;
  KrakenV1Message message_;
  // Per instrument, the numbers that its channels' data begin with; 0: not said.
  std::vector<std::array<std::uint64_t, kraken_channels>> channel_ids_;
};

// As KrakenFirstPass, for captures of version 1.
class KrakenV1FirstPass {
 public:
  void on_message(std::string_view padded);
  // In order of appearance.
  [[nodiscard]] std::vector<KrakenFirstPass::Found> found() const { return tallies_.found(); }

 private:
  KrakenV1Decoder decoder_;
  KrakenV1Message message_;
  KrakenTallies tallies_;
  std::map<std::uint64_t, std::string> owners_;  // pairs by the numbers told with them
};

}  // namespace ringside::collector
