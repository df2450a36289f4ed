// Sleeping until a word changes: the kernel's futex, private to this process. Unlike a condition
// variable it has no lock: the word itself says what is waited for, and a wake-up only ever means
// "look again".
//
// Threads: any. Bounded by: the caller's deadline, where it gives one. Fails by: nothing; every
// return may be spurious.
//
// tests/model brings its own pair with its words (RINGSIDE_SHARED_WORDS), so that a wake-up that is
// lost there is a violation.
#pragma once

#include <cstdint>

#include "ipc/shared_words.hpp"

#if !defined(RINGSIDE_SHARED_WORDS)
namespace ringside::ipc {

inline constexpr std::uint64_t no_deadline = ~std::uint64_t{0};

// Sleeps unless `word` is no longer `expected`; until woken, or until CLOCK_MONOTONIC shows
// `deadline_ns`.
void futex_wait(const Atomic<std::uint32_t>& word, std::uint32_t expected,
                std::uint64_t deadline_ns = no_deadline) noexcept;
// At most `count` sleepers. Only the address is used: the word may be gone by now, and then some
// other sleeper looks once more.
void futex_wake(const Atomic<std::uint32_t>* word, std::uint32_t count) noexcept;

}  // namespace ringside::ipc
#endif
