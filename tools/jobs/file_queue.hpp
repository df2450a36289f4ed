// Reads of files that are all under way at once: a small io_uring of its own. Unlike pread() by
// several threads it keeps a disk busy from one, and costs one system call for many reads.
//
// Threads: one. Bounded by: its depth. Fails by: the constructor throws std::system_error where the
// kernel or the container refuses io_uring; read() answers false when `depth` reads are under way;
// a read's own failure is in its FileDone.
//
// Invariant: a buffer is written until its FileDone has been handed out; the destructor waits for
// those that are under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ringside::jobs {

inline constexpr unsigned file_queue_depth_max = 64;

struct FileRead {
  int file = -1;
  std::uint64_t offset = 0;
  std::span<std::byte> into;  // all of it, or to the end of the file
  unsigned tag = 0;           // below the depth; of one read at a time
};

struct FileDone {
  unsigned tag = 0;
  int error = 0;          // errno
  std::size_t bytes = 0;  // fewer than wanted: the file ended
};

class FileQueue {
 public:
  explicit FileQueue(unsigned depth);
  ~FileQueue();
  FileQueue(const FileQueue&) = delete;
  FileQueue& operator=(const FileQueue&) = delete;

  // Begins at the next wait().
  [[nodiscard]] bool read(const FileRead& read) noexcept;
  // Those that are done, at least one unless none is under way or `timeout_ns` has passed.
  [[nodiscard]] std::size_t wait(std::span<FileDone> done, std::uint64_t timeout_ns) noexcept;

  [[nodiscard]] unsigned under_way() const noexcept { return under_way_; }
  [[nodiscard]] unsigned depth() const noexcept { return static_cast<unsigned>(reads_.size()); }

 private:
  struct Ring;
  struct Progress {
    FileRead read;
    std::size_t bytes = 0;
  };
  void prepare(unsigned tag) noexcept;
  [[nodiscard]] bool take(unsigned tag, int result, FileDone& done) noexcept;

  std::unique_ptr<Ring> ring_;
  std::vector<Progress> reads_;  // by tag
  unsigned under_way_ = 0;
};

}  // namespace ringside::jobs
