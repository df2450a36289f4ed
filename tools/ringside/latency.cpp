// ringside latency: how long each stage takes.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>

#include "ipc/clock.hpp"
#include "ipc/hdr_log.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/latency_report.hpp"

namespace ringside::tools {
namespace {

struct LatencyOptions {
  std::string instance;
  std::string json;
  std::string hlog;
  std::string hgrm;
  std::string stage;
  double seconds = 0;
};

void wait(double seconds) {
  const auto end = ipc::monotonic_ns() + static_cast<std::uint64_t>(seconds * 1e9);
  while (!stop_asked()) {
    const auto now = ipc::monotonic_ns();
    if (now >= end) return;
    const auto left = end - now;
    const timespec time{static_cast<time_t>(left / 1'000'000'000),
                        static_cast<long>(left % 1'000'000'000)};
    ::nanosleep(&time, nullptr);
  }
}

std::string tag_of(const StageRow& row) {
  auto tag = row.stage + "." + row.thread;
  for (auto& c : tag) {
    if (c == ' ' || c == ',' || c == '\n') c = '_';
  }
  return tag;
}

void write_hlog(const std::string& path, const std::vector<StageRow>& rows) {
  std::ofstream file(path);
  const auto now = ipc::sample_clocks().utc;
  auto start = now;
  for (const auto& row : rows) start = std::min(start, row.since);
  ipc::HdrLogWriter log(file, start, "ringside: one line a stage and thread, values in ns");
  for (const auto& row : rows) {
    const auto tag = tag_of(row);
    const auto length =
        static_cast<std::uint64_t>(std::max(now.value - row.since.value, std::int64_t{0}));
    log.write({tag, row.since, length}, row.histogram);
  }
  file.flush();
  if (!file) throw CommandError(fmt::format("cannot write '{}': {}", path, std::strerror(errno)));
}

int run(const LatencyOptions& options) {
  const auto instance = choose_instance(options.instance);
  auto rows = collect_stages(instance);
  if (options.seconds > 0) {
    stop_on_signals();
    wait(options.seconds);
    rows = difference(collect_stages(instance), rows);
  }
  if (rows.empty()) {
    throw CommandError(
        fmt::format("nothing has been measured in instance '{}' yet: no data has "
                    "come, or no process runs; see ringside stat",
                    instance));
  }
  if (!options.hlog.empty()) write_hlog(options.hlog, rows);
  if (!options.hgrm.empty()) {
    const auto row = merged(rows, options.stage);
    if (row.histogram.count() == 0) {
      throw CommandError(fmt::format("nothing has been measured of stage '{}'", row.stage));
    }
    write_output(options.hgrm, ipc::percentile_report(row.histogram));
  }
  if (!options.json.empty()) {
    write_output(options.json, latency_json(instance, rows));
  } else {
    write_output(to_stdout, latency_table(rows));
  }
  return exit_good;
}

}  // namespace

void declare_latency(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand(
      "latency", "p50, p90, p99, p99.9, max and count of each stage, since its process began");
  const auto options = std::make_shared<LatencyOptions>();
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  command
      ->add_option("--hlog", options->hlog, "write an HdrHistogram log, a tag a stage and thread")
      ->type_name("FILE");
  command
      ->add_option("--hgrm", options->hgrm,
                   "write the percentile report of one stage, all threads, in ns")
      ->type_name("FILE");
  command
      ->add_option("--stage", options->stage,
                   "the stage for --hgrm; default: the last one that was measured")
      ->type_name("STAGE");
  command->add_option("--seconds", options->seconds, "count only what comes in the next N seconds")
      ->check(CLI::NonNegativeNumber);
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace ringside::tools
