// What a message costs the receiving thread: our client against Beast's synchronous one and against
// the least that any client could do, from the same server, on a core of its own.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "ipc/check.hpp"
#include "net/loop.hpp"
#include "net/websocket_client.hpp"
#include "net/websocket_frame.hpp"
#include "perf/net_peer.hpp"
#include "perf/suites.hpp"

namespace ringside::perf {
namespace {

// Our client, sleeping in the kernel, as a collector with `wait = "adaptive"`.
class OurClient {
 public:
  OurClient(const FrameServer& server, const FrameSource& source, const net::TlsContext* tls,
            bool look, bool stamps)
      : loop_(net::LoopOptions{.receive_stamps = stamps}), wanted_(source.messages), look_(look) {
    net::WebSocketClientOptions options;
    options.url = server.url();
    options.tls = source.tls ? tls : nullptr;
    options.timing.ping_interval_ns = 0;
    client_.emplace(loop_, options,
                    net::WebSocketClientCallbacks{.context = this,
                                                  .on_open = [](void*) noexcept {},
                                                  .on_text = on_text,
                                                  .on_binary = nullptr,
                                                  .on_batch_end = nullptr,
                                                  .on_close = on_close});
  }

  Taken run() {
    client_->connect();
    while (taken_.messages < wanted_) {
      RINGSIDE_CHECK(!closed_);
      (void)loop_.run_once(1'000'000);
    }
    taken_.cpu_ns = thread_cpu_ns() - begin_;
    client_->abort();
    while (!closed_) (void)loop_.run_once(1'000'000);
    return taken_;
  }

 private:
  static void on_text(void* context, std::string_view text, net::ReceiveTimes) noexcept {
    auto& self = *static_cast<OurClient*>(context);
    if (self.taken_.messages == 0) self.begin_ = thread_cpu_ns();
    if (self.look_ && !is_payload(text, self.taken_.messages)) ++self.taken_.wrong;
    ++self.taken_.messages;
  }
  static void on_close(void* context, net::CloseReason, std::uint16_t, std::string_view) noexcept {
    static_cast<OurClient*>(context)->closed_ = true;
  }

  net::Loop loop_;
  std::optional<net::WebSocketClient> client_;
  Taken taken_;
  std::uint64_t wanted_;
  std::uint64_t begin_ = 0;
  bool look_;
  bool closed_ = false;
};

// The floor: one recv after another into one buffer, and a walk from header to header.
Taken take_by_floor(const FrameServer& server, const FrameSource& source, bool look) {
  const int descriptor = connect_to(server.port());
  const std::string request =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
  write_all(descriptor, request.data(), request.size());
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char octet = 0;
    read_all(descriptor, &octet, 1);
    head += octet;
  }
  std::vector<std::byte> buffer(128 * 1024);
  std::size_t held = 0;
  Taken taken;
  std::uint64_t begin = 0;
  while (taken.messages < source.messages) {
    const ssize_t count = ::recv(descriptor, buffer.data() + held, buffer.size() - held, 0);
    RINGSIDE_CHECK(count > 0);
    if (taken.messages == 0) begin = thread_cpu_ns();
    held += static_cast<std::size_t>(count);
    std::size_t at = 0;
    while (true) {
      const auto rest = std::span(buffer).subspan(at, held - at);
      const auto header = net::parse_frame_header<net::Role::Client>(rest);
      const std::size_t bytes =
          header.header_bytes + static_cast<std::size_t>(header.payload_bytes);
      if (!header.complete || rest.size() < bytes) break;
      if (look) {
        const std::string_view text(
            reinterpret_cast<const char*>(rest.data()) + header.header_bytes,
            static_cast<std::size_t>(header.payload_bytes));
        if (!is_payload(text, taken.messages)) ++taken.wrong;
      }
      at += bytes;
      ++taken.messages;
    }
    std::memmove(buffer.data(), buffer.data() + at, held - at);
    held -= at;
  }
  taken.cpu_ns = thread_cpu_ns() - begin;
  ::close(descriptor);
  return taken;
}

class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "ringside-bench-XXXXXX").string();
    RINGSIDE_CHECK(::mkdtemp(name.data()) != nullptr);
    folder = name;
  }
  ~Scratch() { std::filesystem::remove_all(folder); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path folder;
};

