// How far a job is, on stderr: on a terminal one bar that is drawn anew, with rate and time left;
// elsewhere one line for each item that is done.
//
// Threads: finished() any; draw() and end() one. Bounded by: one line. Fails by: nothing; who reads
// stderr is not asked whether he does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace ringside::tools {

struct ProgressState {
  std::string_view job;
  std::size_t done = 0, count = 0;          // items
  std::uint64_t bytes_done = 0, bytes = 0;  // of this run, without what was done before
  double seconds = 0;
};
// "verify [######--------------]  3/10  12.3 MB/s  0:42 left"
std::string progress_bar(const ProgressState& state);
// "verify: 3 of 10, a.gz good, 12.3 MB/s, 0:42 left\n"
std::string progress_line(const ProgressState& state, std::string_view item,
                          std::string_view verdict);

class JobProgress {
 public:
  JobProgress(std::string_view job, std::size_t count, std::size_t done, std::uint64_t bytes,
              bool terminal);
  void finished(std::string_view item, std::string_view verdict, std::uint64_t bytes);
  void draw();
  void end();  // the bar makes room for what comes next

 private:
  [[nodiscard]] double elapsed_s() const;

  ProgressState state_;
  bool terminal_;
  std::uint64_t begin_ns_;
  std::mutex mutex_;
};

}  // namespace ringside::tools
