// TLS by OpenSSL, without its sockets: records are read straight out of received bytes and written
// straight into the send queue, through a BIO of ours. TLS 1.2 or later, HTTP/1.1 by ALPN, the
// peer's certificate and name verified; the one way out is called insecure_for_tests.
//
// Under TLS 1.3 a client's received records are decrypted by TlsRecords once the handshake is over;
// OpenSSL sees those that are no application data, and all of them where TlsClientOptions says so.
//
// Threads: a TlsContext may be shared by loops; a TlsSession is its connection's.
// Bounded by: OpenSSL's record size, and the send queue. Fails by: TlsStatus; detail() has the
// text. Allocates: OpenSSL 3.0 takes one block for each record it reads, three for one it writes.
//
// Environment: RINGSIDE_NET_TLS_RECORDS=own|openssl forces who reads the records.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/close_reason.hpp"
#include "net/send_queue.hpp"
#include "net/tls_records.hpp"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;
using BIO_METHOD = struct bio_method_st;
using BIO = struct bio_st;
using SSL_SESSION = struct ssl_session_st;

namespace ringside::net {

// Who reads records after a TLS 1.3 handshake. TLS 1.2 is OpenSSL's.
enum class TlsRecordReader : std::uint8_t { Own, OpenSsl };

struct TlsClientOptions {
  std::string ca_file{};            // PEM; empty: the system's (SSL_CERT_FILE is honoured)
  bool insecure_for_tests = false;  // accepts any certificate
  TlsRecordReader records = TlsRecordReader::Own;
};

struct TlsServerOptions {
  std::string certificate_file{};  // PEM, chain included
  std::string key_file{};          // PEM
};

enum class TlsRole : std::uint8_t { Client, Server };

class TlsContext {
 public:
  // Throw std::system_error: which file, what OpenSSL said, what to do.
  [[nodiscard]] static TlsContext client(const TlsClientOptions& options);
  [[nodiscard]] static TlsContext server(const TlsServerOptions& options);

  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;
  ~TlsContext();

  [[nodiscard]] TlsRole role() const noexcept { return role_; }
  [[nodiscard]] TlsRecordReader records() const noexcept { return records_; }
  [[nodiscard]] SSL_CTX* native() const noexcept { return context_.get(); }
  [[nodiscard]] BIO_METHOD* bio_method() const noexcept { return method_.get(); }

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept;
  };
  struct FreeMethod {
    void operator()(BIO_METHOD* method) const noexcept;
  };
  TlsContext(SSL_CTX* context, TlsRole role);

  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::unique_ptr<BIO_METHOD, FreeMethod> method_;
  TlsRole role_;
  TlsRecordReader records_ = TlsRecordReader::OpenSsl;
};

enum class TlsStatus : std::uint8_t {
  Ok,
  WantInput,  // all received bytes are used up
  WantRoom,   // the send queue has no room for what TLS must say
  Closed,     // close_notify
  CertificateRefused,
  Failed,
};

struct TlsRead {
  TlsStatus status;
  std::size_t bytes;  // written to `out`, also when status is not Ok
};

class TlsSession {
 public:
  // Most a record adds to its payload, over every suite of TLS 1.2 and 1.3.
  static constexpr std::size_t record_overhead_max = 96;
  static constexpr std::size_t record_payload_max = 16 * 1024;

  TlsSession();
  ~TlsSession();

  // `host` (client): a name, or a numeric address, that the certificate must be for.
  [[nodiscard]] TlsStatus begin(const TlsContext& context, const std::string& host,
                                SendQueue& output) noexcept;
  [[nodiscard]] bool active() const noexcept { return ssl_ != nullptr; }
  // After the handshake: it went on from the last connection of this object to the same host, whose
  // certificate was verified then. Half the work; the server may always decline.
  [[nodiscard]] bool resumed() const noexcept;
  // After the handshake: records are read by TlsRecords.
  [[nodiscard]] bool own_records() const noexcept { return records_ != nullptr; }
  void end() noexcept;

  // The bytes that handshake() and read() take from; must stay until they say WantInput.
  void set_input(std::span<const std::byte> bytes) noexcept { input_ = bytes; }
  [[nodiscard]] TlsStatus handshake() noexcept;  // Ok: done
  // Decrypts into `out` until it is full (Ok) or input ends.
  [[nodiscard]] TlsRead read(std::span<std::byte> out) noexcept;
  [[nodiscard]] TlsStatus write(std::span<const std::byte> bytes) noexcept;
  void close_notify() noexcept;

  [[nodiscard]] std::string_view detail() const noexcept { return {detail_, detail_bytes_}; }
  // After CertificateRefused: which TlsCertificate* reason it is.
  [[nodiscard]] CloseReason refusal() const noexcept { return refusal_; }

  // The client's next connection to this host may begin with it. Takes it over.
  void keep_ticket(SSL_SESSION* ticket) noexcept;
  // What OpenSSL says of its secrets (a line of the key log format) and of the handshake messages
  // it receives.
  void note_secret(std::string_view line) noexcept;
  void note_handshake_message(std::byte type) noexcept;

  // What the BIO does.
  int take_input(char* out, int bytes) noexcept;
  int put_output(const char* bytes, int count) noexcept;

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const noexcept;
  };
  struct FreeTicket {
    void operator()(SSL_SESSION* ticket) const noexcept;
  };
  void take_over_records() noexcept;
  void forget_secret() noexcept;
  TlsRead read_own(std::span<std::byte> out) noexcept;
  TlsStatus show_openssl(const TlsRecords::Step& step) noexcept;
  TlsStatus status_of(int result) noexcept;
  void set_detail(std::string_view text) noexcept;

  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::span<const std::byte> input_;
  SendQueue* output_ = nullptr;
  std::unique_ptr<SSL_SESSION, FreeTicket> ticket_;  // of this host and context, or null
  std::string ticket_host_;
  const TlsContext* ticket_context_ = nullptr;
  std::unique_ptr<TlsRecords> records_;  // null: OpenSSL reads
  bool wants_own_records_ = false;
  bool keys_updated_ = false;  // by the record that OpenSSL is being shown
  std::array<std::byte, TlsRecords::secret_bytes_max> secret_{};  // of the peer, until taken over
  std::size_t secret_bytes_ = 0;
  CloseReason refusal_ = CloseReason::None;
  std::size_t detail_bytes_ = 0;
  char detail_[192];
};

}  // namespace ringside::net
