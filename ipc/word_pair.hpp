// Two neighbouring words of shared memory into private memory: by atomic loads, or by one load of a
// vector register, which is half the loads and passes no general register.
//
// Both say the same: each word is whole, is at least as new as what an acquire load may answer, and
// what comes after in the program is loaded after it. The words are the reference, and what
// ThreadSanitizer, the model checker and other processors use.
//
// Threads: any. `from` is aligned to 16 bytes. Wider vectors were measured and gain nothing: a copy
// is bound by its stores (perf/DESIGN.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ipc/shared_words.hpp"

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(RINGSIDE_SHARED_WORDS)
#define RINGSIDE_VECTOR_PAIRS 1
#include <emmintrin.h>
#else
#define RINGSIDE_VECTOR_PAIRS 0
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef RINGSIDE_VECTOR_PAIRS
#define RINGSIDE_VECTOR_PAIRS 0
#endif
#endif

namespace ringside::ipc {

inline void copy_pair_by_words(const Atomic<std::uint64_t>* from, void* to) noexcept {
  const std::array<std::uint64_t, 2> pair{from[0].load(std::memory_order_acquire),
                                          from[1].load(std::memory_order_acquire)};
  std::memcpy(to, pair.data(), sizeof(pair));
}

#if RINGSIDE_VECTOR_PAIRS
// On x86-64 every load is an acquire load and aligned halves are never torn; the clobber keeps the
// compiler from moving anything across. SSE2 is part of the baseline: no processor lacks it.
inline void copy_pair_by_vector(const Atomic<std::uint64_t>* from, void* to) noexcept {
  __m128i pair;
  asm volatile("movdqa %1, %0"
               : "=x"(pair)
               : "m"(*reinterpret_cast<const __m128i*>(from))
               : "memory");
  _mm_storeu_si128(static_cast<__m128i*>(to), pair);
}
#endif

inline void copy_pair(const Atomic<std::uint64_t>* from, void* to) noexcept {
#if RINGSIDE_VECTOR_PAIRS
  copy_pair_by_vector(from, to);
#else
  copy_pair_by_words(from, to);
#endif
}

}  // namespace ringside::ipc
