// A fixed block of anonymous memory: address space is reserved once, pages arrive on first touch.
// Unlike a vector it never grows, never zeroes and never moves, so that a bound of megabytes costs
// nothing until it is needed, and nothing allocates after setup.
//
// Threads: as the owner. Bounded by: `bytes`. Fails by: std::system_error at construction.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace ringside::net {

class MappedBytes {
 public:
  MappedBytes() = default;
  explicit MappedBytes(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
      throw std::system_error(errno, std::generic_category(),
                              "mmap of " + std::to_string(bytes) +
                                  " bytes for a connection's buffers; lower the limits of the "
                                  "connection or raise `ulimit -v`");
    }
    data_ = static_cast<std::byte*>(address);
  }
  MappedBytes(MappedBytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MappedBytes& operator=(MappedBytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedBytes() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  [[nodiscard]] std::span<std::byte> span() const noexcept { return {data_, bytes_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace ringside::net
