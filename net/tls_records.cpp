#include "net/tls_records.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace ringside::net {

namespace {

// ContentType (RFC 8446, 5.1).
constexpr unsigned char handshake = 22;
constexpr unsigned char application_data = 23;

constexpr std::uint32_t message_head_bytes_max = 4;  // a type, and how many bytes follow

const unsigned char* octets(const std::byte* bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes);
}

std::size_t encrypted_bytes_of(const std::byte* header) noexcept {
  return std::to_integer<std::size_t>(header[3]) << 8 | std::to_integer<std::size_t>(header[4]);
}

// What a protected record's header must say (RFC 8446, 5.2).
bool header_is_possible(const std::byte* header) noexcept {
  return header[0] == std::byte{application_data} && header[1] == std::byte{3} &&
         header[2] == std::byte{3} && encrypted_bytes_of(header) <= TlsRecords::encrypted_bytes_max;
}

// HKDF-Expand-Label with an empty context (RFC 8446, 7.1).
bool expand_label(const EVP_MD* digest, std::span<unsigned char> secret, std::string_view label,
                  std::span<unsigned char> out) noexcept {
  std::array<unsigned char, 32> info{};
  constexpr std::string_view prefix = "tls13 ";
  std::size_t at = 0;
  info[at++] = 0;
  info[at++] = static_cast<unsigned char>(out.size());
  info[at++] = static_cast<unsigned char>(prefix.size() + label.size());
  at = static_cast<std::size_t>(std::copy(prefix.begin(), prefix.end(), info.begin() + 3) -
                                info.begin());
  at = static_cast<std::size_t>(
      std::copy(label.begin(), label.end(), info.begin() + static_cast<std::ptrdiff_t>(at)) -
      info.begin());
  info[at++] = 0;
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                       const_cast<char*>(EVP_MD_get0_name(digest)), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), at),
      OSSL_PARAM_construct_end()};
  EVP_KDF* const algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* const context = EVP_KDF_CTX_new(algorithm);
  EVP_KDF_free(algorithm);
  const bool done =
      context != nullptr && EVP_KDF_derive(context, out.data(), out.size(), parameters) == 1;
  EVP_KDF_CTX_free(context);
  return done;
}

}  // namespace

void TlsRecords::FreeCipher::operator()(EVP_CIPHER_CTX* context) const noexcept {
  EVP_CIPHER_CTX_free(context);
}

TlsRecords::TlsRecords() = default;

TlsRecords::~TlsRecords() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
  OPENSSL_cleanse(key_.data(), key_.size());
}

bool TlsRecords::start(std::uint16_t suite, std::span<const std::byte> secret) noexcept {
  switch (suite) {
    case 0x1301:
      cipher_ = EVP_aes_128_gcm();
      digest_ = EVP_sha256();
      break;
    case 0x1302:
      cipher_ = EVP_aes_256_gcm();
      digest_ = EVP_sha384();
      break;
    case 0x1303:
      cipher_ = EVP_chacha20_poly1305();
      digest_ = EVP_sha256();
      break;
    default:
      return false;
  }
  if (secret.size() != static_cast<std::size_t>(EVP_MD_get_size(digest_))) return false;
  secret_bytes_ = secret.size();
  std::memcpy(secret_.data(), secret.data(), secret.size());
  opener_.reset(EVP_CIPHER_CTX_new());
  partial_bytes_ = spill_begin_ = spill_end_ = 0;
  empty_records_ = message_head_bytes_ = message_bytes_left_ = 0;
  const bool made = opener_ != nullptr && make_keys();
  if (!made) ERR_clear_error();
  return made;
}

bool TlsRecords::update() noexcept {
  std::array<unsigned char, secret_bytes_max> next{};
  const auto secret = std::span(secret_).first(secret_bytes_);
  if (!expand_label(digest_, secret, "traffic upd", std::span(next).first(secret_bytes_))) {
    return false;
  }
  secret_ = next;
  OPENSSL_cleanse(next.data(), next.size());
  return make_keys();
}

