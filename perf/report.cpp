#include "perf/report.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <thread>

#include "ipc/check.hpp"

namespace ringside::perf {
namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

// The same arithmetic again and again: what it costs beyond its median is the machine's doing.
double noise() {
  using Clock = std::chrono::steady_clock;
  std::vector<double> rounds;
  std::uint64_t state = 1;
  for (int round = 0; round < 100; ++round) {
    const auto begin = Clock::now();
    for (int i = 0; i < 50'000; ++i)
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    rounds.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
  }
  RINGSIDE_CHECK(state != 0);
  return *std::max_element(rounds.begin(), rounds.end()) / median(rounds);
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

double median(std::vector<double> values) {
  RINGSIDE_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::size_t median_interval_margin(std::size_t values) {
  constexpr double tail_max = 0.025;
  double probability = std::pow(0.5, static_cast<double>(values));  // of none above the median
  double tail = probability;
  std::size_t margin = 0;
  while (tail <= tail_max) {
    probability *= static_cast<double>(values - margin) / static_cast<double>(margin + 1);
    tail += probability;
    ++margin;
  }
  return margin == 0 ? 0 : margin - 1;
}

void Report::compared(const std::string& name, const std::vector<double>& ours,
                      const std::vector<double>& other) {
  ratio(name, ours, other);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.size(); ++i) ratios.push_back(ours[i] / other[i]);
  std::sort(ratios.begin(), ratios.end());
  const auto margin = median_interval_margin(ratios.size());
  metrics_.back().low = ratios[margin];
  metrics_.back().high = ratios[ratios.size() - 1 - margin];
}

void Report::ratio(const std::string& name, const std::vector<double>& ours,
                   const std::vector<double>& other) {
  RINGSIDE_CHECK(ours.size() == other.size());
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.size(); ++i) ratios.push_back(ours[i] / other[i]);
  figure(name, "ratio", ratios);
  metrics_.back().ours = median(ours);
  metrics_.back().other = median(other);
}

void Report::figure(const std::string& name, const std::string& unit,
                    const std::vector<double>& samples, double floor) {
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  const double value = median(samples);
  metrics_.push_back(
      {name, unit, value, *low, *high, floor == 0 ? 0 : value, floor, samples.size()});
}

void Report::repeat(const std::string& from, const std::string& to) {
  const auto found = std::find_if(metrics_.begin(), metrics_.end(),
                                  [&](const Metric& metric) { return metric.name == from; });
  RINGSIDE_CHECK(found != metrics_.end());
  auto copy = *found;
  copy.name = to;
  metrics_.push_back(std::move(copy));
}

Machine describe_machine() {
  utsname kernel{};
  uname(&kernel);
  return {processor_name(), fmt::format("{} {}", kernel.sysname, kernel.release), __VERSION__,
          std::thread::hardware_concurrency(), noise()};
}

std::string Report::json() const {
  const auto machine = describe_machine();
  std::string text = fmt::format(
      "{{\"machine\": {{\"processor\": \"{}\", \"cores\": {}, \"kernel\": \"{}\", \"compiler\": "
      "\"{}\", "
      "\"noise_worst_over_median\": {:.3f}}},\n \"metrics\": {{",
      escaped(machine.processor), machine.cores, escaped(machine.kernel), escaped(machine.compiler),
      machine.noise_worst_over_median);
  bool first = true;
  for (const auto& metric : metrics_) {
    text += fmt::format(
        "{}\n  \"{}\": {{\"value\": {:.6g}, \"low\": {:.6g}, \"high\": {:.6g}, \"unit\": \"{}\", "
        "\"samples\": {}, \"ours\": {:.6g}, \"other\": {:.6g}}}",
        first ? "" : ",", metric.name, metric.value, metric.low, metric.high, metric.unit,
        metric.samples, metric.ours, metric.other);
    first = false;
  }
  return text + "\n }}\n";
}

std::string Report::text() const {
  std::string text;
  for (const auto& metric : metrics_) {
    text += fmt::format("{:<40} {:>12.4g} {:<6} [{:.4g} .. {:.4g}] of {}", metric.name,
                        metric.value, metric.unit, metric.low, metric.high, metric.samples);
    if (metric.other != 0)
      text += fmt::format("  ({:.4g} against {:.4g})", metric.ours, metric.other);
    text += '\n';
  }
  return text;
}

}  // namespace ringside::perf
