// Counts every allocation of a program: the source beside it replaces operator new. In a source of
// its own, so that no compiler looks through both sides at once and mistakes the pair for a mistake.
#pragma once

#include <cstdint>

namespace ringside::collector::bench {

// Since the program began.
std::uint64_t allocations();

}  // namespace ringside::collector::bench
