#include "ipc/hdr_encoding.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>

#include "ipc/check.hpp"

namespace ringside::ipc {
namespace {

constexpr std::uint32_t cookie_plain = 0x1c84'9303U | 0x10U;
constexpr std::uint32_t cookie_compressed = 0x1c84'9304U | 0x10U;
constexpr std::size_t header_length = 40;
constexpr std::size_t compressed_header_length = 8;
constexpr unsigned number_bytes_max = 9;

template <typename Number>
void append(std::vector<std::uint8_t>& bytes, Number number) {
  for (unsigned i = sizeof number; i-- > 0;) {
    bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
  }
}

template <typename Number>
Number big_endian(std::span<const std::uint8_t> bytes, std::size_t offset) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) {
    number = static_cast<Number>((number << 8) | bytes[offset + i]);
  }
  return number;
}

// 7 bits a byte, lowest first, the top bit says that more follows; the 9th byte carries 8 bits.
void append_zigzag(std::vector<std::uint8_t>& bytes, std::int64_t number) {
  auto rest = (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
  for (unsigned i = 1; i < number_bytes_max; ++i) {
    if (rest < 0x80) {
      bytes.push_back(static_cast<std::uint8_t>(rest));
      return;
    }
    bytes.push_back(static_cast<std::uint8_t>((rest & 0x7f) | 0x80));
    rest >>= 7;
  }
  bytes.push_back(static_cast<std::uint8_t>(rest));
}

// Nothing: the bytes end in the middle of it. `bytes` moves behind the number.
std::optional<std::int64_t> take_zigzag(std::span<const std::uint8_t>& bytes) {
  std::uint64_t number = 0;
  for (unsigned i = 0; i < number_bytes_max; ++i) {
    if (i >= bytes.size()) return std::nullopt;
    const std::uint64_t byte = bytes[i];
    const bool last = i + 1 == number_bytes_max;
    number |= (last ? byte : byte & 0x7f) << (7 * i);
    if (!last && (byte & 0x80) != 0) continue;
    bytes = bytes.subspan(i + 1);
    break;
  }
  return static_cast<std::int64_t>((number >> 1) ^ (0 - (number & 1)));
}

// Counts from index 0 to the last one in use; n > 1 zeros in a row are the one number -n.
void append_counts(std::vector<std::uint8_t>& bytes, std::span<const std::uint64_t> counts) {
  std::size_t end = counts.size();
  while (end > 0 && counts[end - 1] == 0) --end;
  end = std::max<std::size_t>(end, 1);
  for (std::size_t i = 0; i < end;) {
    std::size_t zeros = 0;
    while (i + zeros < end && counts[i + zeros] == 0) ++zeros;
    if (zeros > 1) {
      append_zigzag(bytes, -static_cast<std::int64_t>(zeros));
      i += zeros;
      continue;
    }
    const auto limit = static_cast<std::uint64_t>(INT64_MAX);
    append_zigzag(bytes, static_cast<std::int64_t>(std::min(counts[i], limit)));
    ++i;
  }
}

bool take_counts(std::span<const std::uint8_t> bytes, std::span<std::uint64_t> counts) {
  std::size_t index = 0;
  while (!bytes.empty()) {
    const auto number = take_zigzag(bytes);
    if (!number) return false;
    if (*number < 0) {
      const auto zeros = 0 - static_cast<std::uint64_t>(*number);
      if (zeros > counts.size() - index) return false;
      index += zeros;
      continue;
    }
    if (index >= counts.size()) return false;
    counts[index++] = static_cast<std::uint64_t>(*number);
  }
  return true;
}

HdrStatus decode_plain(std::span<const std::uint8_t> bytes,
                       std::optional<HistogramSnapshot>& histogram) {
  if (bytes.size() < header_length) return HdrStatus::Truncated;
  if (big_endian<std::uint32_t>(bytes, 0) != cookie_plain) return HdrStatus::UnknownCookie;
  // Offset 8, the normalizing index offset, and 32, the ratio, mean nothing here: the JavaScript
  // writer puts odd values there.
  const auto length = big_endian<std::uint32_t>(bytes, 4);
  const auto digits = big_endian<std::uint32_t>(bytes, 12);
  const auto lowest = big_endian<std::uint64_t>(bytes, 16);
  const auto highest = big_endian<std::uint64_t>(bytes, 24);
  if (length > bytes.size() - header_length) return HdrStatus::Truncated;
  const auto geometry = HistogramGeometry::of(lowest, highest, digits);
  if (!geometry || geometry->slots() > decoded_slots_max) return HdrStatus::BadGeometry;
  HistogramSnapshot decoded(*geometry);
  if (!take_counts(bytes.subspan(header_length, length), decoded.slots())) {
    return HdrStatus::BadPayload;
  }
  histogram = std::move(decoded);
  return HdrStatus::Ok;
}

// Fills `out` from the stream; returns how many bytes came, nothing where zlib refuses.
std::optional<std::size_t> inflate_into(z_stream& stream, std::span<std::uint8_t> out) {
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  while (stream.avail_out > 0) {
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    if (result == Z_STREAM_END) break;
    if (result != Z_OK) return std::nullopt;
  }
  return out.size() - stream.avail_out;
}

// The header first: it says how much may follow.
std::optional<std::vector<std::uint8_t>> inflated(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  if (::inflateInit(&stream) != Z_OK) return std::nullopt;
  std::optional<std::vector<std::uint8_t>> result;
  std::vector<std::uint8_t> plain(header_length);
  const auto head = inflate_into(stream, plain);
  if (head && *head == header_length) {
    constexpr std::size_t payload_max = decoded_slots_max * number_bytes_max;
    const auto announced = std::min<std::size_t>(big_endian<std::uint32_t>(plain, 4), payload_max);
    plain.resize(header_length + announced);
    const auto body = inflate_into(stream, std::span(plain).subspan(header_length));
    if (body) {
      plain.resize(header_length + *body);
      result = std::move(plain);
    }
  }
  ::inflateEnd(&stream);
  return result;
}

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

const char* name_of(HdrStatus status) noexcept {
  constexpr const char* names[] = {"ok",           "truncated",   "unknown_cookie",
                                   "bad_geometry", "bad_payload", "bad_compression"};
  const auto index = static_cast<unsigned>(status);
  return index < 6 ? names[index] : "unknown";
}

std::vector<std::uint8_t> encode_hdr(const HistogramSnapshot& histogram) {
  std::vector<std::uint8_t> payload;
  append_counts(payload, histogram.slots());
  const auto& geometry = histogram.geometry();
  std::vector<std::uint8_t> bytes;
  bytes.reserve(header_length + payload.size());
  append(bytes, cookie_plain);
  append(bytes, static_cast<std::uint32_t>(payload.size()));
  append(bytes, std::uint32_t{0});  // normalizing index offset
  append(bytes, std::uint32_t{geometry.digits()});
  append(bytes, geometry.lowest());
  append(bytes, geometry.highest());
  append(bytes, std::bit_cast<std::uint64_t>(1.0));  // integer to double ratio
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

std::vector<std::uint8_t> encode_hdr_compressed(const HistogramSnapshot& histogram, int level) {
  const auto plain = encode_hdr(histogram);
  auto length = ::compressBound(static_cast<uLong>(plain.size()));
  std::vector<std::uint8_t> compressed(length);
  const int result = ::compress2(compressed.data(), &length, plain.data(),
                                 static_cast<uLong>(plain.size()), level);
  RINGSIDE_CHECK(result == Z_OK);  // compressBound() bytes always suffice
  std::vector<std::uint8_t> bytes;
  bytes.reserve(compressed_header_length + length);
  append(bytes, cookie_compressed);
  append(bytes, static_cast<std::uint32_t>(length));
  bytes.insert(bytes.end(), compressed.begin(),
               compressed.begin() + static_cast<std::ptrdiff_t>(length));
  return bytes;
}

HdrStatus decode_hdr(std::span<const std::uint8_t> bytes,
                     std::optional<HistogramSnapshot>& histogram) {
  if (bytes.size() < compressed_header_length) return HdrStatus::Truncated;
  if (big_endian<std::uint32_t>(bytes, 0) != cookie_compressed) {
    return decode_plain(bytes, histogram);
  }
  const auto length = big_endian<std::uint32_t>(bytes, 4);
  if (length > bytes.size() - compressed_header_length) return HdrStatus::Truncated;
  const auto plain = inflated(bytes.subspan(compressed_header_length, length));
  return plain ? decode_plain(*plain, histogram) : HdrStatus::BadCompression;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < left; ++j) group |= std::uint32_t{bytes[i + j]} << (16 - 8 * j);
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= left ? alphabet[(group >> (18 - 6 * j)) & 0x3f] : '=';
    }
  }
  return text;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last_group = i + 4 == text.size();
    std::size_t padding = 0;
    if (last_group && text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const auto digit = j >= 4 - padding ? 0 : alphabet.find(text[i + j]);
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t j = 0; j < 3 - padding; ++j) {
      bytes.push_back(static_cast<std::uint8_t>(group >> (16 - 8 * j)));
    }
  }
  return bytes;
}

}  // namespace ringside::ipc
