// What a benchmark has to say: named figures with their spread, and what they were compared with in
// the same run. Never an absolute time alone: the machine and its noise stand beside every figure.
//
// Threads: one. Bounded by nothing: set-up code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ringside::perf {

// Full: the published figures. Small: a run of some milliseconds that keeps the code from rotting.
enum class Scale : std::uint8_t { Full, Small };

struct Metric {
  std::string name;
  std::string unit;  // "ratio", "ns", "us", "1/s"
  double value = 0;  // median
  double low = 0;    // spread of the samples
  double high = 0;
  double ours = 0;  // medians of what was divided; 0 where nothing was
  double other = 0;
  std::uint64_t samples = 0;
};

class Report {
 public:
  // Pairs of one round each, measured interleaved: value = median of ours/other. Equal lengths.
  void ratio(const std::string& name, const std::vector<double>& ours,
             const std::vector<double>& other);
  // As ratio(), but low and high enclose the median with 95 % confidence (order statistics), or are
  // the spread where there are too few rounds (five) for that.
  void compared(const std::string& name, const std::vector<double>& ours,
                const std::vector<double>& other);
  // `floor`: what it stands beside, in the same unit and of the same run; 0: nothing.
  void figure(const std::string& name, const std::string& unit, const std::vector<double>& samples,
              double floor = 0);
  // The metric `from`, once more, as `to`: for the worse of several.
  void repeat(const std::string& from, const std::string& to);

  [[nodiscard]] const std::vector<Metric>& metrics() const { return metrics_; }
  [[nodiscard]] std::string json() const;
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Metric> metrics_;
};

double median(std::vector<double> values);
// Of the ascending values of a sample: how many at each end lie outside the 95 % interval of the
// median, which each value is above with probability 1/2, by itself. 0 for five values or fewer.
std::size_t median_interval_margin(std::size_t values);

// Processor, cores, kernel, and the noise of this moment: what the same 10 ms of work costs at the
// median and at worst, as a ratio.
struct Machine {
  std::string processor, kernel, compiler;
  unsigned cores = 0;
  double noise_worst_over_median = 0;
};
Machine describe_machine();

}  // namespace ringside::perf
