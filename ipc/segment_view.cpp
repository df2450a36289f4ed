#include "ipc/segment_view.hpp"

#include <algorithm>

#include "ipc/file_lock.hpp"

namespace ringside::ipc {

const char* name_of(AttachStatus status) noexcept {
  switch (status) {
    case AttachStatus::Ok:
      return "ok";
    case AttachStatus::Absent:
      return "absent";
    case AttachStatus::Denied:
      return "denied";
    case AttachStatus::Initialising:
      return "initialising";
    case AttachStatus::WrongMagic:
      return "wrong_magic";
    case AttachStatus::WrongMajor:
      return "wrong_major";
    case AttachStatus::WrongSchema:
      return "wrong_schema";
    case AttachStatus::WrongKind:
      return "wrong_kind";
    case AttachStatus::Truncated:
      return "truncated";
    case AttachStatus::Hostile:
      return "hostile";
    case AttachStatus::WriterDead:
      return "writer_dead";
    case AttachStatus::Superseded:
      return "superseded";
    case AttachStatus::Closed:
      return "closed";
    case AttachStatus::SystemFailure:
      return "system_failure";
  }
  return "unknown";
}

const char* name_of(Liveness liveness) noexcept {
  constexpr const char* names[] = {"alive", "gone", "stale", "superseded", "closed"};
  const auto index = static_cast<unsigned>(liveness);
  return index < 5 ? names[index] : "unknown";
}

std::uint64_t SegmentView::heartbeat_age(Ticks now) const noexcept {
  const auto beat = header().heartbeat.load(std::memory_order_relaxed);  // C3: pairs with P3
  return now.value > beat ? now.value - beat : 0;
}

bool SegmentView::writer_alive() const noexcept { return fd < 0 || writer_lock_held(fd); }

Liveness SegmentView::liveness(Ticks now, const LivenessBounds& bounds) const noexcept {
  const auto state = header().state.load(std::memory_order_acquire);  // C2: pairs with P2
  if (state == static_cast<std::uint32_t>(SegmentState::Superseded)) return Liveness::Superseded;
  if (state == static_cast<std::uint32_t>(SegmentState::Closed)) return Liveness::Closed;
  const std::uint64_t age = heartbeat_age(now);
  if (age <= bounds.probe_after_ticks) return Liveness::Alive;
  if (!writer_alive()) return Liveness::Gone;
  // No beat at all: a writer that is still setting itself up. The lock alone decides.
  const bool beaten = age != now.value;
  return beaten && age > bounds.stale_after_ticks ? Liveness::Stale : Liveness::Alive;
}

AttachStatus check_header(std::span<const std::byte> mapped, std::optional<SegmentKind> kind,
                          SegmentGeometry& geometry, AttachDetail& detail) noexcept {
  if (mapped.size() < header_bytes) return AttachStatus::Truncated;
  const auto& header = *reinterpret_cast<const SegmentHeader*>(mapped.data());
  const auto magic = header.magic.load(std::memory_order_acquire);  // C1: pairs with P1
  if (magic == 0) return AttachStatus::Initialising;
  if (magic != segment_magic) return AttachStatus::WrongMagic;
  detail.found_major = header.abi_major;
  detail.found_minor = header.abi_minor;
  if (detail.found_major != abi_major) return AttachStatus::WrongMajor;

  // One copy, then only the copy: a hostile writer may change the words while they are checked.
  SegmentGeometry copy;
  const std::uint32_t found_header_bytes = header.header_bytes;
  detail.found_kind = header.kind;
  detail.found_schema = header.schema_hash;
  copy.kind = static_cast<SegmentKind>(detail.found_kind);
  copy.flags = header.flags;
  copy.total_bytes = header.total_bytes;
  copy.data_offset = header.data_offset;
  copy.data_bytes = header.data_bytes;
  copy.item_bytes = header.item_bytes;
  copy.page_bytes = header.page_bytes;
  copy.item_count = header.item_count;
  copy.generation = header.generation;
  copy.created = UtcNs{header.created_utc_ns};
  copy.created_ticks = Ticks{header.created_ticks};
  copy.writer_pid = header.writer_pid;
  copy.writer_start_time = header.writer_start_time;

  if (kind && copy.kind != *kind) return AttachStatus::WrongKind;
  if (layout_of(copy.kind).empty()) return AttachStatus::WrongKind;
  if (detail.found_schema != schema_hash(copy.kind)) return AttachStatus::WrongSchema;
  if (found_header_bytes != header_bytes) return AttachStatus::Hostile;
  if (copy.total_bytes > mapped.size()) return AttachStatus::Truncated;
  if (copy.data_offset < header_bytes || copy.data_offset % hot_line_bytes != 0 ||
      copy.data_offset > copy.total_bytes ||
      copy.data_bytes > copy.total_bytes - copy.data_offset) {
    return AttachStatus::Hostile;
  }
  if (copy.item_bytes == 0 || copy.item_count > copy.data_bytes / copy.item_bytes) {
    return AttachStatus::Hostile;
  }
  const auto state = header.state.load(std::memory_order_acquire);  // C2: pairs with P2
  if (state < static_cast<std::uint32_t>(SegmentState::Live) ||
      state > static_cast<std::uint32_t>(SegmentState::Closed)) {
    return AttachStatus::Hostile;
  }
  geometry = copy;
  if (state == static_cast<std::uint32_t>(SegmentState::Superseded)) {
    return AttachStatus::Superseded;
  }
  return state == static_cast<std::uint32_t>(SegmentState::Closed) ? AttachStatus::Closed
                                                                   : AttachStatus::Ok;
}

bool is_valid_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > name_bytes_max || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace ringside::ipc
