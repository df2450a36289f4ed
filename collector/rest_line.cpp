#include "collector/rest_line.hpp"

namespace ringside::collector {

RestLine::RestLine(net::Loop& loop, const std::string& url, const net::TlsContext* tls,
                   OnAnswer on_answer, void* context)
    : on_answer_(on_answer), context_(context), queue_(rest_requests_max) {
  net::HttpClientOptions options;
  options.url = url;
  options.tls = tls;
  options.body_bytes_max = rest_body_bytes_max;
  for (auto& client : clients_) {
    client.line = this;
    client.http = std::make_unique<net::HttpClient>(loop, options,
                                                    net::HttpClientCallbacks{&client, on_response});
  }
}

bool RestLine::request(std::uint32_t request_id, std::string_view target) noexcept {
  if (queued_ == rest_requests_max || stopping_) {
    ++counters_.refused_full;
    return false;
  }
  auto& request = queue_[(first_ + queued_++) % rest_requests_max];
  request.id = request_id;
  request.target = target;  // keeps its capacity from one use to the next
  begin_next();
  return true;
}

void RestLine::begin_next() noexcept {
  for (auto& client : clients_) {
    if (queued_ == 0) return;
    if (client.http->busy()) continue;
    auto& request = queue_[first_];
    first_ = (first_ + 1) % rest_requests_max;
    --queued_;
    client.request_id = request.id;
    if (client.http->get(request.target)) continue;
    ++counters_.failures;  // it does not fit the send queue; the adapter's deadline finds out
  }
}

void RestLine::on_response(void* context, const net::HttpResponse& response) noexcept {
  auto& client = *static_cast<Client*>(context);
  auto& line = *client.line;
  if (line.stopping_) return;
  const bool good = response.error == net::HttpError::None;
  ++(good ? line.counters_.answers : line.counters_.failures);
  RestAnswer answer{client.request_id, 0, {}, response.received, response.close_reason,
                    response.detail};
  if (good) {
    answer.status = response.status;
    answer.body = response.body;
  } else if (answer.detail.empty() && answer.reason == net::CloseReason::None) {
    answer.detail = net::name_of(response.error);
  }
  line.on_answer_(line.context_, answer);
  line.begin_next();
}

void RestLine::stop() noexcept {
  stopping_ = true;
  queued_ = 0;
  for (auto& client : clients_) {
    if (client.http->busy()) client.http->abort();
  }
}

}  // namespace ringside::collector
