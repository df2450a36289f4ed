#include "net/tls.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

namespace ringside::net {

namespace {

constexpr unsigned char alpn_http_1_1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no further reason";
  std::array<char, 160> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

[[noreturn]] void refuse(const std::string& text) {
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          text + " (OpenSSL: " + openssl_error() + ")");
}

int bio_read(BIO* bio, char* out, int bytes) {
  BIO_clear_retry_flags(bio);
  const int taken = static_cast<TlsSession*>(BIO_get_data(bio))->take_input(out, bytes);
  if (taken <= 0) BIO_set_retry_read(bio);
  return taken > 0 ? taken : -1;
}

int bio_write(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const int taken = static_cast<TlsSession*>(BIO_get_data(bio))->put_output(bytes, count);
  if (taken <= 0) BIO_set_retry_write(bio);
  return taken > 0 ? taken : -1;
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int bio_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_bytes, const unsigned char* in,
                unsigned int in_bytes, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_bytes, alpn_http_1_1, sizeof(alpn_http_1_1), in,
                            in_bytes) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// 1: the ticket is ours to free.
int keep_ticket(SSL* ssl, SSL_SESSION* ticket) {
  static_cast<TlsSession*>(SSL_get_app_data(ssl))->keep_ticket(ticket);
  return 1;
}

void note_secret(const SSL* ssl, const char* line) {
  auto* const session = static_cast<TlsSession*>(SSL_get_app_data(ssl));
  if (session != nullptr) session->note_secret(line);
}

void note_message(int written, int, int content_type, const void* bytes, std::size_t count, SSL*,
                  void* session) {
  if (written != 0 || content_type != SSL3_RT_HANDSHAKE || count == 0) return;
  static_cast<TlsSession*>(session)->note_handshake_message(*static_cast<const std::byte*>(bytes));
}

TlsRecordReader with_environment(TlsRecordReader asked) {
  const char* const value = std::getenv("RINGSIDE_NET_TLS_RECORDS");
  if (value == nullptr || *value == 0) return asked;
  const std::string_view text = value;
  if (text == "own") return TlsRecordReader::Own;
  if (text == "openssl") return TlsRecordReader::OpenSsl;
  refuse("RINGSIDE_NET_TLS_RECORDS=" + std::string(text) +
         ": accepted is own or openssl, or nothing");
}

bool is_numeric(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

CloseReason reason_of_verdict(long verdict) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return CloseReason::TlsCertificateExpired;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return CloseReason::TlsCertificateSelfSigned;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // by another key than the authority's
      return CloseReason::TlsCertificateUntrusted;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return CloseReason::TlsCertificateWrongHost;
    default:
      return CloseReason::TlsCertificateRefused;
  }
}

// Whom the certificate must be for, and (names only) whom we say we are calling.
bool expect_host(SSL* ssl, const std::string& host) {
  if (is_numeric(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

void TlsContext::FreeContext::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
void TlsContext::FreeMethod::operator()(BIO_METHOD* method) const noexcept {
  BIO_meth_free(method);
}
void TlsSession::FreeSsl::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
void TlsSession::FreeTicket::operator()(SSL_SESSION* ticket) const noexcept {
  SSL_SESSION_free(ticket);
}

TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

TlsContext::TlsContext(SSL_CTX* context, TlsRole role) : context_(context), role_(role) {
  if (context == nullptr) refuse("TLS cannot be set up");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // 128-bit AES first: as safe here, and up to 1.3 times cheaper than 256 on large records.
  SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  method_.reset(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ringside"));
  if (method_ == nullptr) refuse("TLS cannot be set up");
  BIO_meth_set_read(method_.get(), bio_read);
  BIO_meth_set_write(method_.get(), bio_write);
  BIO_meth_set_ctrl(method_.get(), bio_control);
  BIO_meth_set_create(method_.get(), bio_create);
}

TlsContext TlsContext::client(const TlsClientOptions& options) {
  TlsContext made(SSL_CTX_new(TLS_client_method()), TlsRole::Client);
  SSL_CTX* context = made.native();
  // Returns 0 on success, unlike its neighbours.
  if (SSL_CTX_set_alpn_protos(context, alpn_http_1_1, sizeof(alpn_http_1_1)) != 0) {
    refuse("TLS cannot be set up");
  }
  // Kept by their sessions, not by OpenSSL: one a connection, for the same host only.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, keep_ticket);
  made.records_ = with_environment(options.records);
  if (made.records_ == TlsRecordReader::Own) SSL_CTX_set_keylog_callback(context, note_secret);
  if (options.insecure_for_tests) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    return made;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) {
      refuse("no system certificate authorities; install ca-certificates or set SSL_CERT_FILE");
    }
  } else if (SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) != 1) {
    refuse("tls_ca = \"" + options.ca_file +
           "\": no certificate authority could be read from it; name a readable PEM file");
  }
  ERR_clear_error();
  return made;
}

TlsContext TlsContext::server(const TlsServerOptions& options) {
  TlsContext made(SSL_CTX_new(TLS_server_method()), TlsRole::Server);
  SSL_CTX* context = made.native();
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    refuse("certificate file \"" + options.certificate_file + "\" cannot be read as PEM");
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    refuse("key file \"" + options.key_file + "\" cannot be read, or is of another certificate");
  }
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
  return made;
}

