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
  options.arguments = options_.within;
  if (!options.arguments.empty()) arguments[0] = program(arguments[0]);
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
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

Endpoints LiveSystem::launch_exchange(const VenueOptions& venue, const std::string& name,
                                      const std::string& listen,
                                      std::unique_ptr<Process>& process) {
  std::vector<std::string> arguments{"ringside-exchange", "--listen", listen};
  if (options_.tls) {
    arguments.insert(arguments.end(), {"--tls", "--state-dir", scratch.path(name)});
  }
  arguments.insert(arguments.end(), venue.exchange.begin(), venue.exchange.end());
  process = launch(arguments, name + ".log");
  const auto line = process->line(ready_deadline);
  if (!line) throw std::runtime_error(name + ": not ready; it said: " + log(name));
  const auto ready = nlohmann::json::parse(*line);
  return {ready.at("websocket"), ready.value("rest", ""), ready.at("ca")};
}

void LiveSystem::start_exchange() {
  endpoints_ = {launch_exchange(options_, "exchange", "127.0.0.1:0", exchange)};
  more_exchanges_.clear();
  for (const auto& venue : options_.more) {
    const auto name = "exchange-" + std::to_string(endpoints_.size());
    more_exchanges_.emplace_back();
    endpoints_.push_back(launch_exchange(venue, name, "127.0.0.1:0", more_exchanges_.back()));
  }
  write_config();
}

void LiveSystem::restart_exchange() {
  const auto& url = endpoints_.front().websocket;
  const auto host = url.find("//") + 2;
  const auto listen = url.substr(host, url.find('/', host) - host);
  static_cast<void>(launch_exchange(options_, "exchange", listen, exchange));
}

std::string LiveSystem::venue_table(const VenueOptions& venue, const Endpoints& endpoint) const {
  std::string text =
      "[[venue]]\nname = \"" + venue.venue + "\"\nwebsocket = \"" + endpoint.websocket + "\"\n";
  if (venue.venue.starts_with("binance"))
    text += "rest = \"" + endpoint.rest + "\"\n";
  else
    text += "depth = " + std::to_string(venue.depth) + "\n";
  if (options_.tls) text += "tls_ca = \"" + endpoint.ca + "\"\n";
  text += venue.extra_venue_keys + "instruments = [";
  for (const auto& symbol : venue.instruments) text += "\"" + symbol + "\", ";
  return text + "]\n";
}

void LiveSystem::write_config() {
  const auto state_dir = options_.state_dir.empty() ? scratch.path("state") : options_.state_dir;
  std::string text = "instance = \"test\"\nwait = \"adaptive\"\n[memory]\n" + options_.memory_keys +
                     "[[collector]]\nname = \"c0\"\nstate_dir = \"" + state_dir + "\"\n" +
                     options_.collector_keys;
  for (unsigned i = 0; i < options_.workers; ++i) {
    text += "[[worker]]\nname = \"w" + std::to_string(i) + "\"\n";
  }
  text += options_.venue_tables ? options_.venue_tables(endpoints_.front())
                                : venue_table(options_, endpoints_.front());
  for (std::size_t i = 0; i < options_.more.size(); ++i) {
    text += venue_table(options_.more[i], endpoints_[i + 1]);
  }
  config = scratch.write("test.toml", text);
}

void LiveSystem::start_worker(unsigned index) {
  const auto name = "w" + std::to_string(index);
  workers_.resize(options_.workers);
  auto& process = index == 0 ? worker : workers_[index];
  process.reset();
  process = launch({"ringside-orderbook", "--config", config, "--name", name}, name + ".log");
  wait_ready(*process, name + ".log");
}

void LiveSystem::start_collector() {
  collector.reset();
  collector = launch({"ringside-collector", "--config", config, "--name", "c0"}, "c0.log");
  wait_ready(*collector, "c0.log");
}

void LiveSystem::stop() {
  std::vector<std::unique_ptr<Process>*> order{&collector, &worker};
  for (auto& process : workers_) order.push_back(&process);
  order.push_back(&exchange);
  for (auto& process : more_exchanges_) order.push_back(&process);
  for (auto* process : order) {
    if (!*process) continue;
    (*process)->signal(SIGTERM);
    EXPECT_EQ((*process)->wait(stop_deadline), 0) << "orderly stop";
    process->reset();
  }
}

std::string LiveSystem::log(const std::string& name) const {
  return contents(scratch.path(name + ".log"));
}

std::vector<std::string> LiveSystem::instruments() const {
  auto all = options_.instruments;
  for (const auto& venue : options_.more) {
    all.insert(all.end(), venue.instruments.begin(), venue.instruments.end());
  }
  return all;
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
