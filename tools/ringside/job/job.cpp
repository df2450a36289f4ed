#include "tools/ringside/job/job.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "ipc/deployment.hpp"
#include "ipc/placement.hpp"
#include "tools/jobs/cores.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/job/job_journal.hpp"
#include "tools/ringside/job/job_progress.hpp"
#include "tools/ringside/job/job_telemetry.hpp"
#include "tools/ringside/json_text.hpp"
#include "tools/ringside/sha256.hpp"

namespace ringside::tools {
namespace {

jobs::IoPriority io_priority_of(const std::string& name) {
  if (name == "unchanged") return jobs::IoPriority::Unchanged;
  return name == "idle" ? jobs::IoPriority::Idle : jobs::IoPriority::Low;
}

std::vector<int> cpus_of(const std::string& text) {
  if (text.empty()) return {};
  auto cpus = ipc::parse_cpu_list(text);
  if (cpus.empty() || ipc::cpu_list(cpus).empty()) {
    throw CommandError(fmt::format("--cpus {}: no list of cores, which is like 0,2-3", text));
  }
  return cpus;
}

// The same job over the same items, with the same options.
std::string fingerprint_of(const JobPlan& plan) {
  Sha256 hash;
  hash.update(plan.name + "\n" + plan.options + "\n");
  for (const auto& item : plan.items) hash.update(item.key + "\n");
  return hash.hex();
}

// The items that are still to be run, the heaviest first, so that none of them comes last.
std::vector<std::size_t> order_of(const JobPlan& plan, const JobReport& report) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < plan.items.size(); ++i) {
    if (!report.results[i]) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return plan.items[left].bytes > plan.items[right].bytes;
  });
  return order;
}

class Run {
 public:
  Run(const JobPlan& plan, JobReport& report, JobJournal* journal, std::vector<std::size_t> order,
      bool (*stop)())
      : plan_(plan),
        report_(report),
        journal_(journal),
        order_(std::move(order)),
        stop_(stop),
        progress_(plan.name, plan.items.size(), plan.items.size() - order_.size(), bytes_left(),
                  isatty(STDERR_FILENO) == 1) {}

  // How it went ahead is said on stderr where it is not as asked.
  void go(jobs::PoolOptions pool_options, const JobSettings& settings) {
    JobTelemetry telemetry(settings.instance);
    if (!telemetry.problem().empty()) say(telemetry.problem());
    pool_options.task_times = telemetry.task_times(jobs::workers_max);
    jobs::Pool pool(std::move(pool_options));
    jobs::OperationLimits limits;
    limits.buffers = std::min(2 * pool.worker_count(), jobs::slots_max);
    limits.buffer_bytes_max = read_ahead_bytes_max;
    limits.queue = settings.read_ahead;
    jobs::Operations operations(pool, limits);
    const bool ahead = operations.queue_refusal().empty();
    if (settings.read_ahead && !ahead) {
      say("every worker reads for itself: no " + operations.queue_refusal());
    }
    jobs::OperationOptions options;
    options.fixed = ahead ? jobs::Strategy::Queue : jobs::Strategy::Pool;  // not in this thread
    options.batch.cancel = &cancel_;
    if (settings.deadline_s > 0) {
      options.batch.deadline_ns =
          jobs::monotonic_ns() + static_cast<std::uint64_t>(settings.deadline_s * 1e9);
    }
    options.tick = &Run::tick;
    Watch watch{*this, telemetry, pool, operations};
    watch.update();
    options.tick_context = &watch;
    options.tick_ns = job_tick_ns;
    const auto outcome = operations.run(
        ahead ? jobs::OperationKind::ReadAndCompute : jobs::OperationKind::Compute, order_.size(),
        {this, ahead ? &Run::file_of : nullptr, &Run::run_item}, options);
    settle(outcome);
  }

 private:
  struct Watch {
    Run& run;
    JobTelemetry& telemetry;
    const jobs::Pool& pool;
    const jobs::Operations& operations;
    void update() const { telemetry.update(pool, operations); }
  };
  static void tick(void* context) {
    const auto& watch = *static_cast<Watch*>(context);
    if (watch.run.stop_()) watch.run.cancel_.request();
    watch.run.progress_.draw();
    watch.update();
  }
  void say(const std::string& what) const {
    std::fputs(fmt::format("{}: {}\n", plan_.name, what).c_str(), stderr);
  }

  void settle(jobs::Outcome outcome) {
    progress_.end();
    report_.end = outcome.end;
    for (auto& failure : outcome.failures) {
      if (stop_() && failure.what == Interrupted::text) continue;  // not done, not failed
      failure.index = order_[failure.index];
      report_.failures.push_back(std::move(failure));
    }
    std::sort(report_.failures.begin(), report_.failures.end(),
              [](const auto& left, const auto& right) { return left.index < right.index; });
    if (stop_()) report_.end = jobs::BatchEnd::Cancelled;
  }

  [[nodiscard]] std::uint64_t bytes_left() const {
    return std::accumulate(
        order_.begin(), order_.end(), std::uint64_t{0},
        [this](std::uint64_t sum, std::size_t i) { return sum + plan_.items[i].bytes; });
  }

  // A pipe must not hold up the others: not waited for here. What cannot be read ahead is left to
  // who runs it, and whatever there is to say about it.
  static jobs::FileRange file_of(void* context, std::size_t place) {
    const auto& self = *static_cast<Run*>(context);
    const auto& item = self.plan_.items[self.order_[place]];
    if (item.file.empty()) return {};
    const int file = ::open(item.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return {};
    struct stat status {};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::uint64_t>(status.st_size) > read_ahead_bytes_max) {
      ::close(file);
      return {};
    }
    return {file, 0, static_cast<std::size_t>(status.st_size), true};
  }

