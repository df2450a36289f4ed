#include "tests/e2e/launched.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace ringside::e2e {
namespace {

using Clock = std::chrono::steady_clock;
constexpr milliseconds ready_deadline{30'000};
constexpr milliseconds launch_deadline{120'000};
constexpr milliseconds settle_deadline{60'000};

// "Z" for one that has ended and that nobody has asked about; empty: there is none.
std::string process_state(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto name_end = text.rfind(')');
  return name_end == std::string::npos ? std::string() : text.substr(name_end + 2, 1);
}

bool runs(pid_t pid) {
  const auto state = process_state(pid);
  return !state.empty() && state != "Z";
}

}  // namespace

Launched::~Launched() {
  exchanges_.clear();
  for (const auto& line : processes_with_environment("RINGSIDE_RUN_DIR=" + scratch.path("run"))) {
    kill(std::stoi(line), SIGKILL);
  }
}

Endpoint Launched::start_exchange(const std::string& spec, const std::string& address) {
  const auto number = std::to_string(exchanges_.size());
  const auto folder = scratch.path("exchange" + number);
  std::filesystem::create_directories(folder);
  ProcessOptions options;
  options.arguments = {"ringside-exchange", "--generate",   spec,    "--seed",      "7",
                       "--listen",          address + ":0", "--tls", "--state-dir", folder};
  options.error_file = scratch.path("exchange" + number + ".log");
  exchanges_.push_back(std::make_unique<Process>(options));
  const auto line = exchanges_.back()->line(ready_deadline);
  if (!line) throw std::runtime_error("exchange " + spec + ": not ready");
  const auto ready = nlohmann::json::parse(*line);
  return {ready.at("websocket"), ready.value("rest", ""), ready.at("ca")};
}

std::string Launched::venue(const std::string& name, const Endpoint& endpoint,
                            const std::string& keys) {
  std::string text = "[[venue]]\nname = \"" + name + "\"\nwebsocket = \"" + endpoint.websocket;
  // Binance's adapter knows the paths itself.
  if (name.starts_with("binance")) {
    text.resize(std::min(text.size(), text.find('/', text.find("wss://") + 6)));
    text += "\"\nrest = \"" + endpoint.rest;
  }
  return text + "\"\ntls_ca = \"" + endpoint.ca + "\"\n" + keys;
}

void Launched::configure(const std::string& tables) {
  config = scratch.write("test.toml",
                         "instance = \"test\"\nwait = \"adaptive\"\n"
                         "[memory]\nspsc_slots = 8192\nevents_slots = 16384\n"
                         "instruments_max = 64\n" +
                             tables);
}

std::vector<std::pair<std::string, std::string>> Launched::environment() const {
  return {{"RINGSIDE_BIN", RINGSIDE_BIN_DIR}, {"RINGSIDE_RUN_DIR", scratch.path("run")}};
}

Finished Launched::launch(const std::string& action) {
  return run(scratch, {RINGSIDE_SOURCE_DIR "/scripts/launch", action, config}, launch_deadline,
             environment());
}

Finished Launched::ringside(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ringside");
  arguments.insert(arguments.end(), {"--instance", "test"});
  return run(scratch, std::move(arguments));
}

nlohmann::json Launched::stat() {
  const auto stat = ringside({"stat", "--json"});
  return stat.status == 0 ? nlohmann::json::parse(stat.out) : nlohmann::json::object();
}

std::map<std::string, pid_t> Launched::pids() {
  std::map<std::string, pid_t> result;
  const auto parsed = stat();
  for (const auto& process : parsed.value("processes", nlohmann::json::array()))
    result[process.at("name")] = process.at("pid");
  return result;
}

bool Launched::all_live(std::size_t count) {
  const auto until = Clock::now() + settle_deadline;
  do {
    const auto parsed = stat();
    const auto instruments = parsed.value("instruments", nlohmann::json::array());
    const bool live =
        std::all_of(instruments.begin(), instruments.end(),
                    [](const auto& instrument) { return instrument.at("state") == "live"; });
    if (instruments.size() == count && live) return true;
  } while (Clock::now() < until);
  const auto last = ringside({"stat"});
  ADD_FAILURE() << "status " << last.status << "\n" << last.out << last.err;
  return false;
}

bool Launched::counts(const std::string& owner, const std::string& counter) {
  const auto until = Clock::now() + settle_deadline;
  do {
    const auto counters = stat().value("counters", nlohmann::json::object());
    const auto of_owner = counters.value(owner, nlohmann::json::object());
    if (of_owner.value(counter, std::uint64_t{0}) > 0) return true;
  } while (Clock::now() < until);
  return false;
}

std::vector<std::string> Launched::left_behind() const {
  auto left = processes_with_environment("RINGSIDE_RUN_DIR=" + scratch.path("run"));
  for (const auto& folder : {scratch.shm_root(), scratch.path("run")}) {
    if (!std::filesystem::exists(folder)) continue;
    left.push_back(folder);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      left.push_back(entry.path().string());
  }
  return left;
}

bool Launched::kill_and_wait(pid_t pid, int signal) {
  if (kill(pid, signal) != 0) return false;
  const auto until = Clock::now() + milliseconds(10'000);
  while (runs(pid)) {
    if (Clock::now() > until) return false;
  }
  return true;
}

}  // namespace ringside::e2e
