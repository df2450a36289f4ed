// Two pinned processes over one shared mapping, for what is measured between cores; and the floor
// that everything between cores is measured against: two cache lines going back and forth.
//
// Threads: one in each process. Fails by: RINGSIDE_CHECK, this is a benchmark.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "ipc/clock.hpp"
#include "perf/report.hpp"

namespace ringside::perf {

// Zeroed memory that a forked child shares; small pages, touched before it is measured.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t bytes);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  [[nodiscard]] std::byte* data() const { return data_; }
  template <typename T>
  [[nodiscard]] T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(data_ + offset);
  }

 private:
  std::byte* data_;
  std::size_t bytes_;
};

// The cores of this process's mask that a benchmark's two sides are pinned to. One core only: both
// are the same, and what is measured between them means nothing (`two_cores` false).
struct CorePair {
  int first = 0;
  int second = 0;
  bool two_cores = false;
};
CorePair core_pair();
void pin_to(int cpu);

// A child process that runs `work` on `cpu` and exits; killed by the destructor if it has not.
class Child {
 public:
  Child(int cpu, const std::function<void()>& work);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void join();  // it must end with 0
  void signal(int number) const;
  // Until the kernel says that it is stopped (SIGSTOP).
  void wait_stopped() const;

 private:
  pid_t pid_;
  bool joined_ = false;
};

// Two lines, one written by each side.
struct PingPong {
  alignas(128) std::atomic<std::uint64_t> ping{0};
  alignas(128) std::atomic<std::uint64_t> pong{0};
};
// One round trip each call, from the side that begins; `round` grows by one each time.
inline void ping(PingPong& lines, std::uint64_t round) noexcept {
  lines.ping.store(round, std::memory_order_release);  // pairs with pong()'s load
  while (lines.pong.load(std::memory_order_acquire) != round) {
  }
}
inline void pong(PingPong& lines, std::uint64_t round) noexcept {
  while (lines.ping.load(std::memory_order_acquire) != round) {
  }
  lines.pong.store(round, std::memory_order_release);
}

// Median time of one call, in ns, of `batches` batches of `batch` calls: the TSC of some machines
// steps in 10 ns, and a batch that was interrupted is one of many.
double median_call_ns(unsigned batches, unsigned batch, const std::function<void(unsigned)>& calls);

// The same by the processor's own counter, for calls of a few ns: reading that costs a third. The
// calls are told when their batch began.
template <typename Calls>
double median_call_ticks_ns(unsigned batches, unsigned batch, Calls&& calls) {
  std::vector<double> times;
  times.reserve(batches);
  for (unsigned i = 0; i < batches; ++i) {
    const auto begin = ipc::now_ticks();
    calls(batch, begin);
    times.push_back(static_cast<double>(ipc::now_ticks().value - begin.value) / batch);
  }
  return median(times) / ipc::TickRate::of_host().ticks_per_ns;
}

std::uint64_t steady_ns();

}  // namespace ringside::perf
