#include "net/deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "ipc/check.hpp"

namespace ringside::net {

namespace {

constexpr std::string_view extension_name = "permessage-deflate";
constexpr std::array<std::byte, 4> sync_tail{std::byte{0x00}, std::byte{0x00}, std::byte{0xff},
                                             std::byte{0xff}};  // RFC 7692, 7.2.1

constexpr int deflate_level = 1;  // small messages gain little by more
constexpr int deflate_memory = 8;

// zlib's own memory: handed out once, never taken back.
template <std::size_t bytes>
struct Arena {
  alignas(64) std::array<std::byte, bytes> memory;
  std::size_t used = 0;

  static void* allocate(void* arena, unsigned count, unsigned size) noexcept {
    auto& self = *static_cast<Arena*>(arena);
    const std::size_t wanted = (static_cast<std::size_t>(count) * size + 63) / 64 * 64;
    if (wanted > bytes - self.used) return nullptr;
    void* const place = self.memory.data() + self.used;
    self.used += wanted;
    return place;
  }
  static void release(void*, void*) noexcept {}
};

Bytef* zlib_bytes(const std::byte* bytes) noexcept {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes));
}

// zlib wants an address also where there is no room.
void lend(z_stream& stream, std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  static std::byte nothing{};
  stream.next_in = zlib_bytes(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = zlib_bytes(out.empty() ? &nothing : out.data());
  stream.avail_out = static_cast<uInt>(out.size());
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Cuts what stands before `separator` off the front of `rest`, but not within quotes.
std::string_view next_part(std::string_view& rest, char separator) noexcept {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < rest.size(); ++at) {
    if (rest[at] == '"') quoted = !quoted;
    if (rest[at] == separator && !quoted) break;
  }
  const std::string_view part = trimmed(rest.substr(0, at));
  rest.remove_prefix(std::min(rest.size(), at + 1));
  return part;
}

struct Parameter {
  std::string_view name;
  std::string_view value;
  bool has_value = false;
};

Parameter parse_parameter(std::string_view text) noexcept {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {text, {}, false};
  std::string_view value = trimmed(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return {trimmed(text.substr(0, equals)), value, true};
}

// 8..15, without leading zeros; 0: none of them.
std::uint8_t parse_window_bits(std::string_view text) noexcept {
  if (text.size() == 1 && (text[0] == '8' || text[0] == '9')) {
    return static_cast<std::uint8_t>(text[0] - '0');
  }
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') {
    return static_cast<std::uint8_t>(10 + (text[1] - '0'));
  }
  return 0;
}

// One extension's parameters as they were written; bits 0: not mentioned.
struct Written {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  bool client_bits_named = false;  // with or without a value
  std::uint8_t server_bits = 0;
  std::uint8_t client_bits = 0;
};

bool take_flag(const Parameter& parameter, bool& flag) noexcept {
  if (flag || parameter.has_value) return false;  // twice, or with a value it cannot have
  return flag = true;
}

bool take_bits(const Parameter& parameter, std::uint8_t& bits) noexcept {
  if (bits != 0) return false;
  bits = parse_window_bits(parameter.value);
  return bits != 0;
}

bool take(const Parameter& parameter, bool in_offer, Written& out) noexcept {
  const std::string_view name = parameter.name;
  if (name == "server_no_context_takeover") {
    return take_flag(parameter, out.server_no_context_takeover);
  }
  if (name == "client_no_context_takeover") {
    return take_flag(parameter, out.client_no_context_takeover);
  }
  if (name == "server_max_window_bits") return take_bits(parameter, out.server_bits);
  if (name != "client_max_window_bits" || out.client_bits_named) return false;
  out.client_bits_named = true;
  // Only in an offer may it stand alone (RFC 7692, 7.1.2.2).
  return (in_offer && !parameter.has_value) || take_bits(parameter, out.client_bits);
}

// `extension`: "name; parameter; parameter=value". False: another one, or badly written.
bool parse_extension(std::string_view extension, bool in_offer, Written& out) noexcept {
  if (!equal_ignoring_case(next_part(extension, ';'), extension_name)) return false;
  while (!extension.empty()) {
    if (!take(parse_parameter(next_part(extension, ';')), in_offer, out)) return false;
  }
  return true;
}

void append_flag(std::string& text, bool flag, const char* name) {
  if (flag) text.append("; ").append(name);
}

void append_bits(std::string& text, std::uint8_t bits, const char* name) {
  if (bits != 0) text.append("; ").append(name).append("=").append(std::to_string(bits));
}

}  // namespace

