#include "tools/ringside/job/job_telemetry.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "ipc/deployment.hpp"
#include "ipc/segment.hpp"

namespace ringside::tools {
namespace {

std::uint64_t permille(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : std::min(part, whole) * 1'000 / whole;
}

}  // namespace

std::string instance_of_job(const std::string& asked, const std::string& config) {
  if (!asked.empty()) return asked;
  if (!config.empty()) return ipc::load_deployment(config).instance;
  auto present = ipc::list_instances();
  std::erase_if(present, [](const auto& name) { return ipc::list_segments(name).empty(); });
  return present.size() == 1 ? present.front() : job_instance;
}

JobTelemetry::JobTelemetry(const std::string& instance)
    : process_(fmt::format("job-{}", ::getpid())), begin_ns_(jobs::monotonic_ns()) {
  if (instance.empty()) return;
  const ipc::TelemetrySpec spec{instance, process_, "job", {}, job_histograms_max};
  try {
    // One that was killed could not remove its own, and no other process has that name again.
    for (const auto& name : ipc::list_segments(instance)) {
      if (name.starts_with("telemetry.job-")) ipc::remove_dead_segment(instance, name);
    }
    telemetry_ = std::make_unique<ipc::Telemetry>(spec);
  } catch (const std::system_error& error) {
    problem_ = fmt::format("not to be seen from outside: {}", error.what());
    return;
  }
  auto& telemetry = *telemetry_;
  submitted_ = {telemetry, "submitted"};
  executed_ = {telemetry, "executed"};
  stolen_ = {telemetry, "stolen"};
  parked_ = {telemetry, "parked"};
  dropped_ = {telemetry, "dropped"};
  in_place_ = {telemetry, "items_in_place"};
  by_pool_ = {telemetry, "items_by_pool"};
  by_queue_ = {telemetry, "items_by_queue"};
  kernel_rows_ = {telemetry, "kernel_rows"};
  kernel_rows_vectorised_ = {telemetry, "kernel_rows_vectorised"};
  parallel_permille_ = telemetry.gauge("parallel_permille");
  vectorised_permille_ = telemetry.gauge("vectorised_permille");
  utilisation_permille_ = telemetry.gauge("utilisation_permille");
}

std::vector<ipc::Histogram*> JobTelemetry::task_times(std::size_t workers) {
  std::vector<ipc::Histogram*> times;
  if (telemetry_ == nullptr) return times;
  for (std::size_t i = 0; i < std::min(workers, job_histograms_max); ++i) {
    times.push_back(&telemetry_->histogram("task", fmt::format("{}.{}", process_, i)));
  }
  return times;
}

void JobTelemetry::count_kernel_rows(std::uint64_t vectorised, std::uint64_t rows) noexcept {
  if (telemetry_ == nullptr) return;
  kernel_rows_.follow(rows);
  kernel_rows_vectorised_.follow(vectorised);
  vectorised_permille_.set(permille(vectorised, rows));
}

void JobTelemetry::update(const jobs::Pool& pool, const jobs::Operations& operations) noexcept {
  if (telemetry_ == nullptr) return;
  const auto counts = pool.counts();
  submitted_.follow(counts.submitted);
  executed_.follow(counts.executed);
  stolen_.follow(counts.stolen);
  parked_.follow(counts.parked);
  dropped_.follow(counts.dropped);
  const auto& [in_place, by_pool, by_queue] = operations.items();
  in_place_.follow(in_place);
  by_pool_.follow(by_pool);
  by_queue_.follow(by_queue);
  parallel_permille_.set(permille(by_pool + by_queue, in_place + by_pool + by_queue));
  const auto whole_ns = (jobs::monotonic_ns() - begin_ns_) * pool.worker_count();
  utilisation_permille_.set(1'000 - permille(counts.parked_ns, whole_ns));
  telemetry_->on_tick(ipc::now_ticks());
}

}  // namespace ringside::tools
