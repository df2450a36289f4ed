#include "net/http_client.hpp"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "net/websocket_client.hpp"

namespace ringside::net {

namespace {

Url checked_url(const HttpClientOptions& options) {
  Url url = parse_url(options.url);
  const auto refuse = [&options](const char* why) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "URL \"" + options.url + "\": " + why);
  };
  if (url.websocket) refuse("a request needs http:// or https://");
  if (url.tls && options.tls == nullptr) refuse("https:// needs TLS settings");
  return url;
}

StreamOptions stream_options(const HttpClientOptions& options) {
  StreamOptions stream = options.stream;
  stream.inbox_bytes = std::max(stream.inbox_bytes, 2 * head_bytes_max);
  return stream;
}

}  // namespace

const char* name_of(HttpError error) noexcept {
  switch (error) {
    case HttpError::None:
      return "none";
    case HttpError::Connection:
      return "connection";
    case HttpError::Timeout:
      return "timeout";
    case HttpError::HeadInvalid:
      return "head_invalid";
    case HttpError::BodyInvalid:
      return "body_invalid";
    case HttpError::BodyTooLarge:
      return "body_too_large";
    case HttpError::Truncated:
      return "truncated";
    case HttpError::Encoded:
      return "encoded";
    case HttpError::Redirect:
      return "redirect";
  }
  return "unknown";
}

HttpClient::HttpClient(Loop& loop, const HttpClientOptions& options,
                       const HttpClientCallbacks& callbacks)
    : url_(checked_url(options)),
      options_(options),
      callbacks_(callbacks),
      stream_(loop, stream_options(options),
              {.context = this,
               .on_open = stream_open,
               .on_bytes = stream_bytes,
               .on_sent = nullptr,
               .on_close = stream_closed}),
      body_(options.body_bytes_max + padding_bytes) {
  if (options.accept_gzip) gunzip_ = std::make_unique<Gunzip>();
  timer_.callback = deadline;
  timer_.context = this;
}

HttpClient::~HttpClient() { stream_.loop().disarm(timer_); }

bool HttpClient::get(std::string_view target) noexcept { return begin("GET", target, "\r\n"); }

bool HttpClient::post(std::string_view target, std::string_view content_type,
                      std::string_view body) noexcept {
  std::string more = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (!body.empty()) more += "Content-Type: " + std::string(content_type) + "\r\n";
  more += "\r\n";
  more += body;
  return begin("POST", target, more);
}

bool HttpClient::begin(std::string_view method, std::string_view target,
                       std::string_view more) noexcept {
  if (busy()) return false;
  const bool printable =
      std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!target.starts_with('/') || !printable) return false;
  request_ = method;
  request_ += " ";
  request_ += target;
  request_ += " HTTP/1.1\r\nHost: " + url_.authority() +
              "\r\nUser-Agent: ringside/" RINGSIDE_VERSION "\r\nAccept-Encoding: ";
  request_ += gunzip_ ? "gzip" : "identity";
  request_ += "\r\nConnection: keep-alive\r\n";
  request_ += options_.extra_headers;
  request_ += more;
  if (request_.size() + 2 * TlsSession::record_overhead_max > options_.stream.send_queue_bytes) {
    return false;
  }
  ++counters_.requests;
  state_ = State::Waiting;
  repeatable_ = connecting_ = aborted_ = false;
  status_ = 0;
  retry_after_s_ = 0;
  body_bytes_ = 0;
  content_type_.clear();
  location_.clear();
  Loop& loop = stream_.loop();
  loop.arm(timer_, loop.steady_ns() + options_.request_ns_max);
  if (stream_.open()) {
    send_request();
    repeatable_ = method == "GET";
  } else if (stream_.state() == ConnectionState::Closed) {
    open_connection();
  }  // else it is on its way to Closed, and on_close connects anew
  return true;
}

void HttpClient::stream_open(void* context) noexcept {
  auto& self = *static_cast<HttpClient*>(context);
  if (self.state_ == State::Waiting) self.send_request();
}

