// What one deployment says about itself, collected from all its segments at (nearly) one moment.
//
// Threads: one. Fails by: leaving out what cannot be attached, with a line in `problems`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/placement.hpp"
#include "ipc/segment.hpp"
#include "tools/ringside/catalogue_index.hpp"

namespace ringside::tools {

struct SegmentStat {
  std::string name;
  ipc::SegmentKind kind{};
  ipc::AttachStatus status = ipc::AttachStatus::Ok;
  ipc::SegmentGeometry geometry;
  ipc::Liveness liveness = ipc::Liveness::Gone;
  std::uint64_t heartbeat_age_ns = 0;
};

// Of a ring between a collector thread and a worker thread, or of one that a worker broadcasts in.
struct RingStat {
  std::string name;
  bool broadcast = false;
  std::uint64_t slots = 0;
  std::uint64_t written = 0;  // slots since it was made
  bool bound = false;         // a worker reads it; else backlog means nothing. Not of broadcasts
  std::uint64_t backlog = 0;  // slots written and not read
  std::uint64_t drops = 0;    // records that found it full
};

struct InstrumentStat {
  InstrumentInfo info;
  std::string label;
  ipc::ReadStatus status = ipc::ReadStatus::Empty;
  ipc::BookView view;  // if status is Ok
  std::uint64_t age_ns = 0;

  // "unknown" where nobody living says.
  [[nodiscard]] std::string state() const;
};

struct ProcessStat {
  std::string name;
  std::string role;
  std::string version;
  pid_t pid = 0;
  ipc::Liveness liveness = ipc::Liveness::Gone;
  std::uint64_t heartbeat_age_ns = 0;
  // By what they are of: a thread (c0.0), a venue of a thread (c0.0.kraken), or the process.
  std::map<std::string, std::map<std::string, std::uint64_t>> counters;
  std::vector<ipc::PlacementFact> placement;
  std::vector<ipc::Degradation> degradations;
};

struct ProcessMemoryStat {
  std::string name;
  pid_t pid = 0;
  ipc::ProcessMemory memory;
};

// Of the living processes that write segments of the instance.
struct MemoryStat {
  std::vector<ProcessMemoryStat> processes;
  std::uint64_t total_bytes = 0;  // PSS, huge pages once
};

struct DeploymentStat {
  std::string instance;
  std::vector<SegmentStat> segments;
  std::vector<ProcessStat> processes;
  std::vector<InstrumentStat> instruments;
  std::vector<RingStat> rings;
  MemoryStat memory;
  std::vector<std::string> problems;
};

DeploymentStat collect_deployment(const std::string& instance);
MemoryStat collect_memory(const std::string& instance);

std::string deployment_json(const DeploymentStat& stat);
std::string deployment_text(const DeploymentStat& stat);
std::string memory_json(const std::string& instance, const MemoryStat& memory);
// "memory of all processes: 12.3 MB (PSS, huge pages once)", MB = 10^6 bytes.
std::string memory_line(const MemoryStat& memory);

// "c0.0.kraken.frames" is "frames" of "c0.0.kraken"; a name without a point is its process's.
struct CounterOwner {
  std::string owner;
  std::string name;
};
CounterOwner owner_of_counter(const std::string& process, const std::string& counter);

}  // namespace ringside::tools
