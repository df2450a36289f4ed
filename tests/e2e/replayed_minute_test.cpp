// A minute of a recorded feed of every venue at the pace it was recorded at, over TLS, into shared
// memory.
#include <cmath>

#include "tests/e2e/replayed_feed.hpp"
#include "tests/e2e/slow_feed.hpp"

namespace ringside::e2e {
namespace {

constexpr int minute_seconds = 60;

class ReplayedMinute : public ::testing::TestWithParam<FeedSet> {};

TEST_P(ReplayedMinute, EndsInTheBooksOfTheSlowReading) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto feed =
      SlowFeed::read(captures_folder() + "/" + GetParam().name + ".gz", minute_seconds);
  const Scratch scratch;
  const auto capture = scratch.write("minute", feed.text());
  expect_final_books({GetParam(), capture, feed.symbols(), "1", minute_seconds, feed.dump()});
}

INSTANTIATE_TEST_SUITE_P(Sets, ReplayedMinute,
                         ::testing::Values(FeedSet{"kraken_v2_btcusd_d25", "kraken", 25},
                                           FeedSet{"kraken_v1_a", "kraken-v1", 1000},
                                           FeedSet{"binance_spot_btcusdt", "binance", 0},
                                           FeedSet{"binance_us_multi", "binance-us", 0},
                                           FeedSet{"binance_usdm_btcusdt", "binance-usdm", 0},
                                           FeedSet{"binance_cm_btcusd_perp", "binance-coinm", 0}),
                         [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::e2e
