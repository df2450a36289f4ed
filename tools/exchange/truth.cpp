#include "tools/exchange/truth.hpp"

#include <cerrno>
#include <system_error>

#include "tools/exchange/decimal.hpp"
#include "tools/exchange/market.hpp"

namespace ringside::exchange {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

}  // namespace

TruthLog::TruthLog(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "we")) {
  if (!file_) {
    throw std::system_error(errno, std::generic_category(),
                            "--truth: cannot write " + path + " (does its directory exist?)");
  }
  std::setvbuf(file_.get(), nullptr, _IOFBF, buffer_bytes);
}

TruthLog::~TruthLog() {
  if (std::fflush(file_.get()) != 0 || std::ferror(file_.get()) != 0) {
    std::fprintf(stderr, "ringside-exchange: %s is incomplete: is the disk full?\n", path_.c_str());
  }
}

void TruthLog::write(const Listing& listing, std::size_t depth, UtcNs time) {
  const auto hash = canonical_hash(listing.book, depth);
  line_.assign(listing.symbol);
  line_ += ' ';
  append_integer(line_, static_cast<std::uint64_t>(time.value));
  line_ += ' ';
  for (int shift = 60; shift >= 0; shift -= 4) line_ += "0123456789abcdef"[hash >> shift & 15];
  line_ += '\n';
  std::fwrite(line_.data(), 1, line_.size(), file_.get());
}

}  // namespace ringside::exchange
