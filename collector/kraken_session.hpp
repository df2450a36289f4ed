// What Kraken's two protocol versions have in common: instruments over connections, subscriptions
// in batches, the resync of one symbol by unsubscribing and subscribing again, and what becomes of
// the entries of a message. How the venue's texts look is the business of the version (kraken.hpp,
// kraken_v1.hpp), which decodes them, and writes the questions.
//
// The venue sends no sequence numbers: the CRC-32 in its book messages, which the worker checks
// before it publishes, is the only proof of continuity. What is refused here (a damaged message) is
// also resynced, as far as it can be told whose it was; damage beyond that is counted as
// unattributed, and the checksum of that book's next message finds the loss.
//
// All that is sent over a connection goes at the venue's pace (pacer.hpp), resyncs before the
// subscriptions of those that have not begun: a book that somebody uses comes back first, and the
// backoff of its resyncs leaves room for the others.
//
// Threads: the collector thread's. Bounded by: instruments_max; the *_max of kraken_message.hpp;
// SubscriptionLimits. Fails by: counting, and the instrument's published state.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/book_subscriptions.hpp"
#include "collector/counters.hpp"
#include "collector/kraken_first_pass.hpp"
#include "collector/kraken_message.hpp"
#include "collector/listings.hpp"
#include "collector/pacer.hpp"
#include "collector/record_writer.hpp"
#include "collector/symbol_table.hpp"

namespace ringside::collector {

inline constexpr std::size_t kraken_symbols_a_message = 20;
inline constexpr std::int64_t kraken_terms_period_ns =
    1'000'000'000;                                                 // between asking for them anew
inline constexpr std::int64_t kraken_silence_ns = 10'000'000'000;  // heartbeats come each second

struct KrakenInstrument {
  std::string symbol;  // "BTC/USD"; version 1: "XBT/USD"
  InstrumentId id;
  InstrumentIndex record = 0;    // of the RecordWriter
  bool exponents_known = false;  // else the venue is asked
  Exponent price_exponent;
  Exponent quantity_exponent;
  bool exponents_provisional = false;  // known, but fine enough only: its first snapshot tells
};

struct KrakenConfig {
  std::vector<KrakenInstrument> instruments;
  std::size_t instruments_max = 0;  // that there will ever be; 0: those given
  bool trades = true;
  bool books = true;
  bool bbos = true;
  std::uint32_t depth = kraken_depth_default;    // 10, 25, 100, 500 or 1000
  std::uint32_t generation = 1;                  // high part of the epochs
  std::uint32_t instruments_per_connection = 0;  // 0: all on one
  PaceLimit messages{50, 1'000'000'000};         // over one connection, as they reach the venue
  std::string path = "/v2";                      // version 1: "/"
  std::uint64_t seed = 0;                        // of the backoff's jitter
  SubscriptionLimits limits;
};

enum class KrakenChannel : unsigned { Book, Trade, Bbo };
inline constexpr std::size_t kraken_channels = 3;
// Some of them.
using KrakenChannelSet = std::uint8_t;
constexpr KrakenChannelSet set_of(KrakenChannel channel) noexcept {
  return static_cast<KrakenChannelSet>(1U << static_cast<unsigned>(channel));
}
inline constexpr KrakenChannelSet kraken_every_channel = (1U << kraken_channels) - 1;

[[nodiscard]] Count count_of(KrakenStatus status) noexcept;

class KrakenSession : public Adapter {
 public:
  [[nodiscard]] std::uint32_t connection_count() const noexcept final;
  [[nodiscard]] std::string_view connection_path(ConnectionIndex connection) const noexcept final;
  void on_open(ConnectionIndex connection, Now now) noexcept final;
  void on_close(ConnectionIndex connection, Now now) noexcept final;
  void on_response(std::uint32_t request_id, const RestReply& reply, Now now) noexcept final;
  void on_tick(Now now) noexcept final;
  void on_resync(InstrumentId instrument, std::uint32_t epoch, Cause cause, Now now) noexcept final;
  [[nodiscard]] bool add(VenueInstrument instrument, Now now) noexcept final;
  void remove(InstrumentId instrument, Now now) noexcept final;
  void set_channels(const Channels& channels, Now now) noexcept final;
  void succeed(const Adapter&, Now) noexcept final {}  // nothing of it counts by address
  [[nodiscard]] const Counters& counters() const noexcept final { return counters_; }

