// The collector's part of the deployment file: which venue, from where, which instruments.
// Each key's meaning, unit, default and range: CONFIG.md, generated from the tables in config.cpp.
//
// Threads: setup only. Fails by: throwing ipc::ConfigError, one line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/channels.hpp"
#include "ipc/deployment.hpp"

namespace ringside::collector {

// A venue whose protocol is spoken here.
struct VenueInfo {
  std::string_view name;
  std::string_view websocket;  // the venue's own endpoint
  std::string_view rest;       // its own REST endpoint; empty: none is needed
  bool live = true;            // false: only for reading captures
};
// All known venues, for messages and defaults.
std::span<const VenueInfo> known_venues();
// Null when unknown.
const VenueInfo* find_venue(std::string_view name);

// One [[venue]] table.
struct VenueConfig {
  std::string name;
  std::string websocket;  // ws:// or wss:// URL
  std::string rest;       // http:// or https:// URL; empty: none
  std::string tls_ca;     // PEM file; empty: the system's
  bool insecure_for_tests = false;
  bool openssl_records = false;  // tls_records = "openssl"
  std::string collector;         // process name
  std::uint32_t thread = 0;      // index of its thread
  std::string worker;            // worker thread name; empty: ordinal mod threads
  std::vector<std::string> instruments;
  Channels channels;
  Channels
      named_channels;  // as its table names them: what changes at run time leaves them as they are
  std::uint32_t depth = 0;  // levels a side; 0: the venue's default
  std::string layout;       // of Binance's futures endpoints: "split", "single"; empty: the venue's
  std::uint32_t instruments_per_connection = 0;  // 0: the venue's limit
  std::uint32_t no_data_ms = 0;                  // watchdog of a connection; 0: the adapter's alone
  std::uint32_t connect_ms_max = 5000;           // each step: lookup, connect, TLS, upgrade
  std::uint32_t retry_ms_max = 30000;            // between attempts to connect, or to ask REST
  std::uint32_t rest_ms_max = 10000;             // a REST answer, connecting included
  std::uint32_t metadata_ms = 300'000;           // between looks at what the venue lists
  // Limits in place of the venue's documented ones (venue_limits.hpp); 0: those.
  std::uint32_t connects_max = 0;
  std::uint32_t connects_window_ms = 0;
  std::uint32_t messages_max = 0;
  std::uint32_t messages_window_ms = 0;
  std::uint32_t rest_weight_max = 0;
  std::uint32_t rest_window_ms = 0;
  // Of all tables of the file that use this one's endpoint: they share what counts by address.
  // Computed; 0: this one alone.
  std::uint32_t address_instruments = 0;
  // Of those, this table's in the file: what changes at run time leaves its part as it is.
  // 0: as many as it has.
  std::uint32_t own_instruments = 0;
  std::string proxy;                    // http://host:port; empty: none
  std::string proxy_authorization;      // of Proxy-Authorization; empty: none
  bool compress = false;                // permessage-deflate and gzip are offered
  std::uint32_t connection_ms_max = 0;  // 0: as documented of the venue
  int line = 0;          // in the file, for messages; below 0: added while it ran, each its own
  bool removed = false;  // while it ran: nothing is collected of it
};

struct Config {
  ipc::Deployment deployment;
  std::vector<VenueConfig> venues;
};

// Reads and checks the whole file. Relative paths are relative to the file.
Config load_config(const std::string& path);

// A [[venue]] table that is not in the file: added while the deployment runs.
struct AddedVenue {
  std::string keys;  // as TOML, without the header; paths absolute: to be read again anywhere
  VenueConfig venue;
};
// All [[venue]] tables of a text, and nothing else may stand in it. `source`: its file, for
// messages and for the paths in it. Throws ipc::ConfigError.
std::vector<AddedVenue> read_added_venues(std::string_view text, const std::string& source,
                                          const ipc::Deployment& deployment);
// Of one, by its keys. Throws ipc::ConfigError.
VenueConfig read_added_venue(std::string_view keys, const ipc::Deployment& deployment);

// "wss://host:port/path" -> "host:port"; what counts by address counts by this.
std::string_view authority_of(std::string_view url);

// The generated reference, as Markdown: collector/CONFIG.md.
std::string config_reference();

}  // namespace ringside::collector
