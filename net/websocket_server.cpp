#include "net/websocket_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "net/resolver.hpp"
#include "net/websocket_handshake.hpp"

namespace ringside::net {

namespace {

constexpr int listen_backlog = 128;
constexpr std::int64_t accept_pause_ns = 100 * ns_per_ms;

const char* reason_phrase(int status) noexcept {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 302:
      return "Found";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 418:
      return "I'm a Teapot";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

StreamOptions stream_options(const WebSocketServerOptions& options) {
  StreamOptions stream = options.stream;
  const std::uint64_t frame = options.limits.frame_bytes_max + frame_header_bytes_max;
  const std::uint64_t request = head_bytes_max + options.request_body_bytes_max;
  stream.inbox_bytes =
      std::max(stream.inbox_bytes, static_cast<std::size_t>(std::max(frame, request)));
  stream.upgrades = true;  // until then it answers requests
  return stream;
}

[[noreturn]] void refuse_address(const WebSocketServerOptions& options, int error,
                                 const char* advice) {
  throw std::system_error(
      error, std::generic_category(),
      "listen on " + options.address + ":" + std::to_string(options.port) + ": " + advice);
}

}  // namespace

ServerConnection::ServerConnection(Loop& loop, const WebSocketServerOptions& options,
                                   const WebSocketServerCallbacks& callbacks, std::uint32_t index)
    : options_(options),
      callbacks_(callbacks),
      index_(index),
      stream_(loop, stream_options(options),
              {.context = this,
               .on_open = stream_open,
               .on_bytes = stream_bytes,
               .on_sent = stream_sent,
               .on_close = stream_closed}),
      session_(stream_, options.limits, options.timing, options.deflate,
               options.stream.send_queue_bytes,
               {.context = this,
                .on_text = session_text,
                .on_binary = callbacks.on_binary == nullptr ? nullptr : session_binary,
                .on_batch_end = nullptr}) {
  timer_.callback = request_deadline;
  timer_.context = this;
}

ServerConnection::~ServerConnection() { stream_.loop().disarm(timer_); }

void ServerConnection::serve(int descriptor) noexcept {
  user = nullptr;
  target_.clear();
  answering_ = close_after_ = false;
  stream_.accept(descriptor, options_.tls);
}

void ServerConnection::stream_open(void* context) noexcept {
  auto& self = *static_cast<ServerConnection*>(context);
  Loop& loop = self.stream_.loop();
  loop.arm(self.timer_, loop.steady_ns() + self.options_.request_ns_max);
}

void ServerConnection::request_deadline(void* context) noexcept {
  static_cast<ServerConnection*>(context)->stream_.close(CloseReason::IdleTimeout);
}

std::size_t ServerConnection::stream_bytes(void* context, std::span<std::byte> bytes,
                                           ReceiveTimes times) noexcept {
  auto& self = *static_cast<ServerConnection*>(context);
  std::size_t used = 0;
  if (self.stream_.state() == ConnectionState::Upgrading) {
    self.reading_ = true;
    used = self.read_requests(bytes);
    self.reading_ = false;
    if (self.stream_.state() == ConnectionState::Upgrading) return used;
  }
  return used + self.session_.read(bytes.subspan(used), times);
}

// Requests may come in one go; each waits until the one before is answered.
std::size_t ServerConnection::read_requests(std::span<std::byte> bytes) noexcept {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty() && !answering_ && stream_.state() == ConnectionState::Upgrading) {
    RequestHead head;
    const HeadResult result = parse_request_head(rest, head);
    if (result.error != HeadError::None) {
      refuse(result.error == HeadError::TooLong ? 431 : 400, name_of(result.error));
      return bytes.size();
    }
    if (result.bytes == 0) break;
    const std::uint64_t body_bytes = head.body.content_bytes.value_or(0);
    if (head.body.chunked || body_bytes > options_.request_body_bytes_max) {
      refuse(head.body.chunked ? 501 : 413, "request body");
      return bytes.size();
    }
    if (rest.size() - result.bytes < body_bytes) break;
    answer(head, rest.substr(result.bytes, static_cast<std::size_t>(body_bytes)));
    rest.remove_prefix(result.bytes + static_cast<std::size_t>(body_bytes));
  }
  return bytes.size() - rest.size();
}

void ServerConnection::answer(const RequestHead& head, std::string_view body) noexcept {
  stream_.loop().disarm(timer_);
  answering_ = true;
  close_after_ = head.http_1_0 || head.headers.has_token("Connection", "close");
  const HttpRequest request{head.method, head.target, &head.headers, body};
  if (wants_upgrade(head)) {
    const UpgradeError error = check_upgrade_request(head);
    if (error != UpgradeError::None) return refuse(400, name_of(error));
    return upgrade(request);
  }
  if (callbacks_.on_request == nullptr) return refuse(404, "");
  callbacks_.on_request(callbacks_.context, *this, request);
}

void ServerConnection::upgrade(const HttpRequest& request) noexcept {
  target_ = request.target;
  if (callbacks_.on_upgrade != nullptr &&
      !callbacks_.on_upgrade(callbacks_.context, *this, request)) {
    if (answering_) refuse(404, "");
    return;
  }
  const WebSocketAccept accept = websocket_accept(request.headers->find("Sec-WebSocket-Key"));
  std::string head =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  head.append(accept.data(), accept.size());
  deflate_ = choose_deflate_offer(*request.headers, options_.deflate);
  if (deflate_) {
    head.append("\r\n").append(extensions_header).append(": ").append(deflate_answer(*deflate_));
  }
  head += "\r\n\r\n";
  if (!send_raw(head)) return stream_.abort(CloseReason::SendQueueFull);
  answering_ = false;
  session_.begin(deflate_);
  if (callbacks_.on_open != nullptr) callbacks_.on_open(callbacks_.context, *this);
}

// For what is not worth keeping the connection for.
void ServerConnection::refuse(int status, std::string_view text) noexcept {
  answering_ = true;
  close_after_ = true;
  (void)respond(status, "text/plain", text);
}

bool ServerConnection::respond(int status, std::string_view content_type, std::string_view body,
                               std::string_view extra_headers) noexcept {
  if (!answering_ || !stream_.open()) return false;
  if (!write_head(status, content_type, body.size(), extra_headers)) return false;
  stream_.write(bytes_of(body));
  stream_.flush();
  answering_ = false;
  if (close_after_) {
    stream_.close(CloseReason::Requested);
    return true;
  }
  Loop& loop = stream_.loop();
  loop.arm(timer_, loop.steady_ns() + options_.request_ns_max);
  if (!reading_) stream_.present_again();
  return true;
}

bool ServerConnection::write_head(int status, std::string_view content_type, std::size_t body_bytes,
                                  std::string_view extra_headers) noexcept {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + reason_phrase(status) +
                     "\r\nContent-Length: " + std::to_string(body_bytes) + "\r\nContent-Type: ";
  head += content_type;
  head += close_after_ ? "\r\nConnection: close\r\n" : "\r\nConnection: keep-alive\r\n";
  head += extra_headers;
  head += "\r\n";
  if (!stream_.reserve(head.size() + body_bytes)) return false;
  stream_.write(bytes_of(head));
  return true;
}

bool ServerConnection::send_text(std::string_view text) noexcept {
  return session_.send(Opcode::Text, text);
}

bool ServerConnection::send_binary(std::string_view bytes) noexcept {
  return session_.send(Opcode::Binary, bytes);
}

bool ServerConnection::send_frame(Opcode opcode, std::string_view payload, bool final) noexcept {
  return session_.send(opcode, payload, final);
}

bool ServerConnection::send_raw(std::string_view bytes) noexcept {
  if (!stream_.reserve(bytes.size())) return false;
  stream_.write(bytes_of(bytes));
  stream_.flush();
  return true;
}

void ServerConnection::close(std::uint16_t code, std::string_view reason) noexcept {
  if (open()) return session_.close(code, reason, CloseReason::Requested);
  stream_.close(CloseReason::Requested);
}

void ServerConnection::abort() noexcept { stream_.abort(CloseReason::Requested); }
void ServerConnection::reset() noexcept { stream_.reset(); }
void ServerConnection::half_close() noexcept { stream_.half_close(); }

void ServerConnection::session_text(void* context, std::string_view text,
                                    ReceiveTimes times) noexcept {
  auto& self = *static_cast<ServerConnection*>(context);
  self.callbacks_.on_text(self.callbacks_.context, self, text, times);
}

void ServerConnection::session_binary(void* context, std::string_view bytes,
                                      ReceiveTimes times) noexcept {
  auto& self = *static_cast<ServerConnection*>(context);
  self.callbacks_.on_binary(self.callbacks_.context, self, bytes, times);
}

void ServerConnection::stream_sent(void* context) noexcept {
  auto& self = *static_cast<ServerConnection*>(context);
  if (self.callbacks_.on_sent != nullptr) self.callbacks_.on_sent(self.callbacks_.context, self);
}

void ServerConnection::stream_closed(void* context, CloseReason reason,
                                     std::string_view detail) noexcept {
  auto& self = *static_cast<ServerConnection*>(context);
  self.stream_.loop().disarm(self.timer_);
  if (self.session_.reason() != CloseReason::None) {
    reason = self.session_.reason();
    if (!self.session_.close_text().empty()) detail = self.session_.close_text();
  }
  self.session_.end();
  ++self.session_.counters().closed[static_cast<std::size_t>(reason)];
  if (self.callbacks_.on_close != nullptr) {
    self.callbacks_.on_close(self.callbacks_.context, self, reason, detail);
  }
  self.user = nullptr;
}

WebSocketServer::WebSocketServer(Loop& loop, const WebSocketServerOptions& options,
                                 const WebSocketServerCallbacks& callbacks)
    : loop_(loop),
      options_(options),
      callbacks_(callbacks),
      listener_(loop, {.count = 0, .bytes = 0}) {
  connections_.reserve(options.connections_max);
  timer_.callback = accept_again;
  timer_.context = this;
  if (!parse_numeric(options.address, options.port)) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "listen on \"" + options.address + "\": name a numeric address");
  }
  const char* step = "";
  const int descriptor = make_listener(step);
  if (descriptor < 0) refuse_address(options, -descriptor, step);
  SocketAddress bound;
  bound.bytes = sizeof(bound.ipv6);
  (void)::getsockname(descriptor, &bound.any, &bound.bytes);
  // Both families keep the port in the same place.
  port_ = ntohs(bound.ipv4.sin_port);
  options_.port = port_;
  listener_.establish.callback = accepted;
  listener_.establish.context = this;
  if (const int result = listener_.adopt(descriptor); result < 0) {
    refuse_address(options, -result, "the event loop refuses it");
  }
  listener_.start_accept();
}

