// Correlations: by hand, against the textbook in long double, and the two kernels against each
// other.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/tools/scripted_source.hpp"
#include "tools/ringside/analysis/correlation.hpp"

namespace ringside::tools::analysis_test {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

double textbook(const std::vector<double>& x, const std::vector<double>& y) {
  long double mean_x = 0, mean_y = 0, n = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || std::isnan(y[i])) continue;
    mean_x += x[i];
    mean_y += y[i];
    ++n;
  }
  mean_x /= n;
  mean_y /= n;
  long double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || std::isnan(y[i])) continue;
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return static_cast<double>(xy / std::sqrt(xx * yy));
}

std::vector<double> correlated(const ReturnMatrix& matrix, Kernel kernel, std::size_t block) {
  std::vector<double> result(matrix.count() * matrix.count());
  for (std::size_t begin = 0; begin < matrix.count(); begin += block) {
    const auto end = std::min(begin + block, matrix.count());
    correlate_block(
        matrix, begin, end, kernel,
        std::span(result).subspan(begin * matrix.count(), (end - begin) * matrix.count()));
  }
  return result;
}

TEST(Returns, AreOfTheMidsAtTheEndsOfPeriodsOfUtc) {
  ScriptedSource source("binance", {"A", "B"});
  source.snapshot(midnight + second / 2, {at(100, 1)}, {at(102, 1)});
  source.level(midnight + second / 2 + 1, Side::Ask, 101, 1);  // 100.5
  source.level(midnight + 3 * second / 2, Side::Bid, 100, 0);
  source.level(midnight + 3 * second / 2, Side::Bid, 99, 1);   // 100
  source.level(midnight + 7 * second / 2, Side::Bid, 100, 1);  // 100.5, after a quiet second
  ReturnSampler sampler(source, second);
  SourceEvent event;
  while (source.next(event)) sampler.take(event);
  const auto series = sampler.finish();
  ASSERT_EQ(series.size(), 2U);
  EXPECT_EQ(series[0].name, "binance:A");
  EXPECT_EQ(series[0].first_period, midnight / second + 1);
  ASSERT_EQ(series[0].returns.size(), 3U);
  EXPECT_NEAR(series[0].returns[0], std::log(1.00 / 1.005), 1e-15);
  EXPECT_DOUBLE_EQ(series[0].returns[1], 0);
  EXPECT_NEAR(series[0].returns[2], std::log(1.005 / 1.00), 1e-15);
  for (const double each : series[1].returns) EXPECT_TRUE(std::isnan(each));
}

TEST(Returns, ThereAreNoneAcrossAGapOrOfACrossedBook) {
  ScriptedSource source("binance", {"A"});
  source.snapshot(midnight, {at(100, 1)}, {at(102, 1)});
  source.gap(midnight + second);
  source.snapshot(midnight + 2 * second, {at(100, 1)}, {at(102, 1)});
  source.level(midnight + 3 * second, Side::Bid, 105, 1);
  source.level(midnight + 4 * second, Side::Bid, 105, 0);
  source.level(midnight + 5 * second, Side::Bid, 99, 1);
  ReturnSampler sampler(source, second);
  SourceEvent event;
  while (source.next(event)) sampler.take(event);
  const auto series = sampler.finish();
  ASSERT_EQ(series[0].returns.size(), 5U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(series[0].returns[i])) << i;
  EXPECT_DOUBLE_EQ(series[0].returns[4], 0);
}

TEST(Correlation, OfWhatMovesAlikeIsOneAndOfItsOppositeMinusOne) {
  const std::vector<ReturnSeries> series{{"a", 10, {1, 2, 3, 4, 6}},
                                         {"b", 10, {2, 4, 6, 8, 12}},
                                         {"c", 10, {-1, -2, -3, -4, -6}},
                                         {"still", 10, {1, 1, 1, 1, 1}},
                                         {"short", 10, {1, 2}}};
  const auto result = correlated(ReturnMatrix(series), Kernel::Portable, 5);
  EXPECT_DOUBLE_EQ(result[0], 1);
  EXPECT_DOUBLE_EQ(result[1], 1);
  EXPECT_DOUBLE_EQ(result[2], -1);
  EXPECT_TRUE(std::isnan(result[3])) << "one that never moved";
  EXPECT_TRUE(std::isnan(result[4])) << "two periods are too few";
}

TEST(Correlation, SeriesMeetByTheirTime) {
  const std::vector<ReturnSeries> series{{"a", 10, {9, 9, 1, 2, 4, 3}}, {"b", 12, {1, 2, 4, 3, 9}}};
  EXPECT_DOUBLE_EQ(correlated(ReturnMatrix(series), Kernel::Portable, 2)[1], 1);
  const std::vector<ReturnSeries> apart{{"a", 0, {1, 2, 4}}, {"b", 100, {1, 2, 4}}};
  EXPECT_TRUE(std::isnan(correlated(ReturnMatrix(apart), Kernel::Portable, 2)[1]));
}

TEST(Correlation, IsTheTextbooksForAnyHolesAndLengths) {
  std::mt19937_64 random(20261121);
  std::normal_distribution<double> normal(0, 1e-4);
  for (const std::size_t length : {3U, 4U, 5U, 63U, 1'000U}) {
    std::vector<ReturnSeries> series(7);
    for (auto& each : series) {
      for (std::size_t i = 0; i < length; ++i) {
        const double shared = series[0].returns.size() > i ? series[0].returns[i] : 0;
        const bool hole = length > 5 && random() % 5 == 0;
        each.returns.push_back(hole ? none : normal(random) + (std::isnan(shared) ? 0 : shared));
      }
    }
    const ReturnMatrix matrix(series);
    const auto result = correlated(matrix, best_kernel(), 3);
    for (std::size_t a = 0; a < series.size(); ++a) {
      for (std::size_t b = 0; b < series.size(); ++b) {
        EXPECT_NEAR(result[a * series.size() + b], textbook(series[a].returns, series[b].returns),
                    1e-9)
            << length << ' ' << a << ' ' << b;
        EXPECT_EQ(result[a * series.size() + b], result[b * series.size() + a]);
      }
    }
    // The kernels, and any cut into blocks, agree to the bit.
    for (const std::size_t block : {1U, 2U, 7U}) {
      EXPECT_EQ(correlated(matrix, Kernel::Portable, block), result) << length << ' ' << block;
    }
    for (std::size_t b = 0; b < series.size(); ++b) {
      EXPECT_EQ(pair_sums(matrix, 0, b, Kernel::Portable), pair_sums(matrix, 0, b, best_kernel()));
    }
  }
}

}  // namespace
}  // namespace ringside::tools::analysis_test
