// ringside instruments, channels, venues: what a running deployment collects. Each lists it, adds
// to it, removes from it.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/ringside/command.hpp"

namespace ringside::tools {

// As the others in command.hpp.
void declare_instruments(CLI::App& app, Action& action);
void declare_channels(CLI::App& app, Action& action);
void declare_venues(CLI::App& app, Action& action);

}  // namespace ringside::tools
