// Two thousand instruments of one venue come up, and come back after all connections were reset at
// once, against a simulated exchange that enforces limits: none is broken, and it takes at most 1.2
// times what the limits allow. On virtual time, so that minutes of windows cost seconds; collector
// logic, adapters and exchange are the real ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collector/record_writer.hpp"
#include "collector/venue_session.hpp"
#include "ipc/spsc_ring.hpp"
#include "tests/simulation/virtual_net.hpp"
#include "tools/exchange/exchange.hpp"
#include "tools/exchange/random.hpp"

namespace ringside::simulation {
namespace {

constexpr std::uint32_t instruments = 2'000;
constexpr std::int64_t tick_ns = 5 * ms;
constexpr std::int64_t utc_base_ns = 1'790'000'000'000'000'000;
constexpr std::int64_t latency_ns_min = 200 * us;
constexpr std::int64_t latency_ns_spread = 20 * ms;
constexpr std::uint64_t ring_slots = std::uint64_t{1} << 17;

struct Case {
  std::string name, venue, symbol;  // '#' in the symbol: its number
  std::string limits;               // the exchange's
  collector::VenueConfig keys;      // the collector's: what is not set here is the venue's own
  std::uint32_t rate = 500;
  std::int64_t bound_ns = 0;      // what the limits allow at best
  std::int64_t refreshed_ns = 0;  // after so long nothing counts any more
};

// The exchange behind virtual sockets whose messages take different times, in order.
class Venue final : public Wire, public exchange::Outlet {
 public:
  Venue(const Case& of, const std::int64_t& now_ns)
      : now_ns_(now_ns), exchange_(options(of), *this, utc()) {}

  // --- The test's ---
  void act() {
    for (std::size_t i = 0; i < links_.size(); ++i) {
      while (!links_[i]->errands.empty() && links_[i]->errands.front().first <= now_ns_) {
        run_errand(*links_[i]);
      }
    }
    for (std::size_t i = 0; i < requests_.size(); ++i) ask(*requests_[i]);
    if (due_ns_ <= now_ns_) due_ns_ = exchange_.advance(utc()).value - utc_base_ns;
    for (std::size_t i = 0; i < links_.size(); ++i) deliver(*links_[i]);
    for (std::size_t i = 0; i < requests_.size(); ++i) answer_client(*requests_[i]);
    std::erase_if(links_, [](const auto& each) { return each->client == nullptr; });
    std::erase_if(requests_, [](const auto& each) { return each->client == nullptr; });
  }
  void reset_all() {
    for (auto& link : links_) cut(*link, net::CloseReason::PeerReset, 1006);
  }
  [[nodiscard]] exchange::Limits& limits() { return exchange_.limits(); }
  [[nodiscard]] std::uint32_t open() const {
    return static_cast<std::uint32_t>(std::count_if(
        links_.begin(), links_.end(), [](const auto& each) { return each->session != 0; }));
  }

  // --- Wire ---
  void on_connect(VirtualWebSocket& client) override {
    auto& link = *links_.emplace_back(std::make_unique<Link>());
    link.client = &client;
    link.errands.emplace_back(now_ns_ + latency(), std::string());
  }
  bool on_client_text(VirtualWebSocket& client, std::string_view text) override {
    if (auto* const link = link_of(client)) {
      auto at = now_ns_ + latency();
      if (!link->errands.empty()) at = std::max(at, link->errands.back().first);
      link->errands.emplace_back(at, std::string(text));
    }
    return true;
  }
  void on_client_close(VirtualWebSocket& client) override { on_client_gone(client); }
  void on_client_gone(VirtualWebSocket& client) override {
    auto* const link = link_of(client);
    if (link == nullptr) return;
    end(*link);
    link->client = nullptr;
  }
  void on_get(VirtualHttpClient& client, std::string_view target) override {
    auto& request = *requests_.emplace_back(std::make_unique<Request>());
    request.client = &client;
    request.id = ++last_;
    request.target = target;
    request.at_ns = now_ns_ + latency();
  }
  void on_http_gone(VirtualHttpClient& client) override {
    for (auto& request : requests_) {
      if (request->client == &client) request->client = nullptr;
    }
  }

