// io_uring: one ring a thread, completions run only when this thread enters the kernel
// (DEFER_TASKRUN), and a shared word says when that is worth it (TASKRUN_FLAG). Each receiving
// channel has its own buffer ring, so that one busy socket cannot take another's buffers.
//
// Where the kernel has them (6.12), buffers are filled incrementally: many small arrivals share one
// buffer, so that a reader that lags does not run out after eight of them.
#include <liburing.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "ipc/check.hpp"
#include "net/backend.hpp"
#include "net/loop.hpp"
#include "net/receive_stamps.hpp"

namespace ringside::net {

namespace {

// What liburing 2.3's headers do not have yet.
constexpr std::uint16_t buffer_ring_incremental = 2;       // IOU_PBUF_RING_INC, in reg.pad
constexpr std::uint32_t completion_buffer_more = 1u << 4;  // IORING_CQE_F_BUF_MORE

// In front of what a stamped arrival brought.
constexpr std::size_t stamped_header_bytes = sizeof(io_uring_recvmsg_out) + stamp_control_bytes;

constexpr unsigned submission_entries = 256;
// 8 buffers, 3 operations, their cancellations; and the two attempts to connect of a stream.
constexpr unsigned completions_per_channel = 24;
constexpr std::size_t page_bytes = 4096;
constexpr unsigned generation_shift = 48;  // user space addresses end below
constexpr std::uint64_t address_mask = (std::uint64_t{1} << generation_shift) - 1;

std::size_t stride(const ReceiveBuffers& buffers) {
  return (static_cast<std::size_t>(buffers.bytes) + padding_bytes + 63) / 64 * 64;
}

std::string refusal(int error) {
  switch (error) {
    case ENOSYS:
      return "the kernel or a seccomp filter does not offer it";
    case EPERM:
    case EACCES:
      return "refused: see kernel.io_uring_disabled and the container's seccomp profile";
    case EINVAL:
      return "the kernel is older than 6.1";
    case ENOMEM:
      return "not enough locked memory: raise `ulimit -l`";
    case EMFILE:
    case ENFILE:
      return "too many open files: raise `ulimit -n`";
    default:
      return "unexpected";
  }
}

class UringBackend final : public Backend {
 public:
  UringBackend(const LoopOptions& options, LoopCounters& counters)
      : clock_(options.clock), stamps_(options.receive_stamps), counters_(counters) {
    stamped_message_.msg_controllen = stamp_control_bytes;
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                       IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    parameters.cq_entries = std::bit_ceil(options.channels_max * completions_per_channel);
    const int result = io_uring_queue_init_params(submission_entries, &ring_, &parameters);
    if (result < 0) {
      throw std::system_error(-result, std::generic_category(),
                              "io_uring_setup (" + refusal(-result) + ")");
    }
    completions_max_ = parameters.cq_entries;
    try {
      probe_buffer_rings(options.kernel_6_1);
    } catch (...) {
      io_uring_queue_exit(&ring_);
      throw;
    }
    name_ = incremental_ ? "io_uring" : "io_uring (kernel 6.1 features)";
    // Each stamped arrival begins a buffer, with its stamp in front of it; and in buffers that are
    // filled incrementally the kernel gives up with EFAULT.
    if (stamps_) incremental_ = false;
    // Saves a descriptor look-up an enter; a kernel that refuses costs no more than that.
    (void)io_uring_register_ring_fd(&ring_);
  }

  ~UringBackend() override { io_uring_queue_exit(&ring_); }

  const char* name() const noexcept override { return name_; }
  int socket_flags() const noexcept override { return SOCK_CLOEXEC; }

  void attach(Channel& channel) override {
    KernelSide& kernel = channel.kernel;
    completions_reserved_ += 3 + kernel.buffers.count;
    RINGSIDE_CHECK(reinterpret_cast<std::uint64_t>(&channel) < address_mask);
    if (kernel.buffers.count == 0) return;
    RINGSIDE_CHECK(!stamps_ || kernel.buffers.bytes > stamped_header_bytes);
    if (completions_reserved_ > completions_max_) {
      completions_reserved_ -= 3 + kernel.buffers.count;
      throw std::system_error(std::make_error_code(std::errc::no_buffer_space),
                              "more channels or receive buffers than the loop was made for; raise "
                              "LoopOptions::channels_max");
    }
    kernel.memory = MappedBytes(page_bytes + kernel.buffers.count * stride(kernel.buffers));
    if (free_groups_.empty()) {
      kernel.group = next_group_++;
    } else {
      kernel.group = free_groups_.back();
      free_groups_.pop_back();
    }
    const int result = register_buffers(kernel.memory.data(), kernel.buffers.count, kernel.group);
    if (result < 0) {
      completions_reserved_ -= 3 + kernel.buffers.count;
      free_groups_.push_back(kernel.group);
      throw std::system_error(-result, std::generic_category(),
                              "registering receive buffers (" + refusal(-result) + ")");
    }
    io_uring_buf_ring_init(buffer_ring(kernel));
    for (std::uint16_t i = 0; i < kernel.buffers.count; ++i) provide(kernel, i);
  }

