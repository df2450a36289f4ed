#include "ipc/placement.hpp"

#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <system_error>

#include "ipc/check.hpp"
#include "ipc/kernel_text.hpp"

namespace ringside::ipc {
namespace {

constexpr int cpus_max = 1 << 16;
constexpr std::size_t thread_name_bytes = 15;

std::string error_text(int error) { return std::generic_category().message(error); }

// As the kernel reports one thread's mask; empty where it does not.
std::vector<int> affinity_of(pid_t thread) {
  for (int cpus = 1024; cpus <= cpus_max; cpus *= 2) {
    std::vector<unsigned long> words(CPU_ALLOC_SIZE(cpus) / sizeof(unsigned long));
    auto* set = reinterpret_cast<cpu_set_t*>(words.data());
    const auto bytes = words.size() * sizeof(unsigned long);
    if (::sched_getaffinity(thread, bytes, set) != 0) {
      if (errno == EINVAL) continue;  // more processors than the mask holds
      return {};
    }
    std::vector<int> list;
    for (int cpu = 0; cpu < cpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set)) list.push_back(cpu);
    }
    return list;
  }
  return {};
}

std::string limit_text(rlim_t limit) {
  return limit == RLIM_INFINITY ? std::string("unlimited") : byte_text(limit);
}

std::string memlock_text() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return "unknown";
  return limit_text(limit.rlim_cur);
}

}  // namespace

std::vector<int> allowed_cpus() { return affinity_of(0); }

std::string cpu_list(std::span<const int> cpus) {
  std::string text;
  for (std::size_t first = 0; first < cpus.size();) {
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(cpus[first]);
    if (last > first) text += '-' + std::to_string(cpus[last]);
    first = last + 1;
  }
  return text;
}

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  std::size_t position = 0;
  const auto number = [&](int& value) {
    const auto begin = position;
    value = 0;
    while (position < text.size() && text[position] >= '0' && text[position] <= '9' &&
           value < cpus_max) {
      value = value * 10 + (text[position++] - '0');
    }
    return position > begin && value < cpus_max;
  };
  int first = 0;
  while (number(first)) {
    int last = first;
    if (position < text.size() && text[position] == '-') {
      ++position;
      if (!number(last)) break;
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (position >= text.size() || text[position] != ',') break;
    ++position;
  }
  return cpus;
}

int auto_cpu(std::size_t running_index, std::span<const int> allowed) {
  RINGSIDE_CHECK(!allowed.empty());
  return allowed[running_index % allowed.size()];
}

std::string core_refusal(int cpu, std::span<const int> allowed) {
  const auto present = parse_cpu_list(kernel_text("/sys/devices/system/cpu/present"));
  const std::string number = std::to_string(cpu);
  const std::string advice = "; name one of " + cpu_list(allowed) + ", or cpu = \"auto\"";
  if (!present.empty() && std::find(present.begin(), present.end(), cpu) == present.end()) {
    return "core " + number + " does not exist, this host has " + cpu_list(present) + advice;
  }
  return "core " + number +
         " is not one that this process may use (taskset, the cgroup's cpuset or isolcpus)" +
         advice;
}

PinResult pin_current_thread(int cpu, std::span<const int> allowed) {
  if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
    return PinResult{-1, core_refusal(cpu, allowed)};
  }
  const auto cpus = static_cast<std::size_t>(cpu) + 1;
  std::vector<unsigned long> words(CPU_ALLOC_SIZE(cpus) / sizeof(unsigned long));
  auto* set = reinterpret_cast<cpu_set_t*>(words.data());
  const auto bytes = words.size() * sizeof(unsigned long);
  CPU_SET_S(static_cast<std::size_t>(cpu), bytes, set);
  if (::sched_setaffinity(0, bytes, set) != 0) {
    const int error = errno;
    return PinResult{-1, "cannot move to core " + std::to_string(cpu) + " (" + error_text(error) +
                             "): the cores of this process have changed to " +
                             cpu_list(allowed_cpus())};
  }
  return PinResult{cpu, {}};
}

