#include "tools/jobs/pool.hpp"

#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <latch>
#include <string>
#include <system_error>

#include "ipc/check.hpp"
#include "ipc/placement.hpp"

namespace ringside::jobs {
namespace {

[[noreturn]] void fail(int error, const std::string& text) {
  throw std::system_error(error, std::generic_category(), text);
}

void check(const PoolOptions& options) {
  if (options.cpus.empty()) fail(EINVAL, "the pool has no cores: name at least one");
  if (options.workers > workers_max) {
    fail(EINVAL, "the pool was asked for " + std::to_string(options.workers) +
                     " workers; it has at most " + std::to_string(workers_max));
  }
  if (options.queue_slots < 2 || (options.queue_slots & (options.queue_slots - 1)) != 0) {
    fail(EINVAL, "the pool's queue slots, " + std::to_string(options.queue_slots) +
                     ", are no power of two from 2");
  }
  if (options.nice < 0 || options.nice > 19) {
    fail(EINVAL, "the pool's nice value, " + std::to_string(options.nice) + ", is not in 0..19");
  }
}

}  // namespace

Pool::Pool(PoolOptions options) : options_(std::move(options)) {
  check(options_);
  if (options_.workers == 0) {
    options_.workers = std::min<unsigned>(static_cast<unsigned>(options_.cpus.size()), workers_max);
  }
  for (auto& queue : queues_) {
    queue = std::make_unique<InjectionQueue<Posted>>(options_.queue_slots);
  }
  // Cores of one node next to each other, workers over them in turn.
  std::vector<int> nodes;
  for (const int cpu : options_.cpus) nodes.push_back(options_.numa ? ipc::node_of_cpu(cpu) : 0);
  for (unsigned i = 0; i < options_.workers; ++i) node_of_.push_back(nodes[i % nodes.size()]);
  for (unsigned i = 0; i < options_.workers; ++i) {
    std::vector<unsigned> near, far;
    std::uint64_t bits = 0;
    for (unsigned other = 0; other < options_.workers; ++other) {
      if (other == i) continue;
      (node_of_[other] == node_of_[i] ? near : far).push_back(other);
      if (node_of_[other] == node_of_[i]) bits |= std::uint64_t{1} << other;
    }
    near_.push_back(bits);
    workers_.push_back(std::make_unique<Worker>(
        *this, i, std::move(near), std::move(far), options_.seed + i,
        i < options_.task_times.size() ? options_.task_times[i] : nullptr));
  }
  start();
}

// All threads are where they should be, or there is no pool.
void Pool::start() {
  std::latch placed(options_.workers);
  std::vector<std::exception_ptr> errors(options_.workers);
  for (unsigned i = 0; i < options_.workers; ++i) {
    threads_.emplace_back([this, i, &placed, &errors] {
      bool good = true;
      try {
        adjust_current_thread(i);
      } catch (...) {
        errors[i] = std::current_exception();
        good = false;
      }
      placed.count_down();
      if (good) workers_[i]->loop();
    });
  }
  placed.wait();
  for (const auto& error : errors) {
    if (!error) continue;
    stop();
    std::rethrow_exception(error);
  }
}

void Pool::adjust_current_thread(unsigned index) {
  ipc::name_current_thread("jobs." + std::to_string(index));
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::vector<int> mine;
  for (const int cpu : options_.cpus) {
    if (options_.numa && ipc::node_of_cpu(cpu) != node_of_[index]) continue;
    CPU_SET(static_cast<unsigned>(cpu), &mask);
    mine.push_back(cpu);
  }
  if (const int error = pthread_setaffinity_np(pthread_self(), sizeof mask, &mask); error != 0) {
    fail(error, "cannot confine a worker of the pool to cores " + ipc::cpu_list(mine) +
                    ": offline, or not allowed by the cgroup");
  }
  if (options_.nice != 0 && setpriority(PRIO_PROCESS, 0, options_.nice) != 0) {  // this thread
    fail(errno, "cannot set nice " + std::to_string(options_.nice) + " for the pool");
  }
  const sched_param none{};
  if (options_.idle && sched_setscheduler(0, SCHED_IDLE, &none) != 0) {  // this thread
    fail(errno, "cannot have the pool run as SCHED_IDLE");
  }
  if (options_.io_priority != IoPriority::Unchanged) {
    const int value = options_.io_priority == IoPriority::Idle
                          ? IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)
                          : IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7);
    if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) != 0) {
      fail(errno, "cannot lower the I/O priority of the pool");
    }
  }
}

Pool::~Pool() { stop(); }

void Pool::stop() noexcept {
  RINGSIDE_CHECK(Worker::current() == nullptr || &Worker::current()->pool() != this);
  stopping_.store(true, std::memory_order_seq_cst);
  for (auto& queue : queues_) queue->wake_all();
  for (unsigned i = 0; i < worker_count(); ++i) parking_.wake(i);
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  drop_queued();
}

void Pool::drop_queued() noexcept {
  Posted posted;
  for (auto& queue : queues_) {
    while (queue->take(posted)) {
      dropped_at_stop_.fetch_add(1, std::memory_order_relaxed);
      posted.run(posted.payload.data(), nullptr, Posted::Fate::Drop);
    }
  }
}

std::size_t Pool::put(std::span<const Posted> posted, Priority priority) noexcept {
  if (stopping()) return 0;
  const auto count = queue(priority).put(posted);
  if (count == 0) return 0;
  parking_.wake_one();
  // Nobody may be left to take it: stop() drops what it finds after this flag is up, so either it
  // finds this or the flag is seen here.
  if (stopping()) drop_queued();
  return count;
}

PostStatus Pool::post_all(std::span<const Posted> posted, Priority priority) noexcept {
  auto* const self = Worker::current();
  const bool mine = self != nullptr && &self->pool() == this;
  while (!posted.empty()) {
    const auto count = put(posted, priority);
    posted = posted.subspan(count);
    if (posted.empty() || count != 0) continue;
    if (stopping()) return PostStatus::Stopped;
    if (mine) {  // a worker that waits for room may be the one that would make it
      auto payload = posted.front().payload;
      posted.front().run(payload.data(), self, Posted::Fate::Run);
      posted = posted.subspan(1);
    } else {
      queue(priority).wait_for_room([this] { return stopping(); });
    }
  }
  return PostStatus::Ok;
}

bool Pool::has_work(unsigned index) const noexcept {
  if (workers_[index]->has_share()) return true;
  for (const auto& queue : queues_) {
    if (queue->ready()) return true;
  }
  if (!options_.stealing) return workers_[index]->task_count() != 0;
  for (const auto& worker : workers_) {
    if (worker->task_count() != 0) return true;
  }
  return false;
}

bool Pool::has_work_for_two() const noexcept {
  std::size_t count = 0;
  for (const auto& queue : queues_) count += queue->size();
  for (const auto& worker : workers_) count += options_.stealing ? worker->task_count() : 0;
  return count >= 2;
}

WorkerCounts Pool::counts() const noexcept {
  WorkerCounts sum;
  for (const auto& worker : workers_) {
    const auto counts = worker->counts();
    sum.submitted += counts.submitted;
    sum.parked_ns += counts.parked_ns;
    sum.executed += counts.executed;
    sum.stolen += counts.stolen;
    sum.injected += counts.injected;
    sum.parked += counts.parked;
    sum.refused += counts.refused;
    sum.dropped += counts.dropped;
  }
  for (const auto& queue : queues_) sum.submitted += queue->accepted();
  sum.dropped += dropped_at_stop_.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace ringside::jobs
