// The event loop of one thread: sockets, timers and a wait. Unlike asio it owns no handlers and
// queues no functions: operations, timers and buffers live in their owners, and the loop only links
// them.
//
// Threads: created, used and destroyed on one thread (the kernel enforces it for io_uring).
// Bounded by: LoopOptions::channels_max. Fails by: std::system_error at construction.
//
// Environment: RINGSIDE_NET_BACKEND=epoll|uring forces a backend; RINGSIDE_NET_KERNEL=6.1 confines
// the io_uring backend to the features of that kernel.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "net/backend.hpp"
#include "net/channel.hpp"
#include "ringside/time.hpp"

namespace ringside::net {

class Resolver;

enum class BackendKind : std::uint8_t { Auto, Uring, Epoll };
// Spin: look at shared memory, enter the kernel only when it has work. Adaptive: sleep in it.
enum class WaitMode : std::uint8_t { Spin, Adaptive };

// The processor's counter; nanoseconds of CLOCK_MONOTONIC where there is none.
[[nodiscard]] Ticks read_ticks() noexcept;

struct LoopOptions {
  BackendKind backend = BackendKind::Auto;  // Auto: io_uring, else epoll and one line that says why
  WaitMode wait = WaitMode::Adaptive;
  bool kernel_6_1 = false;           // as RINGSIDE_NET_KERNEL=6.1
  std::uint32_t channels_max = 256;  // 1..4096; sizes the completion queue
  bool receive_stamps = false;       // each receive says when the kernel had its bytes
  Ticks (*clock)() noexcept = read_ticks;
};

inline constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();

// A deadline its owner carries. Must be disarmed (or fired) before it is destroyed.
struct Timer {
  void (*callback)(void* context) noexcept = nullptr;
  void* context = nullptr;

  // The loop's.
  std::int64_t deadline_ns = never_ns;
  Timer* previous = nullptr;
  Timer* next = nullptr;
  [[nodiscard]] bool armed() const noexcept { return deadline_ns != never_ns; }
};

class Loop {
 public:
  explicit Loop(const LoopOptions& options = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // One round: hands what was started since the last one to the kernel, waits (Adaptive: at most
  // max_wait_ns, less when a timer is due; Spin: not at all), runs callbacks. What these start goes
  // with the next round, so that a round is one system call: whoever leaves the loop for longer
  // runs it once more. Returns completions plus timers run.
  unsigned run_once(std::int64_t max_wait_ns) noexcept;

  // CLOCK_MONOTONIC as of this round; one reading serves every callback.
  [[nodiscard]] std::int64_t steady_ns() const noexcept { return steady_ns_; }
  [[nodiscard]] Ticks now() const noexcept { return options_.clock(); }

  void arm(Timer& timer, std::int64_t deadline_ns) noexcept;  // moves an armed one
  void disarm(Timer& timer) noexcept;

  [[nodiscard]] const char* backend_name() const noexcept { return backend_->name(); }
  // Empty, or one line for the operator: why not io_uring.
  [[nodiscard]] const std::string& fallback_line() const noexcept { return fallback_line_; }
  [[nodiscard]] const LoopCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] int socket_flags() const noexcept { return backend_->socket_flags(); }
  [[nodiscard]] Backend& backend() noexcept { return *backend_; }
  // Made on first use: names that are not numbers are looked up on its thread.
  [[nodiscard]] Resolver& resolver();

 private:
  unsigned fire_timers() noexcept;

  LoopOptions options_;
  LoopCounters counters_;
  std::string fallback_line_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Resolver> resolver_;
  Timer timers_;  // head of a circular list, unordered: few, and scanned only when one is due
  std::int64_t earliest_ns_ = never_ns;  // <= every armed deadline
  std::int64_t steady_ns_ = 0;
};

}  // namespace ringside::net
