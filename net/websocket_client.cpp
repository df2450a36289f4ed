#include "net/websocket_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <system_error>

#include "ipc/check.hpp"

namespace ringside::net {

namespace {

constexpr std::size_t refusal_body_bytes_max = 120;  // of an HTTP answer, kept for the log
constexpr std::int64_t retry_after_s_max = 24 * 3600;

CloseReason reason_of_status(int status) noexcept {
  if (is_redirect(status)) return CloseReason::UpgradeRedirected;
  if (is_forbidden(status)) return CloseReason::UpgradeForbidden;
  if (is_throttled(status)) return CloseReason::UpgradeThrottled;
  if (status >= 500) return CloseReason::UpgradeServerError;
  return CloseReason::UpgradeRefused;
}

Url checked_url(const WebSocketClientOptions& options) {
  Url url = parse_url(options.url);
  const auto refuse = [&options](const char* why) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "URL \"" + options.url + "\": " + why);
  };
  if (!url.websocket) refuse("a WebSocket needs ws:// or wss://");
  if (url.tls && options.tls == nullptr) refuse("wss:// needs TLS settings");
  return url;
}

StreamOptions stream_options(const WebSocketClientOptions& options) {
  StreamOptions stream = options.stream;
  // A frame is parsed in one piece, so one and its header must fit.
  stream.inbox_bytes = std::max<std::size_t>(
      stream.inbox_bytes,
      static_cast<std::size_t>(options.limits.frame_bytes_max) + frame_header_bytes_max);
  stream.inbox_bytes = std::max(stream.inbox_bytes, head_bytes_max);
  stream.upgrades = true;
  return stream;
}

}  // namespace

std::int64_t parse_retry_after_s(const HeaderList& headers) noexcept {
  const std::string_view value = headers.find("Retry-After");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc{} || end != value.data() + value.size()) return 0;
  return std::clamp<std::int64_t>(seconds, 0, retry_after_s_max);
}

WebSocketClient::WebSocketClient(Loop& loop, const WebSocketClientOptions& options,
                                 const WebSocketClientCallbacks& callbacks)
    : url_(checked_url(options)),
      options_(options),
      callbacks_(callbacks),
      stream_(loop, stream_options(options),
              {.context = this,
               .on_open = stream_open,
               .on_bytes = stream_bytes,
               .on_sent = nullptr,
               .on_close = stream_closed,
               .on_state = callbacks.on_state == nullptr ? nullptr : stream_state}),
      session_(stream_, options.limits, options.timing, options.deflate,
               options.stream.send_queue_bytes,
               {.context = callbacks.context,
                .on_text = callbacks.on_text,
                .on_binary = callbacks.on_binary,
                .on_batch_end = callbacks.on_batch_end}) {
  if (options.deflate.enabled) {
    options_.extra_headers +=
        std::string(extensions_header) + ": " + deflate_offer(options.deflate) + "\r\n";
  }
  timer_.callback = upgrade_deadline;
  timer_.context = this;
}

WebSocketClient::~WebSocketClient() { stream_.loop().disarm(timer_); }

void WebSocketClient::connect() noexcept {
  RINGSIDE_CHECK(closed());
  upgrade_status_ = 0;
  retry_after_s_ = 0;
  stream_.connect(url_.host, url_.port, url_.tls ? options_.tls : nullptr);
}

void WebSocketClient::await(ConnectionState state) noexcept {
  RINGSIDE_CHECK(closed());
  RINGSIDE_CHECK(at_rest(state));
  stream_.advance(state);
}

void WebSocketClient::stream_state(void* context, const StateChange& change) noexcept {
  const auto& owner = static_cast<WebSocketClient*>(context)->callbacks_;
  owner.on_state(owner.context, change);
}

void WebSocketClient::stream_open(void* context) noexcept {
  static_cast<WebSocketClient*>(context)->send_upgrade();
}