bool TlsRecords::make_keys() noexcept {
  sequence_ = handed_over_ = 0;
  const auto secret = std::span(secret_).first(secret_bytes_);
  const auto key_bytes = static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher_));
  return expand_label(digest_, secret, "key", std::span(key_).first(key_bytes)) &&
         expand_label(digest_, secret, "iv", iv_) &&
         EVP_DecryptInit_ex(opener_.get(), cipher_, nullptr, key_.data(), iv_.data()) == 1;
}

// RFC 8446, 5.3.
TlsRecords::Nonce TlsRecords::nonce_of(std::uint64_t sequence) const noexcept {
  Nonce nonce = iv_;
  for (std::size_t i = 0; i < 8; ++i) {
    nonce[11 - i] = static_cast<unsigned char>(nonce[11 - i] ^ (sequence >> (8 * i) & 0xff));
  }
  return nonce;
}

// The record at the front, whole, or its header alone where that is impossible already; empty:
// all of the input was kept for later.
//
//     input   | ..rest of a record | record | record | beginn..
//     partial | beginning..        |   -> the first record is put together there, the others are
//                                         read where they lie
std::span<const std::byte> TlsRecords::next_record(std::span<const std::byte>& input) noexcept {
  const auto wanted = [](const std::byte* bytes, std::size_t count) {
    if (count < header_bytes || !header_is_possible(bytes)) return header_bytes;
    return header_bytes + encrypted_bytes_of(bytes);
  };
  if (partial_bytes_ == 0) {
    const std::size_t whole = wanted(input.data(), input.size());
    if (input.size() >= whole) {
      const auto record = input.first(whole);
      input = input.subspan(whole);
      return record;
    }
  }
  while (true) {
    const std::size_t whole = wanted(partial_.data(), partial_bytes_);
    const std::size_t count = std::min(whole - partial_bytes_, input.size());
    if (count > 0) std::memcpy(partial_.data() + partial_bytes_, input.data(), count);
    partial_bytes_ += count;
    input = input.subspan(count);
    if (partial_bytes_ < whole) return {};
    if (wanted(partial_.data(), partial_bytes_) > whole) continue;  // the header became complete
    partial_bytes_ = 0;
    return std::span(partial_).first(whole);
  }
}

