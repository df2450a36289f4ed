#include "ipc/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/exceptions.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ipc/check.hpp"
#include "ipc/segment_file.hpp"

namespace ringside::ipc {

namespace interprocess = boost::interprocess;

Segment::Segment(SegmentParts&& parts) noexcept
    : parts_(std::move(parts)), base_(static_cast<std::byte*>(parts_.region.get_address())) {}

Segment::Segment(Segment&& other) noexcept
    : parts_(std::exchange(other.parts_, SegmentParts{})),
      base_(std::exchange(other.base_, nullptr)) {}

Segment& Segment::operator=(Segment&& other) noexcept {
  if (this != &other) {
    release();
    parts_ = std::exchange(other.parts_, SegmentParts{});
    base_ = std::exchange(other.base_, nullptr);
  }
  return *this;
}

Segment::~Segment() { release(); }

SegmentHeader& Segment::writable_header() noexcept {
  RINGSIDE_CHECK(parts_.writable);
  return *reinterpret_cast<SegmentHeader*>(base_);
}

std::span<std::byte> Segment::writable_data() noexcept {
  RINGSIDE_CHECK(parts_.writable);
  return {base_ + parts_.geometry.data_offset, parts_.geometry.data_bytes};
}

void Segment::release() noexcept {
  if (base_ == nullptr) return;
  // A child of fork() holds a copy of this object; the segment is not its to close.
  const bool ours =
      parts_.writable && parts_.geometry.writer_pid == static_cast<std::uint32_t>(::getpid());
  if (ours) {
    writable_header().state.store(static_cast<std::uint32_t>(SegmentState::Closed),
                                  std::memory_order_release);  // P2: pairs with C2
  }
  if (ours && parts_.fd >= 0 && leads_to(parts_.path, parts_.fd)) {
    // Nobody can have taken the name over in between: this process holds the lock.
    ::unlink(parts_.path.c_str());
    fault_point("close: unlinked");
    if (!parts_.backing_path.empty()) ::unlink(parts_.backing_path.c_str());
    remove_empty_directories(parts_.path);
  }
  if (parts_.fd >= 0) ::close(parts_.fd);
  base_ = nullptr;
  parts_ = SegmentParts{};
}

void Segment::beat(Ticks now) noexcept {
  writable_header().heartbeat.store(now.value, std::memory_order_relaxed);  // P3: pairs with C3
}

std::uint64_t Segment::heartbeat_age(Ticks now) const noexcept {
  return SegmentView(*this).heartbeat_age(now);
}
bool Segment::writer_alive() const noexcept { return SegmentView(*this).writer_alive(); }
Liveness Segment::liveness(Ticks now, const LivenessBounds& bounds) const noexcept {
  return SegmentView(*this).liveness(now, bounds);
}

namespace {

AttachStatus status_of_open(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return AttachStatus::Absent;
    case EACCES:
    case EPERM:
      return AttachStatus::Denied;
    default:
      return AttachStatus::SystemFailure;
  }
}

AttachStatus attach_path(std::string path, SegmentKind kind, Segment& segment, AttachDetail& detail,
                         Prefault prefault) {
  // Not blocking: a pipe in a segment's place must not hang the reader.
  FileDescriptor file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));  // NOLINT
  if (!file.open()) {
    detail.error = errno;
    return status_of_open(errno);
  }
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) {
    detail.error = errno;
    return AttachStatus::SystemFailure;
  }
  if (!S_ISREG(facts.st_mode)) return AttachStatus::WrongMagic;
  const auto file_bytes = static_cast<std::uint64_t>(facts.st_size);
  if (file_bytes < header_bytes) return AttachStatus::Truncated;
  if (file_bytes > 2 * payload_bytes_max) return AttachStatus::Hostile;

  SegmentParts parts;
  const auto options = prefault == Prefault::Yes
                           ? static_cast<interprocess::map_options_t>(MAP_POPULATE)
                           : interprocess::default_map_options;
  parts.region =
      interprocess::mapped_region(MappableFile(file.get(), interprocess::read_only),
                                  interprocess::read_only, 0, file_bytes, nullptr, options);
  AttachStatus status =
      check_header({static_cast<const std::byte*>(parts.region.get_address()), file_bytes}, kind,
                   parts.geometry, detail);
  if (!is_attached(status)) return status;
  if (status == AttachStatus::Ok && !writer_lock_held(file.get())) {
    status = AttachStatus::WriterDead;
  }
  parts.path = std::move(path);
  parts.fd = file.release();
  segment = Segment(std::move(parts));
  return status;
}

}  // namespace

AttachStatus attach_segment(std::string_view instance, std::string_view name, SegmentKind kind,
                            Segment& segment, AttachDetail* detail, Prefault prefault) noexcept {
  AttachDetail unwanted;
  AttachDetail& found = detail != nullptr ? *detail : unwanted;
  found = AttachDetail{};
  try {
    if (!is_valid_name(instance) || !is_valid_name(name)) {
      found.error = EINVAL;
      return AttachStatus::Absent;
    }
    return attach_path(segment_path(instance, name), kind, segment, found, prefault);
  } catch (const interprocess::interprocess_exception& failure) {
    found.error = failure.get_native_error();
  } catch (const std::exception&) {
    found.error = ENOMEM;
  }
  return AttachStatus::SystemFailure;
}

namespace {

std::string error_text(int error) { return std::generic_category().message(error); }

}  // namespace

std::string describe(AttachStatus status, const AttachDetail& detail, std::string_view instance,
                     std::string_view name) {
  const std::string path = segment_path(instance, name);
  switch (status) {
    case AttachStatus::Ok:
      return path + ": attached";
    case AttachStatus::Absent:
      return path + ": no such segment; is instance \"" + std::string(instance) + "\" running?";
    case AttachStatus::Denied:
      return path + ": permission denied; join the group of " + instance_path(instance);
    case AttachStatus::Initialising:
      return path + ": its writer has not finished it yet; try again";
    case AttachStatus::WrongMagic:
      return path + ": not a ringside segment";
    case AttachStatus::WrongMajor:
      return path + ": layout version " + std::to_string(detail.found_major) + "." +
             std::to_string(detail.found_minor) + ", this program reads " +
             std::to_string(abi_major) + "." + std::to_string(abi_minor) +
             "; run both from one release";
    case AttachStatus::WrongSchema:
      return path + ": same layout version, other fields; run both from one build";
    case AttachStatus::WrongKind:
      return path + ": holds a " + name_of(static_cast<SegmentKind>(detail.found_kind));
    case AttachStatus::Truncated:
      return path + ": shorter than it says; remove it and start its writer again";
    case AttachStatus::Hostile:
      return path + ": its sizes contradict each other; remove it and start its writer again";
    case AttachStatus::WriterDead:
      return path + ": its writer is dead";
    case AttachStatus::Superseded:
      return path + ": replaced by a newer generation; attach again";
    case AttachStatus::Closed:
      return path + ": its writer has closed it";
    case AttachStatus::SystemFailure:
      return path + ": " + error_text(detail.error);
  }
  return path;
}

}  // namespace ringside::ipc
