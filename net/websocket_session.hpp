// A WebSocket connection after its upgrade, in either role: messages in and out over a Stream,
// pongs, pings, the closing handshake, and the deadlines of each.
//
// Threads: the loop's. Bounded by: MessageLimits, the stream's send queue. Fails by: closing its
// stream; reason() then says why, and counters() count it.
//
// States: its stream's (net/connection_state.hpp), of which it takes the steps from Upgrading to
// Ending.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "net/deflate.hpp"
#include "net/mapped_bytes.hpp"
#include "net/random_pool.hpp"
#include "net/stream.hpp"
#include "net/websocket_frame.hpp"
#include "net/websocket_message.hpp"

namespace ringside::net {

struct WebSocketTiming {
  std::int64_t ping_interval_ns = 15 * ns_per_s;  // 0: no pings of our own
  std::int64_t pong_ns_max = 10 * ns_per_s;
  std::int64_t silence_ns_max = 30 * ns_per_s;  // without a message; 0: no watchdog
  std::int64_t closing_ns_max = 2 * ns_per_s;   // for the peer's Close, and for its FIN
};

// `context` is passed to each. on_binary and on_batch_end may be null.
struct WebSocketMessageCallbacks {
  void* context = nullptr;
  // One whole message. Writable memory, padding_bytes readable behind it; valid during the call.
  void (*on_text)(void* context, std::string_view text, ReceiveTimes times) noexcept = nullptr;
  void (*on_binary)(void* context, std::string_view bytes, ReceiveTimes times) noexcept = nullptr;
  // After the last message of one read of the socket, if it brought any.
  void (*on_batch_end)(void* context) noexcept = nullptr;
};

struct WebSocketCounters {
  std::uint64_t messages = 0;
  std::uint64_t message_bytes = 0;
  std::uint64_t messages_dropped = 0;  // binary that nobody takes, or after we began to close
  std::uint64_t messages_sent = 0;
  std::uint64_t sends_refused = 0;        // the send queue was full
  std::uint64_t compressed_messages = 0;  // of messages, and what they were on the wire
  std::uint64_t compressed_bytes = 0;
  std::uint64_t compressed_messages_sent = 0;
  std::uint64_t pings_received = 0;
  std::uint64_t pings_sent = 0;
  std::uint64_t pongs_received = 0;
  std::uint64_t upgrades = 0;
  std::array<std::uint64_t, frame_error_count> frame_errors{};  // by FrameError
  CloseCounters closed{};                                       // by CloseReason
};

template <Role role>
class WebSocketSession {
 public:
  // `send_bytes_max`: the stream's send queue. Throws std::system_error or std::bad_alloc.
  WebSocketSession(Stream& stream, const MessageLimits& limits, const WebSocketTiming& timing,
                   const DeflateOptions& deflate, std::size_t send_bytes_max,
                   const WebSocketMessageCallbacks& callbacks);
  ~WebSocketSession();
  WebSocketSession(const WebSocketSession&) = delete;
  WebSocketSession& operator=(const WebSocketSession&) = delete;

  // The upgrade is done, and has agreed on this. The stream is Upgrading.
  void begin(const std::optional<DeflateAgreement>& deflate) noexcept;
  void end() noexcept;  // the stream is closed
  std::size_t read(std::span<std::byte> bytes, ReceiveTimes times) noexcept;

  // False: not open, or the queue has no room; nothing was queued.
  [[nodiscard]] bool send(Opcode opcode, std::string_view payload, bool final = true) noexcept;
  // `reason` is cut to what a control frame holds.
  void close(std::uint16_t code, std::string_view reason, CloseReason why) noexcept;

  // Messages pass.
  [[nodiscard]] bool open() const noexcept { return stream_.state() == ConnectionState::Open; }
  // Why it ended, when that was this layer's doing; else None. Until end().
  [[nodiscard]] CloseReason reason() const noexcept { return why_; }
  [[nodiscard]] std::uint16_t close_code() const noexcept { return close_code_; }
  [[nodiscard]] std::string_view close_text() const noexcept { return {text_, text_bytes_}; }
  [[nodiscard]] Ticks ping_round_trip() const noexcept { return ping_round_trip_; }
  [[nodiscard]] WebSocketCounters& counters() noexcept { return counters_; }
  [[nodiscard]] const WebSocketCounters& counters() const noexcept { return counters_; }

  // What the message reader calls.
  bool on_message(Opcode opcode, std::span<std::byte> payload) noexcept;
  bool on_control(Opcode opcode, std::span<std::byte> payload) noexcept;

 private:
  static void deadline(void* context) noexcept;
  [[nodiscard]] bool over() const noexcept;
  void on_deadline() noexcept;
  void arm_deadline() noexcept;
  void break_off(CloseReason why, std::string_view text) noexcept;
  bool put_frame(Opcode opcode, std::span<const std::byte> payload, bool final,
                 bool compressed = false) noexcept;
  bool put_compressed(Opcode opcode, std::span<const std::byte> payload) noexcept;
  void put_close(std::uint16_t code, std::string_view reason) noexcept;
  void on_close_frame(std::span<const std::byte> payload) noexcept;
  void on_pong(std::span<const std::byte> payload) noexcept;
  void send_ping() noexcept;
  void set_text(std::string_view text) noexcept;

  Stream& stream_;
  WebSocketTiming timing_;
  WebSocketMessageCallbacks callbacks_;
  WebSocketCounters counters_;
  MappedBytes fragments_;
  MessageReader<role> reader_;
  std::unique_ptr<Inflater> inflater_;  // null: deflate is not configured
  std::unique_ptr<Deflater> deflater_;  // null: sends are not compressed
  MappedBytes packed_;                  // one message, compressed
  bool compressing_ = false;            // agreed on
  RandomPool random_;
  Timer timer_;
  CloseReason why_ = CloseReason::None;
  ReceiveTimes times_{};          // of the read in progress
  bool delivered_ = false;        // a message, in the read in progress
  std::uint16_t close_code_ = 0;  // the peer's, or ours where we found the fault; 0: none

  std::int64_t last_message_ns_ = 0;
  std::int64_t ping_due_ns_ = never_ns;
  std::int64_t pong_due_ns_ = never_ns;
  std::uint64_t ping_number_ = 0;
  Ticks ping_sent_;
  Ticks ping_round_trip_;

  std::size_t text_bytes_ = 0;
  char text_[control_bytes_max];
};

extern template class WebSocketSession<Role::Client>;
extern template class WebSocketSession<Role::Server>;

}  // namespace ringside::net
