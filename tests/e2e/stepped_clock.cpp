// Preloaded into a program (LD_PRELOAD): CLOCK_REALTIME as somebody has set it, forward or back, at
// any moment. The file that RINGSIDE_TEST_CLOCK names holds the difference, nanoseconds, an int64.
// Every other clock is the host's: no step reaches those.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;

const std::atomic<std::int64_t>* mapped_step() {
  const char* path = std::getenv("RINGSIDE_TEST_CLOCK");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* page = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return page == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(page);
}

std::int64_t stepped_ns() {
  static const std::atomic<std::int64_t>* const step = mapped_step();
  timespec now{};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  return now.tv_sec * ns_per_s + now.tv_nsec +
         (step == nullptr ? 0 : step->load(std::memory_order_relaxed));  // a number, nothing else
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (clock != CLOCK_REALTIME) return static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  const auto now = stepped_ns();
  *time = {now / ns_per_s, now % ns_per_s};
  return 0;
}

int gettimeofday(timeval* time, void*) noexcept {
  const auto now = stepped_ns();
  *time = {now / ns_per_s, now % ns_per_s / 1000};
  return 0;
}

time_t time(time_t* result) noexcept {
  const auto now = stepped_ns() / ns_per_s;
  if (result != nullptr) *result = now;
  return now;
}

}  // extern "C"
