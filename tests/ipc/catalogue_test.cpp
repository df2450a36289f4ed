#include "ipc/catalogue.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <system_error>

namespace ringside::ipc {
namespace {

CatalogueItem item(std::uint32_t ordinal, std::string_view symbol) {
  CatalogueItem item;
  item.instrument = InstrumentId::of(2, ordinal);
  item.connection = 3;
  item.terms = InstrumentTerms{Exponent{-1}, Exponent{-8}, ChecksumRule::Kraken, 25};
  item.venue = "kraken";
  item.symbol = symbol;
  item.worker = "w0.1";
  return item;
}

TEST(Catalogue, GivesBackWhatWasAppended) {
  Segment segment = catalogue_in_memory(4);
  CatalogueWriter writer(segment);
  const CatalogueReader reader(segment);
  EXPECT_EQ(writer.append(item(1, "BTC/USD")), 0U);
  EXPECT_EQ(writer.append(item(2, "ETH/USD")), 1U);
  EXPECT_EQ(reader.count(), 2U);
  CatalogueEntry entry;
  ASSERT_EQ(reader.at(1, entry), CatalogueStatus::Ok);
  EXPECT_EQ(entry.id(), InstrumentId::of(2, 2));
  EXPECT_EQ(entry.connection, 3U);
  EXPECT_EQ(entry.terms(), item(2, "").terms);
  EXPECT_EQ(entry.venue.view(), "kraken");
  EXPECT_EQ(entry.symbol.view(), "ETH/USD");
  EXPECT_EQ(entry.worker.view(), "w0.1");
  EXPECT_EQ(reader.at(2, entry), CatalogueStatus::Empty);
}

TEST(Catalogue, FindsByIdAndByName) {
  Segment segment = catalogue_in_memory(4);
  CatalogueWriter writer(segment);
  const CatalogueReader reader(segment);
  writer.append(item(1, "BTC/USD"));
  writer.append(item(2, "ETH/USD"));
  CatalogueEntry entry;
  ASSERT_TRUE(reader.find(InstrumentId::of(2, 2), entry));
  EXPECT_EQ(entry.symbol.view(), "ETH/USD");
  ASSERT_TRUE(reader.find("kraken", "BTC/USD", entry));
  EXPECT_EQ(entry.id(), InstrumentId::of(2, 1));
  EXPECT_FALSE(reader.find("kraken", "BTC/EUR", entry));
  EXPECT_FALSE(reader.find(InstrumentId::of(2, 3), entry));
}

TEST(Catalogue, RefusesWhatDoesNotFitAndSaysWhy) {
  Segment segment = catalogue_in_memory(1);
  CatalogueWriter writer(segment);
  EXPECT_THROW(writer.append(item(1, std::string(64, 'x'))), std::system_error);
  EXPECT_THROW(writer.append(item(1, "a\x1b[2J")), std::system_error);
  EXPECT_THROW(writer.append(item(1, "")), std::system_error);
  EXPECT_EQ(writer.count(), 0U);
  writer.append(item(1, std::string(63, 'x')));
  try {
    writer.append(item(2, "ETH/USD"));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOSPC);
  }
}

TEST(Catalogue, TextsFromAHostileWriterAreCorrupt) {
  Segment segment = catalogue_in_memory(2);
  CatalogueWriter writer(segment);
  const CatalogueReader reader(segment);
  writer.append(item(1, "BTC/USD"));
  auto& shared = reinterpret_cast<CatalogueEntry*>(segment.writable_data().data())[0];
  CatalogueEntry entry;
  entry.instrument = 4711;
  shared.symbol.bytes.fill('x');  // no end
  EXPECT_EQ(reader.at(0, entry), CatalogueStatus::Corrupt);
  shared.symbol.bytes.fill('\0');
  shared.symbol.bytes[0] = '\x1b';
  EXPECT_EQ(reader.at(0, entry), CatalogueStatus::Corrupt);
  EXPECT_EQ(entry.instrument, 4711U);
  EXPECT_FALSE(reader.find(InstrumentId::of(2, 1), entry));
  segment.writable_header().kind_words[0].value.store(1000, std::memory_order_release);
  EXPECT_EQ(reader.count(), 2U);
}

TEST(Catalogue, ASegmentOfAnotherKindIsRefused) {
  SegmentSpec spec = catalogue_spec(1);
  spec.kind = SegmentKind::BookTable;
  Segment segment = create_private_segment(spec);
  EXPECT_THROW(CatalogueWriter{segment}, std::system_error);
  CatalogueEntry entry;
  EXPECT_EQ(CatalogueReader(segment).count(), 0U);
  EXPECT_EQ(CatalogueReader(segment).at(0, entry), CatalogueStatus::Empty);
}

}  // namespace
}  // namespace ringside::ipc
