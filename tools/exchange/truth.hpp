// The exchange's own books, told with each book message: what published books must equal. To a
// file, as hashes, one line per message:
//   <symbol> <exchange_ns> <16 hex digits of canonical_hash()>
// or to a simulation, which keeps them in memory.
//
// Threads: one. Bounded by: the disk; written through a buffer, flushed by the destructor.
// Fails by: std::system_error at construction; a full disk is told on stderr at the end.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "ringside/time.hpp"

namespace ringside::exchange {

struct Listing;

class Truth {
 public:
  virtual ~Truth() = default;
  // The best `depth` levels of the listing's book are what its message of that time leads to.
  virtual void write(const Listing& listing, std::size_t depth, UtcNs time) = 0;
};

class TruthLog final : public Truth {
 public:
  explicit TruthLog(const std::string& path);
  ~TruthLog() override;
  TruthLog(const TruthLog&) = delete;
  TruthLog& operator=(const TruthLog&) = delete;

  void write(const Listing& listing, std::size_t depth, UtcNs time) override;

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string line_;
};

}  // namespace ringside::exchange
