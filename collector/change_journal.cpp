#include "collector/change_journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <set>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>

#include "collector/channels.hpp"
#include "ipc/clock.hpp"

namespace ringside::collector {
namespace {

constexpr std::size_t fields_count = 7;
constexpr std::array<std::string_view, 6> words{
    "add", "remove", "add-channel", "remove-channel", "add-venue", "remove-venue"};
constexpr long lock_period_ns = 2'000'000;  // between tries for the lock

std::string check_of(std::string_view text) {
  std::uint32_t hash = 0x811c9dc5U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x01000193U;
  return fmt::format("{:08x}", hash);
}

[[noreturn]] void fail(int error, const std::string& path, std::string_view doing) {
  throw std::system_error(
      error, std::generic_category(),
      fmt::format("{}: cannot {} the collector's journal of changes; whoever adds and removes "
                  "must be allowed to write to its state_dir",
                  path, doing));
}

[[noreturn]] void fail_damaged(const std::string& path, std::size_t at) {
  throw std::runtime_error(
      fmt::format("{}: at byte {} stands what was not written here, with good lines behind it; "
                  "restore the file from a backup, or remove it and add and remove anew",
                  path, at));
}

bool is_word(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

template <typename Number>
bool read_number(std::string_view text, Number& number) noexcept {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

// Any bytes as one word; nothing as "-".
std::string word_of(std::string_view text) {
  if (text.empty()) return "-";
  std::string word;
  for (const char c : text) {
    if (c > ' ' && c < 0x7f && c != '%') {
      word += c;
    } else {
      word += fmt::format("%{:02X}", static_cast<std::uint8_t>(c));
    }
  }
  return word;
}

// False: no word that word_of() makes.
bool read_word(std::string_view word, std::string& text) {
  text.clear();
  if (word == "-") return true;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      text += word[i];
      continue;
    }
    std::uint8_t byte = 0;
    if (i + 2 >= word.size()) return false;
    const auto digits = word.substr(i + 1, 2);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return false;
    text += static_cast<char>(byte);
    i += 2;
  }
  return true;
}

// That there can be such a change, in itself.
bool is_sound(const Change& change) {
  if (change.of_instrument()) return is_symbol(change.subject);
  if (!change.channels.empty()) return false;
  Channels channels;
  if (change.of_channel()) return set_channel(channels, change.subject, true);
  const bool bare = change.what == Change::What::RemoveVenue;
  return change.depth == 0 && (!bare || change.subject.empty()) &&
         change.subject.size() <= table_bytes_max;
}

class File {
 public:
  File(const std::string& path, int flags)
      : path_(path), descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0640)), error_(errno) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] bool open_now() const { return descriptor_ >= 0; }
  [[nodiscard]] int error() const { return error_; }
  void require() const {
    if (descriptor_ < 0) fail(error_, path_, "open");
  }
  [[nodiscard]] struct stat status() const {
    struct stat status {};
    if (fstat(descriptor_, &status) != 0) fail(errno, path_, "look at");
    return status;
  }
  // Bytes [from, to), or fewer where the file ends.
  [[nodiscard]] std::string read(off_t from, off_t to) const {
    std::string text(static_cast<std::size_t>(std::max(off_t{0}, to - from)), '\0');
    std::size_t filled = 0;
    while (filled < text.size()) {
      const auto got = pread(descriptor_, text.data() + filled, text.size() - filled,
                             from + static_cast<off_t>(filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(errno, path_, "read");
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    text.resize(filled);
    return text;
  }
  void write_all(std::string_view text) const {
    while (!text.empty()) {
      const auto written = write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail(errno, path_, "write");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(descriptor_) != 0) fail(errno, path_, "sync");
  }
  void cut(std::size_t bytes) const {
    if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) fail(errno, path_, "truncate");
  }
  // False: somebody else has it.
  [[nodiscard]] bool lock() const {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (fcntl(descriptor_, F_OFD_SETLK, &whole) == 0) return true;
    if (errno == EAGAIN || errno == EACCES || errno == EINTR) return false;
    fail(errno, path_, "lock");
  }

 private:
  std::string path_;
  int descriptor_;
  int error_;
};

// Whether the name still leads to this file: the collector replaces it when it starts.
bool is_at(const File& file, const std::string& path) {
  struct stat named {};
  const auto opened = file.status();
  return stat(path.c_str(), &named) == 0 && named.st_ino == opened.st_ino &&
         named.st_dev == opened.st_dev;
}

void check_bytes(const std::string& path, off_t bytes) {
  if (static_cast<std::size_t>(bytes) <= changes_bytes_max) return;
  throw std::runtime_error(
      fmt::format("{}: holds {} bytes of changes, and {} is the most; the collector reduces them "
                  "when it starts: restart it",
                  path, bytes, changes_bytes_max));
}

}  // namespace

