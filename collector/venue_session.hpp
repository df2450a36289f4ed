// One venue on one collector thread: its adapter, its connections, and when to connect them again.
// `Net`: net::Sockets, or something like it.
//
// Connects wait their turn, first come, first served, so that the venue counts no more of them from
// this address than it allows (venue_limits.hpp). Where it says that it was too many, none goes for
// as long as it says, or for the longest backoff.
//
// Threads: the collector thread's. Bounded by: the connections its adapter wants; reconnects wait
// by capped, jittered backoff, never less than a Retry-After says. Fails by: a connection that
// cannot be had is tried for ever; each failure is counted by its reason and kept as the last
// words.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/binance_continuity.hpp"
#include "collector/notices.hpp"
#include "collector/pacer.hpp"
#include "collector/rest_line.hpp"
#include "collector/venue_adapter.hpp"
#include "collector/venue_limits.hpp"
#include "net/backoff.hpp"
#include "net/sockets.hpp"
#include "net/tls.hpp"
#include "net/url.hpp"

namespace ringside::collector {

// A connection that was up so long has proved itself: the backoff begins anew.
inline constexpr std::int64_t proven_connection_ns = 30'000'000'000;
inline constexpr std::uint64_t venue_message_bytes_max = std::uint64_t{4} << 20;
inline constexpr std::uint16_t close_code_policy = 1008;  // too many messages, says Binance

// How long the steps of a connection may take, and how reconnects wait, as configured.
net::StreamOptions stream_options(const VenueConfig& venue);  // throws std::system_error
net::BackoffOptions backoff_options(const VenueConfig& venue) noexcept;
// What its endpoints need; null: nothing. Reads files. Throws as TlsContext.
std::unique_ptr<net::TlsContext> tls_of(const VenueConfig& venue);

struct ConnectionCounters {
  std::uint64_t opened = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t connects = 0;          // attempts
  std::uint64_t connects_paced = 0;    // times that one had to wait, lest they be too many
  std::uint64_t connects_refused = 0;  // the venue says they were: 418, 429
  std::uint64_t closed_by_policy = 0;  // it ended a connection for what we did on it
  std::uint64_t renewed = 0;           // closed by us at its age, before the venue does
  net::CloseCounters closed{};
};

// What a session needs of its thread.
struct SessionHooks {
  void* context = nullptr;
  void (*on_batch_end)(void* context) noexcept = nullptr;  // records wait to be published
  // A message was taken in. May be null.
  void (*on_decoded)(void* context, net::ReceiveTimes times) noexcept = nullptr;
  Notices* notices = nullptr;  // not null
};

struct VenueSessionOptions {
  VenueConfig venue;
  std::vector<VenueInstrument> instruments;
  std::uint32_t generation = 1;
  std::uint64_t seed = 0;
  std::size_t instruments_max = 0;                 // that there will ever be; 0: those given
  std::unique_ptr<net::TlsContext> tls = nullptr;  // as tls_of() makes it; null: made here
};

template <typename Net>
class BasicVenueSession final : public AdapterHost {
 public:
  using Options = VenueSessionOptions;
  // Throws as WebSocketClient, TlsContext and make_adapter.
  BasicVenueSession(typename Net::Loop& loop, Options options, RecordWriter& records,
                    SessionHooks hooks);
  ~BasicVenueSession() override;

  // Before start(): it takes the place of another, stopped one. Where they are of one address, what
  // the venue still counts of the other's connects and requests is this one's.
  void succeed(const BasicVenueSession& other) noexcept;
  void start() noexcept;
  void on_tick() noexcept;
  // The closing handshake on every connection; done() when all are closed.
  void stop() noexcept;
  [[nodiscard]] bool done() const noexcept;
  [[nodiscard]] bool stopped() const noexcept { return stopping_; }

  // As the adapter's; a connection that it wants more is opened. That allocates, as connecting
  // does.
  [[nodiscard]] bool add(VenueInstrument instrument) noexcept;
  void remove(InstrumentId instrument) noexcept;
  void set_channels(const Channels& channels) noexcept;

  [[nodiscard]] Adapter& adapter() noexcept { return *adapter_; }
  [[nodiscard]] const std::string& venue() const noexcept { return venue_.name; }
  [[nodiscard]] int line() const noexcept { return venue_.line; }  // of its table in the file
  [[nodiscard]] const ConnectionCounters& connection_counters() const noexcept { return counters_; }

