#include "tests/e2e/hostile_server.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "net/resolver.hpp"
#include "net/websocket_frame.hpp"

namespace ringside::e2e {
namespace {

constexpr int drip_ms = 10;
constexpr int for_ever = -1;
constexpr std::size_t read_bytes = 1 << 16;

void raise_event(int event) {
  const std::uint64_t one = 1;
  (void)!::write(event, &one, sizeof(one));
}

// Appends what there is; false: the other side has finished or broken.
bool take_bytes(int socket, std::string& to) {
  std::array<char, read_bytes> bytes;
  const auto count = ::recv(socket, bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  to.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

bool send_all(int socket, int stop, std::string_view bytes) {
  while (!bytes.empty()) {
    std::array<pollfd, 2> ready{{{socket, POLLOUT, 0}, {stop, POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), for_ever);
    if (ready[1].revents != 0) return false;
    const auto count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// The length of the first frame; 0: it is not whole yet.
std::size_t frame_bytes(std::string_view bytes) {
  const auto header = net::parse_frame_header<net::Role::Client>(std::as_bytes(std::span(bytes)),
                                                                 net::reserved_bit_1);
  if (!header.complete) return 0;
  const std::size_t whole = header.header_bytes + static_cast<std::size_t>(header.payload_bytes);
  return bytes.size() < whole ? 0 : whole;
}

}  // namespace

bool Wire::send(std::string_view bytes) { return send_all(socket_, stop_, bytes); }

void Wire::finish() {
  ::shutdown(socket_, SHUT_WR);
  hold();
}

void Wire::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void Wire::hold() { (void)drain(for_ever); }

void Wire::drip(std::string_view bytes) {
  for (std::size_t at = 0; drain(drip_ms); ++at) {
    if (!send(bytes.substr(at % bytes.size(), 1))) return;
  }
}

void Wire::flood(std::string_view bytes) {
  while (drain(0) && send(bytes)) {
  }
}

std::string Wire::read_head() {
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    std::array<pollfd, 2> ready{{{socket_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), for_ever);
    if (ready[1].revents != 0 || !take_bytes(socket_, text)) break;
  }
  return text;
}

void Wire::offer(const net::TlsContext& context) {
  SSL* ssl = SSL_new(context.native());
  SSL_set_fd(ssl, socket_);
  (void)SSL_accept(ssl);
  SSL_free(ssl);
  ERR_clear_error();
  hold();
}

bool Wire::drain(int ms) {
  while (true) {
    std::array<pollfd, 2> ready{{{socket_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    const int count = ::poll(ready.data(), ready.size(), ms);
    if (count == 0) return true;
    std::string forgotten;
    if (ready[1].revents != 0 || !take_bytes(socket_, forgotten)) return false;
    if (ms != for_ever) return true;
  }
}

HostileServer::HostileServer(std::uint16_t upstream_port, bool websocket)
    : upstream_port_(upstream_port), websocket_(websocket) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = net::parse_numeric("127.0.0.1", 0).value();
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (::bind(listener_, &address.any, address.bytes) != 0 || ::listen(listener_, 64) != 0) {
    throw std::runtime_error("hostile server: no port");
  }
  ::getsockname(listener_, &address.any, &address.bytes);
  port_ = ntohs(address.ipv4.sin_port);
  acceptor_ = std::thread([this] { accept_peers(); });
}

HostileServer::~HostileServer() {
  raise_event(stop_);
  acceptor_.join();
  for (auto& peer : peers_) {
    peer->thread.join();
    ::close(peer->wake);
  }
  ::close(listener_);
  ::close(stop_);
}

void HostileServer::break_next(Fault fault) {
  const std::lock_guard lock(mutex_);
  const bool at_once = fault.when != When::NextFrame;
  fault_ = std::move(fault);
  for (auto& peer : peers_) {
    if (at_once) peer->reset.store(true, std::memory_order_relaxed);  // told by the event
    raise_event(peer->wake);
  }
}

bool HostileServer::used_up() const {
  const std::lock_guard lock(mutex_);
  return !fault_.has_value();
}

std::optional<Fault> HostileServer::take(When when) {
  const std::lock_guard lock(mutex_);
  if (!fault_ || fault_->when != when) return std::nullopt;
  return std::exchange(fault_, std::nullopt);
}

void HostileServer::accept_peers() {
  while (true) {
    std::array<pollfd, 2> ready{{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), for_ever);
    if (ready[1].revents != 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    auto peer = std::make_unique<Peer>();
    peer->client = client;
    peer->wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const std::lock_guard lock(mutex_);
    peer->thread = std::thread([this, entry = peer.get()] { serve(*entry); });
    peers_.push_back(std::move(peer));
  }
}

void HostileServer::serve(Peer& peer) {
  Wire wire(peer.client, stop_);
  if (const auto fault = take(When::NextConnection)) {
    fault->act(wire);
  } else {
    const auto address = net::parse_numeric("127.0.0.1", upstream_port_).value();
    peer.upstream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(peer.upstream, &address.any, address.bytes) == 0) pass_on(peer);
    ::close(peer.upstream);
    if (peer.reset.load(std::memory_order_relaxed)) wire.reset();  // told by the event
  }
  ::close(peer.client);
}

void HostileServer::pass_on(Peer& peer) {
  std::string pending;  // from upstream, not yet a whole frame
  bool upgraded = false;
  while (true) {
    std::array<pollfd, 4> ready{{{peer.client, POLLIN, 0},
                                 {peer.upstream, POLLIN, 0},
                                 {peer.wake, POLLIN, 0},
                                 {stop_, POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), for_ever);
    if (ready[3].revents != 0) return;
    if (ready[2].revents != 0) {
      std::uint64_t ignored = 0;
      (void)!::read(peer.wake, &ignored, sizeof(ignored));
      if (peer.reset.load(std::memory_order_relaxed)) return;  // told by the event
    }
    if (ready[0].revents != 0) {
      std::string said;
      if (!take_bytes(peer.client, said) || !send_all(peer.upstream, stop_, said)) return;
    }
    if (ready[1].revents != 0 && !take_bytes(peer.upstream, pending)) return;
    if (!forward(peer, pending, upgraded)) return;
  }
}

// Passes on what is whole; false: the connection is over.
bool HostileServer::forward(Peer& peer, std::string& pending, bool& upgraded) {
  Wire wire(peer.client, stop_);
  while (!pending.empty()) {
    std::size_t whole = pending.size();
    if (websocket_ && !upgraded) {
      const auto head = pending.find("\r\n\r\n");
      if (head == std::string::npos) return true;
      whole = head + 4;
    } else if (websocket_) {
      whole = frame_bytes(pending);
      if (whole == 0) return true;
    }
    const auto unit = std::string_view(pending).substr(0, whole);
    if (unit.find("\"type\":\"snapshot\"") != std::string_view::npos) {
      if (const auto fault = take(When::MidSnapshot)) {
        if (wire.send(unit.substr(0, whole / 2))) fault->act(wire);
        return false;
      }
    }
    if (!wire.send(unit)) return false;
    pending.erase(0, whole);
    const bool at_frame = upgraded || !websocket_;
    upgraded = true;
    if (!at_frame) continue;
    if (const auto fault = take(When::NextFrame)) {
      fault->act(wire);
      if (!fault->goes_on) return false;
    }
  }
  return true;
}

}  // namespace ringside::e2e
