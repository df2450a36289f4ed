// Events as CSV files: every row by hand, and the recorded feeds' books built again from the rows.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/collector/capture_lines.hpp"
#include "tests/tools/scripted_source.hpp"
#include "tools/ringside/analysis/tardis_export.hpp"
#include "tools/ringside/capture_source.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/verification.hpp"

namespace ringside::tools::analysis_test {
namespace {

using collector::bench::captures_folder;
using collector::bench::gunzip;

const std::vector<TardisType> all_types{TardisType::IncrementalBook, TardisType::Trades,
                                        TardisType::Snapshots5, TardisType::Snapshots25};

class Folder {
 public:
  Folder() {
    auto name = (std::filesystem::temp_directory_path() / "ringside_tardis_XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string text(const std::string& file) const { return gunzip(path / file); }

  std::filesystem::path path;
};

TardisExport::Written exported(EventSource& source, const Folder& folder,
                               std::vector<TardisType> types = all_types) {
  TardisExport to(folder.path, source, std::move(types));
  SourceEvent event;
  while (source.next(event)) to.take(event);
  return to.finish();
}

TEST(TardisExport, ABookIsItsSnapshotAndEachChange) {
  ScriptedSource source("binance-usdm", {"BTCUSDT"});
  source.snapshot(midnight + 1'000, {at(9'950, 1'500), at(9'900, 2'000)}, {at(10'050, 250)});
  source.level(midnight + 2'000, Side::Ask, 10'000, 3'000);
  source.exchange_time(midnight + 1'500);
  source.level(midnight + 3'000, Side::Bid, 9'950, 0);
  source.level(midnight + 4'000, Side::Bid, 9'900, 2'000);  // changes nothing
  source.gap(midnight + 5'000);
  source.snapshot(midnight + 6'000, {at(9'800, 1'000)}, {});
  const Folder folder;
  const auto written = exported(source, folder, {TardisType::IncrementalBook});
  EXPECT_EQ(written.rows, 6U);
  EXPECT_EQ(folder.text("binance-futures/incremental_book_L2/2026/11/21/BTCUSDT.csv.gz"),
            "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
            "binance-futures,BTCUSDT,1795219200000001,1795219200000001,true,bid,99.5,1.5\n"
            "binance-futures,BTCUSDT,1795219200000001,1795219200000001,true,bid,99,2\n"
            "binance-futures,BTCUSDT,1795219200000001,1795219200000001,true,ask,100.5,0.25\n"
            "binance-futures,BTCUSDT,1795219200000001,1795219200000002,false,ask,100,3\n"
            "binance-futures,BTCUSDT,1795219200000003,1795219200000003,false,bid,99.5,0\n"
            "binance-futures,BTCUSDT,1795219200000006,1795219200000006,true,bid,98,1\n");
}

TEST(TardisExport, TradesSayWhoseTheyAre) {
  ScriptedSource source("kraken", {"XBT/USD"});
  source.trade(midnight + 1'000, Side::Bid, 9'950, 1'500, 77);
  source.trade(midnight + 2'000, Side::Ask, 9'949, 1);
  source.trade(midnight + 3'000, Side::None, 9'949, 1'000'000);
  const Folder folder;
  EXPECT_EQ(exported(source, folder).rows, 3U);
  EXPECT_EQ(folder.text("kraken/trades/2026/11/21/XBT-USD.csv.gz"),
            "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
            "kraken,XBT/USD,1795219200000001,1795219200000001,77,buy,99.5,1.5\n"
            "kraken,XBT/USD,1795219200000002,1795219200000002,,sell,99.49,0.001\n"
            "kraken,XBT/USD,1795219200000003,1795219200000003,,unknown,99.49,1000\n");
}

TEST(TardisExport, ASnapshotRowComesWhenOneOfItsLevelsChanged) {
  ScriptedSource source("binance", {"A"});
  std::vector<Level> bids;
  for (std::int64_t i = 0; i < 30; ++i) bids.push_back(at(1'000 - i, 1'000));
  source.snapshot(midnight, bids, {at(1'001, 2'000)});
  source.level(midnight + 1'000, Side::Bid, 994, 5'000);  // the seventh
  source.level(midnight + 2'000, Side::Bid, 972, 5'000);  // the 29th
  source.level(midnight + 3'000, Side::Bid, 1'000, 0);
  const Folder folder;
  EXPECT_EQ(exported(source, folder, {TardisType::Snapshots5, TardisType::Snapshots25}).rows, 5U);
  std::istringstream five(folder.text("binance/book_snapshot_5/2026/11/21/A.csv.gz"));
  std::string line;
  std::getline(five, line);
  EXPECT_TRUE(line.ends_with(",asks[4].price,asks[4].amount,bids[4].price,bids[4].amount")) << line;
  std::getline(five, line);
  EXPECT_EQ(line,
            "binance,A,1795219200000000,1795219200000000,10.01,2,10,1,,,9.99,1,,,9.98,1,,,9.97,1,,,"
            "9.96,1");
  std::getline(five, line);
  EXPECT_TRUE(line.starts_with("binance,A,1795219200000003,1795219200000003,10.01,2,9.99,1,"));
  EXPECT_FALSE(std::getline(five, line));
}

TEST(TardisExport, ADayOfUtcHasAFileOfItsOwn) {
  ScriptedSource source("binance", {"A"});
  source.trade(midnight - 1, Side::Bid, 1, 1);
  source.trade(midnight, Side::Bid, 2, 1);
  const Folder folder;
  EXPECT_EQ(exported(source, folder).files.size(), 2U);
  EXPECT_NE(folder.text("binance/trades/2026/11/20/A.csv.gz").find(",0.01,"), std::string::npos);
  EXPECT_NE(folder.text("binance/trades/2026/11/21/A.csv.gz").find(",0.02,"), std::string::npos);
}

TEST(TardisExport, EachDaysFileBeginsWithTheWholeBook) {
  ScriptedSource source("binance", {"A"});
  source.snapshot(midnight - 2'000, {at(100, 1'000), at(99, 1'000)}, {});
  source.level(midnight + 1'000, Side::Bid, 99, 0);
  source.level(midnight + 2'000, Side::Bid, 98, 3'000);
  const Folder folder;
  EXPECT_EQ(exported(source, folder, {TardisType::IncrementalBook}).rows, 4U);
  EXPECT_EQ(folder.text("binance/incremental_book_L2/2026/11/21/A.csv.gz"),
            "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
            "binance,A,1795219200000001,1795219200000001,true,bid,1,1\n"
            "binance,A,1795219200000002,1795219200000002,false,bid,0.98,3\n");
}

TEST(TardisExport, ASnapshotRightBehindAnotherIsWrittenAsWhatItChanged) {
  ScriptedSource source("binance", {"A"});
  source.snapshot(midnight + 1'000, {at(100, 1'000), at(99, 1'000)}, {});
  source.snapshot(midnight + 2'000, {at(100, 1'000), at(98, 2'000)}, {});
  const Folder folder;
  exported(source, folder, {TardisType::IncrementalBook});
  EXPECT_EQ(folder.text("binance/incremental_book_L2/2026/11/21/A.csv.gz"),
            "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
            "binance,A,1795219200000001,1795219200000001,true,bid,1,1\n"
            "binance,A,1795219200000001,1795219200000001,true,bid,0.99,1\n"
            "binance,A,1795219200000002,1795219200000002,false,bid,0.99,0\n"
            "binance,A,1795219200000002,1795219200000002,false,bid,0.98,2\n");
}

TEST(TardisExport, ALongFileIsWrittenInPiecesAndReadAsOne) {
  ScriptedSource source("binance", {"A"});
  for (std::int64_t i = 0; i < 5'000; ++i) source.trade(midnight + i, Side::Bid, i, 1);
  const Folder folder;
  exported(source, folder);
  const auto text = folder.text("binance/trades/2026/11/21/A.csv.gz");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5'001);
  EXPECT_GT(text.size(), 2 * tardis_chunk_bytes);
}

TEST(TardisExport, WhatWasNotFinishedLeavesNothing) {
  ScriptedSource source("binance", {"A"});
  for (std::int64_t i = 0; i < 5'000; ++i) source.trade(midnight + i, Side::Bid, i, 1);
  const Folder folder;
  {
    TardisExport to(folder.path, source, all_types);
    SourceEvent event;
    while (source.next(event)) to.take(event);
    const auto begun = folder.path / "binance/trades/2026/11/21/A.csv.gz.part";
    EXPECT_TRUE(std::filesystem::exists(begun));
    EXPECT_EQ(std::filesystem::status(begun).permissions(), std::filesystem::perms(0640));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path)) {
    EXPECT_TRUE(entry.is_directory()) << entry.path();
  }
}

TEST(TardisExport, ASymbolStaysInsideTheFolderAndTheRow) {
  const Folder folder;
  ScriptedSource outside("binance", {"../../A/B"});
  outside.trade(midnight, Side::Bid, 1, 1);
  EXPECT_EQ(exported(outside, folder).files.front().filename(), "..-..-A-B.csv.gz");
  for (const auto* const symbol : {"A,B", "A\"B", "A\nB"}) {
    const ScriptedSource source("binance", {symbol});
    EXPECT_THROW(TardisExport(folder.path, source, all_types), CommandError) << symbol;
  }
  const ScriptedSource twins("binance", {"A/B", "A-B"});
  EXPECT_THROW(TardisExport(folder.path, twins, all_types), CommandError);
}

TEST(TardisExport, WhatIsThereAlreadyIsReplacedOnlyWhereAsked) {
  ScriptedSource source("binance", {"A"});
  source.trade(midnight, Side::Bid, 1, 1);
  const Folder folder;
  exported(source, folder);
  source.rewind();
  try {
    exported(source, folder);
    FAIL();
  } catch (const CommandError& error) {
    EXPECT_NE(std::string(error.what()).find("--replace"), std::string::npos) << error.what();
  }
  source.rewind();
  source.trade(midnight, Side::Bid, 2, 1);
  TardisExport again(folder.path, source, all_types, IfExists::Replace);
  SourceEvent event;
  while (source.next(event)) again.take(event);
  EXPECT_EQ(again.finish().rows, 2U);
  EXPECT_NE(folder.text("binance/trades/2026/11/21/A.csv.gz").find(",0.02,"), std::string::npos);
}

TEST(TardisExport, WhatCannotBeWrittenIsSaid) {
  const Folder folder;
  std::ofstream(folder.path / "binance") << "in the way";
  ScriptedSource source("binance", {"A"});
  source.trade(midnight, Side::Bid, 1, 1);
  EXPECT_THROW(exported(source, folder), CommandError);
}

// --- Recorded feeds
// -------------------------------------------------------------------------------

// In units of 10^-18.
Wide parsed(std::string_view text) {
  Wide value = 0;
  int decimals = -1;
  for (const char c : text) {
    if (c == '.') {
      decimals = 0;
    } else {
      value = value * 10 + (c - '0');
      if (decimals >= 0) ++decimals;
    }
  }
  for (int i = std::max(decimals, 0); i < 18; ++i) value *= 10;
  return value;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  return fields;
}

// Reads the rows as their description says, and nothing else of this project's.
std::string dump_of_rows(const std::string& text) {
  std::map<Wide, std::string> bids;
  std::map<Wide, std::string> asks;
  std::map<Wide, std::string> prices;
  std::string symbol;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  bool in_snapshot = false;
  while (std::getline(lines, line)) {
    const auto fields = fields_of(line);
    EXPECT_EQ(fields.size(), 8U) << line;
    symbol = fields[1];
    const bool snapshot = fields[4] == "true";
    if (snapshot && !in_snapshot) {
      bids.clear();
      asks.clear();
    }
    in_snapshot = snapshot;
    auto& side = fields[5] == "bid" ? bids : asks;
    const auto price = parsed(fields[6]);
    prices[price] = fields[6];
    if (fields[7] == "0") {
      EXPECT_EQ(side.erase(price), 1U) << line;
    } else {
      side[price] = fields[7];
    }
  }
  std::string dump;
  for (auto each = bids.rbegin(); each != bids.rend(); ++each) {
    dump += symbol + " B " + prices[each->first] + " " + each->second + "\n";
  }
  for (const auto& [price, amount] : asks) {
    dump += symbol + " A " + prices[price] + " " + amount + "\n";
  }
  return dump;
}

struct Set {
  const char* name;
  const char* venue;
};
class RecordedSet : public ::testing::TestWithParam<Set> {};

TEST_P(RecordedSet, ItsRowsEndInTheOraclesBooksAndHoldItsTrades) {
  if (captures_folder().empty()) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  const auto [set, venue] = GetParam();
  const auto capture = captures_folder() + "/" + set + ".gz";
  CaptureSource source(venue, capture);
  const Folder folder;
  const auto written = exported(source, folder, {TardisType::IncrementalBook, TardisType::Trades});
  std::map<std::string, std::string> dumps;
  std::uint64_t trades = 0;
  for (const auto& file : written.files) {
    const auto text = gunzip(file);
    if (file.string().find("/trades/") != std::string::npos) {
      trades += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) - 1;
    } else {  // in order of the days: the newest stands
      const auto dump = dump_of_rows(text);
      dumps[dump.substr(0, dump.find(' '))] = dump;
    }
  }
  std::string dump;
  for (const auto& [symbol, part] : dumps) dump += part;
  EXPECT_EQ(dump, collector::bench::oracle_dump(set));
  std::uint64_t counted = 0;
  for (const auto& [symbol, totals] : verify_capture(venue, capture).trades) {
    counted += totals.count;
  }
  EXPECT_EQ(trades, counted);
}

INSTANTIATE_TEST_SUITE_P(
    Sets, RecordedSet,
    ::testing::Values(Set{"kraken_v1_a", "kraken-v1"}, Set{"kraken_v2_btcusd_d25", "kraken"},
                      Set{"kraken_v2_xrpusd_d25", "kraken"}, Set{"binance_spot_btcusdt", "binance"},
                      Set{"binance_spot_multi", "binance"}, Set{"binance_us_multi", "binance-us"},
                      Set{"binance_usdm_btcusdt", "binance-usdm"},
                      Set{"binance_futures_multi", "binance-usdm"},
                      Set{"binance_cm_btcusd_perp", "binance-coinm"},
                      Set{"binance_delivery_multi", "binance-coinm"}),
    [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::tools::analysis_test
