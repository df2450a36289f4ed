// What the command prints: exact decimals, JSON, canonical books, names, durations.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "ipc/layout.hpp"
#include "tools/ringside/book_text.hpp"
#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/deployment_stat.hpp"
#include "tools/ringside/json_text.hpp"
#include "tools/ringside/latency_report.hpp"
#include "tools/ringside/record_text.hpp"
#include "tools/ringside/sha256.hpp"

namespace ringside::tools {
namespace {

using nlohmann::json;

TEST(DecimalText, IsCanonicalAtEveryExponent) {
  EXPECT_EQ(decimal_text(0, -8), "0");
  EXPECT_EQ(decimal_text(0, 3), "0");
  EXPECT_EQ(decimal_text(5100, -8), "0.000051");
  EXPECT_EQ(decimal_text(100'000'000, -8), "1");
  EXPECT_EQ(decimal_text(633'883, -1), "63388.3");
  EXPECT_EQ(decimal_text(633'880, -1), "63388");
  EXPECT_EQ(decimal_text(-15, -1), "-1.5");
  EXPECT_EQ(decimal_text(-5, -3), "-0.005");
  EXPECT_EQ(decimal_text(12, 3), "12000");
  EXPECT_EQ(decimal_text(1, -18), "0.000000000000000001");
  EXPECT_EQ(decimal_text(mantissa_limit - 1, 0), "4611686018427387903");
  EXPECT_EQ(decimal_text(Wide{mantissa_limit} * mantissa_limit, -36),
            "21.267647932558653966460912964485513216");
}

TEST(ExactSum, AddsWhatNoDoubleCan) {
  ExactSum sum;
  for (int i = 0; i < 10; ++i) sum.add(1, -1);
  sum.add(1, -18);
  EXPECT_EQ(sum.text(), "1.000000000000000001");
  sum.add(2, 3);  // a coarser exponent after a finer one
  EXPECT_EQ(sum.text(), "2001.000000000000000001");
  EXPECT_FALSE(sum.overflowed());
}

TEST(ExactSum, SaysWhenItNoLongerFits) {
  ExactSum sum;
  const Wide large = Wide{1} << 126;
  sum.add(large, 0);
  EXPECT_FALSE(sum.overflowed());
  sum.add(large, 0);
  EXPECT_TRUE(sum.overflowed());
  ExactSum rescaled;
  rescaled.add(large, 0);
  rescaled.add(1, -3);
  EXPECT_TRUE(rescaled.overflowed());
}

TEST(JsonText, IsReadBackByAnotherParserAsItWasMeant) {
  JsonText text;
  text.begin_object().member("text", "quote \" slash \\ line\n tab\t").member("flag", true);
  text.member("least", std::numeric_limits<std::int64_t>::min());
  text.member("most", std::numeric_limits<std::uint64_t>::max()).member("share", 0.25);
  text.member("none", std::numeric_limits<double>::infinity());
  text.key("list").begin_array().value(1).value("two").begin_array().end_array();
  text.begin_object().end_object().null().end_array().end_object();
  const auto read = json::parse(text.text());
  EXPECT_EQ(read["text"], "quote \" slash \\ line\n tab\t");
  EXPECT_EQ(read["least"], std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(read["most"], std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read["share"], 0.25);
  EXPECT_TRUE(read["none"].is_null());
  EXPECT_EQ(read["list"], json::parse(R"([1, "two", [], {}, null])"));
}

TEST(Sha256, IsTheStandardsAndMayBeAskedInBetween) {
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  hash.update("a");
  EXPECT_EQ(hash.hex(), sha256_of("a"));
  hash.update("bc");
  EXPECT_EQ(hash.hex(), sha256_of("abc"));
}

orderbook::Book small_book() {
  orderbook::Book book;
  book.apply(Side::Bid, {Price{990}, Quantity{15}});
  book.apply(Side::Bid, {Price{995}, Quantity{20}});
  book.apply(Side::Ask, {Price{1000}, Quantity{5}});
  return book;
}

constexpr InstrumentTerms small_terms{Exponent{-1}, Exponent{-2}, ChecksumRule::None, 0};

TEST(BookText, DumpsBidsThenAsksBestFirst) {
  std::string text;
  append_dump(text, "A/B", small_book(), small_terms);
  EXPECT_EQ(text, "A/B B 99.5 0.2\nA/B B 99 0.15\nA/B A 100 0.05\n");
}

TEST(BookText, ShowsAnEmptySideAsTwoDashes) {
  std::string text;
  auto book = small_book();
  append_best(text, book, small_terms);
  book.apply(Side::Ask, {Price{1000}, Quantity{0}});
  append_best(text, book, small_terms);
  append_best(text, orderbook::Book(), small_terms);
  EXPECT_EQ(text, "99.5 0.2 100 0.05\n99.5 0.2 - -\n- - - -\n");
}

TEST(BookText, FingerprintIsTheHashOfTheMantissasText) {
  EXPECT_EQ(fingerprint(small_book()), ipc::fnv1a("B 995 20\nB 990 15\nA 1000 5\n"));
  EXPECT_EQ(fingerprint(orderbook::Book()), ipc::fnv1a(""));
}

TEST(DurationText, TakesAtMostSixCharacters) {
  EXPECT_EQ(duration_text(0), "0ns");
  EXPECT_EQ(duration_text(999), "999ns");
  EXPECT_EQ(duration_text(1'000), "1.00us");
  EXPECT_EQ(duration_text(9'996), "10.0us");
  EXPECT_EQ(duration_text(99'960), "100us");
  EXPECT_EQ(duration_text(999'600), "1.00ms");
  EXPECT_EQ(duration_text(60'000'000'000), "60.0s");
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const auto ns = (random() >> (random() % 64)) % 600'000'000'000U;
    EXPECT_LE(duration_text(ns).size(), 6U) << ns;
  }
}

TEST(RecordText, EveryKindThatLeavesARingHasANameThatFindsIt) {
  for (unsigned i = 1; i < 16; ++i) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_EQ(kind_named(name_of(kind)), kind);
  }
  EXPECT_FALSE(kind_named("no such kind"));
  EXPECT_EQ(name_of(static_cast<Kind>(200)), "unknown");
}

TEST(RecordText, TimesAreUtcToTheNanosecond) {
  EXPECT_EQ(utc_text(UtcNs{0}), "-");
  EXPECT_EQ(utc_text(UtcNs{1'785'641'750'295'158'100}), "2026-08-02T03:35:50.295158100Z");
  EXPECT_EQ(utc_text(UtcNs{-1}), "1969-12-31T23:59:59.999999999Z");
}

class RecordJson : public ::testing::Test {
 protected:
  json read() const { return json::parse(json_of(*buffer, context)); }

  std::unique_ptr<ipc::RecordBuffer> buffer = std::make_unique<ipc::RecordBuffer>();
  InstrumentInfo info{InstrumentId::of(0, 7), "kraken", "A/\"B", "w0.0", "c0", {}};
  RecordContext context{&info, "w0.0", small_terms, UtcNs{5}};
};

TEST_F(RecordJson, CarriesExactDecimalsOfEveryLevel) {
  auto& record = buffer->record;
  record.kind = Kind::Levels;
  record.slots = 2;
  record.set_counts(1, 2);
  record.flags = flag_first | flag_last | flag_reference_checksum;
  record.reference = 77;
  buffer->storage[0] = {Price{995}, Quantity{20}};
  buffer->storage[1] = {Price{1000}, Quantity{0}};
  buffer->storage[2] = {Price{mantissa_limit - 1}, Quantity{mantissa_limit - 1}};
  const auto read_back = read();
  EXPECT_EQ(read_back["kind"], "levels");
  EXPECT_EQ(read_back["symbol"], "A/\"B");
  EXPECT_EQ(read_back["bids"], json::parse(R"([["99.5", "0.2"]])"));
  EXPECT_EQ(read_back["asks"], json::parse(R"([["100", "0"],
      ["461168601842738790.3", "46116860184273879.03"]])"));
  EXPECT_EQ(read_back["checksum"], 77);
}

TEST_F(RecordJson, NamesStatesCausesAndAggressors) {
  auto& record = buffer->record;
  record.kind = Kind::Status;
  record.quantity = static_cast<std::int64_t>(State::Gap);
  record.side_or_reason = static_cast<std::uint8_t>(Cause::ChecksumFailed);
  record.flags = flag_no_exchange_time;
  auto read_back = read();
  EXPECT_EQ(read_back["state"], "gap");
  EXPECT_EQ(read_back["cause"], "checksum_failed");
  EXPECT_TRUE(read_back["exchange_ns"].is_null());
  record.kind = Kind::Trade;
  record.side_or_reason = static_cast<std::uint8_t>(Side::Ask);
  EXPECT_EQ(read()["aggressor"], "sell");
}

TEST_F(RecordJson, NamesNewsOfTheVenueAndWhoseTheyAre) {
  auto& record = buffer->record;
  record.kind = Kind::Instrument;
  record.side_or_reason = static_cast<std::uint8_t>(Announcement::Listed);
  record.slots = 2;
  record.price = InstrumentTerms{Exponent{-2}, Exponent{-8}}.packed();
  record.quantity = 5;
  record.reference = 1;
  const std::string text = "binance N\x1bWUSDT";
  AnnouncedName name;
  name.bytes = text.size();
  text.copy(name.text, text.size());
  std::memcpy(static_cast<void*>(buffer->storage.data()), &name, sizeof(name));
  context.info = nullptr;
  auto read_back = read();
  EXPECT_EQ(read_back["kind"], "instrument");
  EXPECT_EQ(read_back["announcement"], "listed");
  EXPECT_EQ(read_back["venue"], "binance");
  EXPECT_EQ(read_back["symbol"], "N?WUSDT") << "nothing acts on a terminal";
  EXPECT_EQ(read_back["price_step"], "0.05");
  EXPECT_EQ(read_back["quantity_step"], "0.00000001");
  EXPECT_NE(line_of(*buffer, context)
                .find("binance N?WUSDT instrument listed: price 1e-2 quantity 1e-8 steps of price "
                      "0.05 steps of quantity 0.00000001"),
            std::string::npos)
      << line_of(*buffer, context);
  record.side_or_reason = 0;
  record.quantity = 0;
  record.reference = 0;
  EXPECT_EQ(read()["announcement"], "terms");
  EXPECT_EQ(read()["symbol"], "");
}

TEST_F(RecordJson, SaysSoWhenTheExponentsAreNotKnown) {
  buffer->record.kind = Kind::Level;
  buffer->record.price = 995;
  EXPECT_FALSE(read().contains("unscaled"));
  context.terms.reset();
  EXPECT_EQ(read()["price"], "995");
  EXPECT_EQ(read()["unscaled"], true);
}

TEST_F(RecordJson, ShowsValuesWithoutANameAsUnknown) {
  buffer->record.kind = Kind::Status;
  buffer->record.quantity = -5;
  buffer->record.side_or_reason = 250;
  const auto read_back = read();
  EXPECT_EQ(read_back["state"], "unknown");
  EXPECT_EQ(read_back["cause"], "unknown");
}

TEST(CounterOwner, IsWhatStandsBeforeTheLastPoint) {
  const auto split = [](const char* counter) {
    const auto [owner, name] = owner_of_counter("c0", counter);
    return owner + "|" + name;
  };
  EXPECT_EQ(split("c0.0.kraken.frames"), "c0.0.kraken|frames");
  EXPECT_EQ(split("c0.0.frames"), "c0.0|frames");
  EXPECT_EQ(split("lost"), "c0|lost");
  EXPECT_EQ(split("odd."), "c0|odd.");
}

StageRow row_of(std::string stage, std::string thread, std::uint64_t value, std::uint64_t times) {
  StageRow row;
  row.stage = std::move(stage);
  row.process = thread.substr(0, thread.find('.'));
  row.thread = std::move(thread);
  row.histogram.record(value, times);
  return row;
}

TEST(LatencyReport, TableFitsEightyColumnsAndJsonHoldsEveryColumn) {
  const std::vector<StageRow> rows{row_of("decoded_to_published", "c0.0", 1'500, 1'000'000),
                                   row_of("socket_to_consumer", "top-1234567", 12'345'678, 3)};
  const auto table = latency_table(rows);
  std::size_t begin = 0;
  for (auto end = table.find('\n'); end != std::string::npos; end = table.find('\n', begin)) {
    EXPECT_LE(end - begin, 80U) << table.substr(begin, end - begin);
    begin = end + 1;
  }
  const auto read = json::parse(latency_json("demo", rows));
  ASSERT_EQ(read["stages"].size(), 2U);
  for (const auto* key : {"count", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns"}) {
    EXPECT_TRUE(read["stages"][0][key].is_number()) << key;
  }
  EXPECT_EQ(read["stages"][0]["count"], 1'000'000);
}

TEST(LatencyReport, TheStageOfAnotherClockIsMarked) {
  const std::vector<StageRow> rows{row_of("kernel_to_read", "c0.0", 30'000, 9),
                                   row_of("read_to_decrypted", "c0.0", 900, 9)};
  const auto table = latency_table(rows);
  const auto mark = table.find("CLOCK_REALTIME");
  EXPECT_GT(mark, table.find("kernel_to_read"));
  EXPECT_LT(mark, table.find("read_to_decrypted"));
  EXPECT_EQ(table.find("CLOCK_REALTIME", mark + 1), std::string::npos);
  const auto read = json::parse(latency_json("demo", rows));
  EXPECT_EQ(read["stages"][0]["other_clock"], true);
  EXPECT_EQ(read["stages"][1]["other_clock"], false);
}

TEST(LatencyReport, DifferenceHoldsWhatCameInBetween) {
  const std::vector<StageRow> before{row_of("worker", "w0.0", 1'000, 5),
                                     row_of("ring_hop", "w0.0", 7, 2)};
  auto after = before;
  after[0].histogram.record(2'000, 3);
  const auto between = difference(after, before);
  ASSERT_EQ(between.size(), 1U);
  EXPECT_EQ(between[0].histogram.count(), 3U);
  EXPECT_GE(between[0].histogram.min(), 1'984U);
}

TEST(LatencyReport, MergesTheThreadsOfOneStage) {
  const std::vector<StageRow> rows{row_of("worker", "w0.0", 10, 5), row_of("worker", "w0.1", 20, 6),
                                   row_of("broadcast_hop", "top-1", 30, 7)};
  EXPECT_EQ(merged(rows, "worker").histogram.count(), 11U);
  EXPECT_EQ(merged(rows, "").stage, "broadcast_hop");
  EXPECT_EQ(merged(rows, "none").histogram.count(), 0U);
}

}  // namespace
}  // namespace ringside::tools
