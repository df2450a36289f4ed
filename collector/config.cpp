#include "collector/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>

#include "collector/venue_limits.hpp"
#include "net/url.hpp"

namespace ringside::collector {
namespace {

using ipc::ConfigError;
using ipc::ConfigTable;
using ipc::KeyDoc;
using ipc::SectionDoc;

constexpr std::array venues{
    VenueInfo{"kraken", "wss://ws.kraken.com/v2", ""},
    VenueInfo{"kraken-v1", "wss://ws.kraken.com", ""},
    VenueInfo{"binance", "wss://stream.binance.com:9443", "https://api.binance.com"},
    VenueInfo{"binance-us", "wss://stream.binance.us:9443", "https://api.binance.us"},
    VenueInfo{"binance-usdm", "wss://fstream.binance.com", "https://fapi.binance.com"},
    VenueInfo{"binance-coinm", "wss://dstream.binance.com", "https://dapi.binance.com"},
};

constexpr std::array venue_keys{
    KeyDoc{"name", "string", "required", "a known venue",
           "Whose feed; one table may name it again."},
    KeyDoc{"websocket", "string", "the venue's own", "ws:// or wss:// URL",
           "Endpoint of the feed."},
    KeyDoc{"rest", "string", "the venue's own", "http:// or https:// URL",
           "Endpoint of snapshots and metadata."},
    KeyDoc{"tls_ca", "string", "the system's", "a PEM file",
           "Certificate authorities to trust, instead of the system's."},
    KeyDoc{"insecure_for_tests", "boolean", "false", "",
           "Do not verify the venue's certificate. For tests only; said aloud."},
    KeyDoc{
        "tls_records", "string", "own", "own, openssl",
        "Who decrypts what is received after a TLS 1.3 handshake: our layer, at two thirds of the "
        "cost of a small record, or OpenSSL's."},
    KeyDoc{"collector", "string", "the only one", "a [[collector]] name",
           "Process that collects it."},
    KeyDoc{"thread", "integer", "0", "0 to 63", "Which of that process's threads."},
    KeyDoc{"worker", "string", "ordinal mod threads", "a worker thread, e.g. w0.0",
           "Who keeps these books."},
    KeyDoc{"instruments", "array of strings", "required", "the venue's spelling",
           "What to collect."},
    KeyDoc{"channels", "array of strings", "[\"trade\", \"book\", \"bbo\"]", "trade, book, bbo",
           "What of it."},
    KeyDoc{"depth", "integer", "the venue's default", "1 to 5000 levels a side",
           "Depth of the book to subscribe."},
    KeyDoc{"layout", "string", "the venue's own", "split, single",
           "Binance futures: depth and trades over /public and /market, or all over /stream."},
    KeyDoc{"instruments_per_connection", "integer", "the venue's limit", "1 to 1024",
           "Sharding: at most this many share one connection."},
    KeyDoc{"no_data_ms", "integer", "10000; Binance: 60000, where depth is streamed",
           "1000 to 600000 ms", "A connection without any message for so long is reopened."},
    KeyDoc{"connect_ms_max", "integer", "5000", "50 to 60000 ms",
           "Longest each step of connecting may take: name lookup, TCP, TLS, WebSocket upgrade."},
    KeyDoc{
        "connection_ms_max", "integer", "never; Binance: 82800000, of the 86400000 it allows",
        "1000 to 604800000 ms",
        "A connection of this age, less up to a tenth by chance, is closed and opened again, lest "
        "the venue cut many at once."},
    KeyDoc{"retry_ms_max", "integer", "30000", "10 to 600000 ms",
           "Longest wait before connecting or asking REST again, unless the venue asks for more; "
           "it begins short and doubles, with jitter."},
    KeyDoc{"rest_ms_max", "integer", "10000", "50 to 600000 ms",
           "Longest a REST answer may take, connecting included."},
    KeyDoc{"metadata_ms", "integer", "300000", "1000 to 86400000 ms",
           "Between looks at all that a Binance venue lists, each for the weight of exchangeInfo; "
           "Kraken tells by itself."},
    KeyDoc{"proxy", "string", "none", "http://host:port",
           "HTTP proxy to go through, by CONNECT. No environment variable is looked at."},
    KeyDoc{"proxy_authorization", "string", "none", "e.g. Basic dXNlcjpwYXNz",
           "What the proxy is told in Proxy-Authorization. Keep the file unreadable to others."},
    KeyDoc{
        "compress", "boolean", "false", "",
        "Offer permessage-deflate and gzip. Saves traffic, costs the collector several times the "
        "CPU of a message. A venue that does not agree is read as it is; "
        "compressed_messages and compressed_bytes in ringside stat say what came."},
    KeyDoc{"connects_max", "integer", "the venue's limit", "1 to 100000",
           "Attempts to connect that the venue allows of one address, within connects_window_ms."},
    KeyDoc{"connects_window_ms", "integer", "the venue's", "100 to 3600000 ms",
           "The stretch of time that connects_max is about."},
    KeyDoc{"messages_max", "integer", "the venue's limit", "4 to 100000",
           "Messages that the venue takes over one connection, within messages_window_ms."},
    KeyDoc{"messages_window_ms", "integer", "the venue's", "100 to 3600000 ms",
           "The stretch of time that messages_max is about."},
    KeyDoc{"rest_weight_max", "integer", "the venue's limit", "20 to 1000000",
           "Weight of REST requests that the venue allows of one address, within rest_window_ms."},
    KeyDoc{"rest_window_ms", "integer", "the venue's", "100 to 3600000 ms",
           "The stretch of time that rest_weight_max is about."},
};
constexpr SectionDoc venue_section{"[[venue]]", "A venue's feed and the instruments wanted of it.",
                                   venue_keys};

constexpr std::array added_keys{
    KeyDoc{"venue", "array of tables", "required", "", "What is added."},
};
constexpr SectionDoc added_section{"", "Venues that are added.", added_keys};

struct Origin {
  const std::string& path;
  const ipc::Deployment& deployment;
};

void check_url(const ConfigTable& table, std::string_view key, const std::string& url,
               std::string_view plain, std::string_view secure) {
  if (url.starts_with(plain) || url.starts_with(secure)) return;
  table.fail(key, fmt::format("must begin with {} or {}", secure, plain));
}

Channels channels_of(const ConfigTable& table) {
  if (!table.has("channels")) return {};
  auto channels = no_channels;
  for (const auto& name : table.texts("channels")) {
    if (!set_channel(channels, name, true)) {
      table.fail("channels", fmt::format("'{}' is not known; allowed: {}", name, channel_names));
    }
  }
  if (!channels.any()) table.fail("channels", "must name at least one");
  return channels;
}

void read_placement(const ConfigTable& table, const Origin& origin, VenueConfig& venue) {
  const auto& deployment = origin.deployment;
  if (!table.has("collector") && deployment.collectors.size() > 1) {
    table.fail("collector",
               "is missing; with several [[collector]] tables each venue names its own");
  }
  venue.collector = table.text("collector", deployment.collectors.front().name);
  const auto known =
      std::find_if(deployment.collectors.begin(), deployment.collectors.end(),
                   [&](const auto& process) { return process.name == venue.collector; });
  if (known == deployment.collectors.end()) {
    std::string names;
    for (const auto& process : deployment.collectors) names += fmt::format(" {}", process.name);
    table.fail("collector", fmt::format("names no [[collector]] of this file; it has:{}", names));
  }
  venue.thread = static_cast<std::uint32_t>(
      table.integer("thread", {0, 0, static_cast<std::int64_t>(ipc::threads_per_process_max) - 1}));
  if (venue.thread >= known->threads.size()) {
    table.fail("thread", fmt::format("collector '{}' has {} thread(s), numbered from 0",
                                     known->name, known->threads.size()));
  }
  venue.worker = table.text("worker", "");
  const auto workers = deployment.worker_threads();
  if (!venue.worker.empty() &&
      std::find(workers.begin(), workers.end(), venue.worker) == workers.end()) {
    std::string names;
    for (const auto& name : workers) names += fmt::format(" {}", name);
    table.fail("worker", fmt::format("names no worker thread of this file; it has:{}", names));
  }
}

void read_proxy(const ConfigTable& table, VenueConfig& venue) {
  venue.proxy = table.text("proxy", "");
  venue.proxy_authorization = table.text("proxy_authorization", "");
  for (const char c : venue.proxy_authorization) {
    if (c < ' ' || c > '~') table.fail("proxy_authorization", "must be one printable line");
  }
  if (venue.proxy.empty()) {
    if (!venue.proxy_authorization.empty()) table.fail("proxy_authorization", "needs proxy, too");
    return;
  }
  try {
    const auto url = net::parse_url(venue.proxy);
    if (!url.tls && !url.websocket && url.target == "/") return;
  } catch (const std::system_error&) {
    // It is no URL at all: said below.
  }
  table.fail("proxy", "must be http://host:port");
}

void read_endpoints(const ConfigTable& table, const Origin& origin, const VenueInfo& info,
                    VenueConfig& venue) {
  venue.websocket = table.text("websocket", info.websocket);
  venue.rest = table.text("rest", info.rest);
  check_url(table, "websocket", venue.websocket, "ws://", "wss://");
  const bool needs_rest = !info.rest.empty();
  if (needs_rest || !venue.rest.empty()) {
    check_url(table, "rest", venue.rest, "http://", "https://");
  }
  venue.insecure_for_tests = table.boolean("insecure_for_tests", false);
  const std::string records = table.text("tls_records", "own");
  if (records != "own" && records != "openssl") {
    table.fail("tls_records", "accepted is own or openssl");
  }
  venue.openssl_records = records == "openssl";
  venue.compress = table.boolean("compress", false);
  read_proxy(table, venue);
  venue.tls_ca = table.text("tls_ca", "");
  if (venue.tls_ca.empty()) return;
  const auto base = std::filesystem::path(origin.path).parent_path();
  venue.tls_ca = (base / venue.tls_ca).string();
  std::error_code error;
  if (!std::filesystem::is_regular_file(venue.tls_ca, error)) {
    table.fail("tls_ca",
               fmt::format("there is no file {}; the path is relative to the configuration file",
                           venue.tls_ca));
  }
}

void read_limits(const ConfigTable& table, VenueConfig& venue) {
  const auto number = [&](std::string_view key, ConfigTable::IntegerRange range) {
    return static_cast<std::uint32_t>(table.integer(key, range));
  };
  // Kraken says something each second; Binance promises nothing, and its adapter looks itself.
  const std::int64_t no_data_default_ms = venue.name.starts_with("binance") ? 0 : 10'000;
  venue.no_data_ms = number("no_data_ms", {no_data_default_ms, 1000, 600000});
  venue.connect_ms_max = number("connect_ms_max", {5000, 50, 60000});
  venue.connection_ms_max = number("connection_ms_max", {0, 1000, 604800000});
  venue.retry_ms_max = number("retry_ms_max", {30000, 10, 600000});
  venue.rest_ms_max = number("rest_ms_max", {10000, 50, 600000});
  venue.metadata_ms = number("metadata_ms", {300000, 1000, 86400000});
  venue.connects_max = number("connects_max", {0, 1, 100000});
  venue.connects_window_ms = number("connects_window_ms", {0, 100, 3600000});
  venue.messages_max = number("messages_max", {0, 4, 100000});
  venue.messages_window_ms = number("messages_window_ms", {0, 100, 3600000});
  venue.rest_weight_max = number("rest_weight_max", {0, 20, 1000000});
  venue.rest_window_ms = number("rest_window_ms", {0, 100, 3600000});
}

VenueConfig venue_of(const toml::table& root, const Origin& origin) {
  const ConfigTable table(root, origin.path, venue_section);
  std::vector<std::string_view> names;
  for (const auto& info : venues) names.push_back(info.name);
  VenueConfig venue;
  venue.name = table.required_text("name");
  venue.name = table.choice("name", "", names);
  venue.line = static_cast<int>(root.source().begin.line);
  read_endpoints(table, origin, *find_venue(venue.name), venue);
  read_placement(table, origin, venue);
  venue.instruments = table.texts("instruments");
  if (venue.instruments.empty())
    table.fail("instruments", "must name at least one, in the venue's spelling");
  std::set<std::string> seen;
  for (const auto& symbol : venue.instruments) {
    const bool printable =
        std::all_of(symbol.begin(), symbol.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (symbol.empty() || symbol.size() > 63 || !printable) {
      table.fail("instruments", "holds a symbol that is not 1 to 63 printable characters");
    }
    if (!seen.insert(symbol).second)
      table.fail("instruments", fmt::format("names '{}' twice", symbol));
  }
  venue.channels = venue.named_channels = channels_of(table);
  venue.depth = static_cast<std::uint32_t>(table.integer("depth", {0, 1, 5000}));
  static constexpr std::array<std::uint32_t, 5> kraken_depths{10, 25, 100, 500, 1000};
  if (venue.name.starts_with("kraken") && venue.depth != 0 &&
      std::find(kraken_depths.begin(), kraken_depths.end(), venue.depth) == kraken_depths.end()) {
    table.fail("depth", "Kraken offers 10, 25, 100, 500 and 1000");
  }
  if (table.has("layout")) {
    static constexpr std::array<std::string_view, 2> layouts{"split", "single"};
    if (!venue.name.starts_with("binance")) table.fail("layout", "is for the Binance venues only");
    venue.layout = table.choice("layout", "", layouts);
  }
  venue.instruments_per_connection =
      static_cast<std::uint32_t>(table.integer("instruments_per_connection", {0, 1, 1024}));
  read_limits(table, venue);
  return venue;
}

// Several tables may use one endpoint, from one address: its limits are theirs together.
void share_addresses(std::vector<VenueConfig>& configured) {
  for (auto& venue : configured) {
    for (const auto& other : configured) {
      if (authority_of(other.websocket) != authority_of(venue.websocket)) continue;
      venue.address_instruments += static_cast<std::uint32_t>(other.instruments.size());
    }
    venue.own_instruments = static_cast<std::uint32_t>(venue.instruments.size());
    check_limits(venue);
  }
}

void append_section(std::string& text, const SectionDoc& section) {
  text += fmt::format(
      "\n## {}\n\n{}\n\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n",
      section.header.empty() ? "top level" : section.header, section.meaning);
  for (const auto& key : section.keys) {
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", key.key, key.type, key.default_text,
                        key.range, key.meaning);
  }
}

}  // namespace

std::span<const VenueInfo> known_venues() { return venues; }

const VenueInfo* find_venue(std::string_view name) {
  const auto found = std::find_if(venues.begin(), venues.end(),
                                  [&](const VenueInfo& info) { return info.name == name; });
  return found == venues.end() ? nullptr : found;
}

std::string_view authority_of(std::string_view url) {
  url.remove_prefix(url.find("//") + 2);
  return url.substr(0, url.find_first_of("/?"));
}

std::vector<AddedVenue> read_added_venues(std::string_view text, const std::string& source,
                                          const ipc::Deployment& deployment) {
  auto root = ipc::parse_config_text(text, source);
  const ConfigTable top(root, source, added_section);
  std::vector<AddedVenue> added;
  auto* const array = root.get_as<toml::array>("venue");
  if (array == nullptr || array->empty()) {
    throw ConfigError(fmt::format("{}: names no [[venue]] table", source));
  }
  for (auto& element : *array) {
    auto* const table = element.as_table();
    if (table == nullptr) {
      throw ConfigError(fmt::format("{}: venue must be an array of tables: [[venue]]", source));
    }
    AddedVenue one{{}, venue_of(*table, {source, deployment})};
    if (!one.venue.tls_ca.empty()) {
      one.venue.tls_ca = std::filesystem::absolute(one.venue.tls_ca).string();
      table->insert_or_assign("tls_ca", one.venue.tls_ca);
    }
    std::ostringstream keys;
    keys << *table;
    one.keys = keys.str();
    one.venue = read_added_venue(one.keys, deployment);
    added.push_back(std::move(one));
  }
  return added;
}

VenueConfig read_added_venue(std::string_view keys, const ipc::Deployment& deployment) {
  static const std::string source = "an added venue";
  const auto root = ipc::parse_config_text(keys, source);
  std::vector<VenueConfig> venues_of_it{venue_of(root, {source, deployment})};
  share_addresses(venues_of_it);
  return std::move(venues_of_it.front());
}

Config load_config(const std::string& path) {
  const auto root = ipc::parse_config_file(path);
  Config config;
  config.deployment = ipc::deployment_of(root, path);
  const Origin origin{path, config.deployment};
  if (const auto* array = root.get_as<toml::array>("venue")) {
    for (const auto& element : *array) {
      if (element.as_table() == nullptr)
        throw ConfigError(fmt::format("{}: venue must be an array of tables: [[venue]]", path));
      config.venues.push_back(venue_of(*element.as_table(), origin));
    }
  } else if (root.contains("venue")) {
    throw ConfigError(fmt::format("{}: venue must be an array of tables: [[venue]]", path));
  }
  if (config.venues.empty()) {
    throw ConfigError(
        fmt::format("{}: no [[venue]] table; name at least one venue and its instruments", path));
  }
  share_addresses(config.venues);
  return config;
}

std::string config_reference() {
  std::string text =
      "# Configuration\n\n"
      "One TOML file describes one deployment; `--name` picks a process's part of it. Unknown keys "
      "are\n"
      "errors that name the nearest key; values out of range are errors, never clamped. This page "
      "is\n"
      "generated: `ringside-collector --config-reference`.\n";
  for (const auto& section : ipc::deployment_sections()) append_section(text, section);
  append_section(text, venue_section);
  text += "\n## Venues\n\n| name | websocket | rest |\n|---|---|---|\n";
  for (const auto& info : venues) {
    text += fmt::format("| `{}` | {} | {} |\n", info.name, info.websocket,
                        info.rest.empty() ? "not needed" : info.rest);
  }
  return text;
}

}  // namespace ringside::collector
