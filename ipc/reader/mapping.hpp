// A segment of somebody else's, mapped read-only for a C handle. Unlike ipc::Segment it needs
// nothing but the C library: no exception, no std::string, no Boost.
//
// Threads: one. Bounded by: the real size of the file. Fails by: ringside_status.
#pragma once

#include <array>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>
#include <type_traits>

#include "ipc/clock.hpp"
#include "ipc/segment_view.hpp"
#include "ringside/ringside.h"

// Of ringside.h; nothing in it can fail to be copied.
struct ringside_instance {
  std::array<char, RINGSIDE_NAME_BYTES> name;
  ringside::ipc::TickRate rate;
};

namespace ringside::reader {

// A path in private memory. A piece that does not fit leaves it full(): then it is no path.
class Path {
 public:
  Path& add(std::string_view piece) noexcept;
  [[nodiscard]] bool full() const noexcept { return full_; }
  [[nodiscard]] const char* text() const noexcept { return text_.data(); }

 private:
  std::array<char, PATH_MAX> text_{};
  std::size_t length_ = 0;
  bool full_ = false;
};
// $RINGSIDE_SHM_ROOT/<instance>, or below /dev/shm/ringside.
Path instance_directory(const char* instance) noexcept;

struct Mapping {
  ipc::SegmentView view;
  std::size_t mapped_bytes = 0;

  void release() noexcept;
};

// Maps <prefix><name> of the instance. What is not RINGSIDE_OK leaves `mapping` alone; a dead
// writer's segment is mapped only if `even_dead`.
ringside_status map_segment(const ringside_instance* instance, std::string_view prefix,
                            const char* name, ipc::SegmentKind kind, bool even_dead,
                            Mapping& mapping) noexcept;

ringside_status status_of(ipc::Liveness liveness) noexcept;
ipc::LivenessBounds bounds_of(const ipc::TickRate& rate) noexcept;

// A handle in memory of its own. Not operator new: that is the C++ library's.
template <typename Handle, typename... Arguments>
Handle* make_handle(Arguments&&... arguments) noexcept {
  static_assert(std::is_trivially_destructible_v<Handle>);
  constexpr std::size_t unit = ipc::hot_line_bytes;
  static_assert(alignof(Handle) <= unit);
  void* const memory = std::aligned_alloc(unit, (sizeof(Handle) + unit - 1) / unit * unit);
  return memory == nullptr ? nullptr : new (memory) Handle{arguments...};
}

// Opens a segment and makes the handle that reads it.
template <typename Handle>
ringside_status open_handle(const ringside_instance* instance, std::string_view prefix,
                            const char* name, ipc::SegmentKind kind, bool even_dead,
                            Handle** out) noexcept {
  if (instance == nullptr || name == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  *out = nullptr;
  Mapping mapping;
  const auto status = map_segment(instance, prefix, name, kind, even_dead, mapping);
  if (status != RINGSIDE_OK) return status;
  *out = make_handle<Handle>(mapping, instance->rate);
  if (*out != nullptr) return RINGSIDE_OK;
  mapping.release();
  return RINGSIDE_NO_MEMORY;
}
template <typename Handle>
void close_handle(Handle* handle) noexcept {
  if (handle == nullptr) return;
  handle->mapping.release();
  std::free(handle);
}

}  // namespace ringside::reader
