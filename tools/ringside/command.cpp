#include "tools/ringside/command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "ipc/segment.hpp"

namespace ringside::tools {
namespace {

std::atomic<bool> stopping{false};

extern "C" void ask_to_stop(int) { stopping.store(true, std::memory_order_relaxed); }

}  // namespace

void add_instance_option(CLI::App& command, std::string& instance) {
  command
      .add_option("--instance", instance,
                  "which deployment; default: $RINGSIDE_INSTANCE, else the only one on this host")
      ->type_name("NAME");
}

std::string choose_instance(std::string_view asked) {
  auto present = ipc::list_instances();
  // A directory that was left behind is no deployment.
  std::erase_if(present, [](const auto& name) { return ipc::list_segments(name).empty(); });
  const char* const environment = std::getenv("RINGSIDE_INSTANCE");
  std::string wanted(asked);
  if (wanted.empty() && environment != nullptr) wanted = environment;
  if (wanted.empty()) {
    if (present.size() == 1) return present.front();
    if (present.empty()) {
      throw CommandError(
          fmt::format("no deployment runs on this host ({} is empty); start one with "
                      "scripts/launch up CONFIG",
                      ipc::segment_root()));
    }
    throw CommandError(fmt::format("several deployments run here: {}; choose one with --instance",
                                   fmt::join(present, ", ")));
  }
  if (std::find(present.begin(), present.end(), wanted) != present.end()) return wanted;
  throw CommandError(fmt::format(
      "no instance '{}' in {}: it is not running, or it has another name ({}); start it with "
      "scripts/launch up CONFIG, or choose with --instance",
      wanted, ipc::segment_root(),
      present.empty() ? std::string("none is running")
                      : fmt::format("running: {}", fmt::join(present, ", "))));
}

void add_json_option(CLI::App& command, std::string& target) {
  // main turns a bare --json into --json=-, because a value apart from it would swallow what comes
  // next on the command line.
  command.add_option("--json", target, "JSON to stdout, or with =FILE into that file")
      ->expected(0, 1)
      ->type_name("[=FILE]");
}

bool print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

void write_output(std::string_view target, std::string_view text) {
  if (target == to_stdout) {
    if (!print(text)) throw CommandError(fmt::format("cannot write: {}", std::strerror(errno)));
    return;
  }
  const std::string path(target);
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "we"));
  if (file == nullptr || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() ||
      std::fflush(file.get()) != 0) {
    throw CommandError(fmt::format("cannot write '{}': {}", path, std::strerror(errno)));
  }
}

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_asked() { return stopping.load(std::memory_order_relaxed); }

}  // namespace ringside::tools
