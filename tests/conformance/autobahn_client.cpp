// The client that a fuzzing server of the Autobahn test suite drives: it asks how many cases there
// are, echoes each, and has the report written. Exit 0: all cases were run (whether they passed is
// the report's to say); 1: a case did not end in time; 2: bad usage, or no server.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "echo_client.hpp"

namespace {

using namespace ringside;

constexpr std::int64_t case_ns_max = 300 * net::ns_per_s;  // of one case; then it is given up
constexpr unsigned cases_max = 100'000;

constexpr std::string_view usage =
    "usage: autobahn_client URL AGENT\n"
    "\n"
    "  URL     of a WebSocket fuzzing server: ws://host:port or wss://host:port\n"
    "  AGENT   the name under which the server reports: letters, digits, '.', '_' and '-'\n"
    "\n"
    "Runs every case of the server: asks /getCaseCount, echoes /runCase?case=N, ends with\n"
    "/updateReports. Offers permessage-deflate. With wss:// the certificate is verified against\n"
    "the system's authorities, or those that SSL_CERT_FILE names.\n";

// An echo goes on until the server ends it; false: it had to be given up.
bool run_to_end(net::Loop& loop, conformance::EchoClient& client) {
  const std::int64_t end = loop.steady_ns() + case_ns_max;
  while (!client.closed()) {
    if (loop.steady_ns() > end) {
      client.abort();
      return false;
    }
    (void)loop.run_once(net::ns_per_s);
  }
  return true;
}

class Driver {
 public:
  Driver(std::string url, std::string agent) : url_(std::move(url)), agent_(std::move(agent)) {
    while (url_.ends_with('/')) url_.pop_back();
    if (url_.starts_with("wss://")) tls_.emplace(net::TlsContext::client({}));
  }

  int run() {
    const unsigned count = ask_case_count();
    if (count == 0) return 2;
    std::printf("%u cases\n", count);
    unsigned given_up = 0;
    for (unsigned number = 1; number <= count; ++number) {
      conformance::EchoClient client(
          loop_, options("/runCase?case=" + std::to_string(number) + "&agent=" + agent_));
      if (!run_to_end(loop_, client)) {
        ++given_up;
        std::printf("case %u did not end within %lld s\n", number,
                    static_cast<long long>(case_ns_max / net::ns_per_s));
      } else if (!client.opened()) {
        std::fprintf(stderr, "autobahn_client: case %u of %u: no connection: %s%s%s\n", number,
                     count, net::name_of(client.reason()), client.detail().empty() ? "" : ": ",
                     client.detail().c_str());
        return 2;
      }
      if (number % 50 == 0 || number == count) std::printf("case %u of %u\n", number, count);
      (void)std::fflush(stdout);
    }
    conformance::EchoClient report(loop_, options("/updateReports?agent=" + agent_));
    if (!run_to_end(loop_, report)) ++given_up;
    return given_up == 0 ? 0 : 1;
  }

 private:
  net::WebSocketClientOptions options(const std::string& target) {
    auto made = conformance::echo_options(url_ + target);
    made.tls = tls_ ? &*tls_ : nullptr;
    return made;
  }

  struct Count {
    unsigned value = 0;
    bool closed = false;
    std::string why;
  };

  // 0: none could be had; why has been said.
  unsigned ask_case_count() {
    Count count;
    net::WebSocketClient client(
        loop_, options("/getCaseCount"),
        {.context = &count,
         .on_open = [](void*) noexcept {},
         .on_text =
             [](void* context, std::string_view text, net::ReceiveTimes) noexcept {
               unsigned value = 0;
               for (const char c : text.substr(0, 9)) {
                 if (c < '0' || c > '9') return;
                 value = value * 10 + static_cast<unsigned>(c - '0');
               }
               static_cast<Count*>(context)->value = value;
             },
         .on_binary = nullptr,
         .on_batch_end = nullptr,
         .on_close =
             [](void* context, net::CloseReason why, std::uint16_t,
                std::string_view detail) noexcept {
               auto& self = *static_cast<Count*>(context);
               self.closed = true;
               self.why = std::string(net::name_of(why)) + (detail.empty() ? "" : ": ") +
                          std::string(detail);
             }});
    client.connect();
    const std::int64_t end = loop_.steady_ns() + case_ns_max;
    while (!count.closed && loop_.steady_ns() < end) (void)loop_.run_once(net::ns_per_s);
    if (count.value > 0 && count.value <= cases_max) return count.value;
    std::fprintf(stderr,
                 "autobahn_client: %s/getCaseCount told no number of cases (%s); is a WebSocket "
                 "fuzzing server listening there?\n",
                 url_.c_str(), count.closed ? count.why.c_str() : "no end in time");
    return 0;
  }

  std::string url_;
  std::string agent_;
  std::optional<net::TlsContext> tls_;
  net::Loop loop_{net::LoopOptions{}};
};

bool is_agent(std::string_view text) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    if (!plain) return false;
  }
  return !text.empty();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--help" || first == "-h") {
    std::fwrite(usage.data(), 1, usage.size(), stdout);
    return 0;
  }
  if (first == "--version") {
    std::puts("autobahn_client " RINGSIDE_VERSION);
    return 0;
  }
  if (argc != 3 || !is_agent(argv[2])) {
    std::fprintf(stderr,
                 "autobahn_client: wants URL and AGENT (letters, digits, '.', '_', '-'); see "
                 "--help\n");
    return 2;
  }
  try {
    return Driver(argv[1], argv[2]).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "autobahn_client: %s\n", error.what());
    return 2;
  }
}
