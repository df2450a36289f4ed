#include "tools/ringside/analysis/correlation.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/ringside/command.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ringside::tools {
namespace {

constexpr std::size_t lanes = 4;
constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Pair {
  const double* x;
  const double* y;
  const double* has_x;
  const double* has_y;
  std::size_t width;
};

double total(const std::array<double, lanes>& sums) noexcept {
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Compiled without contraction (CMakeLists.txt): a fused product would round otherwise than the
// twin.
PairSums portable_sums(const Pair& pair) noexcept {
  std::array<double, lanes> count{}, x{}, y{}, xx{}, yy{}, xy{};
  for (std::size_t i = 0; i < pair.width; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const double a = pair.x[i + lane] * pair.has_y[i + lane];
      const double b = pair.y[i + lane] * pair.has_x[i + lane];
      count[lane] += pair.has_x[i + lane] * pair.has_y[i + lane];
      x[lane] += a;
      y[lane] += b;
      xx[lane] += a * a;
      yy[lane] += b * b;
      xy[lane] += a * b;
    }
  }
  return {total(count), total(x), total(y), total(xx), total(yy), total(xy)};
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) double total(__m256d sums) noexcept {
  std::array<double, lanes> apart;
  _mm256_storeu_pd(apart.data(), sums);
  return total(apart);
}

__attribute__((target("avx2"))) PairSums avx2_sums(const Pair& pair) noexcept {
  __m256d count = _mm256_setzero_pd();
  __m256d x = count;
  __m256d y = count;
  __m256d xx = count;
  __m256d yy = count;
  __m256d xy = count;
  for (std::size_t i = 0; i < pair.width; i += lanes) {
    const __m256d has_x = _mm256_loadu_pd(pair.has_x + i);
    const __m256d has_y = _mm256_loadu_pd(pair.has_y + i);
    const __m256d a = _mm256_mul_pd(_mm256_loadu_pd(pair.x + i), has_y);
    const __m256d b = _mm256_mul_pd(_mm256_loadu_pd(pair.y + i), has_x);
    count = _mm256_add_pd(count, _mm256_mul_pd(has_x, has_y));
    x = _mm256_add_pd(x, a);
    y = _mm256_add_pd(y, b);
    xx = _mm256_add_pd(xx, _mm256_mul_pd(a, a));
    yy = _mm256_add_pd(yy, _mm256_mul_pd(b, b));
    xy = _mm256_add_pd(xy, _mm256_mul_pd(a, b));
  }
  return {total(count), total(x), total(y), total(xx), total(yy), total(xy)};
}
#endif

std::int64_t floor_divided(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

}  // namespace

ReturnSampler::ReturnSampler(const EventSource& source, std::int64_t period_ns)
    : source_(source), period_ns_(period_ns), instruments_(source.instruments().size()) {}

// Each mid stands until the end of the period, and to those of the periods in which nothing came.
void ReturnSampler::close_periods(std::int64_t until) {
  const auto periods = static_cast<std::uint64_t>(until - first_period_);
  if (periods > returns_max) {
    throw CommandError("more than " + std::to_string(returns_max) +
                       " periods in one feed; a longer --period makes them fewer");
  }
  for (auto& instrument : instruments_) {
    instrument.mids.resize(periods, instrument.mid);
  }
  period_ = until;
}

void ReturnSampler::take(const SourceEvent& event) {
  const auto period = floor_divided(event.received_ns, period_ns_);
  if (!any_) first_period_ = period_ = period;
  any_ = true;
  if (period > period_) close_periods(period);
  auto& mid = instruments_[event.instrument].mid;
  if (event.state != State::Live) mid = 0;
  if (event.book == nullptr) return;
  const auto& book = *event.book;
  const bool sided = book.count(Side::Bid) > 0 && book.count(Side::Ask) > 0 && !book.crossed();
  mid = 0;
  if (!sided || event.state != State::Live) return;
  const double sum = static_cast<double>(book.level(Side::Bid, 0).price.mantissa) +
                     static_cast<double>(book.level(Side::Ask, 0).price.mantissa);
  mid = sum / 2 * std::pow(10.0, event.terms.price_exponent.power_of_ten);
}

std::vector<ReturnSeries> ReturnSampler::finish() {
  if (any_) close_periods(period_ + 1);
  std::vector<ReturnSeries> series;
  for (std::size_t i = 0; i < instruments_.size(); ++i) {
    const auto& instrument = source_.instruments()[i];
    if (!instrument.has_book) continue;
    const auto& mids = instruments_[i].mids;
    ReturnSeries of{std::string(source_.venue()) + ":" + instrument.symbol, first_period_ + 1, {}};
    for (std::size_t at = 1; at < mids.size(); ++at) {
      const bool both = mids[at - 1] > 0 && mids[at] > 0;
      of.returns.push_back(both ? std::log(mids[at] / mids[at - 1]) : none);
    }
    series.push_back(std::move(of));
  }
  return series;
}

ReturnMatrix::ReturnMatrix(const std::vector<ReturnSeries>& series) : count_(series.size()) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t end = std::numeric_limits<std::int64_t>::min();
  for (const auto& each : series) {
    if (each.returns.empty()) continue;
    first = std::min(first, each.first_period);
    end = std::max(end, each.first_period + static_cast<std::int64_t>(each.returns.size()));
  }
  if (first >= end) return;
  const auto periods = static_cast<std::size_t>(end - first);
  if (periods > returns_max) {
    throw CommandError("the feeds lie too far apart: " + std::to_string(periods) +
                       " periods from the first to the last; a longer --period makes them fewer");
  }
  width_ = (periods + lanes - 1) / lanes * lanes;
  values_.assign(count_ * width_, 0);
  present_.assign(count_ * width_, 0);
  for (std::size_t row = 0; row < count_; ++row) {
    auto at = row * width_ + static_cast<std::size_t>(series[row].first_period - first);
    for (const double value : series[row].returns) {
      if (!std::isnan(value)) {
        values_[at] = value;
        present_[at] = 1;
      }
      ++at;
    }
  }
}

