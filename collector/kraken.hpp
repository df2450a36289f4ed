// Kraken, WebSocket v2: subscription, snapshots, deltas, trades, best bid and offer.
//
// The venue sends no sequence numbers: the CRC-32 in each book message, which the worker checks
// before it publishes, is the only proof of continuity. What this adapter refuses (a damaged frame)
// it also resyncs, as far as it can tell whose it was; a frame damaged beyond that is counted as
// unattributed, and the checksum of that book's next message finds the loss.
//
// A resync is unsubscribe and subscribe of that one symbol on the same connection; its deltas are
// dropped and counted until the new snapshot, which begins a new epoch.
//
// Threads: the collector thread's. Bounded by: the instruments given; the *_max of
// kraken_decode.hpp; SubscriptionLimits. Fails by: counting, and the instrument's published state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/book_subscriptions.hpp"
#include "collector/counters.hpp"
#include "collector/kraken_decode.hpp"
#include "collector/kraken_first_pass.hpp"
#include "collector/record_writer.hpp"
#include "collector/symbol_table.hpp"

namespace ringside::collector {

inline constexpr std::size_t kraken_symbols_a_message = 20;
inline constexpr std::int64_t kraken_send_period_ns = 10'000'000;  // between subscriptions
inline constexpr std::int64_t kraken_silence_ns = 10'000'000'000;  // heartbeats come each second

struct KrakenInstrument {
  std::string symbol;  // "BTC/USD"
  InstrumentId id;
  InstrumentIndex record = 0;    // of the RecordWriter
  bool exponents_known = false;  // else the instrument channel is asked
  Exponent price_exponent;
  Exponent quantity_exponent;
};

struct KrakenConfig {
  std::vector<KrakenInstrument> instruments;
  bool trades = true;
  bool books = true;
  bool bbos = true;
  std::uint32_t depth = kraken_depth_default;    // 10, 25, 100, 500 or 1000
  std::uint32_t generation = 1;                  // high part of the epochs
  std::uint32_t instruments_per_connection = 0;  // 0: all on one
  std::string path = "/v2";
  std::uint64_t seed = 0;  // of the backoff's jitter
  SubscriptionLimits limits;
};

class KrakenAdapter final : public Adapter {
 public:
  // `records` and `host` outlive this.
  KrakenAdapter(KrakenConfig config, RecordWriter& records, AdapterHost& host);

  [[nodiscard]] std::uint32_t connection_count() const noexcept override;
  [[nodiscard]] std::string_view connection_path(
      ConnectionIndex connection) const noexcept override;
  void on_open(ConnectionIndex connection, Now now) noexcept override;
  void on_message(ConnectionIndex connection, std::string_view padded, Now now) noexcept override;
  void on_close(ConnectionIndex connection, Now now) noexcept override;
  void on_response(std::uint32_t request_id, int status, std::string_view padded,
                   Now now) noexcept override;
  void on_tick(Now now) noexcept override;
  void on_resync(InstrumentId instrument, std::uint32_t epoch, Cause cause,
                 Now now) noexcept override;

  [[nodiscard]] const Counters& counters() const noexcept override { return counters_; }

 private:
  // Its BookIndex is its index here and in the SymbolTable.
  struct Instrument {
    std::string symbol;
    ConnectionIndex connection = 0;
    std::uint32_t depth = 0;   // as acknowledged
    bool pair_halted = false;  // by its own status; the system's is the connection's
  };
  struct Connection {
    bool open = false;
    bool online = true;  // the venue's system status
    bool subscribing = false;
    unsigned channel = 0;          // of the batch that begins at subscribe_from
    BookIndex subscribe_from = 0;  // first instrument whose subscriptions are not sent yet
    std::int64_t heard_ns = 0;
    std::int64_t next_send_ns = 0;
  };
  struct Symbols {
    BookIndex from;
    BookIndex to;
  };

  void take(ConnectionIndex connection, const KrakenMessage& message, Now now) noexcept;
  void take_book(const KrakenBook& book, bool snapshot, Now now) noexcept;
  void take_snapshot(BookIndex index, const KrakenBook& book, Now now) noexcept;
  void take_delta(BookIndex index, const KrakenBook& book, Now now) noexcept;
  void take_trade(const KrakenTrade& trade, Now now) noexcept;
  void take_ticker(const KrakenTicker& ticker, Now now) noexcept;
  void take_pairs(ConnectionIndex connection, const KrakenMessage& message, Now now) noexcept;
  void take_pair(BookIndex index, const KrakenPair& pair, Now now) noexcept;
  void take_answer(const KrakenAnswer& answer, Now now) noexcept;
  void take_refusal(const KrakenAnswer& answer, Now now) noexcept;
  void take_system_status(ConnectionIndex connection, bool online, Now now) noexcept;
  [[nodiscard]] BookIndex asked_about(const KrakenAnswer& answer) const noexcept;

  // Whose entry it is; no_symbol: unknown, or damaged and dealt with.
  [[nodiscard]] BookIndex owner(KrakenStatus fault, std::string_view symbol, Now now) noexcept;
  void take_refused_text(std::string_view text, KrakenStatus reason, Now now) noexcept;
  // False: cannot be used; counted, and the cause is in `damage`.
  [[nodiscard]] bool convert(const KrakenLevel& from, const InstrumentTerms& terms, Level& to,
                             Cause& damage) noexcept;
  [[nodiscard]] bool convert(std::span<const KrakenLevel> from, const InstrumentTerms& terms,
                             std::vector<Level>& to, Cause& damage) noexcept;
  [[nodiscard]] InstrumentTerms snapshot_terms(BookIndex index,
                                               const KrakenBook& book) const noexcept;

  void send_subscriptions(ConnectionIndex connection, Now now) noexcept;
  [[nodiscard]] bool send_channel(std::string_view method, unsigned channel,
                                  Symbols symbols) noexcept;
  void send_instrument_question(ConnectionIndex connection) noexcept;
  void act(Now now) noexcept;

  KrakenConfig config_;
  RecordWriter& records_;
  AdapterHost& host_;
  Counters counters_;
  BookSubscriptions books_;
  KrakenDecoder decoder_;
  KrakenMessage message_;
  SymbolTable symbols_;
  std::vector<Instrument> instruments_;
  std::vector<Connection> connections_;
  std::vector<Level> bids_;  // scratch, kraken_levels_max each
  std::vector<Level> asks_;
  std::string text_;  // scratch of outgoing frames
  std::uint64_t requests_ = 0;
};

}  // namespace ringside::collector
