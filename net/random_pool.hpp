// Unpredictable bytes for masks and nonces: getrandom(2) in batches, so that a frame sent costs a
// system call only now and then.
#pragma once

#include <sys/random.h>

#include <array>
#include <cstddef>
#include <span>

#include "ipc/check.hpp"

namespace ringside::net {

class RandomPool {
 public:
  template <std::size_t count>
  [[nodiscard]] std::array<std::byte, count> take() noexcept {
    static_assert(count <= 256);
    if (pool_.size() - used_ < count) refill();
    std::array<std::byte, count> bytes;
    for (std::byte& byte : bytes) byte = pool_[used_++];
    return bytes;
  }

 private:
  void refill() noexcept {
    // Up to 256 bytes never come short, and wait only before the machine's first seed.
    RINGSIDE_CHECK(::getrandom(pool_.data(), pool_.size(), 0) ==
                   static_cast<ssize_t>(pool_.size()));
    used_ = 0;
  }

  std::array<std::byte, 256> pool_{};
  std::size_t used_ = 256;
};

}  // namespace ringside::net
