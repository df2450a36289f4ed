// Kraken, WebSocket v2: how its texts look. What becomes of them: kraken_session.hpp.
//
// Exponents that are not given are asked of the instrument channel, which goes on telling of halts,
// new pairs, those that are delisted, and other increments; subscribing waits for its answer. A
// resync is unsubscribe and subscribe of that one symbol on the same connection; its deltas are
// dropped and counted until the new snapshot, which begins a new epoch.
//
// Threads, bounds, failures: those of KrakenSession and KrakenDecoder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/kraken_decode.hpp"
#include "collector/kraken_session.hpp"

namespace ringside::collector {

class KrakenAdapter final : public KrakenSession {
 public:
  // `records` and `host` outlive this.
  KrakenAdapter(KrakenConfig config, RecordWriter& records, AdapterHost& host);

  void on_message(ConnectionIndex connection, std::string_view padded, Now now) noexcept override;

 private:
  void write_question(std::string& text, const Question& question) noexcept override;
  bool begin_connection(ConnectionIndex connection, Now now) noexcept override;
  void ask_for_terms(ConnectionIndex connection, Now now) noexcept override;
  void prepare(KrakenInstrument& instrument) noexcept override;
  void tell_news(Now now) noexcept override { listings_.announce(now.ticks); }
  void ask_for_instruments(ConnectionIndex connection, bool subscribe, Now now) noexcept;

  void take(ConnectionIndex connection, const KrakenMessage& message, Now now) noexcept;
  void take_pairs(ConnectionIndex connection, const KrakenMessage& message, Now now) noexcept;
  void take_pair(BookIndex index, const KrakenPair& pair, Now now) noexcept;
  void note_listing(BookIndex index, const KrakenPair& pair) noexcept;
  void take_missing(ConnectionIndex connection, bool whole, Now now) noexcept;
  void take_answer(const KrakenAnswer& answer, Now now) noexcept;
  [[nodiscard]] BookIndex asked_about(const KrakenAnswer& answer) const noexcept;
  void take_refused_text(std::string_view text, KrakenStatus reason, Now now) noexcept;

  KrakenDecoder decoder_;
  KrakenMessage message_;

  // What the instrument channel said last of an instrument.
  struct Said {
    std::uint64_t list = 0;  // in which; 0: nothing yet
    int price_precision = 0;
    int quantity_precision = 0;
  };
  Listings listings_;
  ConnectionIndex listings_from_ = 0;  // all connections hear of all pairs: one is enough
  std::vector<Said> said_;             // by BookIndex
  std::uint64_t list_ = 1;             // grows with each whole list of a connection
};

}  // namespace ringside::collector
