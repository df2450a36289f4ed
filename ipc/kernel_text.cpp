#include "ipc/kernel_text.hpp"

#include <array>
#include <cstdio>
#include <memory>

namespace ringside::ipc {

std::string kernel_text(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "re"), close);
  if (!file) return {};
  // These files do not know their size before they are read.
  std::string text;
  std::array<char, 4096> chunk;
  while (text.size() < kernel_text_bytes_max) {
    const auto got = std::fread(chunk.data(), 1, chunk.size(), file.get());
    if (got == 0) break;
    text.append(chunk.data(), got);
  }
  return text;
}

std::string cgroup_path(std::string_view cgroup_file) {
  constexpr std::string_view unified = "0::";
  while (!cgroup_file.empty()) {
    const auto line = cgroup_file.substr(0, cgroup_file.find('\n'));
    if (line.starts_with(unified)) {
      const auto path = line.substr(unified.size());
      return path == "/" ? std::string{} : std::string(path);
    }
    cgroup_file.remove_prefix(line.size() < cgroup_file.size() ? line.size() + 1 : line.size());
  }
  return {};
}

std::string byte_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < units.size()) {
    value /= 1024.0;
    ++unit;
  }
  std::array<char, 32> text{};
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text.data();
}

}  // namespace ringside::ipc
