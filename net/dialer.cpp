#include "net/dialer.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ipc/check.hpp"

namespace ringside::net {

void set_tcp_options(int descriptor) noexcept {
  const auto set = [descriptor](int level, int name, int value) {
    (void)::setsockopt(descriptor, level, name, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 5);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
}

Dialer::Attempt::Attempt(Loop& loop, Dialer& owner)
    : dialer(owner), channel(loop, {.count = 0, .bytes = 0}) {
  channel.establish.callback = established;
  channel.establish.context = this;
}

Dialer::Dialer(Loop& loop, const DialOptions& options, void* context, Callback callback)
    : loop_(loop),
      options_(options),
      context_(context),
      callback_(callback),
      first_(loop, *this),
      second_(loop, *this) {
  timer_.callback = on_timer;
  timer_.context = this;
}

Dialer::~Dialer() { loop_.disarm(timer_); }

void Dialer::start(std::span<const SocketAddress> addresses) noexcept {
  RINGSIDE_CHECK(idle());
  RINGSIDE_CHECK(addresses.size() <= addresses_.size());
  std::copy(addresses.begin(), addresses.end(), addresses_.begin());
  count_ = addresses.size();
  next_ = 0;
  won_ = nullptr;
  cancelled_ = false;
  active_ = true;
  result_ = {};
  begin_next(first_);
}

void Dialer::cancel() noexcept {
  if (!active_ || cancelled_) return;
  cancelled_ = true;
  for (Attempt* attempt : {&first_, &second_}) attempt->channel.cancel();
  settle();
}

Dialer::Attempt* Dialer::free_attempt() noexcept {
  return !first_.running() ? &first_ : !second_.running() ? &second_ : nullptr;
}

void Dialer::begin_next(Attempt& attempt) noexcept {
  while (next_ < count_) {
    attempt.address = addresses_[next_++];
    attempt.timed_out = false;
    attempt.begun_ns = loop_.steady_ns();
    const int descriptor =
        ::socket(attempt.address.any.sa_family, SOCK_STREAM | loop_.socket_flags(), 0);
    const int error = descriptor < 0 ? -errno : attempt.channel.adopt(descriptor);
    if (error < 0) {
      result_.error = -error;
      continue;
    }
    set_tcp_options(descriptor);
    attempt.channel.start_connect(attempt.address);
    stagger_due_ns_ = attempt.begun_ns + options_.stagger_ns;
    return arm();
  }
  settle();
}

void Dialer::established(void* context, const Completion& completion) noexcept {
  auto& attempt = *static_cast<Attempt*>(context);
  attempt.dialer.ended(attempt, completion.result);
}

void Dialer::ended(Attempt& attempt, int result) noexcept {
  if (result == 0 && won_ == nullptr && !cancelled_) {
    won_ = &attempt;
    result_.connect_ns = loop_.steady_ns() - attempt.begun_ns;
    Attempt& other = &attempt == &first_ ? second_ : first_;
    other.channel.cancel();
    return settle();
  }
  attempt.channel.close_descriptor();
  if (won_ != nullptr || cancelled_) return settle();
  result_.timed_out = attempt.timed_out;
  result_.error = attempt.timed_out ? ETIMEDOUT : -result;
  result_.address = attempt.address;
  begin_next(attempt);
}

// Decided, and nothing in flight: the callback is the timer's, so that it never comes from within a
// call of the owner's.
void Dialer::settle() noexcept {
  if (first_.running() || second_.running()) return arm();
  loop_.arm(timer_, loop_.steady_ns());
}

void Dialer::arm() noexcept {
  std::int64_t due = never_ns;
  for (const Attempt* attempt : {&first_, &second_}) {
    // One that was cancelled ends by itself.
    if (!attempt->running() || attempt->channel.kernel.cancelling) continue;
    due = std::min(due, attempt->begun_ns + options_.attempt_ns_max);
  }
  const bool undecided = won_ == nullptr && !cancelled_;
  if (undecided && next_ < count_ && free_attempt() != nullptr) {
    due = std::min(due, stagger_due_ns_);
  }
  if (due == never_ns) return loop_.disarm(timer_);
  loop_.arm(timer_, due);
}

void Dialer::on_timer(void* context) noexcept {
  auto& self = *static_cast<Dialer*>(context);
  if (!self.first_.running() && !self.second_.running()) return self.deliver();
  const std::int64_t now = self.loop_.steady_ns();
  for (Attempt* attempt : {&self.first_, &self.second_}) {
    if (!attempt->running() || now < attempt->begun_ns + self.options_.attempt_ns_max) continue;
    attempt->timed_out = true;
    attempt->channel.cancel();
  }
  Attempt* const free = self.free_attempt();
  const bool undecided = self.won_ == nullptr && !self.cancelled_;
  if (undecided && free != nullptr && self.next_ < self.count_ && now >= self.stagger_due_ns_) {
    return self.begin_next(*free);
  }
  self.arm();
}

void Dialer::deliver() noexcept {
  active_ = false;
  if (won_ != nullptr) {
    result_.address = won_->address;
    if (cancelled_) {
      won_->channel.close_descriptor();
    } else {
      result_.descriptor = won_->channel.release();
    }
  }
  if (cancelled_) result_.error = ECANCELED;
  callback_(context_, result_);
}

// --- AddressMemory ---

bool same_address(const SocketAddress& a, const SocketAddress& b) noexcept {
  if (a.any.sa_family != b.any.sa_family) return false;
  if (a.any.sa_family == AF_INET) {
    return a.ipv4.sin_port == b.ipv4.sin_port && a.ipv4.sin_addr.s_addr == b.ipv4.sin_addr.s_addr;
  }
  return a.ipv6.sin6_port == b.ipv6.sin6_port &&
         std::memcmp(&a.ipv6.sin6_addr, &b.ipv6.sin6_addr, sizeof(in6_addr)) == 0;
}

const AddressMemory::Known* AddressMemory::find(const SocketAddress& address) const noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    if (same_address(known_[i].address, address)) return &known_[i];
  }
  return nullptr;
}

