// What a journal of changes makes of the deployment file: the same set of instruments after a
// restart as before it.
//
// Threads: none. Fails by: no_table.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "collector/change_journal.hpp"
#include "collector/config.hpp"

namespace ringside::collector {

inline constexpr std::size_t no_table = ~std::size_t{0};

// Where a collector process keeps what outlives it, its journal among it.
[[nodiscard]] std::string state_directory(const ipc::Deployment& deployment,
                                          const ipc::ProcessSpec& collector);

// "trade,book,bbo", or some of them.
[[nodiscard]] std::string channels_text(const Channels& channels);

// Which of config.venues of this collector `change` is about: the one that names its symbol
// already, else the first of its venue with its channels and depth, as far as it says them.
[[nodiscard]] std::size_t table_of(const Config& config, const std::string& collector,
                                   const InstrumentChange& change);

// The newest of each instrument, as ChangeJournal::read_all() answers them. What is about a table that
// the file no longer has stays without effect.
void apply_changes(Config& config, const std::string& collector,
                   std::span<const InstrumentChange> changes);

}  // namespace ringside::collector
