#include "ipc/deployment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "ipc/placement.hpp"

namespace ringside::ipc {
namespace {

constexpr std::array top_keys{
    KeyDoc{"instance", "string", "required", "1 to 32 of a-z 0-9 - _",
           "Names the deployment and its directory of segments."},
    KeyDoc{"wait", "string", "\"adaptive\"", "adaptive, spin",
           "How threads wait: spin on isolated cores, adaptive where cores are shared."},
    KeyDoc{"memory", "table", "see below", "", "Pages, locking, group and sizes of the segments."},
    KeyDoc{"collector", "array of tables", "required", "1 to 255", "The collector processes."},
    KeyDoc{"worker", "array of tables", "required", "1 to 255", "The order book processes."},
    KeyDoc{"venue", "array of tables", "required", "", "What is collected, from where, by whom."},
};
constexpr std::array memory_keys{
    KeyDoc{"huge_pages", "string", "\"\"", "a hugetlbfs directory",
           "Where rings and books get 2 MiB pages; empty: small pages."},
    KeyDoc{"lock", "boolean", "false", "",
           "Lock the segments in memory; says so where the limit forbids it."},
    KeyDoc{"group", "string", "\"\"", "a group of this host",
           "Group that may read the segments; empty: the process's own."},
    KeyDoc{"spsc_slots", "integer", "65536", "1024 to 16777216 slots of 64 B, a power of two",
           "Size of each collector-to-worker ring."},
    KeyDoc{"events_slots", "integer", "131072", "1024 to 16777216 slots of 64 B, a power of two",
           "Size of each worker's broadcast ring."},
    KeyDoc{"instruments_max", "integer", "4096", "1 to 65536",
           "Capacity of each catalogue (256 B each) and book table (1920 B each): what the file "
           "names, and all that is ever added while it runs."},
};
constexpr std::array collector_keys{
    KeyDoc{"name", "string", "required", "1 to 15 of a-z 0-9 - _", "Name of the process: --name."},
    KeyDoc{"threads", "array of tables", "[{ cpu = \"auto\" }]", "1 to 64", "One entry a thread."},
    KeyDoc{"state_dir", "string", "\"\"", "a directory",
           "Keeps instrument ordinals and the generation; relative to this file; empty: beside the "
           "segments, lost with them."},
    KeyDoc{"receive_stamps", "boolean", "false", "",
           "The kernel stamps received bytes; `ringside latency` shows how long they waited to be "
           "read. What it costs: net/DESIGN.md."},
};
constexpr std::array worker_keys{
    KeyDoc{"name", "string", "required", "1 to 15 of a-z 0-9 - _", "Name of the process: --name."},
    KeyDoc{"threads", "array of tables", "[{ cpu = \"auto\" }]", "1 to 64", "One entry a thread."},
    KeyDoc{"publish_first", "boolean", "false", "",
           "Publish a book before its checksum is looked at; the entry is marked unverified."},
};
constexpr std::array thread_keys{
    KeyDoc{"cpu", "integer or \"auto\"", "\"auto\"", "a core of this host",
           "Core the thread is pinned to."},
    KeyDoc{"node", "integer", "the core's", "a NUMA node of this host",
           "Node of the thread's memory; a worker's, of the rings that it reads, too."},
};
constexpr std::array sections{
    SectionDoc{"", "The deployment.", top_keys},
    SectionDoc{"[memory]", "Memory of the segments.", memory_keys},
    SectionDoc{"[[collector]]", "A collector process.", collector_keys},
    SectionDoc{"[[worker]]", "An order book process.", worker_keys},
    SectionDoc{"threads", "A thread of a collector or worker.", thread_keys},
};
const SectionDoc& top_section = sections[0];
const SectionDoc& memory_section = sections[1];
const SectionDoc& collector_section = sections[2];
const SectionDoc& worker_section = sections[3];
const SectionDoc& thread_section = sections[4];

bool plain_name(std::string_view name, std::size_t bytes_max) {
  if (name.empty() || name.size() > bytes_max) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::uint64_t power_of_two(const ConfigTable& table, std::string_view key, std::int64_t fallback) {
  const auto value = table.integer(key, {fallback, 1024, 16777216});
  if ((value & (value - 1)) != 0) table.fail(key, "must be a power of two");
  return static_cast<std::uint64_t>(value);
}

MemorySpec memory_of(const toml::table& root, const std::string& path) {
  const ConfigTable table(root, path, memory_section);
  MemorySpec memory;
  memory.huge_pages = table.text("huge_pages", "");
  memory.lock = table.boolean("lock", false);
  memory.group = table.text("group", "");
  memory.spsc_slots = power_of_two(table, "spsc_slots", 65536);
  memory.events_slots = power_of_two(table, "events_slots", 131072);
  memory.instruments_max =
      static_cast<std::uint32_t>(table.integer("instruments_max", {4096, 1, 65536}));
  return memory;
}

ThreadPlacement thread_of(const toml::table& root, const std::string& path) {
  const ConfigTable table(root, path, thread_section);
  ThreadPlacement placement;
  const auto* cpu = root.get("cpu");
  if (cpu != nullptr && cpu->is_string()) {
    if (table.text("cpu", "auto") != "auto")
      table.fail("cpu", "must be a core's number or \"auto\"");
  } else {
    placement.cpu = static_cast<int>(table.integer("cpu", {cpu_auto, 0, 4095}));
  }
  placement.node = static_cast<int>(table.integer("node", {node_auto, 0, 1023}));
  return placement;
}

ProcessSpec process_of(const toml::table& root, const std::string& path,
                       const SectionDoc& section) {
  const ConfigTable table(root, path, section);
  ProcessSpec process;
  process.name = table.required_text("name");
  if (!plain_name(process.name, 15)) {
    table.fail("name", "must be 1 to 15 of a-z 0-9 - _ (it names threads and segments)");
  }
  for (const auto* thread : table.tables("threads"))
    process.threads.push_back(thread_of(*thread, path));
  if (process.threads.empty()) process.threads.push_back({});
  if (process.threads.size() > threads_per_process_max)
    table.fail("threads", "has more than 64 entries");
  if (&section == &collector_section) {
    process.state_dir = table.text("state_dir", "");
    const auto base = std::filesystem::path(path).parent_path();
    if (!process.state_dir.empty()) process.state_dir = (base / process.state_dir).string();
  }
  if (&section == &collector_section) {
    process.receive_stamps = table.boolean("receive_stamps", false);
  }
  if (&section == &worker_section) process.publish_first = table.boolean("publish_first", false);
  return process;
}

std::vector<ProcessSpec> processes_of(const ConfigTable& top, std::string_view key,
                                      const std::string& path, const SectionDoc& section,
                                      std::set<std::string>& names) {
  std::vector<ProcessSpec> processes;
  for (const auto* table : top.tables(key)) {
    processes.push_back(process_of(*table, path, section));
    if (!names.insert(processes.back().name).second) {
      ConfigTable(*table, path, section).fail("name", "is used twice; every process needs its own");
    }
  }
  if (processes.empty()) {
    throw ConfigError(
        fmt::format("{}: no [[{}]] table; a deployment needs at least one", path, key));
  }
  if (processes.size() > collectors_max) {
    throw ConfigError(fmt::format("{}: {} [[{}]] tables; at most {}", path, processes.size(), key,
                                  collectors_max));
  }
  return processes;
}

std::vector<std::string> thread_names(const std::vector<ProcessSpec>& processes) {
  std::vector<std::string> names;
  for (const auto& process : processes) {
    for (std::size_t i = 0; i < process.threads.size(); ++i)
      names.push_back(process.thread_name(i));
  }
  return names;
}

const ProcessSpec& find(const std::vector<ProcessSpec>& processes, std::string_view name,
                        std::string_view what, const std::string& file) {
  std::string known;
  for (const auto& process : processes) {
    if (process.name == name) return process;
    known += fmt::format(" {}", process.name);
  }
  throw ConfigError(fmt::format("{}: no {} is named '{}'; it names:{}", file, what, name, known));
}

}  // namespace

std::string ProcessSpec::thread_name(std::size_t index) const {
  return fmt::format("{}.{}", name, index);
}

std::vector<std::string> Deployment::collector_threads() const { return thread_names(collectors); }
std::vector<std::string> Deployment::worker_threads() const { return thread_names(workers); }

const ProcessSpec& Deployment::collector(std::string_view name) const {
  return find(collectors, name, "[[collector]]", file);
}
const ProcessSpec& Deployment::worker(std::string_view name) const {
  return find(workers, name, "[[worker]]", file);
}
const ThreadPlacement& Deployment::worker_placement(std::string_view thread) const {
  for (const auto& process : workers) {
    for (std::size_t i = 0; i < process.threads.size(); ++i) {
      if (process.thread_name(i) == thread) return process.threads[i];
    }
  }
  throw ConfigError(fmt::format("{}: no thread of a [[worker]] is named '{}'", file, thread));
}
int node_of(const ThreadPlacement& placement, int otherwise) {
  if (placement.node != node_auto) return placement.node;
  return placement.cpu != cpu_auto ? node_of_cpu(placement.cpu) : otherwise;
}
std::uint32_t Deployment::collector_number(std::string_view name) const {
  return static_cast<std::uint32_t>(&collector(name) - collectors.data());
}

Deployment deployment_of(const toml::table& root, const std::string& path) {
  static constexpr std::array<std::string_view, 2> waits{"adaptive", "spin"};
  const ConfigTable top(root, path, top_section);
  Deployment deployment;
  deployment.file = path;
  deployment.instance = top.required_text("instance");
  if (!plain_name(deployment.instance, 32)) {
    top.fail("instance", "must be 1 to 32 of a-z 0-9 - _ (it names a directory)");
  }
  deployment.wait =
      top.choice("wait", "adaptive", waits) == "spin" ? WaitMode::Spin : WaitMode::Adaptive;
  const toml::table empty;
  const auto* memory = top.table("memory");
  deployment.memory = memory_of(memory != nullptr ? *memory : empty, path);
  std::set<std::string> names;
  deployment.collectors = processes_of(top, "collector", path, collector_section, names);
  deployment.workers = processes_of(top, "worker", path, worker_section, names);
  return deployment;
}

Deployment load_deployment(const std::string& path) {
  return deployment_of(parse_config_file(path), path);
}

void check_placement(const Deployment& deployment, const ProcessSpec& process,
                     const HostPlaces& host) {
  const auto has = [](const std::vector<int>& places, int place) {
    return std::find(places.begin(), places.end(), place) != places.end();
  };
  for (std::size_t i = 0; i < process.threads.size(); ++i) {
    const auto [cpu, node] = process.threads[i];
    const auto thread = process.thread_name(i);
    if (cpu != cpu_auto && !has(host.cpus, cpu)) {
      throw ConfigError(fmt::format("{}: thread {}: cpu = {}: {}", deployment.file, thread, cpu,
                                    core_refusal(cpu, host.cpus)));
    }
    if (node != node_auto && !has(host.nodes, node)) {
      throw ConfigError(
          fmt::format("{}: thread {}: node = {}: no NUMA node of this host, or none that this "
                      "process may take memory from; name one of {}, or leave it out for the "
                      "core's own",
                      deployment.file, thread, node, cpu_list(host.nodes)));
    }
  }
}

std::span<const SectionDoc> deployment_sections() { return sections; }

}  // namespace ringside::ipc
