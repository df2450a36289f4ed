#include "ipc/file_lock.hpp"

#include <fcntl.h>

namespace ringside::ipc {

namespace {

constexpr off_t writer_lock_byte = 0;
constexpr off_t succession_lock_byte = 1;

struct flock byte_lock(short type, off_t byte) noexcept {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

bool take_lock(int fd, off_t byte) noexcept {
  auto lock = byte_lock(F_WRLCK, byte);
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;  // NOLINT
}

}  // namespace

bool take_writer_lock(int fd) noexcept { return take_lock(fd, writer_lock_byte); }
bool take_succession_lock(int fd) noexcept { return take_lock(fd, succession_lock_byte); }

bool writer_lock_held(int fd) noexcept {
  // A read lock conflicts with the writer's and with nothing else.
  auto probe = byte_lock(F_RDLCK, writer_lock_byte);
  if (::fcntl(fd, F_OFD_GETLK, &probe) != 0) return false;  // NOLINT
  return probe.l_type != F_UNLCK;
}

}  // namespace ringside::ipc
