// The receiving half of TLS 1.3's record layer (RFC 8446, 5), on EVP, for a connection whose
// handshake OpenSSL has done. Unlike SSL_read it allocates nothing a record and decrypts straight
// from the received bytes to where the consumer wants them. It judges nothing: whatever is not
// application data in its place, it hands back for OpenSSL to see, as the record that OpenSSL
// would have received had it seen no application data.
//
// Threads: its connection's. Bounded by: one record of RFC 8446's largest size, thrice.
// Fails by: start and update answer false; step answers ForOpenSsl.
//
// Invariants: 0 <= handed_over_ <= sequence_, both of the present key; sequence_ < sequence_max.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

using EVP_CIPHER_CTX = struct evp_cipher_ctx_st;
using EVP_CIPHER = struct evp_cipher_st;
using EVP_MD = struct evp_md_st;

namespace ringside::net {

class TlsRecords {
 public:
  static constexpr std::size_t header_bytes = 5;
  static constexpr std::size_t tag_bytes = 16;
  static constexpr std::size_t content_bytes_max = 16 * 1024;                  // RFC 8446, 5.1
  static constexpr std::size_t encrypted_bytes_max = content_bytes_max + 256;  // RFC 8446, 5.2
  static constexpr std::size_t record_bytes_max = header_bytes + encrypted_bytes_max;
  static constexpr std::size_t secret_bytes_max = 48;
  // As OpenSSL: more records in a row that say nothing are an attack.
  static constexpr std::uint32_t empty_records_max = 32;
  static constexpr std::uint64_t sequence_max = std::numeric_limits<std::uint64_t>::max();

  enum class StepKind : std::uint8_t {
    NeedsInput,  // all of `input` was taken
    Content,     // bytes were written to `out`
    ForOpenSsl,  // a record is to be shown to OpenSSL
  };
  struct Step {
    StepKind kind = StepKind::NeedsInput;
    std::size_t bytes = 0;              // Content: written to `out`
    std::span<const std::byte> record;  // ForOpenSsl: until the next call
    bool broken = false;                // ForOpenSsl: nothing can follow such a record
  };

  TlsRecords();
  ~TlsRecords();
  TlsRecords(const TlsRecords&) = delete;
  TlsRecords& operator=(const TlsRecords&) = delete;

  // `suite` is the protocol's number of one of TLS 1.3's three AEAD suites; `secret` the peer's
  // first application traffic secret. False: unknown suite, or OpenSSL refuses.
  [[nodiscard]] bool start(std::uint16_t suite, std::span<const std::byte> secret) noexcept;
  // After the peer's KeyUpdate (RFC 8446, 7.2).
  [[nodiscard]] bool update() noexcept;

  // One step over `input`, whose front it takes: at most one record. `out` is not empty; it may be
  // written beyond the bytes that are reported, never beyond its end.
  [[nodiscard]] Step step(std::span<const std::byte>& input, std::span<std::byte> out) noexcept;

 private:
  struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const noexcept;
  };
  using Nonce = std::array<unsigned char, 12>;

  [[nodiscard]] bool make_keys() noexcept;
  [[nodiscard]] Nonce nonce_of(std::uint64_t sequence) const noexcept;
  [[nodiscard]] std::span<const std::byte> next_record(std::span<const std::byte>& input) noexcept;
  [[nodiscard]] bool decrypt(std::span<const std::byte> record, std::byte* out) noexcept;
  [[nodiscard]] Step open(std::span<const std::byte> record, std::span<std::byte> out) noexcept;
  [[nodiscard]] Step hand_over(std::span<const std::byte> inner) noexcept;
  void follow_messages(std::span<const std::byte> content) noexcept;
  [[nodiscard]] bool within_message() const noexcept {
    return message_head_bytes_ > 0 || message_bytes_left_ > 0;
  }
  [[nodiscard]] static Step broken(std::span<const std::byte> record) noexcept;

  const EVP_CIPHER* cipher_ = nullptr;
  const EVP_MD* digest_ = nullptr;
  std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> opener_;
  std::array<unsigned char, secret_bytes_max> secret_{};
  std::size_t secret_bytes_ = 0;
  std::array<unsigned char, 32> key_{};
  Nonce iv_{};
  std::uint64_t sequence_ = 0;     // records of this key so far
  std::uint64_t handed_over_ = 0;  // of them, those that OpenSSL has seen
  std::uint32_t empty_records_ = 0;
  std::uint32_t message_head_bytes_ = 0;  // of a handshake message that began and did not end
  std::uint32_t message_bytes_left_ = 0;

  std::size_t partial_bytes_ = 0;  // of a record whose rest has not arrived
  std::size_t spill_begin_ = 0;    // content that `out` had no room for
  std::size_t spill_end_ = 0;
  std::array<std::byte, record_bytes_max> partial_;
  std::array<std::byte, encrypted_bytes_max> spill_;
  std::array<std::byte, record_bytes_max> sealed_;
};

}  // namespace ringside::net
