// The words of shared memory, over the checker: each access is a step of a schedule, and a load may
// answer any store that C++ lets it see. As large as the words they stand for, so that layouts
// hold. Outside of a schedule (set-up, and looking at what is left) they are ordinary words.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

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
    return from_bits(checker->load(this, bits(value_), order));
  }
  void store(T value, std::memory_order order) noexcept {
    auto* checker = model::Checker::running();
    if (checker != nullptr) {
      value = from_bits(checker->store(this, bits(value_), bits(value), order));
    }
    value_ = value;
  }
  T exchange(T value, std::memory_order order) noexcept {
    return updated([value](T) { return value; }, order);
  }
  T fetch_add(T amount, std::memory_order order) noexcept {
    return updated([amount](T now) { return static_cast<T>(now + amount); }, order);
  }
  T fetch_sub(T amount, std::memory_order order) noexcept {
    return updated([amount](T now) { return static_cast<T>(now - amount); }, order);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order success,
                               std::memory_order) noexcept {
    auto* checker = model::Checker::running();
    if (checker != nullptr) checker->load_newest(this, bits(value_), success);
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    put(value, success);
    return true;
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success,
                             std::memory_order failure) noexcept {
    return compare_exchange_strong(expected, value, success, failure);
  }
  // What a system call finds here.
  [[nodiscard]] T in_memory() const noexcept { return value_; }

 private:
  static std::uint64_t bits(T value) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return reinterpret_cast<std::uintptr_t>(value);
    } else {
      return static_cast<std::uint64_t>(value);
    }
  }
  static T from_bits(std::uint64_t value) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return reinterpret_cast<T>(value);  // NOLINT(performance-no-int-to-ptr)
    } else {
      return static_cast<T>(value);
    }
  }
  template <typename Next>
  T updated(Next next, std::memory_order order) noexcept {
    auto* checker = model::Checker::running();
    if (checker != nullptr) checker->load_newest(this, bits(value_), order);
    const T before = value_;
    put(next(before), order);
    return before;
  }
  void put(T value, std::memory_order order) noexcept {
    auto* checker = model::Checker::running();
    if (checker != nullptr) {
      value = from_bits(checker->update(this, bits(value_), bits(value), order));
    }
    value_ = value;
  }

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

inline constexpr std::uint64_t no_deadline = ~std::uint64_t{0};

// tools/jobs/futex.hpp
inline void futex_wait(const Atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::uint64_t = no_deadline) noexcept {
  if (auto* checker = model::Checker::running()) {
    checker->wait_on(&word, [&] { return word.in_memory() == expected; });
  }
}
inline void futex_wake(const Atomic<std::uint32_t>* word, std::uint32_t count) noexcept {
  if (auto* checker = model::Checker::running()) checker->wake(word, count);
}

// In place of those of ipc/plain_bytes.hpp.
#define RINGSIDE_PLAIN_BYTES 1
inline void put_plain(void* shared, const void* from, std::size_t bytes) noexcept {
  model::wrote(shared, bytes);
  std::memcpy(shared, from, bytes);
}
inline void take_plain(void* to, const void* shared, std::size_t bytes) noexcept {
  model::reads(shared, bytes);
  std::memcpy(to, shared, bytes);
}

}  // namespace ringside::ipc
