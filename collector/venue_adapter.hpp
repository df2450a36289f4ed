// Which adapter speaks a venue's protocol: the one place that knows them all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/config.hpp"
#include "collector/record_writer.hpp"

namespace ringside::collector {

struct AdapterContext {
  const VenueConfig& venue;
  std::vector<VenueInstrument> instruments;  // in the order of the configuration
  std::size_t instruments_max = 0;           // that there will ever be; 0: those given
  std::uint32_t generation = 1;
  std::uint64_t seed = 0;
  RecordWriter& records;
  AdapterHost& host;
};

// Throws ipc::ConfigError for a venue that cannot be collected live.
std::unique_ptr<Adapter> make_adapter(AdapterContext context);

// Over which connection of its adapter an instrument's book comes, by its place in the
// configuration: what the adapter will do, told before there is one.
ConnectionIndex book_connection(const VenueConfig& venue, std::size_t place);

// What the catalogue says before the venue has been asked: exponents unknown.
InstrumentTerms configured_terms(const VenueConfig& venue);

}  // namespace ringside::collector
