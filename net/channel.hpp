// A socket as the loop sees it: its descriptor, its operations in flight and its receive buffers.
// Unlike a callback-per-call reactor, an operation is a struct inside its owner: its address is the
// kernel's user_data, so nothing is allocated, locked or looked up when it completes.
//
// Threads: the loop's. Bounded by: one operation of each kind in flight; receive buffers fixed at
// construction. Fails by: a completion with a negative errno; never calls back from within start_*.
//
// Lifetime: the owner may destroy a channel at any time but inside its own callbacks; the
// destructor waits until the kernel has let go of every operation.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/mapped_bytes.hpp"
#include "ringside/time.hpp"

namespace ringside::net {

class Backend;
class Channel;
class Loop;

// Readable bytes behind whatever a receive hands over: simdjson reads that far.
inline constexpr std::size_t padding_bytes = 64;

// Instead of an age: the kernel did not stamp these bytes, or was not asked to.
inline constexpr std::int64_t unstamped_ns = -1;

struct Completion {
  int result = 0;              // bytes, or a new descriptor (accept); negative: -errno
  std::span<std::byte> bytes;  // receive only; writable; valid during the callback
  Ticks received;              // when the bytes were taken from the kernel
  // How long before `received` the kernel had the last of them (net/receive_stamps.hpp).
  std::int64_t kernel_to_read_ns = unstamped_ns;
};

enum class OperationKind : std::uint8_t { Connect, Accept, Receive, Send };

// Aligned so that the generation can travel in the spare bits of the address.
struct alignas(64) Operation {
  void (*callback)(void* context, const Completion& completion) noexcept = nullptr;
  void* context = nullptr;

  // From here on the backend's.
  Channel* channel = nullptr;
  std::uint16_t generation = 0;  // of the start; a completion of an older one is dropped
  OperationKind kind = OperationKind::Receive;
  bool in_flight = false;
};

// IPv4 or IPv6, with port.
struct SocketAddress {
  union {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6{};
  };
  socklen_t bytes = 0;
};

struct ReceiveBuffers {
  std::uint32_t count = 8;  // a power of two, at most 64; 0: the channel never receives
  std::uint32_t bytes = 16 * 1024;
};

// What the backends keep of a channel. Theirs alone.
struct KernelSide {
  int descriptor = -1;
  ReceiveBuffers buffers;
  MappedBytes memory;
  SocketAddress peer;                     // of the connect in flight
  std::span<const std::byte> send_bytes;  // of the send in flight
  bool cancelling = false;

  // io_uring: the buffer ring stands at the front of memory; how far each buffer is filled.
  std::uint16_t group = 0;
  std::uint16_t ring_tail = 0;
  std::uint32_t filled[64] = {};

  // epoll: edges seen and not yet used up; membership of the ready list.
  bool readable = false;
  bool writable = false;
  bool ended = false;  // the peer has finished or the connection is broken: no edge will follow
  bool queued = false;
  int connect_error = 0;
  Channel* queue_next = nullptr;
};

class Channel {
 public:
  Channel(Loop& loop, ReceiveBuffers buffers);  // throws std::system_error
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Takes a descriptor over; 0 or -errno (then it is closed). The flags a socket must be made with
  // differ by backend: Loop::socket_flags().
  [[nodiscard]] int adopt(int descriptor) noexcept;
  [[nodiscard]] int descriptor() const noexcept { return kernel.descriptor; }

  // Each at most once in flight.
  void start_connect(const SocketAddress& address) noexcept;
  void start_accept() noexcept;   // completes for each connection, until an error
  void start_receive() noexcept;  // completes for each arrival, until end of stream (0) or an error
  // `bytes` stay untouched until the completion; may complete short.
  void start_send(std::span<const std::byte> bytes) noexcept;
  // Every operation in flight completes once more, with -ECANCELED (or what it had come to).
  void cancel() noexcept;
  [[nodiscard]] bool idle() const noexcept {
    return !establish.in_flight && !receive.in_flight && !send.in_flight;
  }
  void close_descriptor() noexcept;      // only when idle
  [[nodiscard]] int release() noexcept;  // only when idle: the descriptor is the caller's again

  Operation establish;  // connect or accept
  Operation receive;
  Operation send;
  KernelSide kernel;

 private:
  void start(Operation& operation, OperationKind kind) noexcept;

  Backend& backend_;
};

}  // namespace ringside::net
