#include "perf/net_peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ipc/check.hpp"
#include "net/websocket_handshake.hpp"

namespace ringside::perf {

namespace {

constexpr int tls_record_bytes_max = 16 * 1024;

// A blocking connection, with TLS or without.
class Plug {
 public:
  Plug(int descriptor, SSL_CTX* tls) : descriptor_(descriptor) {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    RINGSIDE_CHECK(ssl_ != nullptr && SSL_set_fd(ssl_, descriptor) == 1);
    RINGSIDE_CHECK(SSL_accept(ssl_) == 1);
  }
  ~Plug() {
    SSL_free(ssl_);
    ::close(descriptor_);
  }
  Plug(const Plug&) = delete;
  Plug& operator=(const Plug&) = delete;

  void write(const std::string& bytes) {
    if (ssl_ == nullptr) return write_all(descriptor_, bytes.data(), bytes.size());
    RINGSIDE_CHECK(bytes.size() <= tls_record_bytes_max);
    RINGSIDE_CHECK(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0);
  }
  // 0 or less: the end.
  long read(char* bytes, std::size_t count) {
    if (ssl_ == nullptr) return ::recv(descriptor_, bytes, count, 0);
    return SSL_read(ssl_, bytes, static_cast<int>(count));
  }

 private:
  int descriptor_;
  SSL* ssl_ = nullptr;
};

void answer_upgrade(Plug& plug) {
  std::string head;
  char octet = 0;
  while (!head.ends_with("\r\n\r\n")) {
    RINGSIDE_CHECK(plug.read(&octet, 1) == 1 && head.size() < 8192);
    head += octet;
  }
  const std::string name = "Sec-WebSocket-Key: ";
  const std::size_t at = head.find(name);
  RINGSIDE_CHECK(at != std::string::npos);
  const auto accept = net::websocket_accept(head.substr(at + name.size(), 24));
  plug.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      std::string(accept.data(), accept.size()) + "\r\n\r\n");
}

void put_number(char* digits, std::uint64_t number) {
  for (std::size_t i = number_digits; i > 0; --i) {
    digits[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

void serve(int listener, const FrameSource& source, const net::CertificateFiles& certificates) {
  SSL_CTX* tls = nullptr;
  if (source.tls) {
    tls = SSL_CTX_new(TLS_server_method());
    RINGSIDE_CHECK(tls != nullptr);
    const char* const file = certificates.certificate_file.c_str();
    RINGSIDE_CHECK(SSL_CTX_use_certificate_chain_file(tls, file) == 1);
    RINGSIDE_CHECK(
        SSL_CTX_use_PrivateKey_file(tls, certificates.key_file.c_str(), SSL_FILETYPE_PEM) == 1);
    // One suite, so that every client decrypts the same.
    RINGSIDE_CHECK(SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") == 1);
  }
  const int descriptor = ::accept(listener, nullptr, nullptr);
  RINGSIDE_CHECK(descriptor >= 0);
  set_no_delay(descriptor);
  {
    Plug plug(descriptor, tls);
    answer_upgrade(plug);
    std::string frame{'\x81', 126, static_cast<char>(frame_payload_bytes >> 8),
                      static_cast<char>(frame_payload_bytes & 0xff)};
    frame += payload_of(0);
    std::string batch;
    for (unsigned i = 0; i < source.frames_a_write; ++i) batch += frame;
    for (std::uint64_t sent = 0; sent < source.messages; sent += source.frames_a_write) {
      for (unsigned i = 0; i < source.frames_a_write; ++i) {
        put_number(batch.data() + i * frame.size() + 4, sent + i);
      }
      plug.write(batch);
    }
    char rest[4096];
    while (plug.read(rest, sizeof(rest)) > 0) {
    }
  }
  SSL_CTX_free(tls);
}

}  // namespace

Listening::Listening() : descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  RINGSIDE_CHECK(descriptor >= 0 && ::bind(descriptor, any, bytes) == 0);
  RINGSIDE_CHECK(::listen(descriptor, 512) == 0);
  RINGSIDE_CHECK(::getsockname(descriptor, any, &bytes) == 0);
  port = ntohs(address.sin_port);
}

Listening::~Listening() { ::close(descriptor); }

void set_no_delay(int descriptor) {
  const int on = 1;
  RINGSIDE_CHECK(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
}

int connect_to(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  RINGSIDE_CHECK(descriptor >= 0);
  RINGSIDE_CHECK(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
                 0);
  set_no_delay(descriptor);
  return descriptor;
}

int accept_from(const Listening& listening) {
  const int descriptor = ::accept4(listening.descriptor, nullptr, nullptr, SOCK_CLOEXEC);
  RINGSIDE_CHECK(descriptor >= 0);
  set_no_delay(descriptor);
  return descriptor;
}

void write_all(int descriptor, const void* bytes, std::size_t count) {
  const auto* at = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::send(descriptor, at, count, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    RINGSIDE_CHECK(written > 0);
    at += written;
    count -= static_cast<std::size_t>(written);
  }
}

void read_all(int descriptor, void* bytes, std::size_t count) {
  auto* at = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t taken = ::recv(descriptor, at, count, 0);
    if (taken < 0 && errno == EINTR) continue;
    RINGSIDE_CHECK(taken > 0);
    at += taken;
    count -= static_cast<std::size_t>(taken);
  }
}

std::uint64_t thread_cpu_ns() {
  timespec time{};
  RINGSIDE_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::string payload_of(std::uint64_t number) {
  std::string text(number_digits, '0');
  put_number(text.data(), number);
  text += R"({"e":"trade","E":1795284045123,"s":"BTCUSDT","t":4021337,"p":"61234.51000000",)";
  text += R"("q":"0.00120000","T":1795284045122,"m":true,"M":true,"pad":")";
  text.resize(frame_payload_bytes - 2, 'x');
  return text + "\"}";
}

bool is_payload(std::string_view text, std::uint64_t number) {
  static const std::string rest = payload_of(0).substr(number_digits);
  std::string digits(number_digits, '0');
  put_number(digits.data(), number);
  return text.substr(0, number_digits) == digits && text.substr(number_digits) == rest;
}

FrameServer::FrameServer(const FrameSource& source, const net::CertificateFiles& certificates)
    : source_(source) {
  child_ = std::make_unique<Child>(core_pair().second, [this, &certificates] {
    serve(listening_.descriptor, source_, certificates);
  });
}

std::string FrameServer::url() const {
  return (source_.tls ? "wss://127.0.0.1:" : "ws://127.0.0.1:") + std::to_string(listening_.port) +
         "/";
}

}  // namespace ringside::perf
