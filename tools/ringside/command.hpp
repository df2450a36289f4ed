// What the subcommands of `ringside` have in common: how they are declared, where their output
// goes, how they end, and which deployment they look at.
//
// Exit status: 0 done, 1 what was checked does not hold, 2 bad usage or environment (CommandError,
// caught once in main: one line on stderr).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ringside::tools {

inline constexpr int exit_good = 0;
inline constexpr int exit_check_failed = 1;
inline constexpr int exit_bad_usage = 2;

// Text: one line, what is wrong, with which value, the likely cause, what to do.
class CommandError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What was asked to stop (stop_on_signals) and did, half-way.
class Interrupted : public std::runtime_error {
 public:
  static constexpr const char* text = "interrupted";
  Interrupted() : std::runtime_error(text) {}
};

// What main runs once the command line has been understood; returns the exit status.
using Action = std::function<int()>;

// Each declares one subcommand, which sets `action` when it is the one that was asked for.
void declare_verify(CLI::App& app, Action& action);
void declare_top(CLI::App& app, Action& action);
void declare_tail(CLI::App& app, Action& action);
void declare_stat(CLI::App& app, Action& action);
void declare_latency(CLI::App& app, Action& action);
void declare_memory(CLI::App& app, Action& action);
void declare_books(CLI::App& app, Action& action);
void declare_follow(CLI::App& app, Action& action);
void declare_job(CLI::App& app, Action& action);

// --instance I
void add_instance_option(CLI::App& command, std::string& instance);

// `asked`, else $RINGSIDE_INSTANCE, else the only one on this host. Throws CommandError, which
// lists those that there are.
std::string choose_instance(std::string_view asked);

// --json, or --json=FILE. Empty: not asked for.
void add_json_option(CLI::App& command, std::string& target);
inline constexpr std::string_view to_stdout = "-";

// All of it to a file, or to_stdout. Throws CommandError.
void write_output(std::string_view target, std::string_view text);
// To stdout, at once. False: nobody reads any more.
[[nodiscard]] bool print(std::string_view text);

// SIGINT and SIGTERM only set a flag from here on, and a closed pipe is no signal any more.
void stop_on_signals();
[[nodiscard]] bool stop_asked();

}  // namespace ringside::tools
