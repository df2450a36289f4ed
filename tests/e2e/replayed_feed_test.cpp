// Recorded feeds of every venue, as fast as the client takes them: the books in shared memory end
// as the oracle's.
#include "tests/e2e/replayed_feed.hpp"

#include <cmath>

#include "tests/e2e/slow_feed.hpp"

namespace ringside::e2e {
namespace {

const FeedSet sets[] = {{"kraken_v2_btcusd_d25", "kraken", 25},
                        {"kraken_v2_xrpusd_d25", "kraken", 25},
                        {"kraken_v1_a", "kraken-v1", 1000},
                        {"binance_spot_multi", "binance", 0},
                        {"binance_spot_btcusdt", "binance", 0},
                        {"binance_us_multi", "binance-us", 0},
                        {"binance_futures_multi", "binance-usdm", 0},
                        {"binance_usdm_btcusdt", "binance-usdm", 0},
                        {"binance_delivery_multi", "binance-coinm", 0},
                        {"binance_cm_btcusd_perp", "binance-coinm", 0}};

class ReplayedFeedTest : public ::testing::TestWithParam<FeedSet> {
 protected:
  void SetUp() override { RINGSIDE_NEEDS_CAPTURES(); }
  [[nodiscard]] static std::string capture() {
    return captures_folder() + "/" + GetParam().name + ".gz";
  }
};

TEST_P(ReplayedFeedTest, EndsInTheOraclesBooks) {
  const auto symbols = SlowFeed::read(capture(), INFINITY).symbols();
  expect_final_books({GetParam(), capture(), symbols, "max", 0, oracle_dump(GetParam().name)});
}

// The reference of the replays in real time, which end where no oracle does.
TEST_P(ReplayedFeedTest, TheSlowReadingIsTheOraclesToo) {
  EXPECT_TRUE(SlowFeed::read(capture(), INFINITY).dump() == oracle_dump(GetParam().name));
}

INSTANTIATE_TEST_SUITE_P(Sets, ReplayedFeedTest, ::testing::ValuesIn(sets),
                         [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::e2e
