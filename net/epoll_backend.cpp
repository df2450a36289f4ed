// epoll, edge-triggered, behind the completion interface. An edge is remembered in the channel
// until a call answers EAGAIN or comes back short, so that nothing is tried twice.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "ipc/check.hpp"
#include "net/backend.hpp"
#include "net/loop.hpp"
#include "net/receive_stamps.hpp"

namespace ringside::net {

namespace {

constexpr int events_per_wait = 64;
constexpr int accepts_per_round = 16;

class EpollBackend final : public Backend {
 public:
  EpollBackend(const LoopOptions& options, LoopCounters& counters)
      : clock_(options.clock),
        stamps_(options.receive_stamps),
        counters_(counters),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) {
      throw std::system_error(errno, std::generic_category(),
                              "epoll_create1; raise the limit of open files (ulimit -n)");
    }
  }
  ~EpollBackend() override { ::close(epoll_); }

  const char* name() const noexcept override { return "epoll"; }
  int socket_flags() const noexcept override { return SOCK_NONBLOCK | SOCK_CLOEXEC; }

  void attach(Channel& channel) override {
    const ReceiveBuffers& buffers = channel.kernel.buffers;
    if (buffers.count == 0) return;
    channel.kernel.memory =
        MappedBytes(static_cast<std::size_t>(buffers.count) * buffers.bytes + padding_bytes);
  }

