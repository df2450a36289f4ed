// The head of an HTTP/1.1 request or response (RFC 9112), and the chunked body. Pure and strict:
// CRLF only, no folded lines, no spaces around names, no two opinions on where the body ends. Views
// point into the bytes that were parsed.
//
// Bounded by: head_bytes_max, headers_max, chunk_line_bytes_max. Fails by: HeadError.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ringside::net {

inline constexpr std::size_t head_bytes_max = 16 * 1024;
inline constexpr std::size_t headers_max = 64;
inline constexpr std::size_t chunk_line_bytes_max = 256;
inline constexpr std::size_t trailer_bytes_max = 4096;

// What an answer other than the wanted one comes to.
[[nodiscard]] constexpr bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}
[[nodiscard]] constexpr bool is_forbidden(int status) noexcept {
  return status == 401 || status == 403;
}
// 418 is Binance's: banned for not having slowed down after 429.
[[nodiscard]] constexpr bool is_throttled(int status) noexcept {
  return status == 418 || status == 429;
}

enum class HeadError : std::uint8_t {
  None,
  TooLong,
  TooManyHeaders,
  StartLine,         // not "METHOD target HTTP/1.x" or "HTTP/1.x NNN reason"
  Version,           // neither 1.0 nor 1.1
  HeaderName,        // not a token, or followed by a space
  HeaderValue,       // a control character
  LineEnding,        // a bare CR or LF
  BodyLength,        // Content-Length that is no number, or two that differ
  TransferEncoding,  // anything but chunked, or beside a Content-Length
};
inline constexpr std::size_t head_error_count =
    static_cast<std::size_t>(HeadError::TransferEncoding) + 1;
[[nodiscard]] const char* name_of(HeadError error) noexcept;

struct HttpHeader {
  std::string_view name;
  std::string_view value;  // without the spaces around it
};

struct HeaderList {
  std::array<HttpHeader, headers_max> entries;
  std::size_t count = 0;

  // The first of that name (case-insensitive); empty when there is none.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  // Is `token` one of the comma-separated values of any header of that name? Case-insensitive.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept;
};

struct BodyFraming {
  std::optional<std::uint64_t> content_bytes;
  bool chunked = false;
};

struct RequestHead {
  std::string_view method;
  std::string_view target;
  bool http_1_0 = false;
  HeaderList headers;
  BodyFraming body;
};

struct ResponseHead {
  int status = 0;  // 100..999
  std::string_view reason;
  bool http_1_0 = false;
  HeaderList headers;
  BodyFraming body;
};

struct HeadResult {
  HeadError error = HeadError::None;
  std::size_t bytes = 0;  // of the head, its empty line included; 0 without an error: incomplete
};

[[nodiscard]] HeadResult parse_request_head(std::string_view bytes, RequestHead& head) noexcept;
[[nodiscard]] HeadResult parse_response_head(std::string_view bytes, ResponseHead& head) noexcept;

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

enum class ChunkStatus : std::uint8_t {
  NeedsMore,
  Data,      // `data` holds a piece of the body
  Finished,  // the last chunk and the trailers are read
  Invalid,
};

struct ChunkStep {
  ChunkStatus status;
  std::size_t used;       // bytes of the input that are done with
  std::string_view data;  // within the input
};

// Takes a chunked body apart as it arrives; feed it what is left of the input until NeedsMore.
class ChunkedDecoder {
 public:
  [[nodiscard]] ChunkStep step(std::string_view bytes) noexcept;
  void reset() noexcept { *this = ChunkedDecoder(); }

 private:
  enum class State : std::uint8_t { Size, Data, DataEnd, Trailer, Finished, Invalid };
  ChunkStep step_size(std::string_view bytes) noexcept;
  ChunkStep step_trailer(std::string_view bytes) noexcept;
  ChunkStep invalid() noexcept;

  State state_ = State::Size;
  std::uint64_t left_ = 0;  // of the chunk
  std::size_t trailer_bytes_ = 0;
};

}  // namespace ringside::net
