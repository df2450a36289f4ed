// ringside instruments list, add, remove: what a running deployment collects. A change is written
// into the journal of the collector that it is for, which nobody has to listen to; that it has been
// carried out is read from the collector's telemetry, what became of it from catalogue and books.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collector/change_journal.hpp"
#include "collector/config.hpp"
#include "collector/config_changes.hpp"
#include "ipc/clock.hpp"
#include "tools/ringside/changes.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/deployment_stat.hpp"
#include "tools/ringside/json_text.hpp"
#include "tools/ringside/running_collector.hpp"
#include "tools/ringside/venue_rows.hpp"

namespace ringside::tools {
namespace {

using What = collector::Change::What;

struct InstrumentsOptions {
  std::string config;
  std::string instance;
  std::string json;
  std::string venue;
  std::vector<std::string> channels;
  std::uint32_t depth = 0;
  std::vector<std::string> symbols;
  unsigned seconds = 30;
};

// What became of one of them.
struct Outcome {
  std::string symbol;
  std::string result;  // added, removed, refused, waiting
  const InstrumentStat* instrument = nullptr;
};

// --- list ---

std::string line_of(const InstrumentStat& instrument) {
  const bool good = instrument.status == ipc::ReadStatus::Ok;
  const bool reason = good && instrument.view.cause != Cause::None;
  return fmt::format("{:<16} {:<24} {:>10} {:<10} {:<8} {}{}{}\n", instrument.info.venue,
                     instrument.info.symbol, instrument.info.id.value, instrument.info.collector,
                     instrument.info.worker, instrument.state(), reason ? " " : "",
                     reason ? name_of(instrument.view.cause) : "");
}

void put(JsonText& json, const InstrumentStat& instrument) {
  json.member("symbol", instrument.info.symbol).member("venue", instrument.info.venue);
  json.member("instrument", instrument.info.id.value);
  json.member("collector", instrument.info.collector).member("worker", instrument.info.worker);
  json.member("state", instrument.state());
  if (instrument.status != ipc::ReadStatus::Ok) return;
  json.member("cause", name_of(instrument.view.cause)).member("epoch", instrument.view.epoch);
}

int run_list(const InstrumentsOptions& options) {
  const auto instance = choose_instance(options.instance);
  const auto stat = collect_deployment(instance);
  JsonText json;
  json.begin_object().member("instance", instance).key("instruments").begin_array();
  std::string text;
  for (const auto& instrument : stat.instruments) {
    if (!options.venue.empty() && instrument.info.venue != options.venue) continue;
    text += line_of(instrument);
    json.begin_object();
    put(json, instrument);
    json.end_object();
  }
  json.end_array().end_object();
  write_output(options.json.empty() ? to_stdout : options.json,
               options.json.empty() ? text : json.text() + "\n");
  return exit_good;
}

// --- add, remove ---

// In the order that the file's keys are compared in.
std::string channels_of(const InstrumentsOptions& options) {
  if (options.channels.empty()) return {};
  auto channels = collector::no_channels;
  for (const auto& name : options.channels) {
    if (!collector::set_channel(channels, name, true)) {
      throw CommandError(fmt::format("--channels: '{}' is not known; there are: {}", name,
                                     collector::channel_names));
    }
  }
  return collector::channels_text(channels);
}

void check_symbols(const InstrumentsOptions& options) {
  std::set<std::string_view> seen;
  for (const auto& symbol : options.symbols) {
    if (!collector::is_symbol(symbol)) {
      throw CommandError(fmt::format("'{}' is no symbol: 1 to {} printable characters, no blanks",
                                     symbol, collector::symbol_bytes_max));
    }
    if (!seen.insert(symbol).second) throw CommandError(fmt::format("'{}' comes twice", symbol));
  }
}

// The collector whose table the change is about.
const ipc::ProcessSpec& collector_of(const collector::Config& config,
                                     const collector::Change& change) {
  for (const auto& process : config.deployment.collectors) {
    if (collector::table_of(config, process.name, change) != collector::no_table) return process;
  }
  throw CommandError(fmt::format(
      "{} has no [[venue]] table of '{}'{}; it has: {}", config.deployment.file, change.venue,
      change.channels.empty() && change.depth == 0 ? "" : " with these channels and depth",
      tables_text(config)));
}

// Before anything is written: an addition must find room, a removal its instrument.
void check_against(const DeploymentStat& stat, const ipc::ProcessSpec& process, What what,
                   const InstrumentsOptions& options) {
  std::vector<std::string> unknown;
  for (const auto& symbol : options.symbols) {
    if (find(stat, process.name, options.venue, symbol) == nullptr) unknown.push_back(symbol);
  }
  if (what == What::Remove && !unknown.empty()) {
    throw CommandError(
        fmt::format("collector '{}' has never collected {} of {}; see ringside "
                    "instruments list",
                    process.name, fmt::join(unknown, ", "), options.venue));
  }
  if (what == What::Add) check_room(stat, process.name, options.venue, options.symbols);
}

std::vector<Outcome> outcomes_of(const DeploymentStat& stat, const std::string& collector,
                                 What what, const InstrumentsOptions& options) {
  std::vector<Outcome> outcomes;
  for (const auto& symbol : options.symbols) {
    const auto* const instrument = find(stat, collector, options.venue, symbol);
    Outcome outcome{symbol, what == What::Add ? "added" : "removed", instrument};
    if (instrument == nullptr) outcome.result = "refused";
    outcomes.push_back(outcome);
  }
  return outcomes;
}

std::string outcome_text(const Outcome& outcome, const std::string& venue) {
  if (outcome.instrument == nullptr) {
    return fmt::format("{:<8} {} {}: see the log of its collector\n", outcome.result, venue,
                       outcome.symbol);
  }
  return fmt::format("{:<8} {}", outcome.result, line_of(*outcome.instrument));
}

int report(const std::vector<Outcome>& outcomes, const InstrumentsOptions& options,
           const std::string& instance, std::uint64_t sequence) {
  std::string text;
  JsonText json;
  json.begin_object().member("instance", instance).member("sequence", sequence);
  json.key("instruments").begin_array();
  bool good = true;
  for (const auto& outcome : outcomes) {
    good = good && outcome.instrument != nullptr;
    text += outcome_text(outcome, options.venue);
    json.begin_object().member("result", outcome.result);
    if (outcome.instrument != nullptr) {
      put(json, *outcome.instrument);
    } else {
      json.member("symbol", outcome.symbol).member("venue", options.venue);
    }
    json.end_object();
  }
  json.end_array().end_object();
  write_output(options.json.empty() ? to_stdout : options.json,
               options.json.empty() ? text : json.text() + "\n");
  return good ? exit_good : exit_check_failed;
}

// A book is listed by its worker some milliseconds after its collector has: bounded as the answer.
DeploymentStat collect_when_listed(const std::string& instance, const std::string& collector,
                                   What what, const InstrumentsOptions& options) {
  const auto until = ipc::monotonic_ns() + std::uint64_t{options.seconds} * 1'000'000'000;
  for (;;) {
    auto stat = collect_deployment(instance);
    const bool listed =
        std::all_of(options.symbols.begin(), options.symbols.end(), [&](const auto& symbol) {
          const auto* const each = find(stat, collector, options.venue, symbol);
          if (each == nullptr) return true;  // refused
          return each->status != ipc::ReadStatus::Empty &&
                 was_removed(*each) == (what == What::Remove);
        });
    if (listed || stop_asked() || ipc::monotonic_ns() >= until) return stat;
    wait_a_moment();
  }
}

int run_change(const InstrumentsOptions& options, What what) {
  check_symbols(options);
  const auto config = collector::config_now(options.config);
  const auto& instance = config.deployment.instance;
  check_instance(config, options.config, options.instance);
  collector::Change change;
  change.what = what;
  change.venue = options.venue;
  change.channels = channels_of(options);
  change.depth = options.depth;
  const auto& process = collector_of(config, change);
  const RunningCollector running(instance, process.name);
  check_against(collect_deployment(instance), process, what, options);
  std::vector<collector::Change> changes;
  for (const auto& symbol : options.symbols) {
    changes.push_back(change);
    changes.back().subject = symbol;
  }
  const collector::ChangeJournal journal(collector::state_directory(config.deployment, process),
                                         process.name);
  stop_on_signals();
  const auto sequence = journal.append(std::move(changes));
  if (!running.wait_for(sequence, options.seconds)) {
    return say_unanswered(process.name, journal.path(), sequence, options.seconds);
  }
  const auto stat = collect_when_listed(instance, process.name, what, options);
  return report(outcomes_of(stat, process.name, what, options), options, instance, sequence);
}

void declare_change(CLI::App& group, Action& action, What what) {
  const bool add = what == What::Add;
  auto* const command = group.add_subcommand(
      add ? "add" : "remove", add ? "collect more instruments, from now on and after a restart"
                                  : "collect these no more, until they are added again");
  const auto options = std::make_shared<InstrumentsOptions>();
  add_config_option(*command, options->config);
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  command->add_option("--venue", options->venue, "whose symbols these are")->required();
  command->add_option("--channels", options->channels, "of several tables of the venue, that with")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--depth", options->depth, "of several tables of the venue, that with");
  command->add_option("--seconds", options->seconds, "wait at most so long for the collector")
      ->check(CLI::Range(1, 3600));
  command->add_option("symbols", options->symbols, "as the venue spells them")
      ->required()
      ->type_name("SYMBOL");
  command->callback([options, what, &action] {
    action = [options, what] { return run_change(*options, what); };
  });
}

}  // namespace

void declare_instruments(CLI::App& app, Action& action) {
  auto* const group = app.add_subcommand(
      "instruments", "what is collected: list it, add to it, remove from it, while it runs");
  group->require_subcommand(1);
  auto* const list = group->add_subcommand("list", "instruments, who carries them, their state");
  const auto options = std::make_shared<InstrumentsOptions>();
  add_instance_option(*list, options->instance);
  add_json_option(*list, options->json);
  list->add_option("--venue", options->venue, "only of this venue");
  list->callback([options, &action] { action = [options] { return run_list(*options); }; });
  declare_change(*group, action, What::Add);
  declare_change(*group, action, What::Remove);
}

}  // namespace ringside::tools
