// The exchange's own books, as hashes, one line per book message: what published books must equal.
//   <symbol> <exchange_ns> <16 hex digits of canonical_hash()>
//
// Threads: one. Bounded by: the disk; written through a buffer, flushed by the destructor.
// Fails by: std::system_error at construction; a full disk is told on stderr at the end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "ringside/time.hpp"

namespace ringside::exchange {

class TruthLog {
 public:
  explicit TruthLog(const std::string& path);
  ~TruthLog();
  TruthLog(const TruthLog&) = delete;
  TruthLog& operator=(const TruthLog&) = delete;

  void write(std::string_view symbol, UtcNs time, std::uint64_t hash);

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string line_;
};

}  // namespace ringside::exchange