PinResult pin_current_thread(int cpu) { return pin_current_thread(cpu, allowed_cpus()); }

void name_current_thread(std::string_view name) {
  const std::string cut(name.substr(0, thread_name_bytes));
  ::pthread_setname_np(::pthread_self(), cut.c_str());
}

bool numa_is_available() { return ::numa_available() >= 0; }

int node_of_cpu(int cpu) { return numa_is_available() ? ::numa_node_of_cpu(cpu) : -1; }

std::vector<int> allowed_nodes() {
  if (!numa_is_available()) return {0};
  std::vector<int> nodes;
  bitmask* const allowed = ::numa_get_mems_allowed();
  for (int node = 0; node <= ::numa_max_node(); ++node) {
    if (::numa_bitmask_isbitset(allowed, static_cast<unsigned>(node)) != 0) nodes.push_back(node);
  }
  ::numa_bitmask_free(allowed);
  return nodes;
}

std::optional<Degradation> bind_to_node(std::span<std::byte> memory, int node,
                                        std::string_view what) {
  if (node < 0 || memory.empty()) return std::nullopt;
  const std::string asked = std::string(what) + ": wanted on node " + std::to_string(node) + ", ";
  if (!numa_is_available()) {
    return Degradation{asked +
                       "but this kernel or container refuses NUMA policies; its pages come from "
                       "wherever the kernel takes them"};
  }
  if (node > ::numa_max_node()) {
    return Degradation{asked + "but the highest node here is " + std::to_string(::numa_max_node()) +
                       "; its pages come from wherever the kernel takes them"};
  }
  constexpr auto word_bits = static_cast<int>(sizeof(unsigned long) * CHAR_BIT);
  std::vector<unsigned long> mask(static_cast<std::size_t>(node / word_bits) + 1);
  mask.back() |= 1UL << (node % word_bits);
  // The kernel takes one off the number of bits.
  const auto mask_bits = mask.size() * word_bits + 1;
  if (::mbind(memory.data(), memory.size(), MPOL_BIND, mask.data(), mask_bits, 0) != 0) {
    return Degradation{asked + "refused (" + error_text(errno) +
                       "); its pages come from wherever the kernel takes them"};
  }
  return std::nullopt;
}

std::optional<PagePlacement> page_placement(std::span<const std::byte> memory, int node,
                                            std::size_t page_bytes) {
  RINGSIDE_CHECK(page_bytes > 0);
  const auto pages = memory.size() / page_bytes;
  const auto sampled = std::min(pages, page_sample_max);
  std::vector<void*> addresses(sampled);
  std::vector<int> nodes(sampled, -1);
  for (std::size_t i = 0; i < sampled; ++i) {
    // move_pages wants void*; with no destination it only looks.
    auto* base = const_cast<std::byte*>(memory.data());
    addresses[i] = base + (i * pages / sampled) * page_bytes;
  }
  if (::move_pages(0, sampled, addresses.data(), nullptr, nodes.data(), 0) != 0) {
    return std::nullopt;
  }
  return placement_of(nodes, node);
}

PagePlacement placement_of(std::span<const int> answers, int node) {
  PagePlacement placement;
  placement.looked_at = answers.size();
  auto& strays = placement.elsewhere_nodes;
  for (const int found : answers) {
    if (found < 0) {
      ++placement.absent;
    } else if (found == node) {
      ++placement.on_node;
    } else {
      ++placement.elsewhere;
      const auto at = std::lower_bound(strays.begin(), strays.end(), found);
      if (at == strays.end() || *at != found) strays.insert(at, found);
    }
  }
  return placement;
}

std::optional<Degradation> lock_memory(std::span<const std::byte> memory, std::string_view what) {
  if (memory.empty() || ::mlock(memory.data(), memory.size()) == 0) return std::nullopt;
  const int error = errno;
  return Degradation{std::string(what) + ": wanted " + byte_text(memory.size()) +
                     " locked in memory, refused (" + error_text(error) +
                     "), the memlock limit is " + memlock_text() +
                     "; its pages may be swapped out; raise the limit (ulimit -l, LimitMEMLOCK=)"};
}

