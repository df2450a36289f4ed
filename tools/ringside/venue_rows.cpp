#include "tools/ringside/venue_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ipc/segment.hpp"
#include "tools/ringside/command.hpp"

namespace ringside::tools {

void check_instance(const collector::Config& config, const std::string& file,
                    const std::string& asked) {
  const auto& instance = config.deployment.instance;
  if (asked.empty() || asked == instance) return;
  throw CommandError(
      fmt::format("--instance {}: {} describes instance '{}'", asked, file, instance));
}

void fail_unknown_venue(const collector::Config& config, const std::string& venue) {
  throw CommandError(fmt::format("{} has no [[venue]] table of '{}'; it has: {}",
                                 config.deployment.file, venue, tables_text(config)));
}

DeploymentStat stat_of(const collector::Config& config) {
  const auto& instance = config.deployment.instance;
  const auto present = ipc::list_instances();
  if (std::find(present.begin(), present.end(), instance) != present.end()) {
    return collect_deployment(instance);
  }
  DeploymentStat stat;
  stat.instance = instance;
  return stat;
}

void add_config_option(CLI::App& command, std::string& file) {
  command.add_option("--config", file, "the deployment's TOML file")->required()->type_name("FILE");
}

std::string tables_text(const collector::Config& config) {
  std::vector<std::string> tables;
  for (const auto& table : config.venues) {
    if (table.removed) continue;
    tables.push_back(fmt::format("{} ({}{})", table.name, collector::channels_text(table.channels),
                                 table.depth == 0 ? "" : fmt::format("; depth {}", table.depth)));
  }
  return tables.empty() ? "none" : fmt::format("{}", fmt::join(tables, ", "));
}

const InstrumentStat* find(const DeploymentStat& stat, const std::string& collector,
                           const std::string& venue, const std::string& symbol) {
  const auto found = std::find_if(stat.instruments.begin(), stat.instruments.end(),
                                  [&](const InstrumentStat& each) {
                                    return each.info.collector == collector &&
                                           each.info.venue == venue && each.info.symbol == symbol;
                                  });
  return found == stat.instruments.end() ? nullptr : &*found;
}

bool was_removed(const InstrumentStat& instrument) {
  return instrument.status == ipc::ReadStatus::Ok && instrument.view.state == State::Failed &&
         instrument.view.cause == Cause::Removed;
}

void check_room(const DeploymentStat& stat, const std::string& collector, const std::string& venue,
                const std::vector<std::string>& symbols) {
  const auto unknown = static_cast<std::uint64_t>(std::count_if(
      symbols.begin(), symbols.end(),
      [&](const auto& symbol) { return find(stat, collector, venue, symbol) == nullptr; }));
  const auto catalogue = std::find_if(
      stat.segments.begin(), stat.segments.end(),
      [&](const SegmentStat& segment) { return segment.name == "catalogue." + collector; });
  if (catalogue == stat.segments.end()) return;
  const auto listed = static_cast<std::uint64_t>(
      std::count_if(stat.instruments.begin(), stat.instruments.end(),
                    [&](const auto& each) { return each.info.collector == collector; }));
  const auto room =
      catalogue->geometry.item_count - std::min(listed, catalogue->geometry.item_count);
  if (unknown <= room) return;
  throw CommandError(
      fmt::format("collector '{}' has room for {} instruments more, and these are {}; raise "
                  "memory.instruments_max ({} now), and start the deployment anew",
                  collector, room, unknown, catalogue->geometry.item_count));
}

std::size_t live_count(const collector::VenueConfig& table, const DeploymentStat& stat) {
  return static_cast<std::size_t>(
      std::count_if(stat.instruments.begin(), stat.instruments.end(), [&](const auto& each) {
        const auto& symbols = table.instruments;
        return each.info.venue == table.name && each.info.collector == table.collector &&
               each.status == ipc::ReadStatus::Ok && each.view.state == State::Live &&
               std::find(symbols.begin(), symbols.end(), each.info.symbol) != symbols.end();
      }));
}

std::string line_of(const VenueRow& row, const DeploymentStat& stat) {
  const auto& table = *row.table;
  return fmt::format("{}{:<16} {:<16} {:<15} {:>5} instruments, {} live{}{}\n",
                     row.result.empty() ? "" : fmt::format("{:<8} ", row.result), table.name,
                     fmt::format("{}.{}", table.collector, table.thread),
                     collector::channels_text(table.channels), table.instruments.size(),
                     live_count(table, stat),
                     table.depth == 0 ? "" : fmt::format(", depth {}", table.depth),
                     table.removed ? ", removed" : "");
}

void put(JsonText& json, const VenueRow& row, const DeploymentStat& stat) {
  const auto& table = *row.table;
  json.begin_object();
  if (!row.result.empty()) json.member("result", row.result);
  json.member("venue", table.name).member("collector", table.collector);
  json.member("thread", table.thread).key("channels").begin_array();
  if (table.channels.trade) json.value("trade");
  if (table.channels.book) json.value("book");
  if (table.channels.bbo) json.value("bbo");
  json.end_array().key("depth");
  if (table.depth == 0) {
    json.null();
  } else {
    json.value(table.depth);
  }
  json.member("websocket", table.websocket).member("from", table.line > 0 ? "file" : "added");
  json.member("state", table.removed ? "removed" : "collected");
  json.member("instruments", table.instruments.size()).member("live", live_count(table, stat));
  json.end_object();
}

void write_rows(const std::string& target, const std::vector<VenueRow>& rows,
                const DeploymentStat& stat) {
  JsonText json;
  json.begin_object().member("instance", stat.instance).key("venues").begin_array();
  std::string text;
  for (const auto& row : rows) {
    text += line_of(row, stat);
    put(json, row, stat);
  }
  json.end_array().end_object();
  write_output(target.empty() ? to_stdout : target, target.empty() ? text : json.text() + "\n");
}

}  // namespace ringside::tools
