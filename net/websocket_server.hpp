// A server of WebSocket and plain HTTP requests on one port: the role that a simulated exchange
// needs, not a web server. Connections are pooled: made when first needed, used again for ever.
//
// Threads: the loop's. Bounded by: WebSocketServerOptions. Fails by: std::system_error at
// construction (the address cannot be had); later, connection by connection, by on_close.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_head.hpp"
#include "net/stream.hpp"
#include "net/websocket_session.hpp"

namespace ringside::net {

class ServerConnection;
class WebSocketServer;

struct WebSocketServerOptions {
  std::string address = "127.0.0.1";  // numeric
  std::uint16_t port = 0;             // 0: any; port() says which
  const TlsContext* tls = nullptr;    // null: plain
  std::uint32_t connections_max = 64;
  std::int64_t request_ns_max = 10 * ns_per_s;  // for the first, or next, request to be complete
  std::uint64_t request_body_bytes_max = 64 * 1024;
  MessageLimits limits{.frame_bytes_max = 1 << 20, .message_bytes_max = 1 << 20};
  DeflateOptions deflate{};  // off: an offer is not taken up
  WebSocketTiming timing{.ping_interval_ns = 0, .silence_ns_max = 0};
  StreamOptions stream{.send_queue_bytes = 16 << 20,
                       .receive_buffers = {.count = 4, .bytes = 4096}};
};

struct HttpRequest {
  std::string_view method;
  std::string_view target;
  const HeaderList* headers = nullptr;
  std::string_view body;
};

// `context` is passed to each; all but on_text may be null. A connection stays valid until its
// on_close returns.
struct WebSocketServerCallbacks {
  void* context = nullptr;
  // A plain request: answer with respond(), now or later. Null: 404.
  void (*on_request)(void* context, ServerConnection& connection,
                     const HttpRequest& request) noexcept = nullptr;
  // An upgrade to `target`: false refuses it (404, unless respond() said something else).
  bool (*on_upgrade)(void* context, ServerConnection& connection,
                     const HttpRequest& request) noexcept = nullptr;
  void (*on_open)(void* context, ServerConnection& connection) noexcept = nullptr;
  void (*on_text)(void* context, ServerConnection& connection, std::string_view text,
                  ReceiveTimes times) noexcept = nullptr;
  void (*on_binary)(void* context, ServerConnection& connection, std::string_view bytes,
                    ReceiveTimes times) noexcept = nullptr;
  // The send queue has become empty: the time to send more, for a sender faster than its peer.
  void (*on_sent)(void* context, ServerConnection& connection) noexcept = nullptr;
  // For every connection, also one that never upgraded.
  void (*on_close)(void* context, ServerConnection& connection, CloseReason reason,
                   std::string_view detail) noexcept = nullptr;
};

class ServerConnection {
 public:
  // Made by the server.
  ServerConnection(Loop& loop, const WebSocketServerOptions& options,
                   const WebSocketServerCallbacks& callbacks, std::uint32_t index);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // All false: not open, or the queue has no room for it; nothing was queued.
  [[nodiscard]] bool send_text(std::string_view text) noexcept;
  [[nodiscard]] bool send_binary(std::string_view bytes) noexcept;
  [[nodiscard]] bool send_frame(Opcode opcode, std::string_view payload, bool final) noexcept;
  // Bytes as they are, inside TLS: for tests of what must be refused.
  [[nodiscard]] bool send_raw(std::string_view bytes) noexcept;
  // Answers the request. `extra_headers`: whole lines, each ended by CRLF.
  bool respond(int status, std::string_view content_type, std::string_view body,
               std::string_view extra_headers = {}) noexcept;

  void close(std::uint16_t code = 1000, std::string_view reason = {}) noexcept;
  void abort() noexcept;  // no Close frame, no close_notify
  void reset() noexcept;  // abort() by RST instead of FIN: what was sent and not read is lost, too
  // FIN, and nothing else: the socket stays open and can still be read. Nothing can be sent after.
  void half_close() noexcept;

  [[nodiscard]] bool open() const noexcept { return session_.open(); }
  [[nodiscard]] bool in_use() const noexcept { return !at_rest(stream_.state()); }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return stream_.queued_bytes(); }
  [[nodiscard]] std::string_view target() const noexcept { return target_; }  // of the upgrade
  // What the upgrade has agreed on; none: no compression.
  [[nodiscard]] const std::optional<DeflateAgreement>& deflate() const noexcept { return deflate_; }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }  // < connections_max
  [[nodiscard]] const WebSocketCounters& counters() const noexcept { return session_.counters(); }

  void serve(int descriptor) noexcept;  // the server's, for an accepted socket

  // The owner's, for whatever it keeps of a connection; null at on_open.
  void* user = nullptr;

 private:
  static void stream_open(void* context) noexcept;
  static std::size_t stream_bytes(void* context, std::span<std::byte> bytes,
                                  ReceiveTimes times) noexcept;
  static void stream_sent(void* context) noexcept;
  static void stream_closed(void* context, CloseReason reason, std::string_view detail) noexcept;
  static void session_text(void* context, std::string_view text, ReceiveTimes times) noexcept;
  static void session_binary(void* context, std::string_view bytes, ReceiveTimes times) noexcept;
  static void request_deadline(void* context) noexcept;

  std::size_t read_requests(std::span<std::byte> bytes) noexcept;
  void answer(const RequestHead& head, std::string_view body) noexcept;
  void upgrade(const HttpRequest& request) noexcept;
  void refuse(int status, std::string_view text) noexcept;
  bool write_head(int status, std::string_view content_type, std::size_t body_bytes,
                  std::string_view extra_headers) noexcept;

  WebSocketServerOptions options_;
  WebSocketServerCallbacks callbacks_;
  std::uint32_t index_;
  Stream stream_;
  WebSocketSession<Role::Server> session_;
  Timer timer_;
  std::string target_;
  std::optional<DeflateAgreement> deflate_;
  bool answering_ = false;    // a request was handed over and not yet answered
  bool reading_ = false;      // within read_requests
  bool close_after_ = false;  // the peer asked for no further request
};

class WebSocketServer {
 public:
  WebSocketServer(Loop& loop, const WebSocketServerOptions& options,
                  const WebSocketServerCallbacks& callbacks);
  ~WebSocketServer();
  WebSocketServer(const WebSocketServer&) = delete;
  WebSocketServer& operator=(const WebSocketServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }  // beyond the maximum
  [[nodiscard]] std::uint64_t accept_errors() const noexcept { return accept_errors_; }

  void stop_accepting() noexcept;
  // On the same port, after stop_accepting(). False: its end is still under way, or the port cannot
  // be had; try again later.
  [[nodiscard]] bool listen_again() noexcept;

  // Calls visit(ServerConnection&) for each connection in use.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (const auto& connection : connections_) {
      if (connection->in_use()) visit(*connection);
    }
  }

 private:
  // A listening socket; negative: -errno, and `step` says what failed.
  [[nodiscard]] int make_listener(const char*& step) const noexcept;
  static void accepted(void* context, const Completion& completion) noexcept;
  static void accept_again(void* context) noexcept;
  ServerConnection* free_connection() noexcept;

  Loop& loop_;
  WebSocketServerOptions options_;
  WebSocketServerCallbacks callbacks_;
  Channel listener_;
  Timer timer_;  // after accept failed, for want of descriptors
  std::uint16_t port_ = 0;
  bool stopping_ = false;
  std::vector<std::unique_ptr<ServerConnection>> connections_;  // <= connections_max
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t accept_errors_ = 0;
};

}  // namespace ringside::net
