#include "net/websocket_session.hpp"

#include <algorithm>
#include <cstring>

namespace ringside::net {

namespace {

constexpr std::size_t close_reason_bytes_max = control_bytes_max - 2;

std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Cuts at a character's boundary, so that what we send stays UTF-8.
std::string_view cut_reason(std::string_view reason) noexcept {
  if (reason.size() <= close_reason_bytes_max) return reason;
  std::size_t end = close_reason_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xc0) == 0x80) --end;
  return reason.substr(0, end);
}

}  // namespace

const char* name_of(FrameError error) noexcept {
  switch (error) {
    case FrameError::None:
      return "none";
    case FrameError::ReservedBits:
      return "reserved_bits";
    case FrameError::ReservedOpcode:
      return "reserved_opcode";
    case FrameError::ControlFragmented:
      return "control_fragmented";
    case FrameError::ControlTooLong:
      return "control_too_long";
    case FrameError::Masked:
      return "masked";
    case FrameError::Unmasked:
      return "unmasked";
    case FrameError::LengthOverflow:
      return "length_overflow";
    case FrameError::UnexpectedContinuation:
      return "unexpected_continuation";
    case FrameError::ExpectedContinuation:
      return "expected_continuation";
    case FrameError::CloseTooShort:
      return "close_too_short";
    case FrameError::CloseCodeInvalid:
      return "close_code_invalid";
    case FrameError::CloseReasonNotUtf8:
      return "close_reason_not_utf8";
    case FrameError::TextNotUtf8:
      return "text_not_utf8";
    case FrameError::FrameTooLong:
      return "frame_too_long";
    case FrameError::MessageTooLong:
      return "message_too_long";
    case FrameError::TooManyFragments:
      return "too_many_fragments";
    case FrameError::DeflateInvalid:
      return "deflate_invalid";
    case FrameError::InflatedTooMuch:
      return "inflated_too_much";
  }
  return "unknown";
}

std::uint16_t close_code_of(FrameError error) noexcept {
  switch (error) {
    case FrameError::TextNotUtf8:
    case FrameError::CloseReasonNotUtf8:
    case FrameError::DeflateInvalid:
      return 1007;
    case FrameError::FrameTooLong:
    case FrameError::MessageTooLong:
    case FrameError::TooManyFragments:
    case FrameError::InflatedTooMuch:
      return 1009;
    default:
      return 1002;
  }
}

template <Role role>
WebSocketSession<role>::WebSocketSession(Stream& stream, const MessageLimits& limits,
                                         const WebSocketTiming& timing,
                                         const DeflateOptions& deflate, std::size_t send_bytes_max,
                                         const WebSocketMessageCallbacks& callbacks)
    : stream_(stream),
      timing_(timing),
      callbacks_(callbacks),
      fragments_(static_cast<std::size_t>(limits.message_bytes_max) + padding_bytes),
      reader_(limits, fragments_.span().first(fragments_.size() - padding_bytes)) {
  if (deflate.enabled) inflater_ = std::make_unique<Inflater>();
  if (deflate.enabled && deflate.compress_sends) {
    deflater_ = std::make_unique<Deflater>();
    packed_ = MappedBytes(Deflater::bound(send_bytes_max));
  }
  timer_.callback = deadline;
  timer_.context = this;
}

template <Role role>
WebSocketSession<role>::~WebSocketSession() {
  stream_.loop().disarm(timer_);
}

template <Role role>
void WebSocketSession<role>::begin(const std::optional<DeflateAgreement>& deflate) noexcept {
  reader_.reset();
  reader_.set_inflater(deflate ? inflater_.get() : nullptr);
  compressing_ = false;
  if (deflate) {
    constexpr bool client = role == Role::Client;
    inflater_->begin(client ? deflate->server_no_context_takeover
                            : deflate->client_no_context_takeover);
    compressing_ = deflater_ && deflater_->begin(client ? deflate->client_max_window_bits
                                                        : deflate->server_max_window_bits,
                                                 client ? deflate->client_no_context_takeover
                                                        : deflate->server_no_context_takeover);
  }
  close_code_ = 0;
  text_bytes_ = 0;
  ++counters_.upgrades;
  const std::int64_t now = stream_.loop().steady_ns();
  last_message_ns_ = now;
  pong_due_ns_ = never_ns;
  ping_due_ns_ = timing_.ping_interval_ns > 0 ? now + timing_.ping_interval_ns : never_ns;
  arm_deadline();
  stream_.advance(ConnectionState::Open);
}

template <Role role>
void WebSocketSession<role>::end() noexcept {
  stream_.loop().disarm(timer_);
  why_ = CloseReason::None;
}

