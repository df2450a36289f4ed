// What was asked for and could not be had, in one line fit for a screen. Whoever sets a process up
// collects these and prints each once; nothing falls back without one.
#pragma once

#include <string>

namespace ringside::ipc {

struct Degradation {
  std::string line;  // what was asked, what there is instead, why
};

}  // namespace ringside::ipc
