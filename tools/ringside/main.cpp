// The `ringside` command: looks at a running deployment from outside, and checks captures offline.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "tools/ringside/changes.hpp"
#include "tools/ringside/command.hpp"

namespace ringside::tools {
namespace {

int fail(const std::string& line) {
  fmt::print(stderr, "ringside: {}\n", line);
  return exit_bad_usage;
}

void declare_all(CLI::App& app, Action& action) {
  app.set_version_flag("--version", "ringside " RINGSIDE_VERSION);
  app.set_help_all_flag("--help-all", "the options of all commands");
  app.require_subcommand(1);
  declare_top(app, action);
  declare_tail(app, action);
  declare_stat(app, action);
  declare_latency(app, action);
  declare_memory(app, action);
  declare_books(app, action);
  declare_follow(app, action);
  declare_instruments(app, action);
  declare_channels(app, action);
  declare_venues(app, action);
  declare_verify(app, action);
  declare_job(app, action);
}

std::vector<std::string> known_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// In CLI11's order: last argument first.
std::vector<std::string> arguments_of(int count, char** values) {
  std::vector<std::string> arguments(values + 1, values + count);
  std::replace(arguments.begin(), arguments.end(), std::string("--json"), std::string("--json=-"));
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

int run(int count, char** values) {
  CLI::App app{"Ringside: live market data in shared memory, seen from outside."};
  Action action;
  declare_all(app, action);
  const auto commands = known_commands(app);
  auto arguments = arguments_of(count, values);
  if (arguments.empty()) {
    return fail(
        fmt::format("which command? One of: {}; more: ringside --help", fmt::join(commands, ", ")));
  }
  const auto& first = arguments.back();
  if (!first.starts_with('-') &&
      std::find(commands.begin(), commands.end(), first) == commands.end()) {
    return fail(
        fmt::format("unknown command '{}'; there are: {}", first, fmt::join(commands, ", ")));
  }
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return fail(fmt::format(
        "{}; more: ringside {} --help", error.what(),
        app.get_subcommands().empty() ? std::string() : app.get_subcommands().front()->get_name()));
  }
  return action();
}

}  // namespace
}  // namespace ringside::tools

int main(int count, char** values) {
  try {
    return ringside::tools::run(count, values);
  } catch (const std::exception& error) {
    return ringside::tools::fail(error.what());
  }
}
