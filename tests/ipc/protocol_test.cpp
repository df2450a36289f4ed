// ipc/PROTOCOL.md is normative: every number in its tables is compared with the code, and every
// field of the code must stand in its table. Books, catalogue and telemetry: protocol_tables_test.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/cursor.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::ipc {
namespace {

using Row = std::vector<std::string>;
using Table = std::vector<Row>;

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" `");
  const auto last = text.find_last_not_of(" `");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// The first table under each "### " heading, without its two heading rows.
std::map<std::string, Table> tables() {
  std::map<std::string, Table> found;
  std::ifstream file(std::string(RINGSIDE_SOURCE_DIR) + "/ipc/PROTOCOL.md");
  std::string heading;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("### ")) heading = line.substr(4);
    if (line.starts_with("## ")) heading.clear();
    if (line.empty() && !found[heading].empty()) heading.clear();
    if (heading.empty() || !line.starts_with("|")) continue;
    Row row;
    for (std::size_t at = 1; at < line.size();) {
      const auto end = line.find('|', at);
      if (end == std::string::npos) break;
      row.push_back(trimmed(line.substr(at, end - at)));
      at = end + 1;
    }
    found[heading].push_back(std::move(row));
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.size() < 2; });
  for (auto& [name, table] : found) table.erase(table.begin(), table.begin() + 2);
  return found;
}

// Of "u8", "i64 atomic", "u8[16]", "slot[256]".
std::size_t bytes_of(const std::string& type) {
  const std::map<std::string, std::size_t> sizes{{"u8", 1},  {"u16", 2},   {"u32", 4},   {"u64", 8},
                                                 {"i64", 8}, {"slot", 64}, {"line", 128}};
  const auto end = type.find_first_of(" [");
  const auto bracket = type.find('[');
  const std::size_t count = bracket == std::string::npos ? 1 : std::stoul(type.substr(bracket + 1));
  return sizes.at(type.substr(0, end)) * count;
}

struct Field {
  std::size_t offset;
  std::size_t bytes;
  std::string name;
  friend bool operator==(const Field&, const Field&) = default;
  friend void PrintTo(const Field& field, std::ostream* out) {
    *out << field.offset << " " << field.bytes << " " << field.name;
  }
};

#define FIELD(Type, name) \
  Field { offsetof(Type, name), sizeof(Type::name), #name }

void expect_layout(const std::string& type, std::size_t bytes, const std::vector<Field>& fields) {
  const auto all = tables();
  const auto heading = "`" + type + "`, " + std::to_string(bytes) + " bytes";
  const auto found = all.find(heading);
  ASSERT_NE(found, all.end()) << "no table \"" << heading << "\"";
  std::vector<Field> written;
  for (const Row& row : found->second) {
    written.push_back({std::stoul(row.at(0)), bytes_of(row.at(1)), row.at(2)});
  }
  EXPECT_EQ(written, fields) << type;
  std::size_t end = 0;
  for (const Field& field : fields) {
    EXPECT_EQ(field.offset, end) << type << " has a hole before " << field.name;
    end = field.offset + field.bytes;
  }
  EXPECT_EQ(end, bytes) << type;
}

TEST(Protocol, TheHeaderIsAsWritten) {
  using H = SegmentHeader;
  expect_layout("SegmentHeader", sizeof(H),
                {FIELD(H, magic),        FIELD(H, abi_major),         FIELD(H, abi_minor),
                 FIELD(H, header_bytes), FIELD(H, schema_hash),       FIELD(H, kind),
                 FIELD(H, flags),        FIELD(H, total_bytes),       FIELD(H, data_offset),
                 FIELD(H, data_bytes),   FIELD(H, item_bytes),        FIELD(H, page_bytes),
                 FIELD(H, generation),   FIELD(H, created_utc_ns),    FIELD(H, writer_pid),
                 FIELD(H, reserved_0),   FIELD(H, writer_start_time), FIELD(H, boot_id),
                 FIELD(H, item_count),   FIELD(H, created_ticks),     FIELD(H, state),
                 FIELD(H, reserved_2),   FIELD(H, heartbeat),         FIELD(H, reserved_3),
                 FIELD(H, kind_words),   FIELD(H, reserved_4)});
  EXPECT_EQ(sizeof(KindWord), 128U);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(&segment_magic), 8), "RINGSIDE");
}

TEST(Protocol, RecordsAndLevelsAreAsWritten) {
  using R = Record;
  expect_layout(
      "Record", sizeof(R),
      {FIELD(R, stamp), FIELD(R, instrument), FIELD(R, kind), FIELD(R, flags), FIELD(R, slots),
       FIELD(R, side_or_reason), FIELD(R, receive_tsc), FIELD(R, exchange_ns), FIELD(R, price),
       FIELD(R, quantity), FIELD(R, reference), FIELD(R, publish_delta), FIELD(R, epoch)});
  expect_layout("Level", sizeof(Level), {FIELD(Level, price), FIELD(Level, quantity)});
  using N = AnnouncedName;
  expect_layout("AnnouncedName", sizeof(N), {FIELD(N, bytes), FIELD(N, text)});
}

