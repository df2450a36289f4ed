// Frames to messages: order of fragments, limits, UTF-8, what a Close frame says. Pure: it reads a
// contiguous run of bytes in place and calls a sink; a whole unfragmented message is handed over
// where it lies, fragments are joined, and compressed messages inflated, in storage that the owner
// lends.
//
// Threads: the owner's. Bounded by: MessageLimits and the storage. Fails by: error(), after which
// nothing more is read.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "ipc/check.hpp"
#include "net/deflate.hpp"
#include "net/utf8.hpp"
#include "net/websocket_frame.hpp"

namespace ringside::net {

struct MessageLimits {
  std::uint64_t frame_bytes_max = 16 << 20;
  std::uint64_t message_bytes_max = 16 << 20;
  std::uint32_t fragments_max = 128 * 1024;
  // False where the consumer checks text itself, as simdjson does.
  bool validate_utf8 = false;
  // Output that compressed bytes of a message may have so far: a fixed part, and so much for each.
  std::uint64_t inflated_bytes_free = 64 * 1024;
  std::uint32_t inflated_ratio_max = 200;  // deflate itself ends at 1032
};

// A sink has
//   bool on_message(Opcode opcode, std::span<std::byte> payload) noexcept;   // Text or Binary
//   bool on_control(Opcode opcode, std::span<std::byte> payload) noexcept;   // checked already
// and answers whether to go on reading.
template <Role role>
class MessageReader {
 public:
  // `storage` joins fragments; its size is one more bound on a fragmented message. The owner keeps
  // padding_bytes readable behind it.
  MessageReader(const MessageLimits& limits, std::span<std::byte> storage) noexcept
      : limits_(limits), storage_(storage) {}

  // Reads whole frames from the front; returns the bytes used up. What is left is the beginning of
  // a frame: call again with the same bytes and more behind them.
  template <typename Sink>
  std::size_t read(std::span<std::byte> bytes, Sink& sink) noexcept {
    std::size_t at = 0;
    while (error_ == FrameError::None) {
      const auto rest = bytes.subspan(at);
      const FrameHeader header = parse_frame_header<role>(rest, agreed_);
      if (header.error != FrameError::None) {
        // The order of fragments shows in the first byte, before what the second may break: the
        // answer must not depend on how the bytes were cut.
        const bool first_byte = header.error == FrameError::ReservedBits ||
                                header.error == FrameError::ReservedOpcode ||
                                header.error == FrameError::ControlFragmented;
        if (first_byte || admits(header, rest)) (void)refuse(header.error);
        break;
      }
      if (!admits(header, rest)) break;
      if (!header.complete) return at;
      if (rest.size() - header.header_bytes < header.payload_bytes) {
        if (!check_ahead(header, rest.subspan(header.header_bytes))) break;
        return at;
      }
      auto payload =
          rest.subspan(header.header_bytes, static_cast<std::size_t>(header.payload_bytes));
      if constexpr (role == Role::Server) apply_mask(payload, header.mask);
      at += header.header_bytes + payload.size();
      if (!accept(header, payload, sink)) break;
    }
    return at;
  }

  // On the wire, of the message handed over last; 0: it was not compressed.
  [[nodiscard]] std::uint64_t compressed_bytes() const noexcept { return packed_bytes_; }
  [[nodiscard]] FrameError error() const noexcept { return error_; }
  // Messages may come compressed from now on; null: not. Outlives the reading.
  void set_inflater(Inflater* inflater) noexcept {
    inflater_ = inflater;
    agreed_ = inflater == nullptr ? std::uint8_t{0} : reserved_bit_1;
  }

  void reset() noexcept {
    error_ = FrameError::None;
    joining_ = false;
    joined_bytes_ = 0;
    fragments_ = 0;
    utf8_.reset();
    checked_bytes_ = 0;
    packed_ = false;
    packed_bytes_ = 0;
  }

 private:
  bool refuse(FrameError error) noexcept {
    error_ = error;
    return false;
  }

  // What the header alone can be refused for, before its payload is here.
  bool admits(const FrameHeader& header, std::span<const std::byte> bytes) noexcept {
    if (bytes.empty() || is_control(header.opcode)) return true;
    if (header.opcode == Opcode::Continuation && !joining_) {
      return refuse(FrameError::UnexpectedContinuation);
    }
    if (header.opcode != Opcode::Continuation && joining_) {
      return refuse(FrameError::ExpectedContinuation);
    }
    if (!header.complete) return true;
    if (header.payload_bytes > limits_.frame_bytes_max) return refuse(FrameError::FrameTooLong);
    if (joining_ ? packed_ : header.compressed) return admits_packed(header);
    const bool fragment = joining_ || !header.final;
    if (!fragment) {
      return header.payload_bytes <= limits_.message_bytes_max ||
             refuse(FrameError::MessageTooLong);
    }
    const std::uint64_t room =
        std::min<std::uint64_t>(limits_.message_bytes_max, storage_.size()) - joined_bytes_;
    if (header.payload_bytes > room) return refuse(FrameError::MessageTooLong);
    if (fragments_ >= limits_.fragments_max) return refuse(FrameError::TooManyFragments);
    return true;
  }

  // What it inflates to is looked at while it does.
  bool admits_packed(const FrameHeader& header) noexcept {
    const std::uint64_t before = joining_ ? packed_bytes_ : 0;
    if (header.payload_bytes > limits_.message_bytes_max - before) {
      return refuse(FrameError::MessageTooLong);
    }
    if ((joining_ || !header.final) && fragments_ >= limits_.fragments_max) {
      return refuse(FrameError::TooManyFragments);
    }
    return true;
  }