std::string deflate_offer(const DeflateOptions& options) {
  std::string text(extension_name);
  append_flag(text, options.server_no_context_takeover, "server_no_context_takeover");
  append_flag(text, options.client_no_context_takeover, "client_no_context_takeover");
  append_bits(text, options.server_max_window_bits, "server_max_window_bits");
  const bool bare = options.client_max_window_bits == window_bits_max;
  append_flag(text, bare, "client_max_window_bits");
  if (!bare) append_bits(text, options.client_max_window_bits, "client_max_window_bits");
  return text;
}

DeflateAnswer read_deflate_answer(const HeaderList& headers, const DeflateOptions& offered,
                                  DeflateAgreement& agreement) noexcept {
  std::string_view answer;
  std::size_t count = 0;
  for (std::size_t i = 0; i < headers.count; ++i) {
    if (!equal_ignoring_case(headers.entries[i].name, extensions_header)) continue;
    answer = headers.entries[i].value;
    ++count;
  }
  if (count == 0) return DeflateAnswer::None;
  // One extension was offered, so one may be there.
  Written written;
  if (count > 1 || !offered.enabled) return DeflateAnswer::Invalid;
  const std::string_view extension = next_part(answer, ',');
  if (!answer.empty() || !parse_extension(extension, false, written)) return DeflateAnswer::Invalid;
  const std::uint8_t asked = offered.server_max_window_bits;
  if (offered.server_no_context_takeover && !written.server_no_context_takeover) {
    return DeflateAnswer::Invalid;
  }
  if (asked != 0 && (written.server_bits == 0 || written.server_bits > asked)) {
    return DeflateAnswer::Invalid;
  }
  if (written.client_bits > offered.client_max_window_bits) return DeflateAnswer::Invalid;
  agreement.server_no_context_takeover = written.server_no_context_takeover;
  // What we have promised holds, whether or not the server says it again (RFC 7692, 7.1.1.2).
  agreement.client_no_context_takeover =
      written.client_no_context_takeover || offered.client_no_context_takeover;
  agreement.server_max_window_bits =
      written.server_bits == 0 ? window_bits_max : written.server_bits;
  const std::uint8_t own =
      offered.client_max_window_bits == 0 ? window_bits_max : offered.client_max_window_bits;
  agreement.client_max_window_bits = written.client_bits == 0 ? own : written.client_bits;
  return DeflateAnswer::Agreed;
}

std::optional<DeflateAgreement> choose_deflate_offer(const HeaderList& headers,
                                                     const DeflateOptions& options) noexcept {
  if (!options.enabled) return std::nullopt;
  for (std::size_t i = 0; i < headers.count; ++i) {
    if (!equal_ignoring_case(headers.entries[i].name, extensions_header)) continue;
    std::string_view rest = headers.entries[i].value;
    while (!rest.empty()) {
      Written offer;
      if (!parse_extension(next_part(rest, ','), true, offer)) continue;
      DeflateAgreement agreement;
      agreement.server_no_context_takeover =
          offer.server_no_context_takeover || options.server_no_context_takeover;
      agreement.client_no_context_takeover =
          offer.client_no_context_takeover || options.client_no_context_takeover;
      const std::uint8_t own =
          options.server_max_window_bits == 0 ? window_bits_max : options.server_max_window_bits;
      agreement.server_max_window_bits =
          offer.server_bits == 0 ? own : std::min(own, offer.server_bits);
      // Of a client that does not mention its window nothing can be asked.
      const std::uint8_t most =
          options.client_max_window_bits == 0 ? window_bits_max : options.client_max_window_bits;
      const std::uint8_t theirs = offer.client_bits == 0 ? window_bits_max : offer.client_bits;
      agreement.client_max_window_bits =
          offer.client_bits_named ? std::min(most, theirs) : window_bits_max;
      return agreement;
    }
  }
  return std::nullopt;
}

