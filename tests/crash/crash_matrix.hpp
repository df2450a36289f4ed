// One round of the crash matrix: a victim in a process of its own is killed or stopped at one fault
// point of one structure, and the other side, this process, goes on.
//
// Forbidden: a hang (every loop here is bounded), a torn or repeated record, a value given out as
// good once its writer is dead or hangs, a name that its successor cannot have, a name that two
// have, a file that nobody removes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/crash/structures.hpp"

namespace ringside::crash {

struct Round {
  const Structure* structure = nullptr;
  bool victim_writes = false;
  std::string point;
  unsigned hit = 1;
  int signal = 0;  // SIGKILL or SIGSTOP
};

struct Outcome {
  bool reached = false;           // the victim came to the point
  std::string wrong;              // empty: all that must hold held
  std::uint64_t reattach_ns = 0;  // successor made or reader attached, and its first good record
  std::uint64_t off_core_ns = 0;  // of that, ready to run, while others had the processors; all of
                                  // it, where the kernel does not say
  [[nodiscard]] std::uint64_t on_core_ns() const { return reattach_ns - off_core_ns; }
};

Outcome run(const Round& round);

// The points of one structure that the side passes, found by a run in which nothing happens to it.
std::vector<std::string> points_of(const Structure& structure, bool writer);

}  // namespace ringside::crash
