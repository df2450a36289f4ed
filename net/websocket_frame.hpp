// One WebSocket frame (RFC 6455, section 5): header in, header out, masking. Pure: bytes are passed
// in, nothing is kept. The role is ours: as a client we refuse masked frames and mask our own, as a
// server the other way round.
//
// Bounded by: frame_header_bytes_max. Fails by: FrameError, one enumerator for each rule broken.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringside::net {

enum class Role : std::uint8_t { Client, Server };

enum class Opcode : std::uint8_t {
  Continuation = 0x0,
  Text = 0x1,
  Binary = 0x2,
  Close = 0x8,
  Ping = 0x9,
  Pong = 0xa,
};

enum class FrameError : std::uint8_t {
  None,
  ReservedBits,            // an extension nobody agreed on
  ReservedOpcode,          // 3-7, 11-15
  ControlFragmented,       // a control frame without FIN
  ControlTooLong,          // over 125 bytes
  Masked,                  // a server masks nothing
  Unmasked,                // a client masks everything
  LengthOverflow,          // the top bit of the 64-bit length
  UnexpectedContinuation,  // nothing to continue
  ExpectedContinuation,    // a new message within one
  CloseTooShort,           // one byte of a two-byte code
  CloseCodeInvalid,
  CloseReasonNotUtf8,
  TextNotUtf8,
  FrameTooLong,
  MessageTooLong,
  TooManyFragments,
  DeflateInvalid,   // compressed, and no deflate data, or cut off within a block
  InflatedTooMuch,  // more output for its input than any feed has
};
inline constexpr std::size_t frame_error_count =
    static_cast<std::size_t>(FrameError::InflatedTooMuch) + 1;

[[nodiscard]] const char* name_of(FrameError error) noexcept;
// The code our Close frame carries for it (RFC 6455, 7.4.1).
[[nodiscard]] std::uint16_t close_code_of(FrameError error) noexcept;

inline constexpr std::size_t control_bytes_max = 125;
inline constexpr std::size_t frame_header_bytes_max = 14;

using MaskKey = std::array<std::byte, 4>;

struct FrameHeader {
  FrameError error = FrameError::None;
  bool complete = false;  // false without an error: more bytes are needed
  bool final = false;
  bool compressed = false;  // RSV1, where permessage-deflate is agreed
  Opcode opcode = Opcode::Continuation;
  std::uint8_t header_bytes = 0;
  MaskKey mask{};  // role Server
  std::uint64_t payload_bytes = 0;
};

[[nodiscard]] constexpr bool is_control(Opcode opcode) noexcept {
  return (static_cast<std::uint8_t>(opcode) & 0x8) != 0;
}

// RSV1, which permessage-deflate gives a meaning (RFC 7692, section 6).
inline constexpr std::uint8_t reserved_bit_1 = 0x40;

// Reads at most frame_header_bytes_max of `bytes`. Errors show as soon as the byte that proves
// them. `agreed`: the reserved bits that an extension uses.
template <Role role>
[[nodiscard]] FrameHeader parse_frame_header(std::span<const std::byte> bytes,
                                             std::uint8_t agreed = 0) noexcept {
  FrameHeader header;
  const auto byte = [&bytes](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
  const auto refuse = [&header](FrameError error) {
    header.error = error;
    return header;
  };
  if (bytes.empty()) return header;
  const std::uint8_t first = byte(0);
  if ((first & 0x70 & ~agreed) != 0) return refuse(FrameError::ReservedBits);
  header.opcode = static_cast<Opcode>(first & 0x0f);
  header.final = (first & 0x80) != 0;
  if ((first & 0x07) > 2) return refuse(FrameError::ReservedOpcode);
  if (is_control(header.opcode) && !header.final) return refuse(FrameError::ControlFragmented);
  header.compressed = (first & reserved_bit_1) != 0;
  // The first frame of a message says it for all of them.
  if (header.compressed && (is_control(header.opcode) || header.opcode == Opcode::Continuation)) {
    return refuse(FrameError::ReservedBits);
  }

  if (bytes.size() < 2) return header;
  const bool masked = (byte(1) & 0x80) != 0;
  if (role == Role::Client && masked) return refuse(FrameError::Masked);
  if (role == Role::Server && !masked) return refuse(FrameError::Unmasked);
  const std::uint8_t length = byte(1) & 0x7f;
  if (is_control(header.opcode) && length > control_bytes_max) {
    return refuse(FrameError::ControlTooLong);
  }

  // RFC 6455 wants the shortest form of a sender; a receiver need not insist.
  std::size_t at = 2;
  const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (length_bytes == 8 && bytes.size() > at && (byte(at) & 0x80) != 0) {
    return refuse(FrameError::LengthOverflow);
  }
  if (bytes.size() < at + length_bytes + (masked ? 4 : 0)) return header;
  header.payload_bytes = length;
  if (length_bytes > 0) {
    header.payload_bytes = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) {
      header.payload_bytes = header.payload_bytes << 8 | byte(at++);
    }
  }
  if (masked) {
    std::memcpy(header.mask.data(), bytes.data() + at, header.mask.size());
    at += header.mask.size();
  }
  header.header_bytes = static_cast<std::uint8_t>(at);
  header.complete = true;
  return header;
}

// Writes a header in its shortest form; returns its length, at most frame_header_bytes_max.
template <Role role>
std::size_t write_frame_header(std::span<std::byte, frame_header_bytes_max> out, Opcode opcode,
                               bool final, std::uint64_t payload_bytes, MaskKey mask,
                               bool compressed = false) noexcept {
  constexpr std::uint8_t mask_bit = role == Role::Client ? 0x80 : 0;
  out[0] = static_cast<std::byte>(static_cast<std::uint8_t>(opcode) | (final ? 0x80 : 0) |
                                  (compressed ? reserved_bit_1 : 0));
  std::size_t at = 2;
  const auto put_length = [&](unsigned bytes) {
    for (unsigned shift = bytes * 8; shift > 0;) {
      shift -= 8;
      out[at++] = static_cast<std::byte>(payload_bytes >> shift & 0xff);
    }
  };
  if (payload_bytes < 126) {
    out[1] = static_cast<std::byte>(payload_bytes | mask_bit);
  } else if (payload_bytes <= 0xffff) {
    out[1] = static_cast<std::byte>(126 | mask_bit);
    put_length(2);
  } else {
    out[1] = static_cast<std::byte>(127 | mask_bit);
    put_length(8);
  }
  if (role == Role::Client) {
    std::memcpy(out.data() + at, mask.data(), mask.size());
    at += mask.size();
  }
  return at;
}

// XORs `bytes` with the key, whose first byte applies to position `offset` of the payload modulo 4.
inline void apply_mask(std::span<std::byte> bytes, MaskKey key, std::size_t offset = 0) noexcept {
  std::array<std::byte, 8> turned{};
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = key[(offset + i) & 3];
  std::uint64_t word_key;
  std::memcpy(&word_key, turned.data(), sizeof(word_key));
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    word ^= word_key;
    std::memcpy(bytes.data() + at, &word, sizeof(word));
  }
  for (; at < bytes.size(); ++at) bytes[at] ^= turned[at & 7];
}

// May a Close frame carry it? (RFC 6455, 7.4; 1004-1006 and 1015 never travel.)
[[nodiscard]] constexpr bool is_close_code(std::uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace ringside::net
