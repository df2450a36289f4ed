// Certificates made on the spot: an authority and what it signs, for the simulated exchange and for
// tests. Not for the public network: keys are fresh, nothing can be revoked.
//
// Threads: any, one object at a time. Fails by: std::system_error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using EVP_PKEY = struct evp_pkey_st;
using X509 = struct x509_st;

namespace ringside::net {

struct CertificateRequest {
  std::string common_name = "localhost";
  std::vector<std::string> dns_names = {"localhost"};
  std::vector<std::string> addresses = {"127.0.0.1", "::1"};
  std::int64_t valid_from_s = -3600;           // relative to now
  std::int64_t valid_to_s = 30LL * 24 * 3600;  // relative to now; may lie in the past
};

struct CertificatePem {
  std::string certificate;
  std::string key;
};

// P-256 throughout: small, and every client takes it.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& common_name = "ringside test authority");
  ~CertificateAuthority();

  [[nodiscard]] std::string pem() const;  // the authority's own certificate
  [[nodiscard]] CertificatePem issue(const CertificateRequest& request) const;

 private:
  struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept;
  };
  struct FreeCertificate {
    void operator()(X509* certificate) const noexcept;
  };
  std::unique_ptr<EVP_PKEY, FreeKey> key_;
  std::unique_ptr<X509, FreeCertificate> certificate_;
};

// A certificate that signed itself.
[[nodiscard]] CertificatePem make_self_signed(const CertificateRequest& request);

struct CertificateFiles {
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;  // mode 0600
};

// Makes an authority and a certificate for localhost, and writes ca.pem, server.pem and
// server-key.pem to `folder`, which must exist. The authority's key is not kept.
CertificateFiles write_certificates(const std::string& folder,
                                    const CertificateRequest& request = {});

// Writes `text` to a file of mode 0600 (`secret`) or 0644, replacing what was there.
void write_pem(const std::string& path, const std::string& text, bool secret);

}  // namespace ringside::net
