#include "net/stream.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "ipc/check.hpp"
#include "net/http_head.hpp"

namespace ringside::net {

namespace {

// A leftover up to this is moved to the front of the inbox, which keeps the touched pages few; a
// longer one only when room runs out.
constexpr std::size_t cheap_move_bytes = 4096;
// So much of what arrives is copied behind a leftover at first, then twice as much each time.
constexpr std::size_t join_bytes_first = 2048;

CloseReason reason_of(int error) noexcept {
  return error == ECONNRESET || error == EPIPE || error == ETIMEDOUT ? CloseReason::PeerReset
                                                                     : CloseReason::SocketError;
}

}  // namespace

Stream::Stream(Loop& loop, const StreamOptions& options, const StreamCallbacks& callbacks)
    : loop_(loop),
      options_(options),
      callbacks_(callbacks),
      life_(callbacks.on_state, callbacks.context),
      channel_(loop, options.receive_buffers),
      dialer_(loop, {options.connect_ns_max, options.stagger_ns}, this, dialed),
      queue_(options.send_queue_bytes),
      inbox_(options.inbox_bytes + padding_bytes),
      record_(TlsSession::record_payload_max) {
  channel_.receive.callback = received;
  channel_.send.callback = sent;
  channel_.receive.context = channel_.send.context = this;
  timer_.callback = deadline;
  timer_.context = this;
  lookup_.callback = resolved;
  lookup_.context = this;
}

Stream::~Stream() {
  loop_.disarm(timer_);
  if (lookup_.id != 0) loop_.resolver().forget(lookup_);
}

void Stream::set_detail(std::string_view detail) noexcept {
  detail_bytes_ = std::min(detail.size(), sizeof(detail_));
  std::copy_n(detail.data(), detail_bytes_, detail_);
}

void Stream::set_error_detail(int error) noexcept {
  const char* text = ::strerrordesc_np(error);
  set_detail(text != nullptr ? text : "unknown error");
}

void Stream::fail(CloseReason reason, int error) noexcept {
  if (error != 0 && reason_ == CloseReason::None) set_error_detail(error);
  abort(reason, {});
}

void Stream::connect(std::string_view host, std::uint16_t port, const TlsContext* tls) noexcept {
  RINGSIDE_CHECK(at_rest(state()));
  reason_ = CloseReason::None;
  detail_bytes_ = 0;
  peer_finished_ = false;
  tls_ = tls;
  address_count_ = 0;
  enter(ConnectionState::Resolving);
  try {
    host_ = host;
    port_ = port;
    if (!options_.proxy.host.empty()) {
      host = options_.proxy.host;
      port = options_.proxy.port;
    }
    if (const auto numeric = parse_numeric(host, port)) {
      addresses_[0] = *numeric;
      address_count_ = 1;
      dial();
    } else if (loop_.resolver().start(lookup_, host, port)) {
      loop_.arm(timer_, loop_.steady_ns() + options_.resolve_ns_max);
    } else {
      abort(CloseReason::ResolveFailed, "name too long, or too many lookups at a time");
    }
  } catch (const std::exception& error) {
    abort(CloseReason::SocketError, error.what());
  }
}

void Stream::resolved(void* context, const LookupResult& result) noexcept {
  auto& self = *static_cast<Stream*>(context);
  if (self.state() != ConnectionState::Resolving) return;
  if (result.count == 0)
    return self.abort(CloseReason::ResolveFailed,
                      self.options_.proxy.host.empty() ? self.host_ : self.options_.proxy.host);
  self.addresses_ = result.addresses;
  self.address_count_ = result.count;
  self.dial();
}

// The dialer has its own deadlines, one for each address.
void Stream::dial() noexcept {
  memory_.order(std::span(addresses_).first(address_count_));
  loop_.disarm(timer_);
  enter(ConnectionState::Connecting);
  dialer_.start(std::span(addresses_).first(address_count_));
}

void Stream::dialed(void* context, const Dialed& dialed) noexcept {
  auto& self = *static_cast<Stream*>(context);
  if (self.state() == ConnectionState::Quiescing) return self.quiesce();
  if (dialed.descriptor >= 0) {
    self.memory_.took(dialed.address, dialed.connect_ns);
    if (const int result = self.channel_.adopt(dialed.descriptor); result < 0) {
      return self.fail(CloseReason::SocketError, -result);
    }
    return self.connected();
  }
  for (std::uint32_t i = 0; i < self.address_count_; ++i) self.memory_.failed(self.addresses_[i]);
  if (dialed.timed_out) return self.abort(CloseReason::ConnectTimeout, "no answer");
  self.set_error_detail(dialed.error);
  self.abort(CloseReason::ConnectFailed, {});
}

void Stream::accept(int descriptor, const TlsContext* tls) noexcept {
  RINGSIDE_CHECK(at_rest(state()));
  reason_ = CloseReason::None;
  detail_bytes_ = 0;
  peer_finished_ = false;
  tls_ = tls;
  host_.clear();
  enter(ConnectionState::Connecting);
  set_tcp_options(descriptor);
  if (const int result = channel_.adopt(descriptor); result < 0) {
    return fail(CloseReason::SocketError, -result);
  }
  connected();
}

void Stream::connected() noexcept {
  inbox_begin_ = inbox_end_ = record_used_ = 0;
  channel_.start_receive();
  if (!options_.proxy.host.empty()) return ask_proxy();
  reached();
}

void Stream::ask_proxy() noexcept {
  enter(ConnectionState::ProxyHandshake);
  loop_.arm(timer_, loop_.steady_ns() + options_.proxy_ns_max);
  try {
    const std::string request = connect_request(options_.proxy, host_, port_);
    if (!queue_.push(std::as_bytes(std::span(request)))) {
      return abort(CloseReason::SendQueueFull, "request to the proxy");
    }
  } catch (const std::exception& error) {
    return abort(CloseReason::SocketError, error.what());
  }
  kick_send();
}

void Stream::receive_from_proxy(std::span<const std::byte> bytes) noexcept {
  const auto room = inbox_room();
  if (bytes.size() > std::min(room.size(), head_bytes_max)) {
    return abort(CloseReason::ProxyInvalid, "an answer without end");
  }
  std::memcpy(room.data(), bytes.data(), bytes.size());
  inbox_end_ += bytes.size();
  const ProxyAnswer answer =
      read_connect_answer({reinterpret_cast<const char*>(inbox_.data()), inbox_end_});
  if (answer.verdict == ProxyVerdict::Incomplete) return;
  if (answer.verdict == ProxyVerdict::Connected) {
    inbox_begin_ = inbox_end_ = 0;
    return reached();
  }
  if (answer.verdict == ProxyVerdict::Invalid) return abort(CloseReason::ProxyInvalid, "no HTTP");
  std::array<char, 16> text{};
  const int count = std::snprintf(text.data(), text.size(), "HTTP %d", answer.status);
  abort(CloseReason::ProxyRefused, {text.data(), static_cast<std::size_t>(count)});
}

void Stream::reached() noexcept {
  if (tls_ == nullptr) return opened();
  enter(ConnectionState::TlsHandshake);
  loop_.arm(timer_, loop_.steady_ns() + options_.tls_ns_max);
  if (tls_session_.begin(*tls_, host_, queue_) != TlsStatus::Ok) {
    return abort(CloseReason::TlsHandshakeFailed, tls_session_.detail());
  }
  (void)continue_handshake();
}

void Stream::opened() noexcept {
  loop_.disarm(timer_);
  if (tls_ != nullptr) {
    ++counters_.tls_handshakes;
    if (tls_session_.resumed()) ++counters_.tls_resumed;
    if (tls_session_.own_records()) ++counters_.tls_own_records;
  }
  enter(options_.upgrades ? ConnectionState::Upgrading : ConnectionState::Open);
  callbacks_.on_open(callbacks_.context);
}

// True: open.
bool Stream::continue_handshake() noexcept {
  const TlsStatus status = tls_session_.handshake();
  kick_send();
  switch (status) {
    case TlsStatus::Ok:
      opened();
      return open();
    case TlsStatus::WantInput:
      return false;
    case TlsStatus::WantRoom:
      abort(CloseReason::SendQueueFull, "TLS handshake");
      return false;
    case TlsStatus::CertificateRefused:
      close(tls_session_.refusal(), tls_session_.detail());
      return false;
    default:
      close(CloseReason::TlsHandshakeFailed, tls_session_.detail());
      return false;
  }
}

void Stream::received(void* context, const Completion& completion) noexcept {
  auto& self = *static_cast<Stream*>(context);
  switch (self.state()) {
    case ConnectionState::Quiescing:
      return self.quiesce();
    case ConnectionState::Draining:
    case ConnectionState::Finishing:
      if (completion.result > 0) return;  // nobody is interested any more
      self.peer_finished_ = true;
      if (completion.result < 0) return self.quiesce();
      return self.proceed_closing();
    default:
      break;
  }
  if (completion.result == 0) return self.end_of_stream(false);
  if (completion.result < 0) {
    self.peer_finished_ = true;
    return self.fail(reason_of(-completion.result), -completion.result);
  }
  self.counters_.received_bytes += completion.bytes.size();
  if (self.state() == ConnectionState::ProxyHandshake)
    return self.receive_from_proxy(completion.bytes);
  if (self.tls_ != nullptr) return self.receive_tls(completion);
  self.receive_plain(completion);
}

void Stream::receive_plain(const Completion& arrival) noexcept {
  const ReceiveTimes times{arrival.received, arrival.received, arrival.kernel_to_read_ns};
  std::span<std::byte> bytes = arrival.bytes;
  if (inbox_begin_ != inbox_end_) bytes = complete_leftover(bytes, times);
  if (bytes.empty() || !open()) return;
  const std::size_t consumed = callbacks_.on_bytes(callbacks_.context, bytes, times);
  RINGSIDE_DCHECK(consumed <= bytes.size());
  bytes = bytes.subspan(consumed);
  // The new leftover. One too large for the room is presented as far as it fits, again and again.
  bool fresh = false;
  while (!bytes.empty() && open()) {
    const auto room = inbox_room();
    const std::size_t count = std::min(room.size(), bytes.size());
    if (count == 0) return close(CloseReason::TooLarge, "receive buffer full");
    std::memcpy(room.data(), bytes.data(), count);
    inbox_end_ += count;
    bytes = bytes.subspan(count);
    if (fresh || !bytes.empty()) (void)deliver_inbox(times);
    fresh = true;
  }
}

// Completes the leftover in the inbox, by no more of `bytes` than that takes. Returns what is to be
// read where it lies; nothing when all of it is in the inbox.
//
//     inbox  [ leftover | copy ]        consumed: the leftover and the first c bytes of the copy
//     bytes             [ ...c ....... ]
//                            ^ read on from here
std::span<std::byte> Stream::complete_leftover(std::span<std::byte> bytes,
                                               ReceiveTimes times) noexcept {
  for (std::size_t most = join_bytes_first; open(); most *= 2) {
    const std::size_t leftover = inbox_end_ - inbox_begin_;
    const auto room = inbox_room();
    const std::size_t count = std::min({room.size(), bytes.size(), most});
    if (count == 0) {
      close(CloseReason::TooLarge, "receive buffer full");
      break;
    }
    std::memcpy(room.data(), bytes.data(), count);
    inbox_end_ += count;
    const std::size_t consumed = deliver_inbox(times);
    if (count == bytes.size()) break;
    if (consumed >= leftover) {
      inbox_begin_ = inbox_end_ = 0;
      return bytes.subspan(consumed - leftover);
    }
    bytes = bytes.subspan(count);
  }
  return {};
}

void Stream::receive_tls(const Completion& arrival) noexcept {
  tls_session_.set_input(arrival.bytes);
  if (state() == ConnectionState::TlsHandshake && !continue_handshake()) return;
  while (open()) {
    const auto room = inbox_room();
    if (room.empty()) return close(CloseReason::TooLarge, "receive buffer full");
    const TlsRead read = tls_session_.read(room);
    inbox_end_ += read.bytes;
    kick_send();  // TLS may have had something to say
    if (read.bytes > 0) {
      (void)deliver_inbox({arrival.received, loop_.now(), arrival.kernel_to_read_ns});
    }
    if (!open()) return;
    switch (read.status) {
      case TlsStatus::Ok:
        break;
      case TlsStatus::WantInput:
        return;
      case TlsStatus::Closed:
        return end_of_stream(true);
      case TlsStatus::WantRoom:
        return abort(CloseReason::SendQueueFull, "TLS");
      default:
        return close(CloseReason::TlsBroken, tls_session_.detail());
    }
  }
}

std::span<std::byte> Stream::inbox_room() noexcept {
  const std::size_t limit = inbox_.size() - padding_bytes;
  const std::size_t kept = inbox_end_ - inbox_begin_;
  if (inbox_begin_ > 0 &&
      (kept <= cheap_move_bytes || limit - inbox_end_ < TlsSession::record_payload_max)) {
    std::memmove(inbox_.data(), inbox_.data() + inbox_begin_, kept);
    inbox_begin_ = 0;
    inbox_end_ = kept;
  }
  return inbox_.span().subspan(inbox_end_, limit - inbox_end_);
}

std::size_t Stream::deliver_inbox(ReceiveTimes times) noexcept {
  const auto bytes = inbox_.span().subspan(inbox_begin_, inbox_end_ - inbox_begin_);
  const std::size_t consumed = callbacks_.on_bytes(callbacks_.context, bytes, times);
  RINGSIDE_DCHECK(consumed <= bytes.size());
  inbox_begin_ += consumed;
  if (inbox_begin_ == inbox_end_) inbox_begin_ = inbox_end_ = 0;
  return consumed;
}

void Stream::present_again() noexcept {
  if (!open() || inbox_begin_ == inbox_end_) return;
  const Ticks now = loop_.now();
  (void)deliver_inbox({now, now});
}

void Stream::end_of_stream(bool announced) noexcept {
  if (!announced) peer_finished_ = true;
  if (state() == ConnectionState::ProxyHandshake) {
    return abort(CloseReason::ProxyInvalid, "the proxy closed without an answer");
  }
  if (state() == ConnectionState::TlsHandshake) {
    return abort(CloseReason::TlsHandshakeFailed, "the peer closed during the handshake");
  }
  if (tls_ != nullptr && !announced) {
    return abort(CloseReason::TlsTruncated, "end of stream without close_notify");
  }
  close(CloseReason::PeerFinished, {});
}

bool Stream::reserve(std::size_t bytes) const noexcept {
  if (!open()) return false;
  if (tls_ == nullptr) return bytes <= queue_.free_bytes();
  const std::size_t records = bytes / TlsSession::record_payload_max + 2;
  return bytes + records * TlsSession::record_overhead_max <= queue_.free_bytes();
}

void Stream::write(std::span<const std::byte> bytes) noexcept {
  if (tls_ == nullptr) {
    const bool taken = queue_.push(bytes);
    RINGSIDE_DCHECK(taken);
    (void)taken;
    return;
  }
  while (!bytes.empty() && open()) {
    const std::size_t count = std::min(bytes.size(), record_.size() - record_used_);
    std::memcpy(record_.data() + record_used_, bytes.data(), count);
    record_used_ += count;
    bytes = bytes.subspan(count);
    if (record_used_ == record_.size() && !write_record()) return;
  }
}

bool Stream::write_record() noexcept {
  const TlsStatus status = tls_session_.write(record_.span().first(record_used_));
  record_used_ = 0;
  if (status == TlsStatus::Ok) return true;
  abort(status == TlsStatus::WantRoom ? CloseReason::SendQueueFull : CloseReason::TlsBroken,
        tls_session_.detail());
  return false;
}

void Stream::flush() noexcept {
  if (record_used_ > 0 && !write_record()) return;
  kick_send();
}

void Stream::kick_send() noexcept {
  if (channel_.send.in_flight || queue_.empty() || state() < ConnectionState::ProxyHandshake ||
      state() == ConnectionState::Quiescing) {
    return;
  }
  channel_.start_send(queue_.front());
}

void Stream::sent(void* context, const Completion& completion) noexcept {
  auto& self = *static_cast<Stream*>(context);
  if (self.state() == ConnectionState::Quiescing) return self.quiesce();
  if (completion.result < 0) {
    if (self.state() >= ConnectionState::Draining) return self.quiesce();
    return self.fail(reason_of(-completion.result), -completion.result);
  }
  self.queue_.pop(static_cast<std::size_t>(completion.result));
  self.counters_.sent_bytes += static_cast<std::uint64_t>(completion.result);
  self.kick_send();
  if (!self.queue_.empty()) return;
  if (self.state() >= ConnectionState::Draining) return self.proceed_closing();
  if (self.open() && self.callbacks_.on_sent != nullptr) {
    self.callbacks_.on_sent(self.callbacks_.context);
  }
}

void Stream::close(CloseReason reason, std::string_view detail) noexcept {
  if (!open() && state() != ConnectionState::TlsHandshake) {
    if (state() < ConnectionState::Draining) abort(reason, detail);
    return;
  }
  if (state() == ConnectionState::TlsHandshake && reason == CloseReason::Requested) {
    return abort(reason, detail);
  }
  reason_ = reason;
  if (!detail.empty()) set_detail(detail);
  if (tls_ != nullptr && open()) tls_session_.close_notify();
  enter(ConnectionState::Draining);
  loop_.arm(timer_, loop_.steady_ns() + options_.close_ns_max);
  proceed_closing();
}

void Stream::proceed_closing() noexcept {
  if (!queue_.empty()) return kick_send();
  if (state() == ConnectionState::Draining) {
    ::shutdown(channel_.descriptor(), SHUT_WR);
    enter(ConnectionState::Finishing);
  }
  if (peer_finished_) quiesce();
}

void Stream::abort(CloseReason reason, std::string_view detail) noexcept {
  if (at_rest(state()) || state() == ConnectionState::Quiescing) return;
  if (reason_ == CloseReason::None) {
    reason_ = reason;
    if (!detail.empty()) set_detail(detail);
  }
  quiesce();
}

void Stream::reset() noexcept {
  if (channel_.descriptor() >= 0) {
    const linger at_once{1, 0};
    (void)::setsockopt(channel_.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  abort(CloseReason::Requested);
}

void Stream::half_close() noexcept {
  if (channel_.descriptor() >= 0) ::shutdown(channel_.descriptor(), SHUT_WR);
}

// on_close comes from the loop, never from within a call of the owner's: when nothing is in flight
// any more, that is the timer's doing.
void Stream::quiesce() noexcept {
  if (state() != ConnectionState::Quiescing) {
    enter(ConnectionState::Quiescing);
    if (lookup_.id != 0) loop_.resolver().forget(lookup_);
    loop_.disarm(timer_);
    channel_.cancel();
    dialer_.cancel();
  }
  if (channel_.idle() && dialer_.idle()) loop_.arm(timer_, loop_.steady_ns());
}

void Stream::finish_close() noexcept {
  channel_.close_descriptor();
  tls_session_.end();
  queue_.clear();
  inbox_begin_ = inbox_end_ = record_used_ = 0;
  enter(ConnectionState::Closed);
  ++counters_.closed[static_cast<std::size_t>(reason_)];
  callbacks_.on_close(callbacks_.context, reason_, {detail_, detail_bytes_});
}

void Stream::deadline(void* context) noexcept {
  auto& self = *static_cast<Stream*>(context);
  switch (self.state()) {
    case ConnectionState::Resolving:
      return self.abort(CloseReason::ResolveTimeout,
                        self.options_.proxy.host.empty() ? self.host_ : self.options_.proxy.host);
    case ConnectionState::ProxyHandshake:
      return self.abort(CloseReason::ProxyTimeout, "no answer of the proxy");
    case ConnectionState::TlsHandshake:
      return self.abort(CloseReason::TlsTimeout, "no TLS answer: is it a plain port?");
    case ConnectionState::Draining:
    case ConnectionState::Finishing:
      ++self.counters_.forced_closes;
      return self.quiesce();
    case ConnectionState::Quiescing:
      return self.finish_close();
    default:
      return;
  }
}

}  // namespace ringside::net
