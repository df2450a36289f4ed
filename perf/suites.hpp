// The benchmark suites of `scripts/bench`. Each checks its answers before it times them.
#pragma once

#include "perf/report.hpp"

namespace ringside::perf {

void bench_ipc(Report& report, Scale scale);
void bench_decode(Report& report, Scale scale);
void bench_book(Report& report, Scale scale);

}  // namespace ringside::perf
