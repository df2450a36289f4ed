// Any bytes as a configuration file: refused with one line, or a deployment that is within every
// documented range. What is accepted is written out again plainly, and must read back as the same.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include "collector/config.hpp"
#include "ipc/check.hpp"
#include "net/url.hpp"

namespace {

using namespace ringside;
using namespace ringside::collector;

// A file without a name, written anew for each input.
class Memory {
 public:
  Memory() : file_(::memfd_create("ringside-fuzz-config", MFD_CLOEXEC)) {
    RINGSIDE_CHECK(file_ >= 0);
  }
  std::string holding(std::string_view text) const {
    RINGSIDE_CHECK(::ftruncate(file_, 0) == 0);
    RINGSIDE_CHECK(::pwrite(file_, text.data(), text.size(), 0) ==
                   static_cast<ssize_t>(text.size()));
    return "/proc/self/fd/" + std::to_string(file_);
  }

 private:
  int file_;
};

// --- What was understood, in the plainest spelling -----------------------------------------------

std::string quoted(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out + "\"";
}

void write_process(std::ostream& out, const char* kind, const ipc::ProcessSpec& process) {
  out << "[[" << kind << "]]\nname = " << quoted(process.name) << "\nthreads = [";
  for (const auto& thread : process.threads) {
    out << "{cpu = ";
    if (thread.cpu == ipc::cpu_auto) {
      out << "\"auto\"";
    } else {
      out << thread.cpu;
    }
    if (thread.node != ipc::node_auto) out << ", node = " << thread.node;
    out << "}, ";
  }
  out << "]\n";
  if (!process.state_dir.empty()) out << "state_dir = " << quoted(process.state_dir) << "\n";
  if (process.receive_stamps) out << "receive_stamps = true\n";
  if (process.publish_first) out << "publish_first = true\n";
}

void write_venue(std::ostream& out, const VenueConfig& venue) {
  const auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) out << key << " = " << quoted(value) << "\n";
  };
  const auto number = [&](const char* key, std::uint64_t value) {
    if (value != 0) out << key << " = " << value << "\n";
  };
  out << "[[venue]]\n";
  text("name", venue.name);
  text("websocket", venue.websocket);
  out << "rest = " << quoted(venue.rest) << "\n";
  text("tls_ca", venue.tls_ca);
  out << "insecure_for_tests = " << (venue.insecure_for_tests ? "true" : "false") << "\n";
  text("tls_records", venue.openssl_records ? "openssl" : "own");
  text("collector", venue.collector);
  number("thread", venue.thread);
  text("worker", venue.worker);
  out << "instruments = [";
  for (const auto& symbol : venue.instruments) out << quoted(symbol) << ", ";
  out << "]\nchannels = [" << (venue.channels.trade ? "\"trade\", " : "")
      << (venue.channels.book ? "\"book\", " : "") << (venue.channels.bbo ? "\"bbo\"" : "")
      << "]\n";
  number("depth", venue.depth);
  text("layout", venue.layout);
  number("instruments_per_connection", venue.instruments_per_connection);
  number("no_data_ms", venue.no_data_ms);
  number("connect_ms_max", venue.connect_ms_max);
  number("connection_ms_max", venue.connection_ms_max);
  number("retry_ms_max", venue.retry_ms_max);
  number("rest_ms_max", venue.rest_ms_max);
  text("proxy", venue.proxy);
  text("proxy_authorization", venue.proxy_authorization);
  out << "compress = " << (venue.compress ? "true" : "false") << "\n";
  number("connects_max", venue.connects_max);
  number("connects_window_ms", venue.connects_window_ms);
  number("messages_max", venue.messages_max);
  number("messages_window_ms", venue.messages_window_ms);
  number("rest_weight_max", venue.rest_weight_max);
  number("rest_window_ms", venue.rest_window_ms);
}

