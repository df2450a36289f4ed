// Sockets of the simulation: what net::Sockets is to the collector, on virtual time and without a
// kernel. A connection is two queues of messages with arrival times; what may happen to it is up
// to the Wire, which the world implements.
//
//   collector's session -> VirtualWebSocket -> Link -> Wire (exchange, faults)
//                                           <- arrivals, in order, when the collector looks
//
// Threads: one. Bounded by: what is under way, by how far the world lets the collector fall behind.
// Fails by: on_close and HttpError, as the real ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/url.hpp"
#include "net/websocket_client.hpp"

namespace ringside::simulation {

inline constexpr std::int64_t never_ns = net::never_ns;
inline constexpr std::int64_t us = 1'000;
inline constexpr std::int64_t ms = 1'000'000;
inline constexpr std::int64_t second = 1'000'000'000;

class VirtualWebSocket;
class VirtualHttpClient;

// What is at the other end of everything: told what clients do, answers by their arrive_*().
class Wire {
 public:
  virtual ~Wire() = default;
  virtual void on_connect(VirtualWebSocket& client) = 0;
  // False: the client's send queue has no room.
  virtual bool on_client_text(VirtualWebSocket& client, std::string_view text) = 0;
  virtual void on_client_close(VirtualWebSocket& client) = 0;
  virtual void on_client_gone(VirtualWebSocket& client) = 0;
  virtual void on_get(VirtualHttpClient& client, std::string_view target) = 0;
  virtual void on_http_gone(VirtualHttpClient& client) = 0;
};

// The clock and the timers of one collector.
class VirtualLoop {
 public:
  VirtualLoop(const std::int64_t& now_ns, Wire& wire) : now_ns_(now_ns), wire_(wire) {}
  VirtualLoop(const VirtualLoop&) = delete;
  VirtualLoop& operator=(const VirtualLoop&) = delete;

  [[nodiscard]] std::int64_t steady_ns() const noexcept { return now_ns_; }
  [[nodiscard]] Ticks now() const noexcept { return Ticks{static_cast<std::uint64_t>(now_ns_)}; }
  void arm(net::Timer& timer, std::int64_t deadline_ns) noexcept;
  void disarm(net::Timer& timer) noexcept;

  [[nodiscard]] Wire& wire() noexcept { return wire_; }
  [[nodiscard]] std::int64_t next_timer_ns() const noexcept;
  // Each that is due, in the order of their deadlines.
  void fire_timers() noexcept;

 private:
  const std::int64_t& now_ns_;
  Wire& wire_;
  std::vector<net::Timer*> timers_;
};

class VirtualWebSocket {
 public:
  VirtualWebSocket(VirtualLoop& loop, const net::WebSocketClientOptions& options,
                   const net::WebSocketClientCallbacks& callbacks);
  ~VirtualWebSocket();
  VirtualWebSocket(const VirtualWebSocket&) = delete;
  VirtualWebSocket& operator=(const VirtualWebSocket&) = delete;

  // --- As net::WebSocketClient ---
  void connect() noexcept;
  [[nodiscard]] bool send_text(std::string_view text) noexcept;
  void close(std::uint16_t code) noexcept;
  void await(net::ConnectionState state) noexcept { enter(state); }
  [[nodiscard]] bool open() const noexcept { return state() == net::ConnectionState::Open; }
  [[nodiscard]] bool closed() const noexcept { return net::at_rest(state()); }
  [[nodiscard]] const net::ConnectionLife& life() const noexcept { return life_; }
  [[nodiscard]] std::int64_t retry_after_s() const noexcept { return retry_after_s_; }
  // Of frames, which there are none of here.
  [[nodiscard]] const net::WebSocketCounters& counters() const noexcept { return counters_; }

  // --- The wire's ---
  [[nodiscard]] const std::string& target() const noexcept { return target_; }
  [[nodiscard]] bool connecting() const noexcept {
    return state() == net::ConnectionState::Upgrading;
  }
  void arrive_open() noexcept;
  // The bytes behind the text are junk, and may be read.
  void arrive_text(std::string& text) noexcept;
  void arrive_batch_end() noexcept;
  void arrive_close(net::CloseReason reason, std::uint16_t code,
                    std::int64_t retry_after_s = 0) noexcept;

 private:
  [[nodiscard]] net::ConnectionState state() const noexcept { return life_.state(); }
  void enter(net::ConnectionState state) noexcept { life_.enter(state, loop_.steady_ns()); }
  static void on_deadline(void* context) noexcept;
  void watch() noexcept;

  VirtualLoop& loop_;
  net::WebSocketClientCallbacks callbacks_;
  std::string target_;
  std::int64_t silence_ns_max_;
  // Without a kernel connecting takes no time: it is Upgrading that waits for the wire.
  net::ConnectionLife life_;
  std::int64_t heard_ns_ = 0;
  std::int64_t retry_after_s_ = 0;
  net::WebSocketCounters counters_;
  net::CloseReason why_ = net::CloseReason::None;
  net::Timer timer_;  // connecting, silence, closing
  bool got_text_ = false;
};

class VirtualHttpClient {
 public:
  VirtualHttpClient(VirtualLoop& loop, const net::HttpClientOptions& options,
                    const net::HttpClientCallbacks& callbacks);
  ~VirtualHttpClient();
  VirtualHttpClient(const VirtualHttpClient&) = delete;
  VirtualHttpClient& operator=(const VirtualHttpClient&) = delete;

  // --- As net::HttpClient ---
  [[nodiscard]] bool get(std::string_view target) noexcept;
  [[nodiscard]] bool busy() const noexcept { return busy_; }
  void abort() noexcept;

  // --- The wire's ---
  void arrive_answer(int status, std::string& body) noexcept;
  void arrive_failure(net::HttpError error) noexcept;

 private:
  static void on_deadline(void* context) noexcept;
  void deliver(const net::HttpResponse& response) noexcept;

  VirtualLoop& loop_;
  net::HttpClientCallbacks callbacks_;
  std::int64_t request_ns_max_;
  bool busy_ = false;
  net::Timer timer_;
};

struct VirtualSockets {
  using Loop = VirtualLoop;
  using WebSocketClient = VirtualWebSocket;
  using HttpClient = VirtualHttpClient;
};

}  // namespace ringside::simulation