TlsSession::TlsSession() = default;
TlsSession::~TlsSession() { forget_secret(); }

TlsStatus TlsSession::begin(const TlsContext& context, const std::string& host,
                            SendQueue& output) noexcept {
  detail_bytes_ = 0;
  input_ = {};
  output_ = &output;
  records_.reset();
  forget_secret();
  wants_own_records_ = context.records() == TlsRecordReader::Own;
  ssl_.reset(SSL_new(context.native()));
  BIO* bio = BIO_new(context.bio_method());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    set_detail("out of memory");
    return TlsStatus::Failed;
  }
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);  // owns it now
  if (context.role() == TlsRole::Server) {
    SSL_set_accept_state(ssl_.get());
    return TlsStatus::Ok;
  }
  SSL_set_connect_state(ssl_.get());
  if (!expect_host(ssl_.get(), host)) {
    ERR_clear_error();
    set_detail("host name unusable for TLS");
    return TlsStatus::Failed;
  }
  SSL_set_app_data(ssl_.get(), this);
  if (ticket_ != nullptr && ticket_context_ == &context && ticket_host_ == host) {
    (void)SSL_set_session(ssl_.get(), ticket_.get());  // refused: a whole handshake
  } else {
    ticket_.reset();
    ticket_context_ = &context;
    ticket_host_ = host;
  }
  return TlsStatus::Ok;
}

bool TlsSession::resumed() const noexcept {
  return ssl_ != nullptr && SSL_session_reused(ssl_.get()) == 1;
}

void TlsSession::keep_ticket(SSL_SESSION* ticket) noexcept { ticket_.reset(ticket); }

void TlsSession::end() noexcept {
  ssl_.reset();
  records_.reset();
  forget_secret();
  input_ = {};
}

TlsStatus TlsSession::handshake() noexcept {
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return status_of(result);
  if (wants_own_records_) take_over_records();
  return TlsStatus::Ok;
}

// "SERVER_TRAFFIC_SECRET_0", the client's random, the secret, in hexadecimal digits.
void TlsSession::note_secret(std::string_view line) noexcept {
  if (!line.starts_with("SERVER_TRAFFIC_SECRET_0 ")) return;
  const std::string_view digits = line.substr(line.rfind(' ') + 1);
  if (digits.size() % 2 != 0 || digits.size() / 2 > secret_.size()) return;
  const auto value = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  for (std::size_t i = 0; i < digits.size() / 2; ++i) {
    secret_[i] = static_cast<std::byte>(value(digits[2 * i]) << 4 | value(digits[2 * i + 1]));
  }
  secret_bytes_ = digits.size() / 2;
}

void TlsSession::note_handshake_message(std::byte type) noexcept {
  if (type == std::byte{SSL3_MT_KEY_UPDATE}) keys_updated_ = true;
}

void TlsSession::forget_secret() noexcept {
  OPENSSL_cleanse(secret_.data(), secret_.size());
  secret_bytes_ = 0;
}

// A client has read nothing yet under the keys of the application when its handshake is over: the
// first record is OpenSSL's next and ours. Where anything is not as expected, OpenSSL goes on.
void TlsSession::take_over_records() noexcept {
  wants_own_records_ = false;
  if (SSL_version(ssl_.get()) == TLS1_3_VERSION && SSL_has_pending(ssl_.get()) == 0) {
    const auto suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl_.get()));
    records_.reset(new (std::nothrow) TlsRecords);
    if (records_ != nullptr && !records_->start(suite, std::span(secret_).first(secret_bytes_))) {
      records_.reset();
    }
  }
  forget_secret();
}

