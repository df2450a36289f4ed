// Where a thread runs and where its memory lies: cores, NUMA nodes, locks, names; and what the
// kernel says about it. Unlike taskset and numactl from outside, it knows which thread and which
// segment, and answers what was got where it was not what was asked.
//
// Threads: each call acts on the calling thread or on the memory it is given; none keeps state.
// Setup only: everything here enters the kernel. Bounded by: page_sample_max; files of /proc and
// /sys that are read whole by text_bytes_max. Fails by: PinResult::error, or a Degradation; never
// throws but for memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/degradation.hpp"

namespace ringside::ipc {

// A line of `ringside stat`: what was asked of the host and what it gave.
struct PlacementFact {
  std::string key;  // "c0.0 cpu", "spsc.c0.0.w0.0 node", ...
  std::string asked;
  std::string applied;
  std::string detail;
};

// Where the kernel says that pages lie.
struct PagePlacement {
  std::size_t looked_at = 0;  // at most page_sample_max, spread evenly
  std::size_t on_node = 0;
  std::size_t elsewhere = 0;
  std::size_t absent = 0;            // not touched yet
  std::vector<int> elsewhere_nodes;  // where the stray pages are, ascending
};
inline constexpr std::size_t page_sample_max = 1024;

// A segment's memory, as it was wanted and as it came.
struct MemoryWanted {
  bool huge_pages = false;
  int node = -1;  // -1: any
  bool locked = false;
};
struct MemoryGot {
  std::optional<PagePlacement> pages;  // nothing: the kernel does not say
  bool huge_pages = false;
  bool locked = false;
};
// "small pages, node 0, locked"; the node is the one on which the kernel says the pages lie.
PlacementFact memory_fact(std::string_view segment, const MemoryWanted& wanted,
                          const MemoryGot& got, std::string detail);
// Nothing: no node was wanted, the pages lie there, or the kernel does not say (the fact does).
std::optional<Degradation> stray_pages(std::string_view segment, const MemoryWanted& wanted,
                                       const MemoryGot& got);

// --- Cores --------------------------------------------------------------------------------------

// Cores this thread may use now (sched_getaffinity: taskset, cgroup cpuset, isolcpus), ascending.
std::vector<int> allowed_cpus();
// "0-3,5"
std::string cpu_list(std::span<const int> cpus);
// The reverse, as the kernel writes it; stops at what is no list.
std::vector<int> parse_cpu_list(std::string_view text);

// For cpu = "auto": one core each as long as they last, then from the start again.
// `running_index` counts the threads placed so; `allowed` is not empty.
int auto_cpu(std::size_t running_index, std::span<const int> allowed);

struct PinResult {
  int cpu = -1;       // where the thread runs from now on; -1: it was not moved
  std::string error;  // why not, with the cores that it may use; empty: done
  [[nodiscard]] bool ok() const { return error.empty(); }
};
// `cpu` must be one of `allowed`: those of the process when it started, because a pinned thread's
// own mask (which its children inherit) no longer tells.
PinResult pin_current_thread(int cpu, std::span<const int> allowed);
PinResult pin_current_thread(int cpu);  // allowed_cpus()
// Why `cpu`, which is not one of `allowed`, cannot be had, and which can.
std::string core_refusal(int cpu, std::span<const int> allowed);

// As ps and top show it; cut at the kernel's 15 characters.
void name_current_thread(std::string_view name);

// --- Memory -------------------------------------------------------------------------------------

bool numa_is_available();
// -1 where the host does not say.
int node_of_cpu(int cpu);
// Nodes this process may take memory from (cpuset), ascending: their numbers may have holes. {0}
// where the kernel refuses NUMA policies.
std::vector<int> allowed_nodes();

// Pages of `memory` (whole pages) shall come from `node`; before they are touched. Nothing: done.
std::optional<Degradation> bind_to_node(std::span<std::byte> memory, int node,
                                        std::string_view what);

// Asks the kernel (move_pages with no destination). Nothing: it does not say.
std::optional<PagePlacement> page_placement(std::span<const std::byte> memory, int node,
                                            std::size_t page_bytes);
// What its answers mean: a node for each page, or a negative error.
PagePlacement placement_of(std::span<const int> answers, int node);

// Keeps the pages in memory until they are unmapped. Nothing: done.
std::optional<Degradation> lock_memory(std::span<const std::byte> memory, std::string_view what);

// --- What the kernel says -----------------------------------------------------------------------

// Of this thread and process: policy, affinity, cgroup and its cpu quota, memlock, isolated cores.
std::vector<PlacementFact> scheduling_facts();

// One hugetlb file that a process has mapped. The same pages show up in each process that maps it.
struct HugeMapping {
  std::string device;  // major:minor as in /proc/<pid>/smaps
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
};

struct ProcessMemory {
  std::uint64_t pss_bytes = 0;  // does not include huge pages
  std::uint64_t private_huge_bytes = 0;
  std::uint64_t shared_huge_bytes = 0;
  std::vector<HugeMapping> huge_mappings;
};
// Nothing: no such process, or not ours to look at.
std::optional<ProcessMemory> memory_of_process(pid_t pid);
// PSS and huge pages of all, each huge mapping (by device and inode) counted once.
std::uint64_t total_bytes(std::span<const ProcessMemory> processes);

// The text of smaps_rollup, and of smaps: what memory_of_process() reads.
ProcessMemory parse_process_memory(std::string_view rollup, std::string_view smaps);

}  // namespace ringside::ipc