  // --- exchange::Outlet ---
  void send(exchange::SessionId session, std::string_view text, exchange::Frame) override {
    const auto found = by_session_.find(session);
    if (found == by_session_.end()) return;
    Arrival arrival;
    arrival.text.reserve(text.size() + net::padding_bytes);
    arrival.text = text;
    push(*found->second, std::move(arrival));
  }
  void refuse(exchange::RequestId, int, std::uint32_t) override {}
  void go_away() override {}
  [[nodiscard]] bool come_back() override { return true; }
  void close(exchange::SessionId session, exchange::Ending, std::uint16_t) override {
    const auto found = by_session_.find(session);
    if (found != by_session_.end()) cut(*found->second, net::CloseReason::PeerReset, 1006);
  }
  void answer(exchange::RequestId id, int status, std::string_view body) override {
    for (auto& request : requests_) {
      if (request->id != id) continue;
      request->status = status;
      request->body = body;
      request->answer_ns = now_ns_ + latency();
    }
  }
  [[nodiscard]] bool congested() const override { return false; }

 private:
  struct Arrival {
    std::int64_t at_ns = 0;
    std::string text;  // empty: the connection is open, or closed
    net::CloseReason reason = net::CloseReason::None;
    std::uint16_t code = 0;
    std::int64_t retry_after_s = 0;
  };
  struct Link {
    VirtualWebSocket* client = nullptr;
    exchange::SessionId session = 0;
    std::deque<std::pair<std::int64_t, std::string>> errands;  // empty: connect
    std::deque<Arrival> arrivals;
  };
  struct Request {
    VirtualHttpClient* client = nullptr;
    exchange::RequestId id = 0;
    std::string target, body;
    int status = 0;
    std::int64_t at_ns = 0;
    std::int64_t answer_ns = never_ns;
  };

