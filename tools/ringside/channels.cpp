// ringside channels list, add, remove: of a venue's instruments, all of them. As with instruments,
// a change is a line in the journal of each collector that it is for.
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
#include "ipc/segment.hpp"
#include "tools/ringside/changes.hpp"
#include "tools/ringside/deployment_stat.hpp"
#include "tools/ringside/running_collector.hpp"
#include "tools/ringside/venue_rows.hpp"

namespace ringside::tools {
namespace {

using What = collector::Change::What;

struct ChannelsOptions {
  std::string config;
  std::string instance;
  std::string json;
  std::string venue;
  std::uint32_t depth = 0;
  std::vector<std::string> channels;
  unsigned seconds = 30;
};

int run_list(const ChannelsOptions& options) {
  const auto config = collector::config_now(options.config);
  check_instance(config, options.config, options.instance);
  std::vector<VenueRow> rows;
  for (const auto& table : config.venues) {
    if (table.removed) continue;
    if (options.venue.empty() || table.name == options.venue) rows.push_back({{}, &table});
  }
  if (rows.empty() && !options.venue.empty()) fail_unknown_venue(config, options.venue);
  write_rows(options.json, rows, stat_of(config));
  return exit_good;
}

void check_channels(const ChannelsOptions& options) {
  std::set<std::string_view> seen;
  for (const auto& name : options.channels) {
    collector::Channels ignored;
    if (!collector::set_channel(ignored, name, true)) {
      throw CommandError(
          fmt::format("'{}' is no channel; there are: {}", name, collector::channel_names));
    }
    if (!seen.insert(name).second) throw CommandError(fmt::format("'{}' comes twice", name));
  }
}

std::vector<collector::Change> changes_of(const ChannelsOptions& options, What what) {
  std::vector<collector::Change> changes;
  for (const auto& name : options.channels) {
    collector::Change change;
    change.what = what;
    change.venue = options.venue;
    change.depth = options.depth;
    change.subject = name;
    changes.push_back(std::move(change));
  }
  return changes;
}

bool concerns(const collector::VenueConfig& table, const ChannelsOptions& options) {
  return !table.removed && table.name == options.venue &&
         (options.depth == 0 || options.depth == table.depth);
}

// Before anything is written: what is removed must be there, and something must stay.
void check_against(const collector::Config& config, What what, const ChannelsOptions& options) {
  std::vector<std::string> missing = options.channels;
  bool any = false;
  for (const auto& table : config.venues) {
    if (!concerns(table, options)) continue;
    any = true;
    auto wanted = table.channels;
    for (const auto& name : options.channels) {
      const auto before = wanted;
      static_cast<void>(collector::set_channel(wanted, name, what == What::AddChannel));
      if (before != wanted) std::erase(missing, name);
    }
    if (wanted.any()) continue;
    throw CommandError(fmt::format(
        "a table of {} has {}, and must keep one channel at least; ringside instruments remove and "
        "ringside venues remove end all of them",
        table.name, collector::channels_text(table.channels)));
  }
  if (!any && options.depth != 0) {
    throw CommandError(fmt::format("{} has no [[venue]] table of '{}' with depth {}; it has: {}",
                                   options.config, options.venue, options.depth,
                                   tables_text(config)));
  }
  if (!any) fail_unknown_venue(config, options.venue);
  if (what == What::RemoveChannel && !missing.empty()) {
    throw CommandError(fmt::format("{} of {} is not collected; there is: {}",
                                   fmt::join(missing, ", "), options.venue, tables_text(config)));
  }
}

int run_change(const ChannelsOptions& options, What what) {
  check_channels(options);
  const auto before = collector::config_now(options.config);
  check_instance(before, options.config, options.instance);
  check_against(before, what, options);
  std::vector<RunningCollector> running;
  for (const auto& process : before.deployment.collectors) {
    const bool concerned =
        std::any_of(before.venues.begin(), before.venues.end(), [&](const auto& table) {
          return table.collector == process.name && concerns(table, options);
        });
    if (concerned) running.emplace_back(before.deployment.instance, process.name);
  }
  stop_on_signals();
  for (const auto& collector : running) {
    const auto& process = before.deployment.collector(collector.name());
    const collector::ChangeJournal journal(collector::state_directory(before.deployment, process),
                                           process.name);
    const auto sequence = journal.append(changes_of(options, what));
    if (!collector.wait_for(sequence, options.seconds)) {
      return say_unanswered(process.name, journal.path(), sequence, options.seconds);
    }
  }
  const auto config = collector::config_now(options.config);
  std::vector<VenueRow> rows;
  for (const auto& table : config.venues) {
    if (concerns(table, options)) {
      rows.push_back({what == What::AddChannel ? "added" : "removed", &table});
    }
  }
  write_rows(options.json, rows, stat_of(config));
  return exit_good;
}

void declare_change(CLI::App& group, Action& action, What what) {
  const bool add = what == What::AddChannel;
  auto* const command = group.add_subcommand(
      add ? "add" : "remove", add ? "collect more of a venue's instruments, from now on"
                                  : "collect less of them; a book that goes on is not touched");
  const auto options = std::make_shared<ChannelsOptions>();
  add_config_option(*command, options->config);
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  command->add_option("--venue", options->venue, "of whose instruments, all of them")->required();
  command->add_option("--depth", options->depth, "of several tables of the venue, those with");
  command->add_option("--seconds", options->seconds, "wait at most so long for each collector")
      ->check(CLI::Range(1, 3600));
  command->add_option("channels", options->channels, "trade, book, bbo")
      ->required()
      ->type_name("CHANNEL");
  command->callback([options, what, &action] {
    action = [options, what] { return run_change(*options, what); };
  });
}

}  // namespace

void declare_channels(CLI::App& app, Action& action) {
  auto* const group = app.add_subcommand(
      "channels", "what is collected of a venue's instruments: list, add, remove, while it runs");
  group->require_subcommand(1);
  auto* const list = group->add_subcommand("list", "each venue's channels, by now");
  const auto options = std::make_shared<ChannelsOptions>();
  add_config_option(*list, options->config);
  add_instance_option(*list, options->instance);
  add_json_option(*list, options->json);
  list->add_option("--venue", options->venue, "only of this venue");
  list->callback([options, &action] { action = [options] { return run_list(*options); }; });
  declare_change(*group, action, What::AddChannel);
  declare_change(*group, action, What::RemoveChannel);
}

}  // namespace ringside::tools
