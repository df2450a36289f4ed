// Two things at once, from inside the pool: the second is left for a thief while the first runs,
// and is run in place if none came. Outside of a pool, and where the deque is full, one after the
// other.
//
// Threads: any. Bounded by: the deque; the caller's recursion. Fails by: throwing what either
// threw, the first's if both did; the other has ended by then.
#pragma once

#include <exception>

#include "tools/jobs/pool.hpp"
#include "tools/jobs/worker.hpp"

namespace ringside::jobs {

// The half that may be stolen. On its owner's stack until it is done.
template <typename F>
class Fork : public Task {
 public:
  explicit Fork(F& callable) noexcept : Task{&Fork::run_stolen}, callable_(callable) {}

  [[nodiscard]] bool offer(Worker& worker) noexcept {
    owner_ = worker.index();
    return worker.push(*this);
  }
  // In the owner's thread, after the other half.
  void join(Worker& worker) {
    // What lies above it was left there by a batch that this worker had helped with.
    while (Task* const task = worker.take()) {
      if (task == this) {  // no thief came
        callable_();
        return;
      }
      worker.run(*task);
    }
    worker.help_until(completion_);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  static void run_stolen(Task& task, Worker& thief) noexcept {
    auto& self = static_cast<Fork&>(task);
    try {
      self.callable_();
    } catch (...) {
      self.error_ = std::current_exception();
    }
    const auto owner = self.owner_;
    self.completion_.finish();  // the owner may be gone from here on
    thief.pool().parking().wake(owner);
  }

  F& callable_;
  unsigned owner_ = 0;
  Completion completion_;
  std::exception_ptr error_;
};

template <typename F, typename G>
void invoke_both(F&& first, G&& second) {
  Worker* const worker = Worker::current();
  Fork fork(second);
  if (worker == nullptr || !fork.offer(*worker)) {
    first();
    second();
    return;
  }
  try {
    first();
  } catch (...) {
    try {
      fork.join(*worker);
    } catch (...) {  // the first's is thrown
    }
    throw;
  }
  fork.join(*worker);
}

}  // namespace ringside::jobs
