// Tells from many numbers as written how many decimals their sender means. A venue that always
// writes all its decimals is recognised by that, so that one damaged number does not count; of one
// that leaves trailing zeros out the finest number does.
//
// Threads: one. Bounded by: a fixed array. Fails by: passing over what is no number, or finer than
// exponent_finest.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <string_view>

#include "collector/decimal.hpp"

namespace ringside::collector {

class DecimalsTally {
 public:
  void add(std::string_view token) noexcept {
    Exponent written;
    if (written_exponent(token, written) != DecimalStatus::Ok || written < exponent_finest) return;
    ++numbers_[static_cast<std::size_t>(std::max(-written.power_of_ten, 0))];
  }
  void clear() noexcept { numbers_ = {}; }

  [[nodiscard]] std::uint64_t count() const noexcept {
    return std::accumulate(numbers_.begin(), numbers_.end(), std::uint64_t{0});
  }
  // All numbers are written with the same decimals.
  [[nodiscard]] bool uniform() const noexcept {
    return count() != 0 && *std::max_element(numbers_.begin(), numbers_.end()) == count();
  }
  // 0 if there were none.
  [[nodiscard]] Exponent exponent() const noexcept {
    constexpr std::uint64_t nearly_all = 8;  // all but one in so many
    const auto all = count();
    const auto most = std::max_element(numbers_.begin(), numbers_.end());
    auto decimals = static_cast<std::size_t>(most - numbers_.begin());
    if (*most < all - all / nearly_all) {
      decimals = numbers_.size() - 1;
      while (numbers_[decimals] == 0) --decimals;
    }
    return Exponent{static_cast<std::int8_t>(-static_cast<int>(decimals))};
  }

 private:
  std::array<std::uint64_t, 19> numbers_{};  // by their decimals
};

}  // namespace ringside::collector
