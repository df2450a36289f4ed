// What a job has done so far, so that a rerun goes on from there: a file that grows by one record
// an item, and is removed when the job is complete. A record that was cut off is cut away.
//
//   ringside-job 1 <fingerprint>\n
//   <key> <good> <json bytes> <text bytes> <sha256 of key, good, json, text>\n<json><text>\n  ...
//
// Threads: keep() any; everything else one. Bounded by: journal_bytes_max. Fails by: throwing
// CommandError: not readable or writable, held by another run, or no journal of this job.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "tools/ringside/job/job.hpp"

namespace ringside::tools {

inline constexpr std::uint64_t journal_bytes_max = std::uint64_t{1} << 30;

class JobJournal {
 public:
  JobJournal(std::string path, std::string_view fingerprint);
  ~JobJournal();
  JobJournal(const JobJournal&) = delete;
  JobJournal& operator=(const JobJournal&) = delete;

  // Of an earlier run; null: not done yet.
  [[nodiscard]] const ItemResult* find(const std::string& key) const;
  void keep(const std::string& key, const ItemResult& result);
  // The job is complete.
  void remove();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void read(std::string_view fingerprint);
  void write(std::string_view bytes);

  std::string path_;
  int file_ = -1;
  std::map<std::string, ItemResult> done_;
  std::mutex mutex_;
};

}  // namespace ringside::tools
