// Binance: spot, binance.us, USD-M and COIN-M futures. Books by REST snapshot and depth stream,
// trades, best bid and offer.
//
// Continuity is the update ids' (binance_sequencer.hpp, binance_continuity.hpp). What it cannot
// show: a changed digit in a price or quantity, a lost bookTicker, and a snapshot of the wrong
// symbol where its ids fit and its prices are near (COIN-M says whose it is; the spot markets' ids
// are each symbol's own; USD-M's are shared, there the bookTicker's price gives it away).
//
// A resync is a new REST snapshot of that one instrument; the connection and all others go on. A
// message that cannot be used, whatever its kind, costs its instrument the book: what it said is
// lost. A missing trade is counted by its id, and costs nothing.
//
// A snapshot is asked for once the venue has acknowledged the depth stream that it must meet, and
// requests keep the venue's weight (binance_rest.hpp): metadata first, then books that were live on
// this connection and have not been lost a moment ago, then the others in the order of asking.
//
// Instruments that are added while it runs are subscribed by message, over the first connection
// with room, and so are those that are removed unsubscribed (binance_changes.cpp): each instrument
// has, on each of its connections, streams or not, and wants them or not; where these differ, a
// message goes out, one at a time on each connection.
//
// So it is with channels (binance_channels.cpp). The instruments of a shard share the connection at
// which they are at home, and up to two more: of a layout that has two, or for a channel that was
// added where the first had no room. Each stream goes over one of them; the home carries the depth.
//
// What the venue lists is asked for each metadata_period_ns, all of it: what is new, halted, gone
// or has other increments is announced (listings.hpp). Who is listed no more has no streams and no
// book until it is again (binance_listings.cpp).
//
// Threads: the collector thread's. Bounded by: instruments_max; join buffers
// (binance_continuity.hpp); RestLimits; resync_attempts_max before an instrument is Failed (and
// retried at the longest backoff). Allocates after construction only to buffer a join, and once
// for exchangeInfo. Fails by: counting, and the instrument's published state.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/binance_continuity.hpp"
#include "collector/binance_decode.hpp"
#include "collector/binance_rest.hpp"
#include "collector/binance_streams.hpp"
#include "collector/binance_symbols.hpp"
#include "collector/binance_trades.hpp"
#include "collector/counters.hpp"
#include "collector/listings.hpp"
#include "collector/pacer.hpp"
#include "collector/record_writer.hpp"
#include "collector/venue_limits.hpp"

namespace ringside::collector {

inline constexpr std::int64_t binance_answer_within_ns = 10'000'000'000;
inline constexpr std::int64_t binance_refused_retry_ns = 300'000'000'000;
inline constexpr std::int64_t binance_silence_ns = 60'000'000'000;
inline constexpr std::int64_t binance_settled_ns = 60'000'000'000;  // live so long: attempts anew
inline constexpr std::int64_t binance_look_period_ns = 100'000'000;
inline constexpr unsigned binance_resync_attempts_max = 8;
inline constexpr unsigned binance_tickers_old_max = 8;  // in a row; then the newest id was damaged
inline constexpr std::size_t binance_symbols_a_request = 40;     // of those who are added
inline constexpr std::size_t binance_symbols_asked_singly = 16;  // more: the whole exchangeInfo
inline constexpr std::uint64_t binance_change_id_first = 1'000'000'000;  // above the plan's

class BinanceFirstPass;
struct BinanceTerms;

struct BinanceConfig {
  BinanceMarket market = BinanceMarket::Spot;
  std::vector<BinanceInstrument> instruments;
  std::size_t instruments_max = 0;  // that there will ever be; 0: those given
  bool trades = true;
  bool books = true;
  bool bbos = true;
  BinanceTrades trade_kind = BinanceTrades::Every;  // for_market() sets what the venue documents
  std::string depth_stream = "depth@100ms";
  BinanceLayout layout = BinanceLayout::OneStream;
  bool subscribe_by_message = false;
  bool acknowledges =
      true;  // false, of a capture: nobody does, and every stream runs from the start
  std::uint32_t instruments_per_connection = 0;  // 0: the venue's limit
  std::uint32_t streams_max = 1024;              // of a connection
  PaceLimit messages{};                          // over one connection
  std::uint32_t snapshot_limit = 1000;           // levels a side asked for
  std::uint32_t snapshot_weight = 1;             // of such a request
  std::uint32_t info_weight = 1;                 // of exchangeInfo
  RestLimits rest;
  std::uint32_t generation = 1;  // high part of the epochs
  std::int64_t silence_ns = binance_silence_ns;
  std::int64_t metadata_period_ns = 0;  // between looks at all that is listed; 0: none
  std::uint64_t seed = 0;               // of the backoff's jitter