WebSocketServer::~WebSocketServer() { loop_.disarm(timer_); }

int WebSocketServer::make_listener(const char*& step) const noexcept {
  const auto address = parse_numeric(options_.address, options_.port);
  const int descriptor = ::socket(address->any.sa_family, SOCK_STREAM | loop_.socket_flags(), 0);
  step = "no socket";
  if (descriptor < 0) return -errno;
  const int on = 1;
  (void)::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  step = "choose another port or address";
  if (::bind(descriptor, &address->any, address->bytes) != 0 ||
      ::listen(descriptor, listen_backlog) != 0) {
    const int error = errno;
    ::close(descriptor);
    return -error;
  }
  return descriptor;
}

bool WebSocketServer::listen_again() noexcept {
  if (!stopping_ || !listener_.idle() || listener_.descriptor() >= 0) return false;
  const char* step = "";
  const int descriptor = make_listener(step);
  if (descriptor < 0 || listener_.adopt(descriptor) < 0) return false;
  stopping_ = false;
  listener_.start_accept();
  return true;
}

void WebSocketServer::stop_accepting() noexcept {
  stopping_ = true;
  loop_.disarm(timer_);
  if (listener_.idle()) return listener_.close_descriptor();
  listener_.cancel();
}

void WebSocketServer::accepted(void* context, const Completion& completion) noexcept {
  auto& self = *static_cast<WebSocketServer*>(context);
  if (completion.result < 0) {
    if (self.stopping_) return self.listener_.close_descriptor();
    ++self.accept_errors_;
    return self.loop_.arm(self.timer_, self.loop_.steady_ns() + accept_pause_ns);
  }
  ServerConnection* connection = self.stopping_ ? nullptr : self.free_connection();
  if (connection == nullptr) {
    ++self.refused_;
    ::close(completion.result);
    return;
  }
  ++self.accepted_;
  connection->serve(completion.result);
}

void WebSocketServer::accept_again(void* context) noexcept {
  static_cast<WebSocketServer*>(context)->listener_.start_accept();
}

ServerConnection* WebSocketServer::free_connection() noexcept {
  for (const auto& connection : connections_) {
    if (!connection->in_use()) return connection.get();
  }
  if (connections_.size() == options_.connections_max) return nullptr;
  const auto index = static_cast<std::uint32_t>(connections_.size());
  try {
    connections_.push_back(std::make_unique<ServerConnection>(loop_, options_, callbacks_, index));
  } catch (const std::exception&) {
    return nullptr;  // no memory or no room in the loop: one peer refused, nothing else
  }
  return connections_.back().get();
}

}  // namespace ringside::net
