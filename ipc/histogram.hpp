// Latency histograms in the HdrHistogram manner: slots of constant relative width, counted in
// place.
//
// Unlike HdrHistogram's recorders nothing is ever reset and nothing is swapped: one thread counts,
// anyone copies, an interval is the difference of two copies. Totals are derived from a copy, never
// kept beside it, so that a copy taken in mid-update is still a true histogram.
//
// Threads: Histogram::record() from the one thread it was made for. HistogramSnapshot is a plain
// value; copy_live_slots() in any process. Bounded by: digits_max, and so slots() < 2^23.
// Fails by: record() puts what is above the range into the last slot and counts it as beyond; a
// HistogramSnapshot refuses to mix geometries.
//
// Order of the shared words (P: writer, C: reader):
//   P1 slots, beyond  relaxed      C1 relaxed: each is a count of its own, nothing follows from it
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ipc/shared_words.hpp"

namespace ringside::ipc {

// Which values share a slot. Formulas and names after HdrHistogram 2.1 (Gil Tene).
// Invariant: 1 <= lowest, 2 * lowest <= highest < 2^62, 1 <= digits <= digits_max.
class HistogramGeometry {
 public:
  static constexpr unsigned digits_max = 5;
  static constexpr std::uint64_t highest_max = std::uint64_t{1} << 62;

  // Nothing where the invariant does not hold.
  static constexpr std::optional<HistogramGeometry> of(std::uint64_t lowest, std::uint64_t highest,
                                                       unsigned digits) {
    if (lowest < 1 || highest >= highest_max || highest / 2 < lowest) return std::nullopt;
    if (digits < 1 || digits > digits_max) return std::nullopt;
    std::uint64_t resolution = 2;
    for (unsigned i = 0; i < digits; ++i) resolution *= 10;
    HistogramGeometry g;
    g.lowest_ = lowest;
    g.highest_ = highest;
    g.digits_ = digits;
    g.unit_magnitude_ = static_cast<unsigned>(std::bit_width(lowest)) - 1;
    g.half_magnitude_ = static_cast<unsigned>(std::bit_width(resolution - 1)) - 1;
    if (g.unit_magnitude_ + g.half_magnitude_ + 1 > 61) return std::nullopt;
    g.buckets_ = 1;
    const auto sub_buckets = std::uint64_t{2} << g.half_magnitude_;
    for (auto v = sub_buckets << g.unit_magnitude_; v <= highest; v <<= 1) ++g.buckets_;
    return g;
  }

  [[nodiscard]] constexpr std::uint64_t lowest() const { return lowest_; }
  [[nodiscard]] constexpr std::uint64_t highest() const { return highest_; }
  [[nodiscard]] constexpr unsigned digits() const { return digits_; }
  [[nodiscard]] constexpr unsigned buckets() const { return buckets_; }
  [[nodiscard]] constexpr std::size_t sub_buckets() const {
    return std::size_t{2} << half_magnitude_;
  }
  [[nodiscard]] constexpr std::size_t slots() const {
    return (std::size_t{buckets_} + 1) << half_magnitude_;
  }

  // Of a value <= highest(): an index below slots().
  [[nodiscard]] constexpr std::size_t index_of(std::uint64_t value) const {
    const auto mask = (sub_buckets() - 1) << unit_magnitude_;
    const auto bucket = static_cast<unsigned>(std::bit_width(value | mask)) -
                        (unit_magnitude_ + half_magnitude_ + 1);
    const auto sub = value >> (bucket + unit_magnitude_);
    return ((std::size_t{bucket} + 1) << half_magnitude_) + sub -
           (std::size_t{1} << half_magnitude_);
  }
  // Slot `index` holds [lowest_of, lowest_of + size_of).
  [[nodiscard]] constexpr std::uint64_t size_of(std::size_t index) const {
    return std::uint64_t{1} << (bucket_of(index) + unit_magnitude_);
  }
  [[nodiscard]] constexpr std::uint64_t lowest_of(std::size_t index) const {
    const auto half = std::size_t{1} << half_magnitude_;
    const auto sub = index < 2 * half ? index : (index & (half - 1)) + half;
    return std::uint64_t{sub} << (bucket_of(index) + unit_magnitude_);
  }
  [[nodiscard]] constexpr std::uint64_t highest_of(std::size_t index) const {
    return lowest_of(index) + size_of(index) - 1;
  }
  [[nodiscard]] constexpr std::uint64_t median_of(std::size_t index) const {
    return lowest_of(index) + size_of(index) / 2;
  }

