// The server's end of a TLS 1.3 connection, record by record: OpenSSL does the handshake, then
// records of any kind are sealed here, by HMAC and EVP, apart from what net/ does. For tests that
// give two readers the same text and compare what they make of it.
//
// Threads: one. Bounded by: its script. Fails by: std::abort, this is a test's.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/certificate.hpp"
#include "net/send_queue.hpp"
#include "net/tls.hpp"

namespace ringside::net::tls_peer {

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline constexpr std::uint8_t alert_type = 21;
inline constexpr std::uint8_t handshake_type = 22;
inline constexpr std::uint8_t data_type = 23;

inline constexpr std::array<const char*, 3> suites{
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};

// Seals what a server says after its handshake.
class Sealer {
 public:
  Sealer(std::size_t suite, std::string secret) : suite_(suite), secret_(std::move(secret)) {
    make_keys();
  }

  // One record: content, type, zeros.
  std::string record(std::uint8_t type, std::string_view content, std::size_t padding = 0) {
    std::string inner(content);
    inner += static_cast<char>(type);
    inner.append(padding, '\0');
    return seal(inner);
  }
  std::string seal(std::string_view inner) {
    const std::size_t bytes = inner.size() + 16;
    std::string record{'\x17', '\x03', '\x03', static_cast<char>(bytes >> 8),
                       static_cast<char>(bytes & 0xff)};
    std::string nonce = iv_;
    for (std::size_t i = 0; i < 8; ++i) {
      nonce[11 - i] = static_cast<char>(nonce[11 - i] ^ static_cast<char>(sequence_ >> (8 * i)));
    }
    ++sequence_;
    std::string text(inner.size() + 16, '\0');
    const std::array<const EVP_CIPHER*, 3> ciphers{EVP_aes_128_gcm(), EVP_aes_256_gcm(),
                                                   EVP_chacha20_poly1305()};
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
        EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int count = 0;
    require(EVP_EncryptInit_ex(context.get(), ciphers[suite_], nullptr, octets(key_),
                               octets(nonce)) == 1);
    require(EVP_EncryptUpdate(context.get(), nullptr, &count, octets(record), 5) == 1);
    auto* const out = reinterpret_cast<unsigned char*>(text.data());
    require(EVP_EncryptUpdate(context.get(), out, &count, octets(inner),
                              static_cast<int>(inner.size())) == 1);
    require(EVP_EncryptFinal_ex(context.get(), out + count, &count) == 1);
    require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, out + inner.size()) == 1);
    return record + text;
  }
  void update() {
    secret_ = expand("traffic upd", secret_.size());
    make_keys();
  }

 private:
  static const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  // One block of HKDF-Expand is enough for all of these.
  std::string expand(std::string_view label, std::size_t bytes) const {
    std::string info{'\0', static_cast<char>(bytes), static_cast<char>(6 + label.size())};
    info += "tls13 ";
    info += label;
    info += std::string("\0\1", 2);
    std::array<unsigned char, EVP_MAX_MD_SIZE> block{};
    unsigned count = 0;
    require(HMAC(suite_ == 1 ? EVP_sha384() : EVP_sha256(), secret_.data(),
                 static_cast<int>(secret_.size()), octets(info), info.size(), block.data(),
                 &count) != nullptr);
    return {reinterpret_cast<const char*>(block.data()), bytes};
  }
  void make_keys() {
    key_ = expand("key", suite_ == 0 ? 16 : 32);
    iv_ = expand("iv", 12);
    sequence_ = 0;
  }

  std::size_t suite_;
  std::string secret_;
  std::string key_;
  std::string iv_;
  std::uint64_t sequence_ = 0;
};