// What comes is no longer looked at.
template <Role role>
bool WebSocketSession<role>::over() const noexcept {
  return !stream_.open() || stream_.state() == ConnectionState::Ending;
}

template <Role role>
std::size_t WebSocketSession<role>::read(std::span<std::byte> bytes, ReceiveTimes times) noexcept {
  if (over()) return bytes.size();
  times_ = times;
  delivered_ = false;
  const std::size_t used = reader_.read(bytes, *this);
  if (delivered_) {
    last_message_ns_ = stream_.loop().steady_ns();
    if (callbacks_.on_batch_end != nullptr) callbacks_.on_batch_end(callbacks_.context);
  }
  if (reader_.error() == FrameError::None || over()) return used;
  const FrameError error = reader_.error();
  ++counters_.frame_errors[static_cast<std::size_t>(error)];
  const std::uint16_t code = close_code_of(error);
  if (open()) {
    why_ = code == 1009 ? CloseReason::TooLarge : CloseReason::ProtocolError;
    close_code_ = code;
    set_text(name_of(error));
    put_close(code, name_of(error));
  }
  // RFC 6455, 7.1.7: fail the connection; what the peer still sends is not read.
  stream_.loop().disarm(timer_);
  stream_.close(why_);
  return bytes.size();
}

template <Role role>
bool WebSocketSession<role>::on_message(Opcode opcode, std::span<std::byte> payload) noexcept {
  const auto callback = opcode == Opcode::Text ? callbacks_.on_text : callbacks_.on_binary;
  if (!open() || callback == nullptr) {
    ++counters_.messages_dropped;
    return true;
  }
  ++counters_.messages;
  counters_.message_bytes += payload.size();
  if (reader_.compressed_bytes() > 0) {
    ++counters_.compressed_messages;
    counters_.compressed_bytes += reader_.compressed_bytes();
  }
  delivered_ = true;
  callback(callbacks_.context, as_text(payload), times_);
  return stream_.open();
}

template <Role role>
bool WebSocketSession<role>::on_control(Opcode opcode, std::span<std::byte> payload) noexcept {
  switch (opcode) {
    case Opcode::Ping:
      ++counters_.pings_received;
      if (open() && !put_frame(Opcode::Pong, payload, true)) {
        break_off(CloseReason::SendQueueFull, "pong");
      }
      break;
    case Opcode::Pong:
      on_pong(payload);
      break;
    default:
      on_close_frame(payload);
      return false;
  }
  return stream_.open();
}

template <Role role>
void WebSocketSession<role>::on_close_frame(std::span<const std::byte> payload) noexcept {
  if (open()) {
    why_ = CloseReason::PeerClosed;
    close_code_ = 1005;
    if (payload.size() >= 2) {
      close_code_ = static_cast<std::uint16_t>(static_cast<unsigned>(payload[0]) << 8 |
                                               static_cast<unsigned>(payload[1]));
      set_text(as_text(payload.subspan(2)));
    }
    (void)put_frame(Opcode::Close, payload.first(std::min<std::size_t>(payload.size(), 2)), true);
  }
  if (!stream_.open()) return;  // the answer found it broken
  stream_.advance(ConnectionState::Ending);
  if (role == Role::Server) {
    stream_.loop().disarm(timer_);
    stream_.close(why_);
    return;
  }
  // The server is to finish first: the side that does keeps the connection's last state around.
  stream_.loop().arm(timer_, stream_.loop().steady_ns() + timing_.closing_ns_max);
}

template <Role role>
void WebSocketSession<role>::on_pong(std::span<const std::byte> payload) noexcept {
  ++counters_.pongs_received;
  if (pong_due_ns_ == never_ns || payload.size() != sizeof(ping_number_) ||
      std::memcmp(payload.data(), &ping_number_, sizeof(ping_number_)) != 0) {
    return;  // unsolicited: allowed, and says nothing
  }
  pong_due_ns_ = never_ns;
  ping_round_trip_ = Ticks{times_.received.value - ping_sent_.value};
}

template <Role role>
bool WebSocketSession<role>::send(Opcode opcode, std::string_view payload, bool final) noexcept {
  const auto bytes = std::as_bytes(std::span(payload));
  const bool compressed = compressing_ && final && opcode != Opcode::Continuation;
  if (!open() || !(compressed ? put_compressed(opcode, bytes) : put_frame(opcode, bytes, final))) {
    ++counters_.sends_refused;
    return false;
  }
  if (compressed) ++counters_.compressed_messages_sent;
  ++counters_.messages_sent;
  return true;
}

