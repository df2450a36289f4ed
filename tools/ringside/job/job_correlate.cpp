// ringside job correlate: returns of each capture first, an item each; then the matrix, a block of
// rows an item.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "tools/jobs/operations.hpp"
#include "tools/ringside/analysis/correlation.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/job/job_captures.hpp"
#include "tools/ringside/job/job_telemetry.hpp"
#include "tools/ringside/json_text.hpp"

namespace ringside::tools {
namespace {

constexpr std::size_t block_rows = 16;

// Exact, so that a rerun reads what the first run computed: hexadecimal floating point.
std::string text_of(const std::vector<ReturnSeries>& all) {
  std::string text;
  for (const auto& series : all) {
    text += fmt::format("{} {} {}\n", series.first_period, series.returns.size(), series.name);
    for (const double value : series.returns) text += fmt::format("{:a}\n", value);
  }
  return text;
}

void append_series(const std::string& text, std::vector<ReturnSeries>& all) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    ReturnSeries series;
    std::size_t count = 0;
    std::istringstream head(line);
    head >> series.first_period >> count;
    std::getline(head >> std::ws, series.name);
    for (std::size_t i = 0; i < count && std::getline(lines, line); ++i) {
      series.returns.push_back(std::strtod(line.c_str(), nullptr));
    }
    all.push_back(std::move(series));
  }
}

ItemResult returns_of(const Capture& capture, std::int64_t period_ns, bool (*stop)()) {
  const auto source = events_of(capture, stop);
  ReturnSampler sampler(*source, period_ns);
  for (SourceEvent event; source->next(event);) sampler.take(event);
  return {true, "", text_of(sampler.finish())};
}

struct MatrixWork {
  const ReturnMatrix& matrix;
  std::vector<double>& result;
  bool (*stop)();
  Kernel kernel;
  JobTelemetry telemetry;
  jobs::Cancel cancel{};
  const jobs::Pool* pool = nullptr;
  const jobs::Operations* operations = nullptr;
  std::atomic<std::uint64_t> rows_done{0};

  static void take(void* context, std::size_t block, std::span<const std::byte>) {
    auto& self = *static_cast<MatrixWork*>(context);
    const auto count = self.matrix.count();
    const auto begin = block * block_rows;
    const auto rows = std::min(block_rows, count - begin);
    correlate_block(self.matrix, begin, begin + rows, self.kernel,
                    std::span(self.result).subspan(begin * count, rows * count));
    self.rows_done.fetch_add(rows, std::memory_order_relaxed);  // for telemetry
  }
  void update() {
    const auto rows = rows_done.load(std::memory_order_relaxed);
    telemetry.count_kernel_rows(kernel == Kernel::Portable ? 0 : rows, rows);
    telemetry.update(*pool, *operations);
  }
  static void tick(void* context) {
    auto& self = *static_cast<MatrixWork*>(context);
    if (self.stop()) self.cancel.request();
    self.update();
  }
};

// A small matrix is done before a worker would have woken.
std::vector<double> correlated(const ReturnMatrix& matrix, const JobSettings& settings,
                               bool (*stop)()) {
  std::vector<double> result(matrix.count() * matrix.count());
  MatrixWork work{matrix, result, stop, best_kernel(), JobTelemetry(settings.instance)};
  auto pool_options_timed = pool_options(settings);
  pool_options_timed.task_times = work.telemetry.task_times(jobs::workers_max);
  jobs::Pool pool(pool_options_timed);
  jobs::OperationLimits limits;
  limits.queue = false;
  jobs::Operations operations(pool, limits);
  work.pool = &pool;
  work.operations = &operations;
  work.update();
  jobs::OperationOptions options;
  options.batch.cancel = &work.cancel;
  options.tick = &MatrixWork::tick;
  options.tick_context = &work;
  options.tick_ns = job_tick_ns;
  const auto outcome =
      operations.run(jobs::OperationKind::Compute, (matrix.count() + block_rows - 1) / block_rows,
                     {&work, nullptr, &MatrixWork::take}, options);
  if (!outcome.good()) throw CommandError(fmt::format("correlate: {}", outcome.text()));
  return result;
}

std::string matrix_json(const std::vector<ReturnSeries>& all, const std::vector<double>& matrix,
                        double period_s) {
  JsonText json;
  json.begin_object().member("job", "correlate").member("period_s", period_s);
  json.key("names").begin_array();
  for (const auto& series : all) json.value(series.name);
  json.end_array().key("matrix").begin_array();
  for (std::size_t row = 0; row < all.size(); ++row) {
    json.begin_array();
    for (std::size_t column = 0; column < all.size(); ++column) {
      json.value(matrix[row * all.size() + column]);  // NaN: null
    }
    json.end_array();
  }
  return json.end_array().end_object().text() + "\n";
}

std::string matrix_text(const std::vector<ReturnSeries>& all, const std::vector<double>& matrix) {
  std::string text;
  for (std::size_t row = 0; row < all.size(); ++row) {
    text += fmt::format("{:<28}", all[row].name);
    for (std::size_t column = 0; column < all.size(); ++column) {
      const double value = matrix[row * all.size() + column];
      text += std::isnan(value) ? fmt::format(" {:>7}", "-") : fmt::format(" {:>7.4f}", value);
    }
    text += '\n';
  }
  return text;
}

}  // namespace

void add_correlate_options(CLI::App& command, JobArguments& arguments) {
  command.add_option("--period", arguments.period_s, "of a return, seconds")
      ->check(CLI::Range(1e-3, 86'400.0))
      ->capture_default_str();
}

int run_correlate_job(const JobArguments& arguments) {
  const auto period_ns = static_cast<std::int64_t>(std::llround(arguments.period_s * 1e9));
  const auto captures = captures_of(arguments);
  auto plan = plan_over("correlate", captures, std::to_string(period_ns));
  plan.run = [&](std::size_t index, std::string_view bytes, bool (*stop)()) {
    return returns_of(captures[index].with(bytes), period_ns, stop);
  };
  const auto report = run_job(plan, arguments.settings, &stop_asked);
  // Of some of the captures it would be another matrix.
  if (!report.whole()) throw CommandError("correlate: " + report.summary(plan));
  std::vector<ReturnSeries> all;
  for (const auto& result : report.results) append_series(result->text, all);
  const ReturnMatrix matrix(all);
  const auto result = correlated(matrix, arguments.settings, &stop_asked);
  const auto json = matrix_json(all, result, arguments.period_s);
  if (!arguments.json.empty()) write_output(arguments.json, json);
  if (arguments.json != to_stdout) write_output(to_stdout, matrix_text(all, result));
  std::fputs(fmt::format("correlate: {}\n", report.summary(plan)).c_str(), stderr);
  return exit_good;
}

}  // namespace ringside::tools
