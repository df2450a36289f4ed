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

// An instrument as the registry and the record writer know it, in the order of the configuration.
struct VenueInstrument {
  std::string symbol;
  InstrumentId id;
  InstrumentIndex record = 0;
};

struct AdapterContext {
  const VenueConfig& venue;
  std::vector<VenueInstrument> instruments;
  std::uint32_t generation = 1;
  std::uint64_t seed = 0;
  RecordWriter& records;
  AdapterHost& host;
};

// Throws ipc::ConfigError for a venue that cannot be collected live.
std::unique_ptr<Adapter> make_adapter(AdapterContext context);

// What the catalogue says before the venue has been asked: exponents unknown.
InstrumentTerms configured_terms(const VenueConfig& venue);

}  // namespace ringside::collector
