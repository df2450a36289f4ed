// The Kraken adapters allocate nothing for a message, sound or damaged, from the first one on. A
// program of its own, because it replaces every operator new.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "collector/kraken.hpp"
#include "collector/kraken_v1.hpp"
#include "tests/collector/adapter_bench.hpp"
#include "tests/collector/allocation_count.hpp"

namespace ringside::collector {
namespace {

using bench::Bench;
using bench::Padded;

KrakenConfig config() {
  KrakenConfig made;
  made.instruments = {{"BTC/USD", Bench::id(0), 0, true, Exponent{-1}, Exponent{-8}},
                      {"XRP/USD", Bench::id(1), 1, true, Exponent{-5}, Exponent{-8}}};
  return made;
}

template <typename AnyAdapter>
void expect_no_allocation(const std::vector<std::string>& texts) {
  Bench bench(2);
  AnyAdapter adapter(config(), bench.records, bench.host);
  bench.host.full = true;  // what is sent is not kept: only the adapter is looked at
  adapter.on_open(0, bench.now);
  for (int round = 0; round < 3; ++round) {
    for (const auto& text : texts) {
      const Padded padded(text);
      const auto before = bench::allocations();
      adapter.on_message(0, padded.view(), bench.now);
      adapter.on_tick(bench.now);
      // A symbol of the metadata that is new has a name to be kept.
      const bool new_symbol = round == 0 && text.find("instrument") != std::string::npos;
      EXPECT_TRUE(new_symbol || bench::allocations() == before) << round << ' ' << text;
      bench.pass(1'000'000'000);
      (void)bench.drain();
    }
  }
}

std::string many_levels() {
  std::string levels;
  for (int i = 0; i < 1000; ++i) {
    levels += std::string(i == 0 ? "" : ",") + R"({"price":)" + std::to_string(60000 + i) +
              R"(.5,"qty":0.25761908})";
  }
  return levels;
}

TEST(KrakenAllocation, NoMessageOfVersion2Allocates) {
  expect_no_allocation<KrakenAdapter>({
      R"({"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[)" +
          many_levels() + R"(],"asks":[],"checksum":7}]})",
      R"({"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1.5,)"
      R"("qty":1}],"asks":[],"checksum":7,"timestamp":"2026-08-02T03:35:51.660084Z"}]})",
      R"({"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":1.5,)"
      R"("qty":1,"trade_id":4,"timestamp":"2026-08-02T03:35:51.660084Z"}]})",
      R"({"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":1,"bid_qty":1,)"
      R"("ask":2,"ask_qty":2}]})",
      R"({"channel":"heartbeat"})",
      R"({"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[)",
      R"({"channel":"book","type":"update","data":[{"symbol":"XRP/USD","bids":[],"asks":[],)"
      R"("checksum":-1}]})",
      R"({"channel":"instrument","type":"update","data":{"assets":[],"pairs":[{"symbol":"BTC/USD",)"
      R"("price_precision":1,"qty_precision":8,"status":"maintenance"}]}})",
      R"({"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD"},"success":true})",
      R"({"error":"no","method":"subscribe","success":false,"symbol":"XRP/USD"})",
      "junk",
  });
}

TEST(KrakenAllocation, NoMessageOfVersion1Allocates) {
  expect_no_allocation<KrakenV1Adapter>({
      R"([320,{"as":[["58729.4","0.45000000","1617666423.606671"]],"bs":[]},"book-25","BTC/USD"])",
      R"([320,{"b":[["58724.8","0.36000000","1617666423.690142"]],"c":"1611137690"},)"
      R"("book-25","BTC/USD"])",
      R"([321,[["58721.2","0.00511839","1617666498.239644","s","m",""]],"trade","BTC/USD"])",
      R"([322,["1","2","1617666498.25","1.5","2"],"spread","BTC/USD"])",
      R"({"event":"heartbeat"})",
      R"([320,{"b":[["58724.8","0.36000000")",
      R"({"channelID":320,"channelName":"book-25","event":"subscriptionStatus","pair":"BTC/USD",)"
      R"("status":"subscribed"})",
      "junk",
  });
}

}  // namespace
}  // namespace ringside::collector
