// A venue's adapter set up for a capture instead of a connection: the same code as live, but its
// instruments and their exponents come from the capture's own metadata, or from a first pass over
// it.
//
// To add a venue: one function of the shape of offline_kraken(), and one row in offline_venue.cpp.
//
// Threads: one. Fails by: throwing CommandError: unknown venue, unreadable capture, or one that
// holds no instrument of that venue.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/record_writer.hpp"
#include "tools/capture/capture.hpp"

namespace ringside::tools {

struct OfflineInstrument {
  InstrumentId id;
  std::string symbol;     // as the venue spells it
  InstrumentTerms terms;  // of the first pass; what the records say wins
  bool has_book = true;   // else only its trades were subscribed
};

struct OfflineVenue {
  std::vector<OfflineInstrument> instruments;
  std::unique_ptr<collector::Adapter> adapter;
  // The adapter's connection for the capture's (1, 2, ... in order of opening).
  std::function<collector::ConnectionIndex(std::uint32_t)> connection_of;
  // Whether the body of this URL answers what the adapter asked for.
  std::function<bool(std::string_view url, std::string_view target)> answers;
};

// Where the adapter's findings go.
struct OfflineSinks {
  collector::RecordWriter* records;
  collector::RingIndex ring;
  collector::AdapterHost* host;
};

OfflineVenue make_offline_venue(std::string_view venue, const capture::CaptureInput& capture,
                                const OfflineSinks& sinks);

// "kraken, ..."
std::string offline_venue_names();

// One for each venue family; called by make_offline_venue().
OfflineVenue offline_kraken(std::string_view name, const capture::CaptureInput& capture,
                            const OfflineSinks& sinks);
OfflineVenue offline_binance(std::string_view name, const capture::CaptureInput& capture,
                             const OfflineSinks& sinks);

}  // namespace ringside::tools
