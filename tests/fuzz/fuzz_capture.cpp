// Any bytes as a capture file: lines, then one final status; never a crash.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tools/capture/capture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::capture;
  auto reader = CaptureReader::over({reinterpret_cast<const char*>(data), size});
  std::uint64_t lines = 0;
  unsigned sum = 0;
  for (CaptureLine line; reader.next(line); ++lines) {
    if (line.unix_ns < 0) std::abort();
    const char* end = line.payload.data() + line.payload.size() + payload_padding;
    for (const char* at = line.payload.data(); at < end; ++at) sum += static_cast<unsigned>(*at);
    const auto [url, body] = split_http(line.payload);
    if (url.size() + body.size() > line.payload.size()) std::abort();
  }
  if (reader.status() == CaptureStatus::Ok) std::abort();
  if (reader.status() != CaptureStatus::End && reader.message().empty()) std::abort();
  if (reader.status() == CaptureStatus::End && reader.line_number() != lines) std::abort();
  CaptureLine after;
  if (reader.next(after)) std::abort();                      // the end is final
  if (lines == ~std::uint64_t{0} && sum == 1) std::abort();  // keeps the reads of the padding
  return 0;
}
