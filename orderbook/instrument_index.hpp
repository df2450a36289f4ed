// From an instrument's id to its index within one worker: open addressing, insert-only, a power of
// two at least twice the capacity. Unlike std::unordered_map it never allocates after construction,
// and a look-up is one cache line.
//
// Threads: one. Bounded by: capacity. Fails by: full().
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "ipc/check.hpp"
#include "ringside/instrument.hpp"

namespace ringside::orderbook {

class InstrumentIndexMap {
 public:
  explicit InstrumentIndexMap(std::uint32_t capacity)
      : capacity_(capacity),
        places_(std::bit_ceil(std::uint64_t{capacity} * 2 + 2)),
        mask_(places_.size() - 1) {}

  [[nodiscard]] bool full() const noexcept { return count_ >= capacity_; }
  [[nodiscard]] std::optional<std::uint32_t> find(InstrumentId instrument) const noexcept {
    for (std::uint64_t at = start_of(instrument);; ++at) {
      const Place& place = places_[at & mask_];
      if (place.index_plus_one == 0) return std::nullopt;
      if (place.instrument == instrument.value) return place.index_plus_one - 1;
    }
  }
  // Not there yet, and not full().
  void insert(InstrumentId instrument, std::uint32_t index) noexcept {
    RINGSIDE_DCHECK(!full() && !find(instrument));
    std::uint64_t at = start_of(instrument);
    while (places_[at & mask_].index_plus_one != 0) ++at;
    places_[at & mask_] = {instrument.value, index + 1};
    ++count_;
  }

 private:
  struct Place {
    std::uint32_t instrument = 0;
    std::uint32_t index_plus_one = 0;  // 0: free
  };
  // Ids are small numbers in a row: neighbours stay neighbours, multiples of 2^24 do not collide.
  [[nodiscard]] std::uint64_t start_of(InstrumentId instrument) const noexcept {
    return instrument.value + (std::uint64_t{instrument.collector()} * 0x9e3779b97f4a7c15ULL >> 32);
  }

  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
  std::vector<Place> places_;
  std::uint64_t mask_;
};

}  // namespace ringside::orderbook