void AddressMemory::took(const SocketAddress& address, std::int64_t connect_ns) noexcept {
  if (const Known* known = find(address)) {
    known_[static_cast<std::size_t>(known - known_.data())].connect_ns = connect_ns;
    return;
  }
  if (count_ < known_.size()) {
    known_[count_++] = {address, connect_ns};
    return;
  }
  known_[oldest_] = {address, connect_ns};
  oldest_ = (oldest_ + 1) % known_.size();
}

void AddressMemory::order(std::span<SocketAddress> addresses) const noexcept {
  RINGSIDE_CHECK(addresses.size() <= addresses_max);
  std::array<SocketAddress, addresses_max> out{};
  std::array<bool, addresses_max> placed{};
  std::size_t count = 0;
  const auto place = [&](std::size_t i) {
    out[count++] = addresses[i];
    placed[i] = true;
  };
  // Those known to answer, the fastest first.
  while (true) {
    std::size_t best = addresses.size();
    std::int64_t best_ns = never_ns;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const Known* known = placed[i] ? nullptr : find(addresses[i]);
      if (known == nullptr || known->connect_ns >= best_ns) continue;
      best = i;
      best_ns = known->connect_ns;
    }
    if (best == addresses.size()) break;
    place(best);
  }
  // Those not tried yet: a family that does not work here is left after one of each.
  sa_family_t last = AF_UNSPEC;
  while (true) {
    std::size_t chosen = addresses.size();
    for (std::size_t i = addresses.size(); i-- > 0;) {
      if (placed[i] || find(addresses[i]) != nullptr) continue;
      const bool turn = addresses[i].any.sa_family != last;
      if (chosen == addresses.size() || turn || addresses[chosen].any.sa_family == last) chosen = i;
    }
    if (chosen == addresses.size()) break;
    last = addresses[chosen].any.sa_family;
    place(chosen);
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (!placed[i]) place(i);
  }
  std::copy_n(out.begin(), count, addresses.begin());
}

}  // namespace ringside::net
