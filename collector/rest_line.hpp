// REST requests of one venue: a bounded queue in front of a few kept connections. What to ask, and
// how often, is the adapter's to decide; here nothing is retried.
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

#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

namespace ringside::collector {

inline constexpr std::size_t rest_requests_max = 256;
inline constexpr std::size_t rest_clients = 4;
inline constexpr std::size_t rest_body_bytes_max = std::size_t{32} << 20;

struct RestAnswer {
  std::uint32_t request_id = 0;
  int status = 0;  // 0: none came
  std::string_view body;
  Ticks received;
  // Where none came. Valid during the call.
  net::CloseReason reason = net::CloseReason::None;  // None: it is the detail's alone
  std::string_view detail;
};

struct RestCounters {
  std::uint64_t answers = 0;
  std::uint64_t failures = 0;  // no answer, or none that could be read
  std::uint64_t refused_full = 0;
};

class RestLine {
 public:
  using OnAnswer = void (*)(void* context, const RestAnswer& answer) noexcept;
  // `tls` may be null for http. Throws std::system_error for a URL that cannot be.
  RestLine(net::Loop& loop, const std::string& url, const net::TlsContext* tls, OnAnswer on_answer,
           void* context);

  [[nodiscard]] bool request(std::uint32_t request_id, std::string_view target) noexcept;
  // Forgets what is queued and ends what is under way, without answers.
  void stop() noexcept;
  [[nodiscard]] const RestCounters& counters() const noexcept { return counters_; }

 private:
  struct Client {
    RestLine* line = nullptr;
    std::uint32_t request_id = 0;
    std::unique_ptr<net::HttpClient> http;
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

}  // namespace ringside::collector
