// How alike the returns of instruments are: Pearson's correlation of the logarithmic returns of
// their mids, on one grid of UTC for all feeds.
//
// A return exists where the book was live, with both sides, at both ends of its period. A pair is
// judged over the periods that both have; under pairs_min of them, or where one of them never
// moved, there is no answer (NaN).
//
// Two kernels, one result to the bit: four sums side by side, added up in one order, whether by
// AVX2 or by plain arithmetic; so does the order in which blocks of the matrix are done not matter.
//
// Threads: a sampler belongs to one; correlate_block() may run in any number at once, on blocks of
// its own. Bounded by: returns_max a series. Fails by: CommandError for a longer one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tools/ringside/analysis/event_source.hpp"

namespace ringside::tools {

inline constexpr std::size_t returns_max = std::size_t{1} << 22;
inline constexpr std::size_t pairs_min = 3;

struct ReturnSeries {
  std::string name;
  std::int64_t first_period = 0;  // since 1970: of the first return
  std::vector<double> returns;    // NaN: none
};

// The returns of one feed.
class ReturnSampler {
 public:
  // `period_ns` > 0.
  ReturnSampler(const EventSource& source, std::int64_t period_ns);

  void take(const SourceEvent& event);
  // Names are "<venue>:<symbol>"; those without a book are left out.
  [[nodiscard]] std::vector<ReturnSeries> finish();

 private:
  struct Instrument {
    double mid = 0;            // 0: none now
    std::vector<double> mids;  // at each end of a period, from the first on
  };
  void close_periods(std::int64_t until);

  const EventSource& source_;
  std::int64_t period_ns_;
  std::vector<Instrument> instruments_;
  std::int64_t first_period_ = 0;
  std::int64_t period_ = 0;  // the one under way
  bool any_ = false;
};

// All series on the same periods, laid out for the kernels: rows are padded with what counts as
// none, to whole vectors.
class ReturnMatrix {
 public:
  explicit ReturnMatrix(const std::vector<ReturnSeries>& series);

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::span<const double> values(std::size_t row) const noexcept {
    return std::span(values_).subspan(row * width_, width_);  // 0 where there is none
  }
  [[nodiscard]] std::span<const double> present(std::size_t row) const noexcept {
    return std::span(present_).subspan(row * width_, width_);  // 1 or 0
  }

 private:
  std::size_t count_;
  std::size_t width_ = 0;
  std::vector<double> values_;
  std::vector<double> present_;
};

// Over what both have.
struct PairSums {
  double count = 0;
  double x = 0;
  double y = 0;
  double xx = 0;
  double yy = 0;
  double xy = 0;
  friend bool operator==(const PairSums&, const PairSums&) = default;
};
[[nodiscard]] double correlation_of(const PairSums& sums) noexcept;

enum class Kernel : std::uint8_t { Portable, Avx2 };
// The fastest that this processor has.
[[nodiscard]] Kernel best_kernel() noexcept;
[[nodiscard]] PairSums pair_sums(const ReturnMatrix& matrix, std::size_t a, std::size_t b,
                                 Kernel kernel) noexcept;

// Rows [begin, end) against all rows: result[(row - begin) * count() + other].
void correlate_block(const ReturnMatrix& matrix, std::size_t begin, std::size_t end, Kernel kernel,
                     std::span<double> result) noexcept;

}  // namespace ringside::tools