TEST(Protocol, TheCursorEntryIsAsWritten) {
  using E = CursorEntry;
  expect_layout("CursorEntry", sizeof(E),
                {FIELD(E, state), FIELD(E, ring_generation), FIELD(E, ring_name),
                 FIELD(E, ring_created), FIELD(E, control_start), FIELD(E, reserved_0),
                 FIELD(E, read_position), FIELD(E, reserved_1), FIELD(E, control)});
}

// Rows of a table as first column -> second.
std::vector<std::pair<std::uint64_t, std::string>> values_of(const std::string& heading) {
  std::vector<std::pair<std::uint64_t, std::string>> values;
  const Table table = tables()[heading];
  for (const Row& row : table) values.emplace_back(std::stoull(row.at(0)), row.at(1));
  return values;
}

TEST(Protocol, EnumeratorsHaveTheValuesThatAreWritten) {
  using Values = std::vector<std::pair<std::uint64_t, std::string>>;
  const Values kinds{{0, "Invalid"},  {1, "Trade"},        {2, "Level"},        {3, "Levels"},
                     {4, "Snapshot"}, {5, "Bbo"},          {6, "Ticker"},       {7, "Mark"},
                     {8, "Funding"},  {9, "OpenInterest"}, {10, "Liquidation"}, {11, "Status"},
                     {12, "Loss"},    {13, "Key"},         {14, "Instrument"},  {15, "Heartbeat"},
                     {16, "Pad"}};
  EXPECT_EQ(values_of("Values of `Kind`"), kinds);
  EXPECT_EQ(static_cast<int>(Kind::Trade), 1);
  EXPECT_EQ(static_cast<int>(Kind::Status), 11);
  EXPECT_EQ(static_cast<int>(Kind::Pad), 16);
  const Values flags{{flag_first, "first"},
                     {flag_last, "last"},
                     {flag_no_exchange_time, "no_exchange_time"},
                     {flag_reference_hashed, "reference_hashed"},
                     {flag_reference_checksum, "reference_checksum"},
                     {flag_reference_sequence, "reference_sequence"},
                     {flag_unverified, "unverified"}};
  EXPECT_EQ(values_of("Values of `Flag`"), flags);
  Values states;
  for (std::uint64_t i = 0; name_of(static_cast<State>(i)) != std::string("unknown"); ++i) {
    states.emplace_back(i, name_of(static_cast<State>(i)));
  }
  EXPECT_EQ(values_of("Values of `State`"), states);
  Values causes;
  for (std::uint64_t i = 0; name_of(static_cast<Cause>(i)) != std::string("unknown"); ++i) {
    causes.emplace_back(i, name_of(static_cast<Cause>(i)));
  }
  EXPECT_EQ(values_of("Values of `Cause`"), causes);
  Values announcements;
  for (std::uint64_t i = 0; name_of(static_cast<Announcement>(i)) != std::string("unknown"); ++i) {
    announcements.emplace_back(i, name_of(static_cast<Announcement>(i)));
  }
  EXPECT_EQ(values_of("Values of `Announcement`"), announcements);
}

TEST(Protocol, SchemaHashesAreAsWritten) {
  const auto rows = tables()["Values of `SegmentKind`"];
  ASSERT_EQ(rows.size(), 6U);
  for (const Row& row : rows) {
    const auto kind = static_cast<SegmentKind>(std::stoul(row.at(0)));
    EXPECT_EQ(row.at(1), name_of(kind));
    char hash[32];
    std::snprintf(hash, sizeof(hash), "0x%016llx",
                  static_cast<unsigned long long>(schema_hash(kind)));
    EXPECT_EQ(row.at(2), hash) << "layout_of " << name_of(kind) << " changed";
  }
}

TEST(Protocol, LimitsAreAsWritten) {
  const std::map<std::string, std::uint64_t> limits{
      {"record_slots_max", record_slots_max},
      {"record_levels_max", record_levels_max},
      {"ring_slots_min", ring_slots_min},
      {"ring_slots_max", ring_slots_max},
      {"name_bytes_max", name_bytes_max},
      {"cursor_entries_max", cursor_entries_max},
      {"control_slots", control_slots},
      {"park_ns_max", park_ns_max},
      {"heartbeat_period_ns", heartbeat_period_ns},
      {"liveness_probe_after_ns", liveness_probe_after_ns},
      {"liveness_stale_after_ns", liveness_stale_after_ns},
      {"book_levels_max", book_levels_max},
      {"book_entries_max", book_entries_max},
      {"catalogue_entries_max", catalogue_entries_max},
      {"counters_max", counters_max},
      {"histograms_max", histograms_max}};
  std::map<std::string, std::uint64_t> written;
  const Table table = tables()["Limits"];
  for (const Row& row : table) written[row.at(0)] = std::stoull(row.at(1));
  EXPECT_EQ(written, limits);
}

TEST(Protocol, TheVersionInTheTitleIsTheCodes) {
  std::ifstream file(std::string(RINGSIDE_SOURCE_DIR) + "/ipc/PROTOCOL.md");
  std::string title;
  std::getline(file, title);
  const auto version = std::to_string(abi_major) + "." + std::to_string(abi_minor);
  EXPECT_TRUE(title.ends_with("layout version " + version)) << title;
}

}  // namespace
}  // namespace ringside::ipc
