// The words of shared memory as they are, but each access is a fault point: a process of a test can
// be killed or stopped right behind it. A point is named after the line that makes the access.
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

#include "tests/crash/fault_points.hpp"

namespace ringside::ipc {

template <typename T>
class Atomic {
 public:
  constexpr Atomic() noexcept = default;
  constexpr Atomic(T value) noexcept : word_(value) {}

  [[nodiscard]] T load(
      std::memory_order order,
      const std::source_location& where = std::source_location::current()) const noexcept {
    const T value = word_.load(order);
    crash::reached(where.file_name(), where.line());
    return value;
  }
  void store(T value, std::memory_order order,
             const std::source_location& where = std::source_location::current()) noexcept {
    word_.store(value, order);
    crash::reached(where.file_name(), where.line());
  }

 private:
  std::atomic<T> word_{};
};
static_assert(sizeof(Atomic<std::uint64_t>) == 8 && sizeof(Atomic<std::uint32_t>) == 4);

template <typename T>
using Plain = T;

inline void fault_point(const char* name) noexcept { crash::reached(name, 0); }

}  // namespace ringside::ipc
