// The recorded Kraken v2 feeds through decoder, adapter and ring into the slowest possible books:
// every checksum must be good and the final books the independent oracle's. Then the same feeds
// with one line damaged: the damage is counted under its name and stays with its instrument.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collector/kraken.hpp"
#include "tests/collector/adapter_bench.hpp"
#include "tests/collector/capture_lines.hpp"
#include "tests/collector/naive_books.hpp"

namespace ringside::collector {
namespace {

using bench::Bench;
using bench::NaiveBook;
using bench::Padded;
using bench::received;

constexpr const char* btc_set = "kraken_v2_btcusd_d25";
constexpr const char* xrp_set = "kraken_v2_xrpusd_d25";

// One run over texts; a failed checksum asks for a resync, as the worker does.
struct Run {
  std::vector<KrakenFirstPass::Found> found;
  std::vector<NaiveBook> books;
  Counters counters;
  std::vector<std::string> sent;

  [[nodiscard]] const NaiveBook& book(std::string_view symbol) const {
    const auto at = std::find_if(found.begin(), found.end(),
                                 [symbol](const auto& entry) { return entry.symbol == symbol; });
    return books[static_cast<std::size_t>(at - found.begin())];
  }
};

Run run(const std::vector<std::string>& texts) {
  Run result;
  KrakenFirstPass pass;
  for (const auto& text : texts) pass.on_message(Padded(text).view());
  result.found = pass.found();

  Bench bench(result.found.size());
  KrakenConfig config;
  for (std::uint32_t i = 0; i < result.found.size(); ++i) {
    const auto& found = result.found[i];
    config.instruments.push_back(
        {found.symbol, Bench::id(i), i, true, found.price_exponent, found.quantity_exponent});
    config.depth = found.depth;
  }
  result.books.resize(result.found.size());
  KrakenAdapter adapter(config, bench.records, bench.host);
  adapter.on_open(0, bench.now);
  adapter.on_tick(bench.now);
  bench.host.sent.clear();  // what it subscribes to, the capture has
  for (const auto& text : texts) {
    bench.pass(1000);
    adapter.on_message(0, Padded(text).view(), bench.now);
    for (const auto& seen : bench.drain()) {
      auto& book = result.books[seen.record.id().ordinal()];
      const auto failed = book.checksums_failed;
      book.take(seen);
      if (book.checksums_failed != failed) {
        adapter.on_resync(seen.record.id(), seen.record.epoch, Cause::ChecksumFailed, bench.now);
      }
    }
  }
  for (const auto& seen : bench.drain()) result.books[seen.record.id().ordinal()].take(seen);
  result.counters = adapter.counters();
  result.sent = bench.host.sent;
  return result;
}

// Both sets in one connection, line by line in turn.
std::vector<std::string> both() {
  const auto btc = received(btc_set);
  const auto xrp = received(xrp_set);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::max(btc.size(), xrp.size()); ++i) {
    if (i < btc.size()) texts.push_back(btc[i]);
    if (i < xrp.size()) texts.push_back(xrp[i]);
  }
  return texts;
}

// The first update of XRP/USD from this line on that touches its bids.
std::size_t xrp_update(const std::vector<std::string>& texts, std::size_t from) {
  while (texts[from].find(R"("update","data":[{"symbol":"XRP/USD","bids":[{)") ==
         std::string::npos) {
    ++from;
  }
  return from;
}

void expect_whole(const NaiveBook& book, const char* set, const char* symbol,
                  std::uint64_t messages) {
  EXPECT_EQ(book.checksums_good, messages);
  EXPECT_EQ(book.checksums_failed, 0U);
  EXPECT_EQ(book.snapshots, 1U);
  EXPECT_EQ(book.dump(symbol), bench::oracle_dump(set));
}

TEST(KrakenCapture, EveryChecksumIsGoodAndTheFinalBooksAreTheOracles) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto btc = run(received(btc_set));
  expect_whole(btc.book("BTC/USD"), btc_set, "BTC/USD", 2052);
  EXPECT_EQ(btc.found[0].price_exponent, Exponent{-1});
  EXPECT_EQ(btc.found[0].quantity_exponent, Exponent{-8});
  EXPECT_EQ(btc.found[0].depth, 25U);
  const auto xrp = run(received(xrp_set));
  expect_whole(xrp.book("XRP/USD"), xrp_set, "XRP/USD", 1147);
  EXPECT_EQ(xrp.found[0].price_exponent, Exponent{-5});
}

TEST(KrakenCapture, SeveralInstrumentsOfOneConnectionDoNotDisturbEachOther) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto result = run(both());
  expect_whole(result.book("BTC/USD"), btc_set, "BTC/USD", 2052);
  expect_whole(result.book("XRP/USD"), xrp_set, "XRP/USD", 1147);
}