std::string deflate_answer(const DeflateAgreement& agreement) {
  const auto unless_all = [](std::uint8_t bits) {
    return bits == window_bits_max ? std::uint8_t{0} : bits;
  };
  std::string text(extension_name);
  append_flag(text, agreement.server_no_context_takeover, "server_no_context_takeover");
  append_flag(text, agreement.client_no_context_takeover, "client_no_context_takeover");
  append_bits(text, unless_all(agreement.server_max_window_bits), "server_max_window_bits");
  append_bits(text, unless_all(agreement.client_max_window_bits), "client_max_window_bits");
  return text;
}

// --- Inflater ---

struct Inflater::State {
  Arena<48 * 1024> arena;
  z_stream stream{};
  bool no_context_takeover = false;
  bool at_start = true;  // of a message
  bool ended = false;    // a last block has ended, and nothing came behind it
};

// A window of 15 bits reads what was written with any smaller one.
Inflater::Inflater() : state_(std::make_unique<State>()) {
  state_->stream.zalloc = Arena<48 * 1024>::allocate;
  state_->stream.zfree = Arena<48 * 1024>::release;
  state_->stream.opaque = &state_->arena;
  RINGSIDE_CHECK(inflateInit2(&state_->stream, -int{window_bits_max}) == Z_OK);
}

Inflater::~Inflater() { (void)inflateEnd(&state_->stream); }

void Inflater::begin(bool no_context_takeover) noexcept {
  (void)inflateReset(&state_->stream);
  state_->no_context_takeover = no_context_takeover;
  state_->at_start = true;
  state_->ended = false;
}

Inflater::Step Inflater::take(std::span<const std::byte> piece, std::span<std::byte> out) noexcept {
  if (state_->at_start && state_->no_context_takeover) (void)inflateReset(&state_->stream);
  state_->at_start = false;
  return run(piece, out);
}

Inflater::Step Inflater::finish(std::span<std::byte> out) noexcept {
  // A message may end in a last block (RFC 7692, 7.2.3.4); then nothing was held back.
  Step step{Result::Ok, 0};
  if (!state_->ended) step = run(sync_tail, out);
  constexpr int unused_bits = 0x1f;
  constexpr int between_blocks = 0x80;
  const int where = state_->stream.data_type;
  if (step.result == Result::Ok && !state_->ended &&
      ((where & between_blocks) == 0 || (where & unused_bits) != 0)) {
    step.result = Result::Invalid;
  }
  state_->at_start = true;
  state_->ended = false;
  return step;
}

Inflater::Step Inflater::run(std::span<const std::byte> piece, std::span<std::byte> out) noexcept {
  z_stream& stream = state_->stream;
  lend(stream, piece, out);
  Result result = Result::Ok;
  while (stream.avail_in > 0) {
    state_->ended = false;
    const uInt in_before = stream.avail_in;
    const uInt out_before = stream.avail_out;
    const int status = inflate(&stream, Z_SYNC_FLUSH);
    if (status == Z_STREAM_END) {
      // Another block may follow; it may refer to what came before.
      (void)inflateResetKeep(&stream);
      state_->ended = true;
      continue;
    }
    if (status != Z_OK && status != Z_BUF_ERROR) {
      result = Result::Invalid;
      break;
    }
    if (stream.avail_in > 0 && stream.avail_out == 0) {
      result = Result::OutputFull;
      break;
    }
    if (stream.avail_in == in_before && stream.avail_out == out_before) {
      result = Result::Invalid;
      break;
    }
  }
  return {result, out.size() - stream.avail_out};
}

// --- Gunzip ---

struct Gunzip::State {
  Arena<48 * 1024> arena;
  z_stream stream{};
  bool ended = false;
};

