// ringside venues list, add, remove: whole venues of a running deployment, each as a [[venue]]
// table of its file would have it. As with instruments, a change is a line in a collector's
// journal.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
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
#include "tools/ringside/deployment_stat.hpp"
#include "tools/ringside/running_collector.hpp"
#include "tools/ringside/venue_rows.hpp"

namespace ringside::tools {
namespace {

using What = collector::Change::What;

struct VenuesOptions {
  std::string config;
  std::string instance;
  std::string json;
  std::string file;
  std::string venue;
  std::vector<std::string> keys;
  std::vector<std::string> symbols;
  unsigned seconds = 30;
};

// What is to be written, and for whom.
struct Asked {
  std::string collector;
  collector::Change change;
};

int run_list(const VenuesOptions& options) {
  const auto config = collector::config_now(options.config);
  check_instance(config, options.config, options.instance);
  std::vector<VenueRow> rows;
  for (const auto& table : config.venues) rows.push_back({{}, &table});
  write_rows(options.json, rows, stat_of(config));
  return exit_good;
}

std::string contents_of(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw CommandError(fmt::format("{}: cannot be read; give a file of [[venue]]", path));
  return text;
}

std::string toml_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

// KEY=VALUE as a line of TOML: what is no number, list, true or false is a text.
std::string line_of_key(const std::string& key) {
  const auto equals = key.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw CommandError(fmt::format("--set {}: is not KEY=VALUE", key));
  }
  const auto value = key.substr(equals + 1);
  const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  const bool plain = number || value == "true" || value == "false" || value.starts_with('[') ||
                     value.starts_with('"');
  return fmt::format("{} = {}\n", key.substr(0, equals), plain ? value : toml_text(value));
}

// The tables that were asked for, as text.
std::string text_of(const VenuesOptions& options) {
  if (!options.file.empty()) return contents_of(options.file);
  std::string text = fmt::format("[[venue]]\nname = {}\ninstruments = [", toml_text(options.venue));
  for (const auto& symbol : options.symbols) text += toml_text(symbol) + ", ";
  text += "]\n";
  for (const auto& key : options.keys) text += line_of_key(key);
  return text;
}

void check_absent(const collector::Config& config, const std::string& venue) {
  for (const auto& table : config.venues) {
    if (table.removed || table.name != venue) continue;
    throw CommandError(fmt::format(
        "{} is collected already, by {}; change it with ringside instruments or channels, or "
        "remove it first",
        venue, table.collector));
  }
}

Asked asked_of(What what, const std::string& collector, const std::string& venue) {
  Asked asked;
  asked.collector = collector;
  asked.change.what = what;
  asked.change.venue = venue;
  return asked;
}

// Of one that was removed, and is to be as the file has it.
std::vector<Asked> asked_back(const collector::Config& config, const VenuesOptions& options) {
  std::set<std::string> collectors;
  for (const auto& table : collector::load_config(options.config).venues) {
    if (table.name == options.venue) collectors.insert(table.collector);
  }
  if (collectors.empty()) {
    throw CommandError(
        fmt::format("{} has no [[venue]] table of '{}' to bring back (it has: {}); name what to "
                    "collect of it: ringside venues add --venue {} SYMBOL..., or --file FILE",
                    options.config, options.venue, tables_text(config), options.venue));
  }
  std::vector<Asked> asked;
  for (const auto& name : collectors) {
    asked.push_back(asked_of(What::AddVenue, name, options.venue));
  }
  return asked;
}

std::vector<Asked> asked_to_add(const collector::Config& config, const VenuesOptions& options) {
  const bool back = options.file.empty() && options.symbols.empty() && options.keys.empty();
  if (!options.file.empty() && (!options.venue.empty() || !options.keys.empty())) {
    throw CommandError("--file says it all: --venue, symbols and --set do not go with it");
  }
  if (options.file.empty() && options.venue.empty()) {
    throw CommandError("which venue? --venue NAME SYMBOL..., or --file FILE with [[venue]] tables");
  }
  if (back) {
    check_absent(config, options.venue);
    return asked_back(config, options);
  }
  const auto source = options.file.empty() || options.file == "-" ? "command line" : options.file;
  std::vector<Asked> asked;
  auto all = config;  // and those that are asked for, as they come
  for (auto& added : collector::read_added_venues(text_of(options), source, config.deployment)) {
    check_absent(all, added.venue.name);
    collector::check_own_endpoint(all, added.venue);
    if (added.keys.size() > collector::table_bytes_max) {
      throw CommandError(fmt::format("{}: its table is larger than {} bytes", added.venue.name,
                                     collector::table_bytes_max));
    }
    asked.push_back(asked_of(What::AddVenue, added.venue.collector, added.venue.name));
    asked.back().change.subject = std::move(added.keys);
    all.venues.push_back(std::move(added.venue));
  }
  return asked;
}

std::vector<Asked> asked_to_remove(const collector::Config& config, const VenuesOptions& options) {
  std::set<std::string> collectors;
  for (const auto& table : config.venues) {
    if (!table.removed && table.name == options.venue) collectors.insert(table.collector);
  }
  if (collectors.empty()) fail_unknown_venue(config, options.venue);
  std::vector<Asked> asked;
  for (const auto& name : collectors) {
    asked.push_back(asked_of(What::RemoveVenue, name, options.venue));
  }
  return asked;
}

// Those that the changes are about, as they are to be.
std::vector<const collector::VenueConfig*> tables_of(const collector::Config& config,
                                                     const std::vector<Asked>& asked) {
  std::vector<const collector::VenueConfig*> tables;
  for (const auto& table : config.venues) {
    for (const auto& each : asked) {
      const bool meant = table.name == each.change.venue && table.collector == each.collector;
      if (meant && table.removed == (each.change.what == What::RemoveVenue)) {
        tables.push_back(&table);
      }
    }
  }
  return tables;
}

// Every instrument of it is said as it is to be.
bool is_so(const collector::VenueConfig& table, const DeploymentStat& stat) {
  return std::all_of(table.instruments.begin(), table.instruments.end(), [&](const auto& symbol) {
    const auto* const each = find(stat, table.collector, table.name, symbol);
    if (each == nullptr) return table.removed;
    return each->status != ipc::ReadStatus::Empty && was_removed(*each) == table.removed;
  });
}

int report(const VenuesOptions& options, const std::vector<Asked>& asked, What what) {
  const auto config = collector::config_now(options.config);
  const auto tables = tables_of(config, asked);
  const auto until = ipc::monotonic_ns() + std::uint64_t{options.seconds} * 1'000'000'000;
  DeploymentStat stat;
  const auto so = [&](const auto* table) { return is_so(*table, stat); };
  do {
    stat = stat_of(config);
    if (std::all_of(tables.begin(), tables.end(), so)) break;
    wait_a_moment();
  } while (!stop_asked() && ipc::monotonic_ns() < until);
  std::vector<VenueRow> rows;
  bool good = true;
  for (const auto* table : tables) {
    good = good && so(table);
    rows.push_back({!so(table) ? "refused" : what == What::AddVenue ? "added" : "removed", table});
  }
  write_rows(options.json, rows, stat);
  if (!good) fmt::print(stderr, "ringside: refused: see the log of the collector\n");
  return good ? exit_good : exit_check_failed;
}

int run_change(const VenuesOptions& options, What what) {
  const auto config = collector::config_now(options.config);
  check_instance(config, options.config, options.instance);
  const auto asked =
      what == What::AddVenue ? asked_to_add(config, options) : asked_to_remove(config, options);
  std::vector<RunningCollector> running;
  for (const auto& each : asked) {
    running.emplace_back(config.deployment.instance, each.collector);
    if (each.change.subject.empty()) continue;
    const auto added = collector::read_added_venue(each.change.subject, config.deployment);
    check_room(stat_of(config), each.collector, added.name, added.instruments);
  }
  stop_on_signals();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto& process = config.deployment.collector(asked[i].collector);
    const collector::ChangeJournal journal(collector::state_directory(config.deployment, process),
                                           process.name);
    const auto sequence = journal.append({asked[i].change});
    if (!running[i].wait_for(sequence, options.seconds)) {
      return say_unanswered(process.name, journal.path(), sequence, options.seconds);
    }
  }
  return report(options, asked, what);
}