  // Over all connections: times that each state was entered, and how many are in it now.
  [[nodiscard]] net::StateCounters states_entered() const noexcept;
  [[nodiscard]] const net::StateCounters& states_now() const noexcept { return states_now_; }
  // What TLS came to, over all connections.
  [[nodiscard]] net::StreamCounters stream_counters() const noexcept;
  // Over all connections: errors by net::FrameError, whole messages that are none of a venue's
  // (binary, or after we began to close), compressed ones. Nothing else is filled in.
  [[nodiscard]] net::WebSocketCounters websocket_counters() const noexcept;
  // Null for a venue without REST.
  [[nodiscard]] const RestCounters* rest_counters() const noexcept {
    return rest_ ? &rest_->counters() : nullptr;
  }

  [[nodiscard]] bool send(ConnectionIndex connection, std::string_view text) noexcept override;
  [[nodiscard]] bool request(std::uint32_t request_id, std::string_view target) noexcept override;
  void reconnect(ConnectionIndex connection) noexcept override;

 private:
  struct Connection {
    Connection(BasicVenueSession& owner, ConnectionIndex number, std::uint64_t seed)
        : session(owner), index(number), backoff(backoff_options(owner.venue_), seed) {}
    BasicVenueSession& session;
    ConnectionIndex index;
    net::Backoff backoff;
    net::Timer retry;
    net::Timer renewal;  // armed while it is open
    std::int64_t opened_ns = 0;
    bool said_closed = false;  // the adapter knows: also of one that never opened
    bool attempting = false;   // counts with the pacer
    std::unique_ptr<typename Net::WebSocketClient> client;
  };
  static void on_open(void* context) noexcept;
  static void on_text(void* context, std::string_view text, net::ReceiveTimes times) noexcept;
  static void on_batch_end(void* context) noexcept;
  static void on_close(void* context, net::CloseReason reason, std::uint16_t code,
                       std::string_view detail) noexcept;
  static void on_state(void* context, const net::StateChange& change) noexcept;
  static void on_retry(void* context) noexcept;
  static void on_renewal(void* context) noexcept;
  static void on_answer(void* context, const RestAnswer& answer) noexcept;
  void add_connections();
  void connect_added() noexcept;
  void add_connection(ConnectionIndex index, std::uint64_t seed);
  void connect_soon(ConnectionIndex index) noexcept;
  void connect_waiting() noexcept;
  void end_attempt(Connection& connection) noexcept;
  [[nodiscard]] Now now(Ticks ticks) const noexcept { return {ticks, loop_.steady_ns()}; }

