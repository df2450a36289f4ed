// What a journal of changes makes of the deployment file: the same set of venues, channels and
// instruments after a restart as before it.
//
// Threads: none. Fails by: no_table; what cannot be done any more is said, and left out.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "collector/change_journal.hpp"
#include "collector/config.hpp"

namespace ringside::collector {

inline constexpr std::size_t no_table = ~std::size_t{0};

// Where a collector process keeps what outlives it, its journal among it.
[[nodiscard]] std::string state_directory(const ipc::Deployment& deployment,
                                          const ipc::ProcessSpec& collector);

// The deployment as it is to be by now: the file, and what the journals of its collectors make of
// it. Changes nothing on the disk. Throws as load_config() and ChangeJournal::read_all().
[[nodiscard]] Config config_now(const std::string& path);

// Which of config.venues of this collector `change`, of an instrument, is about: the one that names
// its symbol already, else the first of its venue with its channels, as its table names them, and
// depth, as far as it says them.
[[nodiscard]] std::size_t table_of(const Config& config, const std::string& collector,
                                   const Change& change);

// The newest line of a venue: its tables are removed, or back, or its line's in their place. Throws
// ipc::ConfigError for keys that are no good any more, or an endpoint that is shared.
void apply_venue_change(Config& config, const Config& file, const std::string& collector,
                        const Change& change);
// Throws ipc::ConfigError: another table that is collected uses the same endpoint, and what counts
// by address is divided at the start only.
void check_own_endpoint(const Config& config, const VenueConfig& venue);

// All of config.venues of this collector that `change`, of a channel, is about.
[[nodiscard]] std::vector<std::size_t> tables_of(const Config& config, const std::string& collector,
                                                 const Change& change);

// As `change`, of a channel, makes them.
[[nodiscard]] Channels changed(Channels channels, const Change& change);

// The newest of each, as ChangeJournal::read_all() answers them. What is about a table that the
// file no longer has stays without effect, and so does what would leave a table without a channel;
// of the others: what there is to say, one line each.
std::vector<std::string> apply_changes(Config& config, const std::string& collector,
                                       std::span<const Change> changes);

}  // namespace ringside::collector
