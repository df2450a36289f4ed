#include "tests/crash/fault_points.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace ringside::crash {
namespace {

using Name = std::array<char, 64>;

struct List {
  std::atomic<unsigned> count;
  std::array<Name, points_max> names;
};

// Shared with children of fork(), so made before any.
List& list = *static_cast<List*>(
    ::mmap(nullptr, sizeof(List), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

enum class Mode { Idle, WritingDown, Armed };
Mode mode = Mode::Idle;
std::string armed;
unsigned armed_line = 0;
unsigned hits_left = 0;
int armed_signal = 0;

Name name_of(const char* file, unsigned line) {
  Name name{};
  const char* const slash = std::strrchr(file, '/');
  const char* const base = slash == nullptr ? file : slash + 1;
  if (line == 0) {
    std::snprintf(name.data(), name.size(), "%s", file);
  } else {
    std::snprintf(name.data(), name.size(), "%s:%u", base, line);
  }
  return name;
}

void write_down(const Name& name) {
  const unsigned count = list.count.load(std::memory_order_relaxed);
  for (unsigned i = 0; i < count; ++i) {
    if (list.names[i] == name) return;
  }
  if (count == points_max) ::_exit(9);  // raise points_max
  list.names[count] = name;
  list.count.store(count + 1, std::memory_order_release);
}

}  // namespace

void reached(const char* file, unsigned line) noexcept {
  if (mode == Mode::Idle || (mode == Mode::Armed && line != armed_line)) return;
  const Name name = name_of(file, line);
  if (mode == Mode::WritingDown) return write_down(name);
  if (armed != name.data() || --hits_left != 0) return;
  mode = Mode::Idle;
  ::kill(::getpid(), armed_signal);
}

void start_writing_down() { mode = Mode::WritingDown; }

std::vector<std::string> discovered() {
  std::vector<std::string> names;
  for (unsigned i = 0; i < list.count.load(std::memory_order_acquire); ++i) {
    names.emplace_back(list.names[i].data());
  }
  list.count.store(0, std::memory_order_relaxed);
  std::sort(names.begin(), names.end());
  return names;
}

void arm(const std::string& point, unsigned hit, int signal) {
  armed = point;
  const auto colon = point.rfind(".cpp:"), other = point.rfind(".hpp:");
  const auto at = colon != std::string::npos ? colon : other;
  armed_line =
      at == std::string::npos ? 0U : static_cast<unsigned>(std::stoul(point.substr(at + 5)));
  hits_left = hit;
  armed_signal = signal;
  mode = Mode::Armed;
}

}  // namespace ringside::crash
