// The failures that take their time: what must hold while a process is stopped for long.
#include <gtest/gtest.h>

#include "tests/e2e/failures.hpp"

namespace ringside::e2e {
namespace {

TEST(LongFailureTable, AWorkerStoppedForTenSecondsCostsItsOwnRecordsAndAllReturn) {
  std::vector<std::string> busy;
  for (int i = 0; i < 24; ++i) busy.push_back("S" + std::to_string(i) + "/USD");
  auto options = kraken("S#/USD*24;depth=25;rate=4000", busy, "worker = \"w0.0\"\n");
  VenueOptions binance;
  binance.venue = "binance";
  binance.exchange = {"--generate", "binance:BTCUSDT,ETHUSDT;depth=100;rate=1000", "--seed", "3"};
  binance.instruments = {"BTCUSDT", "ETHUSDT"};
  binance.extra_venue_keys = "worker = \"w0.0\"\n";
  options.more = {binance};
  busy.insert(busy.end(), {"BTCUSDT", "ETHUSDT"});
  a_stopped_worker_costs_its_own_instruments_only(milliseconds(10'000), 16384, options, busy);
}

TEST(LongFailureTable, AConsumerStoppedForAMinuteChangesNothingForAnybodyElse) {
  a_stopped_consumer_changes_nothing(milliseconds(60'000));
}

}  // namespace
}  // namespace ringside::e2e
