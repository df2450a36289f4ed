// ringside-orderbook: the order book worker process. One [[worker]] of a deployment file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ipc/deployment.hpp"
#include "ipc/placement.hpp"
#include "ipc/telemetry.hpp"
#include "orderbook/worker_thread.hpp"

namespace ringside::orderbook {
namespace {

constexpr int exit_ok = 0;
constexpr int exit_environment = 2;  // bad usage, configuration or surroundings
constexpr std::chrono::milliseconds signal_period{20};

struct Arguments {
  std::string config;
  std::string name;
  bool check = false;
};

void say_degradations(const ipc::Telemetry& telemetry, std::size_t& said) {
  const auto lines = ipc::TelemetryReader(telemetry.segment()).degradations();
  for (; said < lines.size(); ++said) std::fprintf(stderr, "%s\n", lines[said].line.c_str());
}

// Threads before this process's, collectors' first, so that cpu = "auto" spreads over all of them.
std::size_t first_running_index(const ipc::Deployment& deployment,
                                const ipc::ProcessSpec& process) {
  std::size_t index = 0;
  for (const auto& collector : deployment.collectors) index += collector.threads.size();
  for (const auto& worker : deployment.workers) {
    if (worker.name == process.name) break;
    index += worker.threads.size();
  }
  return index;
}

// The threads of this process, and the first thing that went wrong in one of them.
class Threads {
 public:
  Threads(const ipc::Deployment& deployment, const ipc::ProcessSpec& process,
          ipc::Telemetry& telemetry) {
    const auto allowed = ipc::allowed_cpus();
    const auto first = first_running_index(deployment, process);
    for (std::size_t i = 0; i < process.threads.size(); ++i) {
      workers_.push_back(std::make_unique<WorkerThread>(WorkerThread::Options{
          .name = process.thread_name(i),
          .deployment = deployment,
          .placement = process.threads[i],
          .running_index = first + i,
          .allowed_cpus = allowed,
          .publish_first = process.publish_first,
          .keeps_telemetry = i == 0,
          .telemetry = telemetry,
      }));
    }
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { stop(); }

  void start() {
    for (const auto& worker : workers_) {
      threads_.emplace_back([this, &worker = *worker] {
        try {
          worker.run(stop_);
        } catch (const std::exception& error) {
          const std::lock_guard lock(mutex_);
          if (error_.empty()) error_ = error.what();
        }
      });
    }
  }
  void stop() {
    stop_.store(true, std::memory_order_relaxed);  // a flag: nothing is read because of it
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] bool ready() const {
    return std::all_of(workers_.begin(), workers_.end(),
                       [](const auto& worker) { return worker->ready(); });
  }
  void rethrow() {
    const std::lock_guard lock(mutex_);
    if (!error_.empty()) throw std::runtime_error(error_);
  }

 private:
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::string error_;
};

// Blocked in every thread, so that the main thread alone takes them, when it likes.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

bool signalled(const sigset_t& set) {
  const timespec period{0, std::chrono::nanoseconds(signal_period).count()};
  return sigtimedwait(&set, nullptr, &period) > 0;
}

int run(const Arguments& arguments) {
  const ipc::Deployment deployment = ipc::load_deployment(arguments.config);
  const ipc::ProcessSpec& process = deployment.worker(arguments.name);
  ipc::check_placement(deployment, process);
  if (arguments.check) {
    std::printf("%s: worker %s: %zu thread(s): good\n", arguments.config.c_str(),
                process.name.c_str(), process.threads.size());
    return exit_ok;
  }

  const sigset_t signals = block_signals();
  std::signal(SIGPIPE, SIG_IGN);
  ipc::Telemetry telemetry({.instance = deployment.instance,
                            .process = process.name,
                            .role = "orderbook",
                            .group = deployment.memory.group,
                            .histograms = 2 * process.threads.size()});
  for (const auto& fact : ipc::scheduling_facts()) telemetry.fact(fact);
  std::size_t said = 0;
  Threads threads(deployment, process, telemetry);
  threads.start();
  bool ready = false;
  for (;;) {
    threads.rethrow();
    if (!ready && threads.ready()) {
      ready = true;
      say_degradations(telemetry, said);
      std::printf("ready %s: %zu worker thread(s)\n", process.name.c_str(), process.threads.size());
      std::fflush(stdout);
    }
    if (signalled(signals)) break;
  }
  threads.stop();
  return exit_ok;
}

}  // namespace
}  // namespace ringside::orderbook

int main(int argc, char** argv) {
  using namespace ringside::orderbook;
  try {
    CLI::App app("Order book worker: keeps, checks and publishes the books of one deployment.",
                 "ringside-orderbook");
    Arguments arguments;
    app.add_option("--config", arguments.config, "The deployment's TOML file")->required();
    app.add_option("--name", arguments.name, "Which [[worker]] of it")->required();
    app.add_flag("--check", arguments.check, "Only look whether the configuration can be met");
    app.set_version_flag("--version", "ringside-orderbook " RINGSIDE_VERSION);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app.exit(error);
      std::fprintf(stderr, "ringside-orderbook: %s; see ringside-orderbook --help\n", error.what());
      return exit_environment;
    }
    return run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ringside-orderbook: %s\n", error.what());
    return exit_environment;
  }
}
