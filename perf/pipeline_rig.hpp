// The whole path as its users run it, for measurements: simulated exchange over TLS, worker and
// collector as processes of their own on loopback, and what they say and cost.
//
// Threads: one. Fails by: std::runtime_error with the process's own words when it does not start,
// or "interrupted".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"

namespace ringside::perf {

struct PipelineOptions {
  std::uint64_t events_per_second = 0;
  unsigned instruments = 50;
  unsigned deep = 0;  // as ringside-exchange's generator has them
  unsigned depth_ms = 0;
  std::uint64_t seed = 1;
  std::vector<int> cpus{};  // of the collector and of the worker; empty: left to the scheduler
};

// Sums since the start.
struct PipelineReading {
  std::uint64_t at_ns = 0;     // steady clock
  std::uint64_t messages = 0;  // WebSocket messages that the collector has taken
  std::uint64_t bytes = 0;     // of their payload
  std::uint64_t drops = 0;     // records that found a ring full
  std::uint64_t resyncs = 0;
  std::uint64_t gaps = 0;
  std::uint64_t connections = 0;
  std::size_t live = 0;                   // instruments
  std::array<std::uint64_t, 3> cpu_ns{};  // as in PipelineRig::process_names
};

// SIGINT and SIGTERM do not end this process any more: check_interrupted() throws, so that the
// rig's destructor stops what it has started.
void catch_interrupts();
void check_interrupted();  // throws std::runtime_error

class PipelineRig {
 public:
  static constexpr std::array<const char*, 3> process_names{"exchange", "collector", "worker"};
  static constexpr const char* instance = "bench";

  // Starts all three; returns when each is ready.
  explicit PipelineRig(const PipelineOptions& options);
  ~PipelineRig();  // stops them in order
  PipelineRig(const PipelineRig&) = delete;
  PipelineRig& operator=(const PipelineRig&) = delete;

  [[nodiscard]] PipelineReading read() const;
  // As in process_names.
  [[nodiscard]] pid_t pid(std::size_t process) const { return processes_[process]->pid(); }
  // False: not all instruments were live within `seconds`.
  [[nodiscard]] bool wait_live(unsigned seconds) const;

 private:
  std::unique_ptr<e2e::Process> launch(std::vector<std::string> arguments, const std::string& log);
  void start_exchange(const PipelineOptions& options);
  void write_config(const std::string& ready_line, const PipelineOptions& options);

  e2e::Scratch scratch_;
  std::string config_;
  std::size_t instruments_;
  std::array<std::unique_ptr<e2e::Process>, 3> processes_;
};

}  // namespace ringside::perf
