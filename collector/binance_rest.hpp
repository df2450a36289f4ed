// Decides which REST request goes out when, so that hundreds of instruments that lose their books
// together neither break the venue's weight limit nor starve each other. Pure: time is passed in,
// the requests themselves are sent by the caller.
//
// One task per instrument (and per metadata request), each wanted at most once, so the queue is
// bounded by the tasks. A task wanted again soon after it was wanted waits longer each time
// (capped exponential, full jitter); an answer to an earlier attempt is recognised by its id.
//
// Whose turn it is: those wanted First before those InOrder, each kind by the time since which they
// may go. One that comes back without calm between is in order again, so that none that loses its
// book over and over holds up the others.
//
// Invariants: requests in flight <= in_flight_max; the venue counts at most weight.most in any
// weight.window_ns (pacer.hpp).
// Threads: the adapter's. Fails by: enumerators and counts only; allocates at construction and in
// reserve() only.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "collector/pacer.hpp"

namespace ringside::collector {

inline constexpr std::uint32_t rest_in_flight_max = 1024;

struct RestLimits {
  std::uint32_t in_flight_max = 8;  // 1..rest_in_flight_max
  PaceLimit weight{};               // in the venue's own unit; see BinanceConfig
  std::int64_t backoff_first_ns = 200'000'000;
  std::int64_t backoff_max_ns = 30'000'000'000;
  std::int64_t calm_ns = 60'000'000'000;       // after so long without a want, no backoff
  std::int64_t deadline_ns = 30'000'000'000;   // an unanswered request gives up its place
  std::int64_t throttled_ns = 60'000'000'000;  // pause after 418 or 429 without Retry-After
};

class RestSchedule {
 public:
  using Task = std::uint32_t;  // index below task_count
  struct Due {
    std::uint32_t request_id = 0;
    Task task = 0;
  };
  struct Answered {
    Task task = 0;
    bool current = false;  // false: the task has been wanted anew or cancelled since: discard
  };

  // `weights`: one per task.
  RestSchedule(RestLimits limits, std::vector<std::uint32_t> weights, std::uint64_t seed);

  // One task more, at run time; allocates nothing within what reserve() was asked for.
  Task add_task(std::uint32_t weight) noexcept;
  void reserve(std::size_t tasks) { tasks_.reserve(tasks); }

  enum class Turn : std::uint8_t { First, InOrder };
  // Puts the task in the queue, at once or after its backoff. What it has in flight is abandoned.
  void want(Task task, std::int64_t now_ns, Turn turn = Turn::InOrder) noexcept;
  // What it was wanted for so far is no reason to wait: the next want() is not a retry.
  void settle(Task task) noexcept { tasks_[task].wants = 0; }
  // Of a task that is wanted: not before then.
  void postpone(Task task, std::int64_t until_ns) noexcept;
  // Not wanted any more; what it has in flight is abandoned.
  void cancel(Task task) noexcept;
  // The next request that may go out now, if any; call until none.
  [[nodiscard]] std::optional<Due> next(std::int64_t now_ns) noexcept;
  // The caller could not send it (its queue is full): the task stays wanted.
  void unsent(const Due& due, std::int64_t now_ns) noexcept;
  // An answer, or the news that none will come. None: the id is not in flight (any more).
  [[nodiscard]] std::optional<Answered> answered(std::uint32_t request_id,
                                                 std::int64_t now_ns) noexcept;
  // The venue says we are too fast: nothing goes out for as long as it says, or, where it says
  // nothing (0), for throttled_ns, doubled each time in a row.
  void throttled(std::int64_t now_ns, std::int64_t retry_after_ns = 0) noexcept;
  // Before the first request: what was asked of the same address by `other`, which asks no more.
  void succeed(const RestSchedule& other, std::int64_t now_ns) noexcept {
    weight_.succeed(other.weight_, now_ns);
    paused_until_ns_ = other.paused_until_ns_;
    throttles_ = other.throttles_;
  }
  // The task of a request whose deadline has passed; its place is free again. Call until none.
  [[nodiscard]] std::optional<Task> overdue(std::int64_t now_ns) noexcept;

  // Times that something was due and had to wait for weight, since the last call.
  [[nodiscard]] std::uint64_t take_paced() noexcept { return std::exchange(paced_count_, 0); }

  [[nodiscard]] bool waiting(Task task) const noexcept { return tasks_[task].wanted; }
  [[nodiscard]] bool in_flight(Task task) const noexcept;
  [[nodiscard]] std::uint32_t in_flight_count() const noexcept;

 private:
  struct State {
    std::uint32_t weight = 0;
    std::uint32_t attempt = 0;  // of the newest want
    std::uint32_t wants = 0;    // in a row, without calm between them
    bool wanted = false;
    bool first = false;  // its turn is before the others'
    std::int64_t wanted_at_ns = 0;
    std::int64_t not_before_ns = 0;
  };
  struct Flight {
    std::uint32_t request_id = 0;  // 0: free
    Task task = 0;
    std::uint32_t attempt = 0;
    std::int64_t sent_ns = 0;
  };

  [[nodiscard]] std::int64_t backoff_ns(std::uint32_t wants) noexcept;
  [[nodiscard]] const State* next_in_turn(std::int64_t now_ns) const noexcept;
  void free(Flight& flight, std::int64_t now_ns) noexcept;

  RestLimits limits_;
  std::vector<State> tasks_;
  std::vector<Flight> flights_;
  std::uint32_t wanted_count_ = 0;
  std::uint32_t last_request_id_ = 0;
  Pacer weight_;
  std::uint32_t weight_least_ = 0;  // of any task
  bool paced_ = false;              // something waits for weight
  std::uint64_t paced_count_ = 0;
  std::int64_t paused_until_ns_ = 0;
  std::uint32_t throttles_ = 0;
  std::uint64_t random_;
};

}  // namespace ringside::collector
