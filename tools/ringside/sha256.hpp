// SHA-256 of text that comes in pieces.
//
// Threads: one an object. Fails by: throwing std::runtime_error when OpenSSL refuses (a FIPS
// configuration without it, no memory).
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace ringside::tools {

class Sha256 {
 public:
  Sha256();
  void update(std::string_view text);
  // Of everything so far, in lower-case hex. More may follow.
  [[nodiscard]] std::string hex() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_of(std::string_view text);

}  // namespace ringside::tools
