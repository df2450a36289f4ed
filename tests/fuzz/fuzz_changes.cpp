// Any bytes as a collector's journal of changes: what is read of it is what would be written of it;
// reduced it says the same of the channels; and no table is left without a channel.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/change_journal.hpp"
#include "collector/config_changes.hpp"
#include "ipc/check.hpp"

namespace {

using namespace ringside::collector;

Config deployment() {
  Config config;
  ringside::ipc::ProcessSpec process;
  process.name = "c0";
  process.threads.resize(1);
  config.deployment.collectors = {process};
  for (const char* name : {"kraken", "kraken", "binance"}) {
    VenueConfig table;
    table.name = name;
    table.websocket = std::string("ws://") + name + "/";
    table.collector = "c0";
    table.instruments = {"BTC/USD"};
    config.venues.push_back(table);
  }
  config.venues[1].depth = 25;
  config.venues[1].channels = config.venues[1].named_channels = {true, false, false};
  return config;
}

bool equal(const Config& one, const Config& other) {
  if (one.venues.size() != other.venues.size()) return false;
  for (std::size_t i = 0; i < one.venues.size(); ++i) {
    const auto& a = one.venues[i];
    const auto& b = other.venues[i];
    if (a.name != b.name || a.channels != b.channels) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = read_changes(text);
  RINGSIDE_CHECK(read.good_bytes <= size);
  std::string written;
  for (const auto& change : read.changes) written += line_of(change) + "\n";
  RINGSIDE_CHECK(text.substr(0, read.good_bytes) == written);

  const auto newest = newest_changes(read.changes);
  RINGSIDE_CHECK(newest.size() <= read.changes.size());
  RINGSIDE_CHECK(newest_changes(newest) == newest);

  auto config = deployment();
  static_cast<void>(apply_changes(config, "c0", newest));
  for (const auto& table : config.venues) RINGSIDE_CHECK(table.channels.any());
  // Where no line had to be refused, the reduced journal ends where the whole one did. A venue that
  // comes back is as the file has it, which is not what stands before each single line.
  auto whole = deployment();
  bool refused = std::any_of(read.changes.begin(), read.changes.end(),
                             [](const auto& change) { return change.of_venue(); });
  for (const auto& change : read.changes) {
    refused = refused || !apply_changes(whole, "c0", {&change, 1}).empty();
  }
  RINGSIDE_CHECK(refused || equal(config, whole));
  return 0;
}
