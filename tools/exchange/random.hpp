// Small deterministic randomness: equal on every machine and library, unlike the standard
// distributions. SplitMix64 (Steele, Lea and Flood, 2014).
#pragma once

#include <cmath>
#include <cstdint>

namespace ringside::exchange {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // 0 .. bound - 1; bound from 1 to 2^32.
  std::uint64_t below(std::uint64_t bound) { return ((next() >> 32) * bound) >> 32; }
  bool percent(unsigned chance) { return below(100) < chance; }
  // 0, 1, ... with that mean, in whole numbers: memoryless, as ranks touched in a book are.
  std::uint64_t geometric(double mean) {
    return static_cast<std::uint64_t>(exponential(mean + 0.5));
  }
  double exponential(double mean) { return -mean * std::log(unit()); }

 private:
  // In (0, 1].
  double unit() { return static_cast<double>((next() >> 11) + 1) * 0x1.0p-53; }

  std::uint64_t state_;
};

}  // namespace ringside::exchange
