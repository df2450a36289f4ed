// One deployment as its TOML file describes it: the processes, their threads, cores and memory.
// The venues' part of the same file is collector/config.hpp's; here it is only named.
//
// Threads: setup only. Fails by: throwing ConfigError (ipc/config_table.hpp), one line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/config_table.hpp"
#include "ipc/placement.hpp"

namespace ringside::ipc {

inline constexpr std::uint32_t collectors_max = 255;  // 8 bits of the instrument id; 255 unused
inline constexpr std::uint32_t threads_per_process_max = 64;
inline constexpr int cpu_auto = -1;
inline constexpr int node_auto = -1;

enum class WaitMode : std::uint8_t { Adaptive, Spin };

struct ThreadPlacement {
  int cpu = cpu_auto;    // cpu_auto: the next core that the process may use
  int node = node_auto;  // NUMA node of its memory; node_auto: its core's
};
// As the file says it, else its core's as the file names it, else `otherwise`.
int node_of(const ThreadPlacement& placement, int otherwise);

// A collector or a worker process.
struct ProcessSpec {
  std::string name;  // c0; its threads are c0.0, c0.1, ...
  std::vector<ThreadPlacement> threads;
  std::string state_dir;        // collectors: where ordinals and generations are kept
  bool receive_stamps = false;  // collectors: the kernel stamps what is received
  bool publish_first = false;   // workers: publish before the checksum is looked at, flagged

  [[nodiscard]] std::string thread_name(std::size_t index) const;
};

struct MemorySpec {
  std::string huge_pages;  // hugetlbfs directory; empty: small pages
  bool lock = false;       // mlock the segments
  std::string group;       // of the segments; empty: the process's own
  std::uint64_t spsc_slots = 0;
  std::uint64_t events_slots = 0;
  std::uint32_t instruments_max = 0;  // catalogue and book table capacity
};

struct Deployment {
  std::string file;  // as given
  std::string instance;
  WaitMode wait = WaitMode::Adaptive;
  MemorySpec memory;
  std::vector<ProcessSpec> collectors;  // position = collector number in instrument ids
  std::vector<ProcessSpec> workers;

  // All threads' names in file order, e.g. "w0.0 w0.1 w1.0".
  [[nodiscard]] std::vector<std::string> collector_threads() const;
  [[nodiscard]] std::vector<std::string> worker_threads() const;
  // Throws ConfigError that lists the known names.
  [[nodiscard]] const ProcessSpec& collector(std::string_view name) const;
  [[nodiscard]] const ProcessSpec& worker(std::string_view name) const;
  // Of a worker thread, by its name. Throws ConfigError.
  [[nodiscard]] const ThreadPlacement& worker_placement(std::string_view thread) const;
  [[nodiscard]] std::uint32_t collector_number(std::string_view name) const;
};

// Reads everything but the [[venue]] tables.
Deployment load_deployment(const std::string& path);
Deployment deployment_of(const toml::table& root, const std::string& path);

// What this process may use of its host.
struct HostPlaces {
  std::vector<int> cpus = allowed_cpus();
  std::vector<int> nodes = allowed_nodes();
};
// Throws ConfigError for a core or node of `process` that is none of `host`, before anything is
// created.
void check_placement(const Deployment& deployment, const ProcessSpec& process,
                     const HostPlaces& host = {});

// The sections read here, for CONFIG.md.
std::span<const SectionDoc> deployment_sections();

}  // namespace ringside::ipc
