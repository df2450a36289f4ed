#include "tests/e2e/live_system.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace ringside::e2e {
namespace {

constexpr milliseconds ready_deadline{30'000};
constexpr milliseconds stop_deadline{15'000};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

LiveSystem::LiveSystem(SystemOptions options) : options_(std::move(options)) {}

std::unique_ptr<Process> LiveSystem::launch(std::vector<std::string> arguments,
                                            const std::string& log) {
  ProcessOptions options;
  options.arguments = std::move(arguments);
  options.environment = options_.environment;
  options.environment.emplace_back("RINGSIDE_SHM_ROOT", scratch.shm_root());
  options.error_file = scratch.path(log);
  return std::make_unique<Process>(options);
}

void LiveSystem::wait_ready(Process& process, const std::string& log) {
  while (const auto line = process.line(ready_deadline)) {
    if (line->starts_with("ready")) return;
  }
  throw std::runtime_error(log + ": not ready; it said: " + contents(scratch.path(log)));
}

void LiveSystem::start_exchange() {
  std::vector<std::string> arguments{"ringside-exchange", "--listen",      "127.0.0.1:0", "--tls",
                                     "--state-dir",       scratch.path("")};
  arguments.insert(arguments.end(), options_.exchange.begin(), options_.exchange.end());
  exchange = launch(arguments, "exchange.log");
  const auto line = exchange->line(ready_deadline);
  if (!line)
    throw std::runtime_error("exchange: not ready; it said: " +
                             contents(scratch.path("exchange.log")));
  const auto ready = nlohmann::json::parse(*line);
  write_config(ready.at("websocket"), ready.value("rest", ""), ready.at("ca"));
}

void LiveSystem::write_config(const std::string& websocket, const std::string& rest,
                              const std::string& ca) {
  std::string text =
      "instance = \"test\"\nwait = \"adaptive\"\n"
      "[memory]\nspsc_slots = 65536\nevents_slots = 131072\ninstruments_max = 256\n"
      "[[collector]]\nname = \"c0\"\nstate_dir = \"" +
      scratch.path("state") +
      "\"\n"
      "[[worker]]\nname = \"w0\"\n"
      "[[venue]]\nname = \"" +
      options_.venue + "\"\nwebsocket = \"" + websocket + "\"\n";
  if (options_.venue.starts_with("binance"))
    text += "rest = \"" + rest + "\"\n";
  else
    text += "depth = " + std::to_string(options_.depth) + "\n";
  text += "tls_ca = \"" + ca + "\"\n" + options_.extra_venue_keys + "instruments = [";
  for (const auto& symbol : options_.instruments) text += "\"" + symbol + "\", ";
  config = scratch.write("test.toml", text + "]\n");
}

void LiveSystem::start_worker() {
  worker = launch({"ringside-orderbook", "--config", config, "--name", "w0"}, "w0.log");
  wait_ready(*worker, "w0.log");
}

void LiveSystem::start_collector() {
  collector = launch({"ringside-collector", "--config", config, "--name", "c0"}, "c0.log");
  wait_ready(*collector, "c0.log");
}

void LiveSystem::stop() {
  for (auto* process : {&collector, &worker, &exchange}) {
    if (!*process) continue;
    (*process)->signal(SIGTERM);
    EXPECT_EQ((*process)->wait(stop_deadline), 0) << "orderly stop";
    process->reset();
  }
}

Finished LiveSystem::ringside(std::vector<std::string> arguments, milliseconds deadline) {
  arguments.insert(arguments.begin(), "ringside");
  arguments.insert(arguments.end(), {"--instance", "test"});
  return run(scratch, std::move(arguments), deadline);
}

std::unique_ptr<Process> LiveSystem::start_ringside(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ringside");
  arguments.insert(arguments.end(), {"--instance", "test"});
  return launch(std::move(arguments), "ringside.log");
}

}  // namespace ringside::e2e