 protected:
  // `records` and `host` outlive this.
  KrakenSession(KrakenConfig config, RecordWriter& records, AdapterHost& host);
  KrakenSession(const KrakenSession&) = delete;
  KrakenSession& operator=(const KrakenSession&) = delete;

  // --- The version's part ---

  struct Question {
    bool subscribe = true;  // else unsubscribe
    KrakenChannel channel = KrakenChannel::Book;
    std::string_view symbols;  // quoted, with commas between
    std::uint32_t depth = 0;
    std::uint64_t number = 0;  // to be told again in the answer
  };
  virtual void write_question(std::string& text, const Question& question) noexcept = 0;
  // A connection has opened; answers whether subscribing may begin: else begin_subscribing().
  virtual bool begin_connection(ConnectionIndex connection, Now now) noexcept = 0;
  // An instrument was added to an open connection, and its exponents are not known.
  virtual void ask_for_terms(ConnectionIndex connection, Now now) noexcept = 0;
  // A new instrument is about to be added: what the version knows of it beforehand.
  virtual void prepare(KrakenInstrument& instrument) noexcept = 0;
  // At each tick.
  virtual void tell_news(Now now) noexcept = 0;

  // --- For its on_message ---

  void heard(ConnectionIndex connection, Now now) noexcept {
    counters_.add(Count::Messages);
    connections_[connection].heard_ns = now.steady_ns;
  }
  void take_book(const KrakenBook& book, bool snapshot, Now now) noexcept;
  void take_trade(const KrakenTrade& trade, Now now) noexcept;
  void take_ticker(const KrakenTicker& ticker, Now now) noexcept;
  void take_system_status(ConnectionIndex connection, bool online, Now now) noexcept;
  void take_pair_status(BookIndex index, ListingStatus status, Now now) noexcept;
  // The metadata say that it has other decimals now: its next snapshot will show them.
  void take_exponents(BookIndex index, Exponent price, Exponent quantity, Now now) noexcept;
  struct Acknowledged {
    bool subscribed = true;  // else unsubscribed
    bool book = false;
    std::uint32_t depth = 0;    // 0: not said
    std::uint64_t request = 0;  // number of the question; 0: not said
  };
  void take_acknowledgement(BookIndex index, const Acknowledged& what, Now now) noexcept;
  // `number`: of the question; 0: not said. `index`: no_symbol if it cannot be told.
  void take_refusal(BookIndex index, std::uint64_t number, Now now) noexcept;
  void begin_subscribing(ConnectionIndex connection, Now now) noexcept;
  // Resyncs what is due. Last in on_message.
  void act(Now now) noexcept;
  // It subscribed to nothing when its connection began; its turn comes.
  void subscribe_late(BookIndex index) noexcept;
  void send(ConnectionIndex connection, std::string_view text, Now now) noexcept;
  [[nodiscard]] std::uint64_t next_number(bool subscribe, KrakenChannel channel) noexcept;

  // Its BookIndex is its index here and in the SymbolTable.
  struct Instrument {
    std::string symbol;
    ConnectionIndex connection = 0;
    std::uint32_t depth = 0;  // as acknowledged
    bool exponents_known = false;
    bool exponents_provisional = false;
    bool pair_halted = false;  // by its own status; the system's is the connection's
    bool joined = false;       // added while its connection was open
    // Their turn has not come yet; what is to end ends first.
    KrakenChannelSet subscribe_due = 0;
    KrakenChannelSet unsubscribe_due = 0;
    bool resync_due = false;
    // The newest question that ended what makes it live, and whether it is without an answer: what
    // comes until then may be of the subscription that ends, and would be the last of it.
    std::uint64_t ended_by = 0;
    bool ending = false;
    // Channels that a book does without, and that were refused: when they are asked for again.
    KrakenChannelSet refused = 0;
    unsigned refusals = 0;  // on this connection
    std::int64_t refused_until_ns = 0;
  };
  [[nodiscard]] std::span<const Instrument> instruments() const noexcept { return instruments_; }
  [[nodiscard]] BookIndex find(std::string_view symbol) const noexcept {
    return symbol.empty() ? no_symbol : symbols_.find(symbol);
  }
  [[nodiscard]] const KrakenConfig& config() const noexcept { return config_; }
  [[nodiscard]] bool is_open(ConnectionIndex connection) const noexcept {
    return connections_[connection].open;
  }
  [[nodiscard]] RecordWriter& records() noexcept { return records_; }
  [[nodiscard]] Counters& mutable_counters() noexcept { return counters_; }
  [[nodiscard]] BookSubscriptions& books() noexcept { return books_; }
  void count(Count counter) noexcept { counters_.add(counter); }