double correlation_of(const PairSums& sums) noexcept {
  if (sums.count < static_cast<double>(pairs_min)) return none;
  const double x = sums.xx - sums.x * sums.x / sums.count;
  const double y = sums.yy - sums.y * sums.y / sums.count;
  // What rounding leaves of a series that never moved is none.
  constexpr double still = 1e-12;
  if (x <= sums.xx * still || y <= sums.yy * still) return none;
  const double both = sums.xy - sums.x * sums.y / sums.count;
  return std::clamp(both / std::sqrt(x * y), -1.0, 1.0);
}

Kernel best_kernel() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) return Kernel::Avx2;
#endif
  return Kernel::Portable;
}

PairSums pair_sums(const ReturnMatrix& matrix, std::size_t a, std::size_t b,
                   Kernel kernel) noexcept {
  const Pair pair{matrix.values(a).data(), matrix.values(b).data(), matrix.present(a).data(),
                  matrix.present(b).data(), matrix.width()};
#if defined(__x86_64__)
  if (kernel == Kernel::Avx2) return avx2_sums(pair);
#endif
  static_cast<void>(kernel);
  return portable_sums(pair);
}

void correlate_block(const ReturnMatrix& matrix, std::size_t begin, std::size_t end, Kernel kernel,
                     std::span<double> result) noexcept {
  for (std::size_t row = begin; row < end; ++row) {
    for (std::size_t other = 0; other < matrix.count(); ++other) {
      // The smaller row first, so that both halves of the matrix are alike to the bit.
      const auto sums = pair_sums(matrix, std::min(row, other), std::max(row, other), kernel);
      result[(row - begin) * matrix.count() + other] = correlation_of(sums);
    }
  }
}

}  // namespace ringside::tools
