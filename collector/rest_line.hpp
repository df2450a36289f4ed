// REST requests of one venue: a bounded queue in front of a few kept connections. What to ask, and
// how often, is the adapter's to decide; here nothing is retried. `Net`: net::Sockets, or something
// like it.
//
// Threads: the collector thread's. Bounded by: rest_requests_max queued, rest_clients at once.
// Fails by: request() false when the queue is full; an answer that does not come has status 0.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/sockets.hpp"
#include "net/tls.hpp"

namespace ringside::collector {

inline constexpr std::size_t rest_requests_max = 256;
inline constexpr std::size_t rest_clients = 8;
inline constexpr std::size_t rest_body_bytes_max = std::size_t{32} << 20;

struct RestAnswer {
  std::uint32_t request_id = 0;
  int status = 0;  // 0: none came
  std::string_view body;
  std::int64_t retry_after_ns = 0;  // 0: not said
  Ticks received;
  // Where none came. Valid during the call.
  net::CloseReason reason = net::CloseReason::None;  // None: it is the detail's alone
  std::string_view detail;
};

struct RestCounters {
  std::uint64_t answers = 0;
  std::uint64_t failures = 0;  // no answer, or none that could be read
  std::uint64_t refused_full = 0;
  // Of the failures, by what was wrong; of failed connections, by what ended them.
  std::array<std::uint64_t, net::http_error_count> errors{};
  net::CloseCounters closed{};
  // Of the answers other than 2xx, by status.
  std::uint64_t status_forbidden = 0;     // 401, 403
  std::uint64_t status_throttled = 0;     // 418, 429
  std::uint64_t status_server_error = 0;  // 5xx
  std::uint64_t status_other = 0;

  void count(const net::HttpResponse& response) noexcept;
};

template <typename Net>
class BasicRestLine {
 public:
  using OnAnswer = void (*)(void* context, const RestAnswer& answer) noexcept;
  // A body's bound is rest_body_bytes_max, whatever `asked` says. Throws as net::HttpClient.
  BasicRestLine(typename Net::Loop& loop, const net::HttpClientOptions& asked, OnAnswer on_answer,
                void* context);

  [[nodiscard]] bool request(std::uint32_t request_id, std::string_view target) noexcept;
  // Forgets what is queued and ends what is under way, without answers.
  void stop() noexcept;
  [[nodiscard]] const RestCounters& counters() const noexcept { return counters_; }

 private:
  struct Client {
    BasicRestLine* line = nullptr;
    std::uint32_t request_id = 0;
    std::unique_ptr<typename Net::HttpClient> http;
  };
  struct Request {
    std::uint32_t id = 0;
    std::string target;
  };
  static void on_response(void* context, const net::HttpResponse& response) noexcept;
  void begin_next() noexcept;

  OnAnswer on_answer_;
  void* context_;
  std::array<Client, rest_clients> clients_;
  std::vector<Request> queue_;  // a ring of rest_requests_max
  std::size_t first_ = 0;
  std::size_t queued_ = 0;
  bool stopping_ = false;
  RestCounters counters_;
};

using RestLine = BasicRestLine<net::Sockets>;
extern template class BasicRestLine<net::Sockets>;  // rest_line.cpp

// --- Over any Net ---

template <typename Net>
BasicRestLine<Net>::BasicRestLine(typename Net::Loop& loop, const net::HttpClientOptions& asked,
                                  OnAnswer on_answer, void* context)
    : on_answer_(on_answer), context_(context), queue_(rest_requests_max) {
  auto options = asked;
  options.body_bytes_max = rest_body_bytes_max;
  for (auto& client : clients_) {
    client.line = this;
    client.http = std::make_unique<typename Net::HttpClient>(
        loop, options, net::HttpClientCallbacks{&client, on_response});
  }
}

template <typename Net>
bool BasicRestLine<Net>::request(std::uint32_t request_id, std::string_view target) noexcept {
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

template <typename Net>
void BasicRestLine<Net>::begin_next() noexcept {
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

template <typename Net>
void BasicRestLine<Net>::on_response(void* context, const net::HttpResponse& response) noexcept {
  auto& client = *static_cast<Client*>(context);
  auto& line = *client.line;
  if (line.stopping_) return;
  line.counters_.count(response);
  const bool good = response.error == net::HttpError::None;
  RestAnswer answer;
  answer.request_id = client.request_id;
  answer.retry_after_ns = response.retry_after_s * 1'000'000'000;
  answer.received = response.received;
  answer.reason = response.close_reason;
  answer.detail = response.detail;
  if (good) {
    answer.status = response.status;
    answer.body = response.body;
  } else if (answer.detail.empty() && answer.reason == net::CloseReason::None) {
    answer.detail = net::name_of(response.error);
  }
  line.on_answer_(line.context_, answer);
  line.begin_next();
}

template <typename Net>
void BasicRestLine<Net>::stop() noexcept {
  stopping_ = true;
  queued_ = 0;
  for (auto& client : clients_) {
    if (client.http->busy()) client.http->abort();
  }
}

}  // namespace ringside::collector