  friend constexpr bool operator==(const HistogramGeometry&, const HistogramGeometry&) = default;

 private:
  constexpr HistogramGeometry() = default;
  [[nodiscard]] constexpr unsigned bucket_of(std::size_t index) const {
    const auto half_bucket = static_cast<unsigned>(index >> half_magnitude_);
    return half_bucket < 2 ? 0 : half_bucket - 1;
  }

  std::uint64_t lowest_ = 0, highest_ = 0;
  unsigned digits_ = 0;
  unsigned unit_magnitude_ = 0;
  unsigned half_magnitude_ = 0;  // log2 of half the slots of a bucket
  unsigned buckets_ = 0;
};

// Of every histogram in a telemetry segment: 1 ns to 60 s, two digits.
inline constexpr HistogramGeometry live_geometry = *HistogramGeometry::of(1, 60'000'000'000, 2);
inline constexpr std::size_t live_slots = 3840;
static_assert(live_geometry.slots() == live_slots);

// A histogram in private memory: a copy of a live one, a difference, or a plain recorder.
class HistogramSnapshot {
 public:
  // Allocates geometry.slots() counts: at setup, not per record.
  explicit HistogramSnapshot(const HistogramGeometry& geometry = live_geometry);

  [[nodiscard]] const HistogramGeometry& geometry() const { return geometry_; }
  [[nodiscard]] std::span<const std::uint64_t> slots() const { return counts_; }
  [[nodiscard]] std::span<std::uint64_t> slots() { return counts_; }

  // A value above the range counts in the last slot.
  void record(std::uint64_t value, std::uint64_t times = 1) noexcept;
  // False, and nothing changes: other geometry; for subtract also: some slot would go below 0, so
  // that `earlier` is no earlier copy of the same histogram.
  [[nodiscard]] bool add(const HistogramSnapshot& other) noexcept;
  [[nodiscard]] bool subtract(const HistogramSnapshot& earlier) noexcept;
  void clear() noexcept;

  // All derived by walking the slots; all 0 for an empty histogram.
  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] std::uint64_t min() const noexcept;          // lower end of the first slot in use
  [[nodiscard]] std::uint64_t max() const noexcept;          // upper end of the last slot in use
  [[nodiscard]] double mean() const noexcept;                // of the slots' medians
  [[nodiscard]] double standard_deviation() const noexcept;  // of the population
  // Upper end of the slot in which `percent` (0..100) of the values are reached.
  [[nodiscard]] std::uint64_t percentile(double percent) const noexcept;

 private:
  HistogramGeometry geometry_;
  std::vector<std::uint64_t> counts_;
};

// The counting end of a live histogram, over the slots of a telemetry segment.
class Histogram {
 public:
  // Counts into words that nobody reads: for whoever has no telemetry.
  Histogram() noexcept;
  // `slots` is live_slots words that outlive this; `beyond` one more.
  Histogram(std::span<Atomic<std::uint64_t>, live_slots> slots,
            Atomic<std::uint64_t>& beyond) noexcept
      : slots_(slots.data()), beyond_(&beyond) {}

  void record(std::uint64_t value_ns) noexcept {
    if (value_ns > live_geometry.highest()) [[unlikely]] {
      bump(*beyond_);
      value_ns = live_geometry.highest();
    }
    bump(slots_[live_geometry.index_of(value_ns)]);
  }

 private:
  static void bump(Atomic<std::uint64_t>& word) noexcept {
    // owner: only this thread writes, so that no locked instruction is needed. P1: pairs with C1
    word.store(word.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  Atomic<std::uint64_t>* slots_;
  Atomic<std::uint64_t>* beyond_;
};

// Copies live slots into `snapshot`, which has live_geometry (checked).
void copy_live_slots(std::span<const Atomic<std::uint64_t>, live_slots> slots,
                     HistogramSnapshot& snapshot) noexcept;

}  // namespace ringside::ipc
