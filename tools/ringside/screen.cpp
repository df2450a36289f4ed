#include "tools/ringside/screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tools/ringside/command.hpp"

namespace ringside::tools {
namespace {

constexpr std::string_view hide_cursor_and_clear = "\x1b[?25l\x1b[2J";
constexpr std::string_view home = "\x1b[H";
constexpr std::string_view end_of_line = "\x1b[K\n";
constexpr std::string_view clear_below = "\x1b[J";
constexpr std::string_view show_cursor = "\x1b[?25h";

bool stdout_is_terminal() {
  const char* const kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::strcmp(kind, "dumb") != 0;
}

}  // namespace

Screen::Screen(bool in_place) : terminal_(stdout_is_terminal()), in_place_(in_place && terminal_) {}

Screen::~Screen() {
  if (begun_ && in_place_) static_cast<void>(print(show_cursor));
}

Screen::Size Screen::size() const {
  winsize window{};
  Size size;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0) {
    size = {window.ws_col, window.ws_row};
  }
  return size;
}

bool Screen::show(const std::vector<std::string>& lines) {
  std::string text;
  if (in_place_) {
    if (!begun_) text += hide_cursor_and_clear;
    text += home;
  }
  begun_ = true;
  for (const auto& line : lines) {
    text += line;
    text += in_place_ ? end_of_line : "\n";
  }
  if (in_place_) text += clear_below;
  return print(text);
}

}  // namespace ringside::tools
