// permessage-deflate (RFC 7692): what the two ends agree on, and the two directions of it; and the
// gzip of HTTP bodies (RFC 1952). Never
// offered unless configured: inflating costs several times what TLS and framing cost together.
//
// Unlike zlib alone, neither direction allocates once it is made, a message is inflated into
// storage of a fixed size, and what ends in the middle of a block is refused.
//
// Threads: the owner's. Bounded by: the output that is lent, a message. Fails by: parameters that
// nobody offered are refused; Inflater::Result; Deflater answers no bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http_head.hpp"

namespace ringside::net {

inline constexpr std::string_view extensions_header = "Sec-WebSocket-Extensions";
inline constexpr std::uint8_t window_bits_min = 8;  // RFC 7692, 7.1.2
inline constexpr std::uint8_t window_bits_max = 15;

// What a client offers, or what a server is ready to accept.
struct DeflateOptions {
  bool enabled = false;
  // Asked of the server: a window begun anew with each message; a window of at most so many bits.
  bool server_no_context_takeover = false;
  std::uint8_t server_max_window_bits = 0;  // 8..15; 0: not mentioned
  // Promised by the client, or left to the server to ask for.
  bool client_no_context_takeover = false;
  std::uint8_t client_max_window_bits = window_bits_max;  // 8..15; 15: without a value; 0: refused
  bool compress_sends = false;  // else ours go uncompressed, which RFC 7692 allows always
};

// In force, after the handshake.
struct DeflateAgreement {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::uint8_t server_max_window_bits = window_bits_max;
  std::uint8_t client_max_window_bits = window_bits_max;
  friend bool operator==(const DeflateAgreement&, const DeflateAgreement&) = default;
};

// The value of a client's Sec-WebSocket-Extensions.
[[nodiscard]] std::string deflate_offer(const DeflateOptions& options);

enum class DeflateAnswer : std::uint8_t { None, Agreed, Invalid };
// What a server answered to the offer. Invalid: another extension, a parameter that is unknown,
// twice there, of a wrong value, or against the offer (RFC 7692, 7.1).
[[nodiscard]] DeflateAnswer read_deflate_answer(const HeaderList& headers,
                                                const DeflateOptions& offered,
                                                DeflateAgreement& agreement) noexcept;

// A server's choice: the first offer of the request that it can take up; none: no compression.
[[nodiscard]] std::optional<DeflateAgreement> choose_deflate_offer(
    const HeaderList& headers, const DeflateOptions& options) noexcept;
// The value of the server's Sec-WebSocket-Extensions for it.
[[nodiscard]] std::string deflate_answer(const DeflateAgreement& agreement);

// Inflates the pieces of messages. One object a connection: 44 KiB.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  enum class Result : std::uint8_t {
    Ok,
    Invalid,     // no deflate data, or the message ends within a block
    OutputFull,  // there is more than `out` holds
  };
  struct Step {
    Result result;
    std::size_t bytes;  // written to `out`
  };

  // Of a new connection: whether each message begins with an empty window.
  void begin(bool no_context_takeover) noexcept;
  // The next piece of the message's payload.
  [[nodiscard]] Step take(std::span<const std::byte> piece, std::span<std::byte> out) noexcept;
  // The message's end: what was held back.
  [[nodiscard]] Step finish(std::span<std::byte> out) noexcept;

 private:
  struct State;
  [[nodiscard]] Step run(std::span<const std::byte> piece, std::span<std::byte> out) noexcept;

  std::unique_ptr<State> state_;
};

// Unpacks the gzip of an HTTP body, piece by piece. One object a client: 48 KiB.
class Gunzip {
 public:
  Gunzip();
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  void begin() noexcept;
  // Bytes behind the end are Invalid.
  [[nodiscard]] Inflater::Step take(std::span<const std::byte> piece,
                                    std::span<std::byte> out) noexcept;
  // The trailer was there, and its checksum and length are right.
  [[nodiscard]] bool ended() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Deflates whole messages. One object a connection: 270 KiB, made only where sends are compressed.
class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // False: a window that zlib cannot make (8 bits); then nothing is compressed.
  [[nodiscard]] bool begin(std::uint8_t window_bits, bool no_context_takeover) noexcept;
  // The most that a message of so many bytes can become.
  [[nodiscard]] static std::size_t bound(std::size_t bytes) noexcept;
  // The payload of one compressed message (RFC 7692, 7.2.1); `out` of bound() bytes.
  [[nodiscard]] std::span<const std::byte> pack(std::span<const std::byte> message,
                                                std::span<std::byte> out) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ringside::net
