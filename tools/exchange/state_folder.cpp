#include "tools/exchange/state_folder.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace ringside::exchange {
namespace {

constexpr mode_t folder_mode = 0750;

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(
      errno, std::generic_category(),
      "--state-dir: cannot make " + path + " (does its parent exist, may you write there?)");
}

}  // namespace

StateFolder::StateFolder(const std::string& path) : path_(path) {
  if (!path.empty()) {
    if (mkdir(path.c_str(), folder_mode) != 0 && errno != EEXIST) fail(path);
    return;
  }
  path_ = (std::filesystem::temp_directory_path() / "ringside-exchange-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) fail(path_);
  temporary_ = true;
  if (chmod(path_.c_str(), folder_mode) != 0) fail(path_);
}

StateFolder::~StateFolder() {
  std::error_code ignored;  // nothing to be done about it at the end
  if (temporary_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace ringside::exchange
