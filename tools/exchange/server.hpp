// The simulated exchange on a port: WebSocket and HTTP, with or without TLS. Frames that become due
// together are handed over together, so that a burst costs few TLS records, as a real one does.
//
// Threads: one. Bounded by: sessions_max connections; frame_bytes_max a frame; pending_bytes_max
// bytes waiting for one of them. A session with more than pending_bytes_high waiting stops the
// market until it has taken them; one that takes nothing for stuck_ns is cut. Fails by:
// std::system_error at construction.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/deflate.hpp"
#include "net/loop.hpp"
#include "net/websocket_server.hpp"
#include "tools/exchange/exchange.hpp"

namespace ringside::exchange {

inline constexpr std::uint32_t sessions_max = 200;
inline constexpr std::size_t frame_bytes_max = std::size_t{4} << 20;
inline constexpr std::size_t pending_bytes_high = std::size_t{1} << 20;
inline constexpr std::size_t pending_bytes_max = std::size_t{256} << 20;
inline constexpr std::int64_t stuck_ns = 60'000'000'000;

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  const net::TlsContext* tls = nullptr;  // null: plain
  bool deflate = false;  // permessage-deflate for whoever offers it, by the client's parameters
};

class Server final : public Outlet {
 public:
  Server(const ServerOptions& options, const ExchangeOptions& exchange);

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] std::string_view websocket_path() const { return exchange_.websocket_path(); }
  [[nodiscard]] const std::string& faults_text() const { return exchange_.faults_text(); }
  [[nodiscard]] const net::Loop& loop() const { return loop_; }
  // Until `stop` is true. Each time that `report` is, it is made false, and report_json() printed.
  void run(const std::atomic<bool>& stop, std::atomic<bool>* report = nullptr);
  // {"violations": {...}, "accepted": TCP connections, "opened": WebSockets, "open": those now}
  [[nodiscard]] std::string report_json();
  [[nodiscard]] bool limited() { return exchange_.limits().on(); }

  void send(SessionId session, std::string_view text, Frame frame) override;
  void close(SessionId session, Ending ending, std::uint16_t code) override;
  void answer(RequestId request, int status, std::string_view body) override;
  void refuse(RequestId request, int status, std::uint32_t retry_after_s) override;
  void go_away() override;
  [[nodiscard]] bool come_back() override;
  [[nodiscard]] bool congested() const override;

 private:
  // What is kept of a connection, by its index. Ids hold the index in their low byte and a serial
  // number above it: never used again.
  struct Slot {
    net::ServerConnection* connection = nullptr;
    SessionId session = 0;                    // 0: not upgraded
    RequestId request = 0;                    // 0: none open
    std::string pending;                      // frames, ready for the wire
    std::size_t sent = 0;                     // of pending
    std::unique_ptr<net::Deflater> deflater;  // null: not agreed on
    std::size_t waiting_before = 0;
    std::int64_t progress_ns = 0;
    std::uint64_t control_frames = 0;  // pings and pongs, counted by the limits so far
  };

  static void on_request(void* context, net::ServerConnection& connection,
                         const net::HttpRequest& request) noexcept;
  static bool on_upgrade(void* context, net::ServerConnection& connection,
                         const net::HttpRequest& request) noexcept;
  static void on_open(void* context, net::ServerConnection& connection) noexcept;
  static void on_text(void* context, net::ServerConnection& connection, std::string_view text,
                      net::ReceiveTimes times) noexcept;
  static void on_close(void* context, net::ServerConnection& connection, net::CloseReason reason,
                       std::string_view detail) noexcept;
  [[nodiscard]] net::WebSocketServerCallbacks callbacks();

  [[nodiscard]] std::uint32_t next_id(std::uint32_t index);
  [[nodiscard]] static std::size_t waiting(const Slot& slot);
  [[nodiscard]] UtcNs now() const;
  // What its frame carries: the text, or in packed_ what it is compressed.
  [[nodiscard]] std::span<const std::byte> payload_of(Slot& slot, std::string_view text);
  void hand_over(Slot& slot);
  void hand_over_all();
  void cut_the_stuck();

  net::Loop loop_;
  std::vector<Slot> slots_{sessions_max};
  std::vector<std::byte> packed_;
  std::uint32_t serial_ = 0;
  std::uint64_t opened_ = 0;
  std::int64_t utc_minus_steady_ns_;
  Exchange exchange_;
  net::WebSocketServer server_;
};

}  // namespace ringside::exchange
