// ringside-collector: reads venues' feeds into shared memory.
#include <fmt/format.h>
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "collector/collector_process.hpp"
#include "collector/config.hpp"
#include "ipc/placement.hpp"

namespace {

using namespace ringside;

constexpr long main_tick_ns = 2'000'000;

struct Arguments {
  std::string config, name;
  bool check = false, processes = false, reference = false;
};

[[noreturn]] void fail(const std::string& line) {
  fmt::print(stderr, "ringside-collector: {}\n", line);
  std::exit(2);
}

// The processor must have what the decoders were compiled for.
void check_processor() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("pclmul")) {
    fail(
        "this processor has no AVX2 or PCLMUL; configure the build with "
        "-DRINGSIDE_PARSER_ARCH=x86-64-v2");
  }
#endif
}

void print_processes(const collector::Config& config) {
  fmt::print("instance {}\n", config.deployment.instance);
  for (const auto& worker : config.deployment.workers) fmt::print("worker {}\n", worker.name);
  for (const auto& process : config.deployment.collectors)
    fmt::print("collector {}\n", process.name);
}

// What a start would find wrong, without creating anything.
void check(const collector::Config& config) {
  const ipc::HostPlaces host;
  for (const auto& process : config.deployment.collectors)
    ipc::check_placement(config.deployment, process, host);
  for (const auto& process : config.deployment.workers)
    ipc::check_placement(config.deployment, process, host);
  fmt::print("{}: good: instance {}, {} collector and {} worker process(es), {} venue table(s)\n",
             config.deployment.file, config.deployment.instance,
             config.deployment.collectors.size(), config.deployment.workers.size(),
             config.venues.size());
}

// Waits at most one tick for a signal to end.
bool told_to_stop(const sigset_t& signals) {
  const timespec tick{0, main_tick_ns};
  const int signal = sigtimedwait(&signals, nullptr, &tick);
  return signal == SIGINT || signal == SIGTERM;
}

int serve(const collector::Config& config, const std::string& name) {
  ipc::check_placement(config.deployment, config.deployment.collector(name));
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // inherited by every thread
  std::signal(SIGPIPE, SIG_IGN);
  collector::CollectorProcess process(config, name);
  process.start();
  bool announced = false;
  for (;;) {
    process.on_tick();
    if (const auto failure = process.failure(); !failure.empty()) {
      process.stop();
      fmt::print(stderr, "ringside-collector: {}\n", failure);
      return 2;  // not exit(): the segments go with the process object
    }
    if (!announced && process.ready()) {
      for (const auto& line : process.degradations())
        fmt::print(stderr, "ringside-collector {}: {}\n", name, line);
      fmt::print("ready {}\n", name);
      std::fflush(stdout);
      announced = true;
    }
    if (told_to_stop(signals)) break;
  }
  process.stop();
  process.on_tick();
  return 0;
}

int run(const Arguments& arguments) {
  if (arguments.reference) {
    std::fputs(collector::config_reference().c_str(), stdout);
    return 0;
  }
  if (arguments.config.empty()) fail("--config FILE is required; see --help");
  const auto config = collector::load_config(arguments.config);
  if (arguments.processes) {
    print_processes(config);
    return 0;
  }
  if (arguments.check) {
    check(config);
    return 0;
  }
  if (arguments.name.empty())
    fail("--name NAME is required: which [[collector]] of the file to be");
  return serve(config, arguments.name);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Reads venues' feeds into shared memory, as the deployment file says.",
               "ringside-collector");
  app.set_version_flag("--version", "ringside-collector " RINGSIDE_VERSION);
  app.add_option("--config", arguments.config, "The deployment's TOML file");
  app.add_option("--name", arguments.name, "Which [[collector]] of it to be");
  app.add_flag("--check", arguments.check,
               "Check the file and this host against it; start nothing");
  app.add_flag("--processes", arguments.processes, "List the deployment's instance and processes");
  app.add_flag("--config-reference", arguments.reference,
               "Print the reference of all keys (CONFIG.md)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    fail(fmt::format("{}; see --help", error.what()));
  }
  try {
    check_processor();
    return run(arguments);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}
