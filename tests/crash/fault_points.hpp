// Where a process of the crash matrix can be killed: behind every access to a shared word, and at
// the named moments between system calls. Nothing happens unless the process was told to.
//
// Threads: one a process. Bounded by: points_max names.
#pragma once

#include <string>
#include <vector>

namespace ringside::crash {

inline constexpr unsigned points_max = 512;

// `file` and `line` of an access, or a name and 0.
void reached(const char* file, unsigned line) noexcept;

// In a child: from now on write down every point that is reached, for discovered() in the parent.
void start_writing_down();
// The names written down by any child, sorted; empties the list.
std::vector<std::string> discovered();

// In a child: raise `signal` the `hit`th time that the point is reached.
void arm(const std::string& point, unsigned hit, int signal);

}  // namespace ringside::crash
