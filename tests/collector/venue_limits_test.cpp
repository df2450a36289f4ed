// The limits in force for a table of the configuration, and which connection carries what.
#include "collector/venue_limits.hpp"

#include <gtest/gtest.h>

#include "collector/venue_adapter.hpp"

namespace ringside::collector {
namespace {

VenueConfig venue(std::string name, std::size_t instruments = 10) {
  VenueConfig config;
  config.name = std::move(name);
  config.instruments.resize(instruments);
  return config;
}

TEST(VenueLimits, EveryLiveVenueHasThem) {
  for (const auto& info : known_venues()) {
    if (!info.live) continue;
    const auto limits = limits_of(venue(std::string(info.name)));
    EXPECT_EQ(limits.venue, info.name);
    EXPECT_GT(limits.connects.most, 0U);
    EXPECT_GE(limits.messages.most, 2U) << "a book is left and joined by two";
    EXPECT_EQ(limits.rest_weight.most != 0, !info.rest.empty());
    EXPECT_NO_THROW(check_limits(venue(std::string(info.name))));
  }
}

TEST(VenueLimits, ASnapshotWeighsWhatTheVenueSaysOfItsDepth) {
  const auto& spot = documented_limits("binance");
  EXPECT_EQ(spot.depth_weight(1), 5U);
  EXPECT_EQ(spot.depth_weight(100), 5U);
  EXPECT_EQ(spot.depth_weight(101), 25U);
  EXPECT_EQ(spot.depth_weight(1000), 50U);
  EXPECT_EQ(spot.depth_weight(5000), 250U);
  EXPECT_EQ(documented_limits("binance-usdm").depth_weight(1000), 20U);
  EXPECT_EQ(documented_limits("binance-us").depth_weight(5000), 50U);
}

TEST(VenueLimits, KeysOfTheConfigurationReplaceThem) {
  auto config = venue("binance");
  config.connects_max = 4;
  config.connects_window_ms = 500;
  config.messages_max = 12;
  config.rest_weight_max = 600;
  config.rest_window_ms = 2000;
  const auto limits = limits_of(config);
  EXPECT_EQ(limits.connects, (PaceLimit{4, 500'000'000}));
  EXPECT_EQ(limits.messages, (PaceLimit{10, 1'000'000'000})) << "two are left to ping and pong";
  EXPECT_EQ(limits.rest_weight, (PaceLimit{570, 2'000'000'000})) << "one in twenty is others'";
}

TEST(VenueLimits, TablesOfOneAddressShareThemByTheirInstruments) {
  auto small = venue("binance", 100);
  auto large = venue("binance", 300);
  small.address_instruments = large.address_instruments = 400;
  EXPECT_EQ(limits_of(small).rest_weight.most, 1'425U);
  EXPECT_EQ(limits_of(large).rest_weight.most, 4'275U);
  EXPECT_EQ(limits_of(small).connects.most, 72U);
  EXPECT_EQ(limits_of(large).connects.most, 214U);
  EXPECT_EQ(limits_of(small).messages, limits_of(venue("binance")).messages) << "by connection";
}

TEST(VenueLimits, AShareTooSmallForOneSnapshotIsRefusedInWords) {
  auto config = venue("binance", 1);
  config.address_instruments = 100;
  try {
    check_limits(config);
    FAIL() << "weight 57 takes no request of 250";
  } catch (const ipc::ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("smaller depth"), std::string::npos);
  }
  config.depth = 100;
  EXPECT_NO_THROW(check_limits(config));
}

TEST(VenueLimits, InstrumentsAConnectionFollowTheStreams) {
  auto config = venue("binance");
  EXPECT_EQ(instruments_a_connection(config), 341U);
  config.channels = {false, true, false};
  EXPECT_EQ(instruments_a_connection(config), 1024U);
  config.instruments_per_connection = 7;
  EXPECT_EQ(instruments_a_connection(config), 7U);
  EXPECT_EQ(instruments_a_connection(venue("binance-usdm")), 66U);
  EXPECT_EQ(instruments_a_connection(venue("kraken")), 500U);
  auto kraken = venue("kraken");
  kraken.instruments_per_connection = 1024;
  EXPECT_EQ(instruments_a_connection(kraken), 1024U) << "ours, and no limit of the venue";
}

TEST(VenueLimits, TheCatalogueNamesTheConnectionThatBringsTheBook) {
  auto split = venue("binance-usdm", 67);
  EXPECT_EQ(book_connection(split, 65), 0U);
  EXPECT_EQ(book_connection(split, 66), 2U) << "between them stands one for trades";
  split.layout = "single";
  EXPECT_EQ(book_connection(split, 66), 1U);
  split.layout = "split";
  split.channels.trade = false;
  split.instruments_per_connection = 10;
  EXPECT_EQ(book_connection(split, 66), 6U);
  EXPECT_EQ(book_connection(venue("kraken", 501), 500), 1U);
}

TEST(VenueLimits, AConnectionIsReplacedAnHourBeforeItsVenueCutsIt) {
  constexpr std::int64_t ns_per_hour = 3'600'000'000'000;
  for (const auto* name : {"binance", "binance-us", "binance-usdm", "binance-coinm"}) {
    EXPECT_EQ(connection_age_ns_max(venue(name)), 23 * ns_per_hour) << name;
  }
  EXPECT_EQ(connection_age_ns_max(venue("kraken")), 0);
  auto asked = venue("kraken");
  asked.connection_ms_max = 604'800'000;
  EXPECT_EQ(connection_age_ns_max(asked), 7 * 24 * ns_per_hour);
}

}  // namespace
}  // namespace ringside::collector