// How one line of XRP/USD is damaged, and what that must be counted as.
struct Damage {
  const char* name;
  std::string (*edit)(std::string text);
  Count count;
  bool by_checksum;  // only the worker's checksum can see it
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

const Damage damages[] = {
    {"a digit changed",
     [](std::string t) { return replaced(std::move(t), R"("price":1)", R"("price":2)"); },
     Count::Resyncs, true},
    {"cut short", [](std::string t) { return t.substr(0, t.size() - 9); }, Count::MalformedJson,
     false},
    {"malformed", [](std::string t) { return replaced(std::move(t), R"("qty":)", R"("qty"=)"); },
     Count::MalformedJson, false},
    {"a field missing",
     [](std::string t) { return replaced(std::move(t), R"("checksum")", R"("checksun")"); },
     Count::MissingField, false},
    {"a field mistyped",
     [](std::string t) { return replaced(std::move(t), R"("bids":[{)", R"("bids":[0,{)"); },
     Count::MistypedField, false},
    {"a number too large",
     [](std::string t) {
       return replaced(std::move(t), R"("price":1)", R"("price":99999999999999999)");
     },
     Count::NumberOverflow, false},
    {"a number too fine",
     [](std::string t) {
       return replaced(std::move(t), R"("price":1.0)", R"("price":1.0000000001)");
     },
     Count::NumberTooFine, false},
};

TEST(KrakenCapture, DamageOfOneLineIsCountedByNameAndStaysWithItsInstrument) {
  RINGSIDE_NEEDS_CAPTURES();
  for (const auto& damage : damages) {
    SCOPED_TRACE(damage.name);
    auto texts = both();
    const auto at = xrp_update(texts, 900);
    texts[at] = damage.edit(texts[at]);
    const auto result = run(texts);
    EXPECT_EQ(result.counters[damage.count], 1U);
    EXPECT_EQ(result.counters[Count::Resyncs], 1U);
    EXPECT_EQ(result.counters[Count::UnattributedDamage], 0U);
    const auto& xrp = result.book("XRP/USD");
    EXPECT_EQ(xrp.checksums_failed, damage.by_checksum ? 1U : 0U);
    EXPECT_EQ(xrp.states.back(), State::Gap) << "a capture cannot answer a resync";
    EXPECT_EQ(xrp.states.size(), 2U);
    ASSERT_EQ(result.sent.size(), 2U);
    EXPECT_NE(result.sent[0].find("unsubscribe"), std::string::npos);
    const auto& btc = result.book("BTC/USD");
    expect_whole(btc, btc_set, "BTC/USD", 2052);
    EXPECT_EQ(btc.states, (std::vector<State>{State::Syncing}));
  }
}

TEST(KrakenCapture, AWrongSymbolIsCountedAndTheChecksumFindsWhatItCost) {
  RINGSIDE_NEEDS_CAPTURES();
  auto texts = both();
  const auto at = xrp_update(texts, 900);
  texts[at] = replaced(texts[at], "XRP/USD", "XRQ/USD");
  const auto result = run(texts);
  EXPECT_EQ(result.found.size(), 2U) << "nobody subscribed to the wrong one";
  EXPECT_EQ(result.counters[Count::UnknownSymbol], 1U);
  EXPECT_EQ(result.book("XRP/USD").checksums_failed, 1U);
  expect_whole(result.book("BTC/USD"), btc_set, "BTC/USD", 2052);
}

TEST(KrakenCapture, ADroppedLineFailsAChecksumAndADuplicateOneChangesNothing) {
  RINGSIDE_NEEDS_CAPTURES();
  auto texts = both();
  const auto at = static_cast<std::ptrdiff_t>(xrp_update(texts, 900));
  texts.insert(texts.begin() + at, texts[static_cast<std::size_t>(at)]);
  auto result = run(texts);
  EXPECT_EQ(result.book("XRP/USD").checksums_failed, 0U) << "levels are absolute";
  EXPECT_EQ(result.book("XRP/USD").dump("XRP/USD"), bench::oracle_dump(xrp_set));
  texts.erase(texts.begin() + at, texts.begin() + at + 2);
  result = run(texts);
  EXPECT_EQ(result.book("XRP/USD").checksums_failed, 1U);
  expect_whole(result.book("BTC/USD"), btc_set, "BTC/USD", 2052);
}

TEST(KrakenCapture, ASecondCopyOfASnapshotIsIgnored) {
  RINGSIDE_NEEDS_CAPTURES();
  auto texts = received(xrp_set);
  const auto snapshot = std::find_if(texts.begin(), texts.end(), [](const auto& text) {
    return text.find(R"("type":"snapshot")") != std::string::npos;
  });
  const auto copy = *snapshot;
  texts.insert(texts.begin() + 600, copy);
  const auto result = run(texts);
  EXPECT_EQ(result.counters[Count::SnapshotsUnasked], 1U);
  expect_whole(result.book("XRP/USD"), xrp_set, "XRP/USD", 1147);
}

}  // namespace
}  // namespace ringside::collector
