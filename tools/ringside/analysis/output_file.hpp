// A file that grows under a name ending in .part and gets its own in finish(): what has its name is
// whole. Mode 0640, folders 0750, never through a symbolic link, and never in place of another file
// unless asked to.
//
// Threads: one. Fails by: throwing CommandError with the path and the system's reason; the part is
// removed by the destructor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

namespace ringside::tools {

enum class IfExists : std::uint8_t { Refuse, Replace };

class OutputFile {
 public:
  OutputFile(std::filesystem::path path, IfExists if_exists)
      : path_(std::move(path)), if_exists_(if_exists) {}
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept
      : path_(std::move(other.path_)),
        if_exists_(other.if_exists_),
        begun_(std::exchange(other.begun_, false)) {}
  OutputFile& operator=(OutputFile&&) = delete;

  // Opens, writes and closes: any number of these may be under way.
  void append(std::string_view bytes);
  void finish();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  IfExists if_exists_;
  bool begun_ = false;
};

}  // namespace ringside::tools
