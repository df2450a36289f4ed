// A job: one function over many items (captures now), on the pool, away from the feed's cores. What
// the jobs have in common: results in input order whatever the order of work, progress, an end on
// Ctrl-C that loses nothing, and a rerun that goes on from there.
//
// Threads: run_job() by one thread that is no worker; JobPlan::run by several workers at once.
// Bounded by: job_items_max; the results of all items in memory. Fails by: throwing for what the
// user can mend before anything has begun; an item that throws fails alone and is named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tools/jobs/operations.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::tools {

inline constexpr std::size_t job_items_max = 100'000;
inline constexpr std::uint64_t read_ahead_bytes_max = std::uint64_t{16} << 20;  // of one file
inline constexpr std::uint64_t job_tick_ns = 100'000'000;  // between two looks for Ctrl-C

// What an item leaves behind. Deterministic: the same for any number of workers.
struct ItemResult {
  bool good = false;  // what was checked holds
  std::string json;   // one value
  std::string text;
  friend bool operator==(const ItemResult&, const ItemResult&) = default;
};

struct JobItem {
  std::string name;         // for people
  std::string key;          // changes when its result might
  std::uint64_t bytes = 0;  // what it weighs
  std::string file;         // is read whole before it is run; empty: nothing
};

struct JobPlan {
  std::string name;
  std::string options;  // whatever else the results hang on
  std::vector<JobItem> items;
  // May throw. Asks `stop` now and then, and throws Interrupted when it says so.
  // `bytes` of its file, valid until it returns. Empty: they have not been read, because nobody
  // reads ahead, or it is larger than read_ahead_bytes_max, or it cannot be opened.
  std::function<ItemResult(std::size_t index, std::string_view bytes, bool (*stop)())> run;
};

// Of the command line; the defaults disturb the feed least.
struct JobSettings {
  std::string config;    // the deployment whose cores are left alone; empty: none
  std::string cpus;      // "0,2-3"; empty: whatever the feed leaves
  unsigned workers = 0;  // 0: one a core
  bool numa = true;
  bool stealing = true;
  bool read_ahead = true;  // by this thread through io_uring; else each worker reads its own
  int nice = 10;
  bool idle = true;                 // on cores that others want, they go first
  std::string io_priority = "low";  // "unchanged", "low", "idle"
  std::string state_dir;            // where the journal lies; empty: none
  std::string instance;   // where the job's telemetry lies; empty: nowhere (instance_of_job())
  double deadline_s = 0;  // from now; what has not begun by then is left; 0: none
};

struct JobReport {
  std::vector<std::optional<ItemResult>> results;  // by item; empty: failed, or not run
  std::vector<jobs::Failure> failures;             // by item
  std::size_t resumed = 0;                         // taken from an earlier run
  jobs::BatchEnd end = jobs::BatchEnd::Complete;
  std::string journal;  // where a rerun finds what has been done; empty: nowhere

  [[nodiscard]] std::size_t done() const;
  [[nodiscard]] bool whole() const { return done() == results.size(); }
  [[nodiscard]] bool good() const;
  // "18 of 20 done; 2 failed: a.gz (...), b.gz (...)".
  [[nodiscard]] std::string summary(const JobPlan& plan) const;
};

jobs::PoolOptions pool_options(const JobSettings& settings);

// `stop`: asked each tick, by this thread and by the items.
JobReport run_job(const JobPlan& plan, const JobSettings& settings, bool (*stop)());

std::string job_json(const JobPlan& plan, const JobReport& report);
// Output and exit status of a finished job.
int say_job(const JobPlan& plan, const JobReport& report, const std::string& json_target);

}  // namespace ringside::tools
