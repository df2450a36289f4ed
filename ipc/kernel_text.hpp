// Small texts of /proc and /sys, and numbers printed for people. Private to placement.
//
// Threads: any. Bounded by: kernel_text_bytes_max. Fails by: an empty text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::ipc {

inline constexpr std::size_t kernel_text_bytes_max = 64U << 20U;

// The whole file; empty where it cannot be read.
std::string kernel_text(const std::string& path);

// The path of the unified hierarchy ("0::/x") in the text of /proc/<pid>/cgroup; "" for its root.
std::string cgroup_path(std::string_view cgroup_file);

// "7.5 MiB"
std::string byte_text(std::uint64_t bytes);

}  // namespace ringside::ipc
