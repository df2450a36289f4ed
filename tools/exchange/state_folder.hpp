// Where the exchange keeps its certificates: a folder of the user's, or a temporary one that goes
// away with this object.
//
// Fails by: std::system_error at construction.
#pragma once

#include <string>

namespace ringside::exchange {

class StateFolder {
 public:
  // Empty: a fresh temporary one, mode 0750.
  explicit StateFolder(const std::string& path);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool temporary_ = false;
};

}  // namespace ringside::exchange