namespace {

PlacementFact policy_fact() {
  const int policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  sched_param parameters{};
  ::sched_getparam(0, &parameters);
  std::string name = policy == SCHED_OTHER   ? "SCHED_OTHER"
                     : policy == SCHED_FIFO  ? "SCHED_FIFO"
                     : policy == SCHED_RR    ? "SCHED_RR"
                     : policy == SCHED_BATCH ? "SCHED_BATCH"
                     : policy == SCHED_IDLE  ? "SCHED_IDLE"
                                             : "policy " + std::to_string(policy);
  return PlacementFact{"scheduling", "", std::move(name),
                       "priority " + std::to_string(parameters.sched_priority) + ", nice " +
                           std::to_string(::getpriority(PRIO_PROCESS, 0))};
}

PlacementFact cgroup_fact() {
  const auto path = cgroup_path(kernel_text("/proc/self/cgroup"));
  PlacementFact fact{"cgroup", "", path.empty() ? "none" : path, "no cpu quota"};
  const auto quota = kernel_text("/sys/fs/cgroup" + path + "/cpu.max");
  if (!quota.empty() && !quota.starts_with("max")) {
    fact.detail = "cpu quota (us of each period) " + quota.substr(0, quota.find('\n'));
  }
  return fact;
}

std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  return text.empty() ? "none" : text;
}

}  // namespace

std::vector<PlacementFact> scheduling_facts() {
  return {policy_fact(), PlacementFact{"cores allowed", "", cpu_list(allowed_cpus()), ""},
          PlacementFact{"cores isolated", "",
                        first_line(kernel_text("/sys/devices/system/cpu/isolated")), ""},
          PlacementFact{"memlock limit", "", memlock_text(), ""}, cgroup_fact()};
}

namespace {

// "2 of 8 on node 1", "on nodes 1,3".
std::string strays_text(const PagePlacement& pages) {
  return std::to_string(pages.elsewhere) + " of " + std::to_string(pages.looked_at) +
         (pages.elsewhere_nodes.size() > 1 ? " on nodes " : " on node ") +
         cpu_list(pages.elsewhere_nodes);
}

std::string node_text(const std::optional<PagePlacement>& pages, int node) {
  if (!pages || pages->looked_at == 0) return "node unknown";
  std::string text = pages->elsewhere != 0 ? strays_text(*pages) : "node " + std::to_string(node);
  if (pages->absent == pages->looked_at) text = "node unknown";
  if (pages->absent == 0) return text;
  return text + " (" + std::to_string(pages->absent) + " of " + std::to_string(pages->looked_at) +
         " pages are not there)";
}

}  // namespace

PlacementFact memory_fact(std::string_view segment, const MemoryWanted& wanted,
                          const MemoryGot& got, std::string detail) {
  const auto pages = [](bool huge) { return std::string(huge ? "huge pages" : "small pages"); };
  PlacementFact fact{std::string(segment), pages(wanted.huge_pages), pages(got.huge_pages),
                     std::move(detail)};
  if (wanted.node >= 0) {
    fact.asked += ", node " + std::to_string(wanted.node);
    fact.applied += ", " + node_text(got.pages, wanted.node);
  }
  if (wanted.locked) {
    fact.asked += ", locked";
    fact.applied += got.locked ? ", locked" : ", not locked";
  }
  return fact;
}

std::optional<Degradation> stray_pages(std::string_view segment, const MemoryWanted& wanted,
                                       const MemoryGot& got) {
  if (wanted.node < 0 || !got.pages || got.pages->elsewhere == 0) return std::nullopt;
  return Degradation{std::string(segment) + ": wanted on node " + std::to_string(wanted.node) +
                     ", but of its pages " + strays_text(*got.pages) +
                     "; reads and writes of those cross the nodes; free memory on node " +
                     std::to_string(wanted.node) + " and start again"};
}

}  // namespace ringside::ipc
