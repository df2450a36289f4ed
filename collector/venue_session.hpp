// One venue on one collector thread: its adapter, its connections, and when to connect them again.
//
// Threads: the collector thread's. Bounded by: the connections its adapter wants; reconnects wait
// by capped, jittered backoff, never less than a Retry-After says. Fails by: a connection that
// cannot be had is tried for ever; each failure is counted by its reason and kept as the last
// words.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/notices.hpp"
#include "collector/rest_line.hpp"
#include "collector/stages.hpp"
#include "collector/venue_adapter.hpp"
#include "net/backoff.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"
#include "net/websocket_client.hpp"

namespace ringside::collector {

// A connection that was up so long has proved itself: the backoff begins anew.
inline constexpr std::int64_t proven_connection_ns = 30'000'000'000;
inline constexpr std::uint64_t venue_message_bytes_max = std::uint64_t{4} << 20;

struct ConnectionCounters {
  std::uint64_t opened = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  net::CloseCounters closed{};
};

// What a session needs of its thread.
struct SessionHooks {
  void* context = nullptr;
  void (*on_batch_end)(void* context) noexcept = nullptr;  // records wait to be published
  Notices* notices = nullptr;                              // not null
};

class VenueSession final : public AdapterHost {
 public:
  struct Options {
    const VenueConfig& venue;
    std::vector<VenueInstrument> instruments;
    std::uint32_t generation = 1;
    std::uint64_t seed = 0;
  };
  // Throws as WebSocketClient, TlsContext and make_adapter.
  VenueSession(net::Loop& loop, Options options, RecordWriter& records, Stages& stages,
               SessionHooks hooks);
  ~VenueSession() override;

  void start() noexcept;
  void on_tick() noexcept;
  // The closing handshake on every connection; done() when all are closed.
  void stop() noexcept;
  [[nodiscard]] bool done() const noexcept;

  [[nodiscard]] Adapter& adapter() noexcept { return *adapter_; }
  [[nodiscard]] const std::string& venue() const noexcept { return venue_.name; }
  [[nodiscard]] int line() const noexcept { return venue_.line; }  // of its table in the file
  [[nodiscard]] const ConnectionCounters& connection_counters() const noexcept { return counters_; }

  [[nodiscard]] RestCounters rest_counters() const noexcept {
    return rest_ ? rest_->counters() : RestCounters{};
  }

  [[nodiscard]] bool send(ConnectionIndex connection, std::string_view text) noexcept override;
  [[nodiscard]] bool request(std::uint32_t request_id, std::string_view target) noexcept override;
  void reconnect(ConnectionIndex connection) noexcept override;

 private:
  struct Connection {
    Connection(VenueSession& owner, ConnectionIndex number, std::uint64_t seed)
        : session(owner), index(number), backoff({}, seed) {}
    VenueSession& session;
    ConnectionIndex index;
    net::Backoff backoff;
    net::Timer retry;
    std::int64_t opened_ns = 0;
    bool said_closed = false;  // the adapter knows: also of one that never opened
    std::unique_ptr<net::WebSocketClient> client;
  };
  static void on_open(void* context) noexcept;
  static void on_text(void* context, std::string_view text, net::ReceiveTimes times) noexcept;
  static void on_batch_end(void* context) noexcept;
  static void on_close(void* context, net::CloseReason reason, std::uint16_t code,
                       std::string_view detail) noexcept;
  static void on_retry(void* context) noexcept;
  static void on_answer(void* context, const RestAnswer& answer) noexcept;
  void add_connection(ConnectionIndex index, std::uint64_t seed);
  [[nodiscard]] Now now(Ticks ticks) const noexcept { return {ticks, loop_.steady_ns()}; }

  net::Loop& loop_;
  const VenueConfig& venue_;
  Stages& stages_;
  SessionHooks hooks_;
  std::unique_ptr<net::TlsContext> tls_;
  std::unique_ptr<RestLine> rest_;  // null: the venue needs none
  std::unique_ptr<Adapter> adapter_;
  std::vector<std::unique_ptr<Connection>> connections_;
  ConnectionCounters counters_;
  bool rest_failing_ = false;  // the newest request got no answer
  bool stopping_ = false;
};

}  // namespace ringside::collector