  // The kernel may hold the channel's buffers and addresses until each operation has completed, so
  // this waits; completions of others that come meanwhile are kept for the next dispatch.
  void detach(Channel& channel) noexcept override {
    if (!channel.idle() && !channel.kernel.cancelling) {
      channel.kernel.cancelling = true;
      cancel(channel);
    }
    for (std::size_t i = backlog_at_; i < backlog_.size(); ++i) {
      if (!belongs_to(backlog_[i], channel)) continue;
      discard(backlog_[i]);
      backlog_[i].user_data = 0;
    }
    while (!channel.idle()) {
      ++counters_.enters;
      (void)io_uring_submit_and_wait(&ring_, 1);
      io_uring_cqe entry{};
      while (take_completion(entry)) {
        if (belongs_to(entry, channel)) {
          discard(entry);
        } else {
          backlog_.push_back(entry);
        }
      }
    }
    completions_reserved_ -= 3 + channel.kernel.buffers.count;
    if (channel.kernel.buffers.count == 0) return;
    (void)io_uring_unregister_buf_ring(&ring_, channel.kernel.group);
    free_groups_.push_back(channel.kernel.group);
  }

  int adopted(Channel& channel) noexcept override {
    if (stamps_ && channel.kernel.buffers.count > 0) ask_for_stamps(channel.descriptor());
    return 0;
  }
  void released(Channel&) noexcept override {}

  void start(Operation& operation) noexcept override {
    Channel& channel = *operation.channel;
    KernelSide& kernel = channel.kernel;
    io_uring_sqe* entry = next_submission();
    switch (operation.kind) {
      case OperationKind::Connect:
        io_uring_prep_connect(entry, kernel.descriptor, &kernel.peer.any, kernel.peer.bytes);
        break;
      case OperationKind::Accept:
        io_uring_prep_multishot_accept(entry, kernel.descriptor, nullptr, nullptr, SOCK_CLOEXEC);
        break;
      case OperationKind::Receive:
        if (stamps_) {
          io_uring_prep_recvmsg_multishot(entry, kernel.descriptor, &stamped_message_, 0);
        } else {
          io_uring_prep_recv_multishot(entry, kernel.descriptor, nullptr, 0, 0);
        }
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = kernel.group;
        break;
      case OperationKind::Send:
        io_uring_prep_send(entry, kernel.descriptor, kernel.send_bytes.data(),
                           kernel.send_bytes.size(), MSG_NOSIGNAL);
        break;
    }
    entry->user_data = reinterpret_cast<std::uint64_t>(&operation) |
                       static_cast<std::uint64_t>(operation.generation) << generation_shift;
  }

  void cancel(Channel& channel) noexcept override {
    io_uring_sqe* entry = next_submission();
    io_uring_prep_cancel_fd(entry, channel.kernel.descriptor, IORING_ASYNC_CANCEL_ALL);
    entry->user_data = 0;  // its own completion says nothing
  }

