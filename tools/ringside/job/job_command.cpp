// ringside job NAME: many captures at once, away from the feed's cores.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "tools/ringside/command.hpp"
#include "tools/ringside/job/job_captures.hpp"
#include "tools/ringside/job/job_telemetry.hpp"
#include "tools/ringside/offline_venue.hpp"
#include "tools/ringside/verification.hpp"

namespace ringside::tools {
namespace {

// $XDG_STATE_HOME/ringside, else ~/.local/state/ringside, else none.
std::string default_state_dir() {
  const char* const state = std::getenv("XDG_STATE_HOME");  // NOLINT(concurrency-mt-unsafe)
  if (state != nullptr && *state == '/') return std::string(state) + "/ringside";
  const char* const home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  if (home != nullptr && *home == '/') return std::string(home) + "/.local/state/ringside";
  return "";
}

void add_options(CLI::App& command, JobArguments& arguments) {
  auto& settings = arguments.settings;
  command.add_option("--venue", arguments.venue, "whose captures: " + offline_venue_names())
      ->type_name("VENUE");
  add_json_option(command, arguments.json);
  command
      .add_option("--config", settings.config,
                  "a deployment: its collectors' and workers' cores are left alone")
      ->type_name("FILE");
  command
      .add_option("--instance", settings.instance,
                  "where `ringside stat` sees this job while it runs; default: that of --config, "
                  "else the only one on this host, else \"jobs\"")
      ->type_name("NAME");
  command.add_option("--cpus", settings.cpus, "cores to use; default: all that are left")
      ->type_name("LIST");
  command.add_option("--workers", settings.workers, "threads; default: one a core")
      ->check(CLI::Range(1U, jobs::workers_max));
  command.add_flag("!--no-numa", settings.numa, "workers move between NUMA nodes");
  command.add_flag("!--no-stealing", settings.stealing, "equal shares, cut beforehand");
  command.add_flag("!--no-read-ahead", settings.read_ahead,
                   "each worker reads its own captures; default: they are read through io_uring "
                   "while others are worked on");
  command.add_option("--nice", settings.nice, "of the workers")
      ->check(CLI::Range(0, 19))
      ->capture_default_str();
  command.add_flag("!--no-idle", settings.idle,
                   "the workers take their turns on a core that others want, too, by --nice; "
                   "default: they run while nobody else does (SCHED_IDLE)");
  command.add_option("--io-priority", settings.io_priority, "of the workers")
      ->check(CLI::IsMember({"unchanged", "low", "idle"}))
      ->capture_default_str();
  command
      .add_option("--deadline", settings.deadline_s,
                  "seconds from now; what has not begun by then is left for a rerun")
      ->check(CLI::PositiveNumber);
  settings.state_dir = default_state_dir();
  command
      .add_option("--state", settings.state_dir,
                  "folder for what a rerun goes on from; default: ringside under $XDG_STATE_HOME "
                  "or ~/.local/state")
      ->type_name("FOLDER");
  command.add_flag_callback(
      "--no-state", [&settings] { settings.state_dir.clear(); }, "start anew each time");
  command.add_option("capture", arguments.captures, "capture files: PATH, or VENUE=PATH")
      ->required()
      ->type_name("CAPTURE");
}

struct NamedJob {
  const char* name;
  const char* what;
  void (*add_own_options)(CLI::App&, JobArguments&);  // null: none
  int (*run)(const JobArguments&);
};

constexpr std::array named_jobs{
    NamedJob{"verify",
             "as `ringside verify`, of many captures at once; exit 1 if any does not hold", nullptr,
             &run_verify_job},
    NamedJob{"bars", "trades as bars of time, volume or imbalance", &add_bars_options,
             &run_bars_job},
    NamedJob{"stats", "rates, spread, depth, silence and gaps of each instrument", nullptr,
             &run_stats_job},
    NamedJob{"export", "as files of Tardis (CSV) or Databento (DBN v3)", &add_export_options,
             &run_export_job},
    NamedJob{"correlate", "how alike the returns of all instruments are", &add_correlate_options,
             &run_correlate_job},
};

}  // namespace

int run_verify_job(const JobArguments& arguments) {
  const auto captures = captures_of(arguments);
  auto plan = plan_over("verify", captures, "");
  plan.run = [&captures](std::size_t index, std::string_view bytes, bool (*stop)()) {
    const auto capture = captures[index].with(bytes);
    const auto verification = verify_capture(capture.venue, capture.input(), stop);
    return ItemResult{verification.good(), verification_json(verification),
                      verification_text(verification)};
  };
  return say_job(plan, run_job(plan, arguments.settings, &stop_asked), arguments.json);
}

void declare_job(CLI::App& app, Action& action) {
  auto* const job =
      app.add_subcommand("job", "work over many captures, in parallel, beside the feed");
  job->require_subcommand(1);
  for (const auto& named : named_jobs) {
    auto* const command = job->add_subcommand(named.name, named.what);
    const auto arguments = std::make_shared<JobArguments>();
    add_options(*command, *arguments);
    if (named.add_own_options != nullptr) named.add_own_options(*command, *arguments);
    command->callback([arguments, run = named.run, &action] {
      action = [arguments, run] {
        stop_on_signals();
        auto& settings = arguments->settings;
        settings.instance = instance_of_job(settings.instance, settings.config);
        return run(*arguments);
      };
    });
  }
}

}  // namespace ringside::tools
