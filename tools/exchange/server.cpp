#include "tools/exchange/server.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <span>
#include <utility>

#include "net/websocket_frame.hpp"

namespace ringside::exchange {
namespace {

constexpr std::int64_t wait_ns_max = 20'000'000;
constexpr std::size_t queue_bytes = std::size_t{8} << 20;
constexpr std::size_t batch_bytes = std::size_t{64} << 10;
// Of the queue, left to pongs: frames of the market never fill it to the brim.
constexpr std::size_t control_bytes = std::size_t{256} << 10;
static_assert(frame_bytes_max + control_bytes + batch_bytes < queue_bytes);

std::int64_t read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// One frame, and as many more as stay within batch_bytes. `frames` are our own, whole.
std::string_view first_frames(std::string_view frames) {
  std::size_t bytes = 0;
  while (bytes < frames.size()) {
    const auto rest = std::as_bytes(std::span(frames.substr(bytes)));
    const auto header = net::parse_frame_header<net::Role::Client>(rest, net::reserved_bit_1);
    const auto frame = header.header_bytes + static_cast<std::size_t>(header.payload_bytes);
    if (bytes != 0 && bytes + frame > batch_bytes) break;
    bytes += frame;
  }
  return frames.substr(0, bytes);
}

std::string retry_after(const Limits::Verdict& verdict) {
  return "Retry-After: " + std::to_string(verdict.retry_after_s) + "\r\n";
}

net::WebSocketServerOptions server_options(const ServerOptions& options) {
  net::WebSocketServerOptions result;
  result.address = options.address;
  result.port = options.port;
  result.tls = options.tls;
  result.deflate.enabled = options.deflate;
  result.connections_max = sessions_max;
  result.stream.send_queue_bytes = queue_bytes;
  return result;
}

}  // namespace

Server::Server(const ServerOptions& options, const ExchangeOptions& exchange)
    : loop_(net::LoopOptions{.channels_max = sessions_max + 8}),
      utc_minus_steady_ns_(read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC)),
      exchange_(exchange, *this, now()),
      server_(loop_, server_options(options), callbacks()) {}

net::WebSocketServerCallbacks Server::callbacks() {
  net::WebSocketServerCallbacks result;
  result.context = this;
  result.on_request = on_request;
  result.on_upgrade = on_upgrade;
  result.on_open = on_open;
  result.on_text = on_text;
  result.on_close = on_close;
  return result;
}

// Steady, so that the market's time never jumps.
UtcNs Server::now() const { return {read_clock(CLOCK_MONOTONIC) + utc_minus_steady_ns_}; }

std::string Server::report_json() {
  const auto open = std::count_if(slots_.begin(), slots_.end(),
                                  [](const Slot& slot) { return slot.session != 0; });
  return R"({"violations": )" + exchange_.limits().violations_json() + R"(, "accepted": )" +
         std::to_string(server_.accepted()) + R"(, "opened": )" + std::to_string(opened_) +
         R"(, "open": )" + std::to_string(open) + "}";
}

void Server::run(const std::atomic<bool>& stop, std::atomic<bool>* report) {
  while (!stop.load(std::memory_order_relaxed)) {  // a flag alone: nothing else is published by it
    if (report != nullptr && report->exchange(false, std::memory_order_relaxed)) {
      std::printf("%s\n", report_json().c_str());
      std::fflush(stdout);
    }
    const auto next = exchange_.advance(now());
    hand_over_all();
    cut_the_stuck();
    loop_.run_once(std::clamp<std::int64_t>(next.value - now().value, 0, wait_ns_max));
  }
}

std::uint32_t Server::next_id(std::uint32_t index) { return ++serial_ << 8 | index; }

void Server::on_request(void* context, net::ServerConnection& connection,
                        const net::HttpRequest& request) noexcept {
  auto& self = *static_cast<Server*>(context);
  auto& slot = self.slots_[connection.index()];
  slot.connection = &connection;
  slot.request = self.next_id(connection.index());
  if (request.method != "GET") {
    return self.answer(slot.request, 405, R"({"code":-1,"msg":"only GET is served"})");
  }
  if (const auto verdict = self.exchange_.limits().request(request.target, self.now());
      verdict.status != 0) {
    slot.request = 0;
    connection.respond(verdict.status, "application/json",
                       R"({"code":-1003,"msg":"Too much request weight used."})",
                       retry_after(verdict));
    return;
  }
  self.exchange_.on_get(slot.request, request.target, self.now());
}

bool Server::on_upgrade(void* context, net::ServerConnection& connection,
                        const net::HttpRequest& request) noexcept {
  auto& exchange = static_cast<Server*>(context)->exchange_;
  const auto verdict = exchange.limits().connect(static_cast<Server*>(context)->now());
  if (verdict.status == 0) return exchange.accepts(request.target);
  connection.respond(verdict.status, "text/plain", "error code: 1015", retry_after(verdict));
  return false;
}

void Server::on_open(void* context, net::ServerConnection& connection) noexcept {
  auto& self = *static_cast<Server*>(context);
  auto& slot = self.slots_[connection.index()];
  slot = Slot{};
  slot.connection = &connection;
  slot.session = self.next_id(connection.index());
  slot.progress_ns = self.now().value;
  const auto& seen = connection.counters();  // of all its lives
  slot.control_frames = seen.pings_received + seen.pongs_received;
  if (const auto& agreed = connection.deflate()) {
    slot.deflater = std::make_unique<net::Deflater>();
    // A window of eight bits is none that can be made: what is sent then stays as it is.
    if (!slot.deflater->begin(agreed->server_max_window_bits, agreed->server_no_context_takeover))
      slot.deflater.reset();
  }
  ++self.opened_;
  self.exchange_.on_open(slot.session, connection.target(), self.now());
  self.hand_over(slot);
}

