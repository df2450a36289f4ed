#include "collector/config_changes.hpp"

#include <algorithm>

#include "ipc/segment.hpp"

namespace ringside::collector {

std::string state_directory(const ipc::Deployment& deployment, const ipc::ProcessSpec& collector) {
  if (!collector.state_dir.empty()) return collector.state_dir;
  return ipc::instance_path(deployment.instance) + "/." + collector.name + ".state";
}

std::string channels_text(const Channels& channels) {
  std::string text;
  const auto append = [&](bool has, std::string_view name) {
    if (!has) return;
    if (!text.empty()) text += ',';
    text += name;
  };
  append(channels.trade, "trade");
  append(channels.book, "book");
  append(channels.bbo, "bbo");
  return text;
}

std::size_t table_of(const Config& config, const std::string& collector,
                     const InstrumentChange& change) {
  std::size_t fitting = no_table;
  for (std::size_t i = 0; i < config.venues.size(); ++i) {
    const auto& table = config.venues[i];
    if (table.name != change.venue || table.collector != collector) continue;
    const auto& symbols = table.instruments;
    if (std::find(symbols.begin(), symbols.end(), change.symbol) != symbols.end()) return i;
    const bool fits =
        (change.channels.empty() || change.channels == channels_text(table.channels)) &&
        (change.depth == 0 || change.depth == table.depth);
    if (fits && fitting == no_table) fitting = i;
  }
  return fitting;
}

void apply_changes(Config& config, const std::string& collector,
                   std::span<const InstrumentChange> changes) {
  for (const auto& change : changes) {
    if (change.what == InstrumentChange::What::Remove) {
      for (auto& table : config.venues) {
        if (table.name == change.venue && table.collector == collector) {
          std::erase(table.instruments, change.symbol);
        }
      }
      continue;
    }
    const auto table = table_of(config, collector, change);
    if (table == no_table) continue;
    auto& symbols = config.venues[table].instruments;
    if (std::find(symbols.begin(), symbols.end(), change.symbol) == symbols.end()) {
      symbols.push_back(change.symbol);
    }
  }
}

}  // namespace ringside::collector
