#include "tools/ringside/analysis/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/ringside/command.hpp"

namespace ringside::tools {
namespace {

[[noreturn]] void cannot_write(const std::filesystem::path& path) {
  if (errno == EEXIST) {
    throw CommandError(
        fmt::format("'{}' is there already, perhaps of another capture of that day; remove it, "
                    "write to another "
                    "folder, or say --replace",
                    path.string()));
  }
  throw CommandError(fmt::format("cannot write '{}': {}", path.string(), std::strerror(errno)));
}

void append_to(const std::filesystem::path& path, std::string_view bytes, bool first) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (first ? O_TRUNC : 0);
  const int file = ::open(path.c_str(), flags, 0640);
  if (file < 0) cannot_write(path);
  while (!bytes.empty()) {
    const auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      ::close(file);
      cannot_write(path);
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::close(file) != 0) cannot_write(path);
}

void make_folders(const std::filesystem::path& folder) {
  if (folder.empty() || ::mkdir(folder.c_str(), 0750) == 0 || errno == EEXIST) return;
  if (errno != ENOENT || !folder.has_parent_path()) cannot_write(folder);
  make_folders(folder.parent_path());
  if (::mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) cannot_write(folder);
}

std::filesystem::path partial(std::filesystem::path path) { return path += ".part"; }

}  // namespace

OutputFile::~OutputFile() {
  if (begun_) ::unlink(partial(path_).c_str());
}

void OutputFile::append(std::string_view bytes) {
  const bool first = !std::exchange(begun_, true);
  if (first) {
    make_folders(path_.parent_path());
    if (if_exists_ == IfExists::Refuse && ::access(path_.c_str(), F_OK) == 0) {
      begun_ = false;
      errno = EEXIST;
      cannot_write(path_);
    }
  }
  append_to(partial(path_), bytes, first);
}

void OutputFile::finish() {
  if (!begun_) append({});
  const unsigned flags = if_exists_ == IfExists::Refuse ? RENAME_NOREPLACE : 0;
  if (::renameat2(AT_FDCWD, partial(path_).c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
    cannot_write(path_);
  }
  begun_ = false;
}

}  // namespace ringside::tools
