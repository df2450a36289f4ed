// The other side of the network's benchmarks: a child process on its own core that sends frames as
// fast as they are taken, by plain blocking sockets (and OpenSSL on them), so that it is the same
// for each client that is measured.
//
// Threads: one in each process. Fails by: RINGSIDE_CHECK, this is a benchmark.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/certificate.hpp"
#include "perf/two_processes.hpp"

namespace ringside::perf {

// A listening socket on loopback.
struct Listening {
  Listening();
  ~Listening();
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  int descriptor = -1;
  std::uint16_t port = 0;
};
// A blocking connection to it, without delay of small writes.
int connect_to(std::uint16_t port);
int accept_from(const Listening& listening);
void write_all(int descriptor, const void* bytes, std::size_t count);
void read_all(int descriptor, void* bytes, std::size_t count);
void set_no_delay(int descriptor);

// CPU time of the calling thread.
std::uint64_t thread_cpu_ns();

// A trade as Binance writes it, filled up to 300 bytes; all are alike but for the number in front.
inline constexpr std::size_t frame_payload_bytes = 300;
inline constexpr std::size_t number_digits = 10;
std::string payload_of(std::uint64_t number);
// True: it is that payload.
bool is_payload(std::string_view text, std::uint64_t number);

struct FrameSource {
  std::uint64_t messages = 0;
  unsigned frames_a_write = 1;  // and a TLS record
  bool tls = false;
};

// Serves one client: the upgrade, then the frames, then it waits for the client's end.
class FrameServer {
 public:
  FrameServer(const FrameSource& source, const net::CertificateFiles& certificates);

  [[nodiscard]] std::uint16_t port() const { return listening_.port; }
  [[nodiscard]] std::string url() const;
  void join() { child_->join(); }

 private:
  Listening listening_;
  FrameSource source_;
  std::unique_ptr<Child> child_;
};

// What a client has taken in: to be compared with what was sent.
struct Taken {
  std::uint64_t messages = 0;
  std::uint64_t wrong = 0;   // payloads that are not what was sent; counted when they are looked at
  std::uint64_t cpu_ns = 0;  // of the client's thread, from the first message to the last
};

// Beast's synchronous client, one read after another (perf/net_beast.cpp).
Taken take_by_beast(const FrameServer& server, const FrameSource& source,
                    const net::CertificateFiles& certificates, bool look);

}  // namespace ringside::perf
