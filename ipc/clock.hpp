// The host's tick counter, its rate, and a page from which other processes convert ticks to UTC.
//
// Unlike std::chrono clocks, reading ticks never enters the kernel, costs one instruction, and the
// number means the same in every process of the host. Without an invariant TSC ticks are
// nanoseconds of CLOCK_MONOTONIC; TickRate::invariant_tsc and the page say so.
//
// Threads: now_ticks() and TickRate from any; ClockPageWriter from one; read_clock() from any
// process. Fails by: read_clock() answers false until a page has been published.
//
// Order of the page's words: those of ipc/latch.hpp.
#pragma once

#include <cstdint>
#include <ctime>

#include "ipc/latch.hpp"
#include "ringside/time.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace ringside::ipc {

// The processor's word for it: constant rate, never stops. False on other processors.
bool has_invariant_tsc() noexcept;

// Decided once, before main() of every program; all processes of a host decide alike.
inline const bool ticks_are_tsc = has_invariant_tsc();

inline std::uint64_t monotonic_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

inline Ticks now_ticks() noexcept {
#if defined(__x86_64__)
  if (ticks_are_tsc) [[likely]] {
    return Ticks{__rdtsc()};
  }
#endif
  return Ticks{monotonic_ns()};
}

// x * multiplier / 2^shift, 128 bits inside, saturating: a fixed-point factor.
struct ScaledRatio {
  std::uint64_t multiplier = 1;
  std::uint32_t shift = 0;  // 0..63

  // value in [2^-9, 2^60). The error is below 2^-51 of the value.
  static ScaledRatio of(double value) noexcept;
  [[nodiscard]] std::uint64_t times(std::uint64_t x) const noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = (static_cast<Wide>(x) * multiplier) >> (shift & 63U);
    return product > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(product);
  }
  friend bool operator==(const ScaledRatio&, const ScaledRatio&) = default;
};

// How fast the host's ticks go.
struct TickRate {
  double ticks_per_ns = 1.0;
  bool invariant_tsc = false;  // false: ticks are nanoseconds of CLOCK_MONOTONIC
  ScaledRatio to_ns;
  ScaledRatio to_ticks;

  // The first call measures against CLOCK_MONOTONIC_RAW for calibration_ns, to about 20 ppm; later
  // calls, from any thread, return the same.
  static TickRate of_host();
  static TickRate of(double ticks_per_ns, bool invariant_tsc) noexcept;

  [[nodiscard]] std::uint64_t ns(std::uint64_t ticks) const noexcept { return to_ns.times(ticks); }
  [[nodiscard]] std::uint64_t ticks(std::uint64_t ns) const noexcept { return to_ticks.times(ns); }
  // 0 where `later` is the earlier one: two cores' counters may differ by a few ticks.
  [[nodiscard]] std::uint64_t ns_between(Ticks earlier, Ticks later) const noexcept {
    return later <= earlier ? 0 : ns(later.value - earlier.value);
  }
};
inline constexpr std::uint64_t calibration_ns = 5'000'000;

// All clocks at (very nearly) one moment.
struct ClockSample {
  Ticks ticks;
  UtcNs utc;
  std::uint64_t monotonic_ns = 0;  // CLOCK_MONOTONIC: steered like UTC, but never stepped
};
// The best of a few tries: the one whose readings lay closest together.
ClockSample sample_clocks() noexcept;

// What a page says. A private copy; valid for ticks near tsc0.
struct ClockReading {
  Ticks tsc0;
  UtcNs utc0;
  ScaledRatio ns_per_tick;
  bool invariant_tsc = false;

  // Also for ticks before tsc0. Saturates instead of overflowing: a page may say anything.
  [[nodiscard]] UtcNs utc_of(Ticks ticks) const noexcept;
};

namespace clock_word {
inline constexpr std::size_t tsc0 = 0;
inline constexpr std::size_t utc0_ns = 1;
inline constexpr std::size_t multiplier = 2;
inline constexpr std::size_t shift = 3;  // | invariant TSC << 32
inline constexpr std::size_t count = 7;
}  // namespace clock_word
using ClockPage = Latch<clock_word::count>;
static_assert(sizeof(ClockPage) == 256);

// Where the payload of a telemetry segment holds one, and the histograms that stand behind it.
inline constexpr std::size_t telemetry_clock_offset = 128;
inline constexpr std::size_t telemetry_histogram_bytes = 30848;

inline constexpr std::uint64_t clock_refresh_ns = 1'000'000'000;

// Keeps one page true. Each publication takes UTC afresh, so that a stepped clock is right again
// after clock_refresh_ns; the rate comes from the steered monotonic clock, which no step reaches.
class ClockPageWriter {
 public:
  ClockPageWriter(ClockPage& page, const TickRate& rate) noexcept;

  [[nodiscard]] bool due(Ticks now) const noexcept { return now >= next_; }
  void publish(const ClockSample& sample) noexcept;

 private:
  ClockPage* page_;
  TickRate rate_;
  ScaledRatio measured_;
  ClockSample base_;  // where the rate is measured from
  Ticks next_;
  std::uint64_t refresh_ticks_;
  bool based_ = false;
};

// False: nothing has been published, or the page is being rewritten faster than it can be read
// (clock_read_tries), which a true writer never does.
[[nodiscard]] bool read_clock(const ClockPage& page, ClockReading& reading) noexcept;
inline constexpr unsigned clock_read_tries = 16;

}  // namespace ringside::ipc