  static void run_item(void* context, std::size_t place, std::span<const std::byte> bytes) {
    static_cast<Run*>(context)->run_one(
        place, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  void run_one(std::size_t place, std::string_view bytes) {
    const auto index = order_[place];
    const auto& item = plan_.items[index];
    try {
      auto result = plan_.run(index, bytes, stop_);
      if (journal_ != nullptr) journal_->keep(item.key, result);
      progress_.finished(item.name, result.good ? "good" : "does not hold", item.bytes);
      report_.results[index] = std::move(result);  // a slot of its own
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      progress_.finished(item.name, fmt::format("failed: {}", error.what()), item.bytes);
      throw;
    }
  }

  const JobPlan& plan_;
  JobReport& report_;
  JobJournal* journal_;
  std::vector<std::size_t> order_;
  bool (*stop_)();
  jobs::Cancel cancel_;
  JobProgress progress_;
};

}  // namespace

std::size_t JobReport::done() const {
  return static_cast<std::size_t>(std::count_if(
      results.begin(), results.end(), [](const auto& result) { return result.has_value(); }));
}

bool JobReport::good() const {
  return std::all_of(results.begin(), results.end(),
                     [](const auto& result) { return result && result->good; });
}

std::string JobReport::summary(const JobPlan& plan) const {
  auto line = fmt::format("{} of {} done", done(), results.size());
  if (resumed != 0) line += fmt::format(" ({} of them by an earlier run)", resumed);
  if (!failures.empty()) {
    line += fmt::format("; {} failed:", failures.size());
    const char* between = " ";
    for (const auto& failure : failures) {
      line += fmt::format("{}{} ({})", between, plan.items[failure.index].name, failure.what);
      between = ", ";
    }
  }
  if (end == jobs::BatchEnd::Cancelled) line += "; stopped";
  if (end == jobs::BatchEnd::Expired) line += "; the deadline had passed";
  if (!whole() && !journal.empty()) {
    line += fmt::format("; the same command goes on from there (journal: {})", journal);
  }
  return line;
}

jobs::PoolOptions pool_options(const JobSettings& settings) {
  jobs::PoolOptions options;
  const auto allowed = ipc::allowed_cpus();
  std::optional<ipc::Deployment> deployment;
  if (!settings.config.empty()) deployment = ipc::load_deployment(settings.config);
  options.cpus =
      jobs::choose_cores(deployment ? &*deployment : nullptr, cpus_of(settings.cpus), allowed);
  options.workers = settings.workers;
  options.numa = settings.numa;
  options.stealing = settings.stealing;
  options.nice = settings.nice;
  options.idle = settings.idle;
  options.io_priority = io_priority_of(settings.io_priority);
  options.small_batch_items = 0;  // this thread looks for Ctrl-C
  options.chunk_ns = 0;           // an item is a file
  return options;
}

JobReport run_job(const JobPlan& plan, const JobSettings& settings, bool (*stop)()) {
  if (plan.items.size() > job_items_max) {
    throw CommandError(fmt::format("{} items are more than a job takes, {}; run it in parts",
                                   plan.items.size(), job_items_max));
  }
  const auto options = pool_options(settings);
  JobReport report;
  report.results.resize(plan.items.size());
  std::unique_ptr<JobJournal> journal;
  if (!settings.state_dir.empty()) {
    const auto fingerprint = fingerprint_of(plan);
    report.journal = fmt::format("{}/job-{}-{}.journal", settings.state_dir, plan.name,
                                 std::string_view(fingerprint).substr(0, 16));
    journal = std::make_unique<JobJournal>(report.journal, fingerprint);
    for (std::size_t i = 0; i < plan.items.size(); ++i) {
      if (const auto* const result = journal->find(plan.items[i].key)) {
        report.results[i] = *result;
        ++report.resumed;
      }
    }
  }
  Run run(plan, report, journal.get(), order_of(plan, report), stop);
  run.go(options, settings);
  if (journal && report.whole()) journal->remove();
  return report;
}

std::string job_json(const JobPlan& plan, const JobReport& report) {
  JsonText head;
  head.begin_object().member("job", plan.name).member("count", report.results.size());
  head.member("done", report.done()).member("good", report.good()).key("failures").begin_array();
  for (const auto& failure : report.failures) {
    head.begin_object().member("item", plan.items[failure.index].name);
    head.member("what", failure.what).end_object();
  }
  head.end_array();
  std::string items;
  for (const auto& result : report.results) {
    items += (items.empty() ? "\n" : ",\n") + (result ? result->json : std::string("null"));
  }
  return head.text() + ",\"items\":[" + items + "]}\n";
}

int say_job(const JobPlan& plan, const JobReport& report, const std::string& json_target) {
  if (!json_target.empty()) write_output(json_target, job_json(plan, report));
  if (json_target != to_stdout) {
    std::string text;
    for (const auto& result : report.results) text += result ? result->text : std::string();
    write_output(to_stdout, text);
  }
  if (!report.whole()) {
    throw CommandError(fmt::format("{}: {}", plan.name, report.summary(plan)));
  }
  std::fputs(fmt::format("{}: {}\n", plan.name, report.summary(plan)).c_str(), stderr);
  return report.good() ? exit_good : exit_check_failed;
}

}  // namespace ringside::tools
