// A recorded feed, line by line: <unix_ns> TAB <connection> TAB <kind> TAB <payload>, in time
// order, compressed by gzip (several members in a row are one stream) or as plain text. Unlike a
// file of frames it also holds what the client opened, sent and asked for by HTTP.
//
// Threads: one reader, one thread.
// Bounded by: line_bytes_max for one line, read_bytes for the compressed side.
// Fails by: next() returning false with a status other than End; the first failure is final. Safe
// on any bytes. Never throws but for std::bad_alloc.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::capture {

enum class CaptureKind : std::uint8_t {
  Open,  // payload: the URL
  Sent,  // payload: a text frame of the client
  Recv,  // payload: a text frame of the venue
  Http,  // payload: URL, one space, the body of the response
};

struct CaptureLine {
  std::int64_t unix_ns = 0;      // 0 or later
  std::uint32_t connection = 0;  // 0: HTTP; else 1, 2, ... in order of opening
  CaptureKind kind = CaptureKind::Recv;
  // Valid until the next call; at least payload_padding readable bytes lie behind its end.
  std::string_view payload;
};

struct HttpPayload {
  std::string_view url;
  std::string_view body;
};
// Of an Http line. Without a space all of it is the URL.
[[nodiscard]] HttpPayload split_http(std::string_view payload) noexcept;

enum class CaptureStatus : std::uint8_t {
  Ok = 0,
  End,            // the whole capture has been read
  CannotOpen,     // no such file, or no permission
  ReadFailed,     // the disk's own error
  NotACapture,    // neither gzip nor a line that begins with a digit
  Truncated,      // gzip ends in mid-stream
  Corrupt,        // gzip's own checks failed
  LineTooLong,    // more than line_bytes_max without a newline
  FieldMissing,   // fewer than four fields
  BadTime,        // not a decimal number of nanoseconds
  BadConnection,  // not a number below 2^32
  BadKind,        // not one of open, sent, recv, http
};

inline constexpr std::size_t payload_padding = 64;
inline constexpr std::size_t line_bytes_max = std::size_t{64} << 20;
inline constexpr std::size_t read_bytes = std::size_t{64} << 10;

// Where a capture is: a file, or the bytes of one that somebody has read already.
struct CaptureInput {
  CaptureInput(std::string file) : path(std::move(file)) {}  // NOLINT: a path is one
  CaptureInput(const char* file) : path(file) {}             // NOLINT: a path is one
  CaptureInput(std::string file, std::string_view all) : path(std::move(file)), bytes(all) {}

  std::string path;
  std::string_view bytes;  // outlive who reads them; empty: the file is read
};

class CaptureReader {
 public:
  explicit CaptureReader(const CaptureInput& input);
  // Over bytes that outlive the reader.
  static CaptureReader over(std::string_view bytes);
  ~CaptureReader();
  CaptureReader(CaptureReader&&) noexcept;
  CaptureReader& operator=(CaptureReader&&) = delete;

  // False: no more lines; status() says why.
  [[nodiscard]] bool next(CaptureLine& line);

  [[nodiscard]] CaptureStatus status() const noexcept { return status_; }
  // For a person: what is wrong, and where. Empty at Ok and End.
  [[nodiscard]] std::string message() const;
  // Of the line last handed out, from 1.
  [[nodiscard]] std::uint64_t line_number() const noexcept { return line_number_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  CaptureReader(std::string name, std::FILE* file);
  void begin();
  bool find_line(std::string_view& text);
  bool make_room();
  void fill();
  void fill_compressed();
  std::size_t read_file(unsigned char* out, std::size_t bytes);
  bool fail(CaptureStatus status) noexcept;
  CaptureStatus split(std::string_view text, CaptureLine& line) const noexcept;

  std::string name_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::vector<unsigned char> compressed_;
  std::unique_ptr<z_stream> inflater_;  // null for plain text
  bool between_members_ = false;
  bool source_ended_ = false;  // everything has been decompressed into text_

  // text_[0, taken_) is used up, [taken_, scanned_) holds no newline, [scanned_, filled_) is
  // unseen. Invariant: taken_ <= scanned_ <= filled_ <= text_.size() - payload_padding.
  std::vector<char> text_;
  std::size_t taken_ = 0;
  std::size_t scanned_ = 0;
  std::size_t filled_ = 0;

  std::uint64_t line_number_ = 0;
  CaptureStatus status_ = CaptureStatus::Ok;
};

}  // namespace ringside::capture
