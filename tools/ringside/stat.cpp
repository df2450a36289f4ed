// ringside stat, ringside memory: what a deployment says about itself.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "tools/ringside/command.hpp"
#include "tools/ringside/deployment_stat.hpp"

namespace ringside::tools {
namespace {

struct StatOptions {
  std::string instance;
  std::string json;
  bool memory = false;
};

int run_memory(const StatOptions& options) {
  const auto instance = choose_instance(options.instance);
  const auto memory = collect_memory(instance);
  if (memory.processes.empty()) {
    throw CommandError(
        fmt::format("no process of instance '{}' is running, or none that this "
                    "user may look at",
                    instance));
  }
  if (!options.json.empty()) {
    write_output(options.json, memory_json(instance, memory));
  } else {
    write_output(to_stdout, memory_line(memory) + "\n");
  }
  return exit_good;
}

int run_stat(const StatOptions& options) {
  if (options.memory) return run_memory(options);
  const auto stat = collect_deployment(choose_instance(options.instance));
  if (!options.json.empty()) {
    write_output(options.json, deployment_json(stat));
  } else {
    write_output(to_stdout, deployment_text(stat));
  }
  return exit_good;
}

}  // namespace

void declare_stat(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("stat",
                                           "processes, states, ring fill, heartbeats, placement "
                                           "asked and applied, fall-backs, counters");
  const auto options = std::make_shared<StatOptions>();
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  command->add_flag("--memory", options->memory, "only the memory of all processes, one line");
  command->callback([options, &action] { action = [options] { return run_stat(*options); }; });
}

void declare_memory(CLI::App& app, Action& action) {
  auto* const command =
      app.add_subcommand("memory", "the memory of all processes: PSS, huge pages counted once");
  const auto options = std::make_shared<StatOptions>();
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  command->callback([options, &action] { action = [options] { return run_memory(*options); }; });
}

}  // namespace ringside::tools