bool TlsRecords::decrypt(std::span<const std::byte> record, std::byte* out) noexcept {
  const Nonce nonce = nonce_of(sequence_);
  EVP_CIPHER_CTX* const opener = opener_.get();
  const auto sealed = record.subspan(header_bytes);
  const auto count = static_cast<int>(sealed.size() - tag_bytes);
  auto* const tag = const_cast<unsigned char*>(octets(sealed.last(tag_bytes).data()));
  auto* const text = reinterpret_cast<unsigned char*>(out);
  int written = 0;
  return EVP_DecryptInit_ex(opener, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
         EVP_CIPHER_CTX_ctrl(opener, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag) == 1 &&
         EVP_DecryptUpdate(opener, nullptr, &written, octets(record.data()), header_bytes) == 1 &&
         EVP_DecryptUpdate(opener, text, &written, octets(sealed.data()), count) == 1 &&
         EVP_DecryptFinal_ex(opener, text + written, &written) == 1;
}

TlsRecords::Step TlsRecords::broken(std::span<const std::byte> record) noexcept {
  ERR_clear_error();
  return {.kind = StepKind::ForOpenSsl, .bytes = 0, .record = record, .broken = true};
}

// `record` is not touched, so that one that does not decrypt can be shown as it came.
TlsRecords::Step TlsRecords::open(std::span<const std::byte> record,
                                  std::span<std::byte> out) noexcept {
  if (record.size() <= header_bytes + tag_bytes || sequence_ == sequence_max) return broken(record);
  const std::size_t inner_bytes = record.size() - header_bytes - tag_bytes;
  const bool fits = inner_bytes <= out.size();
  const auto inner = (fits ? out : std::span<std::byte>(spill_)).first(inner_bytes);
  if (!decrypt(record, inner.data())) return broken(record);
  ++sequence_;
  // Content, its type, then zeros (RFC 8446, 5.4).
  std::size_t content = inner_bytes - 1;
  while (content > 0 && inner[content] == std::byte{0}) --content;
  const std::byte type = inner[content];
  if (content > 0) empty_records_ = 0;
  if (type == std::byte{handshake}) follow_messages(inner.first(content));
  if (type != std::byte{application_data} || content > content_bytes_max || within_message()) {
    return hand_over(inner);
  }
  if (content == 0) {
    if (++empty_records_ > empty_records_max) return broken(record);
    return {.kind = StepKind::Content, .bytes = 0, .record = {}};
  }
  if (fits) return {.kind = StepKind::Content, .bytes = content, .record = {}};
  spill_begin_ = std::min(content, out.size());
  spill_end_ = content;
  std::memcpy(out.data(), inner.data(), spill_begin_);
  return {.kind = StepKind::Content, .bytes = spill_begin_, .record = {}};
}

// A message may come in several records, and nothing between them (RFC 8446, 5.1): OpenSSL refuses
// it when it is shown it.
void TlsRecords::follow_messages(std::span<const std::byte> content) noexcept {
  for (const std::byte octet : content) {
    if (message_head_bytes_ > 0) {
      message_bytes_left_ = message_bytes_left_ << 8 | std::to_integer<std::uint32_t>(octet);
      message_head_bytes_ = (message_head_bytes_ + 1) % message_head_bytes_max;
    } else if (message_bytes_left_ > 0) {
      --message_bytes_left_;
    } else {
      message_head_bytes_ = 1;
    }
  }
}

// The same inner plaintext as the record that OpenSSL expects next: it counts those it sees. Rare
// (tickets, KeyUpdate, alerts), hence a context for each; nothing of it leaves the process, so the
// position's second use gives nobody a second text under the same nonce.
TlsRecords::Step TlsRecords::hand_over(std::span<const std::byte> inner) noexcept {
  const std::size_t encrypted_bytes = inner.size() + tag_bytes;
  const std::array<unsigned char, header_bytes> header{
      application_data, 3, 3, static_cast<unsigned char>(encrypted_bytes >> 8),
      static_cast<unsigned char>(encrypted_bytes & 0xff)};
  std::memcpy(sealed_.data(), header.data(), header_bytes);
  auto* const text = reinterpret_cast<unsigned char*>(sealed_.data() + header_bytes);
  const Nonce nonce = nonce_of(handed_over_++);
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> sealer(EVP_CIPHER_CTX_new());
  const auto count = static_cast<int>(inner.size());
  int written = 0;
  const bool done =
      sealer != nullptr &&
      EVP_EncryptInit_ex(sealer.get(), cipher_, nullptr, key_.data(), nonce.data()) == 1 &&
      EVP_EncryptUpdate(sealer.get(), nullptr, &written, header.data(), header_bytes) == 1 &&
      EVP_EncryptUpdate(sealer.get(), text, &written, octets(inner.data()), count) == 1 &&
      EVP_EncryptFinal_ex(sealer.get(), text + written, &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(sealer.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, text + count) == 1;
  const auto record = std::span(sealed_).first(header_bytes + encrypted_bytes);
  if (!done) return broken(record);
  return {.kind = StepKind::ForOpenSsl, .bytes = 0, .record = record};
}

TlsRecords::Step TlsRecords::step(std::span<const std::byte>& input,
                                  std::span<std::byte> out) noexcept {
  if (spill_begin_ < spill_end_) {
    const std::size_t count = std::min(spill_end_ - spill_begin_, out.size());
    std::memcpy(out.data(), spill_.data() + spill_begin_, count);
    spill_begin_ += count;
    return {.kind = StepKind::Content, .bytes = count, .record = {}};
  }
  const auto record = next_record(input);
  if (record.empty()) return {};
  return open(record, out);
}

}  // namespace ringside::net