 private:
  static constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();

  struct Connection {
    explicit Connection(PaceLimit limit) : messages(limit) {}
    Pacer messages;
    bool open = false;
    bool online = true;  // the venue's system status
    bool subscribing = false;
    bool paced = false;           // something waits for the pacer
    std::size_t resyncs_due = 0;  // instruments
    bool terms_due = false;       // somebody was added whose exponents are not known
    // Whose subscriptions are begun or ended now, channel by channel.
    struct Member {
      BookIndex book = 0;
      KrakenChannelSet channels = 0;
    };
    std::array<Member, kraken_symbols_a_message> batch{};
    std::size_t batch_size = 0;
    bool batch_subscribes = true;
    unsigned channel = 0;       // of the batch, which is next
    std::uint32_t members = 0;  // removed ones, too: they may come back
    std::int64_t heard_ns = 0;
    std::int64_t next_terms_ns = 0;
    std::int64_t next_refused_ns = never_ns;  // of no instrument before
  };

  // Whose entry it is; no_symbol: unknown, or damaged and dealt with.
  [[nodiscard]] BookIndex owner(KrakenStatus fault, std::string_view symbol, Now now) noexcept;
  void take_snapshot(BookIndex index, const KrakenBook& book, Now now) noexcept;
  void take_delta(BookIndex index, const KrakenBook& book, Now now) noexcept;
  // False: cannot be used; counted, and the cause is in `damage`.
  [[nodiscard]] bool convert(const KrakenLevel& from, const InstrumentTerms& terms, Level& to,
                             Cause& damage) noexcept;
  [[nodiscard]] bool convert(std::span<const KrakenLevel> from, const InstrumentTerms& terms,
                             std::vector<Level>& to, Cause& damage) noexcept;
  [[nodiscard]] InstrumentTerms snapshot_terms(BookIndex index,
                                               const KrakenBook& book) const noexcept;
  [[nodiscard]] KrakenChannelSet wanted() const noexcept;
  // Among these is the one whose answer makes an instrument live.
  [[nodiscard]] bool decides(KrakenChannelSet channels) const noexcept {
    return channels != 0 && (!config_.books || (channels & set_of(KrakenChannel::Book)) != 0);
  }
  void drop_resync(Instrument& instrument) noexcept;
  void take_channel_refusal(BookIndex index, KrakenChannel channel, Now now) noexcept;
  void ask_refused_again(ConnectionIndex connection, Now now) noexcept;
  void note_end(BookIndex index, KrakenChannel channel) noexcept;
  void note_answer(BookIndex index, std::uint64_t number, bool end) noexcept;
  // It is not wanted any more: the instrument, or the channel.
  [[nodiscard]] bool over(BookIndex index, bool channel_wanted) const noexcept {
    return !channel_wanted || books_.phase(index) == BookSubscriptions::Phase::Removed;
  }
  [[nodiscard]] bool ends(const Instrument& instrument) const noexcept {
    return instrument.ending || decides(instrument.unsubscribe_due);
  }
  void append(KrakenInstrument given);
  [[nodiscard]] ConnectionIndex connection_with_room() noexcept;
  void join(BookIndex index, Now now) noexcept;
  [[nodiscard]] bool gather(ConnectionIndex connection, bool subscribe) noexcept;
  [[nodiscard]] bool may_send(Connection& connection, std::uint32_t messages, Now now) noexcept;
  bool ask(bool subscribe, KrakenChannel channel, std::span<const BookIndex> of, Now now) noexcept;
  void ask_next(Connection& connection, Now now) noexcept;
  void send_resyncs(ConnectionIndex connection, Now now) noexcept;
  void send_subscriptions(ConnectionIndex connection, Now now) noexcept;
  void send_terms_question(ConnectionIndex connection, Now now) noexcept;

  KrakenConfig config_;
  RecordWriter& records_;
  AdapterHost& host_;
  Counters counters_;
  BookSubscriptions books_;
  SymbolTable symbols_;
  std::vector<Instrument> instruments_;
  std::vector<Connection> connections_;
  std::vector<Level> bids_;  // scratch, kraken_levels_max each
  std::vector<Level> asks_;
  std::string symbols_text_;  // scratch of outgoing frames
  std::string text_;
  std::uint64_t questions_ = 0;
  bool resyncs_due_ = false;  // more than on the last tick
};

}  // namespace ringside::collector
