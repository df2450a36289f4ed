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

#include <atomic>
#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/layout.hpp"
#include "ipc/shared_words.hpp"
#include "ringside/time.hpp"

namespace ringside::ipc {

inline constexpr std::uint64_t segment_magic = 0x4544'4953'474e'4952ULL;  // "RINGSIDE"
inline constexpr std::uint16_t abi_major = 0;
inline constexpr std::uint16_t abi_minor = 1;
inline constexpr std::uint32_t header_bytes = 4096;
inline constexpr std::uint64_t payload_bytes_max = std::uint64_t{1} << 40;
inline constexpr std::size_t name_bytes_max = 64;  // of an instance or a segment
inline constexpr std::size_t cache_line_bytes = 64;
inline constexpr std::size_t hot_line_bytes = 128;  // between words of different writers

// Wire values of SegmentHeader::state.
enum class SegmentState : std::uint32_t { Live = 1, Superseded = 2, Closed = 3 };

// SegmentHeader::flags.
inline constexpr std::uint32_t segment_flag_huge_pages = 0x1;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint64_t>) == 8 && sizeof(std::atomic<std::uint32_t>) == 4);

// One word of its own pair of lines.
struct alignas(hot_line_bytes) KindWord {
  Atomic<std::uint64_t> value{0};
  std::uint8_t reserved[hot_line_bytes - 8]{};
};
static_assert(sizeof(KindWord) == hot_line_bytes);

// First page of every segment. Up to offset 128 nothing changes once the magic is there; readers
// use the copy that was checked at attach (SegmentGeometry), never these words again.
struct SegmentHeader {
  Atomic<std::uint64_t> magic;
  std::uint16_t abi_major;
  std::uint16_t abi_minor;
  std::uint32_t header_bytes;
  std::uint64_t schema_hash;
  std::uint32_t kind;
  std::uint32_t flags;
  std::uint64_t total_bytes;
  std::uint64_t data_offset;
  std::uint64_t data_bytes;
  std::uint32_t item_bytes;  // a ring's slot, a table's entry
  std::uint32_t page_bytes;
  std::uint64_t generation;
  std::int64_t created_utc_ns;
  std::uint32_t writer_pid;
  std::uint32_t reserved_0;
  std::uint64_t writer_start_time;  // field 22 of /proc/<pid>/stat
  std::uint8_t boot_id[16];
  std::uint64_t item_count;  // capacity in items
  std::uint64_t created_ticks;
  Atomic<std::uint32_t> state;
  std::uint32_t reserved_2;
  Atomic<std::uint64_t> heartbeat;  // ticks
  std::uint8_t reserved_3[112];
  // By kind. Spsc: drops, control read position, head hint. Broadcast: tail hint, last key.
  // Cursor: parked. BookTable and Catalogue: count of entries.
  KindWord kind_words[3];
  std::uint8_t reserved_4[4096 - 640];
};
static_assert(std::is_standard_layout_v<SegmentHeader>);
static_assert(sizeof(SegmentHeader) == header_bytes);
static_assert(alignof(SegmentHeader) == hot_line_bytes);
static_assert(offsetof(SegmentHeader, magic) == 0);
static_assert(offsetof(SegmentHeader, abi_major) == 8);
static_assert(offsetof(SegmentHeader, abi_minor) == 10);
static_assert(offsetof(SegmentHeader, header_bytes) == 12);
static_assert(offsetof(SegmentHeader, schema_hash) == 16);
static_assert(offsetof(SegmentHeader, kind) == 24);
static_assert(offsetof(SegmentHeader, flags) == 28);
static_assert(offsetof(SegmentHeader, total_bytes) == 32);
static_assert(offsetof(SegmentHeader, data_offset) == 40);
static_assert(offsetof(SegmentHeader, data_bytes) == 48);
static_assert(offsetof(SegmentHeader, item_bytes) == 56);
static_assert(offsetof(SegmentHeader, page_bytes) == 60);
static_assert(offsetof(SegmentHeader, generation) == 64);
static_assert(offsetof(SegmentHeader, created_utc_ns) == 72);
static_assert(offsetof(SegmentHeader, writer_pid) == 80);
static_assert(offsetof(SegmentHeader, writer_start_time) == 88);
static_assert(offsetof(SegmentHeader, boot_id) == 96);
static_assert(offsetof(SegmentHeader, item_count) == 112);
static_assert(offsetof(SegmentHeader, created_ticks) == 120);
static_assert(offsetof(SegmentHeader, state) == 128);
static_assert(offsetof(SegmentHeader, heartbeat) == 136);
static_assert(offsetof(SegmentHeader, kind_words) == 256);