Gunzip::Gunzip() : state_(std::make_unique<State>()) {
  constexpr int gzip_only = 16;
  state_->stream.zalloc = Arena<48 * 1024>::allocate;
  state_->stream.zfree = Arena<48 * 1024>::release;
  state_->stream.opaque = &state_->arena;
  RINGSIDE_CHECK(inflateInit2(&state_->stream, window_bits_max + gzip_only) == Z_OK);
}

Gunzip::~Gunzip() { (void)inflateEnd(&state_->stream); }

void Gunzip::begin() noexcept {
  (void)inflateReset(&state_->stream);
  state_->ended = false;
}

bool Gunzip::ended() const noexcept { return state_->ended; }

Inflater::Step Gunzip::take(std::span<const std::byte> piece, std::span<std::byte> out) noexcept {
  if (piece.empty()) return {Inflater::Result::Ok, 0};
  if (state_->ended) return {Inflater::Result::Invalid, 0};
  z_stream& stream = state_->stream;
  lend(stream, piece, out);
  const int status = inflate(&stream, Z_SYNC_FLUSH);
  const std::size_t bytes = out.size() - stream.avail_out;
  state_->ended = status == Z_STREAM_END;
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
    return {Inflater::Result::Invalid, bytes};
  }
  if (state_->ended) {
    return {stream.avail_in == 0 ? Inflater::Result::Ok : Inflater::Result::Invalid, bytes};
  }
  // Full to the brim may also be just enough: then the trailer, which needs no room, says so.
  const bool full = stream.avail_in > 0 && stream.avail_out == 0;
  return {full ? Inflater::Result::OutputFull : Inflater::Result::Ok, bytes};
}

// --- Deflater ---

struct Deflater::State {
  Arena<320 * 1024> arena;
  z_stream stream{};
  bool made = false;
  bool no_context_takeover = false;
};

Deflater::Deflater() : state_(std::make_unique<State>()) {}

Deflater::~Deflater() {
  if (state_->made) (void)deflateEnd(&state_->stream);
}

bool Deflater::begin(std::uint8_t window_bits, bool no_context_takeover) noexcept {
  if (state_->made) (void)deflateEnd(&state_->stream);
  state_->made = false;
  if (window_bits <= window_bits_min) return false;  // zlib makes raw streams from 9 bits up
  state_->arena.used = 0;
  state_->stream = {};
  state_->stream.zalloc = Arena<320 * 1024>::allocate;
  state_->stream.zfree = Arena<320 * 1024>::release;
  state_->stream.opaque = &state_->arena;
  RINGSIDE_CHECK(deflateInit2(&state_->stream, deflate_level, Z_DEFLATED, -int{window_bits},
                              deflate_memory, Z_DEFAULT_STRATEGY) == Z_OK);
  state_->made = true;
  state_->no_context_takeover = no_context_takeover;
  return true;
}

// zlib's own bound for stored blocks of the smallest window, and a flush.
std::size_t Deflater::bound(std::size_t bytes) noexcept { return bytes + bytes / 8 + 64; }

std::span<const std::byte> Deflater::pack(std::span<const std::byte> message,
                                          std::span<std::byte> out) noexcept {
  z_stream& stream = state_->stream;
  RINGSIDE_DCHECK(state_->made && out.size() >= bound(message.size()));
  if (state_->no_context_takeover) (void)deflateReset(&stream);
  lend(stream, message, out);
  const int status = deflate(&stream, Z_SYNC_FLUSH);
  std::size_t bytes = out.size() - stream.avail_out;
  // An empty message right behind a flush: zlib has nothing to say; one empty block, 7.2.3.6.
  if (status == Z_BUF_ERROR && bytes == 0) {
    out[0] = std::byte{0x00};
    return out.first(1);
  }
  RINGSIDE_CHECK(status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0);
  RINGSIDE_CHECK(bytes >= sync_tail.size());
  bytes -= sync_tail.size();
  return out.first(bytes);
}

}  // namespace ringside::net
