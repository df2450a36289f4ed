// What a job says about itself while it runs: segment telemetry.job-<pid> in the instance of the
// deployment that it runs beside, with the pool's counters and what its tasks took. Unlike the
// job's own output it is read from outside (`ringside stat`, `ringside latency`) and is gone with
// the job.
//
// Threads: one; the histograms are the workers'. Outlives the pool. Bounded by:
// job_histograms_max: workers beyond are not timed. Fails by: where no segment can be created it
// counts for itself only, and problem() says why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ipc/telemetry.hpp"
#include "tools/jobs/operations.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::tools {

inline constexpr std::size_t job_histograms_max = 16;  // 30 KB each
inline constexpr const char* job_instance = "jobs";    // where there is no deployment

// `asked`, else that of the deployment in `config`, else the only one on this host, else
// job_instance. Throws as load_deployment().
std::string instance_of_job(const std::string& asked, const std::string& config);

class JobTelemetry {
 public:
  // Empty instance: nobody is to know.
  explicit JobTelemetry(const std::string& instance);

  // By worker, for PoolOptions::task_times.
  [[nodiscard]] std::vector<ipc::Histogram*> task_times(std::size_t workers);
  // Of the vectorised kernel, and of all.
  void count_kernel_rows(std::uint64_t vectorised, std::uint64_t rows) noexcept;
  // Every job_tick_ns or so.
  void update(const jobs::Pool& pool, const jobs::Operations& operations) noexcept;
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  // A counter that follows a sum kept elsewhere.
  class Sum {
   public:
    Sum() = default;
    Sum(ipc::Telemetry& telemetry, const char* name) : counter_(telemetry.counter(name)) {}
    void follow(std::uint64_t sum) noexcept {
      if (sum > counter_.value()) counter_.add(sum - counter_.value());
    }

   private:
    ipc::Counter counter_;
  };

  std::string process_;
  std::unique_ptr<ipc::Telemetry> telemetry_;  // null: nobody is to know
  std::uint64_t begin_ns_;
  Sum submitted_, executed_, stolen_, parked_, dropped_;
  Sum in_place_, by_pool_, by_queue_, kernel_rows_, kernel_rows_vectorised_;
  ipc::Gauge parallel_permille_, vectorised_permille_, utilisation_permille_;
  std::string problem_;
};

}  // namespace ringside::tools