// What the header said when it was checked: private, so that it cannot change afterwards.
// Invariant: data_offset + data_bytes <= file size, item_bytes * item_count <= data_bytes,
// data_offset is a multiple of 128.
struct SegmentGeometry {
  SegmentKind kind{};
  std::uint32_t flags = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t data_offset = 0;
  std::uint64_t data_bytes = 0;
  std::uint32_t item_bytes = 0;
  std::uint32_t page_bytes = 0;
  std::uint64_t item_count = 0;
  std::uint64_t generation = 0;
  UtcNs created;
  Ticks created_ticks;  // which of two is older: UTC may be set back in between
  std::uint32_t writer_pid = 0;
  std::uint64_t writer_start_time = 0;

  [[nodiscard]] bool huge_pages() const { return (flags & segment_flag_huge_pages) != 0; }
};

enum class AttachStatus : std::uint8_t {
  Ok = 0,
  Absent,         // no such file
  Denied,         // no permission
  Initialising,   // no magic yet
  WrongMagic,     // not one of ours
  WrongMajor,     // AttachDetail: which
  WrongSchema,    // same version, other layout
  WrongKind,      //
  Truncated,      // the file is shorter than its header, or than its header says
  Hostile,        // sizes that contradict each other
  WriterDead,     // attached, for inspection: the lock is free
  Superseded,     // attached, for inspection: a newer generation was announced
  Closed,         // attached, for inspection: the writer ended in order
  SystemFailure,  // AttachDetail::error
};
constexpr bool is_attached(AttachStatus status) {
  return status == AttachStatus::Ok || status == AttachStatus::WriterDead ||
         status == AttachStatus::Superseded || status == AttachStatus::Closed;
}
const char* name_of(AttachStatus status) noexcept;

// What a message about a failed attach wants to name.
struct AttachDetail {
  std::uint16_t found_major = 0, found_minor = 0;
  std::uint64_t found_schema = 0;
  std::uint32_t found_kind = 0;
  int error = 0;  // errno
};

enum class Liveness : std::uint8_t {
  Alive = 0,
  Gone,        // the lock is free: the writer ended, however
  Stale,       // the lock is held, but the heartbeat is older than the bound: hung or stopped
  Superseded,  // a newer generation has replaced this file
  Closed,      // ended in order
};
const char* name_of(Liveness liveness) noexcept;

// Heartbeats younger than probe_after_ticks are believed; older ones cost a system call.
// Invariant: probe_after_ticks <= stale_after_ticks.
struct LivenessBounds {
  std::uint64_t probe_after_ticks = 0;
  std::uint64_t stale_after_ticks = 0;
};
inline constexpr std::uint64_t heartbeat_period_ns = 1'000'000;
inline constexpr std::uint64_t liveness_probe_after_ns = 5'000'000;
inline constexpr std::uint64_t liveness_stale_after_ns = 1'000'000'000;

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
  // Saturates at 0 for a heartbeat from the future.
  [[nodiscard]] std::uint64_t heartbeat_age(Ticks now) const noexcept;
  // One system call. True for a segment of this very object's own, and for private memory.
  [[nodiscard]] bool writer_alive() const noexcept;
  // A system call only when the heartbeat is older than bounds.probe_after_ticks.
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
