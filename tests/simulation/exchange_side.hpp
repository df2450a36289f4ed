// The other side of the virtual sockets: the simulated exchange (tools/exchange, as it is), and
// between it and the collector the faults. Messages travel with a latency of their own; those of
// one connection arrive in order, but for the one that a fault holds back.
//
// Threads: one. Bounded by: the plan. Fails by: nothing; a fault that finds nothing to strike waits
// until the faults end.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/simulation/plan.hpp"
#include "tests/simulation/trace.hpp"
#include "tests/simulation/truth.hpp"
#include "tests/simulation/virtual_net.hpp"
#include "tools/exchange/generator.hpp"
#include "tools/exchange/venue.hpp"

namespace ringside::simulation {

inline constexpr std::int64_t utc_base_ns = 1'790'000'000'000'000'000;
inline constexpr std::uint32_t kraken_depth = 10;  // the checksum sees all of it
inline constexpr std::uint32_t book_levels = 14;   // a side; fits a table's entry

class ExchangeSide final : public Wire, public exchange::Outlet {
 public:
  // `now_ns` is the world's time.
  struct Options {
    const Plan& plan;
    const std::int64_t& now_ns;
    Trace& trace;
    const std::vector<bool>& live;  // by listing, as published
    // By listing: whether the collector goes on from a book of its own (Binance).
    std::function<bool(ListingIndex)> joined;
  };
  explicit ExchangeSide(const Options& options);

  // --- The world's ---
  void begin_fault(const Fault& fault);
  // What has not struck will not, what lasts is over, what was cut off stays so.
  void end_faults();
  // What it has is another from here on. Also: all of it is listed and traded again.
  void change(const Change& change);
  void list_all();
  // So many events a second from here on.
  void move_market(std::uint32_t rate) {
    market_moves_ = true;
    generator_->change_rate(rate);
  }
  // It sends that instrument's book to somebody; or anything of it.
  [[nodiscard]] bool sends_book(ListingIndex listing) const;
  [[nodiscard]] bool sends_any(ListingIndex listing) const;
  // Nothing is on its way, in either direction.
  [[nodiscard]] bool wire_is_empty() const;
  // Has anything been handed over since the last call?
  [[nodiscard]] bool handed_over() { return std::exchange(handed_over_, false); }
  void stop_market() { market_moves_ = false; }
  // No client believes in a connection over which nothing comes any more.
  [[nodiscard]] bool reachable() const;
  // When the last of what is under way now arrives.
  [[nodiscard]] std::int64_t last_arrival_ns() const;
  // What the exchange has to do by now: texts of clients, the market, heartbeats, batches.
  void advance();
  [[nodiscard]] std::int64_t next_ns() const;
  // Hands over what has arrived by now. The client's side may destroy or open connections in it.
  void deliver();
  [[nodiscard]] std::int64_t next_arrival_ns() const;

  [[nodiscard]] const exchange::Market& market() const { return market_; }
  [[nodiscard]] const BookTruth& truth() const { return *truth_; }

  // The newest book that a message has brought to the collector; number 0: none that counts, for
  // they came out of order since.
  [[nodiscard]] const BookTruth::Book& brought(ListingIndex index) const { return brought_[index]; }

  // A new collector: no message of any book has reached it.
  void forget_heard() {
    heard_.assign(market_.size(), false);
    begun_anew_.assign(market_.size(), false);
  }
  void count_strike(FaultKind kind) { ++struck_[static_cast<unsigned>(kind)]; }
  [[nodiscard]] const std::array<std::uint32_t, fault_kinds>& struck() const { return struck_; }

  // --- Wire ---
  void on_connect(VirtualWebSocket& client) override;
  bool on_client_text(VirtualWebSocket& client, std::string_view text) override;
  void on_client_close(VirtualWebSocket& client) override;
  void on_client_gone(VirtualWebSocket& client) override;
  void on_get(VirtualHttpClient& client, std::string_view target) override;
  void on_http_gone(VirtualHttpClient& client) override;

  // --- exchange::Outlet ---
  void send(exchange::SessionId session, std::string_view text, exchange::Frame frame) override;
  void close(exchange::SessionId session, exchange::Ending ending, std::uint16_t code) override;
  void answer(exchange::RequestId request, int status, std::string_view body) override;
  // Faults come in behind the exchange here: it is asked for none of these.
  void refuse(exchange::RequestId, int, std::uint32_t) override {}
  void go_away() override {}
  [[nodiscard]] bool come_back() override { return true; }
  [[nodiscard]] bool congested() const override { return false; }

