// Jobs over captures: how they are named on the command line, and what the jobs are.
//
// Threads: one. Fails by: throwing CommandError.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/capture/capture.hpp"
#include "tools/ringside/analysis/event_source.hpp"
#include "tools/ringside/job/job.hpp"

namespace ringside::tools {

struct Capture {
  std::string venue;
  std::string path;
  std::string_view bytes{};  // where they have been read ahead

  [[nodiscard]] Capture with(std::string_view read) const { return {venue, path, read}; }
  [[nodiscard]] capture::CaptureInput input() const { return {path, bytes}; }
};

struct JobArguments {
  JobSettings settings;
  std::string venue;
  std::string json;
  std::vector<std::string> captures;
  // bars
  std::string bars = "time:60s";
  // correlate
  double period_s = 1;
  // export
  std::string format = "tardis";
  std::string folder;
  std::string types = "incremental_book_L2,trades";
  std::string schema = "trades";
  bool replace = false;
};

std::vector<Capture> captures_of(const JobArguments& arguments);
// An item for each; `options`: what else the results hang on.
JobPlan plan_over(std::string name, const std::vector<Capture>& captures, std::string options);

// A capture's events, until `stop` says so: then next() throws Interrupted.
std::unique_ptr<EventSource> events_of(const Capture& capture, bool (*stop)());

// Each adds its own options to `command`, and runs.
int run_verify_job(const JobArguments& arguments);
void add_bars_options(CLI::App& command, JobArguments& arguments);
int run_bars_job(const JobArguments& arguments);
int run_stats_job(const JobArguments& arguments);
void add_export_options(CLI::App& command, JobArguments& arguments);
int run_export_job(const JobArguments& arguments);
void add_correlate_options(CLI::App& command, JobArguments& arguments);
int run_correlate_job(const JobArguments& arguments);

}  // namespace ringside::tools