void HttpClient::send_request() noexcept {
  state_ = State::Head;
  chunks_.reset();
  if (!stream_.reserve(request_.size())) return stream_.abort(CloseReason::SendQueueFull);
  stream_.write(std::as_bytes(std::span(request_)));
  stream_.flush();
}

std::size_t HttpClient::stream_bytes(void* context, std::span<std::byte> bytes,
                                     ReceiveTimes times) noexcept {
  auto& self = *static_cast<HttpClient*>(context);
  self.received_ = times.received;
  self.repeatable_ = false;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::uint64_t request = self.counters_.requests;
  std::size_t used = 0;
  while (self.state_ == State::Head) {  // interim answers may come before the real one
    const std::size_t count = self.read_head(text.substr(used));
    if (count == 0) return used;
    used += count;
    if (self.counters_.requests != request) break;
  }
  const bool in_body = self.state_ == State::FixedBody || self.state_ == State::ChunkedBody ||
                       self.state_ == State::BodyToEnd;
  if (in_body) used += self.read_body(text.substr(used));
  const bool answered = !self.busy() || self.counters_.requests != request;
  if (answered && used < text.size()) {
    // Nobody asked: the answer to the next request would be this one's.
    self.stream_.close(CloseReason::ProtocolError, "unasked bytes");
    return text.size();
  }
  return used;
}

std::size_t HttpClient::read_head(std::string_view text) noexcept {
  ResponseHead head;
  const HeadResult result = parse_response_head(text, head);
  if (result.error != HeadError::None) {
    fail(HttpError::HeadInvalid, name_of(result.error));
    return text.size();
  }
  if (result.bytes == 0) return 0;
  if (head.status < 200) return result.bytes;
  status_ = head.status;
  retry_after_s_ = parse_retry_after_s(head.headers);
  content_type_ = head.headers.find("Content-Type");
  location_ = head.headers.find("Location");
  keep_alive_ = !head.http_1_0 && !head.headers.has_token("Connection", "close");
  const std::string_view encoding = head.headers.find("Content-Encoding");
  packed_ = gunzip_ && equal_ignoring_case(encoding, "gzip");
  if (packed_) gunzip_->begin();
  if (!packed_ && !encoding.empty() && !equal_ignoring_case(encoding, "identity")) {
    fail(HttpError::Encoded, encoding);
    return text.size();
  }
  body_left_ = head.body.content_bytes.value_or(0);
  if (body_left_ > options_.body_bytes_max) {
    fail(HttpError::BodyTooLarge, "Content-Length");
    return text.size();
  }
  const bool bodiless = head.status == 204 || head.status == 304;
  if (bodiless) packed_ = false;
  if (head.body.chunked && !bodiless) {
    state_ = State::ChunkedBody;
  } else if (head.body.content_bytes || bodiless) {
    state_ = State::FixedBody;
    if (bodiless) body_left_ = 0;
    if (body_left_ == 0) return finish(result.bytes);
  } else {
    state_ = State::BodyToEnd;
    keep_alive_ = false;
  }
  return result.bytes;
}

std::size_t HttpClient::read_body(std::string_view text) noexcept {
  if (state_ == State::ChunkedBody) return read_chunks(text);
  if (state_ == State::BodyToEnd) {
    (void)keep(text);
    return text.size();
  }
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, text.size()));
  if (!keep(text.substr(0, count))) return text.size();
  body_left_ -= count;
  return body_left_ == 0 ? finish(count) : count;
}

std::size_t HttpClient::read_chunks(std::string_view text) noexcept {
  std::size_t used = 0;
  while (true) {
    const ChunkStep step = chunks_.step(text.substr(used));
    used += step.used;
    switch (step.status) {
      case ChunkStatus::NeedsMore:
        return used;
      case ChunkStatus::Data:
        if (!keep(step.data)) return text.size();
        break;
      case ChunkStatus::Finished:
        return finish(used);
      case ChunkStatus::Invalid:
        fail(HttpError::BodyInvalid, "chunked body");
        return text.size();
    }
  }
}

