// The whole path as its users run it: simulated exchange over TLS, worker, collector, all real
// processes on loopback, one deployment in a scratch folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"

namespace ringside::e2e {

struct SystemOptions {
  std::vector<std::string> exchange{};  // arguments: --generate SPEC or --replay FILE, ...
  std::string venue = "kraken";
  std::vector<std::string> instruments{};
  int depth = 25;
  std::string extra_venue_keys{};
  std::vector<std::pair<std::string, std::string>> environment{};
};

class LiveSystem {
 public:
  explicit LiveSystem(SystemOptions options);

  // Each throws std::runtime_error with the process's own words when it does not become ready.
  void start_exchange();
  void start_worker();
  void start_collector();
  void start() {
    start_exchange();
    start_worker();
    start_collector();
  }
  // Orderly, collector first; expects exit status 0 of each.
  void stop();

  // Runs `ringside ARGUMENTS... --instance I`.
  Finished ringside(std::vector<std::string> arguments,
                    milliseconds deadline = milliseconds(60'000));
  // Starts it and leaves it running.
  std::unique_ptr<Process> start_ringside(std::vector<std::string> arguments);

  Scratch scratch;
  std::unique_ptr<Process> exchange, worker, collector;
  std::string config;  // the file

 private:
  std::unique_ptr<Process> launch(std::vector<std::string> arguments, const std::string& log);
  void wait_ready(Process& process, const std::string& log);
  void write_config(const std::string& websocket, const std::string& rest, const std::string& ca);

  SystemOptions options_;
};

}  // namespace ringside::e2e
