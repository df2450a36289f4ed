#include "tests/simulation/lives.hpp"

#include <algorithm>

namespace ringside::simulation {

Lives::Lives(const Plan& plan) : lives_(plan.symbols.size()) {
  for (ListingIndex i = 0; i < lives_.size(); ++i) lives_[i].wanted = !plan.unwanted[i];
}

std::vector<bool> Lives::all_wanted() const {
  std::vector<bool> wanted;
  for (const auto& life : lives_) wanted.push_back(life.wanted);
  return wanted;
}

std::string_view Lives::look(ListingIndex listing, const Seen& seen) {
  auto& life = lives_[listing];
  const bool live = seen.view != nullptr && seen.view->state == State::Live;
  if (seen.collected) {
    life.over = false;
    if (live && seen.view->epoch <= life.epoch_floor) {
      return "was added again, and is live in an epoch that it had before";
    }
    return {};
  }
  if (!seen.caught_up) return {};
  if (!life.over) {
    life.over = true;
    life.records = seen.records;
    if (seen.view != nullptr) life.epoch_floor = std::max(life.epoch_floor, seen.view->epoch);
  }
  life.records = std::min(life.records, seen.records);  // a new worker counts anew
  if (live) return "is live, though it was removed";
  if (seen.records != life.records) return "was removed, and is told of";
  return {};
}

}  // namespace ringside::simulation
