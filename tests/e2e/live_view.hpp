// What a user of the deployment sees of it, for the end-to-end tests: states, counters, books, all
// through the `ringside` command.
//
// Threads: one. Bounded by: settle_deadline where it waits. Fails by: gtest failures that show what
// was seen last, or json exceptions for an answer that is none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "tests/e2e/live_system.hpp"

namespace ringside::e2e {

inline constexpr milliseconds settle_deadline{60'000};

// Asks again and again until it is so; false: not within the deadline.
bool becomes_true(const std::function<bool()>& question, milliseconds deadline = settle_deadline);

// State by symbol, from `ringside stat --json`; empty when nothing answers yet.
std::map<std::string, std::string> states(LiveSystem& system);
// All `count` instruments are; else a failure that shows them.
bool all_live(LiveSystem& system, std::size_t count);

// The sum over all threads, and over venues: "kraken.frames" is part of "frames".
std::uint64_t counter(LiveSystem& system, const std::string& name);
// Counters reach the telemetry some milliseconds after the fact.
bool counter_becomes(LiveSystem& system, const std::string& name, std::uint64_t wanted);

// Of each whole and live book in shared memory, from `ringside books --json`; empty when not all
// are within `seconds`.
std::map<std::string, std::string> book_hashes(LiveSystem& system, int seconds = 10);

std::string read_text(const std::string& path);
// Lines "symbol exchange_ns hash": hash by "symbol exchange_ns".
std::map<std::string, std::string> points(const std::string& path);

}  // namespace ringside::e2e
