// Plain bytes of shared memory, several words of them: written before a release store says that
// they may be read, and never again while anybody may. Copies, and no more; but tests/model puts
// its own in their place, which remember who wrote and who read, and call it a race if nothing
// orders them.
#pragma once

#include <cstddef>
#include <cstring>

#include "ipc/shared_words.hpp"

namespace ringside::ipc {

#if !defined(RINGSIDE_PLAIN_BYTES)
inline void put_plain(void* shared, const void* from, std::size_t bytes) noexcept {
  std::memcpy(shared, from, bytes);
}
inline void take_plain(void* to, const void* shared, std::size_t bytes) noexcept {
  std::memcpy(to, shared, bytes);
}
#endif

}  // namespace ringside::ipc
