#include "collector/instrument_registry.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace ringside::collector {
namespace {

constexpr std::uint32_t ordinals_max = ordinal_of_none;  // it is nobody's

[[noreturn]] void fail(const std::string& path, std::string_view doing) {
  const int error = errno;
  throw std::system_error(
      error, std::generic_category(),
      fmt::format("{}: cannot {} the collector's state; make the directory writable "
                  "or set another state_dir",
                  path, doing));
}

class File {
 public:
  File(const std::string& path, int flags)
      : path_(path), descriptor_(open(path.c_str(), flags, 0640)) {
    if (descriptor_ < 0) fail(path_, "open");
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write_all(std::string_view text) const {
    while (!text.empty()) {
      const auto written = write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail(path_, "write");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(descriptor_) != 0) fail(path_, "sync");
  }
  [[nodiscard]] std::size_t bytes() const {
    struct stat status {};
    if (fstat(descriptor_, &status) != 0) fail(path_, "look at");
    return static_cast<std::size_t>(status.st_size);
  }
  void truncate(std::size_t bytes) const {
    if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) fail(path_, "truncate");
  }

 private:
  std::string path_;
  int descriptor_;
};

// Nothing if there is no such file.
std::optional<std::string> read_all(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) fail(path, "read");
  return text;
}

}  // namespace

InstrumentRegistry::InstrumentRegistry(std::string directory, std::string collector,
                                       std::uint32_t collector_number)
    : directory_(std::move(directory)),
      collector_(std::move(collector)),
      collector_number_(collector_number) {
  if (mkdir(directory_.c_str(), 0750) != 0 && errno != EEXIST) fail(directory_, "create");
  load();
  advance_generation();
}

std::string InstrumentRegistry::path(std::string_view suffix) const {
  return fmt::format("{}/{}.{}", directory_, collector_, suffix);
}

void InstrumentRegistry::load() {
  const auto file = path("instruments");
  const auto text = read_all(file).value_or(std::string());
  // A line cut short by a crash was never used (it is synced before use): forget it.
  const auto whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (whole != text.size()) File(file, O_WRONLY | O_CLOEXEC).truncate(whole);
  std::size_t line_number = 0;
  for (std::size_t begin = 0; begin < whole;) {
    const auto end = text.find('\n', begin);
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    ++line_number;
    // Exactly as ids_of() writes it, and no symbol twice: an ordinal is one instrument's for ever.
    const auto ordinal = static_cast<std::uint32_t>(ordinals_.size());
    const auto prefix = fmt::format("{} ", ordinal);
    const auto space = line.find(' ', prefix.size());
    const bool shaped = line.starts_with(prefix) && space != std::string_view::npos &&
                        space > prefix.size() && space + 1 < line.size();
    const bool good =
        shaped &&
        ordinals_
            .emplace(std::pair(std::string(line.substr(prefix.size(), space - prefix.size())),
                               std::string(line.substr(space + 1))),
                     ordinal)
            .second;
    if (!good) {
      throw std::runtime_error(
          fmt::format("{}:{}: '{}' is not 'ordinal venue symbol' in order; restore the file "
                      "from a backup, or remove it to number the instruments anew",
                      file, line_number, line));
    }
  }
}

void InstrumentRegistry::advance_generation() {
  const auto file = path("generation");
  if (const auto text = read_all(file)) {
    // A number that cannot be read must not become 1 again: epochs would be used twice.
    const auto* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, generation_);
    const bool good = parsed.ec == std::errc() && end - parsed.ptr == 1 && *parsed.ptr == '\n' &&
                      generation_ != 0 && generation_ != UINT32_MAX;
    if (!good) {
      throw std::runtime_error(
          fmt::format("{}: holds no generation of a collector; write a number into it that is "
                      "greater than any before, or remove it while no worker runs",
                      file));
    }
  }
  ++generation_;
  const auto temporary = file + ".new";
  File(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC)
      .write_all(fmt::format("{}\n", generation_));
  if (rename(temporary.c_str(), file.c_str()) != 0) fail(file, "replace");
}

std::vector<InstrumentId> InstrumentRegistry::ids_of(std::string_view venue,
                                                     std::span<const std::string> symbols) {
  std::vector<InstrumentId> ids;
  std::string lines;
  std::map<std::pair<std::string, std::string>, std::uint32_t> fresh;
  for (const auto& symbol : symbols) {
    const std::pair key{std::string(venue), symbol};
    auto found = ordinals_.find(key);
    if (found == ordinals_.end()) {
      const auto ordinal = static_cast<std::uint32_t>(ordinals_.size() + fresh.size());
      const auto [entry, is_new] = fresh.emplace(key, ordinal);
      if (is_new && ordinal >= ordinals_max)
        throw std::runtime_error("more than 2^24 - 1 instruments in one collector");
      if (is_new) lines += fmt::format("{} {} {}\n", ordinal, venue, symbol);
      found = entry;
    }
    ids.push_back(InstrumentId::of(collector_number_, found->second));
  }
  if (!lines.empty()) {
    const File file(path("instruments"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
    const auto before = file.bytes();
    try {
      file.write_all(lines);
    } catch (const std::system_error&) {
      file.truncate(before);  // a full disk: nothing of it may stay, for these numbers go to others
      throw;
    }
    ordinals_.merge(fresh);
  }
  return ids;
}

}  // namespace ringside::collector
