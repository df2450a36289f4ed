#include "perf/two_processes.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <vector>

#include "ipc/check.hpp"
#include "perf/report.hpp"

namespace ringside::perf {

SharedMemory::SharedMemory(std::size_t bytes) : bytes_(bytes) {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  RINGSIDE_CHECK(memory != MAP_FAILED);
  data_ = static_cast<std::byte*>(memory);
  std::memset(data_, 0, bytes_);
}

SharedMemory::~SharedMemory() { munmap(data_, bytes_); }

CorePair core_pair() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    RINGSIDE_CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
    return set;
  }();
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) cpus.push_back(cpu);
  }
  RINGSIDE_CHECK(!cpus.empty());
  return {cpus.front(), cpus.size() > 1 ? cpus[1] : cpus.front(), cpus.size() > 1};
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  RINGSIDE_CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

Child::Child(int cpu, const std::function<void()>& work) : pid_(fork()) {
  RINGSIDE_CHECK(pid_ >= 0);
  if (pid_ != 0) return;
  pin_to(cpu);
  work();
  _exit(0);
}

Child::~Child() {
  if (joined_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Child::join() {
  int status = 0;
  RINGSIDE_CHECK(waitpid(pid_, &status, 0) == pid_);
  joined_ = true;
  RINGSIDE_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void Child::signal(int number) const { RINGSIDE_CHECK(kill(pid_, number) == 0); }

void Child::wait_stopped() const {
  int status = 0;
  RINGSIDE_CHECK(waitpid(pid_, &status, WUNTRACED) == pid_);
  RINGSIDE_CHECK(WIFSTOPPED(status));
}

double median_call_ns(unsigned batches, unsigned batch,
                      const std::function<void(unsigned)>& calls) {
  std::vector<double> times;
  times.reserve(batches);
  for (unsigned i = 0; i < batches; ++i) {
    const auto begin = steady_ns();
    calls(batch);
    times.push_back(static_cast<double>(steady_ns() - begin) / batch);
  }
  return median(times);
}

std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace ringside::perf
