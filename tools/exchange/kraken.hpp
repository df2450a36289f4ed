// What both versions of Kraken's spot protocol share: subscriptions per symbol, books told by
// depth, checksums, heartbeats each second, and how a recorded feed is followed and forwarded.
// Each version adds its own spelling.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/exchange/venue.hpp"

namespace ringside::exchange {

// A level as it stands in a recorded frame: views into the frame's text.
struct RawLevel {
  std::string_view price;
  std::string_view quantity;
  Side side = Side::Bid;
};

// One symbol's part of a recorded frame.
struct KrakenEntry {
  std::string_view symbol;
  std::vector<RawLevel> levels;  // in the order of the frame
  std::string_view checksum;     // digits, or empty
  UtcNs time;
};

struct KrakenFrame {
  enum class Kind : std::uint8_t { Other, BookSnapshot, BookUpdate, Trade, Ticker, Spread };
  Kind kind = Kind::Other;
  std::uint32_t depth = 0;       // where the frame tells it; 0 else
  std::uint32_t channel_id = 0;  // version 1
  std::vector<KrakenEntry> entries;
};

class Kraken : public Venue {
 public:
  explicit Kraken(VenueServices services);

  void on_open(SessionId session, std::string_view target, UtcNs now) override;
  void on_close(SessionId session) override;
  void on_get(RequestId request, std::string_view target, UtcNs now) override;
  UtcNs on_tick(UtcNs now) override;
  void begin(UtcNs now) override;
  [[nodiscard]] const Subscriptions& subscriptions() const override { return subscriptions_; }
  [[nodiscard]] std::string shutdown_text(UtcNs now) const override;
  void on_book(ListingIndex listing, UtcNs time) override;
  void on_trade(ListingIndex listing, const Trade& trade) override;
  void learn(const capture::CaptureLine& line) override;
  [[nodiscard]] Need need(const capture::CaptureLine& line) override;
  void replay(const capture::CaptureLine& line, UtcNs now) override;

 protected:
  enum Channel : ChannelIndex { book, trade, ticker, spread, channel_count };

  struct Update {
    std::span<const DepthView::Told> bids;
    std::span<const DepthView::Told> asks;
    std::size_t depth = 0;
    std::uint32_t checksum = 0;
    UtcNs time;
  };

  // The version's spelling. Each appends one frame.
  void word_greeting(std::string& out, SessionId session) const {
    word_system(out, "online", session);
  }
  virtual void word_heartbeat(std::string& out) const = 0;
  virtual void word_snapshot(std::string& out, ListingIndex listing, std::size_t depth) const = 0;
  // Of the venue itself: "online", "maintenance".
  virtual void word_system(std::string& out, std::string_view state, SessionId session) const = 0;
  virtual void word_update(std::string& out, ListingIndex listing, const Update& update) const = 0;
  virtual void word_trade(std::string& out, ListingIndex listing, const Trade& trade) const = 0;
  virtual void word_ticker(std::string& out, ListingIndex listing, bool snapshot,
                           UtcNs time) const = 0;
  // The top of the book alone: version 1.
  virtual void word_spread(std::string&, ListingIndex, UtcNs) const {}
  // False: not JSON. The frame's views live as long as the text.
  virtual bool read(std::string_view padded, KrakenFrame& frame) = 0;
  // Acknowledgements of the capture and the like, in the first pass.
  virtual void learn_more(std::string_view padded, const KrakenFrame& frame) = 0;

  [[nodiscard]] bool checksum_zero(ListingIndex listing) const {
    return services_.faults.checksum_zero(market()[listing].symbol);
  }
  // By a fault; asked once for each subscription.
  [[nodiscard]] bool refused(ChannelIndex channel, ListingIndex listing);
  [[nodiscard]] bool depth_served(ListingIndex listing, std::uint64_t depth) const;
  // Adds a book subscriber that has been acknowledged; sends the snapshot when there is one.
  void admit_to_book(SessionId session, ListingIndex listing, std::uint32_t depth, bool snapshot,
                     UtcNs now);
  void send(SessionId session, const std::string& text) {
    services_.outlet.send(session, text, Frame::Control);
  }
  [[nodiscard]] static ChannelIndex channel_of(KrakenFrame::Kind kind);
  [[nodiscard]] bool subscribed(ChannelIndex channel, ListingIndex listing, SessionId session);

  [[nodiscard]] const Market& market() const { return services_.market; }
  [[nodiscard]] Market& market() { return services_.market; }
  Subscriptions subscriptions_{channel_count};

 private:
  struct Session {
    SessionId id;
    UtcNs next_heartbeat;
  };
  struct Tops {
    Level bid, ask;
    friend bool operator==(const Tops&, const Tops&) = default;
  };

  void publish(ListingIndex listing, const DepthView& view, UtcNs time, WordingFault fault);
  void publish_to(ChannelIndex channel, ListingIndex listing);
  void send_snapshot(SessionId session, ListingIndex listing, std::size_t depth);
  void publish_tops(ListingIndex listing, UtcNs time);
  void corrupt(ListingIndex listing, const DepthView& view, FaultPart part, Update& update);
  void follow(const KrakenFrame& frame);
  [[nodiscard]] static std::size_t digit_to_flip(const Listing& listing, const KrakenEntry& entry,
                                                 std::string_view text);
  [[nodiscard]] bool anybody_hears(const KrakenFrame& frame) const;
  void forward(const KrakenFrame& frame, std::string_view text);

  VenueServices services_;
  std::vector<Session> sessions_;
  std::vector<Tops> told_tops_;  // by listing
  std::vector<Listing> old_;     // by listing, as at the beginning: for stale snapshots
  KrakenFrame frame_;            // scratch, as the next three
  std::string text_;
  std::array<std::vector<DepthView::Told>, 2> corrupted_;
};

// The wire's depths.
inline constexpr std::array<std::uint32_t, 5> kraken_depths{10, 25, 100, 500, 1000};

}  // namespace ringside::exchange
