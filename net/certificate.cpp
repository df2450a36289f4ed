#include "net/certificate.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace ringside::net {

namespace {

[[noreturn]] void refuse(const char* what) {
  std::array<char, 160> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          std::string("making a certificate: ") + what + ": " + text.data());
}

void require(bool condition, const char* what) {
  if (!condition) refuse(what);
}

EVP_PKEY* make_key() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  require(key != nullptr, "key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  require(extension != nullptr, value.c_str());
  const int added = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  require(added == 1, value.c_str());
}

void set_name(X509* certificate, const std::string& common_name) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, "name");
}

// Everything but issuer, extensions and signature.
X509* begin_certificate(const CertificateRequest& request, EVP_PKEY* key) {
  X509* certificate = X509_new();
  require(certificate != nullptr, "memory");
  X509_set_version(certificate, X509_VERSION_3);
  std::array<unsigned char, 16> serial{};
  require(RAND_bytes(serial.data(), serial.size()) == 1, "serial number");
  serial[0] = static_cast<unsigned char>(serial[0] & 0x7f);  // positive
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate), request.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), request.valid_to_s);
  X509_set_pubkey(certificate, key);
  set_name(certificate, request.common_name);
  return certificate;
}

std::string alternative_names(const CertificateRequest& request) {
  std::string text;
  const auto add = [&text](const char* kind, const std::string& name) {
    if (!text.empty()) text += ",";
    text += kind + name;
  };
  for (const auto& name : request.dns_names) add("DNS:", name);
  for (const auto& address : request.addresses) add("IP:", address);
  return text;
}

void finish_server_certificate(X509* certificate, const CertificateRequest& request, X509* issuer,
                               EVP_PKEY* issuer_key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth");
  const std::string names = alternative_names(request);
  if (!names.empty()) add_extension(certificate, issuer, NID_subject_alt_name, names);
  require(X509_sign(certificate, issuer_key, EVP_sha256()) != 0, "signature");
}

template <typename Write>
std::string to_pem(Write&& write) {
  BIO* memory = BIO_new(BIO_s_mem());
  require(memory != nullptr, "memory");
  const bool written = write(memory) == 1;
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(memory, &data);
  std::string text(data, written ? static_cast<std::size_t>(bytes) : 0);
  BIO_free(memory);
  require(written, "PEM");
  return text;
}

CertificatePem pem_of(X509* certificate, EVP_PKEY* key) {
  return {to_pem([certificate](BIO* out) { return PEM_write_bio_X509(out, certificate); }),
          to_pem([key](BIO* out) {
            return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace

void CertificateAuthority::FreeKey::operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
void CertificateAuthority::FreeCertificate::operator()(X509* certificate) const noexcept {
  X509_free(certificate);
}

CertificateAuthority::CertificateAuthority(const std::string& common_name) : key_(make_key()) {
  CertificateRequest request;
  request.common_name = common_name;
  certificate_.reset(begin_certificate(request, key_.get()));
  X509* certificate = certificate_.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
  require(X509_sign(certificate, key_.get(), EVP_sha256()) != 0, "signature");
}

CertificateAuthority::~CertificateAuthority() = default;

std::string CertificateAuthority::pem() const {
  return to_pem([this](BIO* out) { return PEM_write_bio_X509(out, certificate_.get()); });
}

CertificatePem CertificateAuthority::issue(const CertificateRequest& request) const {
  const std::unique_ptr<EVP_PKEY, FreeKey> key(make_key());
  const std::unique_ptr<X509, FreeCertificate> certificate(begin_certificate(request, key.get()));
  finish_server_certificate(certificate.get(), request, certificate_.get(), key_.get());
  return pem_of(certificate.get(), key.get());
}

CertificatePem make_self_signed(const CertificateRequest& request) {
  EVP_PKEY* key = make_key();
  X509* certificate = begin_certificate(request, key);
  finish_server_certificate(certificate, request, certificate, key);
  CertificatePem pem = pem_of(certificate, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pem;
}

void write_pem(const std::string& path, const std::string& text, bool secret) {
  const auto fail = [&path] {
    throw std::system_error(errno, std::generic_category(),
                            "writing \"" + path + "\"; name a folder that can be written to");
  };
  // A new file, so that a key never passes through one that others could open.
  ::unlink(path.c_str());
  const int file =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
  if (file < 0) fail();
  const ssize_t written = ::write(file, text.data(), text.size());
  if (::close(file) != 0 || written != static_cast<ssize_t>(text.size())) fail();
}

CertificateFiles write_certificates(const std::string& folder, const CertificateRequest& request) {
  const CertificateAuthority authority;
  const CertificatePem server = authority.issue(request);
  CertificateFiles files{folder + "/ca.pem", folder + "/server.pem", folder + "/server-key.pem"};
  write_pem(files.ca_file, authority.pem(), false);
  write_pem(files.certificate_file, server.certificate, false);
  write_pem(files.key_file, server.key, true);
  return files;
}

}  // namespace ringside::net
