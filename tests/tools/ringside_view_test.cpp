// The frame of `ringside top`: exact numbers in 80 columns, and nothing shown of a book that is no
// good.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tools/ringside/top_view.hpp"

namespace ringside::tools {
namespace {

TopRow row_of(std::string symbol, Level bid, Level ask, State state = State::Live) {
  TopRow row;
  row.info.venue = "kraken";
  row.info.symbol = std::move(symbol);
  row.status = ipc::ReadStatus::Ok;
  row.view.state = state;
  row.view.terms = {Exponent{-1}, Exponent{-8}, ChecksumRule::Kraken, 25};
  row.view.epoch = epoch_of(1, 2);
  row.view.bid_count = 1;
  row.view.ask_count = 1;
  row.view.bids[0] = bid;
  row.view.asks[0] = ask;
  row.updates_per_second = 312.4;
  row.age_ns = 3'000'000;
  return row;
}

TopRow usual_row(std::string symbol = "BTC/USD", State state = State::Live) {
  return row_of(std::move(symbol), {Price{634'183}, Quantity{10'493'453}},
                {Price{634'184}, Quantity{105'908'243}}, state);
}

std::size_t widest(const std::vector<std::string>& lines) {
  std::size_t width = 0;
  for (const auto& line : lines) width = std::max(width, line.size());
  return width;
}

bool contains(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const auto& line) { return line.find(text) != std::string::npos; });
}

TEST(TopView, ShowsExactBestLevelsStateAndAgeOnOneLineOfEightyColumns) {
  const auto lines = frame_of({usual_row()}, {80, 24, 1});
  ASSERT_EQ(lines.size(), 2U);  // the venue's heading
  EXPECT_LE(widest(lines), 80U);
  EXPECT_NE(lines[1].find("0.10493453 x 63418.3 | 63418.4 x 1.05908243"), std::string::npos)
      << lines[1];
  EXPECT_NE(lines[1].find("live"), std::string::npos);
  EXPECT_NE(lines[1].find("312/s"), std::string::npos);
  EXPECT_NE(lines[1].find("3.00ms"), std::string::npos);
  EXPECT_NE(lines[1].find("1.2"), std::string::npos);
}

TEST(TopView, PutsNumbersThatDoNotFitOnALineOfTheirOwnInsteadOfCuttingThem) {
  const auto row = row_of("SHIB/USD", {Price{634'183}, Quantity{123'456'789'012'345'678}},
                          {Price{634'184}, Quantity{123'456'789'012'345'678}});
  const auto lines = frame_of({row}, {80, 24, 1});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_LE(widest(lines), 80U);
  EXPECT_TRUE(contains(lines, "1234567890.12345678 x 63418.3 | 63418.4 x 1234567890.12345678"));
}

TEST(TopView, PutsEverySideOnALineOfItsOwnWhereEvenThatIsTooWide) {
  const auto row =
      row_of("SHIB/USD", {Price{123'456'789'012'345'671}, Quantity{123'456'789'012'345'678}},
             {Price{123'456'789'012'345'672}, Quantity{123'456'789'012'345'678}});
  const auto lines = frame_of({row}, {80, 24, 1});
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_LE(widest(lines), 80U);
  EXPECT_TRUE(contains(lines, "bid 1234567890.12345678 x 12345678901234567.1"));
}

TEST(TopView, ShowsNoLevelsOfABookThatIsNotContinuous) {
  for (const auto state : {State::Failed, State::Disconnected, State::Gap, State::Syncing}) {
    const auto lines = frame_of({usual_row("BTC/USD", state)}, {80, 24, 1});
    EXPECT_FALSE(contains(lines, "63418")) << name_of(state);
    EXPECT_TRUE(contains(lines, name_of(state)));
  }
  auto gone = usual_row();
  gone.status = ipc::ReadStatus::WriterGone;
  for (const auto& lines : {frame_of({gone}, {80, 24, 1}), plain_lines({gone}, 1)}) {
    EXPECT_FALSE(contains(lines, "63418"));
    EXPECT_FALSE(contains(lines, "live"));
  }
}

TEST(TopView, ShowsAnEmptySideAsADash) {
  auto row = usual_row();
  row.view.ask_count = 0;
  EXPECT_TRUE(contains(frame_of({row}, {80, 24, 1}), "63418.3 | -"));
  row.view.bid_count = 0;
  EXPECT_TRUE(contains(frame_of({row}, {80, 24, 1}), "- | -"));
}

TEST(TopView, ShowsAsManyLevelsAsThereAre) {
  auto row = usual_row();
  row.view.bid_count = 3;
  row.view.bids[1] = {Price{634'180}, Quantity{1}};
  row.view.bids[2] = {Price{634'170}, Quantity{1}};
  EXPECT_EQ(frame_of({row}, {80, 24, 5}).size(), 4U);
  EXPECT_EQ(frame_of({row}, {80, 24, 2}).size(), 3U);
}

TEST(TopView, NamesAVenueOnceAndKeepsWithinTheTerminal) {
  std::vector<TopRow> rows;
  for (int i = 0; i < 30; ++i) rows.push_back(usual_row("S" + std::to_string(i) + "/USD"));
  const auto lines = frame_of(rows, {80, 10, 1});
  EXPECT_EQ(lines.size(), 10U);
  EXPECT_TRUE(contains(lines, "22 more lines"));
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const auto& line) { return line.starts_with("kraken:"); }),
            1);
}

TEST(TopView, PlainLinesHoldEverythingOfAnInstrument) {
  const auto lines = plain_lines({usual_row()}, 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0],
            "BTC/USD kraken live  0.10493453 x 63418.3 | 63418.4 x 1.05908243  312/s age 3.00ms "
            "epoch 1.2");
}

}  // namespace
}  // namespace ringside::tools
