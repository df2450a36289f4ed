#include "net/http_head.hpp"

#include <algorithm>
#include <charconv>

namespace ringside::net {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_token_char(char c) noexcept {
  if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Visible characters, spaces, tabs and bytes above ASCII (RFC 9110, 5.5).
bool is_field_text(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

std::string_view trim(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Cuts the next line off `rest`; false: a bare CR or LF in it.
bool next_line(std::string_view& rest, std::string_view& line) noexcept {
  const std::size_t end = rest.find("\r\n");
  line = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), line.size() + 2));
  return line.find_first_of("\r\n") == std::string_view::npos;
}

HeadError parse_header(std::string_view line, HttpHeader& header) noexcept {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return HeadError::HeaderName;
  header.name = line.substr(0, colon);
  header.value = trim(line.substr(colon + 1));
  if (!is_token(header.name)) return HeadError::HeaderName;
  return is_field_text(header.value) ? HeadError::None : HeadError::HeaderValue;
}

HeadError parse_headers(std::string_view rest, HeaderList& list) noexcept {
  list.count = 0;
  std::string_view line;
  while (!rest.empty()) {
    if (!next_line(rest, line)) return HeadError::LineEnding;
    if (line.empty()) break;
    if (list.count == headers_max) return HeadError::TooManyHeaders;
    const HeadError error = parse_header(line, list.entries[list.count]);
    if (error != HeadError::None) return error;
    ++list.count;
  }
  return HeadError::None;
}

// Two opinions on where the body ends are how requests are smuggled: refused, not resolved.
HeadError parse_framing(const HeaderList& headers, BodyFraming& framing) noexcept {
  framing = {};
  for (std::size_t i = 0; i < headers.count; ++i) {
    const HttpHeader& header = headers.entries[i];
    if (equal_ignoring_case(header.name, "transfer-encoding")) {
      if (framing.chunked || !equal_ignoring_case(header.value, "chunked")) {
        return HeadError::TransferEncoding;
      }
      framing.chunked = true;
    } else if (equal_ignoring_case(header.name, "content-length")) {
      std::uint64_t bytes = 0;
      const char* end = header.value.data() + header.value.size();
      const auto [at, error] = std::from_chars(header.value.data(), end, bytes);
      const bool number = error == std::errc{} && at == end && is_digit(header.value.front());
      if (!number || (framing.content_bytes && *framing.content_bytes != bytes)) {
        return HeadError::BodyLength;
      }
      framing.content_bytes = bytes;
    }
  }
  return framing.chunked && framing.content_bytes ? HeadError::TransferEncoding : HeadError::None;
}

HeadError parse_version(std::string_view text, bool& http_1_0) noexcept {
  if (!text.starts_with("HTTP/")) return HeadError::StartLine;
  http_1_0 = text == "HTTP/1.0";
  return http_1_0 || text == "HTTP/1.1" ? HeadError::None : HeadError::Version;
}

HeadError parse_start(std::string_view line, RequestHead& head) noexcept {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return HeadError::StartLine;
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const bool visible = std::all_of(head.target.begin(), head.target.end(),
                                   [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_token(head.method) || head.target.empty() || !visible) return HeadError::StartLine;
  return parse_version(line.substr(last + 1), head.http_1_0);
}

HeadError parse_start(std::string_view line, ResponseHead& head) noexcept {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return HeadError::StartLine;
  const HeadError error = parse_version(line.substr(0, first), head.http_1_0);
  if (error != HeadError::None) return error;
  const std::string_view rest = line.substr(first + 1);
  if (rest.size() < 3 || !std::all_of(rest.begin(), rest.begin() + 3, is_digit)) {
    return HeadError::StartLine;
  }
  head.status = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
  if (head.status < 100 || (rest.size() > 3 && rest[3] != ' ')) return HeadError::StartLine;
  head.reason = rest.size() > 4 ? rest.substr(4) : std::string_view{};
  return is_field_text(head.reason) ? HeadError::None : HeadError::StartLine;
}

// The first bytes tell HTTP from TLS, another protocol or noise, whose end might never come.
bool may_begin(std::string_view bytes, const RequestHead&) noexcept {
  return bytes.empty() || is_token_char(bytes.front());
}
bool may_begin(std::string_view bytes, const ResponseHead&) noexcept {
  constexpr std::string_view start = "HTTP/";
  return start.starts_with(bytes.substr(0, start.size()));
}

template <typename Head>
HeadResult parse_head(std::string_view bytes, Head& head) noexcept {
  if (!may_begin(bytes, head)) return {HeadError::StartLine, 0};
  const std::size_t end = bytes.substr(0, head_bytes_max).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return {bytes.size() >= head_bytes_max ? HeadError::TooLong : HeadError::None, 0};
  }
  std::string_view rest = bytes.substr(0, end + 2);
  std::string_view line;
  HeadError error = next_line(rest, line) ? parse_start(line, head) : HeadError::LineEnding;
  if (error == HeadError::None) error = parse_headers(rest, head.headers);
  if (error == HeadError::None) error = parse_framing(head.headers, head.body);
  return {error, error == HeadError::None ? end + 4 : 0};
}

}  // namespace

