#include "net/loop.hpp"

#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "ipc/check.hpp"
#include "net/resolver.hpp"

namespace ringside::net {

namespace {

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

[[noreturn]] void refuse_environment(const char* name, std::string_view value,
                                     const char* accepted) {
  throw std::system_error(
      std::make_error_code(std::errc::invalid_argument),
      std::string(name) + "=" + std::string(value) + ": accepted is " + accepted + ", or nothing");
}

LoopOptions with_environment(LoopOptions options) {
  if (const char* value = std::getenv("RINGSIDE_NET_BACKEND"); value != nullptr && *value != 0) {
    const std::string_view text = value;
    if (text == "epoll") {
      options.backend = BackendKind::Epoll;
    } else if (text == "uring") {
      options.backend = BackendKind::Uring;
    } else {
      refuse_environment("RINGSIDE_NET_BACKEND", text, "epoll or uring");
    }
  }
  if (const char* value = std::getenv("RINGSIDE_NET_KERNEL"); value != nullptr && *value != 0) {
    if (std::string_view(value) != "6.1") refuse_environment("RINGSIDE_NET_KERNEL", value, "6.1");
    options.kernel_6_1 = true;
  }
  if (options.channels_max == 0 || options.channels_max > 4096) {
    throw std::system_error(
        std::make_error_code(std::errc::invalid_argument),
        "channels_max = " + std::to_string(options.channels_max) + ": accepted is 1 to 4096");
  }
  return options;
}

}  // namespace

Ticks read_ticks() noexcept {
#if defined(__x86_64__)
  return Ticks{__rdtsc()};
#else
  return Ticks{static_cast<std::uint64_t>(monotonic_ns())};
#endif
}

Loop::Loop(const LoopOptions& options) : options_(with_environment(options)) {
  timers_.previous = timers_.next = &timers_;
  steady_ns_ = monotonic_ns();
  if (options_.backend != BackendKind::Epoll) {
    try {
      backend_ = make_uring_backend(options_, counters_);
    } catch (const std::system_error& error) {
      if (options_.backend == BackendKind::Uring) throw;
      fallback_line_ = std::string("network: epoll instead of io_uring: ") + error.what();
    }
  }
  if (backend_ == nullptr) backend_ = make_epoll_backend(options_, counters_);
}

Loop::~Loop() {
  // Whoever armed a timer must be gone by now, or it would be called in a dead loop.
  RINGSIDE_CHECK(timers_.next == &timers_);
}

Resolver& Loop::resolver() {
  if (resolver_ == nullptr) resolver_ = std::make_unique<Resolver>(*this);
  return *resolver_;
}

unsigned Loop::run_once(std::int64_t max_wait_ns) noexcept {
  std::int64_t wait_ns = 0;
  if (options_.wait == WaitMode::Adaptive && max_wait_ns > 0) {
    steady_ns_ = monotonic_ns();
    wait_ns = std::clamp<std::int64_t>(earliest_ns_ - steady_ns_, 0, max_wait_ns);
  }
  const bool ready = backend_->wait(wait_ns);
  steady_ns_ = monotonic_ns();
  unsigned ran = 0;
  if (ready) ran = backend_->dispatch();
  if (steady_ns_ >= earliest_ns_) ran += fire_timers();
  return ran;
}

void Loop::arm(Timer& timer, std::int64_t deadline_ns) noexcept {
  if (deadline_ns == never_ns) return disarm(timer);
  if (!timer.armed()) {
    timer.previous = timers_.previous;
    timer.next = &timers_;
    timers_.previous->next = &timer;
    timers_.previous = &timer;
  }
  timer.deadline_ns = deadline_ns;
  earliest_ns_ = std::min(earliest_ns_, deadline_ns);
}

void Loop::disarm(Timer& timer) noexcept {
  if (!timer.armed()) return;
  timer.previous->next = timer.next;
  timer.next->previous = timer.previous;
  timer.previous = timer.next = nullptr;
  timer.deadline_ns = never_ns;
}

// A callback may arm and disarm any timer, so each round begins at the head again; a timer that
// re-arms itself in the past would never let go, hence the bound of one round a timer.
unsigned Loop::fire_timers() noexcept {
  const std::int64_t now = steady_ns_;
  unsigned fired = 0;
  unsigned armed = 0;
  for (const Timer* timer = timers_.next; timer != &timers_; timer = timer->next) ++armed;
  for (bool found = true; found && fired < armed;) {
    found = false;
    for (Timer* timer = timers_.next; timer != &timers_; timer = timer->next) {
      if (timer->deadline_ns > now) continue;
      disarm(*timer);
      timer->callback(timer->context);
      found = true;
      ++fired;
      break;
    }
  }
  earliest_ns_ = never_ns;
  for (const Timer* timer = timers_.next; timer != &timers_; timer = timer->next) {
    earliest_ns_ = std::min(earliest_ns_, timer->deadline_ns);
  }
  return fired;
}

}  // namespace ringside::net
