// A segment as whoever reads it knows it: the header's layout, what was checked of it, and who
// lives behind it. Owns nothing and needs nothing but the C library, so that the reader library
// for other people's processes (ipc/reader) stands on it; ipc/segment.hpp makes and owns segments.
//
// Threads: a view is a value; what it says may be asked from any thread. Fails by: AttachStatus and
// Liveness. A reader never looks beyond the real file size, and takes no word of a header twice.
//
// Order of the shared words: those of ipc/segment.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

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

// A mapped segment. Whoever mapped it outlives the view.
struct SegmentView {
  const std::byte* base = nullptr;  // null: none
  SegmentGeometry geometry;
  int fd = -1;  // whose lock says that the writer lives; -1: private memory, or one's own

  [[nodiscard]] const SegmentHeader& header() const noexcept {
    return *reinterpret_cast<const SegmentHeader*>(base);
  }
  [[nodiscard]] std::span<const std::byte> data() const noexcept {
    return {base + geometry.data_offset, geometry.data_bytes};
  }
  // Whether the payload is `item_bytes` each of this kind.
  [[nodiscard]] bool holds(SegmentKind kind, std::size_t item_bytes) const noexcept {
    return base != nullptr && geometry.kind == kind && geometry.item_bytes == item_bytes;
  }
  // Saturates at 0 for a heartbeat from the future.
  [[nodiscard]] std::uint64_t heartbeat_age(Ticks now) const noexcept;
  // One system call, but none where fd is -1: then true.
  [[nodiscard]] bool writer_alive() const noexcept;
  // A system call only when the heartbeat is older than bounds.probe_after_ticks.
  [[nodiscard]] Liveness liveness(Ticks now, const LivenessBounds& bounds) const noexcept;
};

// Checks everything that a reader relies on, against what is really mapped. `mapped` begins
// with the header and is aligned to 128; `kind` of nullopt accepts any known kind.
AttachStatus check_header(std::span<const std::byte> mapped, std::optional<SegmentKind> kind,
                          SegmentGeometry& geometry, AttachDetail& detail) noexcept;

// Letters, digits and ".-_", not starting with a dot, at most name_bytes_max.
bool is_valid_name(std::string_view name) noexcept;

}  // namespace ringside::ipc