bool is_symbol(std::string_view symbol) noexcept {
  return is_word(symbol) && symbol.size() <= symbol_bytes_max;
}

std::string line_of(const Change& change) {
  const auto text = fmt::format("{} {} {} {} {} {}", change.sequence,
                                words[static_cast<std::size_t>(change.what)], change.venue,
                                change.channels.empty() ? "-" : change.channels, change.depth,
                                change.of_venue() ? word_of(change.subject) : change.subject);
  return text + " " + check_of(text);
}

bool read_change_line(std::string_view line, Change& change) {
  std::array<std::string_view, fields_count> fields;
  std::size_t count = 0;
  for (std::size_t begin = 0; begin <= line.size();) {
    const auto end = std::min(line.find(' ', begin), line.size());
    if (count == fields.size()) return false;
    fields[count++] = line.substr(begin, end - begin);
    if (!is_word(fields[count - 1])) return false;
    begin = end + 1;
  }
  if (count != fields.size()) return false;
  Change read;
  if (!read_number(fields[0], read.sequence) || read.sequence == 0) return false;
  const auto* const word = std::find(words.begin(), words.end(), fields[1]);
  if (word == words.end()) return false;
  read.what = static_cast<Change::What>(word - words.begin());
  read.venue = fields[2];
  if (fields[3] != "-") read.channels = fields[3];
  if (!read_number(fields[4], read.depth)) return false;
  read.subject = fields[5];
  if (read.of_venue() && !read_word(fields[5], read.subject)) return false;
  if (!is_sound(read)) return false;
  // Each change has one spelling, and the check is part of it.
  if (line_of(read) != line) return false;
  change = std::move(read);
  return true;
}

ReadChanges read_changes(std::string_view text, std::uint64_t after) {
  ReadChanges read;
  Change change;
  bool good = true;
  for (std::size_t begin = 0;;) {
    const auto end = text.find('\n', begin);
    if (end == std::string_view::npos) return read;
    const bool whole = read_change_line(text.substr(begin, end - begin), change);
    begin = end + 1;
    if (whole && good && change.sequence > after) {
      after = change.sequence;
      read.changes.push_back(change);
      read.good_bytes = begin;
    } else if (whole) {
      read.damaged = true;
      return read;
    } else {
      good = false;
    }
  }
}

