// RFC 6455 read slowly, from the front of a whole stream, a rule a line: what the message reader is
// held against. It must refuse the same streams, and say the same of what came before.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "net/websocket_message.hpp"

namespace ringside::fuzz {

enum class Utf8 { Whole, Beginning, Invalid };

// By the definition: a code point's bits in as few bytes as hold them, no surrogates, none above
// U+10FFFF. A beginning is one that some bytes could still make whole.
inline Utf8 utf8_of(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[at]);
    const int bytes = lead < 0x80       ? 1
                      : lead >> 5 == 6  ? 2
                      : lead >> 4 == 14 ? 3
                      : lead >> 3 == 30 ? 4
                                        : 0;
    if (bytes == 0) return Utf8::Invalid;
    // The code points that are still possible: the bits not known yet all 0, or all 1.
    std::uint32_t low = bytes == 1 ? lead : lead & (0xffU >> (bytes + 1));
    std::uint32_t high = low;
    const bool whole = text.size() - at >= static_cast<std::size_t>(bytes);
    for (int i = 1; i < bytes; ++i) {
      const bool known = at + static_cast<std::size_t>(i) < text.size();
      const auto next =
          known ? static_cast<std::uint8_t>(text[at + static_cast<std::size_t>(i)]) : 0U;
      if (known && (next & 0xc0) != 0x80) return Utf8::Invalid;
      low = low << 6 | (known ? next & 0x3f : 0);
      high = high << 6 | (known ? next & 0x3f : 0x3f);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogates_only = low >= 0xd800 && high <= 0xdfff;
    if (high < least[bytes] || low > 0x10ffff || surrogates_only) return Utf8::Invalid;
    if (!whole) return Utf8::Beginning;
    at += static_cast<std::size_t>(bytes);
  }
  return Utf8::Whole;
}

struct ReferenceEvent {
  net::Opcode opcode;
  std::string payload;
};

struct ReferenceStream {
  std::vector<ReferenceEvent> events;
  bool refused = false;
};

class SlowReader {
 public:
  SlowReader(net::Role role, const net::MessageLimits& limits, std::size_t storage_bytes)
      : role_(role), limits_(limits), storage_bytes_(storage_bytes) {}

  ReferenceStream read(std::span<const std::byte> stream) {
    for (const auto byte : stream) rest_.push_back(static_cast<std::uint8_t>(byte));
    while (frame()) {
    }
    return out_;
  }

 private:
  bool refuse() {
    out_.refused = true;
    return false;
  }

  // One frame off the front; false: refused, closed, or not all there.
  bool frame() {
    if (rest_.empty()) return false;
    const bool last = rest_[0] >= 0x80;
    const unsigned opcode = rest_[0] & 15;
    const bool control = opcode >= 8;
    if ((rest_[0] & 0x70) != 0) return refuse();
    if (opcode > 10 || (opcode > 2 && opcode < 8)) return refuse();
    if (control && !last) return refuse();
    if (!control && (opcode == 0) != within_) return refuse();
    if (rest_.size() < 2) return false;
    if ((rest_[1] >= 0x80) != (role_ == net::Role::Server)) return refuse();
    std::uint64_t length = rest_[1] & 0x7f;
    if (control && length > 125) return refuse();
    std::size_t at = 2;
    if (length >= 126) {
      const std::size_t bytes = length == 126 ? 2 : 8;
      if (bytes == 8 && rest_.size() > 2 && rest_[2] >= 0x80) return refuse();
      if (rest_.size() < 2 + bytes) return false;
      for (length = 0; at < 2 + bytes; ++at) length = length * 256 + rest_[at];
    }
    const std::size_t mask_at = at;
    if (role_ == net::Role::Server) at += 4;
    if (rest_.size() < at) return false;
    if (!control && !fits(length, last)) return refuse();
    std::string payload;
    for (std::size_t i = 0; i < length && at + i < rest_.size(); ++i) {
      const unsigned mask = role_ == net::Role::Server ? rest_[mask_at + i % 4] : 0U;
      payload += static_cast<char>(rest_[at + i] ^ mask);
    }
    const bool whole = payload.size() == length;
    if (whole) rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(at + length));
    if (control) return whole && control_frame(static_cast<net::Opcode>(opcode), payload);
    return data_frame(opcode, payload, whole, last);
  }

  [[nodiscard]] bool fits(std::uint64_t length, bool last) const {
    if (length > limits_.frame_bytes_max) return false;
    if (last && !within_) return length <= limits_.message_bytes_max;
    return message_.size() + length <= limits_.message_bytes_max &&
           message_.size() + length <= storage_bytes_ && fragments_ < limits_.fragments_max;
  }

  bool control_frame(net::Opcode opcode, const std::string& payload) {
    if (opcode != net::Opcode::Close) {
      out_.events.push_back({opcode, payload});
      return true;
    }
    if (payload.size() == 1) return refuse();
    if (payload.size() >= 2) {
      const unsigned code =
          static_cast<std::uint8_t>(payload[0]) * 256U + static_cast<std::uint8_t>(payload[1]);
      const bool defined =
          code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
      if (!defined && (code < 3000 || code > 4999)) return refuse();
      if (utf8_of(payload.substr(2)) != Utf8::Whole) return refuse();
    }
    out_.events.push_back({opcode, payload});
    return false;
  }

  bool data_frame(unsigned opcode, const std::string& payload, bool whole, bool last) {
    if (opcode != 0) {
      opcode_ = static_cast<net::Opcode>(opcode);
      message_.clear();
      fragments_ = 0;
    }
    const std::string text = message_ + payload;
    if (opcode_ == net::Opcode::Text && limits_.validate_utf8) {
      const Utf8 kind = utf8_of(text);
      if (kind == Utf8::Invalid || (kind == Utf8::Beginning && whole && last)) return refuse();
    }
    if (!whole) return false;
    message_ = text;
    ++fragments_;
    within_ = !last;
    if (!last) return true;
    out_.events.push_back({opcode_, message_});
    message_.clear();
    fragments_ = 0;
    return true;
  }

  net::Role role_;
  net::MessageLimits limits_;
  std::size_t storage_bytes_;
  std::vector<std::uint8_t> rest_;
  ReferenceStream out_;
  bool within_ = false;
  net::Opcode opcode_ = net::Opcode::Text;
  std::string message_;
  std::uint32_t fragments_ = 0;
};

}  // namespace ringside::fuzz