  // What the venue of this market documents: trades, layout, snapshot depth, limits.
  static BinanceConfig for_market(BinanceMarket market);
  // How many levels a snapshot is asked for, and how fast. `levels`: 0 for the venue's default.
  void take_limits(const VenueLimits& limits, std::uint32_t levels);
  // For a capture: symbols, exponents and kind of trades as found; one connection, no REST limits.
  // The instruments' id and record are left for the caller to fill in.
  static BinanceConfig for_capture(BinanceMarket market, const BinanceFirstPass& pass);
};

// Of one instrument.
struct BinanceCounts {
  std::uint64_t updates = 0;    // depth messages applied
  std::uint64_t snapshots = 0;  // published
  std::uint64_t gaps = 0;       // times the book ceased to be live
  std::uint64_t trades = 0;
  std::uint64_t trade_gaps = 0;  // times ids were skipped
  std::uint64_t trades_late = 0;
  std::uint64_t tickers = 0;
};

class BinanceAdapter final : public Adapter {
 public:
  // `records` and `host` outlive this.
  BinanceAdapter(BinanceConfig config, RecordWriter& records, AdapterHost& host);

  [[nodiscard]] std::uint32_t connection_count() const noexcept override;
  [[nodiscard]] std::string_view connection_path(
      ConnectionIndex connection) const noexcept override;
  void on_open(ConnectionIndex connection, Now now) noexcept override;
  void on_message(ConnectionIndex connection, std::string_view padded, Now now) noexcept override;
  void on_close(ConnectionIndex connection, Now now) noexcept override;
  void on_response(std::uint32_t request_id, const RestReply& reply, Now now) noexcept override;
  void on_tick(Now now) noexcept override;
  void on_resync(InstrumentId instrument, std::uint32_t epoch, Cause cause,
                 Now now) noexcept override;
  [[nodiscard]] bool add(VenueInstrument instrument, Now now) noexcept override;
  void remove(InstrumentId instrument, Now now) noexcept override;
  void set_channels(const Channels& channels, Now now) noexcept override;

  void succeed(const Adapter& other, Now now) noexcept override {
    if (const auto* const rest = other.rest_schedule()) rest_.succeed(*rest, now.steady_ns);
  }
  [[nodiscard]] const RestSchedule* rest_schedule() const noexcept override { return &rest_; }
  [[nodiscard]] const Counters& counters() const noexcept override { return counters_; }
  [[nodiscard]] const BinanceCounts& counts(SymbolIndex index) const noexcept {
    return instruments_[index].counts;
  }
  [[nodiscard]] bool live(SymbolIndex index) const noexcept { return instruments_[index].live; }
  [[nodiscard]] InstrumentTerms terms(SymbolIndex index) const noexcept;

 private:
  static constexpr ConnectionIndex no_connection = ~ConnectionIndex{0};

  // An instrument's streams on one connection.
  struct Place {
    ConnectionIndex connection = no_connection;
    StreamSet planned = 0;  // its path or its batches name them: they come by themselves
    StreamSet has = 0;      // as far as is known
    StreamSet doubted = 0;  // of those: to be asked for all the same
    StreamSet asked = 0;    // that the message under way is about
    StreamSet ending = 0;   // of those, asked to end: what begins anew waits for the answer
  };
  static constexpr std::size_t others_max = 2;  // of three streams, each over its own
  struct Instrument {
    Instrument(BinanceInstrument of, DepthJoin continuity)
        : given(std::move(of)), join(std::move(continuity)) {}

