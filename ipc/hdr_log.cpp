#include "ipc/hdr_log.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <ostream>

#include "ipc/check.hpp"
#include "ipc/hdr_encoding.hpp"

namespace ringside::ipc {
namespace {

constexpr double ns_per_second = 1e9;
constexpr double ns_per_ms = 1e6;

// snprintf, because the formats are the reference's own.
template <typename... Arguments>
void append(std::string& text, const char* format, Arguments... arguments) {
  std::array<char, 512> line;
  const int length = std::snprintf(line.data(), line.size(), format, arguments...);
  RINGSIDE_CHECK(length >= 0);
  RINGSIDE_CHECK(static_cast<std::size_t>(length) < line.size());
  text.append(line.data(), static_cast<std::size_t>(length));
}

struct Row {
  double value = 0.0;       // in the report's unit
  double percentile = 0.0;  // 0..1
  std::uint64_t running = 0;
  bool last = false;
};

// The level after `level` (0..100): one of `ticks` equal steps to where half of what was left when
// this half began is left.
double next_level(double level, unsigned ticks) {
  const double halvings = std::floor(std::log2(100.0 / (100.0 - level))) + 1.0;
  return level + 100.0 / (static_cast<double>(ticks) * std::exp2(halvings));
}

// The rows of the report, in order: every level that a slot reaches, then the end.
template <typename Print>
void for_each_row(const HistogramSnapshot& histogram, const ReportOptions& options, Print print) {
  RINGSIDE_CHECK(options.ticks_per_half_distance >= 1);
  const auto total = histogram.count();
  const auto& geometry = histogram.geometry();
  const auto slots = histogram.slots();
  std::uint64_t running = 0;
  double level = 0.0;
  for (std::size_t i = 0; i < slots.size() && running < total; ++i) {
    if (slots[i] == 0) continue;
    running += slots[i];
    const double value = static_cast<double>(geometry.highest_of(i)) / options.unit_ratio;
    const double reached = 100.0 * static_cast<double>(running) / static_cast<double>(total);
    while (reached >= level) {
      print(Row{value, level / 100.0, running, false});
      level = next_level(level, options.ticks_per_half_distance);
      if (running == total) break;
    }
    if (running == total) print(Row{value, 1.0, running, true});
  }
}

}  // namespace

std::string percentile_report(const HistogramSnapshot& histogram, const ReportOptions& options) {
  const auto& geometry = histogram.geometry();
  const int digits = static_cast<int>(geometry.digits());
  std::string text;
  append(text, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  for_each_row(histogram, options, [&](const Row& row) {
    append(text, "%12.*f %2.12f %10llu", digits, row.value, row.percentile,
           static_cast<unsigned long long>(row.running));
    if (!row.last) append(text, " %14.2f", 1.0 / (1.0 - row.percentile));
    text += '\n';
  });
  append(text, "#[Mean    = %12.*f, StdDeviation   = %12.*f]\n", digits,
         histogram.mean() / options.unit_ratio, digits,
         histogram.standard_deviation() / options.unit_ratio);
  append(text, "#[Max     = %12.*f, Total count    = %12llu]\n", digits,
         static_cast<double>(histogram.max()) / options.unit_ratio,
         static_cast<unsigned long long>(histogram.count()));
  append(text, "#[Buckets = %12u, SubBuckets     = %12zu]\n", geometry.buckets(),
         geometry.sub_buckets());
  return text;
}

std::string percentile_csv(const HistogramSnapshot& histogram, const ReportOptions& options) {
  const int digits = static_cast<int>(histogram.geometry().digits());
  std::string text = "\"Value\",\"Percentile\",\"TotalCount\",\"1/(1-Percentile)\"\n";
  for_each_row(histogram, options, [&](const Row& row) {
    append(text, "%.*f,%.12f,%llu,", digits, row.value, row.percentile,
           static_cast<unsigned long long>(row.running));
    if (row.last) {
      text += "Infinity\n";
    } else {
      append(text, "%.2f\n", 1.0 / (1.0 - row.percentile));
    }
  });
  return text;
}

HdrLogWriter::HdrLogWriter(std::ostream& out, UtcNs start, std::string_view comment)
    : out_(&out), start_(start) {
  const double seconds = static_cast<double>(start.value) / ns_per_second;
  const auto whole = static_cast<std::time_t>(start.value / 1'000'000'000);
  std::tm fields{};
  ::gmtime_r(&whole, &fields);
  // Names spelt here: strftime's follow the locale.
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::string head = "#[" + std::string(comment) + "]\n#[Histogram log format version 1.3]\n";
  append(head, "#[StartTime: %.3f (seconds since epoch), %s %s %02d %02d:%02d:%02d UTC %d]\n",
         seconds, days[fields.tm_wday], months[fields.tm_mon], fields.tm_mday, fields.tm_hour,
         fields.tm_min, fields.tm_sec, fields.tm_year + 1900);
  append(head, "#[BaseTime: %.3f (seconds since epoch)]\n", seconds);
  head +=
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";
  *out_ << head;
}

void HdrLogWriter::write(const HdrInterval& interval, const HistogramSnapshot& histogram) {
  RINGSIDE_CHECK(interval.tag.find_first_of(", \r\n") == std::string_view::npos);
  std::string line;
  if (!interval.tag.empty()) line = "Tag=" + std::string(interval.tag) + ",";
  append(line, "%.3f,%.3f,%.3f,",
         static_cast<double>(interval.start.value - start_.value) / ns_per_second,
         static_cast<double>(interval.length_ns) / ns_per_second,
         static_cast<double>(histogram.max()) / ns_per_ms);
  *out_ << line << base64(encode_hdr_compressed(histogram, hdr_level_log)) << '\n';
}

}  // namespace ringside::ipc