  static exchange::ExchangeOptions options(const Case& of) {
    exchange::ExchangeOptions made;
    made.generate = of.venue + ":" + of.symbol + "*" + std::to_string(instruments) +
                    ";depth=10;levels=12;rest_ms=20;rate=" + std::to_string(of.rate);
    made.limits = of.limits;
    return made;
  }
  [[nodiscard]] UtcNs utc() const { return {utc_base_ns + now_ns_}; }
  [[nodiscard]] std::int64_t latency() {
    return latency_ns_min + static_cast<std::int64_t>(random_.below(latency_ns_spread));
  }
  [[nodiscard]] Link* link_of(const VirtualWebSocket& client) {
    for (auto& link : links_) {
      if (link->client == &client) return link.get();
    }
    return nullptr;
  }
  void push(Link& link, Arrival arrival) {
    arrival.at_ns = now_ns_ + latency();
    if (!link.arrivals.empty()) arrival.at_ns = std::max(arrival.at_ns, link.arrivals.back().at_ns);
    link.arrivals.push_back(std::move(arrival));
  }
  void end(Link& link) {
    if (link.session == 0) return;
    by_session_.erase(link.session);
    exchange_.on_close(link.session);
    link.session = 0;
    link.errands.clear();
  }
  void cut(Link& link, net::CloseReason reason, std::uint16_t code,
           std::int64_t retry_after_s = 0) {
    end(link);
    Arrival arrival;
    arrival.reason = reason;
    arrival.code = code;
    arrival.retry_after_s = retry_after_s;
    push(link, std::move(arrival));
  }
  void run_errand(Link& link) {
    const auto text = std::move(link.errands.front().second);
    link.errands.pop_front();
    if (link.session == 0) return connect(link);
    if (!limits().message(link.session, 0, utc())) {
      return cut(link, net::CloseReason::PeerClosed, 1008);
    }
    exchange_.on_text(link.session, text, utc());
    due_ns_ = now_ns_;
  }
  void connect(Link& link) {
    if (const auto verdict = limits().connect(utc()); verdict.status != 0) {
      return cut(link, net::CloseReason::UpgradeThrottled, 1006, verdict.retry_after_s);
    }
    push(link, {});
    link.session = ++last_;
    by_session_[link.session] = &link;
    exchange_.on_open(link.session, link.client->target(), utc());
    due_ns_ = now_ns_;
  }
  void ask(Request& request) {
    if (request.at_ns > now_ns_ || request.client == nullptr) return;
    request.at_ns = never_ns;
    const auto verdict = limits().request(request.target, utc());
    if (verdict.status != 0) return answer(request.id, verdict.status, R"({"code":-1003})");
    exchange_.on_get(request.id, request.target, utc());
    due_ns_ = now_ns_;
  }
  void deliver(Link& link) {
    while (link.client != nullptr && !link.arrivals.empty() &&
           link.arrivals.front().at_ns <= now_ns_) {
      auto arrival = std::move(link.arrivals.front());
      link.arrivals.pop_front();
      auto& client = *link.client;
      if (arrival.reason != net::CloseReason::None) {
        link.client = nullptr;
        client.arrive_close(arrival.reason, arrival.code, arrival.retry_after_s);
      } else if (arrival.text.empty()) {
        client.arrive_open();
      } else {
        client.arrive_text(arrival.text);
      }
    }
    if (link.client != nullptr) link.client->arrive_batch_end();
  }
  void answer_client(Request& request) {
    if (request.answer_ns > now_ns_ || request.client == nullptr) return;
    auto& client = *std::exchange(request.client, nullptr);
    client.arrive_answer(request.status, request.body);
  }

  const std::int64_t& now_ns_;
  exchange::Random random_{7};
  std::uint32_t last_ = 0;
  std::int64_t due_ns_ = 0;
  std::vector<std::unique_ptr<Link>> links_;
  std::map<exchange::SessionId, Link*> by_session_;
  std::vector<std::unique_ptr<Request>> requests_;
  exchange::Exchange exchange_;
};

class Many {
 public:
  explicit Many(const Case& of)
      : case_(of),
        venue_(of, now_ns_),
        loop_(now_ns_, venue_),
        ring_(ipc::spsc_in_memory(ring_slots)),
        writer_(ring_),
        reader_(ring_),
        records_(instruments) {
    reader_.set_position_word(&position_);
    writer_.set_read_position_source(&position_);
    records_.add_ring(writer_);
    auto& config = case_.keys;
    config.name = of.venue;
    config.websocket = of.venue == "kraken" ? "ws://exchange/v2" : "ws://exchange/";
    if (of.venue.starts_with("binance")) config.rest = "http://exchange";
    collector::VenueSessionOptions options{config, {}, 1, 11};
    for (std::uint32_t i = 0; i < instruments; ++i) {
      auto symbol = of.symbol;
      symbol.replace(symbol.find('#'), 1, std::to_string(i));
      const auto id = InstrumentId::of(0, i);
      options.instruments.push_back({symbol, id, records_.add_instrument(id, 0)});
      config.instruments.push_back(symbol);
    }
    session_ = std::make_unique<collector::BasicVenueSession<VirtualSockets>>(
        loop_, std::move(options), records_,
        collector::SessionHooks{this, batch_end, nullptr, &notices_});
    session_->start();
  }

  [[nodiscard]] std::string counters() {
    const auto& connections = session_->connection_counters();
    auto text = "; connects " + std::to_string(connections.connects) + ", opened " +
                std::to_string(connections.opened);
    for (std::size_t i = 0; i < collector::counts; ++i) {
      const auto count = static_cast<collector::Count>(i);
      const auto value = session_->adapter().counters()[count];
      if (value == 0) continue;
      text += ", " + std::string(collector::name_of(count)) + " " + std::to_string(value);
    }
    return text;
  }

