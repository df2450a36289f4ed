#include "ipc/segment_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <memory>
#include <utility>

namespace ringside::ipc {

namespace {
constexpr const char* default_root = "/dev/shm/ringside";

// Names in a directory that satisfy `wanted`, sorted.
template <typename Wanted>
std::vector<std::string> entries_of(const std::string& directory, Wanted wanted) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
  if (!stream) return names;
  // The stream is this call's own, so readdir is safe beside other threads.
  while (const dirent* entry = ::readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && wanted(name)) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_temporary(std::string_view name) { return name.find(".tmp.") != std::string_view::npos; }

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int FileDescriptor::release() noexcept { return std::exchange(fd_, -1); }

bool is_hugetlbfs(int fd) noexcept {
  struct statfs facts {};
  return ::fstatfs(fd, &facts) == 0 &&
         static_cast<unsigned long>(facts.f_type) == HUGETLBFS_MAGIC;  // NOLINT
}

bool leads_to(const std::string& path, int fd) noexcept {
  struct stat by_path {};
  struct stat by_fd {};
  return ::stat(path.c_str(), &by_path) == 0 && ::fstat(fd, &by_fd) == 0 &&
         by_path.st_dev == by_fd.st_dev && by_path.st_ino == by_fd.st_ino;
}

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const auto length = ::readlink(path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

std::string temporary_prefix(std::string_view name) {
  std::string prefix(".");
  prefix += name;
  prefix += ".tmp.";
  return prefix;
}

void remove_empty_directories(const std::string& segment_path_name) noexcept {
  try {
    const auto slash = segment_path_name.rfind('/');
    if (slash == std::string::npos) return;
    ::rmdir(segment_path_name.substr(0, slash).c_str());
    // A root that somebody configured is theirs; the default one is ours.
    if (segment_root() == default_root) ::rmdir(default_root);
  } catch (const std::exception&) {
    // No memory for a path: an empty directory stays behind.
  }
}

std::string segment_root() {
  const char* configured = std::getenv("RINGSIDE_SHM_ROOT");  // NOLINT(concurrency-mt-unsafe)
  return configured != nullptr && *configured != '\0' ? configured : default_root;
}

std::string instance_path(std::string_view instance) {
  return segment_root() + "/" + std::string(instance);
}

std::string segment_path(std::string_view instance, std::string_view name) {
  return instance_path(instance) + "/" + std::string(name);
}

std::vector<std::string> list_instances() {
  return entries_of(segment_root(), [](std::string_view name) { return is_valid_name(name); });
}

std::vector<std::string> list_segments(std::string_view instance) {
  if (!is_valid_name(instance)) return {};
  return entries_of(instance_path(instance),
                    [](std::string_view name) { return is_valid_name(name); });
}

namespace {

// Removes one file, and what it links to on a hugetlbfs mount, unless its writer lives.
bool remove_if_dead(const std::string& path) {
  const std::string target = link_target(path);
  const FileDescriptor file(
      ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));  // NOLINT
  if (!file.open()) return !target.empty() && errno == ENOENT && ::unlink(path.c_str()) == 0;
  // From here on nobody else takes this file over.
  if (!take_succession_lock(file.get()) || writer_lock_held(file.get())) return false;
  if (!leads_to(path, file.get())) return false;
  if (::unlink(path.c_str()) != 0) return false;
  if (!target.empty() && is_hugetlbfs(file.get())) ::unlink(target.c_str());
  return true;
}

}  // namespace

std::vector<std::string> remove_leftovers(std::string_view instance, std::string_view name) {
  std::vector<std::string> removed;
  const auto prefix = temporary_prefix(name);
  const auto directory = instance_path(instance);
  for (auto& entry : entries_of(
           directory, [&](std::string_view candidate) { return candidate.starts_with(prefix); })) {
    if (remove_if_dead(directory + "/" + entry)) removed.push_back(std::move(entry));
  }
  return removed;
}

bool remove_dead_segment(std::string_view instance, std::string_view name) {
  return is_valid_name(instance) && is_valid_name(name) &&
         remove_if_dead(segment_path(instance, name));
}

std::vector<std::string> remove_dead_segments(std::string_view instance) {
  std::vector<std::string> removed;
  if (!is_valid_name(instance)) return removed;
  const auto directory = instance_path(instance);
  for (auto& entry : entries_of(directory, [](std::string_view candidate) {
         return is_valid_name(candidate) || is_temporary(candidate);
       })) {
    if (remove_if_dead(directory + "/" + entry)) removed.push_back(std::move(entry));
  }
  remove_empty_directories(directory + "/");
  return removed;
}

}  // namespace ringside::ipc
