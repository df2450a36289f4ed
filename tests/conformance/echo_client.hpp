// A client that sends back what it is sent, as the conformance suites of WebSocket want it: strict
// in everything, compression offered, no pings of its own, messages up to 16 MiB.
//
// Threads: the loop's. Bounded by: the limits below. Fails by: closed() with the reason.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/loop.hpp"
#include "net/websocket_client.hpp"

namespace ringside::conformance {

inline constexpr std::uint64_t message_bytes_max = 16 << 20;
// Two of the largest, compressed or not: an echo is never refused for want of room.
inline constexpr std::size_t send_queue_bytes = 40 << 20;

inline net::WebSocketClientOptions echo_options(std::string url) {
  net::WebSocketClientOptions options;
  options.url = std::move(url);
  options.limits.frame_bytes_max = message_bytes_max;
  options.limits.message_bytes_max = message_bytes_max;
  options.limits.validate_utf8 = true;
  options.limits.inflated_ratio_max = 1032;  // whatever deflate can make; the message is the limit
  options.timing.ping_interval_ns = 0;
  options.timing.silence_ns_max = 0;
  options.stream.send_queue_bytes = send_queue_bytes;
  options.deflate.enabled = true;
  options.deflate.compress_sends = true;
  return options;
}

class EchoClient {
 public:
  EchoClient(net::Loop& loop, const net::WebSocketClientOptions& options)
      : client_(
            loop, options,
            {.context = this,
             .on_open =
                 [](void* context) noexcept { static_cast<EchoClient*>(context)->opened_ = true; },
             .on_text =
                 [](void* context, std::string_view text, net::ReceiveTimes) noexcept {
                   auto& self = *static_cast<EchoClient*>(context);
                   ++self.messages_;
                   if (!self.client_.send_text(text)) self.client_.abort();
                 },
             .on_binary =
                 [](void* context, std::string_view bytes, net::ReceiveTimes) noexcept {
                   auto& self = *static_cast<EchoClient*>(context);
                   ++self.messages_;
                   if (!self.client_.send_binary(bytes)) self.client_.abort();
                 },
             .on_batch_end = nullptr,
             .on_close =
                 [](void* context, net::CloseReason why, std::uint16_t code,
                    std::string_view detail) noexcept {
                   auto& self = *static_cast<EchoClient*>(context);
                   self.closed_ = true;
                   self.reason_ = why;
                   self.code_ = code;
                   self.detail_ = detail;
                 }}) {
    client_.connect();
  }

  [[nodiscard]] bool opened() const { return opened_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] net::CloseReason reason() const { return reason_; }
  [[nodiscard]] std::uint16_t code() const { return code_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] const net::WebSocketClient& client() const { return client_; }
  void abort() { client_.abort(); }

 private:
  net::WebSocketClient client_;
  bool opened_ = false;
  bool closed_ = false;
  net::CloseReason reason_ = net::CloseReason::None;
  std::uint16_t code_ = 0;
  std::string detail_;
  std::uint64_t messages_ = 0;
};

}  // namespace ringside::conformance