enum class Client { Ours, OursStamped, Beast, Floor };

// CPU time a message, in ns.
double measure(Client client, const FrameSource& source, const net::CertificateFiles& certificates,
               const net::TlsContext& tls, bool look) {
  FrameServer server(source, certificates);
  Taken taken;
  const bool stamps = client == Client::OursStamped;
  if (stamps || client == Client::Ours) {
    taken = OurClient(server, source, &tls, look, stamps).run();
  }
  if (client == Client::Beast) taken = take_by_beast(server, source, certificates, look);
  if (client == Client::Floor) taken = take_by_floor(server, source, look);
  server.join();
  RINGSIDE_CHECK(taken.messages == source.messages && taken.wrong == 0);
  return static_cast<double>(taken.cpu_ns) / static_cast<double>(taken.messages);
}

}  // namespace

void bench_net_client(Report& report, Scale scale) {
  const Scratch scratch;
  const auto certificates = net::write_certificates(scratch.folder.string());
  const auto tls = net::TlsContext::client({.ca_file = certificates.ca_file});
  const bool small = scale == Scale::Small;
  const unsigned rounds = small ? 1 : 11;
  const std::uint64_t unit = small ? 1'000 : 50'000;
  const FrameSource ws{unit * 10, 50, false};
  const FrameSource wss{unit * 5, 50, true};
  const FrameSource wss_single{unit, 1, true};
  const FrameSource ws_single{unit, 1, false};
  for (const FrameSource& source : {ws, wss, wss_single}) {
    for (const Client client : {Client::Ours, Client::Beast}) {
      FrameSource few = source;
      few.messages = 1'000;
      (void)measure(client, few, certificates, tls, true);
    }
  }
  (void)measure(Client::Floor, {1'000, 50, false}, certificates, tls, true);
  const auto openssl_records = net::TlsContext::client(
      {.ca_file = certificates.ca_file, .records = net::TlsRecordReader::OpenSsl});
  std::vector<double> ws_ours, ws_beast, ws_floor, wss_ours, wss_beast, single_ours, single_beast;
  std::vector<double> single_openssl, ws_stamped, ws_single_plain, ws_single_stamped;
  for (unsigned round = 0; round < rounds; ++round) {
    const auto timed = [&](Client client, const FrameSource& source) {
      return measure(client, source, certificates, tls, false);
    };
    ws_floor.push_back(timed(Client::Floor, ws));
    ws_ours.push_back(timed(Client::Ours, ws));
    ws_stamped.push_back(timed(Client::OursStamped, ws));
    ws_beast.push_back(timed(Client::Beast, ws));
    wss_ours.push_back(timed(Client::Ours, wss));
    wss_beast.push_back(timed(Client::Beast, wss));
    single_ours.push_back(timed(Client::Ours, wss_single));
    single_beast.push_back(timed(Client::Beast, wss_single));
    single_openssl.push_back(
        measure(Client::Ours, wss_single, certificates, openssl_records, false));
    ws_single_plain.push_back(timed(Client::Ours, ws_single));
    ws_single_stamped.push_back(timed(Client::OursStamped, ws_single));
  }
  report.ratio("net.ws_cpu_vs_beast", ws_ours, ws_beast);
  report.ratio("net.ws_cpu_over_floor", ws_ours, ws_floor);
  report.ratio("net.wss_cpu_vs_beast", wss_ours, wss_beast);
  report.ratio("net.wss1_cpu_vs_beast", single_ours, single_beast);
  report.ratio("net.wss1_cpu_own_vs_openssl_records", single_ours, single_openssl);
  report.ratio("net.ws_cpu_stamped_vs_plain", ws_stamped, ws_ours);
  report.ratio("net.ws1_cpu_stamped_vs_plain", ws_single_stamped, ws_single_plain);
}

}  // namespace ringside::perf