TlsRead TlsSession::read_own(std::span<std::byte> out) noexcept {
  std::size_t total = 0;
  while (total < out.size()) {
    const TlsRecords::Step step = records_->step(input_, out.subspan(total));
    total += step.bytes;
    if (step.kind == TlsRecords::StepKind::NeedsInput) return {TlsStatus::WantInput, total};
    if (step.kind == TlsRecords::StepKind::Content) continue;
    const TlsStatus status = show_openssl(step);
    if (status == TlsStatus::Ok) continue;
    records_.reset();  // from here on OpenSSL repeats what it has said
    return {status, total};
  }
  return {TlsStatus::Ok, total};
}

// Tickets, KeyUpdate, alerts and whatever is wrong: OpenSSL's to take, to answer and to name.
TlsStatus TlsSession::show_openssl(const TlsRecords::Step& step) noexcept {
  const auto rest = std::exchange(input_, step.record);
  keys_updated_ = false;
  SSL_set_msg_callback(ssl_.get(), note_message);
  SSL_set_msg_callback_arg(ssl_.get(), this);
  std::byte none{};
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), &none, sizeof(none), &count);
  SSL_set_msg_callback(ssl_.get(), nullptr);
  input_ = rest;
  const TlsStatus status = result == 1 ? TlsStatus::Failed : status_of(result);
  if (result != 1 && status != TlsStatus::WantInput) return status;
  if (status == TlsStatus::WantInput && !step.broken && (!keys_updated_ || records_->update())) {
    return TlsStatus::Ok;
  }
  set_detail("a record that does not follow");
  return TlsStatus::Failed;
}

TlsRead TlsSession::read(std::span<std::byte> out) noexcept {
  if (records_ != nullptr) return read_own(out);
  std::size_t total = 0;
  while (total < out.size()) {
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), out.data() + total, out.size() - total, &count);
    if (result != 1) return {status_of(result), total};
    total += count;
  }
  return {TlsStatus::Ok, total};
}

TlsStatus TlsSession::write(std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    if (result != 1) return status_of(result);
    bytes = bytes.subspan(count);
  }
  return TlsStatus::Ok;
}

void TlsSession::close_notify() noexcept {
  // SSL_shutdown before the handshake is over only leaves an error behind.
  if (SSL_is_init_finished(ssl_.get()) != 0) (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

int TlsSession::take_input(char* out, int bytes) noexcept {
  const std::size_t count = std::min(input_.size(), static_cast<std::size_t>(bytes));
  if (count == 0) return 0;
  std::memcpy(out, input_.data(), count);
  input_ = input_.subspan(count);
  return static_cast<int>(count);
}

int TlsSession::put_output(const char* bytes, int count) noexcept {
  const auto all = std::as_bytes(std::span(bytes, static_cast<std::size_t>(count)));
  const std::size_t room = std::min(all.size(), output_->free_bytes());
  if (room == 0) return 0;
  (void)output_->push(all.first(room));
  return static_cast<int>(room);
}

TlsStatus TlsSession::status_of(int result) noexcept {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return TlsStatus::WantInput;
    case SSL_ERROR_WANT_WRITE:
      return TlsStatus::WantRoom;
    case SSL_ERROR_ZERO_RETURN:
      return TlsStatus::Closed;
    default:
      break;
  }
  const long verdict = SSL_get_verify_result(ssl_.get());
  const bool refused = verdict != X509_V_OK && SSL_is_init_finished(ssl_.get()) == 0 &&
                       SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE;
  if (refused) {
    refusal_ = reason_of_verdict(verdict);
    set_detail(X509_verify_cert_error_string(verdict));
  } else {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    set_detail(reason != nullptr ? reason : "connection broken");
  }
  ERR_clear_error();
  return refused ? TlsStatus::CertificateRefused : TlsStatus::Failed;
}

void TlsSession::set_detail(std::string_view text) noexcept {
  detail_bytes_ = std::min(text.size(), sizeof(detail_));
  std::memcpy(detail_, text.data(), detail_bytes_);
}

}  // namespace ringside::net
