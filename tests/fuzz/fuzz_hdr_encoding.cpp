// Any bytes as an encoded histogram: refused, or a histogram that encodes and decodes to itself.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>

#include "ipc/hdr_encoding.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::ipc;
  std::optional<HistogramSnapshot> decoded;
  const auto status = decode_hdr({data, size}, decoded);
  if ((status == HdrStatus::Ok) != decoded.has_value()) std::abort();
  if (!decoded) return 0;
  if (decoded->percentile(99.0) > decoded->max()) std::abort();
  std::optional<HistogramSnapshot> again;
  if (decode_hdr(encode_hdr(*decoded), again) != HdrStatus::Ok) std::abort();
  if (!(again->geometry() == decoded->geometry())) std::abort();
  if (!std::ranges::equal(again->slots(), decoded->slots())) std::abort();
  return 0;
}