  void detach(Channel& channel) noexcept override {
    unqueue(channel);
    channel.establish.in_flight = channel.receive.in_flight = channel.send.in_flight = false;
    if (channel.descriptor() >= 0) {
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, channel.descriptor(), nullptr);
    }
  }

  int adopted(Channel& channel) noexcept override {
    channel.kernel.readable = channel.kernel.writable = true;  // until a call says otherwise
    channel.kernel.ended = false;
    if (stamps_ && channel.kernel.buffers.count > 0) ask_for_stamps(channel.descriptor());
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &channel;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, channel.descriptor(), &event) == 0 ? 0 : -errno;
  }

  void released(Channel& channel) noexcept override {
    unqueue(channel);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, channel.descriptor(), nullptr);
  }

  void start(Operation& operation) noexcept override {
    Channel& channel = *operation.channel;
    if (operation.kind == OperationKind::Connect) begin_connect(channel);
    enqueue(channel);
  }

  void cancel(Channel& channel) noexcept override { enqueue(channel); }

  bool wait(std::int64_t wait_ns) noexcept override {
    if (head_ != nullptr) wait_ns = 0;
    timespec timeout{.tv_sec = wait_ns / 1'000'000'000, .tv_nsec = wait_ns % 1'000'000'000};
    ++counters_.enters;
    event_count_ = wait_for(wait_ns, timeout);
    for (int i = 0; i < event_count_; ++i) note(events_[static_cast<std::size_t>(i)]);
    return head_ != nullptr;
  }

  unsigned dispatch() noexcept override {
    // Only what is queued now; what callbacks add waits for the next round, which will not sleep.
    unsigned budget = 0;
    for (const Channel* channel = head_; channel != nullptr; channel = channel->kernel.queue_next) {
      ++budget;
    }
    unsigned ran = 0;
    for (; budget > 0 && head_ != nullptr; --budget) {
      Channel& channel = *head_;
      unqueue(channel);
      ran += serve(channel);
    }
    return ran;
  }

 private:
  // epoll_wait counts milliseconds, which is the whole tick; epoll_pwait2 (5.11) is not in every
  // sandbox, so it is tried once.
  int wait_for(std::int64_t wait_ns, const timespec& timeout) noexcept {
    if (wait_ns > 0 && precise_) {
      const int count = ::epoll_pwait2(epoll_, events_.data(), events_per_wait, &timeout, nullptr);
      if (count >= 0 || errno == EINTR) return std::max(count, 0);
      precise_ = false;
    }
    const auto milliseconds = static_cast<int>((wait_ns + 999'999) / 1'000'000);
    return std::max(::epoll_wait(epoll_, events_.data(), events_per_wait, milliseconds), 0);
  }

  void note(const epoll_event& event) noexcept {
    Channel& channel = *static_cast<Channel*>(event.data.ptr);
    constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP;
    if ((event.events & (EPOLLIN | EPOLLRDHUP | broken)) != 0) channel.kernel.readable = true;
    if ((event.events & (EPOLLRDHUP | broken)) != 0) channel.kernel.ended = true;
    if ((event.events & (EPOLLOUT | broken)) != 0) channel.kernel.writable = true;
    if (runnable(channel)) enqueue(channel);
  }

  static bool runnable(const Channel& channel) noexcept {
    if (channel.kernel.cancelling) return !channel.idle();
    const bool establish =
        channel.establish.in_flight &&
        (channel.establish.kind == OperationKind::Connect ? channel.kernel.writable
                                                          : channel.kernel.readable);
    return establish || (channel.receive.in_flight && channel.kernel.readable) ||
           (channel.send.in_flight && channel.kernel.writable);
  }

  void enqueue(Channel& channel) noexcept {
    if (channel.kernel.queued) return;
    channel.kernel.queued = true;
    channel.kernel.queue_next = nullptr;
    if (tail_ == nullptr) {
      head_ = &channel;
    } else {
      tail_->kernel.queue_next = &channel;
    }
    tail_ = &channel;
  }

  void unqueue(Channel& channel) noexcept {
    if (!channel.kernel.queued) return;
    Channel** link = &head_;
    Channel* previous = nullptr;
    while (*link != &channel) {
      previous = *link;
      link = &previous->kernel.queue_next;
    }
    *link = channel.kernel.queue_next;
    if (tail_ == &channel) tail_ = previous;
    channel.kernel.queued = false;
  }

  unsigned complete(Operation& operation, int result, std::span<std::byte> bytes = {},
                    std::int64_t kernel_to_read_ns = unstamped_ns) noexcept {
    ++counters_.completions;
    operation.callback(operation.context, Completion{.result = result,
                                                     .bytes = bytes,
                                                     .received = clock_(),
                                                     .kernel_to_read_ns = kernel_to_read_ns});
    return 1;
  }

  unsigned finish(Operation& operation, int result) noexcept {
    operation.in_flight = false;
    return complete(operation, result);
  }

  // A callback may close and reuse the channel, so each step looks at its state anew; it may not
  // destroy it.
  unsigned serve(Channel& channel) noexcept {
    KernelSide& kernel = channel.kernel;
    unsigned ran = 0;
    if (kernel.cancelling) return serve_cancel(channel);
    if (channel.establish.in_flight) ran += serve_establish(channel);
    if (channel.send.in_flight && kernel.writable && !kernel.cancelling) ran += serve_send(channel);
    if (channel.receive.in_flight && kernel.readable && !kernel.cancelling) {
      ran += serve_receive(channel);
    }
    if (runnable(channel)) enqueue(channel);
    return ran;
  }

  unsigned serve_cancel(Channel& channel) noexcept {
    unsigned ran = 0;
    for (Operation* operation : {&channel.establish, &channel.send, &channel.receive}) {
      if (operation->in_flight && channel.kernel.cancelling) ran += finish(*operation, -ECANCELED);
    }
    return ran;
  }

  void begin_connect(Channel& channel) noexcept {
    const SocketAddress& peer = channel.kernel.peer;
    // Writable again when the attempt has ended; a refusal at once is read by SO_ERROR all the
    // same, except that connect itself has taken it: kept in connect_error.
    channel.kernel.writable = false;
    channel.kernel.ended = false;  // a socket not yet connected polls as hung up
    channel.kernel.connect_error = 0;
    if (::connect(channel.descriptor(), &peer.any, peer.bytes) == 0) {
      channel.kernel.writable = true;
    } else if (errno != EINPROGRESS && errno != EINTR) {
      channel.kernel.connect_error = errno;
      channel.kernel.writable = true;
    }
  }

  unsigned serve_establish(Channel& channel) noexcept {
    if (channel.establish.kind == OperationKind::Accept) return serve_accept(channel);
    if (!channel.kernel.writable) return 0;
    // A socket that was never connected polls as hung up; POLLOUT alone is not proof enough.
    int error = channel.kernel.connect_error;
    if (error == 0) {
      pollfd state{.fd = channel.descriptor(), .events = POLLOUT, .revents = 0};
      if (::poll(&state, 1, 0) <= 0) {
        channel.kernel.writable = false;
        return 0;
      }
      socklen_t bytes = sizeof(error);
      ::getsockopt(channel.descriptor(), SOL_SOCKET, SO_ERROR, &error, &bytes);
    }
    channel.kernel.readable = true;
    return finish(channel.establish, -error);
  }

  unsigned serve_accept(Channel& channel) noexcept {
    unsigned ran = 0;
    for (int i = 0; i < accepts_per_round && channel.kernel.readable; ++i) {
      const int descriptor = ::accept4(channel.descriptor(), nullptr, nullptr, socket_flags());
      if (descriptor >= 0) {
        ran += complete(channel.establish, descriptor);
        if (!channel.establish.in_flight || channel.kernel.cancelling) return ran;
      } else if (errno == EAGAIN) {
        channel.kernel.readable = false;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        return ran + finish(channel.establish, -errno);
      }
    }
    return ran;
  }

  unsigned serve_send(Channel& channel) noexcept {
    const auto bytes = channel.kernel.send_bytes;
    ++counters_.enters;
    const auto sent = ::send(channel.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return finish(channel.send, static_cast<int>(sent));
    if (errno == EINTR) return 0;
    if (errno == EAGAIN) {
      channel.kernel.writable = false;
      return 0;
    }
    return finish(channel.send, -errno);
  }

  static ssize_t receive_stamped(int descriptor, std::span<std::byte> room,
                                 std::int64_t& age_ns) noexcept {
    alignas(cmsghdr) std::array<std::byte, stamp_control_bytes> control;
    iovec where{.iov_base = room.data(), .iov_len = room.size()};
    msghdr message{};
    message.msg_iov = &where;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(descriptor, &message, 0);
    if (count > 0) age_ns = stamp_age_ns(CMSG_FIRSTHDR(&message), realtime_ns());
    return count;
  }

  unsigned serve_receive(Channel& channel) noexcept {
    const auto room =
        channel.kernel.memory.span().first(channel.kernel.memory.size() - padding_bytes);
    ++counters_.enters;
    std::int64_t kernel_to_read_ns = unstamped_ns;
    const auto count = stamps_ ? receive_stamped(channel.descriptor(), room, kernel_to_read_ns)
                               : ::recv(channel.descriptor(), room.data(), room.size(), 0);
    if (count > 0) {
      // A short read of a stream has emptied it: what comes later, the end included, is a new edge
      // (unless that edge has been seen already).
      const auto bytes = static_cast<std::size_t>(count);
      if (bytes < room.size() && !channel.kernel.ended) channel.kernel.readable = false;
      return complete(channel.receive, static_cast<int>(count), room.first(bytes),
                      kernel_to_read_ns);
    }
    if (count == 0) return finish(channel.receive, 0);
    if (errno == EINTR) return 0;
    if (errno == EAGAIN) {
      channel.kernel.readable = false;
      return 0;
    }
    return finish(channel.receive, -errno);
  }

  Ticks (*clock_)() noexcept;
  bool stamps_;
  LoopCounters& counters_;
  int epoll_;
  bool precise_ = true;
  int event_count_ = 0;
  std::array<epoll_event, events_per_wait> events_{};
  Channel* head_ = nullptr;  // channels with something to do
  Channel* tail_ = nullptr;
};

}  // namespace

std::unique_ptr<Backend> make_epoll_backend(const LoopOptions& options, LoopCounters& counters) {
  return std::make_unique<EpollBackend>(options, counters);
}

}  // namespace ringside::net
