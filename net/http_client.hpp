// An HTTP/1.1 client for one server: one request at a time over a connection that is kept, with or
// without TLS. For REST snapshots, not for the web: redirects are refused and reported, no cookies;
// compressed bodies only where they are asked for.
//
// Threads: the loop's. Bounded by: HttpClientOptions. Fails by: HttpError in the one on_response
// that each request() gets, from within Loop::run_once; inside it the next may be asked.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/deflate.hpp"
#include "net/http_head.hpp"
#include "net/mapped_bytes.hpp"
#include "net/stream.hpp"
#include "net/url.hpp"

namespace ringside::net {

enum class HttpError : std::uint8_t {
  None,
  Connection,    // close_reason and detail say which
  Timeout,       // request_ns_max
  HeadInvalid,   // detail names the HeadError
  BodyInvalid,   // chunks or gzip that are none
  BodyTooLarge,  // beyond body_bytes_max
  Truncated,     // the connection ended within the body
  Encoded,       // a Content-Encoding that was not asked for
  Redirect,      // status and body hold; detail is the Location
};
inline constexpr std::size_t http_error_count = static_cast<std::size_t>(HttpError::Redirect) + 1;
[[nodiscard]] const char* name_of(HttpError error) noexcept;

struct HttpClientOptions {
  std::string url{};                // http[s]://host[:port]; a path is ignored
  const TlsContext* tls = nullptr;  // needed by https; must outlive the client
  std::string extra_headers{};      // whole lines, each ended by CRLF
  bool accept_gzip = false;
  std::size_t body_bytes_max = 64 << 20;        // as it comes, and unpacked
  std::int64_t request_ns_max = 10 * ns_per_s;  // connecting included
  StreamOptions stream{};
};

struct HttpResponse {
  HttpError error = HttpError::None;
  int status = 0;         // 0: none came
  std::string_view body;  // padding_bytes are readable behind it; valid during the call
  std::string_view content_type;
  std::int64_t retry_after_s = 0;  // 0: not said
  CloseReason close_reason = CloseReason::None;
  std::string_view detail;
  Ticks received;  // of the last byte
};

struct HttpClientCallbacks {
  void* context = nullptr;
  void (*on_response)(void* context, const HttpResponse& response) noexcept = nullptr;
};

struct HttpCounters {
  std::uint64_t requests = 0;
  std::uint64_t connections = 0;
  std::uint64_t gzip_bodies = 0;
  std::uint64_t retries = 0;  // the kept connection turned out to be closed
  std::array<std::uint64_t, http_error_count> responses{};  // by HttpError
};

class HttpClient {
 public:
  // Throws std::system_error for a URL that cannot be.
  HttpClient(Loop& loop, const HttpClientOptions& options, const HttpClientCallbacks& callbacks);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `target`: path and query. False: a request is under way, or it would not fit the send queue.
  [[nodiscard]] bool get(std::string_view target) noexcept;
  [[nodiscard]] bool post(std::string_view target, std::string_view content_type,
                          std::string_view body) noexcept;
  [[nodiscard]] bool busy() const noexcept { return state_ != State::Idle; }
  // The request under way gets HttpError::Connection with CloseReason::Requested.
  void abort() noexcept;

  [[nodiscard]] const Url& url() const noexcept { return url_; }
  [[nodiscard]] const HttpCounters& counters() const noexcept { return counters_; }

 private:
  enum class State : std::uint8_t { Idle, Waiting, Head, FixedBody, ChunkedBody, BodyToEnd };

  static void stream_open(void* context) noexcept;
  static std::size_t stream_bytes(void* context, std::span<std::byte> bytes,
                                  ReceiveTimes times) noexcept;
  static void stream_closed(void* context, CloseReason reason, std::string_view detail) noexcept;
  static void deadline(void* context) noexcept;

  bool begin(std::string_view method, std::string_view target, std::string_view more) noexcept;
  void open_connection() noexcept;
  void send_request() noexcept;
  std::size_t read_head(std::string_view text) noexcept;
  std::size_t read_body(std::string_view text) noexcept;
  std::size_t read_chunks(std::string_view text) noexcept;
  bool keep(std::string_view data) noexcept;
  bool unpack(std::string_view data) noexcept;
  void fail(HttpError error, std::string_view detail) noexcept;
  std::size_t finish(std::size_t used) noexcept;
  void deliver(const HttpResponse& response) noexcept;
  [[nodiscard]] HttpResponse response(HttpError error) const noexcept;

  Url url_;
  HttpClientOptions options_;
  HttpClientCallbacks callbacks_;
  HttpCounters counters_;
  Stream stream_;
  Timer timer_;
  State state_ = State::Idle;
  std::string request_;
  bool aborted_ = false;
  bool connecting_ = false;  // a connection was made for this very request
  bool repeatable_ = false;  // a GET over a kept connection, which may be dead already
  bool keep_alive_ = false;  // the server's word
  ChunkedDecoder chunks_;
  std::uint64_t body_left_ = 0;
  MappedBytes body_;
  std::unique_ptr<Gunzip> gunzip_;  // null: not asked for
  bool packed_ = false;             // the body is gzip
  std::size_t body_bytes_ = 0;
  int status_ = 0;
  std::int64_t retry_after_s_ = 0;
  std::string content_type_;
  std::string location_;
  Ticks received_;
};

}  // namespace ringside::net
