#include "perf/echo_servers.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "ipc/check.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace ringside::perf {

namespace {

// --- On the loop ---

struct LoopEcho {
  LoopEcho(net::Loop& loop, int descriptor, unsigned& open)
      : open_count(open),
        stream(loop, {.send_queue_bytes = 64 * 1024},
               {.context = this,
                .on_open = [](void*) noexcept {},
                .on_bytes =
                    [](void* context, std::span<std::byte> bytes, net::ReceiveTimes) noexcept {
                      auto& self = *static_cast<LoopEcho*>(context);
                      RINGSIDE_CHECK(self.stream.reserve(bytes.size()));
                      self.stream.write(bytes);
                      self.stream.flush();
                      return bytes.size();
                    },
                .on_sent = nullptr,
                .on_close =
                    [](void* context, net::CloseReason, std::string_view) noexcept {
                      --static_cast<LoopEcho*>(context)->open_count;
                    }}) {
    stream.accept(descriptor, nullptr);
  }
  unsigned& open_count;
  net::Stream stream;
};

// --- epoll ---

struct EpollPeer {
  int descriptor = -1;
  std::string pending;  // read and not yet written
};

// False: the peer has ended.
bool turn(EpollPeer& peer) {
  std::array<char, 16 * 1024> buffer;
  while (true) {
    while (!peer.pending.empty()) {
      const ssize_t sent =
          ::send(peer.descriptor, peer.pending.data(), peer.pending.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      peer.pending.erase(0, static_cast<std::size_t>(sent));
    }
    const ssize_t count = ::recv(peer.descriptor, buffer.data(), buffer.size(), 0);
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    const ssize_t sent =
        ::send(peer.descriptor, buffer.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL);
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    peer.pending.assign(buffer.data() + done, static_cast<std::size_t>(count) - done);
  }
}

// --- The textbook's ---

class AsyncMap {
 public:
  using Handler = std::function<void(int)>;

  AsyncMap() { RINGSIDE_CHECK(io_uring_queue_init(1024, &ring_, 0) == 0); }
  ~AsyncMap() { io_uring_queue_exit(&ring_); }
  AsyncMap(const AsyncMap&) = delete;
  AsyncMap& operator=(const AsyncMap&) = delete;

  void read(int descriptor, std::shared_ptr<std::vector<char>> buffer, Handler handler) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_recv(entry, descriptor, buffer->data(), buffer->size(), 0);
    start(entry, std::move(buffer), std::move(handler));
  }
  void write(int descriptor, std::shared_ptr<std::vector<char>> buffer, Handler handler) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_send(entry, descriptor, buffer->data(), buffer->size(), MSG_NOSIGNAL);
    start(entry, std::move(buffer), std::move(handler));
  }
  void run_one() {
    io_uring_cqe* entry = nullptr;
    RINGSIDE_CHECK(io_uring_wait_cqe(&ring_, &entry) == 0);
    const auto id = io_uring_cqe_get_data64(entry);
    const int result = entry->res;
    io_uring_cqe_seen(&ring_, entry);
    Handler handler;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = operations_.find(id);
      handler = std::move(found->second);
      operations_.erase(found);
    }
    handler(result);
  }

 private:
  void start(io_uring_sqe* entry, std::shared_ptr<std::vector<char>> buffer, Handler handler) {
    const std::uint64_t id = ++last_id_;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      operations_.emplace(id, [buffer = std::move(buffer),
                               handler = std::move(handler)](int result) { handler(result); });
    }
    io_uring_sqe_set_data64(entry, id);
    RINGSIDE_CHECK(io_uring_submit(&ring_) == 1);
  }

  io_uring ring_{};
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Handler> operations_;
  std::uint64_t last_id_ = 0;
};

class AsyncEcho : public std::enable_shared_from_this<AsyncEcho> {
 public:
  AsyncEcho(AsyncMap& map, int descriptor, unsigned& open)
      : map_(map), descriptor_(descriptor), open_(open) {}

  void read() {
    auto buffer = std::make_shared<std::vector<char>>(16 * 1024);
    map_.read(descriptor_, buffer, [self = shared_from_this(), buffer](int result) {
      if (result <= 0) {
        --self->open_;
        return;
      }
      buffer->resize(static_cast<std::size_t>(result));
      self->write(buffer);
    });
  }
  void write(std::shared_ptr<std::vector<char>> buffer) {
    map_.write(descriptor_, buffer, [self = shared_from_this(), buffer](int result) {
      RINGSIDE_CHECK(result == static_cast<int>(buffer->size()));
      self->read();
    });
  }

 private:
  AsyncMap& map_;
  int descriptor_;
  unsigned& open_;
};

void serve_blocking(int descriptor) {
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t count = ::recv(descriptor, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    for (ssize_t at = 0; at < count;) {
      const ssize_t sent = ::send(descriptor, buffer.data() + at,
                                  static_cast<std::size_t>(count - at), MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += sent;
    }
  }
}

}  // namespace

void echo_by_loop(std::span<const int> connections) {
  net::Loop loop{net::LoopOptions{}};
  auto open = static_cast<unsigned>(connections.size());
  std::vector<std::unique_ptr<LoopEcho>> peers;
  for (const int descriptor : connections) {
    // The stream owns its descriptor; the caller keeps its own.
    const int own = ::dup(descriptor);
    if ((loop.socket_flags() & SOCK_NONBLOCK) != 0) (void)::fcntl(own, F_SETFL, O_NONBLOCK);
    peers.push_back(std::make_unique<LoopEcho>(loop, own, open));
  }
  while (open > 0) (void)loop.run_once(100'000'000);
}

void echo_by_epoll(std::span<const int> connections) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<EpollPeer> peers(connections.size());
  for (std::size_t i = 0; i < peers.size(); ++i) {
    peers[i].descriptor = connections[i];
    RINGSIDE_CHECK(::fcntl(connections[i], F_SETFL, O_NONBLOCK) == 0);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = &peers[i]}};
    RINGSIDE_CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i], &event) == 0);
  }
  std::array<epoll_event, 256> events;
  for (std::size_t open = peers.size(); open > 0;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto& peer = *static_cast<EpollPeer*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (turn(peer)) continue;
      RINGSIDE_CHECK(::epoll_ctl(epoll, EPOLL_CTL_DEL, peer.descriptor, nullptr) == 0);
      --open;
    }
  }
  ::close(epoll);
}

void echo_by_threads(std::span<const int> connections) {
  std::vector<std::thread> threads;
  for (const int descriptor : connections) threads.emplace_back(serve_blocking, descriptor);
  for (auto& thread : threads) thread.join();
}

void echo_by_async_map(std::span<const int> connections) {
  AsyncMap map;
  auto open = static_cast<unsigned>(connections.size());
  for (const int descriptor : connections) {
    std::make_shared<AsyncEcho>(map, descriptor, open)->read();
  }
  while (open > 0) map.run_one();
}

}  // namespace ringside::perf