// The contexts of both ends; made once, shared by connections.
struct Contexts {
  Contexts(const CertificateFiles& files, std::size_t suite)
      : own(TlsContext::client({.ca_file = files.ca_file, .records = TlsRecordReader::Own})),
        openssl(
            TlsContext::client({.ca_file = files.ca_file, .records = TlsRecordReader::OpenSsl})),
        server(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
        suite_number(suite) {
    require(SSL_CTX_use_certificate_chain_file(server.get(), files.certificate_file.c_str()) == 1);
    require(SSL_CTX_use_PrivateKey_file(server.get(), files.key_file.c_str(), SSL_FILETYPE_PEM) ==
            1);
    require(SSL_CTX_set_ciphersuites(server.get(), suites[suite]) == 1);
    SSL_CTX_set_num_tickets(server.get(), 0);  // the sealer counts from the first record
    SSL_CTX_set_keylog_callback(server.get(), [](const SSL* ssl, const char* text) {
      const std::string_view line = text;
      if (!line.starts_with("SERVER_TRAFFIC_SECRET_0 ")) return;
      *static_cast<std::string*>(SSL_get_app_data(ssl)) = line.substr(line.rfind(' ') + 1);
    });
  }
  TlsContext own;
  TlsContext openssl;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> server;
  std::size_t suite_number;
};

// A client whose handshake is over, and what seals for it.
class Connection {
 public:
  Connection(const Contexts& contexts, TlsRecordReader reader)
      : server_(SSL_new(contexts.server.get()), SSL_free) {
    std::string digits;
    SSL_set_app_data(server_.get(), &digits);
    SSL_set_bio(server_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(server_.get());
    const TlsContext& context = reader == TlsRecordReader::Own ? contexts.own : contexts.openssl;
    require(client.begin(context, "localhost", sent) == TlsStatus::Ok);
    bool done = false;
    for (int i = 0; i < 10 && !(done && SSL_is_init_finished(server_.get()) != 0); ++i) {
      const std::string answer = take_from_server();
      client.set_input(std::as_bytes(std::span(answer)));
      if (!done) done = client.handshake() == TlsStatus::Ok;
      give_to_server();
      (void)SSL_do_handshake(server_.get());
    }
    require(done && client.own_records() == (reader == TlsRecordReader::Own));
    client.set_input({});
    std::string secret;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
      secret += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
    SSL_set_app_data(server_.get(), nullptr);
    sealer.emplace(contexts.suite_number, secret);
  }

  // What the server makes of what the client has sent since; empty: nothing, or an alert.
  std::string server_reads() {
    give_to_server();
    std::string text(4096, '\0');
    const int count = SSL_read(server_.get(), text.data(), static_cast<int>(text.size()));
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

  SendQueue sent{64 * 1024};
  TlsSession client;
  std::optional<Sealer> sealer;

 private:
  void give_to_server() {
    while (!sent.empty()) {
      const auto bytes = sent.front();
      BIO_write(SSL_get_rbio(server_.get()), bytes.data(), static_cast<int>(bytes.size()));
      sent.pop(bytes.size());
    }
  }
  std::string take_from_server() {
    std::string text(64 * 1024, '\0');
    const int count =
        BIO_read(SSL_get_wbio(server_.get()), text.data(), static_cast<int>(text.size()));
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  std::unique_ptr<SSL, decltype(&SSL_free)> server_;
};

// What a reader makes of a stream.
struct Reading {
  std::string text;
  TlsStatus status = TlsStatus::WantInput;
  std::size_t answered_bytes = 0;  // alerts
  bool operator==(const Reading&) const = default;
};
inline void PrintTo(const Reading& reading, std::ostream* out) {
  *out << reading.text.size() << " bytes, status " << static_cast<int>(reading.status) << ", "
       << reading.answered_bytes << " bytes sent";
}

// Gives `stream` in pieces of `piece` bytes to be read into room of `room` bytes.
inline Reading read_all(Connection& connection, std::string_view stream, std::size_t piece,
                        std::size_t room) {
  Reading reading;
  std::string out(room, '\0');
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    connection.client.set_input(std::as_bytes(std::span(stream.substr(at, piece))));
    reading.status = TlsStatus::Ok;
    while (reading.status == TlsStatus::Ok) {
      const TlsRead read = connection.client.read(std::as_writable_bytes(std::span(out)));
      require(read.bytes <= out.size());
      reading.text += out.substr(0, read.bytes);
      reading.status = read.status;
    }
    if (reading.status != TlsStatus::WantInput) break;
  }
  reading.answered_bytes = connection.sent.size();
  return reading;
}

inline std::string new_session_ticket() {
  const std::string body = std::string("\0\0\16\20", 4) + std::string("\1\2\3\4", 4) +
                           std::string("\1\0", 2) + std::string("\0\20ticket of sixtee", 18) +
                           std::string(2, '\0');
  return std::string("\4\0\0", 3) + static_cast<char>(body.size()) + body;
}
inline std::string key_update(std::uint8_t request) {
  return std::string("\30\0\0\1", 4) + static_cast<char>(request);
}

}  // namespace ringside::net::tls_peer