  typename Net::Loop& loop_;
  VenueConfig venue_;
  SessionHooks hooks_;
  std::unique_ptr<net::TlsContext> tls_;
  std::unique_ptr<BasicRestLine<Net>> rest_;  // null: the venue needs none
  std::unique_ptr<Adapter> adapter_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::int64_t connection_age_ns_max_;  // 0: none
  Pacer connects_;
  std::vector<ConnectionIndex> waiting_;  // to connect, oldest first; each at most once
  bool connects_paced_ = false;           // the oldest waits for the pacer
  ConnectionCounters counters_;
  net::StateCounters states_now_{};
  std::uint64_t seed_ = 0;
  bool rest_failing_ = false;  // the newest request got no answer
  bool stopping_ = false;
};

using VenueSession = BasicVenueSession<net::Sockets>;
extern template class BasicVenueSession<net::Sockets>;  // venue_session.cpp

// --- Over any Net ---

template <typename Net>
BasicVenueSession<Net>::BasicVenueSession(typename Net::Loop& loop, Options options,
                                          RecordWriter& records, SessionHooks hooks)
    : loop_(loop),
      venue_(std::move(options.venue)),
      hooks_(hooks),
      tls_(options.tls ? std::move(options.tls) : tls_of(venue_)),
      connection_age_ns_max_(connection_age_ns_max(venue_)),
      connects_(limits_of(venue_).connects) {
  if (!venue_.rest.empty()) {
    net::HttpClientOptions rest;
    rest.url = venue_.rest;
    rest.tls = tls_.get();
    rest.accept_gzip = venue_.compress;
    rest.request_ns_max = std::int64_t{venue_.rest_ms_max} * 1'000'000;
    rest.stream = stream_options(venue_);
    rest_ = std::make_unique<BasicRestLine<Net>>(loop_, rest, on_answer, this);
  }
  adapter_ = make_adapter({venue_, std::move(options.instruments), options.instruments_max,
                           options.generation, options.seed, records, *this});
  seed_ = options.seed;
  add_connections();
}

template <typename Net>
BasicVenueSession<Net>::~BasicVenueSession() {
  for (auto& connection : connections_) {
    loop_.disarm(connection->retry);
    loop_.disarm(connection->renewal);
  }
}

// Those that the adapter wants and that are not there yet.
template <typename Net>
void BasicVenueSession<Net>::add_connections() {
  for (auto i = static_cast<ConnectionIndex>(connections_.size()); i < adapter_->connection_count();
       ++i) {
    add_connection(i, seed_ + i + 1);
  }
}

// It is closed, and waits for nothing else.
template <typename Net>
void BasicVenueSession<Net>::connect_soon(ConnectionIndex index) noexcept {
  connections_[index]->client->await(net::ConnectionState::AwaitingTurn);
  waiting_.push_back(index);  // within the capacity that add_connection reserved
}

template <typename Net>
void BasicVenueSession<Net>::connect_waiting() noexcept {
  std::size_t gone = 0;
  for (; gone < waiting_.size(); ++gone) {
    const bool fits = connects_.fits(1, loop_.steady_ns());
    if (!fits && !connects_paced_) ++counters_.connects_paced;
    connects_paced_ = !fits;
    if (!fits) break;
    connects_.begin(1);
    ++counters_.connects;
    auto& connection = *connections_[waiting_[gone]];
    connection.attempting = true;
    connection.client->connect();
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(gone));
}

// The venue has counted it by now.
template <typename Net>
void BasicVenueSession<Net>::end_attempt(Connection& connection) noexcept {
  if (std::exchange(connection.attempting, false)) connects_.end(1, loop_.steady_ns());
}

template <typename Net>
bool BasicVenueSession<Net>::add(VenueInstrument instrument) noexcept {
  if (!adapter_->add(std::move(instrument), now(loop_.now()))) return false;
  connect_added();
  return true;
}

template <typename Net>
void BasicVenueSession<Net>::set_channels(const Channels& channels) noexcept {
  adapter_->set_channels(channels, now(loop_.now()));
  connect_added();
}

// Those that the adapter has come to want.
template <typename Net>
void BasicVenueSession<Net>::connect_added() noexcept {
  const auto known = connections_.size();
  add_connections();
  for (auto i = known; i < connections_.size(); ++i) {
    connect_soon(static_cast<ConnectionIndex>(i));
  }
  connect_waiting();
}

template <typename Net>
void BasicVenueSession<Net>::remove(InstrumentId instrument) noexcept {
  adapter_->remove(instrument, now(loop_.now()));
}

template <typename Net>
void BasicVenueSession<Net>::add_connection(ConnectionIndex index, std::uint64_t seed) {
  auto connection = std::make_unique<Connection>(*this, index, seed);
  connection->retry.callback = on_retry;
  connection->renewal.callback = on_renewal;
  connection->retry.context = connection->renewal.context = connection.get();
  const auto base = net::parse_url(venue_.websocket);
  net::WebSocketClientOptions options;
  options.url = (base.tls ? "wss://" : "ws://") + base.authority() +
                std::string(adapter_->connection_path(index));
  options.tls = tls_.get();
  options.limits.frame_bytes_max = venue_message_bytes_max;
  options.limits.message_bytes_max = venue_message_bytes_max;
  options.limits.validate_utf8 = false;  // simdjson does
  options.deflate.enabled = venue_.compress;
  static_assert(bridge_unheard_ns >
                net::WebSocketTiming{}.ping_interval_ns + net::WebSocketTiming{}.pong_ns_max);
  options.timing.silence_ns_max = std::int64_t{venue_.no_data_ms} * 1'000'000;
  options.stream = stream_options(venue_);
  options.upgrade_ns_max = std::int64_t{venue_.connect_ms_max} * 1'000'000;
  connection->client = std::make_unique<typename Net::WebSocketClient>(
      loop_, options,
      net::WebSocketClientCallbacks{connection.get(), on_open, on_text, nullptr, on_batch_end,
                                    on_close, on_state});
  ++states_now_[static_cast<std::size_t>(net::ConnectionState::Closed)];
  connections_.push_back(std::move(connection));
  waiting_.reserve(connections_.size());
}

template <typename Net>
void BasicVenueSession<Net>::succeed(const BasicVenueSession& other) noexcept {
  const auto same = [](const std::string& one, const std::string& another) {
    return !one.empty() && authority_of(one) == authority_of(another);
  };
  if (same(venue_.websocket, other.venue_.websocket)) {
    connects_.succeed(other.connects_, loop_.steady_ns());
  }
  if (same(venue_.rest, other.venue_.rest)) {
    adapter_->succeed(*other.adapter_, now(loop_.now()));
  }
}

template <typename Net>
void BasicVenueSession<Net>::start() noexcept {
  for (auto& connection : connections_) connect_soon(connection->index);
  connect_waiting();
}

template <typename Net>
void BasicVenueSession<Net>::stop() noexcept {
  stopping_ = true;
  waiting_.clear();
  if (rest_) rest_->stop();
  for (auto& connection : connections_) {
    loop_.disarm(connection->retry);
    loop_.disarm(connection->renewal);
    auto& client = *connection->client;
    if (!client.closed()) {
      client.close(1001);
    } else if (client.life().state() != net::ConnectionState::Closed) {
      client.await(net::ConnectionState::Closed);
    }
  }
}

template <typename Net>
net::WebSocketCounters BasicVenueSession<Net>::websocket_counters() const noexcept {
  net::WebSocketCounters sum;
  for (const auto& connection : connections_) {
    const net::WebSocketCounters& one = connection->client->counters();
    for (std::size_t i = 0; i < sum.frame_errors.size(); ++i)
      sum.frame_errors[i] += one.frame_errors[i];
    sum.messages_dropped += one.messages_dropped;
    sum.compressed_messages += one.compressed_messages;
    sum.compressed_bytes += one.compressed_bytes;
  }
  return sum;
}

template <typename Net>
net::StateCounters BasicVenueSession<Net>::states_entered() const noexcept {
  net::StateCounters sum{};
  for (const auto& connection : connections_) {
    const auto& entered = connection->client->life().entered();
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += entered[i];
  }
  return sum;
}

template <typename Net>
net::StreamCounters BasicVenueSession<Net>::stream_counters() const noexcept {
  net::StreamCounters sum;
  for (const auto& connection : connections_) {
    const net::StreamCounters& one = connection->client->stream_counters();
    sum.tls_handshakes += one.tls_handshakes;
    sum.tls_resumed += one.tls_resumed;
    sum.tls_own_records += one.tls_own_records;
    sum.forced_closes += one.forced_closes;
  }
  return sum;
}

template <typename Net>
bool BasicVenueSession<Net>::done() const noexcept {
  for (const auto& connection : connections_) {
    if (!connection->client->closed()) return false;
  }
  return true;
}

template <typename Net>
void BasicVenueSession<Net>::on_tick() noexcept {
  if (stopping_) return;
  if (!waiting_.empty()) connect_waiting();
  adapter_->on_tick(now(loop_.now()));
}

template <typename Net>
bool BasicVenueSession<Net>::send(ConnectionIndex index, std::string_view text) noexcept {
  auto& client = *connections_[index]->client;
  if (client.send_text(text)) return true;
  if (client.open()) client.close(1001);  // a venue that does not read: begin again
  return false;
}

template <typename Net>
bool BasicVenueSession<Net>::request(std::uint32_t request_id, std::string_view target) noexcept {
  return rest_ != nullptr && rest_->request(request_id, target);
}

template <typename Net>
void BasicVenueSession<Net>::reconnect(ConnectionIndex index) noexcept {
  auto& client = *connections_[index]->client;
  if (!client.closed()) client.close(1001);
}

template <typename Net>
void BasicVenueSession<Net>::on_open(void* context) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  ++session.counters_.opened;
  session.end_attempt(connection);
  connection.opened_ns = session.loop_.steady_ns();
  connection.said_closed = false;
  if (const auto age_ns = session.connection_age_ns_max_; age_ns > 0) {
    const auto due_ns = age_ns - connection.backoff.spread_ns(age_ns / 10);
    session.loop_.arm(connection.renewal, connection.opened_ns + due_ns);
  }
  Notice notice;
  notice.connection = connection.index;
  notice.line = session.venue_.line;
  notice.spent_ns = connection.client->life().spent_ns();
  session.hooks_.notices->post(notice);
  session.adapter_->on_open(connection.index, session.now(session.loop_.now()));
  session.hooks_.on_batch_end(session.hooks_.context);
}

