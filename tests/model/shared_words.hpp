// The words of shared memory, over the checker: each access is a step of a schedule, and a load may
// answer any store that C++ lets it see. As large as the words they stand for, so that layouts
// hold. Outside of a schedule (set-up, and looking at what is left) they are ordinary words.
#pragma once

#include <atomic>
#include <cstdint>

#include "tests/model/checker.hpp"

namespace ringside::ipc {

template <typename T>
class Atomic {
 public:
  constexpr Atomic() noexcept = default;
  constexpr Atomic(T value) noexcept : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  [[nodiscard]] T load(std::memory_order order) const noexcept {
    auto* checker = model::Checker::running();
    if (checker == nullptr) return value_;
    return static_cast<T>(checker->load(this, value_, order));
  }
  void store(T value, std::memory_order order) noexcept {
    auto* checker = model::Checker::running();
    if (checker != nullptr) {
      const auto kept = checker->store(this, value_, value, order);
      value = static_cast<T>(kept);
    }
    value_ = value;
  }

 private:
  T value_{};
};
static_assert(sizeof(Atomic<std::uint64_t>) == 8 && sizeof(Atomic<std::uint32_t>) == 4);

template <typename T>
class Plain {
 public:
  Plain() noexcept = default;
  Plain(T value) noexcept { *this = value; }
  Plain(const Plain& other) noexcept { *this = static_cast<T>(other); }
  Plain& operator=(const Plain& other) noexcept { return *this = static_cast<T>(other); }
  Plain& operator=(T value) noexcept {
    model::wrote(this, sizeof(T));
    value_ = value;
    return *this;
  }
  operator T() const noexcept {
    model::reads(this, sizeof(T));
    return value_;
  }

 private:
  T value_{};
};
static_assert(sizeof(Plain<std::uint64_t>) == 8 && sizeof(Plain<std::uint8_t>) == 1);

inline void fault_point(const char*) noexcept {}

}  // namespace ringside::ipc
