// A stream of frames from outside where compression is agreed: in one piece and cut as the input's
// first bytes say it must mean the same, never more than the limits allow, and what our own end
// compresses must come back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "net/websocket_message.hpp"

namespace {

using namespace ringside::net;

constexpr MessageLimits limits{.frame_bytes_max = 4096,
                               .message_bytes_max = 20'000,
                               .fragments_max = 8,
                               .validate_utf8 = true,
                               .inflated_bytes_free = 1000,
                               .inflated_ratio_max = 20};
constexpr std::size_t storage_bytes = 18'000;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Messages {
  std::vector<std::string> payloads;
  bool closed = false;

  bool on_message(Opcode opcode, std::span<std::byte> payload) noexcept {
    require(payload.size() <= storage_bytes);
    return keep(opcode, payload);
  }
  bool on_control(Opcode opcode, std::span<std::byte> payload) noexcept {
    closed = opcode == Opcode::Close;
    return keep(opcode, payload) && !closed;
  }
  bool keep(Opcode opcode, std::span<std::byte> payload) noexcept {
    std::string text(1, static_cast<char>(opcode));
    text.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    payloads.push_back(text);
    return true;
  }
};

struct Outcome {
  std::vector<std::string> payloads;
  FrameError error;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

template <Role role>
Outcome read(std::span<const std::uint8_t> stream, std::span<const std::uint8_t> cuts,
             bool no_takeover) {
  std::vector<std::byte> storage(storage_bytes);
  MessageReader<role> reader(limits, storage);
  Inflater inflater;
  inflater.begin(no_takeover);
  reader.set_inflater(&inflater);
  Messages sink;
  std::vector<std::byte> pending;
  std::size_t cut = 0;
  while (!stream.empty() && !sink.closed && reader.error() == FrameError::None) {
    const std::size_t wish = cuts.empty() ? stream.size() : 1u + cuts[cut++ % cuts.size()];
    const auto piece = std::as_bytes(stream.first(std::min(wish, stream.size())));
    pending.insert(pending.end(), piece.begin(), piece.end());
    stream = stream.subspan(piece.size());
    const std::size_t taken = reader.read(pending, sink);
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  return {sink.payloads, reader.error()};
}

void comes_back(std::span<const std::uint8_t> message, std::uint8_t bits, bool no_takeover) {
  Deflater deflater;
  Inflater inflater;
  if (!deflater.begin(bits, no_takeover)) return;
  inflater.begin(no_takeover);
  std::vector<std::byte> packed(Deflater::bound(message.size()));
  std::vector<std::byte> out(message.size() + 1);
  for (int round = 0; round < 2; ++round) {
    const auto payload = deflater.pack(std::as_bytes(message), packed);
    const auto first = inflater.take(payload, out);
    require(first.result == Inflater::Result::Ok);
    const auto last = inflater.finish(std::span(out).subspan(first.bytes));
    require(last.result == Inflater::Result::Ok && first.bytes + last.bytes == message.size());
    require(std::ranges::equal(std::span(out).first(message.size()), std::as_bytes(message)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool no_takeover = (data[0] & 0x80) != 0;
  const std::size_t cut_count = std::min<std::size_t>(1 + data[0] % 8, size - 1);
  const std::span all(data, size);
  const auto cuts = all.subspan(1, cut_count);
  const auto stream = all.subspan(1 + cut_count);
  require(read<Role::Client>(stream, {}, no_takeover) ==
          read<Role::Client>(stream, cuts, no_takeover));
  require(read<Role::Server>(stream, {}, no_takeover) ==
          read<Role::Server>(stream, cuts, no_takeover));
  comes_back(stream, static_cast<std::uint8_t>(8 + data[0] % 8), no_takeover);
  return 0;
}