const char* name_of(HeadError error) noexcept {
  switch (error) {
    case HeadError::None:
      return "none";
    case HeadError::TooLong:
      return "too_long";
    case HeadError::TooManyHeaders:
      return "too_many_headers";
    case HeadError::StartLine:
      return "start_line";
    case HeadError::Version:
      return "version";
    case HeadError::HeaderName:
      return "header_name";
    case HeadError::HeaderValue:
      return "header_value";
    case HeadError::LineEnding:
      return "line_ending";
    case HeadError::BodyLength:
      return "body_length";
    case HeadError::TransferEncoding:
      return "transfer_encoding";
  }
  return "unknown";
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view HeaderList::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (equal_ignoring_case(entries[i].name, name)) return entries[i].value;
  }
  return {};
}

bool HeaderList::has(std::string_view name) const noexcept {
  return std::any_of(
      entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count),
      [name](const HttpHeader& entry) { return equal_ignoring_case(entry.name, name); });
}

bool HeaderList::has_token(std::string_view name, std::string_view token) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (!equal_ignoring_case(entries[i].name, name)) continue;
    std::string_view rest = entries[i].value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (equal_ignoring_case(trim(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(rest.size(), comma + 1));
    }
  }
  return false;
}

HeadResult parse_request_head(std::string_view bytes, RequestHead& head) noexcept {
  return parse_head(bytes, head);
}

HeadResult parse_response_head(std::string_view bytes, ResponseHead& head) noexcept {
  return parse_head(bytes, head);
}

ChunkStep ChunkedDecoder::invalid() noexcept {
  state_ = State::Invalid;
  return {ChunkStatus::Invalid, 0, {}};
}

ChunkStep ChunkedDecoder::step(std::string_view bytes) noexcept {
  switch (state_) {
    case State::Size:
      return step_size(bytes);
    case State::Data: {
      if (bytes.empty()) return {ChunkStatus::NeedsMore, 0, {}};
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      left_ -= count;
      if (left_ == 0) state_ = State::DataEnd;
      return {ChunkStatus::Data, count, bytes.substr(0, count)};
    }
    case State::DataEnd:
      if (!std::string_view("\r\n").starts_with(bytes.substr(0, 2))) return invalid();
      if (bytes.size() < 2) return {ChunkStatus::NeedsMore, 0, {}};
      state_ = State::Size;
      return {ChunkStatus::Data, 2, {}};
    case State::Trailer:
      return step_trailer(bytes);
    case State::Finished:
      return {ChunkStatus::Finished, 0, {}};
    default:
      return invalid();
  }
}

ChunkStep ChunkedDecoder::step_size(std::string_view bytes) noexcept {
  const std::size_t end = bytes.substr(0, chunk_line_bytes_max).find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= chunk_line_bytes_max) return invalid();
    return {ChunkStatus::NeedsMore, 0, {}};
  }
  // Extensions after ';' mean nothing to us.
  const std::string_view line = bytes.substr(0, end);
  const std::string_view digits = trim(line.substr(0, line.find(';')));
  const auto [at, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  const bool number = !digits.empty() && error == std::errc{} &&
                      at == digits.data() + digits.size() && digits.front() != '-';
  if (!number || !is_field_text(line)) return invalid();
  state_ = left_ == 0 ? State::Trailer : State::Data;
  return {ChunkStatus::Data, end + 2, {}};
}

ChunkStep ChunkedDecoder::step_trailer(std::string_view bytes) noexcept {
  const std::size_t end = bytes.find("\r\n");
  const std::size_t line_bytes = end == std::string_view::npos ? bytes.size() : end + 2;
  if (trailer_bytes_ + line_bytes > trailer_bytes_max) return invalid();
  if (end == std::string_view::npos) return {ChunkStatus::NeedsMore, 0, {}};
  trailer_bytes_ += line_bytes;
  if (end > 0) return {ChunkStatus::Data, line_bytes, {}};
  state_ = State::Finished;
  return {ChunkStatus::Finished, line_bytes, {}};
}

}  // namespace ringside::net
