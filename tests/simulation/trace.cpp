#include "tests/simulation/trace.hpp"

#include <cstdio>

namespace ringside::simulation {

void Trace::add_line(std::int64_t now_ns, std::string line) {
  char time[32];
  std::snprintf(time, sizeof(time), "%12.6f ", static_cast<double>(now_ns) / 1e9);
  lines_.push_back(time + std::move(line));
}

}  // namespace ringside::simulation