 private:
  struct Arrival {  // at the client
    enum class What : std::uint8_t { Open, Text, Close };
    std::int64_t at_ns = 0;
    What what = What::Text;
    net::CloseReason reason = net::CloseReason::None;
    std::int64_t retry_after_s = 0;
    std::string text;
    ListingIndex listing = no_listing;  // of a book message
    BookTruth::Book book;               // that it leads to
    std::uint32_t tickers = 0;          // a bit for the listing of a ticker
    bool damage = false;                // its update ids, if the book is joined when it comes
  };
  struct Errand {  // at the exchange
    enum class What : std::uint8_t { Connect, Text, Close };
    std::int64_t at_ns = 0;
    What what = What::Text;
    std::string text;
  };
  struct Link {
    VirtualWebSocket* client = nullptr;  // null: gone
    exchange::SessionId session = 0;     // 0: not open, or over
    bool stalled = false;
    std::int64_t latency_ns = 0;
    std::deque<Arrival> arrivals;
    std::deque<Errand> errands;
    std::uint32_t tickers_seen = 0;  // a bit a listing
  };
  struct Request {
    VirtualHttpClient* client = nullptr;  // null: nobody waits
    exchange::RequestId id = 0;
    std::int64_t at_ns = 0;      // at the exchange; never_ns once it was asked
    std::int64_t answer_ns = 0;  // never_ns until there is one
    std::int64_t delay_ns = 0;
    std::string target;
    int status = 0;  // 0: the connection failed
    std::string body;
    ListingIndex listing = no_listing;  // of a depth request
    bool stale = false;
    bool garbage = false;
  };
  struct Rule {
    Fault fault;
    unsigned left = 0;
    std::int64_t until_ns = 0;  // of what lasts
  };
  struct Kind {
    ListingIndex listing = no_listing;
    bool book = false;  // a delta or a snapshot of a book
    bool snapshot = false;
    bool ticker = false;
    bool metadata = false;
  };

  // Faults (exchange_faults.cpp).
  [[nodiscard]] Kind kind_of(std::string_view text) const;
  [[nodiscard]] bool strikes(const Rule& rule, const Kind& kind, exchange::Frame frame) const;
  void spend(Rule& rule);
  [[nodiscard]] bool corrupt(Arrival& arrival, const Kind& kind);
  void damage(Arrival& arrival);
  [[nodiscard]] Rule* rule_of(FaultKind kind, ListingIndex listing);
  [[nodiscard]] bool lasting(FaultKind kind) const;
  void strike_request(Request& request);
  bool refuse(std::string& text);
  void cut(Link& link, net::CloseReason reason);
  void cut_all(net::CloseReason reason);
  [[nodiscard]] std::int64_t lag_ns() const;

  void push(Link& link, Arrival arrival, std::int64_t extra_ns = 0);
  [[nodiscard]] Link* link_of(const VirtualWebSocket& client);
  [[nodiscard]] Link* link_of(exchange::SessionId session);
  [[nodiscard]] std::int64_t latency();
  [[nodiscard]] UtcNs utc() const { return {utc_base_ns + now_ns_}; }
  void run_errand(Link& link);
  void run_request(Request& request);
  void connect(Link& link);
  void end_session(Link& link);
  [[nodiscard]] ListingIndex listing_of(std::string_view target) const;
  [[nodiscard]] static bool is_depth(std::string_view target);
  void ask_for_stale(ListingIndex listing);
  void forget_ended();
  void set_trading(ListingIndex listing, exchange::Trading trading);

  const Plan& plan_;
  const std::int64_t& now_ns_;
  Trace& trace_;
  const std::vector<bool>& live_;
  std::function<bool(ListingIndex)> joined_;
  bool kraken_;
  Random random_;
  exchange::Faults no_faults_;
  exchange::Market market_;
  std::unique_ptr<BookTruth> truth_;
  std::unique_ptr<exchange::Venue> venue_;
  std::unique_ptr<exchange::Generator> generator_;
  bool market_moves_ = true;
  bool handed_over_ = false;
  std::int64_t due_ns_ = 0;  // of the exchange itself
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<Rule> rules_;
  std::vector<bool> heard_;  // by listing: since the collector began
  // By listing: subscribed, or ended, by a message since its newest REST request. What the
  // collector had heard of it is of before it began with it anew.
  std::vector<bool> begun_anew_;
  std::array<std::uint32_t, fault_kinds> struck_{};
  std::vector<std::string> stale_bodies_;   // by listing
  std::vector<std::int64_t> corrupted_ns_;  // by listing: when last
  void note_brought(const Arrival& arrival);
  std::vector<BookTruth::Book> brought_;   // by listing
  std::vector<std::size_t> brought_most_;  // by listing: numbers
  std::vector<std::string> quoted_;        // by listing: "SYMBOL", with the quotes
  exchange::SessionId last_session_ = 0;
  exchange::RequestId last_request_ = 0;
  exchange::RequestId stale_request_ = 0;  // whose answer is kept, and for whom
  ListingIndex stale_listing_ = no_listing;
};

}  // namespace ringside::simulation
