// The whole path as its users run it: simulated exchange over TLS, worker, collector, all real
// processes on loopback, one deployment in a scratch folder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"

namespace ringside::e2e {

// What the exchange says of itself when it is ready.
struct Endpoints {
  std::string websocket, rest, ca;
};

// A venue and the exchange that plays it.
struct VenueOptions {
  std::vector<std::string> exchange{};  // arguments: --generate SPEC or --replay FILE, ...
  std::string venue = "kraken";
  std::vector<std::string> instruments{};
  int depth = 25;
  std::string extra_venue_keys{};
};

struct SystemOptions : VenueOptions {
  // The [[venue]] tables, made of the first exchange's; null: one of each venue.
  std::function<std::string(const Endpoints&)> venue_tables{};
  std::vector<std::pair<std::string, std::string>> environment{};
  std::vector<VenueOptions> more{};  // venues beside the first
  unsigned workers = 1;              // w0, w1, ...; a thread each
  std::string memory_keys = "spsc_slots = 65536\nevents_slots = 131072\ninstruments_max = 256\n";
  std::string state_dir{};  // empty: in the scratch folder
  std::string collector_keys{};
  bool tls = true;                    // a restarted exchange has another authority: false for that
  std::vector<std::string> within{};  // a program and its arguments, which starts all the others
};

class LiveSystem {
 public:
  explicit LiveSystem(SystemOptions options);

  // Each throws std::runtime_error with the process's own words when it does not become ready.
  void start_exchange();  // of every venue; writes the configuration
  void start_worker(unsigned index = 0);
  void start_collector();
  void start() {
    start_exchange();
    for (unsigned i = 0; i < options_.workers; ++i) start_worker(i);
    start_collector();
  }
  // The first venue's, after its end: on the same port.
  void restart_exchange();
  // Orderly, collector first; expects exit status 0 of each.
  void stop();

  // Runs `ringside ARGUMENTS... --instance I`.
  Finished ringside(std::vector<std::string> arguments,
                    milliseconds deadline = milliseconds(60'000));
  // Starts it and leaves it running.
  std::unique_ptr<Process> start_ringside(std::vector<std::string> arguments);

  // What the process of that name (exchange, c0, w0, ...) said on stderr.
  [[nodiscard]] std::string log(const std::string& name) const;
  [[nodiscard]] Process& worker_at(unsigned index) {
    return index == 0 ? *worker : *workers_[index];
  }
  // Where the exchange of the first venue, the second, ... listens.
  [[nodiscard]] const Endpoints& endpoint(std::size_t venue) const { return endpoints_[venue]; }
  // Every symbol of every venue.
  [[nodiscard]] std::vector<std::string> instruments() const;

  Scratch scratch;
  std::unique_ptr<Process> exchange, worker, collector;
  std::string config;  // the file

 private:
  std::unique_ptr<Process> launch(std::vector<std::string> arguments, const std::string& log);
  void wait_ready(Process& process, const std::string& log);
  Endpoints launch_exchange(const VenueOptions& venue, const std::string& name,
                            const std::string& listen, std::unique_ptr<Process>& process);
  void write_config();
  std::string venue_table(const VenueOptions& venue, const Endpoints& endpoint) const;

  SystemOptions options_;
  std::vector<Endpoints> endpoints_;  // of each venue
  std::vector<std::unique_ptr<Process>> more_exchanges_;
  std::vector<std::unique_ptr<Process>> workers_;  // by index; [0] is `worker`
};

}  // namespace ringside::e2e
