// A capture through what runs live: the venue's adapter, an SPSC ring, the worker and its books,
// all on the capture's own time; and what is to be said about the books that came of it.
//
// Deterministic: time is read from the capture, so that two runs answer alike to the byte.
//
// Threads: one. Bounded by: capture_instruments_max. Fails by: throwing CommandError for what
// cannot be read; everything else is in the Verification.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringside/state.hpp"
#include "tools/capture/capture.hpp"

namespace ringside::tools {

inline constexpr std::size_t departures_max = 100;  // kept for the report

struct TradeTotals {
  std::uint64_t count = 0;
  std::string quantity_sum;  // exact decimals
  std::string notional_sum;
  bool overflowed = false;  // the sums did not fit in 128 bits
};

struct BookTotals {
  State state = State::Syncing;
  Cause cause = Cause::None;
  std::uint64_t updates = 0;  // whole deltas that became part of the book
  std::uint64_t checksums_good = 0;
  std::uint64_t checksums_failed = 0;
  std::uint64_t gaps = 0;     // times its state became gap
  std::uint64_t resyncs = 0;  // times a new snapshot was wanted
  bool whole = false;
  std::string sha256;  // of its part of the dump; empty unless whole
  std::uint64_t best_count = 0;
  std::string best_sha256;  // of the best levels after each update

  [[nodiscard]] bool good() const { return state == State::Live && checksums_failed == 0; }
};

// A book that was live and is so no more.
struct Departure {
  std::uint64_t line = 0;  // of the capture, from 1
  std::string symbol;
  State state = State::Syncing;
  Cause cause = Cause::None;
};

struct Verification {
  std::string venue;
  std::string capture;
  std::uint64_t messages = 0;   // frames received
  std::uint64_t responses = 0;  // HTTP bodies
  std::map<std::string, TradeTotals> trades;
  std::map<std::string, BookTotals> books;                      // in byte order of the symbols
  std::string dump;                                             // canonical, of all whole books
  std::string books_sha256;                                     // of the dump
  std::vector<std::pair<std::string, std::uint64_t>> counters;  // those that counted anything
  std::vector<Departure> departures;

  [[nodiscard]] bool good() const;
};

// Asks `stop` at each line, if there is one; throws Interrupted when it says so.
Verification verify_capture(std::string_view venue, const capture::CaptureInput& capture,
                            bool (*stop)() = nullptr);

std::string verification_json(const Verification& verification);
// A table, and below it one line for each thing that does not hold.
std::string verification_text(const Verification& verification);

}  // namespace ringside::tools