    BinanceInstrument given;
    DepthJoin join;
    RestSchedule::Task task = 0;  // its depth request
    Place home;                   // whose opening begins it, and whose end ends its book
    std::array<Place, others_max> others;
    bool streams = false;   // the venue has acknowledged its depth stream
    bool was_live = false;  // on this connection
    bool removed = false;
    bool delisted = false;      // by the venue
    bool halted = false;        // by the venue
    bool unknown = false;       // the venue says that it has no such symbol
    bool said = false;          // exchangeInfo has listed it, with these exponents
    std::uint64_t said_in = 0;  // of whole lists, in which it stood last
    Exponent said_price;
    Exponent said_quantity;
    bool terms_due = false;  // added, and its exponents are not known
    std::int64_t terms_not_before_ns = 0;
    std::int64_t change_not_before_ns = 0;  // its subscription was refused
    bool open = false;  // the connection of its depth stream is, and its exponents are known
    bool live = false;
    bool failed = false;
    unsigned attempts = 0;        // snapshots wanted since it was last live for long
    std::uint32_t snapshots = 0;  // low part of the epoch
    std::uint32_t epoch = 0;      // 0: none yet
    std::int64_t live_since_ns = 0;
    std::uint64_t newest_depth = 0;  // id of the newest depth message, of any connection
    TradeIds trade_ids;
    std::uint64_t newest_ticker = 0;  // 0: none on this connection
    Price newest_bid;                 // of it
    unsigned tickers_old = 0;
    BinanceCounts counts;

    [[nodiscard]] bool away() const noexcept { return removed || delisted; }
    template <typename Do>
    void each_place(Do what) noexcept {
      what(home);
      for (auto& other : others) what(other);
    }
  };
  struct Asked {              // of each batch
    std::int64_t due_ns = 0;  // when to send it (again); never: acknowledged
    bool unanswered = false;  // counts with the pacer
  };
  struct Connection {
    explicit Connection(PaceLimit limit) : messages(limit) {}
    BinanceStreams streams;
    Pacer messages;
    bool paced = false;  // something waits for the pacer
    std::array<ConnectionIndex, others_max> others{no_connection, no_connection};  // of its shard
    std::uint32_t places = 0;   // taken: by instruments at home here
    std::uint32_t members = 0;  // of those, not removed
    bool changes_due = false;
    std::uint64_t change_id = 0;  // of the message whose answer is awaited; 0: none
    bool change_subscribes = false;
    std::int64_t change_until_ns = 0;
    std::vector<SymbolIndex> changing;                     // whom it is about
    std::size_t changes_most = binance_streams_a_message;  // instruments a message
    bool open = false;
    std::int64_t heard_ns = 0;  // opened, or the newest message
    std::int64_t cut_ns = 0;    // for its silence
    std::vector<Asked> asked;
  };

  // binance.cpp: messages
  void take(ConnectionIndex connection, const BinanceMessage& message, Now now) noexcept;
  void take_depth(SymbolIndex index, const BinanceMessage& message, Now now) noexcept;
  void take_trade(SymbolIndex index, const BinanceMessage& message, Now now) noexcept;
  void take_ticker(SymbolIndex index, const BinanceMessage& message, Now now) noexcept;
  void refused(const BinanceMessage& message, DecodeStatus reason, Now now) noexcept;
  void write_delta(Instrument& instrument, const DepthDelta& delta) noexcept;

  // binance_books.cpp: snapshots, resyncs, states
  [[nodiscard]] bool new_epoch(Instrument& instrument, Now now) noexcept;
  [[nodiscard]] bool publish(SymbolIndex index, const DepthSnapshot& snapshot, Now now) noexcept;
  void lose(SymbolIndex index, Cause cause, Now now) noexcept;
  void want_snapshot(SymbolIndex index, Now now) noexcept;
  void begin(SymbolIndex index, Cause cause, Now now) noexcept;
  void widen(SymbolIndex index, Exponent price, Exponent quantity) noexcept;
  void take_snapshot(SymbolIndex index, std::string_view padded, Now now) noexcept;
  void take_exchange_info(RestSchedule::Task task, int status, std::string_view padded,
                          Now now) noexcept;
  void take_chunk(std::size_t chunk, int status, bool refused, Now now) noexcept;
  void request_due(Now now) noexcept;
  [[nodiscard]] bool asks_all(std::size_t chunk) const noexcept;
  void name_target(RestSchedule::Task task) noexcept;
  void state(const Instrument& instrument, State state, Cause cause, Now now) noexcept;

