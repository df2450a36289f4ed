#include "perf/pipeline_rig.hpp"

#include <fmt/format.h>
#include <sys/times.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "tools/ringside/deployment_stat.hpp"

namespace ringside::perf {
namespace {

using e2e::milliseconds;
constexpr milliseconds ready_deadline{30'000};
constexpr milliseconds stop_deadline{15'000};
constexpr milliseconds poll_period{50};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// User and system time of a living process, from its stat line; the name may hold spaces.
std::uint64_t cpu_ns(pid_t pid) {
  const auto text = contents(fmt::format("/proc/{}/stat", pid));
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  std::uint64_t user = 0, system = 0;
  fields >> user >> system;
  return (user + system) * (1'000'000'000ULL / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
}

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

void catch_interrupts() {
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { interrupted = 1; });
}

void check_interrupted() {
  if (interrupted != 0) throw std::runtime_error("interrupted");
}

PipelineRig::PipelineRig(const PipelineOptions& options) : instruments_(options.instruments) {
  setenv("RINGSIDE_SHM_ROOT", scratch_.shm_root().c_str(), 1);
  start_exchange(options);
  processes_[2] = launch({"ringside-orderbook", "--config", config_, "--name", "w0"}, "w0.log");
  processes_[1] = launch({"ringside-collector", "--config", config_, "--name", "c0"}, "c0.log");
}

PipelineRig::~PipelineRig() {
  for (const std::size_t index : {1U, 2U, 0U}) {
    if (!processes_[index]) continue;
    processes_[index]->signal(SIGTERM);
    if (processes_[index]->wait(stop_deadline) != 0)
      fmt::print(stderr, "{} did not stop in order\n", process_names[index]);
  }
}

std::unique_ptr<e2e::Process> PipelineRig::launch(std::vector<std::string> arguments,
                                                  const std::string& log) {
  e2e::ProcessOptions options;
  options.arguments = std::move(arguments);
  options.error_file = scratch_.path(log);
  auto process = std::make_unique<e2e::Process>(options);
  while (const auto line = process->line(ready_deadline)) {
    if (line->starts_with("ready")) return process;
  }
  throw std::runtime_error(log + ": not ready; it said: " + contents(scratch_.path(log)));
}

void PipelineRig::start_exchange(const PipelineOptions& options) {
  e2e::ProcessOptions process;
  process.arguments = {
      "ringside-exchange",
      "--tls",
      "--listen",
      "127.0.0.1:0",
      "--state-dir",
      scratch_.path(""),
      "--seed",
      std::to_string(options.seed),
      "--generate",
      fmt::format("binance:S#USDT*{};depth=100;rate={};deep={};depth_ms={}", options.instruments,
                  options.events_per_second, options.deep, options.depth_ms)};
  process.error_file = scratch_.path("exchange.log");
  processes_[0] = std::make_unique<e2e::Process>(process);
  const auto line = processes_[0]->line(ready_deadline);
  if (!line)
    throw std::runtime_error("exchange: not ready; it said: " +
                             contents(scratch_.path("exchange.log")));
  write_config(*line, options);
}

void PipelineRig::write_config(const std::string& ready_line, const PipelineOptions& options) {
  const auto ready = nlohmann::json::parse(ready_line);
  std::vector<std::string> symbols;
  for (unsigned i = 0; i < options.instruments; ++i) symbols.push_back(fmt::format("S{}USDT", i));
  const auto threads = [&](std::size_t which) {
    return options.cpus.empty() ? std::string()
                                : fmt::format("threads = [{{ cpu = {} }}]\n", options.cpus[which]);
  };
  const std::string text = fmt::format(
      R"(instance = "{}"
wait = "adaptive"
[memory]
instruments_max = 256
[[collector]]
name = "c0"
{}state_dir = "{}"
[[worker]]
name = "w0"
{}[[venue]]
name = "binance"
websocket = "{}"
rest = "{}"
tls_ca = "{}"
depth = 500
instruments = ["{}"]
)",
      instance, threads(0), scratch_.path("state"), threads(1),
      ready.at("websocket").get<std::string>(), ready.at("rest").get<std::string>(),
      ready.at("ca").get<std::string>(), fmt::join(symbols, "\", \""));
  config_ = scratch_.write("bench.toml", text);
}

PipelineReading PipelineRig::read() const {
  PipelineReading reading;
  const auto stat = tools::collect_deployment(instance);
  reading.at_ns =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                     std::chrono::steady_clock::now().time_since_epoch())
                                     .count());
  for (const auto& process : stat.processes) {
    for (const auto& [owner, counters] : process.counters) {
      for (const auto& [name, value] : counters) {
        if (name == "frames") reading.messages += value;
        if (name == "frame_bytes") reading.bytes += value;
        if (name == "resyncs") reading.resyncs += value;
        if (name == "sequence_gaps") reading.gaps += value;
        if (name == "connections_opened") reading.connections += value;
      }
    }
  }
  for (const auto& ring : stat.rings) reading.drops += ring.broadcast ? 0 : ring.drops;
  for (const auto& instrument : stat.instruments) reading.live += instrument.state() == "live";
  for (std::size_t i = 0; i < processes_.size(); ++i)
    reading.cpu_ns[i] = cpu_ns(processes_[i]->pid());
  return reading;
}

bool PipelineRig::wait_live(unsigned seconds) const {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (read().live != instruments_) {
    check_interrupted();
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(poll_period);
  }
  return true;
}

}  // namespace ringside::perf
