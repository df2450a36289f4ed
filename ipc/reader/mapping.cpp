#include "ipc/reader/mapping.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "ipc/file_lock.hpp"

namespace ringside::reader {
namespace {

using ipc::AttachStatus;

ringside_status status_of(AttachStatus status) noexcept {
  switch (status) {
    case AttachStatus::Ok:
      return RINGSIDE_OK;
    case AttachStatus::Absent:
      return RINGSIDE_ABSENT;
    case AttachStatus::Denied:
      return RINGSIDE_DENIED;
    case AttachStatus::Initialising:
      return RINGSIDE_INITIALISING;
    case AttachStatus::WrongMagic:
    case AttachStatus::WrongKind:
      return RINGSIDE_WRONG_FORMAT;
    case AttachStatus::WrongMajor:
    case AttachStatus::WrongSchema:
      return RINGSIDE_WRONG_VERSION;
    case AttachStatus::Truncated:
    case AttachStatus::Hostile:
      return RINGSIDE_HOSTILE;
    case AttachStatus::WriterDead:
    case AttachStatus::Closed:
      return RINGSIDE_WRITER_GONE;
    case AttachStatus::Superseded:
      return RINGSIDE_SUPERSEDED;
    case AttachStatus::SystemFailure:
      break;
  }
  return RINGSIDE_SYSTEM;
}

ringside_status status_of_errno() noexcept {
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
      return RINGSIDE_ABSENT;
    case EACCES:
    case EPERM:
      return RINGSIDE_DENIED;
    case ENOMEM:
      return RINGSIDE_NO_MEMORY;
    default:
      return RINGSIDE_SYSTEM;
  }
}

// The descriptor becomes the mapping's if the answer is RINGSIDE_OK.
ringside_status map_file(int fd, ipc::SegmentKind kind, bool even_dead, Mapping& out) noexcept {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return RINGSIDE_SYSTEM;
  if (!S_ISREG(facts.st_mode)) return RINGSIDE_WRONG_FORMAT;
  const auto bytes = static_cast<std::uint64_t>(facts.st_size);
  if (bytes < ipc::header_bytes || bytes > 2 * ipc::payload_bytes_max) return RINGSIDE_HOSTILE;
  void* const base = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return status_of_errno();  // NOLINT

  Mapping mapping;
  mapping.view.base = static_cast<const std::byte*>(base);
  mapping.mapped_bytes = bytes;
  ipc::AttachDetail detail;
  auto status = ipc::check_header({mapping.view.base, bytes}, kind, mapping.view.geometry, detail);
  if (status == AttachStatus::Ok && !ipc::writer_lock_held(fd)) status = AttachStatus::WriterDead;
  if (status != AttachStatus::Ok && !(even_dead && ipc::is_attached(status))) {
    mapping.release();
    return status_of(status);
  }
  mapping.view.fd = fd;
  out = mapping;
  return RINGSIDE_OK;
}

}  // namespace

Path& Path::add(std::string_view piece) noexcept {
  if (full_ || piece.size() >= text_.size() - length_) {
    full_ = true;
    return *this;
  }
  std::memcpy(text_.data() + length_, piece.data(), piece.size());
  length_ += piece.size();
  return *this;
}

Path instance_directory(const char* instance) noexcept {
  const char* const configured = std::getenv("RINGSIDE_SHM_ROOT");  // NOLINT(concurrency-mt-unsafe)
  const bool has_own = configured != nullptr && *configured != '\0';
  Path path;
  path.add(has_own ? configured : "/dev/shm/ringside").add("/").add(instance);
  return path;
}

void Mapping::release() noexcept {
  if (view.base != nullptr) ::munmap(const_cast<std::byte*>(view.base), mapped_bytes);
  if (view.fd >= 0) ::close(view.fd);
  *this = Mapping{};
}

ringside_status map_segment(const ringside_instance* instance, std::string_view prefix,
                            const char* name, ipc::SegmentKind kind, bool even_dead,
                            Mapping& mapping) noexcept {
  // The prefix is part of the segment's name.
  const auto name_bytes = ::strnlen(name, ipc::name_bytes_max + 1);
  if (!ipc::is_valid_name({name, name_bytes}) || prefix.size() + name_bytes > ipc::name_bytes_max) {
    return RINGSIDE_BAD_ARGUMENT;
  }
  Path path = instance_directory(instance->name.data());
  if (path.add("/").add(prefix).add(name).full()) return RINGSIDE_BAD_ARGUMENT;
  // Not blocking: a pipe in a segment's place must not hang the reader.
  const int fd = ::open(path.text(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);  // NOLINT
  if (fd < 0) return status_of_errno();
  const auto status = map_file(fd, kind, even_dead, mapping);
  if (status == RINGSIDE_OK) return status;
  const int error = errno;
  ::close(fd);
  errno = error;
  return status;
}

ringside_status status_of(ipc::Liveness liveness) noexcept {
  switch (liveness) {
    case ipc::Liveness::Alive:
      return RINGSIDE_OK;
    case ipc::Liveness::Stale:
      return RINGSIDE_WRITER_STALE;
    case ipc::Liveness::Superseded:
      return RINGSIDE_SUPERSEDED;
    case ipc::Liveness::Gone:
    case ipc::Liveness::Closed:
      break;
  }
  return RINGSIDE_WRITER_GONE;
}

ipc::LivenessBounds bounds_of(const ipc::TickRate& rate) noexcept {
  return {rate.ticks(ipc::liveness_probe_after_ns), rate.ticks(ipc::liveness_stale_after_ns)};
}

}  // namespace ringside::reader
