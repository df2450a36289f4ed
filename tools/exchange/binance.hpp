// Binance: spot (and binance.us), USD-M, COIN-M. Streams by URL or by SUBSCRIBE; depth messages
// that each gather a stretch of changes, joined to a snapshot from REST by update ids; bookTickers
// in the same id space.
//
// The futures exist in two layouts of endpoints. Paths without a prefix serve every stream (as
// before April 2026); under /public only depth and bookTicker are heard, under /market only trades.
//
// Bounded by: early_frames_max recorded depth messages kept for each symbol until its snapshot;
// batches hold what changed within one period.
#pragma once

#include <simdjson.h>

#include <array>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tools/exchange/binance_frame.hpp"
#include "tools/exchange/binance_text.hpp"
#include "tools/exchange/venue.hpp"

namespace ringside::exchange {

inline constexpr std::size_t early_frames_max = 4096;

// The streams of one symbol, by the suffix of their names.
struct BinanceStream {
  enum class Kind : std::uint8_t { Depth, BookTicker, Trade, AggTrade };
  std::string_view suffix;
  Kind kind;
  std::int64_t period_ns = 0;  // of a depth stream
};
inline constexpr std::array<BinanceStream, 9> binance_streams{
    {{"depth@100ms", BinanceStream::Kind::Depth, 100'000'000},
     {"depth", BinanceStream::Kind::Depth, 0},  // 1000 ms on spot, 250 ms on the futures
     {"depth@1000ms", BinanceStream::Kind::Depth, 1'000'000'000},
     {"depth@500ms", BinanceStream::Kind::Depth, 500'000'000},
     {"depth@250ms", BinanceStream::Kind::Depth, 250'000'000},
     {"depth@0ms", BinanceStream::Kind::Depth, 10'000'000},  // undocumented; as recorded
     {"bookTicker", BinanceStream::Kind::BookTicker},
     {"trade", BinanceStream::Kind::Trade},
     {"aggTrade", BinanceStream::Kind::AggTrade}}};

class Binance final : public Venue {
 public:
  Binance(VenueServices services, BinanceDialect dialect);

  [[nodiscard]] std::string_view websocket_path() const override { return {}; }
  [[nodiscard]] bool accepts(std::string_view target) const override;
  [[nodiscard]] TradingShape shape() const override;

  void on_open(SessionId session, std::string_view target, UtcNs now) override;
  void on_close(SessionId session) override;
  void on_text(SessionId session, std::string_view text, UtcNs now) override;
  void on_get(RequestId request, std::string_view target, UtcNs now) override;
  UtcNs on_tick(UtcNs now) override;
  void begin(UtcNs now) override;
  [[nodiscard]] const Subscriptions& subscriptions() const override { return subscriptions_; }
  [[nodiscard]] bool refuses(std::string_view target) override;
  [[nodiscard]] std::string shutdown_text(UtcNs now) const override;
  void on_refined(ListingIndex listing, Decimals more) override;

  void on_book(ListingIndex listing, UtcNs time) override;
  void on_trade(ListingIndex listing, const Trade& trade) override;

  void learn(const capture::CaptureLine& line) override;
  [[nodiscard]] Need need(const capture::CaptureLine& line) override;
  void replay(const capture::CaptureLine& line, UtcNs now) override;
  void on_held() override;

 private:
  enum class Reach : std::uint8_t { All, Public, Market, Silent };  // by the connection's path
  struct Session {
    SessionId id = 0;
    bool combined = false;  // frames are wrapped
    Reach reach = Reach::All;
  };
  // What changed since the last message of one depth stream.
  struct Batch {
    ChannelIndex channel = 0;
    std::array<std::vector<Price>, 2> touched;  // bids, asks
    std::uint64_t first_id = 0;
    std::uint64_t sent_id = 0;
    UtcNs happened;
    UtcNs due;
  };
  // Replayed.
  struct Recorded {
    std::deque<std::string> early;   // depth messages before the snapshot, data only, padded
    std::vector<RequestId> waiting;  // asked for before the capture's line
    std::string body;                // of that line
    bool answered = false;
  };
  struct Delayed {
    UtcNs due;
    RequestId request = 0;
    std::string body;
  };

  // Calls take(stream) for each that a target names.
  template <typename Take>
  static void for_each_stream(std::string_view target, Take take);
  // By a fault; asked once for each subscription.
  [[nodiscard]] bool refused(std::string_view stream);

  // Sessions and their streams.
  [[nodiscard]] Session* find_session(SessionId session);
  void subscribe(const Session& session, std::string_view stream, UtcNs now);
  void unsubscribe(const Session& session, std::string_view stream);
  [[nodiscard]] bool find_stream(std::string_view stream, ListingIndex& listing,
                                 ChannelIndex& channel) const;
  [[nodiscard]] std::string stream_name(ListingIndex listing, ChannelIndex channel) const;
  void on_command(const Session& session, simdjson::dom::object command, UtcNs now);
  void list_subscriptions(const Session& session, const std::string& id);
  void reply(const Session& session, const std::string& text);
  void refuse(const Session& session, int code, std::string_view why, const std::string& id);

  // Sends `data` to the stream's subscribers, wrapped where they want that.
  void publish(ListingIndex listing, ChannelIndex channel, std::string_view data);

  // REST.
  void answer_depth(RequestId request, std::string_view target, UtcNs now);
  void answer_exchange_info(RequestId request, std::string_view target, UtcNs now);
  void answer_error(RequestId request, int code, std::string_view why);
  UtcNs answer_delayed(UtcNs now);

  // Depth streams.
  void start_batch(ListingIndex listing, ChannelIndex channel, UtcNs now);
  [[nodiscard]] std::int64_t period_ns(ChannelIndex channel) const;
  void touch(ListingIndex listing, std::uint64_t first_id, UtcNs time);
  void flush(ListingIndex listing, Batch& batch, UtcNs now);
  void flush_due(UtcNs now);
  void settle_side(const Listing& listing, Side side, std::vector<Price>& touched,
                   std::vector<Level>& levels);
  [[nodiscard]] UtcNs fresh_time(ListingIndex listing, UtcNs now);
  void publish_book_ticker(ListingIndex listing, UtcNs time);
  void write_truth(const Listing& listing, UtcNs time);

  // Recorded feeds.
  [[nodiscard]] bool anybody_hears(ListingIndex listing, BinanceFrame::Kind kind) const;
  [[nodiscard]] Need need_http(const capture::CaptureLine& line) const;
  void follow(Listing& listing, const BinanceFrame& frame);
  void forward(ListingIndex listing, const BinanceFrame& frame);
  void replay_http(const capture::CaptureLine& line);
  void answer_waiting(Recorded& recorded);
  [[nodiscard]] Recorded& recorded(ListingIndex listing);

  VenueServices services_;
  BinanceText words_;
  Subscriptions subscriptions_{static_cast<ChannelIndex>(binance_streams.size())};
  std::vector<Session> sessions_;
  std::vector<std::vector<Batch>> batches_;  // by listing: of the depth streams that are heard
  UtcNs next_flush_;                         // no batch is due before it
  std::vector<Recorded> recorded_;           // by listing
  std::vector<Listing> old_;                 // by listing, as at the beginning: for stale snapshots
  std::vector<std::int64_t> sent_ms_;        // by listing: times of its messages only grow
  std::vector<Level> told_tops_;             // by listing: bid, ask
  std::deque<Delayed> delayed_;
  std::uint64_t venue_id_ = 0;  // futures: one id space for all symbols
  simdjson::dom::parser commands_;
  BinanceFrameReader reader_;
  BinanceFrame frame_;
  std::string data_, text_, reply_;  // scratch
  std::vector<Level> bids_, asks_;
};

}  // namespace ringside::exchange