void WebSocketClient::send_upgrade() noexcept {
  const auto nonce = random_.take<nonce_bytes>();
  const WebSocketKey key = websocket_key(nonce);
  expected_accept_ = websocket_accept({key.data(), key.size()});
  const std::string request =
      upgrade_request(url_, {key.data(), key.size()}, options_.extra_headers);
  if (!stream_.reserve(request.size())) {
    return stream_.close(CloseReason::SendQueueFull, "upgrade request");
  }
  stream_.write(std::as_bytes(std::span(request)));
  stream_.flush();
  stream_.loop().arm(timer_, stream_.loop().steady_ns() + options_.upgrade_ns_max);
}

std::size_t WebSocketClient::stream_bytes(void* context, std::span<std::byte> bytes,
                                          ReceiveTimes times) noexcept {
  auto& self = *static_cast<WebSocketClient*>(context);
  std::size_t used = 0;
  if (self.stream_.state() == ConnectionState::Upgrading) {
    used = self.read_upgrade(bytes);
    if (!self.session_.open()) return used;
  }
  return used + self.session_.read(bytes.subspan(used), times);
}

// Returns the head's bytes once the connection is upgraded; 0 while it is incomplete.
std::size_t WebSocketClient::read_upgrade(std::span<std::byte> bytes) noexcept {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  ResponseHead head;
  const HeadResult result = parse_response_head(text, head);
  if (result.error != HeadError::None) {
    stream_.close(CloseReason::UpgradeInvalid, name_of(result.error));
    return bytes.size();
  }
  if (result.bytes == 0) return 0;
  upgrade_status_ = head.status;
  const UpgradeError error = check_upgrade_response(
      head, {expected_accept_.data(), expected_accept_.size()}, options_.deflate, deflate_);
  if (error == UpgradeError::Status) {
    refuse_upgrade(head, text.substr(result.bytes));
    return bytes.size();
  }
  if (error != UpgradeError::None) {
    stream_.close(CloseReason::UpgradeInvalid, name_of(error));
    return bytes.size();
  }
  stream_.loop().disarm(timer_);
  session_.begin(deflate_);
  callbacks_.on_open(callbacks_.context);
  return result.bytes;
}

void WebSocketClient::refuse_upgrade(const ResponseHead& head, std::string_view body) noexcept {
  retry_after_s_ = parse_retry_after_s(head.headers);
  const std::string_view location = head.headers.find("Location");
  const std::string_view more =
      (location.empty() ? body : location).substr(0, refusal_body_bytes_max);
  std::array<char, 240> text{};
  const int count = std::snprintf(text.data(), text.size(), "HTTP %d %.*s%s%.*s", head.status,
                                  static_cast<int>(std::min<std::size_t>(head.reason.size(), 60)),
                                  head.reason.data(), more.empty() ? "" : ": ",
                                  static_cast<int>(more.size()), more.data());
  stream_.close(reason_of_status(head.status), {text.data(), static_cast<std::size_t>(count)});
}

void WebSocketClient::stream_closed(void* context, CloseReason reason,
                                    std::string_view detail) noexcept {
  auto& self = *static_cast<WebSocketClient*>(context);
  self.stream_.loop().disarm(self.timer_);
  std::uint16_t code = 1006;
  if (self.session_.reason() != CloseReason::None) {
    reason = self.session_.reason();
    if (self.session_.close_code() != 0) code = self.session_.close_code();
    if (!self.session_.close_text().empty()) detail = self.session_.close_text();
  }
  self.session_.end();
  ++self.session_.counters().closed[static_cast<std::size_t>(reason)];
  self.callbacks_.on_close(self.callbacks_.context, reason, code, detail);
}

void WebSocketClient::upgrade_deadline(void* context) noexcept {
  static_cast<WebSocketClient*>(context)->stream_.abort(CloseReason::UpgradeTimeout);
}

bool WebSocketClient::send_text(std::string_view text) noexcept {
  return session_.send(Opcode::Text, text);
}

bool WebSocketClient::send_binary(std::string_view bytes) noexcept {
  return session_.send(Opcode::Binary, bytes);
}

void WebSocketClient::close(std::uint16_t code, std::string_view reason) noexcept {
  if (session_.open()) {
    return session_.close(code, reason, CloseReason::Requested);
  }
  abort();
}

void WebSocketClient::abort(CloseReason reason) noexcept { stream_.abort(reason); }

}  // namespace ringside::net
