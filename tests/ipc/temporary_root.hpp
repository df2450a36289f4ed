// A root of segments for one test, removed with everything in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace ringside::ipc {

class TemporaryRoot {
 public:
  TemporaryRoot() {
    std::string pattern = "/dev/shm/ringside-test-XXXXXX";
    const char* made = ::mkdtemp(pattern.data());
    EXPECT_NE(made, nullptr);
    path_ = pattern;
    ::setenv("RINGSIDE_SHM_ROOT", path_.c_str(), 1);
  }
  TemporaryRoot(const TemporaryRoot&) = delete;
  TemporaryRoot& operator=(const TemporaryRoot&) = delete;
  ~TemporaryRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    ::unsetenv("RINGSIDE_SHM_ROOT");
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ringside::ipc
