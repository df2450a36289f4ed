// How long to wait before the next attempt: capped exponential with full jitter, so that a thousand
// clients cut off together do not come back together. Pure: randomness comes from the seed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ipc/check.hpp"

namespace ringside::net {

struct BackoffOptions {
  std::int64_t base_ns = 250'000'000;    // > 0: the ceiling of the first wait
  std::int64_t cap_ns = 30'000'000'000;  // >= base_ns: the ceiling of any
};

class Backoff {
 public:
  Backoff(const BackoffOptions& options, std::uint64_t seed) : options_(options), state_(seed) {
    RINGSIDE_CHECK(options.base_ns > 0);
    RINGSIDE_CHECK(options.cap_ns >= options.base_ns);
  }

  // Uniform in [0, min(cap_ns, base_ns << attempt)], never below `at_least_ns` (Retry-After).
  [[nodiscard]] std::int64_t next_ns(std::int64_t at_least_ns = 0) noexcept {
    const std::int64_t ceiling = ceiling_ns();
    ++attempt_;
    return std::max(spread_ns(ceiling), at_least_ns);
  }

  // Uniform in [0, most_ns]: a spread for whatever else many would do at once.
  [[nodiscard]] std::int64_t spread_ns(std::int64_t most_ns) noexcept {
    return static_cast<std::int64_t>(random() % (static_cast<std::uint64_t>(most_ns) + 1));
  }

  [[nodiscard]] std::int64_t cap_ns() const noexcept { return options_.cap_ns; }

  // After a connection that has proved itself.
  void reset() noexcept { attempt_ = 0; }
  [[nodiscard]] std::uint32_t attempt() const noexcept { return attempt_; }

  // What the next wait cannot exceed.
  [[nodiscard]] std::int64_t ceiling_ns() const noexcept {
    // Doubling stops before it could overflow: 2^62 ns are 146 years.
    if (attempt_ >= 62 || options_.base_ns > options_.cap_ns >> attempt_) return options_.cap_ns;
    return options_.base_ns << attempt_;
  }

 private:
  // SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t random() noexcept {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  BackoffOptions options_;
  std::uint64_t state_;
  std::uint32_t attempt_ = 0;
};

}  // namespace ringside::net
