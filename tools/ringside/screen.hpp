// A terminal that is painted over in place, or a plain stream of lines where there is none.
//
// Threads: one. Fails by: show() returning false when nobody reads any more.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ringside::tools {

class Screen {
 public:
  // `in_place`: paint over what stands there, if stdout is a terminal.
  explicit Screen(bool in_place);
  // Gives the cursor back and leaves the last frame standing.
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] bool is_terminal() const { return terminal_; }
  struct Size {
    std::size_t columns = 80;
    std::size_t rows = 24;
  };
  [[nodiscard]] Size size() const;
  // Terminal: replaces what is there. Else: appends.
  [[nodiscard]] bool show(const std::vector<std::string>& lines);

 private:
  bool terminal_;
  bool in_place_;
  bool begun_ = false;
};

}  // namespace ringside::tools