  template <typename Sink>
  bool accept(const FrameHeader& header, std::span<std::byte> payload, Sink& sink) noexcept {
    if (is_control(header.opcode)) {
      if (header.opcode == Opcode::Close && !check_close(payload)) return false;
      return sink.on_control(header.opcode, payload);
    }
    begin_fragment(header);
    if (packed_) return inflate(header, payload, sink);
    const auto unchecked = payload.subspan(checked_bytes_);
    checked_bytes_ = 0;
    if (opcode_ == Opcode::Text && limits_.validate_utf8 &&
        (!utf8_.feed(unchecked) || (header.final && !utf8_.complete()))) {
      return refuse(FrameError::TextNotUtf8);
    }
    if (header.final && !joining_) return sink.on_message(opcode_, payload);
    return join(header, payload, sink);
  }

  void begin_fragment(const FrameHeader& header) noexcept {
    if (header.opcode == Opcode::Continuation || checked_bytes_ != 0) return;
    opcode_ = header.opcode;
    packed_ = header.compressed;
    packed_bytes_ = 0;
    utf8_.reset();
  }

  // Text that cannot become UTF-8 any more is refused before its fragment is whole: a peer must
  // not keep us waiting for what is wrong already. `arrived`: of the payload, so far.
  bool check_ahead(const FrameHeader& header, std::span<const std::byte> arrived) noexcept {
    if (!limits_.validate_utf8 || is_control(header.opcode)) return true;
    if (header.compressed || (joining_ && packed_)) return true;  // as it is inflated
    begin_fragment(header);
    if (opcode_ != Opcode::Text) return true;
    while (checked_bytes_ < arrived.size()) {
      std::array<std::byte, 256> copy;  // the payload itself is unmasked once, when it is whole
      const std::size_t count = std::min(copy.size(), arrived.size() - checked_bytes_);
      std::memcpy(copy.data(), arrived.data() + checked_bytes_, count);
      const auto piece = std::span(copy).first(count);
      if constexpr (role == Role::Server) apply_mask(piece, header.mask, checked_bytes_);
      checked_bytes_ += count;
      if (!utf8_.feed(piece)) return refuse(FrameError::TextNotUtf8);
    }
    return true;
  }

  template <typename Sink>
  bool join(const FrameHeader& header, std::span<std::byte> payload, Sink& sink) noexcept {
    RINGSIDE_DCHECK(payload.size() <= storage_.size() - joined_bytes_);
    if (!payload.empty()) {
      std::memcpy(storage_.data() + joined_bytes_, payload.data(), payload.size());
    }
    joined_bytes_ += payload.size();
    ++fragments_;
    joining_ = !header.final;
    if (joining_) return true;
    const auto message = storage_.first(joined_bytes_);
    joined_bytes_ = 0;
    fragments_ = 0;
    return sink.on_message(opcode_, message);
  }

  template <typename Sink>
  bool inflate(const FrameHeader& header, std::span<std::byte> payload, Sink& sink) noexcept {
    packed_bytes_ += payload.size();
    if (!inflate_piece(payload, false)) return false;
    if (header.final && !inflate_piece({}, true)) return false;
    ++fragments_;
    joining_ = !header.final;
    if (joining_) return true;
    if (opcode_ == Opcode::Text && limits_.validate_utf8 && !utf8_.complete()) {
      return refuse(FrameError::TextNotUtf8);
    }
    const auto message = storage_.first(joined_bytes_);
    joined_bytes_ = 0;
    fragments_ = 0;
    packed_ = false;
    return sink.on_message(opcode_, message);
  }

  bool inflate_piece(std::span<const std::byte> piece, bool last) noexcept {
    const std::uint64_t most = std::min<std::uint64_t>(limits_.message_bytes_max, storage_.size());
    const std::uint64_t earned =
        limits_.inflated_bytes_free + packed_bytes_ * limits_.inflated_ratio_max;
    const auto room =
        storage_.first(static_cast<std::size_t>(std::min(most, earned))).subspan(joined_bytes_);
    const Inflater::Step step = last ? inflater_->finish(room) : inflater_->take(piece, room);
    if (step.result == Inflater::Result::OutputFull) {
      return refuse(earned < most ? FrameError::InflatedTooMuch : FrameError::MessageTooLong);
    }
    if (opcode_ == Opcode::Text && limits_.validate_utf8 && !utf8_.feed(room.first(step.bytes))) {
      return refuse(FrameError::TextNotUtf8);
    }
    if (step.result == Inflater::Result::Invalid) return refuse(FrameError::DeflateInvalid);
    joined_bytes_ += step.bytes;
    return true;
  }

  bool check_close(std::span<const std::byte> payload) noexcept {
    if (payload.empty()) return true;
    if (payload.size() == 1) return refuse(FrameError::CloseTooShort);
    const auto code = static_cast<std::uint16_t>(static_cast<unsigned>(payload[0]) << 8 |
                                                 static_cast<unsigned>(payload[1]));
    if (!is_close_code(code)) return refuse(FrameError::CloseCodeInvalid);
    return is_utf8(payload.subspan(2)) || refuse(FrameError::CloseReasonNotUtf8);
  }

  MessageLimits limits_;
  std::span<std::byte> storage_;
  FrameError error_ = FrameError::None;
  bool joining_ = false;          // between the first and the last fragment
  Opcode opcode_ = Opcode::Text;  // of the message
  std::size_t joined_bytes_ = 0;  // <= storage_.size()
  std::uint32_t fragments_ = 0;
  Utf8Checker utf8_;
  std::size_t checked_bytes_ = 0;  // of the fragment that is still arriving
  Inflater* inflater_ = nullptr;
  std::uint8_t agreed_ = 0;         // reserved bits
  bool packed_ = false;             // the message is compressed
  std::uint64_t packed_bytes_ = 0;  // of its payload, so far
};

}  // namespace ringside::net
