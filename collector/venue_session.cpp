#include "collector/venue_session.hpp"

#include "net/url.hpp"

namespace ringside::collector {

VenueSession::VenueSession(net::Loop& loop, Options options, RecordWriter& records, Stages& stages,
                           SessionHooks hooks)
    : loop_(loop), venue_(options.venue), stages_(stages), hooks_(hooks) {
  if (venue_.websocket.starts_with("wss://") || venue_.rest.starts_with("https://")) {
    tls_ = std::make_unique<net::TlsContext>(
        net::TlsContext::client({venue_.tls_ca, venue_.insecure_for_tests}));
  }
  if (!venue_.rest.empty()) {
    rest_ = std::make_unique<RestLine>(loop_, venue_.rest, tls_.get(), on_answer, this);
  }
  adapter_ = make_adapter(
      {venue_, std::move(options.instruments), options.generation, options.seed, records, *this});
  for (ConnectionIndex i = 0; i < adapter_->connection_count(); ++i)
    add_connection(i, options.seed + i + 1);
}

VenueSession::~VenueSession() {
  for (auto& connection : connections_) {
    if (connection->retry.armed()) loop_.disarm(connection->retry);
  }
}

void VenueSession::add_connection(ConnectionIndex index, std::uint64_t seed) {
  auto connection = std::make_unique<Connection>(*this, index, seed);
  connection->retry.callback = on_retry;
  connection->retry.context = connection.get();
  const auto base = net::parse_url(venue_.websocket);
  net::WebSocketClientOptions options;
  options.url = (base.tls ? "wss://" : "ws://") + base.authority() +
                std::string(adapter_->connection_path(index));
  options.tls = tls_.get();
  options.limits.frame_bytes_max = venue_message_bytes_max;
  options.limits.message_bytes_max = venue_message_bytes_max;
  options.limits.validate_utf8 = false;  // simdjson does
  options.timing.silence_ns_max = std::int64_t{venue_.no_data_ms} * 1'000'000;
  connection->client = std::make_unique<net::WebSocketClient>(
      loop_, options,
      net::WebSocketClientCallbacks{connection.get(), on_open, on_text, nullptr, on_batch_end,
                                    on_close});
  connections_.push_back(std::move(connection));
}

void VenueSession::start() noexcept {
  for (auto& connection : connections_) connection->client->connect();
}

void VenueSession::stop() noexcept {
  stopping_ = true;
  if (rest_) rest_->stop();
  for (auto& connection : connections_) {
    if (connection->retry.armed()) loop_.disarm(connection->retry);
    if (!connection->client->closed()) connection->client->close(1001);
  }
}

bool VenueSession::done() const noexcept {
  for (const auto& connection : connections_) {
    if (!connection->client->closed()) return false;
  }
  return true;
}

void VenueSession::on_tick() noexcept { adapter_->on_tick(now(loop_.now())); }

bool VenueSession::send(ConnectionIndex index, std::string_view text) noexcept {
  auto& client = *connections_[index]->client;
  if (client.send_text(text)) return true;
  if (client.open()) client.close(1001);  // a venue that does not read: begin again
  return false;
}

bool VenueSession::request(std::uint32_t request_id, std::string_view target) noexcept {
  return rest_ != nullptr && rest_->request(request_id, target);
}

void VenueSession::reconnect(ConnectionIndex index) noexcept {
  auto& client = *connections_[index]->client;
  if (!client.closed()) client.close(1001);
}

void VenueSession::on_open(void* context) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  ++session.counters_.opened;
  connection.opened_ns = session.loop_.steady_ns();
  connection.said_closed = false;
  Notice notice;
  notice.connection = connection.index;
  notice.line = session.venue_.line;
  session.hooks_.notices->post(notice);
  session.adapter_->on_open(connection.index, session.now(session.loop_.now()));
  session.hooks_.on_batch_end(session.hooks_.context);
}

void VenueSession::on_text(void* context, std::string_view text, net::ReceiveTimes times) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  ++session.counters_.messages;
  session.counters_.bytes += text.size();
  session.adapter_->on_message(connection.index, text, session.now(times.received));
  session.stages_.decoded(times.received, times.decrypted, session.loop_.now());
}

void VenueSession::on_batch_end(void* context) noexcept {
  auto& session = static_cast<Connection*>(context)->session;
  session.hooks_.on_batch_end(session.hooks_.context);
}

void VenueSession::on_close(void* context, net::CloseReason reason, std::uint16_t code,
                            std::string_view detail) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  auto& session = connection.session;
  ++session.counters_.closed[static_cast<std::size_t>(reason)];
  if (!connection.said_closed) {
    connection.said_closed = true;
    session.adapter_->on_close(connection.index, session.now(session.loop_.now()));
    session.hooks_.on_batch_end(session.hooks_.context);
  }
  if (session.stopping_) return;
  Notice notice;
  notice.what = Notice::What::Closed;
  notice.reason = reason;
  notice.code = code;
  notice.connection = connection.index;
  notice.line = session.venue_.line;
  session.hooks_.notices->post(notice, detail);
  const auto steady_ns = session.loop_.steady_ns();
  if (connection.opened_ns != 0 && steady_ns - connection.opened_ns > proven_connection_ns)
    connection.backoff.reset();
  connection.opened_ns = 0;
  const auto wait_ns =
      connection.backoff.next_ns(connection.client->retry_after_s() * 1'000'000'000);
  session.loop_.arm(connection.retry, steady_ns + wait_ns);
}

void VenueSession::on_answer(void* context, const RestAnswer& answer) noexcept {
  auto& session = *static_cast<VenueSession*>(context);
  const auto ticks = answer.status == 0 ? session.loop_.now() : answer.received;
  if (answer.status == 0 && !session.rest_failing_) {
    Notice notice;
    notice.what = Notice::What::RequestFailed;
    notice.reason = answer.reason;
    notice.line = session.venue_.line;
    session.hooks_.notices->post(notice, answer.detail);
  }
  session.rest_failing_ = answer.status == 0;
  session.adapter_->on_response(answer.request_id, answer.status, answer.body, session.now(ticks));
  session.hooks_.on_batch_end(session.hooks_.context);
}

void VenueSession::on_retry(void* context) noexcept {
  auto& connection = *static_cast<Connection*>(context);
  if (!connection.session.stopping_) connection.client->connect();
}

}  // namespace ringside::collector
