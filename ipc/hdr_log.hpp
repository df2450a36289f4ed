// Reports that HdrHistogram's tools and plotters read: the interval log (.hlog), the percentile
// report (.hgrm) and the same as CSV. Byte for byte what Java HdrHistogram 2.1.11 writes, but for
// the compressed bytes of a log's lines, which depend on the zlib.
//
// Threads: any; an HdrLogWriter belongs to one. Bounded by: the histogram; one row for each
// twentieth part of what is left above it, so some hundred rows. Fails by: the stream given.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "ipc/histogram.hpp"
#include "ringside/time.hpp"

namespace ringside::ipc {

struct ReportOptions {
  unsigned ticks_per_half_distance = 5;  // rows from one half of what is left to the next; >= 1
  double unit_ratio = 1.0;               // values are divided by this: 1000 prints us for ns
};

// .hgrm
std::string percentile_report(const HistogramSnapshot& histogram,
                              const ReportOptions& options = {});
std::string percentile_csv(const HistogramSnapshot& histogram, const ReportOptions& options = {});

// One line of a log.
struct HdrInterval {
  std::string_view tag;  // empty: untagged; no comma, space or line end
  UtcNs start;
  std::uint64_t length_ns = 0;
};

// .hlog, version 1.3. Histograms of nanoseconds: the line's maximum is printed in milliseconds.
class HdrLogWriter {
 public:
  // Writes the head. `start` is the log's start and the base of its lines.
  HdrLogWriter(std::ostream& out, UtcNs start, std::string_view comment);
  void write(const HdrInterval& interval, const HistogramSnapshot& histogram);

 private:
  std::ostream* out_;
  UtcNs start_;
};

}  // namespace ringside::ipc
