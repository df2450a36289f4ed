#include "ipc/histogram.hpp"

#include <algorithm>
#include <cmath>

#include "ipc/check.hpp"

namespace ringside::ipc {
namespace {

// Saturating: counts from another process may say anything.
std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

Atomic<std::uint64_t> unread_slots[live_slots];
Atomic<std::uint64_t> unread_beyond;

}  // namespace

HistogramSnapshot::HistogramSnapshot(const HistogramGeometry& geometry)
    : geometry_(geometry), counts_(geometry.slots(), 0) {}

void HistogramSnapshot::record(std::uint64_t value, std::uint64_t times) noexcept {
  auto& slot = counts_[geometry_.index_of(std::min(value, geometry_.highest()))];
  slot = sum(slot, times);
}

bool HistogramSnapshot::add(const HistogramSnapshot& other) noexcept {
  if (!(other.geometry_ == geometry_)) return false;
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] = sum(counts_[i], other.counts_[i]);
  return true;
}

bool HistogramSnapshot::subtract(const HistogramSnapshot& earlier) noexcept {
  if (!(earlier.geometry_ == geometry_)) return false;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] < earlier.counts_[i]) return false;
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] -= earlier.counts_[i];
  return true;
}

void HistogramSnapshot::clear() noexcept { std::fill(counts_.begin(), counts_.end(), 0); }

std::uint64_t HistogramSnapshot::count() const noexcept {
  std::uint64_t total = 0;
  for (const auto slot : counts_) total = sum(total, slot);
  return total;
}

std::uint64_t HistogramSnapshot::min() const noexcept {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) return geometry_.lowest_of(i);
  }
  return 0;
}

std::uint64_t HistogramSnapshot::max() const noexcept {
  for (std::size_t i = counts_.size(); i-- > 0;) {
    if (counts_[i] != 0) return geometry_.highest_of(i);
  }
  return 0;
}

double HistogramSnapshot::mean() const noexcept {
  const auto total = count();
  if (total == 0) return 0.0;
  double weighted = 0.0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    weighted += static_cast<double>(geometry_.median_of(i)) * static_cast<double>(counts_[i]);
  }
  return weighted / static_cast<double>(total);
}

double HistogramSnapshot::standard_deviation() const noexcept {
  const auto total = count();
  if (total == 0) return 0.0;
  const double centre = mean();
  double weighted = 0.0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const double deviation = static_cast<double>(geometry_.median_of(i)) - centre;
    weighted += deviation * deviation * static_cast<double>(counts_[i]);
  }
  return std::sqrt(weighted / static_cast<double>(total));
}

std::uint64_t HistogramSnapshot::percentile(double percent) const noexcept {
  const auto total = count();
  if (total == 0) return 0;
  const double share = std::clamp(percent, 0.0, 100.0) / 100.0;
  const double wanted = std::max(1.0, std::ceil(share * static_cast<double>(total)));
  std::uint64_t running = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    running = sum(running, counts_[i]);
    if (static_cast<double>(running) >= wanted) return geometry_.highest_of(i);
  }
  return max();
}

Histogram::Histogram() noexcept : slots_(unread_slots), beyond_(&unread_beyond) {}

void copy_live_slots(std::span<const Atomic<std::uint64_t>, live_slots> slots,
                     HistogramSnapshot& snapshot) noexcept {
  RINGSIDE_CHECK(snapshot.geometry() == live_geometry);
  auto counts = snapshot.slots();
  for (std::size_t i = 0; i < live_slots; ++i) {
    counts[i] = slots[i].load(std::memory_order_relaxed);  // C1: pairs with P1
  }
}

}  // namespace ringside::ipc
