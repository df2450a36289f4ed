#include "tools/jobs/worker.hpp"

#include <algorithm>
#include <utility>

#include "tools/jobs/pool.hpp"

namespace ringside::jobs {

namespace {
thread_local Worker* current_worker = nullptr;
}

Worker::Worker(Pool& pool, unsigned index, std::vector<unsigned> near, std::vector<unsigned> far,
               std::uint64_t seed, ipc::Histogram* task_times)
    : pool_(pool),
      index_(index),
      near_(std::move(near)),
      far_(std::move(far)),
      random_state_(seed * 0x9e3779b97f4a7c15ULL | 1),
      task_times_(task_times) {}

Worker* Worker::current() noexcept { return current_worker; }

bool Worker::push(Task& task) noexcept {
  if (!deque_.push(&task)) {
    refused_.add_one();
    return false;
  }
  pushed_.add_one();
  pool_.parking().wake_one(pool_.neighbours(index_));
  return true;
}

// What a task took, those included that were run on top of it.
template <typename Work>
void Worker::timed(Work&& work) noexcept {
  if (task_times_ == nullptr) return work();
  const auto begin = monotonic_ns();
  work();
  task_times_->record(monotonic_ns() - begin);
}

void Worker::run(Task& task) noexcept {
  executed_.add_one();
  timed([&] { task.run(task, *this); });
}

void Worker::run_or_drop(Posted& posted) noexcept {
  const bool drop = pool_.stopping();
  (drop ? dropped_ : executed_).add_one();
  injected_.add_one();
  timed([&] {
    posted.run(posted.payload.data(), this, drop ? Posted::Fate::Drop : Posted::Fate::Run);
  });
}

bool Worker::run_posted(Priority priority) noexcept {
  Posted posted;
  if (!pool_.queue(priority).take(posted)) return false;
  run_or_drop(posted);
  return true;
}

// Of a long queue several at once, so that workers seldom meet there; the less is left, the fewer,
// so that none sits on tasks that another could have begun.
bool Worker::run_share() noexcept {
  if (!has_share()) {
    auto& queue = pool_.queue(Priority::Normal);
    const auto fair = queue.size() / (2 * std::size_t{pool_.worker_count()});
    share_next_ = 0;
    share_count_ = queue.take({share_.data(), std::clamp<std::size_t>(fair, 1, share_max)});
    if (share_count_ == 0) return false;
  }
  Posted posted = share_[share_next_++];  // it may wait, and what comes after it is run meanwhile
  run_or_drop(posted);
  return true;
}

bool Worker::run_near() noexcept {
  if (run_posted(Priority::High)) return true;
  if (Task* const task = deque_.take()) {
    run(*task);
    return true;
  }
  return run_share();
}

// xorshift64*: victims need no better.
std::uint64_t Worker::random() noexcept {
  random_state_ ^= random_state_ >> 12;
  random_state_ ^= random_state_ << 25;
  random_state_ ^= random_state_ >> 27;
  return random_state_ * 0x2545f4914f6cdd1dULL;
}

Task* Worker::steal_from(std::span<const unsigned> victims) noexcept {
  if (victims.empty()) return nullptr;
  const auto first = random() % victims.size();
  for (std::size_t i = 0; i < victims.size(); ++i) {
    if (Task* const task = pool_.worker(victims[(first + i) % victims.size()]).steal()) return task;
  }
  return nullptr;
}

bool Worker::run_far() noexcept {
  if (pool_.options().stealing) {
    Task* task = steal_from(near_);
    if (task == nullptr) task = steal_from(far_);
    if (task != nullptr) {
      stolen_.add_one();
      run(*task);
      return true;
    }
  }
  return run_posted(Priority::Low);
}

void Worker::run_more_urgent_than(Priority priority) noexcept {
  if (priority == Priority::High) return;
  while (run_posted(Priority::High)) {
  }
  if (priority != Priority::Low) return;
  while (run_share()) {
  }
}

bool Worker::has_reason(const Completion* completion) const noexcept {
  return pool_.has_work(index_) || (completion != nullptr && completion->done()) ||
         pool_.stopping();
}

// Announced to those who publish meanwhile: they need wake nobody.
void Worker::search(const Completion* completion) noexcept {
  auto& parking = pool_.parking();
  parking.begin_search();
  while (!has_reason(completion)) {
    sleep(completion);
  }
  // The last one that searches leaves somebody behind, if there is more than it can take itself.
  if (parking.end_search() && pool_.has_work_for_two()) {
    parking.wake_one(pool_.neighbours(index_));
  }
}

void Worker::sleep(const Completion* completion) noexcept {
  const auto begin = monotonic_ns();
  parked_since_ns_.set(begin);
  const bool slept = pool_.parking().park(index_, [&] { return has_reason(completion); });
  parked_since_ns_.set(0);
  parked_ns_.set(parked_ns_.get() + (monotonic_ns() - begin));
  if (slept) parked_.add_one();
}

void Worker::help_until(Completion& completion) noexcept {
  ++help_depth_;
  while (!completion.done()) {
    if (Task* const task = deque_.take()) {
      run(*task);
    } else if (help_depth_ > help_depth_max) {
      completion.wait();
    } else if (!run_near() && !run_far()) {
      search(&completion);
    }
  }
  --help_depth_;
}

void Worker::loop() noexcept {
  current_worker = this;
  for (;;) {
    if (run_near() || run_far()) continue;
    if (pool_.stopping() && !pool_.has_work(index_)) break;
    search(nullptr);
  }
  current_worker = nullptr;
}

WorkerCounts Worker::counts() const noexcept {
  WorkerCounts counts{pushed_.get(), executed_.get(), stolen_.get(),  injected_.get(),
                      parked_.get(), refused_.get(),  dropped_.get(), parked_ns_.get()};
  const auto since = parked_since_ns_.get();
  const auto now = monotonic_ns();
  if (since != 0 && since < now) counts.parked_ns += now - since;
  return counts;
}

}  // namespace ringside::jobs