template <typename Net>
void BasicVenueSession<Net>::on_text(void* context, std::string_view text,
                                     net::ReceiveTimes times) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  ++session.counters_.messages;
  session.counters_.bytes += text.size();
  session.adapter_->on_message(connection.index, text, session.now(times.received));
  if (session.hooks_.on_decoded != nullptr)
    session.hooks_.on_decoded(session.hooks_.context, times);
}

template <typename Net>
void BasicVenueSession<Net>::on_batch_end(void* context) noexcept {
  auto& session = static_cast<Connection*>(context)->session;
  session.hooks_.on_batch_end(session.hooks_.context);
}

template <typename Net>
void BasicVenueSession<Net>::on_close(void* context, net::CloseReason reason, std::uint16_t code,
                                      std::string_view detail) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  ++session.counters_.closed[static_cast<std::size_t>(reason)];
  if (code == close_code_policy) ++session.counters_.closed_by_policy;
  session.end_attempt(connection);
  session.loop_.disarm(connection.renewal);
  if (!connection.said_closed) {
    connection.said_closed = true;
    session.adapter_->on_close(connection.index, session.now(session.loop_.now()));
    session.hooks_.on_batch_end(session.hooks_.context);
  }
  if (session.stopping_) return;
  Notice notice;
  notice.what = Notice::What::Closed;
  notice.reason = reason;
  notice.code = code;
  notice.connection = connection.index;
  notice.line = session.venue_.line;
  notice.spent_ns = connection.client->life().spent_ns();
  session.hooks_.notices->post(notice, detail);
  const auto steady_ns = session.loop_.steady_ns();
  if (connection.opened_ns != 0 && steady_ns - connection.opened_ns > proven_connection_ns)
    connection.backoff.reset();
  connection.opened_ns = 0;
  const auto asked_ns = connection.client->retry_after_s() * 1'000'000'000;
  if (reason == net::CloseReason::UpgradeThrottled) {
    ++session.counters_.connects_refused;
    session.connects_.pause(steady_ns + (asked_ns != 0 ? asked_ns : connection.backoff.cap_ns()));
  }
  const auto wait_ns = connection.backoff.next_ns(asked_ns);
  session.loop_.arm(connection.retry, steady_ns + wait_ns);
  connection.client->await(net::ConnectionState::AwaitingRetry);
}

