// HdrHistogram's V2 wire encoding of a histogram, plain and compressed, as HistogramLogProcessor
// and the other HdrHistogram tools read and write it.
//
// Unlike the reference implementation the reader takes bytes from anyone: every length, index and
// count is bounded before use, and what is inflated is bounded by the geometry it announced.
//
// Threads: any; no state. Bounded by: decoded_slots_max.
// Fails by: decode() answers an HdrStatus; encoding throws std::bad_alloc only.
// Source: org.HdrHistogram.AbstractHistogram 2.1.11 (encodeIntoByteBuffer), ZigZagEncoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/histogram.hpp"

namespace ringside::ipc {

// Slots of the largest geometry that decode() accepts: 8 MB of counts.
inline constexpr std::size_t decoded_slots_max = 1U << 20U;

// Levels of zlib: what the reference uses for an encoding, and for a line of a log.
inline constexpr int hdr_level_default = -1;
inline constexpr int hdr_level_log = 9;

std::vector<std::uint8_t> encode_hdr(const HistogramSnapshot& histogram);
std::vector<std::uint8_t> encode_hdr_compressed(const HistogramSnapshot& histogram,
                                                int level = hdr_level_default);

enum class HdrStatus : std::uint8_t {
  Ok = 0,
  Truncated,       // shorter than its header, or than the length in it
  UnknownCookie,   // neither V2 nor V2 compressed
  BadGeometry,     // range and digits that make no histogram, or one above decoded_slots_max
  BadPayload,      // counts that run over the range, over 63 bits, or end in the middle
  BadCompression,  // zlib refuses, or it inflates to more than it announced
};
const char* name_of(HdrStatus status) noexcept;

// Either encoding. `histogram` is set if the answer is Ok.
HdrStatus decode_hdr(std::span<const std::uint8_t> bytes,
                     std::optional<HistogramSnapshot>& histogram);

std::string base64(std::span<const std::uint8_t> bytes);
// Nothing: a character that is none of the alphabet, or a wrong length.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

}  // namespace ringside::ipc
