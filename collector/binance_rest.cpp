#include "collector/binance_rest.hpp"

#include <algorithm>

#include "ipc/check.hpp"

namespace ringside::collector {
namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;
constexpr std::uint32_t throttle_doublings_max = 4;

// splitmix64: enough for spreading retries, and its state is one word.
std::uint64_t next_random(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  auto z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

}  // namespace

RestSchedule::RestSchedule(RestLimits limits, std::vector<std::uint32_t> weights,
                           std::uint64_t seed)
    : limits_(limits), tasks_(weights.size()), flights_(limits.in_flight_max), random_(seed) {
  RINGSIDE_CHECK(limits.in_flight_max >= 1 && limits.in_flight_max <= rest_in_flight_max);
  RINGSIDE_CHECK(limits.weight_per_minute >= 1);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    RINGSIDE_CHECK(weights[i] <= limits.weight_burst);
    tasks_[i].weight = weights[i];
  }
}

RestSchedule::Task RestSchedule::add_task(std::uint32_t weight) noexcept {
  RINGSIDE_CHECK(weight <= limits_.weight_burst);
  tasks_.emplace_back();
  tasks_.back().weight = weight;
  return static_cast<Task>(tasks_.size() - 1);
}

void RestSchedule::want(Task task, std::int64_t now_ns) noexcept {
  auto& state = tasks_[task];
  ++state.attempt;
  if (!state.wanted) {
    const bool calm = state.wants == 0 || now_ns - state.wanted_at_ns > limits_.calm_ns;
    state.wants = calm ? 1 : state.wants + 1;
    state.wanted_at_ns = now_ns;
    state.not_before_ns = now_ns + (calm ? 0 : backoff_ns(state.wants));
    state.wanted = true;
    ++wanted_count_;
  }
}

void RestSchedule::cancel(Task task) noexcept {
  auto& state = tasks_[task];
  ++state.attempt;
  if (state.wanted) --wanted_count_;
  state.wanted = false;
}

std::optional<RestSchedule::Due> RestSchedule::next(std::int64_t now_ns) noexcept {
  if (wanted_count_ == 0 || now_ns < paused_until_ns_) return std::nullopt;
  const auto free_flight = std::find_if(flights_.begin(), flights_.end(),
                                        [](const auto& flight) { return flight.request_id == 0; });
  if (free_flight == flights_.end()) return std::nullopt;
  const State* due = nullptr;
  for (const auto& state : tasks_) {
    if (!state.wanted || state.not_before_ns > now_ns) continue;
    if (due == nullptr || state.not_before_ns < due->not_before_ns) due = &state;
  }
  if (due == nullptr) return std::nullopt;
  const auto paid_until = std::max(paid_until_ns_, now_ns) + cost_ns(due->weight);
  if (paid_until - now_ns > cost_ns(limits_.weight_burst)) return std::nullopt;
  paid_until_ns_ = paid_until;
  const auto task = static_cast<Task>(due - tasks_.data());
  tasks_[task].wanted = false;
  --wanted_count_;
  if (++last_request_id_ == 0) ++last_request_id_;
  *free_flight = Flight{last_request_id_, task, due->attempt, now_ns};
  return Due{last_request_id_, task};
}

void RestSchedule::unsent(const Due& due, std::int64_t now_ns) noexcept {
  if (const auto answer = answered(due.request_id); answer && answer->current) {
    want(due.task, now_ns);
  }
}

std::optional<RestSchedule::Answered> RestSchedule::answered(std::uint32_t request_id) noexcept {
  if (request_id == 0) return std::nullopt;
  for (auto& flight : flights_) {
    if (flight.request_id != request_id) continue;
    flight.request_id = 0;
    return Answered{flight.task, flight.attempt == tasks_[flight.task].attempt};
  }
  return std::nullopt;
}

void RestSchedule::throttled(std::int64_t now_ns, std::int64_t retry_after_ns) noexcept {
  if (retry_after_ns > 0) {
    paused_until_ns_ = std::max(paused_until_ns_, now_ns + retry_after_ns);
    return;
  }
  // A burst of refusals that were in flight together counts once.
  if (now_ns < paused_until_ns_) return;
  const bool in_a_row = now_ns - paused_until_ns_ < limits_.calm_ns && throttles_ != 0;
  throttles_ = in_a_row ? std::min(throttles_ + 1, throttle_doublings_max) : 1;
  paused_until_ns_ = now_ns + (limits_.throttled_ns << (throttles_ - 1));
}

std::optional<RestSchedule::Task> RestSchedule::overdue(std::int64_t now_ns) noexcept {
  for (auto& flight : flights_) {
    if (flight.request_id == 0 || now_ns - flight.sent_ns < limits_.deadline_ns) continue;
    flight.request_id = 0;
    if (flight.attempt == tasks_[flight.task].attempt) return flight.task;
  }
  return std::nullopt;
}

bool RestSchedule::in_flight(Task task) const noexcept {
  return std::any_of(flights_.begin(), flights_.end(), [&](const auto& flight) {
    return flight.request_id != 0 && flight.task == task && flight.attempt == tasks_[task].attempt;
  });
}

std::uint32_t RestSchedule::in_flight_count() const noexcept {
  return static_cast<std::uint32_t>(std::count_if(
      flights_.begin(), flights_.end(), [](const auto& flight) { return flight.request_id != 0; }));
}

std::int64_t RestSchedule::backoff_ns(std::uint32_t wants) noexcept {
  const auto doublings = std::min(wants - 2, 20U);
  const auto ceiling = std::min(limits_.backoff_first_ns << doublings, limits_.backoff_max_ns);
  return static_cast<std::int64_t>(next_random(random_) %
                                   (static_cast<std::uint64_t>(ceiling) + 1));
}

std::int64_t RestSchedule::cost_ns(std::uint32_t weight) const noexcept {
  return static_cast<std::int64_t>(weight) * minute_ns / limits_.weight_per_minute;
}

}  // namespace ringside::collector
