#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "ipc/kernel_text.hpp"
#include "ipc/placement.hpp"

namespace ringside::ipc {
namespace {

std::string_view next_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::string_view next_word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(begin);
  const auto word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

// "Pss:    311 kB": true if the line is of that key.
bool field_bytes(std::string_view line, std::string_view key, std::uint64_t& bytes) {
  if (!line.starts_with(key)) return false;
  line.remove_prefix(key.size());
  const auto word = next_word(line);
  std::uint64_t kilobytes = 0;
  std::from_chars(word.data(), word.data() + word.size(), kilobytes);
  bytes = kilobytes * 1024;
  return true;
}

// "7f00-7f20 rw-s 00000000 00:0f 1234  /path": the device and the inode of the mapping.
bool mapping_head(std::string_view line, HugeMapping& mapping) {
  const auto range = next_word(line);
  if (range.empty() || range.back() == ':' || range.find('-') == std::string_view::npos) {
    return false;
  }
  next_word(line);  // permissions
  next_word(line);  // offset
  mapping = HugeMapping{};
  mapping.device = std::string(next_word(line));
  const auto inode = next_word(line);
  std::from_chars(inode.data(), inode.data() + inode.size(), mapping.inode);
  return true;
}

void add_mapping(std::vector<HugeMapping>& mappings, const HugeMapping& head, std::uint64_t bytes) {
  for (auto& known : mappings) {
    if (known.device == head.device && known.inode == head.inode) {
      known.bytes += bytes;
      return;
    }
  }
  mappings.push_back(HugeMapping{head.device, head.inode, bytes});
}

}  // namespace

ProcessMemory parse_process_memory(std::string_view rollup, std::string_view smaps) {
  ProcessMemory memory;
  while (!rollup.empty()) {
    const auto line = next_line(rollup);
    if (field_bytes(line, "Pss:", memory.pss_bytes)) continue;
    if (field_bytes(line, "Private_Hugetlb:", memory.private_huge_bytes)) continue;
    field_bytes(line, "Shared_Hugetlb:", memory.shared_huge_bytes);
  }
  HugeMapping head;
  while (!smaps.empty()) {
    const auto line = next_line(smaps);
    std::uint64_t bytes = 0;
    if (field_bytes(line, "Private_Hugetlb:", bytes) ||
        field_bytes(line, "Shared_Hugetlb:", bytes)) {
      if (bytes > 0) add_mapping(memory.huge_mappings, head, bytes);
      continue;
    }
    mapping_head(line, head);
  }
  return memory;
}

std::optional<ProcessMemory> memory_of_process(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const auto rollup = kernel_text(directory + "/smaps_rollup");
  if (rollup.empty()) return std::nullopt;
  auto memory = parse_process_memory(rollup, {});
  if (memory.private_huge_bytes + memory.shared_huge_bytes == 0) return memory;
  return parse_process_memory(rollup, kernel_text(directory + "/smaps"));
}

std::uint64_t total_bytes(std::span<const ProcessMemory> processes) {
  std::uint64_t total = 0;
  std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> huge;
  for (const auto& process : processes) {
    total += process.pss_bytes;
    if (process.huge_mappings.empty()) {
      total += process.private_huge_bytes + process.shared_huge_bytes;
    }
    for (const auto& mapping : process.huge_mappings) {
      auto& bytes = huge[{mapping.device, mapping.inode}];
      bytes = std::max(bytes, mapping.bytes);
    }
  }
  for (const auto& [file, bytes] : huge) total += bytes;
  return total;
}

}  // namespace ringside::ipc