  // binance_changes.cpp
  [[nodiscard]] StreamSet wanted_over(ConnectionIndex connection) const noexcept {
    return connections_[connection].streams.carries & streams_.wanted();
  }
  [[nodiscard]] StreamSet wants(const Instrument& instrument,
                                ConnectionIndex connection) const noexcept {
    return instrument.away() ? StreamSet{0} : wanted_over(connection);
  }
  void place(SymbolIndex index, ConnectionIndex home, bool planned) noexcept;
  void changes_due(ConnectionIndex home) noexcept;
  ConnectionIndex add_connection(StreamSet carries, bool begins) noexcept;
  [[nodiscard]] static Place* place_of(Instrument& instrument, ConnectionIndex connection) noexcept;
  [[nodiscard]] ConnectionIndex connection_with_room() noexcept;
  void begin_if_ready(SymbolIndex index, Now now) noexcept;
  void reopened(ConnectionIndex connection) noexcept;
  void send_changes(ConnectionIndex connection, Now now) noexcept;
  [[nodiscard]] bool gather(ConnectionIndex connection, bool subscribe, Now now) noexcept;
  void stop_waiting(ConnectionIndex connection) noexcept;
  void take_streams(SymbolIndex index, Place& place, bool begun, Now now) noexcept;
  [[nodiscard]] bool take_change_answer(std::uint64_t id, bool refused, Now now) noexcept;
  void ask_for_terms(Now now) noexcept;
  void take_terms_answer(int status, bool refused, Now now) noexcept;

  // binance_channels.cpp
  [[nodiscard]] ConnectionIndex carrier_of(ConnectionIndex home, StreamSet stream) const noexcept;
  [[nodiscard]] bool has_room(ConnectionIndex carrier, ConnectionIndex home) const noexcept;
  void carry(ConnectionIndex home, StreamSet stream) noexcept;
  void move_home(ConnectionIndex from, ConnectionIndex to, Now now) noexcept;
  void begin_book(Instrument& instrument, Now now) noexcept;
  void end_book(SymbolIndex index, Now now) noexcept;

  // binance_listings.cpp
  [[nodiscard]] RestSchedule::Task listings_task() const noexcept {
    return static_cast<RestSchedule::Task>(info_chunks_.size());
  }
  [[nodiscard]] RestSchedule::Task depth_tasks() const noexcept { return listings_task() + 1; }
  void ask_for_listings(Now now) noexcept;
  [[nodiscard]] bool read_listings(std::string_view padded, bool whole, Now now) noexcept;
  void take_terms(SymbolIndex index, const BinanceTerms& terms, Now now) noexcept;
  void take_status(SymbolIndex index, ListingStatus status, Now now) noexcept;
  void subscribe_anew(Instrument& instrument) noexcept;
  void leave(Instrument& instrument) noexcept;
  void come_back(SymbolIndex index, Now now) noexcept;

  // binance_connections.cpp
  [[nodiscard]] bool may_send(Connection& connection, Now now) noexcept;
  void send_batches(ConnectionIndex connection, Now now) noexcept;
  void streams_now(SymbolIndex index, Now now) noexcept;
  void take_answer(ConnectionIndex connection, const BinanceMessage& message, Now now) noexcept;
  void watch_silence(ConnectionIndex connection, Now now) noexcept;

  void append(BinanceInstrument given);

  BinanceConfig config_;
  RecordWriter& records_;
  AdapterHost& host_;
  BinanceSymbols symbols_;
  BinanceDecoder decoder_;
  BinanceMessage message_;
  std::vector<Instrument> instruments_;
  std::vector<Connection> connections_;
  // Instruments of each exchangeInfo request; its task is its index here. The last one is of those
  // who were added since.
  std::vector<std::vector<SymbolIndex>> info_chunks_;
  BinanceStreamsConfig streams_;
  std::size_t terms_share_;  // how many of those one request may be about
  RestSchedule rest_;
  std::string text_;  // scratch of subscriptions
  std::uint64_t last_change_id_ = binance_change_id_first;
  std::string target_;  // scratch of requests
  std::int64_t next_look_ns_ = 0;
  std::int64_t next_terms_look_ns_ = 0;
  std::int64_t next_listings_ns_ = 0;  // 0: not begun
  bool ever_open_ = false;             // a connection was
  std::uint64_t list_ = 0;             // whole lists that have come
  Counters counters_;
  Listings listings_;
};

}  // namespace ringside::collector
