// Limits and compression: up to 16 MiB, and every parameter of permessage-deflate.
#include <zlib.h>

#include <array>
#include <cstdint>
#include <random>
#include <stdexcept>

#include "cases.hpp"

namespace ringside::conformance {

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * 1024;
constexpr int messages_a_case = 10;

std::string named(const char* what, unsigned opcode, std::size_t bytes) {
  return std::string(what) + (opcode == op_text ? " text " : " binary ") + std::to_string(bytes);
}

std::string fragments(unsigned opcode, const std::string& payload, std::size_t bytes,
                      unsigned reserved = 0) {
  std::string out;
  for (std::size_t at = 0; at < payload.size() || at == 0; at += bytes) {
    out += frame(at == 0 ? opcode : op_continuation, payload.substr(at, bytes),
                 at + bytes >= payload.size(), at == 0 ? reserved : 0);
  }
  return out;
}

}  // namespace

std::vector<Script> limit_cases() {
  std::vector<Script> out;
  for (const unsigned opcode : {op_text, op_binary}) {
    const char filler = opcode == op_text ? '*' : '\xfe';
    for (const std::size_t bytes : {64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib}) {
      const std::string payload(bytes, filler);
      out.push_back(passing(named("one frame,", opcode, bytes), {{frame(opcode, payload)}},
                            {{true, 0, opcode, payload}}));
    }
    const std::string four(4 * mib, filler);
    for (const std::size_t bytes : {std::size_t{64}, std::size_t{256}, kib, 4 * kib, 16 * kib,
                                    64 * kib, 256 * kib, mib, 4 * mib}) {
      out.push_back(passing(named("4 MiB in fragments,", opcode, bytes),
                            {{fragments(opcode, four, bytes)}}, {{true, 0, opcode, four}}));
    }
    const std::string one(mib, filler);
    for (const std::size_t bytes : {64U, 128U, 256U, 512U, 1024U, 2048U}) {
      out.push_back(passing(named("1 MiB in writes,", opcode, bytes), {{frame(opcode, one), bytes}},
                            {{true, 0, opcode, one}}));
    }
    for (const std::size_t bytes : {0U, 16U, 64U, 256U, 1024U, 4096U}) {
      Script script;
      script.name = named("a thousand there and back,", opcode, bytes);
      const std::string payload(bytes, filler);
      for (std::size_t i = 0; i < 1000; ++i) {
        script.steps.push_back({frame(opcode, payload), 0, i});
        script.wanted.push_back({true, 0, opcode, payload});
      }
      out.push_back(std::move(script));
    }
  }
  return out;
}

namespace {

// zlib's raw deflate as RFC 7692, 7.2.1 has it.
class Compressor {
 public:
  Compressor(int window_bits, bool no_takeover) : no_takeover_(no_takeover) {
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -window_bits, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("deflateInit2");
    }
  }
  ~Compressor() { (void)deflateEnd(&stream_); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  std::string pack(const std::string& message) {
    if (no_takeover_) (void)deflateReset(&stream_);
    std::string out(deflateBound(&stream_, message.size()) + 64, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(message.data()));
    stream_.avail_in = static_cast<uInt>(message.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream_, Z_SYNC_FLUSH) != Z_OK) throw std::runtime_error("deflate");
    return out.substr(0, out.size() - stream_.avail_out - 4);
  }

 private:
  z_stream stream_{};
  bool no_takeover_;
};

// What feeds and files look like, from a fixed seed.
enum class Kind { Ticks, Prose, Noise, Zeros, Letters };
constexpr std::array kinds{Kind::Ticks, Kind::Prose, Kind::Noise, Kind::Zeros, Kind::Letters};

std::string payload_of(Kind kind, std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  static constexpr const char* words[] = {"price ", "book ", "of ", "the ",   "level ", "ask ",
                                          "and ",   "bid ",  "a ",  "trade ", "at ",    "venue "};
  std::string out;
  while (out.size() < bytes) {
    switch (kind) {
      case Kind::Ticks:
        out += "{\"e\":\"trade\",\"s\":\"BTCUSDT\",\"p\":\"" +
               std::to_string(60'000 + random() % 999) + "." + std::to_string(random() % 100) +
               "\",\"q\":\"" + std::to_string(random() % 9) + "\"}";
        break;
      case Kind::Prose:
        out += words[random() % std::size(words)];
        break;
      case Kind::Noise:
        out += static_cast<char>(random());
        break;
      case Kind::Zeros:
        out.append(100, '\0');
        break;
      case Kind::Letters:
        out += static_cast<char>('a' + random() % 4);
        break;
    }
  }
  out.resize(bytes);
  return out;
}

struct Terms {
  const char* extensions;
  int window_bits = 15;
  bool no_takeover = false;
};

// Ten different messages, in fragments of so many compressed bytes; 0: whole.
Script compressed_case(const Terms& terms, Kind kind, std::size_t bytes, std::size_t fragment) {
  Script script;
  const unsigned opcode = kind == Kind::Noise ? op_binary : op_text;
  script.name = std::string(terms.extensions) + ", kind " + std::to_string(static_cast<int>(kind)) +
                ", " + std::to_string(bytes) + " bytes, fragments of " + std::to_string(fragment);
  script.extensions = terms.extensions;
  Compressor compressor(terms.window_bits, terms.no_takeover);
  std::string sent;
  for (int i = 0; i < messages_a_case; ++i) {
    const std::string payload = payload_of(kind, bytes, bytes * 10 + static_cast<std::size_t>(i));
    const std::string packed = compressor.pack(payload);
    sent += fragments(opcode, packed, fragment == 0 ? packed.size() + 1 : fragment, 4);
    script.wanted.push_back({true, 0, opcode, payload});
  }
  script.steps.push_back({sent});
  return script;
}

// Ten sizes whole, and eight in fragments.
void add_sizes(std::vector<Script>& out, const Terms& terms, Kind kind) {
  for (const std::size_t bytes :
       {16U, 64U, 256U, 1024U, 4096U, 8192U, 16384U, 32768U, 65536U, 131072U}) {
    out.push_back(compressed_case(terms, kind, bytes, 0));
  }
  for (const std::size_t bytes : {8192U, 16384U, 32768U, 131072U}) {
    out.push_back(compressed_case(terms, kind, bytes, 256));
    out.push_back(compressed_case(terms, kind, bytes, 32768));
  }
}

}  // namespace

std::vector<Script> deflate_cases() {
  std::vector<Script> out;
  for (const Kind kind : kinds) add_sizes(out, {"permessage-deflate"}, kind);
  return out;
}

std::vector<Script> deflate_parameter_cases() {
  static constexpr Terms terms[] = {
      {"permessage-deflate; server_no_context_takeover", 15, true},
      {"permessage-deflate; server_max_window_bits=9", 9},
      {"permessage-deflate; server_max_window_bits=15", 15},
      {"permessage-deflate; server_no_context_takeover; server_max_window_bits=9", 9, true},
      {"permessage-deflate; client_no_context_takeover; client_max_window_bits=9"},
      {"permessage-deflate; client_max_window_bits=8"},
      {"permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
       "server_max_window_bits=12; client_max_window_bits=12",
       12, true},
  };
  std::vector<Script> out;
  for (const Terms& each : terms) add_sizes(out, each, Kind::Ticks);
  return out;
}

}  // namespace ringside::conformance