std::string written(const Config& config) {
  const auto& deployment = config.deployment;
  const auto& memory = deployment.memory;
  std::ostringstream out;
  out << "instance = " << quoted(deployment.instance)
      << "\nwait = " << (deployment.wait == ipc::WaitMode::Spin ? "\"spin\"" : "\"adaptive\"")
      << "\n[memory]\nhuge_pages = " << quoted(memory.huge_pages)
      << "\nlock = " << (memory.lock ? "true" : "false") << "\ngroup = " << quoted(memory.group)
      << "\nspsc_slots = " << memory.spsc_slots << "\nevents_slots = " << memory.events_slots
      << "\ninstruments_max = " << memory.instruments_max << "\n";
  for (const auto& process : deployment.collectors) write_process(out, "collector", process);
  for (const auto& process : deployment.workers) write_process(out, "worker", process);
  for (const auto& venue : config.venues) write_venue(out, venue);
  return out.str();
}

// --- What CONFIG.md promises ---------------------------------------------------------------------

void check_process(const ipc::ProcessSpec& process) {
  RINGSIDE_CHECK(!process.name.empty() && process.name.size() <= 15);
  RINGSIDE_CHECK(!process.threads.empty());
  RINGSIDE_CHECK(process.threads.size() <= ipc::threads_per_process_max);
}

void check(const Config& config) {
  const auto& deployment = config.deployment;
  RINGSIDE_CHECK(!deployment.instance.empty() && deployment.instance.size() <= 32);
  RINGSIDE_CHECK(deployment.instance.find_first_of("./") == std::string::npos);
  for (const auto slots : {deployment.memory.spsc_slots, deployment.memory.events_slots}) {
    RINGSIDE_CHECK(slots >= 1024 && slots <= 16777216 && (slots & (slots - 1)) == 0);
  }
  RINGSIDE_CHECK(deployment.memory.instruments_max >= 1 &&
                 deployment.memory.instruments_max <= 65536);
  for (const auto& process : deployment.collectors) check_process(process);
  for (const auto& process : deployment.workers) check_process(process);
  RINGSIDE_CHECK(!config.venues.empty());
  for (const auto& venue : config.venues) {
    RINGSIDE_CHECK(find_venue(venue.name) != nullptr);
    RINGSIDE_CHECK(venue.thread < deployment.collector(venue.collector).threads.size());
    RINGSIDE_CHECK(!venue.instruments.empty() && venue.depth <= 5000);
    RINGSIDE_CHECK(venue.channels.trade || venue.channels.book || venue.channels.bbo);
    RINGSIDE_CHECK(venue.no_data_ms == 0 || venue.no_data_ms >= 1000);
    RINGSIDE_CHECK(venue.no_data_ms <= 600000);
    RINGSIDE_CHECK(venue.connect_ms_max >= 50 && venue.connect_ms_max <= 60000);
    RINGSIDE_CHECK(venue.retry_ms_max >= 10 && venue.retry_ms_max <= 600000);
    RINGSIDE_CHECK(venue.rest_ms_max >= 50 && venue.rest_ms_max <= 600000);
    RINGSIDE_CHECK(venue.address_instruments >= venue.instruments.size());
    RINGSIDE_CHECK(venue.messages_max == 0 || venue.messages_max >= 4);
    try {
      const auto url = net::parse_url(venue.websocket);
      RINGSIDE_CHECK(url.websocket && !url.host.empty());
    } catch (const std::system_error& error) {
      RINGSIDE_CHECK(error.what()[0] != '\0');
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Memory memory;
  Config config;
  try {
    config = load_config(memory.holding({reinterpret_cast<const char*>(data), size}));
  } catch (const ipc::ConfigError& error) {
    const std::string_view text = error.what();
    RINGSIDE_CHECK(!text.empty() && text.find('\n') == std::string_view::npos);
    return 0;
  }
  check(config);
  const auto text = written(config);
  RINGSIDE_CHECK(written(load_config(memory.holding(text))) == text);
  return 0;
}
