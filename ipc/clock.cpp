#include "ipc/clock.hpp"

#include <cmath>

namespace ringside::ipc {
namespace {

constexpr unsigned sample_tries = 8;
constexpr double rate_deviation_max = 0.01;  // steering is below 0.1 %; more is a suspended host
constexpr std::uint64_t rate_span_ns_min = 100'000'000;

std::uint64_t ns_of(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

struct RawSample {
  Ticks ticks;
  std::uint64_t raw_ns = 0;
};

// The clock between two readings of the counter, the narrowest of a few.
RawSample sample_raw() noexcept {
  RawSample best;
  std::uint64_t narrowest = UINT64_MAX;
  for (unsigned i = 0; i < sample_tries; ++i) {
    const auto before = now_ticks();
    const auto raw = ns_of(CLOCK_MONOTONIC_RAW);
    const auto width = now_ticks().value - before.value;
    if (width < narrowest) {
      narrowest = width;
      best = RawSample{Ticks{before.value + width / 2}, raw};
    }
  }
  return best;
}

double measured_ticks_per_ns() noexcept {
  const auto first = sample_raw();
  while (ns_of(CLOCK_MONOTONIC_RAW) - first.raw_ns < calibration_ns) {
  }
  const auto second = sample_raw();
  return static_cast<double>(second.ticks.value - first.ticks.value) /
         static_cast<double>(second.raw_ns - first.raw_ns);
}

}  // namespace

ScaledRatio ScaledRatio::of(double value) noexcept {
  // The largest shift with which the multiplier stays below 2^62: all of a double's 53 bits.
  std::uint32_t shift = 60;
  while (shift > 0 && std::ldexp(value, static_cast<int>(shift)) >= 0x1p62) --shift;
  return ScaledRatio{
      static_cast<std::uint64_t>(std::llround(std::ldexp(value, static_cast<int>(shift)))), shift};
}

TickRate TickRate::of(double ticks_per_ns, bool invariant_tsc) noexcept {
  return TickRate{ticks_per_ns, invariant_tsc, ScaledRatio::of(1.0 / ticks_per_ns),
                  ScaledRatio::of(ticks_per_ns)};
}

TickRate TickRate::of_host() {
  static const TickRate rate = ticks_are_tsc ? of(measured_ticks_per_ns(), true) : of(1.0, false);
  return rate;
}

ClockSample sample_clocks() noexcept {
  ClockSample best;
  std::uint64_t narrowest = UINT64_MAX;
  for (unsigned i = 0; i < sample_tries; ++i) {
    const auto before = now_ticks();
    const auto utc = ns_of(CLOCK_REALTIME);
    const auto monotonic = monotonic_ns();
    const auto width = now_ticks().value - before.value;
    if (width < narrowest) {
      narrowest = width;
      best = ClockSample{Ticks{before.value + width / 2}, UtcNs{static_cast<std::int64_t>(utc)},
                         monotonic};
    }
  }
  return best;
}

ClockPageWriter::ClockPageWriter(ClockPage& page, const TickRate& rate) noexcept
    : page_(&page),
      rate_(rate),
      measured_(rate.to_ns),
      refresh_ticks_(rate.ticks(clock_refresh_ns)) {}

void ClockPageWriter::publish(const ClockSample& sample) noexcept {
  // Measured over one refresh at a time, so that it follows how the kernel steers UTC just now.
  const auto ticks = sample.ticks.value - base_.ticks.value;
  const auto elapsed_ns = sample.monotonic_ns - base_.monotonic_ns;
  if (!based_) {
    base_ = sample;
    based_ = true;
  } else if (sample.ticks > base_.ticks && elapsed_ns >= rate_span_ns_min) {
    const double ns_per_tick = static_cast<double>(elapsed_ns) / static_cast<double>(ticks);
    // A host that slept stops one of the two clocks; then the calibrated rate stands.
    const bool plausible = std::abs(ns_per_tick * rate_.ticks_per_ns - 1.0) < rate_deviation_max;
    measured_ = plausible ? ScaledRatio::of(ns_per_tick) : rate_.to_ns;
    base_ = sample;
  }
  page_->write([&](ClockPage::Copy& copy) {
    copy.put(clock_word::tsc0, sample.ticks.value);
    copy.put(clock_word::utc0_ns, static_cast<std::uint64_t>(sample.utc.value));
    copy.put(clock_word::multiplier, measured_.multiplier);
    copy.put(clock_word::shift,
             measured_.shift | (rate_.invariant_tsc ? std::uint64_t{1} << 32 : 0));
  });
  next_ = Ticks{sample.ticks.value + refresh_ticks_};
}

}  // namespace ringside::ipc
