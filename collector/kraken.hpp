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
// kraken_decode.hpp; resync_attempts_max attempts before an instrument is Failed (and then retried
// each failed_retry_ns). Fails by: counting, and the instrument's published state.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/counters.hpp"
#include "collector/kraken_decode.hpp"
#include "collector/record_writer.hpp"
#include "collector/symbol_table.hpp"

namespace ringside::collector {

inline constexpr std::uint32_t kraken_depth_default = 10;
inline constexpr std::size_t kraken_symbols_a_message = 20;
inline constexpr std::int64_t kraken_send_period_ns = 10'000'000;  // between subscriptions
inline constexpr std::int64_t kraken_snapshot_deadline_ns = 10'000'000'000;
inline constexpr std::int64_t kraken_silence_ns = 10'000'000'000;     // heartbeats come each second
inline constexpr std::int64_t kraken_retry_first_ns = 1'000'000'000;  // doubled at each attempt
inline constexpr std::int64_t kraken_retry_most_ns = 60'000'000'000;
inline constexpr std::int64_t kraken_failed_retry_ns = 300'000'000'000;
inline constexpr unsigned kraken_resync_attempts_max = 6;
inline constexpr std::int64_t kraken_settled_ns =
    60'000'000'000;  // live so long: attempts begin anew

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
  std::uint32_t depth = kraken_depth_default;
  std::uint32_t generation = 1;                  // high part of the epochs
  std::uint32_t instruments_per_connection = 0;  // 0: all on one
  std::string path = "/v2";
  std::uint64_t seed = 0;  // of the backoff's jitter
};

class KrakenAdapter final : public Adapter {
 public:
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
  enum class Phase : std::uint8_t {
    Disconnected,
    NeedsExponents,  // waits for the instrument channel
    NeedsSnapshot,   // subscribed or about to be
    Live,
    Waiting,  // backs off until `due_ns`, then resubscribes
    Failed,   // the same, for long
  };
  struct Instrument {
    KrakenInstrument given;
    ConnectionIndex connection = 0;
    Phase phase = Phase::Disconnected;
    std::uint32_t depth = 0;
    std::uint32_t snapshots = 0;  // low part of the epoch
    std::uint32_t epoch = 0;      // 0: none yet
    unsigned attempts = 0;
    std::int64_t due_ns = 0;         // Waiting, Failed: when; NeedsSnapshot: its deadline
    std::int64_t live_since_ns = 0;  // Live
    bool bid_and_trades = false;     // trade and ticker subscriptions stand
    bool halted = false;
  };
  struct Connection {
    bool open = false;
    std::int64_t heard_ns = 0;
    std::int64_t next_send_ns = 0;
    std::size_t subscribe_from = 0;  // first instrument whose subscriptions are not sent yet
    unsigned channel = 0;            // of the batch at subscribe_from
    bool subscribing = false;
  };

  void take(ConnectionIndex connection, const KrakenMessage& message, Now now) noexcept;
  void take_book(const KrakenBook& book, bool snapshot, Now now) noexcept;
  void take_snapshot(Instrument& instrument, const KrakenBook& book, Now now) noexcept;
  void take_delta(Instrument& instrument, const KrakenBook& book, Now now) noexcept;
  void take_trade(const KrakenTrade& trade, Now now) noexcept;
  void take_ticker(const KrakenTicker& ticker, Now now) noexcept;
  void take_pairs(ConnectionIndex connection, const KrakenMessage& message, Now now) noexcept;
  void take_answer(const KrakenAnswer& answer, Now now) noexcept;
  void take_system_status(ConnectionIndex connection, bool online, Now now) noexcept;
  // Whose numbers these are; false, and the damage dealt with, when they cannot be used.
  [[nodiscard]] bool convert(Instrument& instrument, std::span<const KrakenLevel> from,
                             std::vector<Level>& to, Now now) noexcept;
  [[nodiscard]] bool convert_one(Instrument& instrument, const KrakenLevel& from, Level& to,
                                 Now now) noexcept;
  [[nodiscard]] Instrument* find(std::string_view symbol) noexcept;

  void refused(std::string_view text, KrakenStatus status, Now now) noexcept;
  void send_subscriptions(ConnectionIndex connection, Now now) noexcept;
  [[nodiscard]] std::size_t batch_end(ConnectionIndex connection, std::size_t from) const noexcept;
  [[nodiscard]] bool send_channel(ConnectionIndex connection, std::string_view method,
                                  unsigned channel, std::size_t from, std::size_t to) noexcept;
  void resubscribe(Instrument& instrument, Now now) noexcept;
  void lose(Instrument& instrument, State state, Cause cause, Now now) noexcept;
  void status(const Instrument& instrument, State state, Cause cause, Now now) noexcept;
  void tick(Instrument& instrument, Now now) noexcept;
  [[nodiscard]] InstrumentTerms terms(const Instrument& instrument) const noexcept;
  [[nodiscard]] std::int64_t backoff_ns(unsigned attempts) noexcept;

  KrakenConfig config_;
  RecordWriter& records_;
  AdapterHost& host_;
  KrakenDecoder decoder_;
  KrakenMessage message_;
  SymbolTable symbols_;
  std::vector<Instrument> instruments_;
  std::vector<Connection> connections_;
  std::vector<Level> bids_;  // scratch, kraken_levels_max each
  std::vector<Level> asks_;
  std::string text_;  // scratch of outgoing frames
  std::mt19937_64 random_;
  std::uint64_t request_ = 0;
  Counters counters_;
};

// What a capture says about exponents and depth, before it is decoded: offline, the venue's
// metadata is often missing. The exponent of an instrument is that of its finest number as written,
// because the checksum is over the written digits.
class KrakenFirstPass {
 public:
  struct Found {
    std::string symbol;
    Exponent price_exponent;
    Exponent quantity_exponent;
    std::uint32_t depth = kraken_depth_default;
  };
  void on_message(std::string_view padded) noexcept;
  [[nodiscard]] const std::vector<Found>& found() const noexcept { return found_; }

 private:
  Found& of(std::string_view symbol);
  void widen(Found& found, const KrakenLevel& level) noexcept;

  KrakenDecoder decoder_;
  KrakenMessage message_;
  std::vector<Found> found_;
};

}  // namespace ringside::collector
