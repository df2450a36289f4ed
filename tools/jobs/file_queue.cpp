#include "tools/jobs/file_queue.hpp"

#include <liburing.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "ipc/check.hpp"

namespace ringside::jobs {
namespace {

constexpr std::size_t read_bytes_max = std::size_t{1} << 30;  // a result is an int
constexpr std::uint64_t second_ns = 1'000'000'000;

}  // namespace

struct FileQueue::Ring {
  io_uring uring{};
};

FileQueue::FileQueue(unsigned depth) : ring_(std::make_unique<Ring>()), reads_(depth) {
  RINGSIDE_CHECK(depth != 0 && depth <= file_queue_depth_max);
  const int result = io_uring_queue_init(depth, &ring_->uring, 0);
  if (result < 0) {
    throw std::system_error(-result, std::generic_category(),
                            "io_uring_setup of " + std::to_string(depth) +
                                " entries, which the kernel (kernel.io_uring_disabled) or the "
                                "container's seccomp profile may refuse");
  }
}

FileQueue::~FileQueue() {
  std::array<FileDone, 1> done;
  while (under_way_ != 0) static_cast<void>(wait(done, second_ns));
  io_uring_queue_exit(&ring_->uring);
}

bool FileQueue::read(const FileRead& read) noexcept {
  if (under_way_ == reads_.size()) return false;
  RINGSIDE_CHECK(read.tag < reads_.size());
  reads_[read.tag] = {read, 0};
  ++under_way_;
  prepare(read.tag);
  return true;
}

// As many entries as reads: there is always one.
void FileQueue::prepare(unsigned tag) noexcept {
  const auto& [read, bytes] = reads_[tag];
  auto* const entry = io_uring_get_sqe(&ring_->uring);
  RINGSIDE_CHECK(entry != nullptr);
  const auto left = std::min(read.into.size() - bytes, read_bytes_max);
  io_uring_prep_read(entry, read.file, read.into.data() + bytes, static_cast<unsigned>(left),
                     read.offset + bytes);
  entry->user_data = tag;
}

// False: the rest of it has been asked for.
bool FileQueue::take(unsigned tag, int result, FileDone& done) noexcept {
  auto& [read, bytes] = reads_[tag];
  if (result > 0) bytes += static_cast<std::size_t>(result);
  const bool again = result == -EINTR || result == -EAGAIN;
  if (again || (result > 0 && bytes < read.into.size())) {
    prepare(tag);
    return false;
  }
  done = {tag, result < 0 ? -result : 0, bytes};
  --under_way_;
  return true;
}

std::size_t FileQueue::wait(std::span<FileDone> done, std::uint64_t timeout_ns) noexcept {
  auto* const uring = &ring_->uring;
  std::size_t count = 0;
  while (under_way_ != 0 && count == 0 && !done.empty()) {
    __kernel_timespec timeout{static_cast<long long>(timeout_ns / second_ns),
                              static_cast<long long>(timeout_ns % second_ns)};
    io_uring_cqe* entry = nullptr;
    const int result = io_uring_submit_and_wait_timeout(uring, &entry, 1, &timeout, nullptr);
    if (io_uring_cq_ready(uring) == 0 && result < 0 && result != -EINTR) return 0;
    while (count < done.size() && io_uring_peek_cqe(uring, &entry) == 0) {
      const auto tag = static_cast<unsigned>(entry->user_data);
      const int bytes_or_error = entry->res;
      io_uring_cqe_seen(uring, entry);
      if (take(tag, bytes_or_error, done[count])) ++count;
    }
  }
  return count;
}

}  // namespace ringside::jobs
