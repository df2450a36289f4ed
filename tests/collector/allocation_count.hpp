// Counts every allocation of the program that includes this, once: it replaces operator new.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

namespace ringside::collector::bench {

inline std::uint64_t allocations = 0;

inline void* counted(std::size_t bytes) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
inline void* counted(std::size_t bytes, std::align_val_t alignment) noexcept {
  ++allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
inline void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace ringside::collector::bench

// clang-format off
void* operator new(std::size_t n) { using namespace ringside::collector::bench; return or_throw(counted(n)); }
void* operator new[](std::size_t n) { using namespace ringside::collector::bench; return or_throw(counted(n)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return ringside::collector::bench::counted(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return ringside::collector::bench::counted(n); }
void* operator new(std::size_t n, std::align_val_t a) { using namespace ringside::collector::bench; return or_throw(counted(n, a)); }
void* operator new[](std::size_t n, std::align_val_t a) { using namespace ringside::collector::bench; return or_throw(counted(n, a)); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept { return ringside::collector::bench::counted(n, a); }
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept { return ringside::collector::bench::counted(n, a); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
// clang-format on
