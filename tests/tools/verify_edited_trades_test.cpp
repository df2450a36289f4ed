// Recorded trades lost, repeated and out of order: their ids show it where the venue has ids. Books
// are never the worse for it.
#include <algorithm>
#include <ostream>

#include "tests/tools/verify_rig.hpp"

namespace ringside::tools::verify_test {
namespace {

struct Trades {
  const char* venue;
  const char* set;
  std::size_t lines;  // so many of the set
};
void PrintTo(const Trades& trades, std::ostream* out) { *out << trades.venue; }

class VerifyEditedTrades : public ::testing::TestWithParam<Trades> {
 protected:
  void SetUp() override {
    RINGSIDE_NEEDS_CAPTURES();
    lines_ = lines_of(GetParam().set);
    lines_.resize(std::min(lines_.size(), GetParam().lines));
    whole_ = verify();
    ASSERT_EQ(whole_.status, 0) << whole_.error;
    find_trades();
  }
  [[nodiscard]] Verified verify() const { return verify_lines(GetParam().venue, lines_); }

  // Three trades in a row of the instrument that has most of them.
  void find_trades() {
    std::uint64_t most = 0;
    for (const auto& [symbol, totals] : whole_.json["trades"].items()) {
      if (totals["n"].get<std::uint64_t>() < most) continue;
      most = totals["n"].get<std::uint64_t>();
      symbol_ = symbol;
    }
    for (std::size_t i = 0; i < lines_.size() && trades_.size() < 3; ++i) {
      const auto& text = lines_[i].payload;
      const bool trade = text.find("rade\",") != std::string::npos;
      if (trade && text.find("\"" + symbol_ + "\"") != std::string::npos) trades_.push_back(i);
    }
    ASSERT_EQ(trades_.size(), 3U) << symbol_;
  }
  void expect(const Verified& verified, std::int64_t trades_more) const {
    EXPECT_EQ(verified.status, 0) << verified.error;
    EXPECT_EQ(verified.json["books"], whole_.json["books"]);
    EXPECT_TRUE(verified.json["departures"].empty());
    for (const auto& [symbol, totals] : whole_.json["trades"].items()) {
      const auto more = symbol == symbol_ ? trades_more : 0;
      EXPECT_EQ(verified.json["trades"][symbol]["n"].get<std::int64_t>(),
                totals["n"].get<std::int64_t>() + more)
          << symbol;
    }
  }
  static std::uint64_t counter(const Verified& verified, const std::string& name) {
    return verified.json["counters"].value(name, std::uint64_t{0});
  }
  // Kraken may tell of several in one message.
  [[nodiscard]] std::int64_t trades_in(std::size_t index) const {
    const auto& text = lines_[index].payload;
    std::int64_t count = 1;
    for (auto at = text.find("],["); at != std::string::npos; at = text.find("],[", at + 1)) {
      ++count;
    }
    return count;
  }
  [[nodiscard]] static bool has_ids() {
    return std::string(GetParam().venue).starts_with("binance");
  }

  std::vector<Line> lines_;
  Verified whole_;
  std::string symbol_;
  std::vector<std::size_t> trades_;  // lines
};

TEST_P(VerifyEditedTrades, ALostOneShowsInTheIdsOfTheNext) {
  const auto lost = trades_in(trades_[1]);
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(trades_[1]));
  const auto verified = verify();
  expect(verified, -lost);
  EXPECT_EQ(counter(verified, "trade_gaps"), has_ids() ? 1U : 0U);
}

TEST_P(VerifyEditedTrades, ARepeatedOneIsNotCountedTwiceWhereItHasAnId) {
  const auto at = lines_.begin() + static_cast<std::ptrdiff_t>(trades_[1]);
  lines_.insert(at, Line(*at));
  const auto verified = verify();
  expect(verified, has_ids() ? 0 : trades_in(trades_[1]));
  EXPECT_EQ(counter(verified, "duplicates_dropped"),
            counter(whole_, "duplicates_dropped") + (has_ids() ? 1U : 0U));
}

TEST_P(VerifyEditedTrades, ALateOneCounts) {
  std::swap(lines_[trades_[1]].payload, lines_[trades_[2]].payload);
  const auto verified = verify();
  expect(verified, 0);
  EXPECT_EQ(counter(verified, "trade_gaps"), has_ids() ? 1U : 0U);
  EXPECT_EQ(counter(verified, "trades_late"), has_ids() ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(Venues, VerifyEditedTrades,
                         ::testing::Values(Trades{"kraken-v1", "kraken_v1_a", 20'000},
                                           Trades{"binance", "binance_spot_btcusdt", 4'000},
                                           Trades{"binance-us", "binance_us_multi", 4'000},
                                           Trades{"binance-usdm", "binance_futures_multi", 4'000},
                                           Trades{"binance-coinm", "binance_delivery_multi",
                                                  8'000}),
                         [](const auto& trades) {
                           std::string name = trades.param.venue;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ringside::tools::verify_test