  bool wait(std::int64_t wait_ns) noexcept override {
    if (backlog_at_ < backlog_.size() || io_uring_cq_ready(&ring_) > 0) wait_ns = 0;
    if (wait_ns > 0) {
      __kernel_timespec timeout{.tv_sec = wait_ns / 1'000'000'000,
                                .tv_nsec = wait_ns % 1'000'000'000};
      io_uring_cqe* entry = nullptr;
      ++counters_.enters;
      (void)io_uring_submit_and_wait_timeout(&ring_, &entry, 1, &timeout, nullptr);
    } else {
      const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
      if ((flags & IORING_SQ_CQ_OVERFLOW) != 0) ++counters_.overflows;
      if ((flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0 ||
          io_uring_sq_ready(&ring_) > 0) {
        ++counters_.enters;
        (void)io_uring_submit_and_get_events(&ring_);
      }
    }
    return backlog_at_ < backlog_.size() || io_uring_cq_ready(&ring_) > 0;
  }

  unsigned dispatch() noexcept override {
    // The bytes of this batch were taken when the kernel was last entered, whatever the place in
    // it.
    received_ = clock_();
    if (stamps_) received_realtime_ns_ = realtime_ns();
    std::size_t budget = backlog_.size() - backlog_at_ + io_uring_cq_ready(&ring_);
    unsigned ran = 0;
    io_uring_cqe entry{};
    for (; budget > 0 && take(entry); --budget) ran += deliver(entry);
    return ran;
  }

 private:
  static io_uring_buf_ring* buffer_ring(const KernelSide& kernel) noexcept {
    return reinterpret_cast<io_uring_buf_ring*>(kernel.memory.data());
  }
  static std::byte* buffer(const KernelSide& kernel, std::uint16_t index) noexcept {
    return kernel.memory.data() + page_bytes + index * stride(kernel.buffers);
  }
  static Operation* operation_of(const io_uring_cqe& entry) noexcept {
    return reinterpret_cast<Operation*>(entry.user_data & address_mask);
  }
  static bool belongs_to(const io_uring_cqe& entry, const Channel& channel) noexcept {
    return entry.user_data != 0 && operation_of(entry)->channel == &channel;
  }

  static bool current(const io_uring_cqe& entry) noexcept {
    return operation_of(entry)->generation == entry.user_data >> generation_shift;
  }
  // What the kernel said about a channel that nobody wants to hear of any more.
  static void discard(const io_uring_cqe& entry) noexcept {
    if (current(entry) && (entry.flags & IORING_CQE_F_MORE) == 0) {
      operation_of(entry)->in_flight = false;
    }
  }

  int register_buffers(std::byte* memory, std::uint32_t count, std::uint16_t group) noexcept {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(memory);
    registration.ring_entries = count;
    registration.bgid = group;
    registration.pad = incremental_ ? buffer_ring_incremental : std::uint16_t{0};
    return io_uring_register_buf_ring(&ring_, &registration, 0);
  }

  // A trial, so that a kernel which refuses says so here, where Auto can still fall back.
  void probe_buffer_rings(bool kernel_6_1) {
    const MappedBytes trial(page_bytes);
    incremental_ = !kernel_6_1;
    int result = register_buffers(trial.data(), 1, 0);
    if (result == -EINVAL && incremental_) {
      incremental_ = false;
      result = register_buffers(trial.data(), 1, 0);
    }
    if (result < 0) {
      throw std::system_error(-result, std::generic_category(),
                              "io_uring buffer ring (" + refusal(-result) + ")");
    }
    (void)io_uring_unregister_buf_ring(&ring_, 0);
  }

  // The whole of buffer `index` is the kernel's again.
  static void provide(KernelSide& kernel, std::uint16_t index) noexcept {
    io_uring_buf_ring* ring = buffer_ring(kernel);
    kernel.filled[index] = 0;
    io_uring_buf_ring_add(ring, buffer(kernel, index), kernel.buffers.bytes, index,
                          io_uring_buf_ring_mask(kernel.buffers.count), 0);
    io_uring_buf_ring_advance(ring, 1);
  }

  io_uring_sqe* next_submission() noexcept {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      ++counters_.enters;
      (void)io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    RINGSIDE_CHECK(entry != nullptr);  // the kernel took nothing: it is out of memory
    return entry;
  }

  bool take_completion(io_uring_cqe& entry) noexcept {
    if (io_uring_cq_ready(&ring_) == 0) return false;
    const unsigned head = *ring_.cq.khead;
    entry = ring_.cq.cqes[head & ring_.cq.ring_mask];
    io_uring_cq_advance(&ring_, 1);
    return true;
  }

  bool take(io_uring_cqe& entry) noexcept {
    if (backlog_at_ < backlog_.size()) {
      entry = backlog_[backlog_at_++];
      if (backlog_at_ == backlog_.size()) {
        backlog_.clear();
        backlog_at_ = 0;
      }
      return true;
    }
    return take_completion(entry);
  }

  unsigned complete(Operation& operation, int result, std::span<std::byte> bytes = {},
                    std::int64_t kernel_to_read_ns = unstamped_ns) noexcept {
    ++counters_.completions;
    operation.callback(operation.context, Completion{.result = result,
                                                     .bytes = bytes,
                                                     .received = received_,
                                                     .kernel_to_read_ns = kernel_to_read_ns});
    return 1;
  }

  unsigned finish(Operation& operation, int result) noexcept {
    operation.in_flight = false;
    return complete(operation, result);
  }

  unsigned deliver(const io_uring_cqe& entry) noexcept {
    if (entry.user_data == 0) return 0;
    Operation& operation = *operation_of(entry);
    if (!current(entry) || !operation.in_flight) {
      ++counters_.late_completions;
      release_buffer(operation.channel->kernel, entry);
      return 0;
    }
    switch (operation.kind) {
      case OperationKind::Receive:
        return deliver_receive(operation, entry);
      case OperationKind::Accept:
        return deliver_accept(operation, entry);
      default:
        return finish(operation, entry.res);
    }
  }

  unsigned deliver_receive(Operation& operation, const io_uring_cqe& entry) noexcept {
    Channel& channel = *operation.channel;
    KernelSide& kernel = channel.kernel;
    const Arrival arrival = arrival_of(kernel, entry);
    const auto count = static_cast<int>(arrival.bytes.size());
    unsigned ran = 0;
    if (count > 0 && !kernel.cancelling) {
      ran += complete(operation, count, arrival.bytes, arrival.kernel_to_read_ns);
    }
    release_buffer(kernel, entry);
    if ((entry.flags & IORING_CQE_F_MORE) != 0) return ran;
    if (kernel.cancelling) return ran + finish(operation, -ECANCELED);
    if (count > 0 || entry.res == -ENOBUFS) {
      ++(count > 0 ? counters_.receive_rearms : counters_.buffers_exhausted);
      start(operation);
      return ran;
    }
    return ran + finish(operation, std::min(entry.res, 0));
  }

  struct Arrival {
    std::span<std::byte> bytes;  // none: the end, or an error
    std::int64_t kernel_to_read_ns = unstamped_ns;
  };
  // A stamped one lies in its buffer as
  //   [ io_uring_recvmsg_out | room for one ancillary message | bytes ]
  Arrival arrival_of(const KernelSide& kernel, const io_uring_cqe& entry) noexcept {
    if (entry.res <= 0) return {};
    const auto index = static_cast<std::uint16_t>(entry.flags >> IORING_CQE_BUFFER_SHIFT);
    std::byte* const begin = buffer(kernel, index) + kernel.filled[index];
    const std::span<std::byte> all(begin, static_cast<std::size_t>(entry.res));
    if (!stamps_) return {.bytes = all};
    io_uring_recvmsg_out* const out =
        io_uring_recvmsg_validate(begin, entry.res, &stamped_message_);
    if (out == nullptr) return {};
    return {.bytes = all.subspan(stamped_header_bytes),
            .kernel_to_read_ns = stamp_age_ns(
                io_uring_recvmsg_cmsg_firsthdr(out, &stamped_message_), received_realtime_ns_)};
  }

  void release_buffer(KernelSide& kernel, const io_uring_cqe& entry) noexcept {
    if ((entry.flags & IORING_CQE_F_BUFFER) == 0) return;
    const auto index = static_cast<std::uint16_t>(entry.flags >> IORING_CQE_BUFFER_SHIFT);
    if ((entry.flags & completion_buffer_more) != 0) {
      kernel.filled[index] += static_cast<std::uint32_t>(std::max(entry.res, 0));
    } else {
      provide(kernel, index);
    }
  }

  unsigned deliver_accept(Operation& operation, const io_uring_cqe& entry) noexcept {
    const KernelSide& kernel = operation.channel->kernel;
    unsigned ran = 0;
    if (entry.res >= 0) {
      if (kernel.cancelling) {
        ::close(entry.res);
      } else {
        ran += complete(operation, entry.res);
      }
    }
    if ((entry.flags & IORING_CQE_F_MORE) != 0) return ran;
    if (kernel.cancelling) return ran + finish(operation, -ECANCELED);
    if (entry.res >= 0 || entry.res == -ECONNABORTED || entry.res == -EINTR) {
      start(operation);
      return ran;
    }
    return ran + finish(operation, entry.res);
  }

  io_uring ring_{};
  Ticks (*clock_)() noexcept;
  bool stamps_;
  LoopCounters& counters_;
  const char* name_ = "";
  Ticks received_;
  std::int64_t received_realtime_ns_ = 0;  // as received_, with stamps only
  msghdr stamped_message_{};               // what a stamped receive asks for: the stamp
  bool incremental_ = false;
  std::uint32_t completions_max_ = 0;
  std::uint32_t completions_reserved_ = 0;  // <= completions_max_, so the queue cannot overflow
  std::uint16_t next_group_ = 0;
  std::vector<std::uint16_t> free_groups_;
  std::vector<io_uring_cqe> backlog_;  // taken while a channel was being detached
  std::size_t backlog_at_ = 0;
};

}  // namespace

std::unique_ptr<Backend> make_uring_backend(const LoopOptions& options, LoopCounters& counters) {
  return std::make_unique<UringBackend>(options, counters);
}

}  // namespace ringside::net
