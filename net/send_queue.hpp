// Bytes waiting for the socket: a byte ring of fixed size. The contiguous front is what a send
// operation points at; it never moves while that is in flight.
//
// Threads: the loop's. Bounded by: the capacity. Fails by: push answers false and takes nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "net/mapped_bytes.hpp"

namespace ringside::net {

class SendQueue {
 public:
  explicit SendQueue(std::size_t bytes) : memory_(bytes) {}

  [[nodiscard]] std::size_t size() const noexcept { return used_; }
  [[nodiscard]] std::size_t free_bytes() const noexcept { return memory_.size() - used_; }
  [[nodiscard]] bool empty() const noexcept { return used_ == 0; }

  [[nodiscard]] bool push(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() > free_bytes()) return false;
    if (bytes.empty()) return true;
    const std::size_t end = (begin_ + used_) % memory_.size();
    const std::size_t first = std::min(bytes.size(), memory_.size() - end);
    std::memcpy(memory_.data() + end, bytes.data(), first);
    if (first < bytes.size()) {
      std::memcpy(memory_.data(), bytes.data() + first, bytes.size() - first);
    }
    used_ += bytes.size();
    return true;
  }

  [[nodiscard]] std::span<const std::byte> front() const noexcept {
    return {memory_.data() + begin_, std::min(used_, memory_.size() - begin_)};
  }

  void pop(std::size_t bytes) noexcept {
    used_ -= bytes;
    // Starting over at the front keeps the touched pages few.
    begin_ = used_ == 0 ? 0 : (begin_ + bytes) % memory_.size();
  }

  void clear() noexcept { begin_ = used_ = 0; }

 private:
  MappedBytes memory_;
  std::size_t begin_ = 0;
  std::size_t used_ = 0;
};

}  // namespace ringside::net
