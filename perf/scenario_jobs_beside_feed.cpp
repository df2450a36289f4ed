// A full pool of jobs beside the live path: what the collector and the worker take at p99.9 with it
// against without, in turns within one run of real processes.
//
// The feed's threads are pinned. Where the host has cores besides theirs, the jobs are on those;
// where it has none they share them, as SCHED_IDLE, which `ringside job --config` refuses to do.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ipc/placement.hpp"
#include "ipc/telemetry.hpp"
#include "perf/pipeline_rig.hpp"
#include "perf/report.hpp"
#include "perf/suites.hpp"
#include "tools/jobs/batch.hpp"
#include "tools/ringside/latency_report.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned live_seconds_max = 60;
constexpr std::uint64_t events_per_second = 5'000;
constexpr std::size_t buffer_words = std::size_t{1} << 20;  // 8 MiB a worker: beyond its caches

constexpr std::array stages{ipc::stage::read_to_decrypted, ipc::stage::decrypted_to_decoded,
                            ipc::stage::decoded_to_published, ipc::stage::ring_hop,
                            ipc::stage::worker};

std::vector<int> cores_of_jobs(const std::vector<int>& allowed, bool& shared) {
  std::vector<int> left;
  for (const int cpu : allowed) {
    if (cpu != allowed[0] && cpu != allowed[1 % allowed.size()]) left.push_back(cpu);
  }
  shared = left.empty();
  return shared ? allowed : left;
}

// Times that threads of this process lost their core to others.
std::uint64_t preemptions(pid_t pid) {
  std::uint64_t sum = 0;
  std::error_code gone;
  const auto tasks = fmt::format("/proc/{}/task", pid);
  for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("nonvoluntary_ctxt_switches:")) sum += std::stoull(line.substr(27));
    }
  }
  return sum;
}

// Arithmetic and memory traffic, until told to stop.
class Jobs {
 public:
  explicit Jobs(const std::vector<int>& cpus)
      : pool_(options_on(cpus)),
        buffers_(cpus.size(), std::vector<std::uint64_t>(buffer_words, 1)) {}

  void start() {
    cancel_ = std::make_unique<jobs::Cancel>();
    jobs::BatchOptions options;
    options.cancel = cancel_.get();
    batch_ = std::make_unique<jobs::Batch>(pool_, std::size_t{1} << 40, &Jobs::run, this, options);
    batch_->start();
  }
  // Items that were done.
  std::size_t stop() {
    cancel_->request();
    batch_->wait();
    return batch_->done();
  }

 private:
  static jobs::PoolOptions options_on(const std::vector<int>& cpus) {
    jobs::PoolOptions options;
    options.cpus = cpus;
    options.nice = 10;  // both as `ringside job` has it
    options.idle = true;
    return options;
  }
  static void run(void* context, std::size_t& next, std::size_t end) {
    auto& buffer = static_cast<Jobs*>(context)->buffers_[jobs::Worker::current()->index()];
    for (; next < end; ++next) {
      const auto begin = next * 4096 % buffer_words;
      for (std::size_t i = begin; i < begin + 4096; ++i) {
        buffer[i] = buffer[i] * 6364136223846793005ULL + next;
      }
    }
  }

  jobs::Pool pool_;
  std::vector<std::vector<std::uint64_t>> buffers_;  // by worker
  std::unique_ptr<jobs::Cancel> cancel_;
  std::unique_ptr<jobs::Batch> batch_;
};

struct Observed {
  std::map<std::string, double> p999_ns;  // by stage
  double preemptions_per_second = 0;
};

Observed observe(const PipelineRig& rig, std::chrono::milliseconds duration) {
  const auto before = tools::collect_stages(PipelineRig::instance);
  const auto switches = preemptions(rig.pid(1)) + preemptions(rig.pid(2));
  std::this_thread::sleep_for(duration);
  Observed seen;
  seen.preemptions_per_second =
      static_cast<double>(preemptions(rig.pid(1)) + preemptions(rig.pid(2)) - switches) * 1e3 /
      static_cast<double>(duration.count());
  const auto rows = tools::difference(tools::collect_stages(PipelineRig::instance), before);
  for (const auto stage : stages) {
    const auto all = tools::merged(rows, stage);
    if (all.histogram.count() == 0) throw std::runtime_error("nothing came through the feed");
    seen.p999_ns[std::string(stage)] = static_cast<double>(all.histogram.percentile(99.9));
  }
  return seen;
}

}  // namespace

void scenario_jobs_beside_feed(Report& report, Scale scale) {
  catch_interrupts();
  const bool small = scale == Scale::Small;
  const auto allowed = ipc::allowed_cpus();
  bool shared = false;
  const auto cpus = cores_of_jobs(allowed, shared);
  PipelineOptions options{events_per_second, small ? 4U : 20U, 4, 100, 1};
  options.cpus = {allowed[0], allowed[1 % allowed.size()]};
  const PipelineRig rig(options);
  if (!rig.wait_live(live_seconds_max)) throw std::runtime_error("not all instruments are live");
  fmt::print("  feed pinned to cores {}, jobs as SCHED_IDLE on {}{}\n", ipc::cpu_list(options.cpus),
             ipc::cpu_list(cpus), shared ? ", which they share with it" : "");
  Jobs jobs(cpus);
  const std::chrono::milliseconds part(small ? 300 : 2'000);
  std::map<std::string, std::vector<double>> with, without;
  std::vector<double> switches_with, switches_without;
  observe(rig, part / 2);  // what starting up left behind
  for (unsigned round = 0; round < (small ? 1U : 6U); ++round) {
    check_interrupted();
    const auto alone = observe(rig, part);
    jobs.start();
    const auto beside = observe(rig, part);
    if (jobs.stop() == 0) throw std::runtime_error("no job was done beside the feed");
    for (const auto& [stage, p999] : alone.p999_ns) without[stage].push_back(p999);
    for (const auto& [stage, p999] : beside.p999_ns) with[stage].push_back(p999);
    switches_without.push_back(alone.preemptions_per_second);
    switches_with.push_back(beside.preemptions_per_second);
  }
  std::pair<std::string, double> worst;
  for (const auto stage : stages) {
    const auto name = fmt::format("jobs.feed_p999_ratio.{}", stage);
    report.ratio(name, with[std::string(stage)], without[std::string(stage)]);
    const auto value = report.metrics().back().value;
    if (value > worst.second) worst = {name, value};
  }
  report.repeat(worst.first, "jobs.feed_p999_ratio");
  report.figure("jobs.feed_preemptions.with_jobs", "1/s", switches_with);
  report.figure("jobs.feed_preemptions.without", "1/s", switches_without);
}

}  // namespace ringside::perf