template <typename Net>
void BasicVenueSession<Net>::on_state(void* context, const net::StateChange& change) noexcept {
  auto& now = static_cast<Connection*>(context)->session.states_now_;
  --now[static_cast<std::size_t>(change.from)];
  ++now[static_cast<std::size_t>(change.to)];
}

template <typename Net>
void BasicVenueSession<Net>::on_answer(void* context, const RestAnswer& answer) noexcept {
  auto& session = *static_cast<BasicVenueSession*>(context);
  const auto ticks = answer.status == 0 ? session.loop_.now() : answer.received;
  if (answer.status == 0 && !session.rest_failing_) {
    Notice notice;
    notice.what = Notice::What::RequestFailed;
    notice.reason = answer.reason;
    notice.line = session.venue_.line;
    session.hooks_.notices->post(notice, answer.detail);
  }
  session.rest_failing_ = answer.status == 0;
  session.adapter_->on_response(
      answer.request_id, {answer.status, answer.body, answer.retry_after_ns}, session.now(ticks));
  session.hooks_.on_batch_end(session.hooks_.context);
}

template <typename Net>
void BasicVenueSession<Net>::on_retry(void* context) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  if (session.stopping_) return;
  session.connect_soon(connection.index);
  session.connect_waiting();
}

template <typename Net>
void BasicVenueSession<Net>::on_renewal(void* context) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  if (session.stopping_ || connection.client->closed()) return;
  ++session.counters_.renewed;
  connection.client->close(1001);
}

}  // namespace ringside::collector
