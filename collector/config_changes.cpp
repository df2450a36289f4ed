#include "collector/config_changes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ipc/segment.hpp"

namespace ringside::collector {

using What = Change::What;

std::string state_directory(const ipc::Deployment& deployment, const ipc::ProcessSpec& collector) {
  if (!collector.state_dir.empty()) return collector.state_dir;
  return ipc::instance_path(deployment.instance) + "/." + collector.name + ".state";
}

Config config_now(const std::string& path) {
  auto config = load_config(path);
  for (const auto& process : config.deployment.collectors) {
    const ChangeJournal journal(state_directory(config.deployment, process), process.name);
    static_cast<void>(apply_changes(config, process.name, journal.look_at_all()));
  }
  return config;
}

std::size_t table_of(const Config& config, const std::string& collector, const Change& change) {
  std::size_t fitting = no_table;
  for (std::size_t i = 0; i < config.venues.size(); ++i) {
    const auto& table = config.venues[i];
    if (table.removed || table.name != change.venue || table.collector != collector) continue;
    const auto& symbols = table.instruments;
    if (std::find(symbols.begin(), symbols.end(), change.subject) != symbols.end()) return i;
    const bool fits =
        (change.channels.empty() || change.channels == channels_text(table.named_channels)) &&
        (change.depth == 0 || change.depth == table.depth);
    if (fits && fitting == no_table) fitting = i;
  }
  return fitting;
}

std::vector<std::size_t> tables_of(const Config& config, const std::string& collector,
                                   const Change& change) {
  std::vector<std::size_t> tables;
  for (std::size_t i = 0; i < config.venues.size(); ++i) {
    const auto& table = config.venues[i];
    const bool fits = !table.removed && table.name == change.venue &&
                      table.collector == collector &&
                      (change.depth == 0 || change.depth == table.depth);
    if (fits) tables.push_back(i);
  }
  return tables;
}

Channels changed(Channels channels, const Change& change) {
  static_cast<void>(set_channel(channels, change.subject, change.what == What::AddChannel));
  return channels;
}

void check_own_endpoint(const Config& config, const VenueConfig& venue) {
  for (const auto& other : config.venues) {
    if (other.removed || &other == &venue) continue;
    if (authority_of(other.websocket) != authority_of(venue.websocket)) continue;
    throw ipc::ConfigError(
        fmt::format("{}: its endpoint {} is that of {}, which is collected; what one address is "
                    "allowed is divided at the start only: put both into the file, and start anew",
                    venue.name, venue.websocket, other.name));
  }
}

void apply_venue_change(Config& config, const Config& file, const std::string& collector,
                        const Change& change) {
  const auto is_meant = [&](const VenueConfig& table) {
    return table.name == change.venue && table.collector == collector;
  };
  if (change.what == What::RemoveVenue) {
    for (auto& table : config.venues) table.removed = table.removed || is_meant(table);
    return;
  }
  if (change.subject.empty()) {  // as the file has it
    for (std::size_t i = 0; i < file.venues.size(); ++i) {
      if (is_meant(file.venues[i])) config.venues[i] = file.venues[i];
    }
    return;
  }
  auto added = read_added_venue(change.subject, config.deployment);
  if (!is_meant(added)) {
    throw ipc::ConfigError(fmt::format("{}: its keys are another's", change.venue));
  }
  for (auto& table : config.venues) table.removed = table.removed || is_meant(table);
  check_own_endpoint(config, added);
  added.line = -1 - static_cast<int>(config.venues.size());
  config.venues.push_back(std::move(added));
}

std::vector<std::string> apply_changes(Config& config, const std::string& collector,
                                       std::span<const Change> changes) {
  const Config file = config;
  std::vector<std::string> lines;
  for (const auto& change : changes) {
    if (change.of_venue()) {
      try {
        apply_venue_change(config, file, collector, change);
      } catch (const std::exception& error) {
        lines.emplace_back(error.what());
      }
    } else if (change.of_channel()) {
      for (const auto table : tables_of(config, collector, change)) {
        auto& channels = config.venues[table].channels;
        channels = changed(channels, change);
      }
    } else if (change.what == What::Remove) {
      for (auto& table : config.venues) {
        if (table.name == change.venue && table.collector == collector) {
          std::erase(table.instruments, change.subject);
        }
      }
    } else if (const auto table = table_of(config, collector, change); table != no_table) {
      auto& symbols = config.venues[table].instruments;
      if (std::find(symbols.begin(), symbols.end(), change.subject) == symbols.end()) {
        symbols.push_back(change.subject);
      }
    }
  }
  // Only now: of a line that a later one made void nothing is left to keep the others' order.
  for (auto& table : config.venues) {
    if (table.collector != collector || table.channels.any()) continue;
    table.channels = table.named_channels;
    lines.push_back(fmt::format(
        "{}: its journal leaves this table no channel; it has those of the file", table.name));
  }
  return lines;
}

}  // namespace ringside::collector