  // How long until all are live; never_ns: not within twice the bound.
  std::int64_t until_all_live() {
    const auto began = now_ns_;
    while (live_count_ < instruments) {
      step();
      if (now_ns_ - began > 2 * case_.bound_ns) {
        ADD_FAILURE() << "only " << live_count_ << " are live" << counters();
        return never_ns;
      }
    }
    return now_ns_ - began;
  }
  void pass(std::int64_t ns) {
    for (const auto until = now_ns_ + ns; now_ns_ < until;) step();
  }
  void reset_all() {
    venue_.reset_all();
    while (live_count_ == instruments) step();
  }
  [[nodiscard]] Venue& venue() { return venue_; }
  [[nodiscard]] auto& session() { return *session_; }

 private:
  static void batch_end(void*) noexcept {}

  void step() {
    now_ns_ += tick_ns;
    venue_.act();
    loop_.fire_timers();
    session_->on_tick();
    records_.publish(0, loop_.now());
    while (const auto* record = reader_.peek()) {
      take(*record);
      reader_.advance();
    }
    reader_.publish_position();
    collector::Notice notice;
    while (notices_.take(notice)) {
    }
  }
  void take(const Record& record) {
    bool live = live_[record.id().ordinal()];
    if (record.kind == Kind::Snapshot && record.last()) live = true;
    if (record.kind == Kind::Status) live = static_cast<State>(record.quantity) == State::Live;
    if (record.kind == Kind::Loss) ADD_FAILURE() << "the ring was full";
    if (live == live_[record.id().ordinal()]) return;
    live_[record.id().ordinal()] = live;
    live ? ++live_count_ : --live_count_;
  }

