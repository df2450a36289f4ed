// Any bytes as the contents of a book table, a catalogue or a telemetry segment, as a hostile
// writer may leave them: every answer stays within its bounds. The first byte chooses the kind,
// each four that follow a place and a word.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ipc/book_table.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"

namespace {

using namespace ringside;
using namespace ringside::ipc;

constexpr std::uint32_t entries = 2;
constexpr std::size_t patch_bytes = 12;  // u32 place, u64 word

// The header's count, then words anywhere in the payload.
void deface(Segment& segment, const std::uint8_t* data, std::size_t size) {
  auto payload = segment.writable_data();
  std::memset(payload.data(), 0, payload.size());
  segment.writable_header().kind_words[0].value.store(entries, std::memory_order_relaxed);
  for (; size >= patch_bytes; data += patch_bytes, size -= patch_bytes) {
    std::uint32_t place = 0;
    std::memcpy(&place, data, sizeof place);
    const auto offset = place % (payload.size() / sizeof(std::uint64_t)) * sizeof(std::uint64_t);
    std::memcpy(payload.data() + offset, data + sizeof place, sizeof(std::uint64_t));
  }
}

void read_books(Segment& segment) {
  BookTableReader reader(segment, TickRate::of(1.0, false));
  if (reader.count() > entries) std::abort();
  BookView view;
  for (std::uint32_t i = 0; i < entries; ++i) {
    if (reader.read(i, view, Ticks{1}, book_levels_max) != ReadStatus::Ok) continue;
    if (view.bid_count > book_levels_max || view.ask_count > book_levels_max) std::abort();
    if (view.state > State::Live) std::abort();
  }
}

void read_catalogue(const Segment& segment) {
  const CatalogueReader reader(segment);
  CatalogueEntry entry;
  for (std::uint32_t i = 0; i < reader.count(); ++i) {
    if (reader.at(i, entry) != CatalogueStatus::Ok) continue;
    for (const char c : entry.symbol.view()) {
      if (c == '\x1b' || c == '\0') std::abort();
    }
  }
}

void read_telemetry(const Segment& segment, HistogramSnapshot& copy) {
  const TelemetryReader reader(segment);
  if (reader.counters().size() > counters_max || reader.facts().size() > facts_max ||
      reader.degradations().size() > degradations_max) {
    std::abort();
  }
  for (const auto& label : reader.histograms()) {
    if (!reader.copy_histogram(label.index, copy)) std::abort();
    if (copy.percentile(50.0) > copy.max()) std::abort();
  }
  ClockReading clock;
  if (reader.clock(clock) && clock.utc_of(clock.tsc0) != clock.utc0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Segment books = book_table_in_memory(entries);
  static Segment catalogue = catalogue_in_memory(entries);
  static Segment telemetry =
      create_private_segment(telemetry_segment_spec({"fuzz", "c0", "collector", "", 1}));
  static HistogramSnapshot copy;
  if (size == 0) return 0;
  switch (data[0] % 3) {
    case 0:
      deface(books, data + 1, size - 1);
      read_books(books);
      break;
    case 1:
      deface(catalogue, data + 1, size - 1);
      read_catalogue(catalogue);
      break;
    default:
      deface(telemetry, data + 1, size - 1);
      read_telemetry(telemetry, copy);
      break;
  }
  return 0;
}
