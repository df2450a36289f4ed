// The offset tables of ipc/PROTOCOL.md that describe books, catalogue, telemetry and clock page,
// against the compiler's own offsets.
#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "ipc/book_table.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::ipc {
namespace {

using Offsets = std::map<std::string, std::size_t>;

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// The rows "| offset | type | name | meaning |" under the heading.
Offsets table_under(const std::string& heading) {
  std::ifstream document(RINGSIDE_SOURCE_DIR "/ipc/PROTOCOL.md");
  EXPECT_TRUE(document) << "no ipc/PROTOCOL.md";
  Offsets offsets;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("#")) inside = line == heading;
    if (!inside || !line.starts_with("|")) continue;
    std::istringstream cells(line.substr(1));
    std::string offset, type, name;
    std::getline(cells, offset, '|');
    std::getline(cells, type, '|');
    std::getline(cells, name, '|');
    offset = trimmed(offset);
    if (offset.empty() || offset.find_first_not_of("0123456789") != std::string::npos) continue;
    EXPECT_TRUE(offsets.emplace(trimmed(name), std::stoul(offset)).second) << heading << line;
  }
  return offsets;
}

// Of a word of a copy, behind the sequence.
constexpr std::size_t word_at(std::size_t word) {
  return offsetof(LatchCopy<1>, words) + word * sizeof(std::uint64_t);
}

TEST(ProtocolTables, GiveTheLatchesOffsets) {
  EXPECT_EQ(table_under("### Latch layout"), (Offsets{{"current", offsetof(BookEntry, current)},
                                                      {"tag", offsetof(BookEntry, tag)},
                                                      {"reserved", offsetof(BookEntry, reserved)},
                                                      {"copies", offsetof(BookEntry, copies)}}));
  EXPECT_EQ(table_under("### Latch copy"),
            (Offsets{{"sequence", offsetof(BookEntry::Copy, sequence)},
                     {"words", offsetof(BookEntry::Copy, words)}}));
}

TEST(ProtocolTables, GiveTheBooksOffsets) {
  EXPECT_EQ(table_under("### Book entry"),
            (Offsets{{"current", offsetof(BookEntry, current)},
                     {"instrument", offsetof(BookEntry, tag)},
                     {"copy_0", offsetof(BookEntry, copies)},
                     {"copy_1", offsetof(BookEntry, copies) + sizeof(BookEntry::Copy)}}));
  EXPECT_EQ(table_under("### Book copy"),
            (Offsets{{"sequence", offsetof(BookEntry::Copy, sequence)},
                     {"status", word_at(book_word::status)},
                     {"best_bid_price", word_at(book_word::best)},
                     {"best_bid_quantity", word_at(book_word::best + 1)},
                     {"best_ask_price", word_at(book_word::best + 2)},
                     {"best_ask_quantity", word_at(book_word::best + 3)},
                     {"receive_tsc", word_at(book_word::receive_tsc)},
                     {"epoch", word_at(book_word::epoch)},
                     {"publish_tsc", word_at(book_word::publish_tsc)},
                     {"exchange_ns", word_at(book_word::exchange_ns)},
                     {"terms", word_at(book_word::terms)},
                     {"updates", word_at(book_word::updates)},
                     {"reserved", word_at(book_word::updates + 1)},
                     {"rows", word_at(book_word::rows)}}));
}

TEST(ProtocolTables, GiveTheCataloguesOffsets) {
  EXPECT_EQ(table_under("### Catalogue entry"),
            (Offsets{{"instrument", offsetof(CatalogueEntry, instrument)},
                     {"connection", offsetof(CatalogueEntry, connection)},
                     {"packed_terms", offsetof(CatalogueEntry, packed_terms)},
                     {"venue", offsetof(CatalogueEntry, venue)},
                     {"symbol", offsetof(CatalogueEntry, symbol)},
                     {"worker", offsetof(CatalogueEntry, worker)},
                     {"reserved_0", offsetof(CatalogueEntry, reserved_0)}}));
}

TEST(ProtocolTables, GiveTheTelemetrysOffsets) {
  EXPECT_EQ(table_under("### Telemetry block"),
            (Offsets{{"counter_count", offsetof(TelemetryBlock, counter_count)},
                     {"histogram_count", offsetof(TelemetryBlock, histogram_count)},
                     {"fact_count", offsetof(TelemetryBlock, fact_count)},
                     {"degradation_count", offsetof(TelemetryBlock, degradation_count)},
                     {"role", offsetof(TelemetryBlock, role)},
                     {"version", offsetof(TelemetryBlock, version)},
                     {"clock", offsetof(TelemetryBlock, clock)},
                     {"reserved", offsetof(TelemetryBlock, reserved)},
                     {"counter_names", offsetof(TelemetryBlock, counter_names)},
                     {"counter_values", offsetof(TelemetryBlock, counter_values)},
                     {"facts", offsetof(TelemetryBlock, facts)},
                     {"degradations", offsetof(TelemetryBlock, degradations)}}));
  EXPECT_EQ(table_under("### Counter value"),
            (Offsets{{"value", offsetof(CounterValue, value)},
                     {"kind", offsetof(CounterValue, kind)},
                     {"reserved", offsetof(CounterValue, reserved)}}));
  EXPECT_EQ(table_under("### Fact"), (Offsets{{"key", offsetof(FactEntry, key)},
                                              {"asked", offsetof(FactEntry, asked)},
                                              {"applied", offsetof(FactEntry, applied)},
                                              {"detail", offsetof(FactEntry, detail)}}));
  EXPECT_EQ(table_under("### Histogram entry"),
            (Offsets{{"stage", offsetof(HistogramEntry, stage)},
                     {"thread", offsetof(HistogramEntry, thread)},
                     {"beyond", offsetof(HistogramEntry, beyond)},
                     {"reserved", offsetof(HistogramEntry, reserved)},
                     {"slots", offsetof(HistogramEntry, slots)}}));
}

TEST(ProtocolTables, GiveTheClockPagesOffsets) {
  EXPECT_EQ(table_under("### Clock copy"), (Offsets{{"sequence", 0},
                                                    {"tsc0", word_at(clock_word::tsc0)},
                                                    {"utc0_ns", word_at(clock_word::utc0_ns)},
                                                    {"multiplier", word_at(clock_word::multiplier)},
                                                    {"shift", word_at(clock_word::shift)},
                                                    {"reserved", word_at(clock_word::shift + 1)}}));
}

TEST(ProtocolTables, TheSlotFormulaIsTheGeometrys) {
  for (std::uint64_t value = 0; value <= live_geometry.highest(); value += 1 + value / 97) {
    const auto width = static_cast<std::uint64_t>(std::bit_width(value));
    const auto bucket = width > 8 ? width - 8 : 0;
    ASSERT_EQ(live_geometry.index_of(value), 128 * (bucket + 1) + (value >> bucket) - 128) << value;
  }
}

}  // namespace
}  // namespace ringside::ipc
