// A segment: one file in /dev/shm/ringside/<instance>/ (or on a hugetlbfs mount, with a symbolic
// link there), mapped whole: a header page, then the payload of one kind.
//
// Unlike a Boost managed segment it holds no mutex and no allocator, and no process can ever open
// one that is half made: it is filled under a temporary name, its magic is stored last, then it is
// renamed. Unlike a pid file, life is a lock: the writer holds an OFD lock on the file, which the
// kernel drops however the writer ends.
//
// Threads: create, attach, list and remove at setup, from any one thread. After that a Segment is
// as thread-safe as the type laid over its payload; liveness() may be called from any thread.
// Bounded by: payload_bytes_max, name_bytes_max; a reader never looks beyond the real file size.
// Fails by: creation throws std::system_error (what, path, likely cause, remedy); attaching answers
// an AttachStatus and never throws, prints or aborts.
//
// Order of the shared words (P: writer, C: reader):
//   P1 magic            release, last of all      C1 acquire, first of all: all of the header and
//                                                    the payload as filled is visible
//   P2 state            release                   C2 acquire
//   P3 heartbeat        relaxed                   C3 relaxed: an age, nothing is read because of it
//   The words of the kinds: in the header of the type that uses them.
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/segment_view.hpp"
#include "ringside/time.hpp"

namespace ringside::ipc {

// Run over the mapped bytes at a certain moment of the creation.
using MemoryHook = std::function<void(std::span<std::byte>)>;

struct SegmentSpec {
  std::string instance;
  std::string name;
  SegmentKind kind{};
  std::uint64_t payload_bytes = 0;
  std::uint32_t item_bytes = 0;
  std::uint64_t item_count = 0;
  std::uint64_t generation = 0;  // 0: one above that of the file it replaces; 1 if there is none
  std::string huge_dir;          // a hugetlbfs directory; empty: small pages
  std::string group;             // name of the files' group; empty: the process's own
  MemoryHook before_touch;       // mapped, no page allocated yet: NUMA binding
  MemoryHook after_touch;        // every page is there: mlock
};

// What creating or attaching hands to a Segment.
struct SegmentParts {
  boost::interprocess::mapped_region region;
  SegmentGeometry geometry;
  std::string path;          // empty: private memory
  std::string backing_path;  // on the hugetlbfs mount; empty: path itself
  std::string degradation;
  int fd = -1;
  bool writable = false;
};

class Segment {
 public:
  Segment() = default;
  explicit Segment(SegmentParts&& parts) noexcept;
  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&& other) noexcept;
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  // A writer's: marks the segment closed and removes its file, if the name still leads to it.
  ~Segment();

  [[nodiscard]] bool mapped() const noexcept { return base_ != nullptr; }
  [[nodiscard]] bool writable() const noexcept { return parts_.writable; }
  [[nodiscard]] const SegmentGeometry& geometry() const noexcept { return parts_.geometry; }
  [[nodiscard]] const std::string& path() const noexcept { return parts_.path; }
  // Empty, or why there are small pages where huge ones were asked for.
  [[nodiscard]] const std::string& degradation() const noexcept { return parts_.degradation; }

  [[nodiscard]] const SegmentHeader& header() const noexcept {
    return *reinterpret_cast<const SegmentHeader*>(base_);
  }
  [[nodiscard]] std::span<const std::byte> data() const noexcept {
    return {base_ + parts_.geometry.data_offset, parts_.geometry.data_bytes};
  }
  // Writers only; a reader's mapping would fault. Checked.
  [[nodiscard]] SegmentHeader& writable_header() noexcept;
  [[nodiscard]] std::span<std::byte> writable_data() noexcept;

  // Writers, about every heartbeat_period_ns. Until the first beat the lock alone says who lives.
  void beat(Ticks now) noexcept;
  // As it is now: lost by moving or closing this. Readers take one.
  operator SegmentView() const noexcept {  // NOLINT(google-explicit-constructor)
    return {base_, parts_.geometry, parts_.writable ? -1 : parts_.fd};
  }
  // As those of the view.
  [[nodiscard]] std::uint64_t heartbeat_age(Ticks now) const noexcept;
  [[nodiscard]] bool writer_alive() const noexcept;
  [[nodiscard]] Liveness liveness(Ticks now, const LivenessBounds& bounds) const noexcept;

 private:
  void release() noexcept;

  SegmentParts parts_;
  std::byte* base_ = nullptr;
};

// Called once the memory is zeroed and the header is filled, before the magic is stored.
using SegmentFill = std::function<void(Segment&)>;

// Throws std::system_error: EBUSY where a living writer has the name (its pid in the text), ENOSPC
// where the mount is full (bytes needed and remedy in the text), EACCES, EINVAL for a bad name.
Segment create_segment(const SegmentSpec& spec, const SegmentFill& fill = {});

// The same, but anonymous: for offline runs and tests. Shared with children of fork().
// instance, name, huge_dir and group are not looked at. The writer counts as alive for ever.
Segment create_private_segment(const SegmentSpec& spec, const SegmentFill& fill = {});

// Asks the kernel for all pages at once; for a reader that must not fault later.
enum class Prefault : std::uint8_t { No, Yes };

// Maps read-only. `segment` is replaced if is_attached(status), else left alone.
AttachStatus attach_segment(std::string_view instance, std::string_view name, SegmentKind kind,
                            Segment& segment, AttachDetail* detail = nullptr,
                            Prefault prefault = Prefault::No) noexcept;

// One line for a person: what is wrong with which path, and what to do.
std::string describe(AttachStatus status, const AttachDetail& detail, std::string_view instance,
                     std::string_view name);

// $RINGSIDE_SHM_ROOT, or /dev/shm/ringside.
std::string segment_root();
std::string instance_path(std::string_view instance);
std::string segment_path(std::string_view instance, std::string_view name);

// Sorted; empty where there is nothing to list.
std::vector<std::string> list_instances();
std::vector<std::string> list_segments(std::string_view instance);

// Removes one segment, unless its writer lives. False: it was not there, lives, or is not ours.
bool remove_dead_segment(std::string_view instance, std::string_view name);
// Removes segments that have no living writer, leftovers of interrupted creations, and the
// directory if it is then empty. Returns the names of what it removed.
std::vector<std::string> remove_dead_segments(std::string_view instance);

}  // namespace ringside::ipc
