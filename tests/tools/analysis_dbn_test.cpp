// Events as DBN, read again by a decoder written from the format's description alone.
#include <gtest/gtest.h>
#include <zstd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/collector/capture_lines.hpp"
#include "tests/tools/scripted_source.hpp"
#include "tools/ringside/analysis/dbn_export.hpp"
#include "tools/ringside/capture_source.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/verification.hpp"

namespace ringside::tools::analysis_test {
namespace {

using collector::bench::captures_folder;

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string decompressed(const std::filesystem::path& path) {
  const auto packed = contents(path);
  std::string text;
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> stream(ZSTD_createDCtx(),
                                                                       ZSTD_freeDCtx);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t left = 1;
  while (left != 0) {
    std::vector<char> block(1 << 16);
    ZSTD_outBuffer out{block.data(), block.size(), 0};
    left = ZSTD_decompressStream(stream.get(), &out, &in);
    EXPECT_FALSE(ZSTD_isError(left));
    text.append(block.data(), out.pos);
    if (ZSTD_isError(left) || (out.pos == 0 && in.pos == in.size)) break;
  }
  EXPECT_EQ(left, 0U) << "the frame is whole";
  return text;
}

struct BidAsk {
  std::int64_t bid, ask;
  std::uint32_t bid_size, ask_size;
};
struct Decoded {
  std::uint8_t words = 0, rtype = 0;
  std::uint32_t instrument = 0;
  std::uint64_t ts_event = 0;
  std::int64_t price = 0;
  std::uint32_t size = 0;
  char action = 0, side = 0;
  std::uint8_t flags = 0, depth = 0;
  std::uint64_t ts_recv = 0;
  std::uint32_t sequence = 0;
  std::vector<BidAsk> levels;
};
struct Dbn {
  std::uint16_t schema = 0;
  std::uint64_t start = 0, end = 0;
  std::uint32_t metadata_bytes = 0;
  std::vector<std::string> symbols;
  std::vector<std::string> ids;
  std::uint32_t start_date = 0, end_date = 0;
  std::vector<Decoded> records;
};

Dbn decoded(const std::string& bytes) {
  Dbn dbn;
  std::size_t at = 0;
  const auto number = [&]<typename Number>(Number& to) {
    if (at + sizeof(to) > bytes.size()) throw std::out_of_range("the file is cut");
    std::memcpy(&to, bytes.data() + at, sizeof(to));
    at += sizeof(to);
  };
  const auto text = [&](std::size_t width) {
    const std::string padded = bytes.substr(at, width);
    at += width;
    return std::string(padded.c_str());
  };
  EXPECT_EQ(bytes.substr(0, 4), std::string("DBN\3"));
  at = 4;
  number(dbn.metadata_bytes);
  EXPECT_EQ(dbn.metadata_bytes % 8, 0U);
  const auto records_at = at + dbn.metadata_bytes;
  at += 16;
  std::uint64_t limit = 0;
  std::uint8_t in = 0, out = 0, ts_out = 0;
  std::uint16_t width = 0;
  number(dbn.schema), number(dbn.start), number(dbn.end), number(limit);
  number(in), number(out), number(ts_out), number(width);
  EXPECT_EQ(limit, 0U);
  EXPECT_EQ(in, 1);
  EXPECT_EQ(out, 0);
  EXPECT_EQ(ts_out, 0);
  EXPECT_EQ(width, 71);
  at += 53;
  std::uint32_t count = 0;
  number(count);
  EXPECT_EQ(count, 0U);
  number(count);
  for (std::uint32_t i = 0; i < count; ++i) dbn.symbols.push_back(text(71));
  for (int i = 0; i < 2; ++i) {
    std::uint32_t none = 1;
    number(none);
    EXPECT_EQ(none, 0U);
  }
  number(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    EXPECT_EQ(text(71), dbn.symbols[i]);
    std::uint32_t intervals = 0;
    number(intervals);
    EXPECT_EQ(intervals, 1U);
    number(dbn.start_date), number(dbn.end_date);
    dbn.ids.push_back(text(71));
  }
  EXPECT_LE(at, records_at);
  at = records_at;
  while (at < bytes.size()) {
    const auto begin = at;
    Decoded record;
    std::uint16_t publisher = 0;
    std::int32_t delta = 1;
    number(record.words), number(record.rtype), number(publisher), number(record.instrument);
    number(record.ts_event), number(record.price), number(record.size), number(record.action);
    number(record.side), number(record.flags), number(record.depth), number(record.ts_recv);
    number(delta), number(record.sequence);
    EXPECT_EQ(at - begin, 48U);
    EXPECT_EQ(delta, 0);
    while (at < begin + record.words * 4U) {
      BidAsk level{};
      std::uint32_t orders = 1;
      number(level.bid), number(level.ask), number(level.bid_size), number(level.ask_size);
      number(orders);
      EXPECT_EQ(orders, 0U);
      number(orders);
      record.levels.push_back(level);
    }
    dbn.records.push_back(std::move(record));
  }
  return dbn;
}

constexpr std::int64_t none = INT64_MAX;

class DbnExport : public ::testing::Test {
 protected:
  DbnExport() {
    auto name = (std::filesystem::temp_directory_path() / "ringside_dbn_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~DbnExport() override { std::filesystem::remove_all(folder_); }

  // The script is run once for each pass.
  template <typename Script>
  Dbn exported(DbnSchema schema, Script script, std::vector<std::string> symbols = {"BTCUSDT"}) {
    written = export_dbn(
        [&] {
          auto source = std::make_unique<ScriptedSource>("binance", symbols);
          script(*source);
          return source;
        },
        schema, file(), IfExists::Replace);
    return decoded(decompressed(file()));
  }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "a.dbn.zst"; }
  [[nodiscard]] std::size_t files_left() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  DbnWritten written;

 private:
  std::filesystem::path folder_;
};

TEST_F(DbnExport, TradesHaveFortyEightBytes) {
  const auto dbn = exported(DbnSchema::Trades, [](auto& source) {
    source.snapshot(midnight, {at(9'950, 1)}, {});
    source.trade(midnight + 5, Side::Bid, 9'950, 1'500);
    source.trade(midnight + 7, Side::Ask, 9'949, 20);
    source.exchange_time(midnight + 6);
    source.trade(midnight + 9, Side::None, 9'949, 3'000);
  });
  EXPECT_EQ(dbn.schema, 4);
  EXPECT_EQ(dbn.metadata_bytes, 352U) << "345, in eights";
  EXPECT_EQ(dbn.symbols, std::vector<std::string>{"BTCUSDT"});
  EXPECT_EQ(dbn.ids, std::vector<std::string>{"0"});
  EXPECT_EQ(dbn.start_date, 20261121U);
  EXPECT_EQ(dbn.end_date, 20261122U);
  EXPECT_EQ(dbn.start, static_cast<std::uint64_t>(midnight + 5));
  EXPECT_EQ(dbn.end, static_cast<std::uint64_t>(midnight + 10));
  ASSERT_EQ(dbn.records.size(), 3U);
  EXPECT_EQ(written.records, 3U);
  const auto& first = dbn.records[0];
  EXPECT_EQ(first.words, 12);
  EXPECT_EQ(first.rtype, 0);
  EXPECT_EQ(first.price, 99'500'000'000);
  EXPECT_EQ(first.size, 150U) << "hundredths are enough for all three";
  EXPECT_EQ(first.action, 'T');
  EXPECT_EQ(first.side, 'B');
  EXPECT_EQ(first.flags, 0x80);
  EXPECT_EQ(dbn.records[1].side, 'A');
  EXPECT_EQ(dbn.records[1].ts_event, static_cast<std::uint64_t>(midnight + 6));
  EXPECT_EQ(dbn.records[1].ts_recv, static_cast<std::uint64_t>(midnight + 7));
  EXPECT_EQ(dbn.records[1].size, 2U);
  EXPECT_EQ(dbn.records[2].side, 'N');
  EXPECT_EQ(dbn.records[2].size, 300U);
  const auto units = nlohmann::json::parse(contents(file().string() + ".json"));
  EXPECT_EQ(units["size_powers"]["BTCUSDT"], -2);
  EXPECT_EQ(units["price_power"], -9);
}

TEST_F(DbnExport, TheBestLevelComesWithTradesAndWheneverItChanged) {
  const auto dbn = exported(DbnSchema::Mbp1, [](auto& source) {
    source.snapshot(midnight, {at(9'950, 1'000), at(9'940, 2'000)}, {at(9'960, 5)});
    source.level(midnight + 1, Side::Bid, 9'940, 7);  // the second
    source.trade(midnight + 2, Side::Ask, 9'950, 1'000);
    source.level(midnight + 3, Side::Bid, 9'950, 0);
    source.level(midnight + 4, Side::Ask, 9'960, 6);
    source.level(midnight + 5, Side::Ask, 9'960, 0);
  });
  ASSERT_EQ(dbn.records.size(), 5U);
  const auto& r = dbn.records;
  EXPECT_EQ(r[0].words, 20);
  EXPECT_EQ(r[0].rtype, 1);
  EXPECT_EQ(r[0].flags, 0x80 | 0x40 | 0x20);
  EXPECT_EQ(r[0].action, 'A');
  EXPECT_EQ(r[0].levels[0].bid, 99'500'000'000);
  EXPECT_EQ(r[0].levels[0].bid_size, 1'000U);
  EXPECT_EQ(r[0].levels[0].ask_size, 5U);
  EXPECT_EQ(r[1].action, 'T');
  EXPECT_EQ(r[1].levels[0].bid, 99'500'000'000) << "the book before it";
  EXPECT_EQ(r[2].action, 'C');
  EXPECT_EQ(r[2].side, 'B');
  EXPECT_EQ(r[2].price, 99'500'000'000);
  EXPECT_EQ(r[2].size, 0U);
  EXPECT_EQ(r[2].levels[0].bid, 99'400'000'000);
  EXPECT_EQ(r[3].action, 'M');
  EXPECT_EQ(r[3].side, 'A');
  EXPECT_EQ(r[4].levels[0].ask, none);
  EXPECT_EQ(r[4].levels[0].ask_size, 0U);
}

TEST_F(DbnExport, TenLevelsTellTheIndexThatChanged) {
  const auto dbn = exported(DbnSchema::Mbp10, [](auto& source) {
    std::vector<Level> bids;
    for (std::int64_t i = 0; i < 12; ++i) bids.push_back(at(1'000 - i, 1'000));
    source.snapshot(midnight, bids, {});
    source.level(midnight + 1, Side::Bid, 989, 5);  // the twelfth
    source.level(midnight + 2, Side::Bid, 993, 5);  // the eighth
  });
  ASSERT_EQ(dbn.records.size(), 2U);
  EXPECT_EQ(dbn.records[0].words, 92);
  EXPECT_EQ(dbn.records[0].rtype, 10);
  EXPECT_EQ(dbn.records[1].depth, 7);
  EXPECT_EQ(dbn.records[1].levels[7].bid_size, 5U);
  EXPECT_EQ(dbn.records[1].levels[9].bid, 9'910'000'000);
  EXPECT_EQ(dbn.records[1].levels[0].ask, none);
}

TEST_F(DbnExport, ASizeThatDoesNotFitIsRefusedByNameAndLeavesNothing) {
  const auto script = [](auto& source) {
    source.trade(midnight, Side::Bid, 1, 4'294'967'295);
    source.trade(midnight, Side::Bid, 1, 1);
  };
  EXPECT_EQ(exported(DbnSchema::Trades, script).records[0].size, UINT32_MAX);
  std::filesystem::remove(file());
  std::filesystem::remove(file().string() + ".json");
  try {
    exported(DbnSchema::Trades, [](auto& source) {
      source.trade(midnight, Side::Bid, 1, 4'294'967'296);
      source.trade(midnight, Side::Bid, 1, 1);
    });
    FAIL();
  } catch (const CommandError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("BTCUSDT: the size 4294967.296 does not fit")) << text;
  }
  EXPECT_EQ(files_left(), 0U);
}

TEST_F(DbnExport, APriceThatDoesNotFitIsRefused) {
  const auto of = [&](int power, std::int64_t mantissa) {
    exported(DbnSchema::Trades, [&](auto& source) {
      source.terms.price_exponent = Exponent{static_cast<std::int8_t>(power)};
      source.trade(midnight, Side::Bid, mantissa, 1);
    });
  };
  EXPECT_NO_THROW(of(0, 9'223'372'036));
  EXPECT_THROW(of(0, 9'223'372'037), CommandError);
  EXPECT_NO_THROW(of(-11, 500));
  EXPECT_THROW(of(-11, 501), CommandError);
}

TEST_F(DbnExport, ASymbolThatDoesNotFitIsRefused) {
  const auto nothing = [](auto&) {};
  EXPECT_NO_THROW(exported(DbnSchema::Trades, nothing, {std::string(70, 'A')}));
  EXPECT_THROW(exported(DbnSchema::Trades, nothing, {std::string(71, 'A')}), CommandError);
}

struct Set {
  const char* name;
  const char* venue;
  bool fits;
};
class RecordedDbn : public DbnExport, public ::testing::WithParamInterface<Set> {};

TEST_P(RecordedDbn, HoldsEachTradeAndEndsAtTheTopOfTheBook) {
  if (captures_folder().empty()) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  const auto [set, venue, fits] = GetParam();
  const auto capture = captures_folder() + "/" + set + ".gz";
  const auto make = [&, of = venue] { return std::make_unique<CaptureSource>(of, capture); };
  if (!fits) {
    EXPECT_THROW(export_dbn(make, DbnSchema::Mbp10, file()), CommandError);
    EXPECT_EQ(files_left(), 0U);
    return;
  }
  export_dbn(make, DbnSchema::Mbp10, file());
  const auto dbn = decoded(decompressed(file()));
  std::map<std::string, const Decoded*> newest;
  std::map<std::string, std::uint64_t> trades;
  for (const auto& record : dbn.records) {
    const auto& symbol = dbn.symbols.at(record.instrument);
    newest[symbol] = &record;
    trades[symbol] += record.action == 'T' ? 1 : 0;
  }
  const auto verified = verify_capture(venue, capture);
  for (const auto& [symbol, totals] : verified.trades) EXPECT_EQ(trades[symbol], totals.count);
  for (const auto& [symbol, book] : verified.books) {
    // The dump's first bid: "<symbol> B <price> <quantity>".
    const auto at = verified.dump.find(symbol + " B ");
    ASSERT_NE(at, std::string::npos);
    const auto price = std::stold(verified.dump.substr(at + symbol.size() + 3));
    EXPECT_EQ(newest.at(symbol)->levels[0].bid, std::llroundl(price * 1e9L)) << symbol;
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, RecordedDbn,
                         ::testing::Values(Set{"kraken_v2_btcusd_d25", "kraken", true},
                                           Set{"kraken_v1_a", "kraken-v1", false},
                                           Set{"binance_us_multi", "binance-us", true},
                                           Set{"binance_futures_multi", "binance-usdm", true},
                                           Set{"binance_delivery_multi", "binance-coinm", true}),
                         [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::tools::analysis_test
