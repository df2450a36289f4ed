#include "tests/simulation/virtual_net.hpp"

#include <algorithm>

namespace ringside::simulation {
namespace {

constexpr std::int64_t connect_ns_max = 5 * second;
constexpr std::int64_t closing_ns_max = 2 * second;

// As an adapter is promised. Junk, so that reading on is seen.
void pad(std::string& text) { text.append(net::padding_bytes, '7'); }

}  // namespace

// --- VirtualLoop --------------------------------------------------------------------------------

void VirtualLoop::arm(net::Timer& timer, std::int64_t deadline_ns) noexcept {
  if (deadline_ns == never_ns) return disarm(timer);
  if (!timer.armed()) timers_.push_back(&timer);
  timer.deadline_ns = deadline_ns;
}

void VirtualLoop::disarm(net::Timer& timer) noexcept {
  if (!timer.armed()) return;
  timers_.erase(std::find(timers_.begin(), timers_.end(), &timer));
  timer.deadline_ns = never_ns;
}

std::int64_t VirtualLoop::next_timer_ns() const noexcept {
  std::int64_t next = never_ns;
  for (const auto* timer : timers_) next = std::min(next, timer->deadline_ns);
  return next;
}

void VirtualLoop::fire_timers() noexcept {
  // A timer that arms itself again has its turn at the next look.
  for (auto left = timers_.size(); left > 0; --left) {
    const auto first = std::min_element(timers_.begin(), timers_.end(),
                                        [](const net::Timer* one, const net::Timer* other) {
                                          return one->deadline_ns < other->deadline_ns;
                                        });
    if (first == timers_.end() || (*first)->deadline_ns > now_ns_) return;
    auto& timer = **first;
    disarm(timer);
    timer.callback(timer.context);
  }
}

// --- VirtualWebSocket ---------------------------------------------------------------------------

VirtualWebSocket::VirtualWebSocket(VirtualLoop& loop, const net::WebSocketClientOptions& options,
                                   const net::WebSocketClientCallbacks& callbacks)
    : loop_(loop),
      callbacks_(callbacks),
      target_(net::parse_url(options.url).target),
      silence_ns_max_(options.timing.silence_ns_max),
      life_(callbacks.on_state, callbacks.context) {
  timer_.callback = on_deadline;
  timer_.context = this;
}

VirtualWebSocket::~VirtualWebSocket() {
  loop_.disarm(timer_);
  loop_.wire().on_client_gone(*this);
}

void VirtualWebSocket::connect() noexcept {
  enter(net::ConnectionState::Resolving);
  enter(net::ConnectionState::Connecting);
  enter(net::ConnectionState::Upgrading);
  retry_after_s_ = 0;
  loop_.arm(timer_, loop_.steady_ns() + connect_ns_max);
  loop_.wire().on_connect(*this);
}

bool VirtualWebSocket::send_text(std::string_view text) noexcept {
  if (!open()) return false;
  return loop_.wire().on_client_text(*this, text);
}

void VirtualWebSocket::close(std::uint16_t) noexcept {
  if (closed()) return;
  const bool handshake = open();
  if (handshake) {
    enter(net::ConnectionState::Closing);
  } else if (state() != net::ConnectionState::Quiescing) {
    enter(net::ConnectionState::Quiescing);
  }
  why_ = net::CloseReason::Requested;
  // The answer comes from the peer, or the wait for it ends. Never from within this call.
  loop_.arm(timer_, loop_.steady_ns() + (handshake ? closing_ns_max : 0));
  loop_.wire().on_client_close(*this);
}

void VirtualWebSocket::on_deadline(void* context) noexcept {
  auto& self = *static_cast<VirtualWebSocket*>(context);
  if (self.connecting()) {
    self.loop_.wire().on_client_gone(self);
    return self.arrive_close(net::CloseReason::ConnectTimeout, 1006);
  }
  if (!self.open()) {
    self.loop_.wire().on_client_gone(self);
    return self.arrive_close(self.why_, 1006);
  }
  if (self.loop_.steady_ns() - self.heard_ns_ < self.silence_ns_max_) return self.watch();
  self.loop_.wire().on_client_gone(self);
  self.arrive_close(net::CloseReason::SilenceTimeout, 1006);
}

void VirtualWebSocket::watch() noexcept {
  if (silence_ns_max_ > 0) loop_.arm(timer_, heard_ns_ + silence_ns_max_);
}

void VirtualWebSocket::arrive_open() noexcept {
  if (!connecting()) return;
  enter(net::ConnectionState::Open);
  heard_ns_ = loop_.steady_ns();
  loop_.disarm(timer_);
  watch();
  callbacks_.on_open(callbacks_.context);
}

void VirtualWebSocket::arrive_text(std::string& text) noexcept {
  if (!open()) return;  // what comes after we began to close is dropped
  heard_ns_ = loop_.steady_ns();
  got_text_ = true;
  const auto bytes = text.size();
  pad(text);
  const auto now = loop_.now();
  callbacks_.on_text(callbacks_.context, std::string_view(text).substr(0, bytes), {now, now});
}

void VirtualWebSocket::arrive_batch_end() noexcept {
  if (!got_text_) return;
  got_text_ = false;
  callbacks_.on_batch_end(callbacks_.context);
}

void VirtualWebSocket::arrive_close(net::CloseReason reason, std::uint16_t code,
                                    std::int64_t retry_after_s) noexcept {
  if (closed()) return;
  arrive_batch_end();
  if (state() == net::ConnectionState::Quiescing || state() == net::ConnectionState::Closing) {
    reason = why_;
  }
  if (state() != net::ConnectionState::Quiescing) enter(net::ConnectionState::Quiescing);
  enter(net::ConnectionState::Closed);
  retry_after_s_ = retry_after_s;
  loop_.disarm(timer_);
  callbacks_.on_close(callbacks_.context, reason, code, {});
}

// --- VirtualHttpClient --------------------------------------------------------------------------

VirtualHttpClient::VirtualHttpClient(VirtualLoop& loop, const net::HttpClientOptions& options,
                                     const net::HttpClientCallbacks& callbacks)
    : loop_(loop), callbacks_(callbacks), request_ns_max_(options.request_ns_max) {
  timer_.callback = on_deadline;
  timer_.context = this;
}

VirtualHttpClient::~VirtualHttpClient() {
  loop_.disarm(timer_);
  loop_.wire().on_http_gone(*this);
}

bool VirtualHttpClient::get(std::string_view target) noexcept {
  if (busy_) return false;
  busy_ = true;
  loop_.arm(timer_, loop_.steady_ns() + request_ns_max_);
  loop_.wire().on_get(*this, target);
  return true;
}

void VirtualHttpClient::abort() noexcept {
  loop_.wire().on_http_gone(*this);
  loop_.disarm(timer_);
  busy_ = false;
}

void VirtualHttpClient::on_deadline(void* context) noexcept {
  auto& self = *static_cast<VirtualHttpClient*>(context);
  self.loop_.wire().on_http_gone(self);
  self.arrive_failure(net::HttpError::Timeout);
}

void VirtualHttpClient::arrive_answer(int status, std::string& body) noexcept {
  if (!busy_) return;
  const auto bytes = body.size();
  pad(body);
  net::HttpResponse response;
  response.status = status;
  response.body = std::string_view(body).substr(0, bytes);
  response.received = loop_.now();
  deliver(response);
}

void VirtualHttpClient::arrive_failure(net::HttpError error) noexcept {
  if (!busy_) return;
  net::HttpResponse response;
  response.error = error;
  response.received = loop_.now();
  deliver(response);
}

void VirtualHttpClient::deliver(const net::HttpResponse& response) noexcept {
  loop_.disarm(timer_);
  busy_ = false;
  callbacks_.on_response(callbacks_.context, response);
}

}  // namespace ringside::simulation
