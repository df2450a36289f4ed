// ringside-exchange: a venue's WebSocket and REST on a local port, generated or replayed.
#include <CLI/CLI.hpp>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>

#include "net/certificate.hpp"
#include "tools/exchange/server.hpp"
#include "tools/exchange/state_folder.hpp"

namespace ringside::exchange {
namespace {

constexpr int exit_usage = 2;
std::atomic<bool> stop_requested{false};

std::atomic<bool> report_requested{false};

void on_report(int) { report_requested.store(true, std::memory_order_relaxed); }
void on_signal(int) { stop_requested.store(true, std::memory_order_relaxed); }

struct Arguments {
  ExchangeOptions exchange;
  std::string listen = "127.0.0.1:0";
  std::string speed = "1";
  std::string state_dir;
  bool tls = false;
  bool deflate = false;
};

// "127.0.0.1:9443", "[::1]:0"
ServerOptions parse_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  ServerOptions options;
  const char* const end = text.data() + text.size();
  const char* const from = colon == std::string::npos ? end : text.data() + colon + 1;
  const auto [stop, error] = std::from_chars(from, end, options.port);
  options.address = text.substr(0, std::min(colon, text.size()));
  if (options.address.starts_with('[') && options.address.ends_with(']')) {
    options.address = options.address.substr(1, options.address.size() - 2);
  }
  if (error != std::errc{} || stop != end || options.address.empty()) {
    throw std::invalid_argument("--listen: '" + text +
                                "' must be ADDRESS:PORT, as 127.0.0.1:0 (0: any free port)");
  }
  return options;
}

double parse_speed(const std::string& text) {
  if (text == "max") return 0;
  double speed = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  if (error != std::errc{} || stop != text.data() + text.size() || !(speed > 0) || speed > 1e6) {
    throw std::invalid_argument("--speed: '" + text +
                                "' must be a factor above 0 (1: as recorded) or max");
  }
  return speed;
}

void declare(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", std::string("ringside-exchange ") + RINGSIDE_VERSION);
  auto* replay = app.add_option("--replay", arguments.exchange.replay, "serve this capture");
  auto* generate =
      app.add_option("--generate", arguments.exchange.generate,
                     "make a market: VENUE:SYMBOL,SYMBOL;key=value;... with keys\n"
                     "depth (25), rate (2000 events a second, or max), burst (20 events),\n"
                     "seconds (0: for ever), levels (a side; 0: half as many again as depth),\n"
                     "rest_ms (20: how long REST answers take),\n"
                     "deep (0: changes away from the top with each event),\n"
                     "depth_ms (0: how much a depth message of Binance gathers)");
  replay->excludes(generate);
  app.add_option("--listen", arguments.listen, "ADDRESS:PORT; port 0: any free one")
      ->capture_default_str();
  app.add_flag("--tls", arguments.tls, "wss and https, with a certificate authority of its own");
  app.add_flag("--deflate", arguments.deflate,
               "permessage-deflate for clients that offer it, by their parameters");
  app.add_option("--state-dir", arguments.state_dir,
                 "where certificates are written (default: a temporary directory)");
  app.add_option("--speed", arguments.speed, "of a replay: a factor, or max")
      ->capture_default_str();
  app.add_option("--venue", arguments.exchange.venue,
                 "of a replay whose URLs do not tell: " + std::string(venue_names()));
  app.add_option("--faults", arguments.exchange.faults,
                 "KIND[=VALUE][:AIM]@WHEN[xTIMES][~DURATION], several separated by commas:\n"
                 "drop:BTC/USD@400, mute:#trade@+2s~5s, close=1012:connection#1@1000, random:5;\n"
                 "the kinds are in tools/exchange/README.md");
  app.add_option("--limits", arguments.exchange.limits,
                 "off (default), venue (what the real one documents), or connects=N/SECONDS,\n"
                 "messages=N/SECONDS, weight=N/SECONDS, streams=N, ban=SECONDS, separated by\n"
                 "commas; violations are printed at the end, and on SIGUSR1");
  app.add_flag("--split-layout", arguments.exchange.split_layout,
               "Binance futures as since April 2026: paths without /public or /market stay silent");
  app.add_option("--seed", arguments.exchange.seed, "of a generated market (default: a fresh one)");
  app.add_option("--truth", arguments.exchange.truth,
                 "write a hash of the true book after each book message to this file");
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

void print_ready(const Server& server, const ServerOptions& options, const std::string& ca_file,
                 std::uint64_t seed) {
  const bool six = options.address.find(':') != std::string::npos;
  const std::string host =
      (six ? "[" + options.address + "]" : options.address) + ":" + std::to_string(server.port());
  const bool tls = options.tls != nullptr;
  std::string faults;
  if (!server.faults_text().empty())
    faults = R"(, "faults": ")" + escaped(server.faults_text()) + '"';
  std::printf(R"({"websocket": "%s://%s%s", "rest": "%s://%s", "ca": "%s", "seed": %llu%s})"
              "\n",
              tls ? "wss" : "ws", host.c_str(), std::string(server.websocket_path()).c_str(),
              tls ? "https" : "http", host.c_str(), ca_file.c_str(),
              static_cast<unsigned long long>(seed), faults.c_str());
  std::fflush(stdout);
}

void serve(Arguments& arguments) {
  auto options = parse_listen(arguments.listen);
  arguments.exchange.speed = parse_speed(arguments.speed);
  std::optional<StateFolder> folder;
  std::optional<net::TlsContext> tls;
  std::string ca_file;
  if (arguments.tls) {
    folder.emplace(arguments.state_dir);
    const auto files = net::write_certificates(folder->path());
    ca_file = files.ca_file;
    tls.emplace(net::TlsContext::server(
        {.certificate_file = files.certificate_file, .key_file = files.key_file}));
    options.tls = &*tls;
  }
  options.deflate = arguments.deflate;
  Server server(options, arguments.exchange);
  if (!server.loop().fallback_line().empty()) {
    std::fprintf(stderr, "ringside-exchange: %s\n", server.loop().fallback_line().c_str());
  }
  print_ready(server, options, ca_file, arguments.exchange.seed);
  server.run(stop_requested, &report_requested);
  if (server.limited()) std::printf("%s\n", server.report_json().c_str());
}

int run(int argc, char** argv) {
  CLI::App app("Serves a venue's WebSocket and REST on a local port.", "ringside-exchange");
  Arguments arguments;
  arguments.exchange.seed = std::random_device{}();
  declare(app, arguments);
  try {
    app.parse(argc, argv);
    if (arguments.exchange.replay.empty() == arguments.exchange.generate.empty()) {
      throw std::invalid_argument("say --replay CAPTURE or --generate SPEC (see --help)");
    }
    serve(arguments);
    return 0;
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ringside-exchange: %s\n", error.what());
    return exit_usage;
  }
}

}  // namespace
}  // namespace ringside::exchange

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = ringside::exchange::on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = ringside::exchange::on_report;
  sigaction(SIGUSR1, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ringside::exchange::run(argc, argv);
}