void declare_change(CLI::App& group, Action& action, What what) {
  const bool add = what == What::AddVenue;
  auto* const command = group.add_subcommand(
      add ? "add" : "remove", add ? "collect a venue more, from now on and after a restart"
                                  : "collect nothing of it any more, until it is added again");
  const auto options = std::make_shared<VenuesOptions>();
  add_config_option(*command, options->config);
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  auto* const venue = command->add_option(
      "--venue", options->venue,
      add ? "whose symbols these are; without any: as the file has it" : "which");
  command->add_option("--seconds", options->seconds, "wait at most so long for each collector")
      ->check(CLI::Range(1, 3600));
  if (add) {
    command->add_option("--file", options->file, "[[venue]] tables as in the file; - is stdin")
        ->type_name("FILE");
    command
        ->add_option("--set", options->keys,
                     "a key of its table, e.g. depth=25, channels='[\"book\"]'")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    command->add_option("symbols", options->symbols, "as the venue spells them")
        ->type_name("SYMBOL");
  } else {
    venue->required();
  }
  command->callback([options, what, &action] {
    action = [options, what] { return run_change(*options, what); };
  });
}

}  // namespace

void declare_venues(CLI::App& app, Action& action) {
  auto* const group = app.add_subcommand(
      "venues", "whose feeds are collected: list, add, remove whole venues, while it runs");
  group->require_subcommand(1);
  auto* const list = group->add_subcommand("list", "each [[venue]] table, by now");
  const auto options = std::make_shared<VenuesOptions>();
  add_config_option(*list, options->config);
  add_instance_option(*list, options->instance);
  add_json_option(*list, options->json);
  list->callback([options, &action] { action = [options] { return run_list(*options); }; });
  declare_change(*group, action, What::AddVenue);
  declare_change(*group, action, What::RemoveVenue);
}

}  // namespace ringside::tools
