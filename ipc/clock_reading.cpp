// What reading a clock page needs, apart from what writing one needs: no floating point and nothing
// but the C library.
#include "ipc/clock.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ringside::ipc {

bool has_invariant_tsc() noexcept {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned power_management_leaf = 0x8000'0007;
  return __get_cpuid(power_management_leaf, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
#else
  return false;
#endif
}

UtcNs ClockReading::utc_of(Ticks ticks) const noexcept {
  const bool after = ticks >= tsc0;
  const auto distance =
      ns_per_tick.times(after ? ticks.value - tsc0.value : tsc0.value - ticks.value);
  const auto step = distance > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(distance);
  std::int64_t utc = 0;
  const bool overflow = after ? __builtin_add_overflow(utc0.value, step, &utc)
                              : __builtin_sub_overflow(utc0.value, step, &utc);
  if (overflow) return UtcNs{after ? INT64_MAX : INT64_MIN};
  return UtcNs{utc};
}

bool read_clock(const ClockPage& page, ClockReading& reading) noexcept {
  ClockReading taken;
  for (unsigned i = 0; i < clock_read_tries; ++i) {
    const auto status = page.read([&](const ClockPage::Copy& copy) {
      const auto shift_and_flags = copy.take(clock_word::shift);
      taken = ClockReading{
          Ticks{copy.take(clock_word::tsc0)},
          UtcNs{static_cast<std::int64_t>(copy.take(clock_word::utc0_ns))},
          {copy.take(clock_word::multiplier), static_cast<std::uint32_t>(shift_and_flags & 63U)},
          (shift_and_flags >> 32) != 0};
    });
    if (status == LatchStatus::Empty) return false;
    if (status == LatchStatus::Ok) {
      reading = taken;
      return true;
    }
  }
  return false;
}

}  // namespace ringside::ipc
