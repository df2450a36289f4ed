// A stream of frames from outside, read three times: in one piece, cut as the input's first bytes
// say, and slowly by another reader. All must mean the same, in both roles.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "net/websocket_message.hpp"
#include "tests/fuzz/websocket_reference.hpp"

namespace {

using namespace ringside::net;

// Payloads are summed up, not kept: equal sums of equal lengths are proof enough here.
struct Summary {
  std::vector<std::uint64_t> events;
  bool closed = false;

  bool on_message(Opcode opcode, std::span<std::byte> payload) noexcept {
    return add(opcode, payload);
  }
  bool on_control(Opcode opcode, std::span<std::byte> payload) noexcept {
    if (payload.size() > control_bytes_max) std::abort();
    closed = opcode == Opcode::Close;
    return add(opcode, payload) && !closed;
  }
  bool add(Opcode opcode, std::span<std::byte> payload) noexcept {
    std::uint64_t hash = 1469598103934665603u + static_cast<std::uint64_t>(opcode);
    for (const std::byte byte : payload) {
      hash = (hash ^ static_cast<std::uint64_t>(byte)) * 1099511628211u;
    }
    events.push_back(hash);
    return true;
  }
};

constexpr MessageLimits limits{
    .frame_bytes_max = 4096, .message_bytes_max = 5000, .fragments_max = 8, .validate_utf8 = true};
constexpr std::size_t storage_bytes = 4500;

template <Role role>
void read_both_ways(std::span<const std::uint8_t> cuts, std::span<const std::uint8_t> stream) {
  const auto bytes = std::as_bytes(stream);
  std::vector<std::byte> whole(bytes.begin(), bytes.end());
  std::vector<std::byte> storage(storage_bytes);
  MessageReader<role> reader(limits, storage);
  Summary expected;
  const std::size_t used = reader.read(whole, expected);
  if (used > whole.size()) std::abort();
  // What it did not use up is the beginning of a frame, so reading it again finds nothing new.
  if (reader.error() == FrameError::None && !expected.closed) {
    const std::size_t events = expected.events.size();
    if (reader.read(std::span(whole).subspan(used), expected) != 0) std::abort();
    if (expected.events.size() != events) std::abort();
  }

  const auto slowly = ringside::fuzz::SlowReader(role, limits, storage_bytes).read(bytes);
  if (slowly.refused != (reader.error() != FrameError::None)) std::abort();
  Summary slow;
  for (const auto& event : slowly.events) {
    std::vector<std::byte> payload;
    for (const char c : event.payload) payload.push_back(static_cast<std::byte>(c));
    (void)slow.add(event.opcode, payload);
  }
  if (slow.events != expected.events) std::abort();

  MessageReader<role> pieces(limits, storage);
  Summary summary;
  std::vector<std::byte> pending;
  std::size_t cut = 0;
  for (std::size_t at = 0; at < bytes.size() && !summary.closed;) {
    if (pieces.error() != FrameError::None) break;
    const std::size_t wish = cuts.empty() ? 1 : 1u + cuts[cut++ % cuts.size()];
    const std::size_t count = std::min(wish, bytes.size() - at);
    pending.insert(pending.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
    at += count;
    const std::size_t taken = pieces.read(pending, summary);
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  if (pieces.error() != reader.error() || summary.events != expected.events) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t cut_count = std::min<std::size_t>(data[0] % 8, size - 1);
  const std::span all(data, size);
  const auto cuts = all.subspan(1, cut_count);
  const auto stream = all.subspan(1 + cut_count);
  read_both_ways<Role::Client>(cuts, stream);
  read_both_ways<Role::Server>(cuts, stream);
  return 0;
}
