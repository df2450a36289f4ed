// Connects to the first of several addresses that answers (RFC 8305): an address that is silent for
// a quarter of a second gets a rival, one that refuses is followed by the next at once. The slower
// of two is given up.
//
// Threads: the loop's. Bounded by: two attempts at a time, addresses_max addresses, a time for each
// attempt. Fails by: Dialed without a descriptor; exactly one callback for each start(), from
// within Loop::run_once, when the kernel has let go of every attempt: inside it the next may be
// started.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "net/channel.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"

namespace ringside::net {

struct DialOptions {
  std::int64_t attempt_ns_max = 5'000'000'000;
  std::int64_t stagger_ns = 250'000'000;  // RFC 8305, section 8
};

struct Dialed {
  int descriptor = -1;  // the owner's now; -1: none
  int error = 0;        // of the last attempt that ended
  bool timed_out = false;
  SocketAddress address;
  std::int64_t connect_ns = 0;
};

class Dialer {
 public:
  using Callback = void (*)(void* context, const Dialed& dialed) noexcept;

  Dialer(Loop& loop, const DialOptions& options, void* context, Callback callback);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // Only when idle(). In this order; at most addresses_max.
  void start(std::span<const SocketAddress> addresses) noexcept;
  // The callback comes without a descriptor.
  void cancel() noexcept;
  [[nodiscard]] bool idle() const noexcept { return !active_; }

 private:
  struct Attempt {
    Attempt(Loop& loop, Dialer& owner);
    Dialer& dialer;
    Channel channel;
    SocketAddress address;
    std::int64_t begun_ns = 0;
    bool timed_out = false;
    [[nodiscard]] bool running() const noexcept { return channel.establish.in_flight; }
  };
  static void established(void* context, const Completion& completion) noexcept;
  static void on_timer(void* context) noexcept;

  void begin_next(Attempt& attempt) noexcept;
  void ended(Attempt& attempt, int result) noexcept;
  void settle() noexcept;
  void arm() noexcept;
  void deliver() noexcept;
  [[nodiscard]] Attempt* free_attempt() noexcept;

  Loop& loop_;
  DialOptions options_;
  void* context_;
  Callback callback_;
  Attempt first_;
  Attempt second_;
  Timer timer_;
  std::array<SocketAddress, addresses_max> addresses_{};
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  std::int64_t stagger_due_ns_ = never_ns;
  bool active_ = false;
  bool cancelled_ = false;
  Attempt* won_ = nullptr;
  Dialed result_;
};

// Small frames must not wait for an acknowledgement; a dead path must be noticed without traffic.
void set_tcp_options(int descriptor) noexcept;

// Remembers how long addresses took, and puts the fastest first: then those not tried yet, their
// families by turns as RFC 8305 wants it, then those that failed last time.
class AddressMemory {
 public:
  void took(const SocketAddress& address, std::int64_t connect_ns) noexcept;
  void failed(const SocketAddress& address) noexcept { took(address, never_ns); }
  void order(std::span<SocketAddress> addresses) const noexcept;

 private:
  struct Known {
    SocketAddress address;
    std::int64_t connect_ns = 0;
  };
  [[nodiscard]] const Known* find(const SocketAddress& address) const noexcept;

  std::array<Known, addresses_max> known_{};
  std::size_t count_ = 0;
  std::size_t oldest_ = 0;  // the next to be forgotten
};

[[nodiscard]] bool same_address(const SocketAddress& a, const SocketAddress& b) noexcept;

}  // namespace ringside::net
