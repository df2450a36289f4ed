// The files under segments: names, locks, descriptors. For segment*.cpp only.
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/file_lock.hpp"
#include "ipc/segment.hpp"

namespace ringside::ipc {

// Owns a descriptor. Close-on-exec always: an OFD lock lives as long as any copy of it.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }
  int release() noexcept;

 private:
  int fd_ = -1;
};

// What mapped_region needs of a file. file_mapping would open the path a second time, and what
// was locked and checked would no longer be certain to be what is mapped.
class MappableFile {
 public:
  MappableFile(int fd, boost::interprocess::mode_t mode) noexcept : fd_(fd), mode_(mode) {}
  [[nodiscard]] boost::interprocess::mapping_handle_t get_mapping_handle() const {
    return {fd_, false};
  }
  [[nodiscard]] boost::interprocess::mode_t get_mode() const { return mode_; }

 private:
  int fd_;
  boost::interprocess::mode_t mode_;
};

bool is_hugetlbfs(int fd) noexcept;
// Whether the path leads to the open file.
bool leads_to(const std::string& path, int fd) noexcept;
// Target of a symbolic link; empty where there is none.
std::string link_target(const std::string& path);

// Temporary names of one segment start so; no listed name does.
std::string temporary_prefix(std::string_view name);

// Removes temporary files of one segment whose creator is dead.
std::vector<std::string> remove_leftovers(std::string_view instance, std::string_view name);
// Of a segment's path: its directory, and the default root, if nothing is left in them.
void remove_empty_directories(const std::string& segment_path_name) noexcept;

}  // namespace ringside::ipc
