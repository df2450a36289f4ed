// What a loop needs of the kernel. Two implementations: io_uring and epoll; the second is also the
// first one's test oracle. One virtual call an operation, none a frame.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/channel.hpp"

namespace ringside::net {

struct LoopOptions;

// One counter an event; written by the loop's thread, read by it.
struct LoopCounters {
  std::uint64_t enters = 0;             // system calls of the loop itself
  std::uint64_t completions = 0;        // delivered to a callback
  std::uint64_t late_completions = 0;   // of an operation since restarted: dropped
  std::uint64_t buffers_exhausted = 0;  // a receive stopped because its buffers were all in use
  std::uint64_t receive_rearms = 0;     // a multishot receive that the kernel ended early
  std::uint64_t overflows = 0;          // the completion queue was too small
};

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual const char* name() const noexcept = 0;
  // Flags for socket(2) and accept: O_NONBLOCK for epoll; never for io_uring, which would report
  // EAGAIN instead of waiting.
  [[nodiscard]] virtual int socket_flags() const noexcept = 0;

  virtual void attach(Channel& channel) = 0;  // throws std::system_error
  virtual void detach(Channel& channel) noexcept = 0;
  [[nodiscard]] virtual int adopted(Channel& channel) noexcept = 0;  // 0 or -errno
  virtual void released(Channel& channel) noexcept = 0;  // idle; its descriptor goes elsewhere
  virtual void start(Operation& operation) noexcept = 0;
  virtual void cancel(Channel& channel) noexcept = 0;

  // Hands over what was started since, then sleeps until something completes, at most `wait_ns`; 0
  // only looks. True: dispatch has work.
  [[nodiscard]] virtual bool wait(std::int64_t wait_ns) noexcept = 0;
  virtual unsigned dispatch() noexcept = 0;
};

// Throw std::system_error whose text says what the kernel refused and why that may be.
std::unique_ptr<Backend> make_uring_backend(const LoopOptions& options, LoopCounters& counters);
std::unique_ptr<Backend> make_epoll_backend(const LoopOptions& options, LoopCounters& counters);

}  // namespace ringside::net