bool HttpClient::keep(std::string_view data) noexcept {
  if (packed_) return unpack(data);
  if (data.size() > options_.body_bytes_max - body_bytes_) {
    fail(HttpError::BodyTooLarge, "body");
    return false;
  }
  if (!data.empty()) std::memcpy(body_.data() + body_bytes_, data.data(), data.size());
  body_bytes_ += data.size();
  return true;
}

bool HttpClient::unpack(std::string_view data) noexcept {
  const auto room = body_.span().first(options_.body_bytes_max).subspan(body_bytes_);
  const Inflater::Step step = gunzip_->take(std::as_bytes(std::span(data)), room);
  body_bytes_ += step.bytes;
  if (step.result == Inflater::Result::Ok) return true;
  const bool full = step.result == Inflater::Result::OutputFull;
  fail(full ? HttpError::BodyTooLarge : HttpError::BodyInvalid, "gzip");
  return false;
}

HttpResponse HttpClient::response(HttpError error) const noexcept {
  return {.error = error,
          .status = status_,
          .body = {reinterpret_cast<const char*>(body_.data()), body_bytes_},
          .content_type = content_type_,
          .retry_after_s = retry_after_s_,
          .close_reason = CloseReason::None,
          .detail = {},
          .received = received_};
}

std::size_t HttpClient::finish(std::size_t used) noexcept {
  if (packed_ && !gunzip_->ended()) {
    fail(HttpError::BodyInvalid, "gzip that ends early");
    return used;
  }
  if (packed_) ++counters_.gzip_bodies;
  if (!keep_alive_) stream_.close(CloseReason::Requested);
  HttpResponse answer = response(is_redirect(status_) ? HttpError::Redirect : HttpError::None);
  if (answer.error == HttpError::Redirect) answer.detail = location_;
  deliver(answer);
  return used;
}

void HttpClient::fail(HttpError error, std::string_view detail) noexcept {
  stream_.abort(CloseReason::Requested);
  HttpResponse answer = response(error);
  answer.body = {};
  answer.detail = detail;
  deliver(answer);
}

void HttpClient::deliver(const HttpResponse& answer) noexcept {
  stream_.loop().disarm(timer_);
  ++counters_.responses[static_cast<std::size_t>(answer.error)];
  state_ = State::Idle;
  callbacks_.on_response(callbacks_.context, answer);
}

void HttpClient::stream_closed(void* context, CloseReason reason,
                               std::string_view detail) noexcept {
  auto& self = *static_cast<HttpClient*>(context);
  if (self.state_ == State::Idle) return;
  const bool gone = reason == CloseReason::PeerFinished || reason == CloseReason::PeerReset ||
                    reason == CloseReason::TlsTruncated;
  const bool again = self.repeatable_ && gone;
  const bool never_asked = self.state_ == State::Waiting && !self.connecting_;
  if ((again || never_asked) && !self.aborted_) {
    // The server closed a kept connection while the request was on its way; or the request waited
    // for the last connection to end. Once: the new connection is not a kept one.
    if (again) ++self.counters_.retries;
    self.open_connection();
    return;
  }
  if (self.state_ == State::BodyToEnd && reason == CloseReason::PeerFinished) {
    (void)self.finish(0);
    return;
  }
  const bool in_body = self.state_ != State::Waiting && self.state_ != State::Head;
  HttpResponse answer = self.response(in_body ? HttpError::Truncated : HttpError::Connection);
  answer.body = {};
  answer.close_reason = reason;
  answer.detail = detail;
  self.deliver(answer);
}

void HttpClient::open_connection() noexcept {
  state_ = State::Waiting;
  repeatable_ = false;
  connecting_ = true;
  ++counters_.connections;
  stream_.connect(url_.host, url_.port, url_.tls ? options_.tls : nullptr);
}

void HttpClient::deadline(void* context) noexcept {
  auto& self = *static_cast<HttpClient*>(context);
  self.fail(HttpError::Timeout, "no complete answer in time");
}

void HttpClient::abort() noexcept {
  if (!busy()) return;
  aborted_ = true;
  stream_.abort(CloseReason::Requested);
}

}  // namespace ringside::net
