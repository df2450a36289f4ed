#include "net/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>

#include "net/loop.hpp"

namespace ringside::net {

namespace {

struct Question {
  std::uint64_t id = 0;
  std::uint16_t port = 0;
  char host[host_bytes_max + 1] = {};
};

bool read_whole(int descriptor, void* out, std::size_t bytes) noexcept {
  auto* at = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t count = ::read(descriptor, at, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_whole(int descriptor, const void* from, std::size_t bytes) noexcept {
  const auto* at = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t count = ::send(descriptor, at, bytes, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

LookupResult look_up(const Question& question) noexcept {
  LookupResult result;
  result.id = question.id;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(question.port);
  result.error = ::getaddrinfo(question.host, port.c_str(), &hints, &list);
  if (result.error != 0) return result;
  for (const addrinfo* entry = list; entry != nullptr && result.count < addresses_max;
       entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    SocketAddress& address = result.addresses[result.count++];
    address.bytes = entry->ai_addrlen;
    std::memcpy(&address.any, entry->ai_addr, entry->ai_addrlen);
  }
  ::freeaddrinfo(list);
  return result;
}

// A new thread begins where its maker is pinned, which is the one core that must not be disturbed;
// and with its maker's signals, which must go on interrupting the maker's sleep.
void leave_the_makers_core() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  cpu_set_t own;
  cpu_set_t others;
  if (::sched_getaffinity(0, sizeof(own), &own) != 0) return;
  CPU_ZERO(&others);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &own)) CPU_SET(cpu, &others);
  }
  // Fails where there are no others: then the maker was not pinned, and nothing is to be left.
  (void)::sched_setaffinity(0, sizeof(others), &others);
  const sched_param normal{};
  (void)::pthread_setschedparam(::pthread_self(), SCHED_OTHER, &normal);
}

// Owns its descriptor; ends when the loop's end is closed.
void resolve_until_closed(int descriptor) noexcept {
  leave_the_makers_core();
  Question question;
  while (read_whole(descriptor, &question, sizeof(question))) {
    const LookupResult result = look_up(question);
    if (!write_whole(descriptor, &result, sizeof(result))) break;
  }
  ::close(descriptor);
}

}  // namespace

std::optional<SocketAddress> parse_numeric(std::string_view host, std::uint16_t port) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.size() >= text.size()) return std::nullopt;
  std::copy(host.begin(), host.end(), text.begin());
  SocketAddress address;
  if (::inet_pton(AF_INET6, text.data(), &address.ipv6.sin6_addr) == 1) {
    address.ipv6.sin6_family = AF_INET6;
    address.ipv6.sin6_port = htons(port);
    address.bytes = sizeof(address.ipv6);
    return address;
  }
  address.ipv4 = {};
  if (::inet_pton(AF_INET, text.data(), &address.ipv4.sin_addr) == 1) {
    address.ipv4.sin_family = AF_INET;
    address.ipv4.sin_port = htons(port);
    address.bytes = sizeof(address.ipv4);
    return address;
  }
  return std::nullopt;
}

std::string format_address(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.any.sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &address.ipv6.sin6_addr, text.data(), text.size());
    return std::string("[") + text.data() + "]:" + std::to_string(ntohs(address.ipv6.sin6_port));
  }
  ::inet_ntop(AF_INET, &address.ipv4.sin_addr, text.data(), text.size());
  return std::string(text.data()) + ":" + std::to_string(ntohs(address.ipv4.sin_port));
}

Resolver::Resolver(Loop& loop) : channel_(loop, {.count = 2, .bytes = 4096}) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair for the name resolver");
  }
  question_socket_ = ends[0];
  channel_.receive.callback = received;
  channel_.receive.context = this;
  if (const int result = channel_.adopt(ends[0]); result < 0) {
    ::close(ends[1]);
    throw std::system_error(-result, std::generic_category(), "name resolver");
  }
  try {
    // Detached: a lookup cannot be interrupted, and stopping must not wait for a dead name server.
    std::thread(resolve_until_closed, ends[1]).detach();
  } catch (...) {
    ::close(ends[1]);
    throw;
  }
  channel_.start_receive();
}

Resolver::~Resolver() = default;

bool Resolver::start(Lookup& lookup, std::string_view host, std::uint16_t port) noexcept {
  if (host.size() > host_bytes_max || waiting_ == lookups_max) return false;
  Question question;
  question.id = ++last_id_;
  question.port = port;
  std::copy(host.begin(), host.end(), question.host);
  // The socket's buffer holds lookups_max questions many times over; were it full, DONTWAIT fails.
  const ssize_t sent =
      ::send(question_socket_, &question, sizeof(question), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(sizeof(question))) return false;
  lookup.id = question.id;
  lookup.next = lookups_;
  lookups_ = &lookup;
  ++waiting_;
  return true;
}

void Resolver::forget(Lookup& lookup) noexcept {
  if (lookup.id == 0) return;
  Lookup** link = &lookups_;
  while (*link != &lookup) link = &(*link)->next;
  *link = lookup.next;
  lookup.id = 0;
  --waiting_;
}

void Resolver::received(void* context, const Completion& completion) noexcept {
  auto& self = *static_cast<Resolver*>(context);
  if (completion.result <= 0) return;  // its thread is gone: lookups end by their deadline
  auto bytes = completion.bytes;
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), sizeof(LookupResult) - self.partial_bytes_);
    std::memcpy(reinterpret_cast<std::byte*>(&self.partial_) + self.partial_bytes_, bytes.data(),
                count);
    self.partial_bytes_ += count;
    bytes = bytes.subspan(count);
    if (self.partial_bytes_ < sizeof(LookupResult)) return;
    self.partial_bytes_ = 0;
    self.answer(self.partial_);
  }
}

void Resolver::answer(const LookupResult& result) noexcept {
  for (Lookup* lookup = lookups_; lookup != nullptr; lookup = lookup->next) {
    if (lookup->id != result.id) continue;
    forget(*lookup);
    lookup->callback(lookup->context, result);
    return;
  }
}

}  // namespace ringside::net
