// UTF-8 as RFC 3629 has it (no surrogates, no overlong forms, nothing above U+10FFFF), checked as
// the bytes arrive: feed() answers false at the first byte that cannot be continued.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringside::net {

class Utf8Checker {
 public:
  // False: invalid, whatever follows.
  [[nodiscard]] bool feed(std::span<const std::byte> bytes) noexcept {
    std::size_t at = 0;
    while (at < bytes.size()) {
      if (pending_ == 0) at += ascii_run(bytes.subspan(at));
      if (at == bytes.size()) break;
      if (!step(static_cast<std::uint8_t>(bytes[at++]))) return false;
    }
    return true;
  }
  // True: no character is left unfinished.
  [[nodiscard]] bool complete() const noexcept { return pending_ == 0; }
  void reset() noexcept { pending_ = 0; }

 private:
  static std::size_t ascii_run(std::span<const std::byte> bytes) noexcept {
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + at, 8);
      if ((word & 0x8080808080808080u) != 0) break;
    }
    while (at < bytes.size() && static_cast<std::uint8_t>(bytes[at]) < 0x80) ++at;
    return at;
  }

  // The first continuation byte's range depends on the lead (RFC 3629, section 4).
  bool step(std::uint8_t byte) noexcept {
    if (pending_ > 0) {
      if (byte < low_ || byte > high_) return false;
      low_ = 0x80;
      high_ = 0xbf;
      --pending_;
      return true;
    }
    low_ = 0x80;
    high_ = 0xbf;
    if (byte < 0xc2 || byte > 0xf4) return byte < 0x80;
    if (byte < 0xe0) {
      pending_ = 1;
    } else if (byte < 0xf0) {
      pending_ = 2;
      if (byte == 0xe0) low_ = 0xa0;
      if (byte == 0xed) high_ = 0x9f;
    } else {
      pending_ = 3;
      if (byte == 0xf0) low_ = 0x90;
      if (byte == 0xf4) high_ = 0x8f;
    }
    return true;
  }

  std::uint8_t pending_ = 0;  // continuation bytes still due, 0..3
  std::uint8_t low_ = 0x80;   // and the range of the next one
  std::uint8_t high_ = 0xbf;
};

[[nodiscard]] inline bool is_utf8(std::span<const std::byte> bytes) noexcept {
  Utf8Checker checker;
  return checker.feed(bytes) && checker.complete();
}

}  // namespace ringside::net
