#include "tools/capture/capture.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "ipc/check.hpp"

namespace ringside::capture {
namespace {

constexpr int gzip_window_bits = 15 + 16;  // zlib: gzip wrapper only
constexpr std::size_t first_text_bytes = std::size_t{256} << 10;

const char* describe(CaptureStatus status) {
  switch (status) {
    case CaptureStatus::Ok:
    case CaptureStatus::End:
      return "";
    case CaptureStatus::CannotOpen:
      return "cannot be opened (does it exist, may you read it?)";
    case CaptureStatus::ReadFailed:
      return "cannot be read";
    case CaptureStatus::NotACapture:
      return "is neither gzip nor text lines of <unix_ns> TAB <connection> TAB <kind> TAB "
             "<payload>";
    case CaptureStatus::Truncated:
      return "is cut off: the gzip stream ends too early; copy or record it again";
    case CaptureStatus::Corrupt:
      return "is damaged: gzip's own checks fail; copy or record it again";
    case CaptureStatus::LineTooLong:
      return "has a line of more than 64 MiB";
    case CaptureStatus::FieldMissing:
      return "has a line with fewer than four fields";
    case CaptureStatus::BadTime:
      return "has a time that is no number of nanoseconds";
    case CaptureStatus::BadConnection:
      return "has a connection that is no number";
    case CaptureStatus::BadKind:
      return "has a kind that is none of open, sent, recv, http";
  }
  return "";
}

// fmemopen only reads in mode "r"; its parameter is not const for the sake of the other modes.
std::FILE* open_memory(std::string_view bytes) noexcept {
  return fmemopen(const_cast<char*>(bytes.data()), bytes.size(), "r");
}

bool take_field(std::string_view& text, std::string_view& field) noexcept {
  const auto tab = text.find('\t');
  if (tab == std::string_view::npos) return false;
  field = text.substr(0, tab);
  text.remove_prefix(tab + 1);
  return true;
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) noexcept {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return !text.empty() && text[0] != '-' && error == std::errc{} && stop == end;
}

bool parse_kind(std::string_view text, CaptureKind& kind) noexcept {
  if (text == "recv") {
    kind = CaptureKind::Recv;
  } else if (text == "http") {
    kind = CaptureKind::Http;
  } else if (text == "sent") {
    kind = CaptureKind::Sent;
  } else if (text == "open") {
    kind = CaptureKind::Open;
  } else {
    return false;
  }
  return true;
}

}  // namespace

HttpPayload split_http(std::string_view payload) noexcept {
  const auto space = payload.find(' ');
  if (space == std::string_view::npos) return {payload, payload.substr(payload.size())};
  return {payload.substr(0, space), payload.substr(space + 1)};
}

CaptureReader::CaptureReader(const CaptureInput& input)
    : CaptureReader(input.path, input.bytes.empty() ? std::fopen(input.path.c_str(), "rbe")
                                                    : open_memory(input.bytes)) {}

CaptureReader::CaptureReader(std::string name, std::FILE* file)
    : name_(std::move(name)), file_(file) {
  if (!file_) {
    status_ = CaptureStatus::CannotOpen;
    return;
  }
  compressed_.resize(read_bytes);
  text_.resize(first_text_bytes + payload_padding);
  begin();
}

CaptureReader CaptureReader::over(std::string_view bytes) {
  if (bytes.empty()) return CaptureReader("capture", std::fopen("/dev/null", "rbe"));
  return CaptureReader("capture", open_memory(bytes));
}

CaptureReader::CaptureReader(CaptureReader&&) noexcept = default;

CaptureReader::~CaptureReader() {
  if (inflater_) inflateEnd(inflater_.get());
}

// The first bytes decide: gzip's magic, or the digit that begins a line.
void CaptureReader::begin() {
  const auto bytes = read_file(compressed_.data(), compressed_.size());
  if (status_ != CaptureStatus::Ok) return;
  if (bytes >= 2 && compressed_[0] == 0x1f && compressed_[1] == 0x8b) {
    inflater_ = std::make_unique<z_stream>();
    RINGSIDE_CHECK(inflateInit2(inflater_.get(), gzip_window_bits) == Z_OK);
    inflater_->next_in = compressed_.data();
    inflater_->avail_in = static_cast<uInt>(bytes);
    return;
  }
  if (bytes > 0 && (compressed_[0] < '0' || compressed_[0] > '9')) {
    fail(CaptureStatus::NotACapture);
    return;
  }
  std::memcpy(text_.data(), compressed_.data(), bytes);
  filled_ = bytes;
}

std::size_t CaptureReader::read_file(unsigned char* out, std::size_t bytes) {
  const auto count = std::fread(out, 1, bytes, file_.get());
  if (count < bytes && std::ferror(file_.get()) != 0) fail(CaptureStatus::ReadFailed);
  return count;
}

bool CaptureReader::fail(CaptureStatus status) noexcept {
  status_ = status;
  return false;
}

bool CaptureReader::next(CaptureLine& line) {
  if (status_ != CaptureStatus::Ok) return false;
  std::string_view text;
  if (!find_line(text)) return false;
  ++line_number_;
  const auto status = split(text, line);
  return status == CaptureStatus::Ok || fail(status);
}

bool CaptureReader::find_line(std::string_view& text) {
  while (true) {
    const char* unseen = text_.data() + scanned_;
    const auto* newline = static_cast<const char*>(std::memchr(unseen, '\n', filled_ - scanned_));
    if (newline != nullptr) {
      text = {text_.data() + taken_, newline};
      taken_ = scanned_ = static_cast<std::size_t>(newline - text_.data()) + 1;
      return true;
    }
    scanned_ = filled_;
    if (source_ended_) {
      if (taken_ == filled_) return fail(CaptureStatus::End);
      text = {text_.data() + taken_, filled_ - taken_};  // a last line without its newline
      taken_ = filled_;
      return true;
    }
    if (!make_room()) return false;
    fill();
    if (status_ != CaptureStatus::Ok) return false;
  }
}

// Before: | used up | part of a line |free|    after: | part of a line |free            |
bool CaptureReader::make_room() {
  const std::size_t kept = filled_ - taken_;
  if (kept > line_bytes_max) return fail(CaptureStatus::LineTooLong);
  std::memmove(text_.data(), text_.data() + taken_, kept);
  taken_ = 0;
  scanned_ = filled_ = kept;
  const std::size_t capacity = text_.size() - payload_padding;
  if (kept > capacity / 2) text_.resize(capacity * 2 + payload_padding);
  return true;
}

void CaptureReader::fill() {
  if (inflater_) return fill_compressed();
  const std::size_t room = text_.size() - payload_padding - filled_;
  const auto count = read_file(reinterpret_cast<unsigned char*>(text_.data()) + filled_, room);
  filled_ += count;
  source_ended_ = count < room;
}

void CaptureReader::fill_compressed() {
  if (inflater_->avail_in == 0) {
    const auto count = read_file(compressed_.data(), compressed_.size());
    if (status_ != CaptureStatus::Ok) return;
    if (count == 0) {
      source_ended_ = between_members_;
      if (!between_members_) fail(CaptureStatus::Truncated);
      return;
    }
    inflater_->next_in = compressed_.data();
    inflater_->avail_in = static_cast<uInt>(count);
  }
  if (between_members_) {
    RINGSIDE_CHECK(inflateReset(inflater_.get()) == Z_OK);
    between_members_ = false;
  }
  const std::size_t room = text_.size() - payload_padding - filled_;
  inflater_->next_out = reinterpret_cast<unsigned char*>(text_.data()) + filled_;
  inflater_->avail_out = static_cast<uInt>(room);
  const int result = inflate(inflater_.get(), Z_NO_FLUSH);
  filled_ += room - inflater_->avail_out;
  if (result == Z_STREAM_END) {
    between_members_ = true;
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    fail(CaptureStatus::Corrupt);
  }
}

CaptureStatus CaptureReader::split(std::string_view text, CaptureLine& line) const noexcept {
  std::string_view time;
  std::string_view connection;
  std::string_view kind;
  if (!take_field(text, time) || !take_field(text, connection) || !take_field(text, kind)) {
    return CaptureStatus::FieldMissing;
  }
  if (!parse_number(time, line.unix_ns)) return CaptureStatus::BadTime;
  if (!parse_number(connection, line.connection)) return CaptureStatus::BadConnection;
  if (!parse_kind(kind, line.kind)) return CaptureStatus::BadKind;
  line.payload = text;
  return CaptureStatus::Ok;
}

std::string CaptureReader::message() const {
  if (status_ == CaptureStatus::Ok || status_ == CaptureStatus::End) return {};
  std::string text = name_ + " " + describe(status_);
  if (line_number_ > 0) text += " (line " + std::to_string(line_number_) + ")";
  return text;
}

}  // namespace ringside::capture
