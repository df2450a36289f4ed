// The [[venue]] tables of a deployment as rows: for ringside channels and ringside venues.
//
// Threads: one. Fails by: nothing.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "collector/config.hpp"
#include "tools/ringside/deployment_stat.hpp"
#include "tools/ringside/json_text.hpp"

namespace ringside::tools {

struct VenueRow {
  std::string result;  // of a change: added, removed, refused; empty: none
  const collector::VenueConfig* table = nullptr;
};

// Throws CommandError: `file` describes another instance than was asked for. Empty: none was.
void check_instance(const collector::Config& config, const std::string& file,
                    const std::string& asked);
// Throws CommandError, which lists the tables that there are, and the venue that may be meant.
[[noreturn]] void fail_unknown_venue(const collector::Config& config, const std::string& venue);
// Of its instance; empty where that does not run.
DeploymentStat stat_of(const collector::Config& config);
// --config FILE, required.
void add_config_option(CLI::App& command, std::string& file);

// "kraken (trade,book,bbo), binance (book; depth 100)": the channels of now.
std::string tables_text(const collector::Config& config);

const InstrumentStat* find(const DeploymentStat& stat, const std::string& collector,
                           const std::string& venue, const std::string& symbol);
// Nobody collects it any more.
bool was_removed(const InstrumentStat& instrument);
// Throws CommandError: the collector's catalogue has no room for those that it does not have yet.
void check_room(const DeploymentStat& stat, const std::string& collector, const std::string& venue,
                const std::vector<std::string>& symbols);

// Books of this table's instruments that are live, as `stat` has them.
std::size_t live_count(const collector::VenueConfig& table, const DeploymentStat& stat);

std::string line_of(const VenueRow& row, const DeploymentStat& stat);
// An object.
void put(JsonText& json, const VenueRow& row, const DeploymentStat& stat);
// To `target` as JSON, {"instance": ..., "venues": [...]}, or to stdout as text if that is empty.
void write_rows(const std::string& target, const std::vector<VenueRow>& rows,
                const DeploymentStat& stat);

}  // namespace ringside::tools
