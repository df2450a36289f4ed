// Any bytes as the files in which a collector keeps its instruments' numbers and its generation:
// refused, or read as a slow reading line by line says; and what is added then survives a restart.
// First byte: how many bytes of the rest are the generation's; the others are the instruments'.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "collector/instrument_registry.hpp"
#include "ipc/check.hpp"

namespace {

using namespace ringside;
using collector::InstrumentRegistry;
using Ordinals = std::map<std::pair<std::string, std::string>, std::uint32_t>;

constexpr std::uint32_t number = 3;  // of the collector

struct Folder {
  Folder() {
    std::string pattern = "/dev/shm/ringside-fuzz-XXXXXX";
    RINGSIDE_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  void write(const char* name, std::string_view text) const {
    std::ofstream file(path + "/" + name, std::ios::binary | std::ios::trunc);
    file << text;
  }
  std::string path;
};

// "0 venue symbol" and so on; nothing for a text that was not written by a registry.
std::optional<Ordinals> read_slowly(std::string_view text) {
  Ordinals ordinals;
  std::uint32_t next = 0;
  while (true) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return ordinals;  // the rest was never used
    std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    const std::string prefix = std::to_string(next) + " ";
    if (!line.starts_with(prefix)) return std::nullopt;
    line.erase(0, prefix.size());
    const auto space = line.find(' ');
    if (space == std::string::npos || space == 0 || space + 1 == line.size()) return std::nullopt;
    if (!ordinals.emplace(std::pair(line.substr(0, space), line.substr(space + 1)), next++).second)
      return std::nullopt;
  }
}

// Digits and a line end, of 32 bits and not the last one; an empty file is none.
std::optional<std::uint32_t> generation_of(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  text.remove_suffix(1);
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || text.find_first_not_of('0') == std::string_view::npos) return std::nullopt;
  text.remove_prefix(text.find_first_not_of('0'));
  if (text.size() > 10) return std::nullopt;
  const auto value = std::stoull(std::string(text));
  if (value >= 0xffffffffULL) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

void check(const Folder& folder, Ordinals expected, std::uint32_t generation) {
  for (std::uint32_t start = 1; start <= 2; ++start) {
    InstrumentRegistry registry(folder.path, "c0", number);
    RINGSIDE_CHECK(registry.generation() == generation + start);
    RINGSIDE_CHECK(registry.count() == expected.size());
    for (const auto& [key, ordinal] : expected) {
      RINGSIDE_CHECK(registry.id_of(key.first, key.second) == InstrumentId::of(number, ordinal));
    }
    const std::pair<std::string, std::string> fresh("venue", "new" + std::to_string(start));
    const auto next = static_cast<std::uint32_t>(expected.size());
    const auto [place, added] = expected.emplace(fresh, next);
    RINGSIDE_CHECK(registry.id_of(fresh.first, fresh.second) ==
                   InstrumentId::of(number, place->second));
    RINGSIDE_CHECK(registry.count() == expected.size());
    (void)added;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto cut = std::min<std::size_t>(data[0], rest.size());
  const auto generation = generation_of(rest.substr(0, cut));
  const auto expected = read_slowly(rest.substr(cut));
  folder.write("c0.generation", rest.substr(0, cut));
  folder.write("c0.instruments", rest.substr(cut));
  try {
    const InstrumentRegistry registry(folder.path, "c0", number);
    RINGSIDE_CHECK(generation && expected);
    RINGSIDE_CHECK(registry.generation() == *generation + 1);
  } catch (const std::runtime_error& error) {
    RINGSIDE_CHECK(!generation || !expected);
    RINGSIDE_CHECK(std::string_view(error.what()).find(folder.path) != std::string_view::npos);
    return 0;
  }
  if (*generation < 0xfffffff0U) check(folder, *expected, *generation + 1);
  return 0;
}
