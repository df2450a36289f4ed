// What a venue lists: what is news of it, and that news wait for market data.
#include "collector/listings.hpp"

#include <gtest/gtest.h>

#include "tests/collector/adapter_bench.hpp"

namespace ringside::collector {
namespace {

using bench::Bench;
using Names = std::vector<std::string>;

Listing trading(int price_decimals = 2, std::int64_t price_step = 1) {
  return {ListingStatus::Trading, Exponent{static_cast<std::int8_t>(-price_decimals)}, Exponent{-8},
          price_step, 1};
}
Listing with(ListingStatus status) {
  auto listing = trading();
  listing.status = status;
  return listing;
}

struct ListingsTest : ::testing::Test {
  void list(const Names& symbols) {
    listings.begin();
    for (const auto& symbol : symbols) listings.note(symbol, trading(), no_record);
    listings.finish();
  }
  Names news() {
    listings.announce(bench.now.ticks);
    (void)bench.drain();
    return std::exchange(bench.news, {});
  }
  Bench bench{2, 64};
  Counters counters;
  Listings listings{"venue", bench.records, counters};
};

TEST_F(ListingsTest, TheFirstWholeListIsNoNews) {
  listings.note("EARLY", trading(), no_record);
  list({"A", "B"});
  EXPECT_EQ(news(), Names{});
  EXPECT_EQ(counters[Count::Listed], 0U);
}

TEST_F(ListingsTest, EachChangeIsAnnouncedOnceInOrder) {
  list({"A", "B"});
  listings.note("C", trading(), no_record);
  listings.note("C", trading(), no_record);
  listings.note("A", with(ListingStatus::Halted), no_record);
  listings.note("A", with(ListingStatus::Halted), no_record);
  listings.note("A", trading(), no_record);
  listings.note("B", trading(2, 5), no_record);
  listings.note("B", trading(3, 5), no_record);
  listings.note("A", with(ListingStatus::Delisted), no_record);
  listings.note("A", trading(), no_record);
  EXPECT_EQ(news(),
            (Names{"listed venue C", "halted venue A", "resumed venue A", "increments venue B",
                   "increments venue B", "delisted venue A", "listed venue A"}));
  EXPECT_EQ(counters[Count::Listed], 2U);
  EXPECT_EQ(counters[Count::Delisted], 1U);
  EXPECT_EQ(counters[Count::IncrementsChanged], 2U);
}

TEST_F(ListingsTest, WhoIsMissingInAWholeListIsDelistedAndAnUnfinishedOneMissesNobody) {
  list({"A", "B"});
  listings.begin();
  listings.note("A", trading(), no_record);
  EXPECT_EQ(news(), Names{});  // it broke off
  list({"A"});
  EXPECT_EQ(news(), Names{"delisted venue B"});
  list({"A"});
  EXPECT_EQ(news(), Names{});
  list({"A", "B"});
  EXPECT_EQ(news(), Names{"listed venue B"});
}

TEST_F(ListingsTest, ARecordSaysWhoseItIsAndWhatTheNumbersAre) {
  list({"A", "B"});
  listings.note("A", trading(3, 5), 1);
  listings.note("NEW", trading(), no_record);
  listings.announce(bench.now.ticks);
  bench.records.publish(0, bench.now.ticks);
  const Record known = bench.take_one();
  EXPECT_EQ(known.id(), Bench::id(1));
  EXPECT_EQ(known.announcement(), Announcement::Increments);
  EXPECT_EQ(InstrumentTerms::unpacked(known.price).price_exponent, Exponent{-3});
  EXPECT_EQ(known.quantity, 5);
  EXPECT_EQ(known.reference, 1U);
  const Record unknown = bench.take_one();
  EXPECT_EQ(unknown.id(), InstrumentId::of(2, ordinal_of_none));
  EXPECT_EQ(unknown.announcement(), Announcement::Listed);
}

TEST_F(ListingsTest, NewsLeaveHalfOfTheRingToMarketDataAndWaitForTheRest) {
  Names many;
  for (int i = 0; i < 40; ++i) many.push_back("S" + std::to_string(i));
  list({"A"});
  for (const auto& symbol : many) listings.note(symbol, trading(), no_record);
  Names seen;
  for (int i = 0; i < 4; ++i) listings.announce(bench.now.ticks);
  for (const auto& each : news()) seen.push_back(each);
  EXPECT_LE(seen.size(), 17U);  // of two slots each, in 64
  for (int i = 0; i < 8; ++i) {
    for (const auto& each : news()) seen.push_back(each);
  }
  ASSERT_EQ(seen.size(), many.size());
  for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ(seen[i], "listed venue " + many[i]);
  EXPECT_EQ(bench.records.counters().records_dropped, 0U);
}

TEST_F(ListingsTest, MoreSymbolsThanAreKeptAndMoreNewsThanWaitAreCounted) {
  list({"A"});
  for (std::size_t i = 0; i < listings_max + 5; ++i) {
    listings.note("S" + std::to_string(i), trading(), no_record);
  }
  EXPECT_EQ(counters[Count::ListingsOverLimit], 6U);  // "A" has a place
  EXPECT_EQ(counters[Count::AnnouncementsDropped], listings_max - 1 - announcements_waiting_max);
}

TEST_F(ListingsTest, ANameThatIsTooLongIsCutAndItsLengthSaysSo) {
  list({"A"});
  const std::string symbol(60, 'X');
  listings.note(symbol, trading(), no_record);
  listings.announce(bench.now.ticks);
  bench.records.publish(0, bench.now.ticks);
  AnnouncedName name;
  const auto levels = bench.peek_levels();
  ASSERT_EQ(levels.size(), levels_per_slot);
  std::memcpy(static_cast<void*>(&name), levels.data(), sizeof(name));
  EXPECT_EQ(name.bytes, 66U);
  EXPECT_EQ(std::string_view(name.text, AnnouncedName::bytes_max),
            "venue " + std::string(AnnouncedName::bytes_max - 6, 'X'));
}

}  // namespace
}  // namespace ringside::collector