  Case case_;
  std::int64_t now_ns_ = second;
  Venue venue_;
  VirtualLoop loop_;
  ipc::Segment ring_;
  ipc::SpscWriter writer_;
  ipc::SpscReader reader_;
  std::atomic<std::uint64_t> position_{0};
  collector::RecordWriter records_;
  collector::Notices notices_;
  std::unique_ptr<collector::BasicVenueSession<VirtualSockets>> session_;
  std::vector<bool> live_ = std::vector<bool>(instruments, false);
  std::uint32_t live_count_ = 0;
};

// At most `most` in any window: the last of `total` goes after so long.
constexpr std::int64_t last_of(std::uint32_t total, std::uint32_t most, std::int64_t window_ns) {
  return (total - 1) / most * window_ns;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](std::string name, std::string venue, std::string symbol) -> Case& {
    all.push_back({});
    all.back().name = std::move(name);
    all.back().venue = std::move(venue);
    all.back().symbol = std::move(symbol);
    all.back().limits = "venue";
    return all.back();
  };
  for (const std::string venue : {"kraken", "kraken-v1"}) {
    const std::string name = venue == "kraken" ? "Kraken" : "KrakenV1";
    // 20 connections of 100, of which four may be opened within ten seconds.
    auto& connects = add(name + "ByConnects", venue, "S#/USD");
    connects.limits = "connects=4/10,messages=50/1,ban=60";
    connects.keys.instruments_per_connection = 100;
    connects.keys.connects_max = 4;
    connects.keys.connects_window_ms = 10'000;
    connects.bound_ns = last_of(20, 4, 10 * second);
    connects.refreshed_ns = 12 * second;
    // One connection: 100 batches of 20 symbols, a message for each of three channels.
    auto& messages = add(name + "ByMessages", venue, "S#/USD");
    messages.limits = "messages=5/1";
    messages.keys.instruments_per_connection = instruments;
    messages.keys.messages_max = 5;
    messages.bound_ns = last_of(300, 5, second);
    messages.refreshed_ns = 2 * second;
  }
  const auto by_weight = [&](std::string name, std::string venue, std::string symbol,
                             std::uint32_t depth, std::uint32_t weight, std::uint32_t most) {
    auto& made = add(std::move(name), std::move(venue), std::move(symbol));
    made.keys.depth = depth;
    made.bound_ns = last_of(instruments * weight, most, 60 * second);
    made.refreshed_ns = 70 * second;
    made.rate = made.bound_ns > 100 * second ? 100 : 4'000;
  };
  by_weight("BinanceSmallBooks", "binance", "S#USDT", 100, 5, 6'000);
#ifdef RINGSIDE_SIMULATION_LONG
  by_weight("Binance", "binance", "S#USDT", 1'000, 50, 6'000);
  by_weight("BinanceUs", "binance-us", "S#USDT", 1'000, 10, 1'200);
  by_weight("BinanceUsdm", "binance-usdm", "S#USDT", 1'000, 20, 2'400);
  by_weight("BinanceCoinm", "binance-coinm", "S#USD_PERP", 1'000, 20, 2'400);
#endif
  return all;
}

void PrintTo(const Case& of, std::ostream* out) { *out << of.name; }

class TwoThousand : public ::testing::TestWithParam<Case> {};

TEST_P(TwoThousand, ComeUpAndComeBackWithinTheLimitsAndATimeOfOneAndAFifthOfWhatTheyAllow) {
  const auto& of = GetParam();
  Many many(of);
  const auto ratio = [&](std::int64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(of.bound_ns);
  };
  const auto up = many.until_all_live();
  ASSERT_NE(up, never_ns);
  EXPECT_LE(ratio(up), 1.2) << "to come up";
  EXPECT_EQ(many.venue().limits().violations().sum(), 0U)
      << many.venue().limits().violations_json();
  many.pass(of.refreshed_ns);
  const auto connections = many.venue().open();
  EXPECT_EQ(connections, many.session().adapter().connection_count());
  many.reset_all();
  const auto back = many.until_all_live();
  ASSERT_NE(back, never_ns);
  EXPECT_LE(ratio(back), 1.2) << "to come back";
  EXPECT_EQ(many.venue().limits().violations().sum(), 0U)
      << many.venue().limits().violations_json();
  EXPECT_EQ(many.venue().open(), connections);
  RecordProperty("up", std::to_string(ratio(up)));
  std::printf("%s: the limits allow %.1f s; up in %.1f s (%.3f), back in %.1f s (%.3f)\n",
              of.name.c_str(), static_cast<double>(of.bound_ns) / 1e9,
              static_cast<double>(up) / 1e9, ratio(up), static_cast<double>(back) / 1e9,
              ratio(back));
}

INSTANTIATE_TEST_SUITE_P(Venues, TwoThousand, ::testing::ValuesIn(cases()),
                         [](const auto& chosen) { return chosen.param.name; });

// The same exchange, and a collector that believes in twice the limits: it is told.
TEST(TwoThousandUnpaced, AreFoundOutByTheExchangeAndTheCollectorHoldsOff) {
  Case of;
  of.venue = "binance";
  of.symbol = "S#USDT";
  of.limits = "weight=1000/10,ban=20";
  of.keys.depth = 100;
  of.keys.rest_weight_max = 2'000;
  of.keys.rest_window_ms = 10'000;
  of.bound_ns = 60 * second;
  Many many(of);
  many.pass(30 * second);
  EXPECT_GT(many.venue().limits().violations().weight, 0U);
  const auto& counters = many.session().adapter().counters();
  EXPECT_EQ(counters[collector::Count::RequestsRefused], many.venue().limits().violations().weight);
  EXPECT_LE(many.venue().limits().violations().weight, 16U)
      << "what was under way when it was told, and no more within each pause";
}

}  // namespace
}  // namespace ringside::simulation
