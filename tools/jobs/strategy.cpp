#include "tools/jobs/strategy.hpp"

#include <algorithm>

namespace ringside::jobs {

const char* name_of(Strategy strategy) noexcept {
  constexpr std::array<const char*, strategies> names{"in_place", "pool", "queue"};
  return names[static_cast<std::size_t>(strategy)];
}

Costs::Costs(OperationKind kind, unsigned workers, unsigned depth, double hand_over_ns)
    : kind_(kind), workers_(workers), depth_(depth), hand_over_ns_(hand_over_ns) {}

bool Costs::wants_probe() const noexcept {
  const auto& known = known_[static_cast<std::size_t>(Strategy::InPlace)];
  return !known.tried() || known.batches_ago >= retry_batches;
}

// Of what has not been tried: the best that it could be.
double Costs::item_ns(Strategy strategy) const noexcept {
  const auto& known = known_[static_cast<std::size_t>(strategy)];
  if (known.tried()) return known.work_ns / known.items;
  const auto& in_place = known_[static_cast<std::size_t>(Strategy::InPlace)];
  const double alone = in_place.tried() ? in_place.work_ns / in_place.items : 0;
  if (strategy == Strategy::InPlace) return alone;
  return alone / (strategy == Strategy::Pool ? workers_ : std::max(depth_, workers_));
}

double Costs::begin_ns(Strategy strategy) const noexcept {
  if (strategy == Strategy::InPlace) return 0;
  const auto& known = known_[static_cast<std::size_t>(strategy)];
  if (known.begins > 0) return known.begin_ns / known.begins;
  const bool hands_over = strategy == Strategy::Pool || kind_ == OperationKind::ReadAndCompute;
  return hands_over ? hand_over_ns_ : 0;
}

double Costs::expected_ns(Strategy strategy, std::size_t items) const noexcept {
  return begin_ns(strategy) + item_ns(strategy) * static_cast<double>(items);
}

Strategy Costs::choose(std::size_t items, unsigned allowed) noexcept {
  auto best = Strategy::InPlace;
  double least = -1;
  const auto each = [&](auto&& look) {
    for (std::size_t i = 0; i < strategies; ++i) {
      if ((allowed & (1U << i)) != 0) look(static_cast<Strategy>(i), known_[i]);
    }
  };
  each([&](Strategy strategy, Known& known) {
    known.batches_ago += 1;
    const double expected = expected_ns(strategy, items);
    if (least >= 0 && expected >= least) return;
    least = expected;
    best = strategy;
  });
  // The world may have changed since the others were tried.
  auto chosen = best;
  each([&](Strategy strategy, Known& known) {
    if (strategy == best || strategy == Strategy::InPlace || !known.tried()) return;
    const double times = expected_ns(strategy, items) / std::max(least, 1.0);
    if (known.batches_ago >= retry_batches * times) chosen = strategy;
  });
  return chosen;
}

void Costs::learn(Strategy strategy, const StrategyCost& cost) noexcept {
  if (cost.items == 0) return;
  auto& known = known_[static_cast<std::size_t>(strategy)];
  const auto items = static_cast<double>(cost.items);
  double work = cost.work_ns, begin = cost.begin_ns;
  if (known.tried()) work = std::min(work, surprise_max * item_ns(strategy) * items);
  if (known.begins > 0) begin = std::min(begin, surprise_max * begin_ns(strategy));
  known.items = known.items * kept_share + items;
  known.work_ns = known.work_ns * kept_share + work;
  known.begins = known.begins * kept_share + 1;
  known.begin_ns = known.begin_ns * kept_share + begin;
  known.batches_ago = 0;
}

}  // namespace ringside::jobs
