// ringside instruments list, add, remove: what a running deployment collects.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/ringside/command.hpp"

namespace ringside::tools {

// As the others in command.hpp.
void declare_instruments(CLI::App& app, Action& action);

}  // namespace ringside::tools
