#include "tools/ringside/job/job_journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <utility>

#include "tools/ringside/command.hpp"
#include "tools/ringside/sha256.hpp"

namespace ringside::tools {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw CommandError(
      fmt::format("the job's journal {}: {}; choose another folder with --state, or keep none: "
                  "--no-state",
                  path, what));
}

std::string sealed(const std::string& key, const ItemResult& result) {
  return sha256_of(fmt::format("{} {} {} {}\n{}{}", key, result.good ? 1 : 0, result.json.size(),
                               result.text.size(), result.json, result.text));
}

std::string record_of(const std::string& key, const ItemResult& result) {
  return fmt::format("{} {} {} {} {}\n{}{}\n", key, result.good ? 1 : 0, result.json.size(),
                     result.text.size(), sealed(key, result), result.json, result.text);
}

// Takes one record off the front. False: it is not whole, or not what was written.
bool take_record(std::string_view& bytes, std::string& key, ItemResult& result) {
  const auto line_end = bytes.find('\n');
  if (line_end == std::string_view::npos) return false;
  std::istringstream line{std::string(bytes.substr(0, line_end))};
  std::size_t json_bytes = 0, text_bytes = 0;
  std::string seal;
  if (!(line >> key >> result.good >> json_bytes >> text_bytes >> seal)) return false;
  const auto body = bytes.substr(line_end + 1);
  if (json_bytes >= body.size() || text_bytes >= body.size() - json_bytes) return false;
  result.json = body.substr(0, json_bytes);
  result.text = body.substr(json_bytes, text_bytes);
  if (body[json_bytes + text_bytes] != '\n' || seal != sealed(key, result)) return false;
  bytes = body.substr(json_bytes + text_bytes + 1);
  return true;
}

}  // namespace

JobJournal::JobJournal(std::string path, std::string_view fingerprint) : path_(std::move(path)) {
  std::error_code ignored;  // open() says it better
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (file_ < 0) fail(path_, std::strerror(errno));
  try {
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
      fail(path_,
           errno == EWOULDBLOCK ? "another run of the same job holds it" : std::strerror(errno));
    }
    read(fingerprint);
  } catch (...) {
    ::close(file_);
    throw;
  }
}

JobJournal::~JobJournal() { ::close(file_); }

void JobJournal::read(std::string_view fingerprint) {
  struct stat status {};
  if (fstat(file_, &status) != 0) fail(path_, std::strerror(errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > journal_bytes_max) fail(path_, fmt::format("larger than {} bytes", journal_bytes_max));
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const auto got = pread(file_, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (got <= 0) fail(path_, got == 0 ? "it shrinks" : std::strerror(errno));
    at += static_cast<std::size_t>(got);
  }
  const auto header = fmt::format("ringside-job 1 {}\n", fingerprint);
  std::string_view left = bytes;
  if (!left.starts_with(header)) {
    // A run that was cut off at once has left a part of it.
    if (!std::string_view(header).starts_with(left)) fail(path_, "it is no journal of this job");
    if (ftruncate(file_, 0) != 0) fail(path_, std::strerror(errno));
    write(header);
    return;
  }
  left.remove_prefix(header.size());
  std::string key;
  for (ItemResult result; take_record(left, key, result);) done_[key] = result;
  if (left.empty()) return;
  if (ftruncate(file_, static_cast<off_t>(bytes.size() - left.size())) != 0) {
    fail(path_, std::strerror(errno));
  }
}

const ItemResult* JobJournal::find(const std::string& key) const {
  const auto found = done_.find(key);
  return found == done_.end() ? nullptr : &found->second;
}

void JobJournal::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(path_, std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void JobJournal::keep(const std::string& key, const ItemResult& result) {
  const auto record = record_of(key, result);
  const std::lock_guard lock(mutex_);
  write(record);
}

void JobJournal::remove() { ::unlink(path_.c_str()); }

}  // namespace ringside::tools
