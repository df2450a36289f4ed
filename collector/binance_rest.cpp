#include "collector/binance_rest.hpp"

#include <algorithm>

#include "ipc/check.hpp"

namespace ringside::collector {
namespace {

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
    : limits_(limits), flights_(limits.in_flight_max), weight_(limits.weight), random_(seed) {
  RINGSIDE_CHECK(limits.in_flight_max >= 1 && limits.in_flight_max <= rest_in_flight_max);
  for (const auto weight : weights) static_cast<void>(add_task(weight));
}

RestSchedule::Task RestSchedule::add_task(std::uint32_t weight) noexcept {
  RINGSIDE_CHECK(limits_.weight.most == 0 || weight <= limits_.weight.most);
  weight_least_ = tasks_.empty() ? weight : std::min(weight_least_, weight);
  tasks_.emplace_back();
  tasks_.back().weight = weight;
  return static_cast<Task>(tasks_.size() - 1);
}

void RestSchedule::want(Task task, std::int64_t now_ns, Turn turn) noexcept {
  auto& state = tasks_[task];
  ++state.attempt;
  if (!state.wanted) {
    const bool calm = state.wants == 0 || now_ns - state.wanted_at_ns > limits_.calm_ns;
    state.wants = calm ? 1 : state.wants + 1;
    state.wanted_at_ns = now_ns;
    state.not_before_ns = now_ns + (calm ? 0 : backoff_ns(state.wants));
    state.wanted = true;
    state.first = turn == Turn::First && calm;
    ++wanted_count_;
  }
}

void RestSchedule::postpone(Task task, std::int64_t until_ns) noexcept {
  auto& state = tasks_[task];
  state.not_before_ns = std::max(state.not_before_ns, until_ns);
}

void RestSchedule::cancel(Task task) noexcept {
  auto& state = tasks_[task];
  ++state.attempt;
  if (state.wanted) --wanted_count_;
  state.wanted = false;
}

std::optional<RestSchedule::Due> RestSchedule::next(std::int64_t now_ns) noexcept {
  if (wanted_count_ == 0 || now_ns < paused_until_ns_) return std::nullopt;
  // Most looks end here while many wait: they must not walk all tasks.
  if (paced_ && !weight_.fits(weight_least_, now_ns)) return std::nullopt;
  const auto free_flight = std::find_if(flights_.begin(), flights_.end(),
                                        [](const auto& flight) { return flight.request_id == 0; });
  if (free_flight == flights_.end()) return std::nullopt;
  const State* const due = next_in_turn(now_ns);
  if (due == nullptr) return std::nullopt;
  const bool fits = weight_.fits(due->weight, now_ns);
  if (!fits && !paced_) ++paced_count_;
  paced_ = !fits;
  if (!fits) return std::nullopt;
  weight_.begin(due->weight);
  const auto task = static_cast<Task>(due - tasks_.data());
  tasks_[task].wanted = false;
  --wanted_count_;
  if (++last_request_id_ == 0) ++last_request_id_;
  *free_flight = Flight{last_request_id_, task, due->attempt, now_ns};
  return Due{last_request_id_, task};
}

const RestSchedule::State* RestSchedule::next_in_turn(std::int64_t now_ns) const noexcept {
  const State* due = nullptr;
  for (const auto& state : tasks_) {
    if (!state.wanted || state.not_before_ns > now_ns) continue;
    const bool earlier =
        due == nullptr ||
        (state.first != due->first ? state.first : state.not_before_ns < due->not_before_ns);
    if (earlier) due = &state;
  }
  return due;
}

// Its answer is here, or is waited for no longer.
void RestSchedule::free(Flight& flight, std::int64_t now_ns) noexcept {
  flight.request_id = 0;
  weight_.end(tasks_[flight.task].weight, now_ns);
}

void RestSchedule::unsent(const Due& due, std::int64_t now_ns) noexcept {
  if (const auto answer = answered(due.request_id, now_ns); answer && answer->current) {
    want(due.task, now_ns);
  }
}

std::optional<RestSchedule::Answered> RestSchedule::answered(std::uint32_t request_id,
                                                             std::int64_t now_ns) noexcept {
  if (request_id == 0) return std::nullopt;
  for (auto& flight : flights_) {
    if (flight.request_id != request_id) continue;
    free(flight, now_ns);
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
    free(flight, now_ns);
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

}  // namespace ringside::collector
