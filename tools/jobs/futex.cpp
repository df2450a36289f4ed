#include "tools/jobs/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

namespace ringside::ipc {

static_assert(sizeof(Atomic<std::uint32_t>) == 4);

void futex_wait(const Atomic<std::uint32_t>& word, std::uint32_t expected,
                std::uint64_t deadline_ns) noexcept {
  constexpr std::uint64_t ns_per_s = 1'000'000'000;
  const timespec until{static_cast<time_t>(deadline_ns / ns_per_s),
                       static_cast<long>(deadline_ns % ns_per_s)};
  // FUTEX_WAIT_BITSET takes an absolute time.
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
          deadline_ns == no_deadline ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void futex_wake(const Atomic<std::uint32_t>* word, std::uint32_t count) noexcept {
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
          static_cast<int>(std::min<std::uint32_t>(count, INT_MAX)), nullptr, nullptr, 0);
}

}  // namespace ringside::ipc