void Server::on_text(void* context, net::ServerConnection& connection, std::string_view text,
                     net::ReceiveTimes) noexcept {
  auto& self = *static_cast<Server*>(context);
  auto& slot = self.slots_[connection.index()];
  if (slot.session == 0) return;
  const auto& seen = connection.counters();
  const auto control = seen.pings_received + seen.pongs_received;
  const auto more = control - std::exchange(slot.control_frames, control);
  if (!self.exchange_.limits().message(slot.session, static_cast<std::uint32_t>(more),
                                       self.now())) {
    return connection.close(1008, "Too many requests");
  }
  self.exchange_.on_text(slot.session, text, self.now());
  self.hand_over(slot);
}

void Server::on_close(void* context, net::ServerConnection& connection, net::CloseReason,
                      std::string_view) noexcept {
  auto& self = *static_cast<Server*>(context);
  auto& slot = self.slots_[connection.index()];
  const auto session = slot.session;
  slot = Slot{};
  if (session != 0) self.exchange_.on_close(session);
}

// Here, and not where it is sent: a client's window holds all messages in their order, and what has
// been handed over goes out as it is.
std::span<const std::byte> Server::payload_of(Slot& slot, std::string_view text) {
  const auto plain = std::as_bytes(std::span(text));
  if (!slot.deflater) return plain;
  packed_.resize(std::max(packed_.size(), net::Deflater::bound(text.size())));
  return slot.deflater->pack(plain, packed_);
}

void Server::send(SessionId session, std::string_view text, Frame) {
  auto& slot = slots_[session & 0xff];
  if (slot.session != session) return;
  if (text.size() > frame_bytes_max || slot.pending.size() + text.size() > pending_bytes_max) {
    return close(session, Ending::Cut, 0);
  }
  const auto payload = payload_of(slot, text);
  std::array<std::byte, net::frame_header_bytes_max> header;
  const auto bytes = net::write_frame_header<net::Role::Server>(
      header, net::Opcode::Text, true, payload.size(), net::MaskKey{}, slot.deflater != nullptr);
  slot.pending.append(reinterpret_cast<const char*>(header.data()), bytes);
  slot.pending.append(reinterpret_cast<const char*>(payload.data()), payload.size());
}

void Server::close(SessionId session, Ending ending, std::uint16_t code) {
  auto& slot = slots_[session & 0xff];
  if (slot.session != session) return;
  switch (ending) {
    case Ending::Cut:
      return slot.connection->abort();
    case Ending::Reset:
      return slot.connection->reset();
    case Ending::HalfClosed:
      // What is still ours to send goes nowhere; whatever came from it would end the connection.
      slot.pending.clear();
      slot.sent = 0;
      return slot.connection->half_close();
    case Ending::Handshake:
      // What was said before goes first, as far as there is room.
      hand_over(slot);
      slot.pending.clear();
      slot.sent = 0;
      return slot.connection->close(code);
  }
}

void Server::go_away() {
  server_.stop_accepting();
  server_.for_each([](net::ServerConnection& connection) { connection.reset(); });
}

bool Server::come_back() { return server_.listen_again(); }

void Server::refuse(RequestId request, int status, std::uint32_t retry_after_s) {
  auto& slot = slots_[request & 0xff];
  if (slot.request != request) return;
  slot.request = 0;
  slot.connection->respond(status, "application/json",
                           R"({"code":-1003,"msg":"Too many requests."})",
                           "Retry-After: " + std::to_string(retry_after_s) + "\r\n");
}

void Server::answer(RequestId request, int status, std::string_view body) {
  auto& slot = slots_[request & 0xff];
  if (slot.request != request) return;
  slot.request = 0;
  slot.connection->respond(status, "application/json", body);
}

std::size_t Server::waiting(const Slot& slot) {
  return slot.pending.size() - slot.sent + slot.connection->queued_bytes();
}

bool Server::congested() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.session != 0 && waiting(slot) > pending_bytes_high;
  });
}

// Whole frames only: what the connection itself has to say, a pong, may come between any two calls.
void Server::hand_over(Slot& slot) {
  while (slot.sent < slot.pending.size()) {
    const auto batch = first_frames(std::string_view(slot.pending).substr(slot.sent));
    if (slot.connection->queued_bytes() + batch.size() + control_bytes > queue_bytes) return;
    if (!slot.connection->send_raw(batch)) return;
    slot.sent += batch.size();
  }
  slot.pending.clear();
  slot.sent = 0;
}

void Server::hand_over_all() {
  for (auto& slot : slots_) {
    if (slot.session != 0) hand_over(slot);
  }
}

void Server::cut_the_stuck() {
  const auto time = now().value;
  for (auto& slot : slots_) {
    if (slot.session == 0) continue;
    const auto bytes = waiting(slot);
    if (bytes <= pending_bytes_high || bytes < slot.waiting_before) slot.progress_ns = time;
    slot.waiting_before = bytes;
    if (time - slot.progress_ns > stuck_ns) slot.connection->abort();
  }
}

}  // namespace ringside::exchange