std::vector<Change> newest_changes(std::span<const Change> changes) {
  std::set<std::string_view> venues;  // whose newest line has been seen
  std::set<std::tuple<std::string_view, bool, std::uint32_t, std::string_view>> seen;
  std::vector<Change> kept;
  for (std::size_t i = changes.size(); i != 0;) {
    const auto& change = changes[--i];
    if (venues.contains(change.venue)) continue;
    if (change.of_venue()) {
      venues.insert(change.venue);
    } else if (!seen.insert({change.venue, change.of_channel(),
                             change.of_channel() ? change.depth : 0, change.subject})
                    .second) {
      continue;
    }
    kept.push_back(change);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

ChangeJournal::ChangeJournal(const std::string& directory, const std::string& collector)
    : path_(fmt::format("{}/{}.changes", directory, collector)) {}

std::uint64_t ChangeJournal::append(std::vector<Change> changes) const {
  const auto until = ipc::monotonic_ns() + journal_lock_ns_max;
  for (;;) {
    const File file(path_, O_RDWR | O_CREAT | O_APPEND);
    file.require();
    if (!file.lock()) {
      if (ipc::monotonic_ns() >= until) fail(ETIMEDOUT, path_, "lock");
      const timespec period{0, lock_period_ns};
      nanosleep(&period, nullptr);
      continue;
    }
    if (!is_at(file, path_)) continue;  // replaced since it was opened
    const auto bytes = file.status().st_size;
    check_bytes(path_, bytes);
    const auto known = read_changes(file.read(0, bytes));
    if (known.damaged) fail_damaged(path_, known.good_bytes);
    std::uint64_t sequence = known.changes.empty() ? 0 : known.changes.back().sequence;
    std::string text;
    for (auto& change : changes) {
      change.sequence = ++sequence;
      text += line_of(change) + "\n";
    }
    check_bytes(path_, static_cast<off_t>(known.good_bytes + text.size()));
    if (known.good_bytes != static_cast<std::size_t>(bytes)) file.cut(known.good_bytes);
    file.write_all(text);
    return sequence;
  }
}

std::vector<Change> ChangeJournal::look_at_all() const {
  const File file(path_, O_RDONLY);
  if (!file.open_now() && file.error() == ENOENT) return {};
  file.require();
  const auto read = read_changes(file.read(0, file.status().st_size));
  if (read.damaged) fail_damaged(path_, read.good_bytes);
  return newest_changes(read.changes);
}

std::vector<Change> ChangeJournal::read_all() const {
  const File file(path_, O_RDWR);
  if (!file.open_now() && file.error() == ENOENT) return {};
  file.require();
  const bool locked = file.lock();
  const auto bytes = file.status().st_size;
  // More than there may be is read nevertheless: it becomes less by that.
  const auto read = read_changes(file.read(0, bytes));
  if (read.damaged) fail_damaged(path_, read.good_bytes);
  auto kept = newest_changes(read.changes);
  if (!locked || !is_at(file, path_) || kept.size() == read.changes.size()) return kept;
  std::string text;
  for (const auto& change : kept) text += line_of(change) + "\n";
  const auto temporary = path_ + ".new";
  const File replacement(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  replacement.require();
  replacement.write_all(text);
  if (rename(temporary.c_str(), path_.c_str()) != 0) fail(errno, path_, "replace");
  return kept;
}

ChangeFollower::ChangeFollower(const ChangeJournal& journal, std::uint64_t seen)
    : path_(journal.path()), seen_(seen) {}

ChangeFollower::Answer ChangeFollower::look(std::vector<Change>& changes) {
  changes.clear();
  struct stat status {};
  if (stat(path_.c_str(), &status) != 0) {
    if (errno != ENOENT) fail(errno, path_, "look at");
    file_ = 0;  // what comes next is another file, even if it gets the same number
    return Answer::Nothing;
  }
  if (status.st_ino != file_) {  // from its beginning: what has been seen is passed over
    file_ = status.st_ino;
    bytes_ = read_ = 0;
    damaged_ = false;
  }
  if (damaged_ || status.st_size == bytes_) return Answer::Nothing;
  if (status.st_size < read_) {  // whole lines are never cut off
    bytes_ = read_ = 0;
    return Answer::Damaged;
  }
  if (static_cast<std::size_t>(status.st_size) > changes_bytes_max) {
    damaged_ = true;
    return Answer::Damaged;
  }
  const File file(path_, O_RDONLY);
  file.require();
  if (file.status().st_ino != file_) return Answer::Nothing;  // next time
  auto read = read_changes(file.read(read_, status.st_size), read_ == 0 ? 0 : seen_);
  bytes_ = status.st_size;
  read_ += static_cast<off_t>(read.good_bytes);
  std::erase_if(read.changes, [&](const auto& change) { return change.sequence <= seen_; });
  if (!read.changes.empty()) seen_ = read.changes.back().sequence;
  changes = std::move(read.changes);
  if (read.damaged) {
    damaged_ = true;
    return Answer::Damaged;
  }
  return changes.empty() ? Answer::Nothing : Answer::Grown;
}

}  // namespace ringside::collector
