// ringside-bench [--json=FILE] [--small] SUITE...
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "perf/suites.hpp"
#include "perf/two_processes.hpp"

namespace {

using ringside::perf::Report;
using ringside::perf::Scale;

struct Suite {
  std::string_view name;
  void (*run)(Report&, Scale);
};

// Two sides, each on a core of its own; the first is this process.
void run_ipc(Report& report, Scale scale) {
  ringside::perf::pin_to(ringside::perf::core_pair().first);
  ringside::perf::bench_ipc_spsc(report, scale);
  ringside::perf::bench_ipc_broadcast(report, scale);
  ringside::perf::bench_ipc_table(report, scale);
}

void run_ablation(Report& report, Scale scale) {
  ringside::perf::pin_to(ringside::perf::core_pair().first);
  ringside::perf::bench_ablation(report, scale);
}

void run_net(Report& report, Scale scale) {
  ringside::perf::pin_to(ringside::perf::core_pair().first);
  ringside::perf::bench_net_client(report, scale);
  ringside::perf::bench_net_loop(report, scale);
}

void run_jobs(Report& report, Scale scale) {
  ringside::perf::bench_jobs(report, scale);
  ringside::perf::bench_job_strategies(report, scale);
  ringside::perf::bench_job_workloads(report, scale);
  ringside::perf::scenario_jobs_beside_feed(report, scale);
}

constexpr std::array suites{
    Suite{"ipc", run_ipc},
    Suite{"ablation", run_ablation},
    Suite{"net", run_net},
    Suite{"pipeline", ringside::perf::scenario_pipeline},
    Suite{"jobs", run_jobs},
};

int usage(std::string_view problem) {
  std::string names;
  for (const auto& suite : suites) names += fmt::format(" {}", suite.name);
  fmt::print(
      stderr,
      "ringside-bench: {}; usage: ringside-bench [--json=FILE] [--small] SUITE...; suites:{}\n",
      problem, names);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::string json_file;
  Scale scale = Scale::Full;
  std::vector<const Suite*> chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--json=")) {
      json_file = argument.substr(7);
    } else if (argument == "--small") {
      scale = Scale::Small;
    } else {
      const auto found = std::find_if(suites.begin(), suites.end(),
                                      [&](const Suite& suite) { return suite.name == argument; });
      if (found == suites.end()) return usage(fmt::format("unknown suite '{}'", argument));
      chosen.push_back(&*found);
    }
  }
  if (chosen.empty()) return usage("no suite named");
  // Those with processes or threads of their own first: a pinned process would pin these, too.
  const auto pins = [](const Suite* suite) { return suite->name == "ipc" || suite->name == "net"; };
  std::stable_sort(chosen.begin(), chosen.end(), [&](const Suite* left, const Suite* right) {
    return !pins(left) && pins(right);
  });
  Report report;
  try {
    for (const auto* suite : chosen) suite->run(report, scale);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ringside-bench: {}\n", error.what());
    return 1;
  }
  std::fputs(report.text().c_str(), stdout);
  if (json_file.empty()) return 0;
  std::ofstream file(json_file);
  file << report.json();
  return file.good() ? 0 : usage(fmt::format("cannot write {}", json_file));
}
