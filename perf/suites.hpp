// The benchmark suites of `scripts/bench`. Each checks its answers before it times them.
#pragma once

#include "perf/report.hpp"

namespace ringside::perf {

// Suite ipc.
void bench_ipc_spsc(Report& report, Scale scale);
void bench_ipc_broadcast(Report& report, Scale scale);
void bench_ipc_table(Report& report, Scale scale);

// Suite ablation.
void bench_ablation(Report& report, Scale scale);

// Suite net.
void bench_net_client(Report& report, Scale scale);
void bench_net_loop(Report& report, Scale scale);

// Suite pipeline.
void scenario_pipeline(Report& report, Scale scale);

// Suite jobs.
void bench_jobs(Report& report, Scale scale);
void bench_job_strategies(Report& report, Scale scale);
void bench_job_workloads(Report& report, Scale scale);
void scenario_jobs_beside_feed(Report& report, Scale scale);

}  // namespace ringside::perf
