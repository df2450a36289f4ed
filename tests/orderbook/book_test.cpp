#include "orderbook/book.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace ringside::orderbook {
namespace {

constexpr Level at(std::int64_t price, std::int64_t quantity) {
  return {Price{price}, Quantity{quantity}};
}

std::vector<Level> side(const Book& book, Side which) {
  std::vector<Level> levels;
  for (std::uint32_t i = 0; i < book.count(which); ++i) levels.push_back(book.level(which, i));
  return levels;
}

TEST(Book, AnEmptyBookHasNoLevelsAndIsNotCrossed) {
  const Book book;
  EXPECT_EQ(book.count(Side::Bid), 0U);
  EXPECT_EQ(book.count(Side::Ask), 0U);
  EXPECT_FALSE(book.crossed());
  EXPECT_FALSE(book.locked());
}

TEST(Book, BestBidIsTheHighestAndBestAskTheLowest) {
  Book book;
  for (const auto price : {100, 102, 101}) {
    EXPECT_EQ(book.apply(Side::Bid, at(price, 1)).change, Change::Inserted);
    EXPECT_EQ(book.apply(Side::Ask, at(price + 10, 2)).change, Change::Inserted);
  }
  EXPECT_EQ(side(book, Side::Bid), (std::vector{at(102, 1), at(101, 1), at(100, 1)}));
  EXPECT_EQ(side(book, Side::Ask), (std::vector{at(110, 2), at(111, 2), at(112, 2)}));
}

TEST(Book, ApplyTellsWhatChangedAndHowFarFromTheBest) {
  Book book;
  EXPECT_EQ(book.apply(Side::Ask, at(10, 1)).index, 0U);
  EXPECT_EQ(book.apply(Side::Ask, at(12, 1)).index, 1U);
  const auto between = book.apply(Side::Ask, at(11, 1));
  EXPECT_EQ(between.change, Change::Inserted);
  EXPECT_EQ(between.index, 1U);
  const auto modified = book.apply(Side::Ask, at(12, 5));
  EXPECT_EQ(modified.change, Change::Modified);
  EXPECT_EQ(modified.index, 2U);
  const auto deleted = book.apply(Side::Ask, at(10, 0));
  EXPECT_EQ(deleted.change, Change::Deleted);
  EXPECT_EQ(deleted.index, 0U);
  EXPECT_EQ(book.apply(Side::Ask, at(10, 0)).change, Change::AbsentDelete);
  EXPECT_EQ(side(book, Side::Ask), (std::vector{at(11, 1), at(12, 5)}));
}

TEST(Book, EqualBestPricesAreLockedAndCountAsCrossed) {
  Book book;
  book.apply(Side::Bid, at(10, 1));
  book.apply(Side::Ask, at(10, 1));
  EXPECT_TRUE(book.locked());
  EXPECT_TRUE(book.crossed());
  book.apply(Side::Bid, at(11, 1));
  EXPECT_FALSE(book.locked());
  EXPECT_TRUE(book.crossed());
}

TEST(Book, NegativeAndZeroPricesKeepTheirOrder) {
  Book book;
  for (const auto price : {-5, 0, 5}) book.apply(Side::Bid, at(price, 1));
  EXPECT_EQ(book.level(Side::Bid, 0), at(5, 1));
  EXPECT_EQ(book.level(Side::Bid, 2), at(-5, 1));
  for (const auto price : {-5, 0, 5}) book.apply(Side::Ask, at(price, 1));
  EXPECT_EQ(book.level(Side::Ask, 0), at(-5, 1));
}

TEST(Book, PricesAtTheMantissaLimitAreOrdered) {
  Book book;
  const auto limit = mantissa_limit - 1;
  for (const auto price : {limit, -limit, std::int64_t{0}}) {
    book.apply(Side::Bid, at(price, 1));
    book.apply(Side::Ask, at(price, 1));
  }
  EXPECT_EQ(book.level(Side::Bid, 0).price.mantissa, limit);
  EXPECT_EQ(book.level(Side::Ask, 0).price.mantissa, -limit);
}

TEST(Book, TruncationDropsTheWorstLevelsOfEachSide) {
  Book book;
  for (std::int64_t price = 1; price <= 5; ++price) {
    book.apply(Side::Bid, at(price, price));
    book.apply(Side::Ask, at(price + 10, price));
  }
  book.truncate(2);
  EXPECT_EQ(side(book, Side::Bid), (std::vector{at(5, 5), at(4, 4)}));
  EXPECT_EQ(side(book, Side::Ask), (std::vector{at(11, 1), at(12, 2)}));
  book.truncate(0);
  EXPECT_EQ(book.count(Side::Bid), 2U);
}

class SnapshotOrder : public ::testing::TestWithParam<std::vector<Level>> {};

TEST_P(SnapshotOrder, LoadsToTheSameBook) {
  Book book;
  book.apply(Side::Bid, at(77, 7));
  book.clear();
  ASSERT_TRUE(book.append(Side::Bid, GetParam()));
  ASSERT_TRUE(book.append(Side::Ask, GetParam()));
  book.order();
  EXPECT_EQ(side(book, Side::Bid), (std::vector{at(3, 30), at(2, 20), at(1, 10)}));
  EXPECT_EQ(side(book, Side::Ask), (std::vector{at(1, 10), at(2, 20), at(3, 30)}));
}

INSTANTIATE_TEST_SUITE_P(
    Book, SnapshotOrder,
    ::testing::Values(std::vector{at(1, 10), at(2, 20), at(3, 30)},
                      std::vector{at(3, 30), at(2, 20), at(1, 10)},
                      std::vector{at(2, 20), at(3, 30), at(1, 10)},
                      std::vector{at(3, 30), at(1, 10), at(2, 20)},
                      // The later of two with one price wins, however the rest is ordered.
                      std::vector{at(1, 99), at(1, 10), at(2, 20), at(3, 30)},
                      std::vector{at(3, 98), at(3, 30), at(2, 20), at(1, 10)},
                      std::vector{at(3, 30), at(2, 0), at(1, 97), at(2, 20), at(1, 10)},
                      // No quantity is no level.
                      std::vector{at(1, 10), at(2, 20), at(3, 30), at(4, 0)},
                      std::vector{at(4, 40), at(3, 30), at(2, 20), at(1, 10), at(4, 0)}));

TEST(Book, ASnapshotMayComeInSeveralParts) {
  Book book;
  ASSERT_TRUE(book.append(Side::Bid, std::vector{at(3, 3), at(2, 2)}));
  ASSERT_TRUE(book.append(Side::Bid, std::vector{at(1, 1), at(4, 4)}));
  book.order();
  EXPECT_EQ(side(book, Side::Bid), (std::vector{at(4, 4), at(3, 3), at(2, 2), at(1, 1)}));
}

TEST(Book, GrowthBeyondTheReserveIsCountedAndKeepsTheLevels) {
  Book book;
  for (std::int64_t i = 0; i < levels_reserved; ++i) book.apply(Side::Bid, at(i * 2, 1));
  EXPECT_EQ(book.growth_count(), 0U);
  book.apply(Side::Bid, at(1, 1));
  EXPECT_EQ(book.growth_count(), 1U);
  EXPECT_EQ(book.count(Side::Bid), levels_reserved + 1);
  EXPECT_EQ(book.level(Side::Bid, levels_reserved), at(0, 1));
  EXPECT_EQ(book.level(Side::Bid, levels_reserved - 1), at(1, 1));
}

TEST(Book, TheLevelLimitIsRefusedAndTheBookStays) {
  Book book;
  std::vector<Level> all;
  for (std::int64_t i = 0; i < levels_per_side_max; ++i) all.push_back(at(i, 1));
  ASSERT_TRUE(book.append(Side::Ask, all));
  book.order();
  EXPECT_EQ(book.apply(Side::Ask, at(-1, 1)).change, Change::Refused);
  EXPECT_FALSE(book.append(Side::Ask, std::array{at(-1, 1)}));
  EXPECT_EQ(book.count(Side::Ask), levels_per_side_max);
  EXPECT_EQ(book.apply(Side::Ask, at(0, 0)).change, Change::Deleted);
  EXPECT_EQ(book.apply(Side::Ask, at(-1, 1)).change, Change::Inserted);
}

TEST(Book, CopyBestStopsAtWhatThereIs) {
  Book book;
  book.apply(Side::Bid, at(1, 1));
  book.apply(Side::Bid, at(2, 2));
  std::array<Level, 3> levels{};
  EXPECT_EQ(book.copy_best(Side::Bid, levels), 2U);
  EXPECT_EQ(levels[0], at(2, 2));
  EXPECT_EQ(book.copy_best(Side::Ask, levels), 0U);
}

}  // namespace
}  // namespace ringside::orderbook
