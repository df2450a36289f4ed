// A file that grows under a name ending in .part and gets its own in finish(): what has its name is
// whole. Mode 0640, folders 0750, never through a symbolic link.
//
// Threads: one. Fails by: throwing CommandError with the path and the system's reason; the part is
// removed by the destructor.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

namespace ringside::tools {

class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept
      : path_(std::move(other.path_)), begun_(std::exchange(other.begun_, false)) {}
  OutputFile& operator=(OutputFile&&) = delete;

  // Opens, writes and closes: any number of these may be under way.
  void append(std::string_view bytes);
  void finish();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  bool begun_ = false;
};

}  // namespace ringside::tools