template <Role role>
bool WebSocketSession<role>::put_frame(Opcode opcode, std::span<const std::byte> payload,
                                       bool final, bool compressed) noexcept {
  if (!stream_.reserve(payload.size() + frame_header_bytes_max)) return false;
  MaskKey mask{};
  if constexpr (role == Role::Client) mask = random_.take<4>();
  std::array<std::byte, frame_header_bytes_max> header;
  const std::size_t bytes =
      write_frame_header<role>(header, opcode, final, payload.size(), mask, compressed);
  stream_.write(std::span(header).first(bytes));
  if constexpr (role == Role::Server) {
    stream_.write(payload);
  } else {
    std::array<std::byte, 1024> masked;  // a multiple of 4, so that the mask keeps its phase
    while (!payload.empty()) {
      const auto piece = std::span(masked).first(std::min(payload.size(), masked.size()));
      std::copy_n(payload.begin(), piece.size(), piece.begin());
      apply_mask(piece, mask);
      stream_.write(piece);
      payload = payload.subspan(piece.size());
    }
  }
  stream_.flush();
  return true;
}

// Room first: what has been compressed is part of the window, and has to be sent.
template <Role role>
bool WebSocketSession<role>::put_compressed(Opcode opcode,
                                            std::span<const std::byte> payload) noexcept {
  const std::size_t most = Deflater::bound(payload.size());
  if (most > packed_.size() || !stream_.reserve(most + frame_header_bytes_max)) return false;
  return put_frame(opcode, deflater_->pack(payload, packed_.span()), true, true);
}

template <Role role>
void WebSocketSession<role>::put_close(std::uint16_t code, std::string_view reason) noexcept {
  std::array<std::byte, control_bytes_max> payload;
  payload[0] = static_cast<std::byte>(code >> 8);
  payload[1] = static_cast<std::byte>(code & 0xff);
  const std::string_view text = cut_reason(reason);
  std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), payload.begin() + 2);
  (void)put_frame(Opcode::Close, std::span(payload).first(2 + text.size()), true);
}

template <Role role>
void WebSocketSession<role>::close(std::uint16_t code, std::string_view reason,
                                   CloseReason why) noexcept {
  if (!open()) return;
  why_ = why;
  put_close(code, reason);
  if (!stream_.open()) return;  // it found it broken
  stream_.advance(ConnectionState::Closing);
  stream_.loop().arm(timer_, stream_.loop().steady_ns() + timing_.closing_ns_max);
}

template <Role role>
void WebSocketSession<role>::break_off(CloseReason why, std::string_view text) noexcept {
  why_ = why;
  set_text(text);
  stream_.abort(why, text);
}

template <Role role>
void WebSocketSession<role>::deadline(void* context) noexcept {
  static_cast<WebSocketSession*>(context)->on_deadline();
}

template <Role role>
void WebSocketSession<role>::on_deadline() noexcept {
  if (!stream_.open()) return;              // on its way out already
  if (!open()) return stream_.close(why_);  // the peer took too long
  const std::int64_t now = stream_.loop().steady_ns();
  if (now >= pong_due_ns_) return break_off(CloseReason::PongTimeout, "no pong");
  if (timing_.silence_ns_max > 0 && now - last_message_ns_ >= timing_.silence_ns_max) {
    return break_off(CloseReason::SilenceTimeout, "no message");
  }
  if (now >= ping_due_ns_) send_ping();
  if (open()) arm_deadline();
}

// Messages only move last_message_ns_: the timer finds out when it fires, instead of being moved a
// message.
template <Role role>
void WebSocketSession<role>::arm_deadline() noexcept {
  std::int64_t due = std::min(ping_due_ns_, pong_due_ns_);
  if (timing_.silence_ns_max > 0) due = std::min(due, last_message_ns_ + timing_.silence_ns_max);
  stream_.loop().arm(timer_, due);
}

template <Role role>
void WebSocketSession<role>::send_ping() noexcept {
  const std::int64_t now = stream_.loop().steady_ns();
  ping_due_ns_ = now + timing_.ping_interval_ns;
  if (pong_due_ns_ != never_ns) return;  // the last one is not answered yet
  ++ping_number_;
  ping_sent_ = stream_.loop().now();
  if (!put_frame(Opcode::Ping, std::as_bytes(std::span(&ping_number_, 1)), true)) {
    return break_off(CloseReason::SendQueueFull, "ping");
  }
  ++counters_.pings_sent;
  pong_due_ns_ = now + timing_.pong_ns_max;
}

template <Role role>
void WebSocketSession<role>::set_text(std::string_view text) noexcept {
  text_bytes_ = std::min(text.size(), sizeof(text_));
  std::copy_n(text.data(), text_bytes_, text_);
}

template class WebSocketSession<Role::Client>;
template class WebSocketSession<Role::Server>;

}  // namespace ringside::net
