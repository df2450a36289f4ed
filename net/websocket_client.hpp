// A WebSocket client: one object a connection, connected as often as its owner likes. It resolves,
// connects, makes TLS, upgrades, delivers messages, pings, and says once why it is over; whether
// and when to try again is the owner's decision (net/backoff.hpp).
//
// Threads: the loop's. Bounded by: WebSocketClientOptions. Fails by: on_close, exactly once for
// each connect(), from within Loop::run_once; inside it the object may be connected again, or
// destroyed. It may be destroyed at any other time, too, but inside its other callbacks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_head.hpp"
#include "net/stream.hpp"
#include "net/url.hpp"
#include "net/websocket_handshake.hpp"
#include "net/websocket_session.hpp"

namespace ringside::net {

struct WebSocketClientOptions {
  std::string url{};                // ws[s]://host[:port][/path[?query]]
  const TlsContext* tls = nullptr;  // needed by wss; must outlive the client
  std::string extra_headers{};      // whole lines, each ended by CRLF
  std::int64_t upgrade_ns_max = 5 * ns_per_s;
  MessageLimits limits{};
  WebSocketTiming timing{};
  DeflateOptions deflate{};  // off: nothing is offered
  StreamOptions stream{};    // inbox_bytes is raised to hold limits.frame_bytes_max
};

struct WebSocketClientCallbacks {
  void* context = nullptr;
  void (*on_open)(void* context) noexcept = nullptr;
  // One whole message, where it lies. padding_bytes are readable behind it; valid during the call.
  void (*on_text)(void* context, std::string_view text, ReceiveTimes times) noexcept = nullptr;
  void (*on_binary)(void* context, std::string_view bytes, ReceiveTimes times) noexcept = nullptr;
  void (*on_batch_end)(void* context) noexcept = nullptr;  // all messages of one read are delivered
  // `code`: of the Close frame, 1005 if it had none, 1006 if there was no Close frame. `detail`:
  // its text, or what went wrong below; valid during the call.
  void (*on_close)(void* context, CloseReason reason, std::uint16_t code,
                   std::string_view detail) noexcept = nullptr;
  // Each step of its life (net/connection_state.hpp), with its time; may be null. From within calls
  // of the owner's, too: it may look, and not touch the connection.
  ConnectionLife::OnState on_state = nullptr;
};

class WebSocketClient {
 public:
  // Throws std::system_error for a URL or limits that cannot be.
  WebSocketClient(Loop& loop, const WebSocketClientOptions& options,
                  const WebSocketClientCallbacks& callbacks);
  ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;

  void connect() noexcept;  // only when closed()
  // Only when closed(): what its owner has it wait for, AwaitingRetry or AwaitingTurn, or Closed
  // again. It is a word for whoever watches; waiting is the owner's.
  void await(ConnectionState state) noexcept;

  // False: not open, or the queue has no room (then the owner had better close).
  [[nodiscard]] bool send_text(std::string_view text) noexcept;
  [[nodiscard]] bool send_binary(std::string_view bytes) noexcept;

  // The closing handshake; before the upgrade, or a second time: at once.
  void close(std::uint16_t code = 1000, std::string_view reason = {}) noexcept;
  void abort(CloseReason reason = CloseReason::Requested) noexcept;

  [[nodiscard]] bool open() const noexcept { return session_.open(); }
  [[nodiscard]] bool closed() const noexcept { return at_rest(stream_.state()); }
  [[nodiscard]] const ConnectionLife& life() const noexcept { return stream_.life(); }
  [[nodiscard]] const Url& url() const noexcept { return url_; }
  // HTTP status of the last upgrade, and its Retry-After in seconds; 0: none.
  [[nodiscard]] int upgrade_status() const noexcept { return upgrade_status_; }
  [[nodiscard]] std::int64_t retry_after_s() const noexcept { return retry_after_s_; }
  // What the last upgrade has agreed on; none: no compression.
  [[nodiscard]] const std::optional<DeflateAgreement>& deflate() const noexcept { return deflate_; }
  [[nodiscard]] Ticks ping_round_trip() const noexcept { return session_.ping_round_trip(); }
  [[nodiscard]] const WebSocketCounters& counters() const noexcept { return session_.counters(); }
  [[nodiscard]] const StreamCounters& stream_counters() const noexcept {
    return stream_.counters();
  }

 private:
  static void stream_open(void* context) noexcept;
  static std::size_t stream_bytes(void* context, std::span<std::byte> bytes,
                                  ReceiveTimes times) noexcept;
  static void stream_closed(void* context, CloseReason reason, std::string_view detail) noexcept;
  static void stream_state(void* context, const StateChange& change) noexcept;
  static void upgrade_deadline(void* context) noexcept;

  void send_upgrade() noexcept;
  std::size_t read_upgrade(std::span<std::byte> bytes) noexcept;
  void refuse_upgrade(const ResponseHead& head, std::string_view body) noexcept;

  Url url_;
  WebSocketClientOptions options_;
  WebSocketClientCallbacks callbacks_;
  Stream stream_;
  WebSocketSession<Role::Client> session_;
  Timer timer_;  // of the upgrade
  RandomPool random_;
  WebSocketAccept expected_accept_{};
  std::optional<DeflateAgreement> deflate_;
  int upgrade_status_ = 0;
  std::int64_t retry_after_s_ = 0;
};

// Seconds of a Retry-After header; 0 when there is none, or it is a date (rare, and it needs a
// calendar).
[[nodiscard]] std::int64_t parse_retry_after_s(const HeaderList& headers) noexcept;

}  // namespace ringside::net
