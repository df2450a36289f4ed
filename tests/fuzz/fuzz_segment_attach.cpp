// A segment whose contents are hostile: attach to it and read it like any other. Whatever it says,
// no read leaves the mapping, and a thousand polls come to an end.
//
// Input: one byte of kind, then patches {u16 offset, u8 length, bytes} over the image of a good
// segment; a patch of length 0 cuts the file off at its offset. Where the segment is large the
// offset counts in words.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/check.hpp"
#include "ipc/cursor.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/telemetry.hpp"
#include "tests/fuzz/segment_images.hpp"

namespace {

using namespace ringside;
using namespace ringside::ipc;
constexpr int polls = 1000;
// Everything that lives as long as the process: good images, and the file they are defaced in.
struct Scene {
  Scene() {
    std::string pattern = "/dev/shm/ringside-fuzz-XXXXXX";
    RINGSIDE_CHECK(::mkdtemp(pattern.data()) != nullptr);
    root = pattern;
    ::setenv("RINGSIDE_SHM_ROOT", root.c_str(), 1);
    std::filesystem::create_directory(instance_path("fuzz"));
    file = ::open(segment_path("fuzz", "target").c_str(), O_RDWR | O_CREAT, 0600);
    RINGSIDE_CHECK(file >= 0);
    SpscReader reader(ring);
    RINGSIDE_CHECK(worker.bind("ring", ring, reader).has_value());
    for (std::uint32_t i = 0; i < 20; ++i) {
      RINGSIDE_CHECK(worker.request_resync(0, {InstrumentId{i}, i, Cause::BadMessage}, Ticks{1}));
    }
    images = {spsc_image(),  broadcast_image(), image_of(cursor),
              books_image(), catalogue_image(), telemetry_image()};
  }
  ~Scene() {
    ::close(file);
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }

  std::string root;
  int file = -1;
  Segment ring = spsc_in_memory(ring_slots);
  Segment cursor = cursor_in_memory();
  CursorWriter worker{cursor};
  std::array<Bytes, 6> images;
};

std::uint64_t sum;  // so that no read can be left out

void touch(std::span<const Level> levels) {
  for (const Level& level : levels) {
    sum += static_cast<std::uint64_t>(level.price.mantissa ^ level.quantity.mantissa);
  }
}

bool has_counts(const Record& record) {
  return record.kind == Kind::Levels || record.kind == Kind::Snapshot || record.kind == Kind::Key;
}

void read_spsc(const Segment& segment) {
  SpscReader reader(segment);
  for (int i = 0; i < polls; ++i) {
    if (i == polls / 2) reader.move_to_head();
    const Record* record = reader.peek();
    if (record == nullptr) continue;
    const auto levels = std::as_bytes(reader.levels());
    RINGSIDE_CHECK(levels.data() >= segment.data().data());
    RINGSIDE_CHECK(levels.data() + levels.size() <= segment.data().data() + segment.data().size());
    touch(reader.levels());
    if (has_counts(*record)) {
      touch(reader.bids());
      touch(reader.asks());
    }
    reader.advance();
  }
  sum += reader.drops() + reader.backlog();
}

void read_broadcast(const Segment& segment) {
  BroadcastReader reader(segment);
  static RecordBuffer buffer;
  for (int i = 0; i < polls; ++i) {
    if (i == polls / 3) reader.join_at_start();
    if (i == polls / 2) reader.join_at_tail();
    if (reader.poll(buffer) != PollStatus::Ok) continue;
    touch(buffer.levels());
    if (has_counts(buffer.record)) {
      touch(buffer.bids());
      touch(buffer.asks());
    }
  }
  sum += reader.backlog();
}

void read_cursor(const Segment& segment, Segment& ring) {
  CursorReader reader(segment);
  (void)reader.bind("ring", ring);
  for (int i = 0; i < polls; ++i) {
    if (const auto request = reader.poll_request()) sum += request->instrument.value;
  }
  SpscWriter writer(ring);
  writer.set_read_position_source(reader.read_position());
  RINGSIDE_CHECK(writer.free_slots() <= ring_slots);
}

void read_books(const Segment& segment) {
  BookTableReader reader(segment, TickRate::of(1.0, false));
  RINGSIDE_CHECK(reader.count() <= segment.geometry().item_count);
  BookView view;
  for (std::uint32_t i = 0; i < std::min(reader.count(), entries); ++i) {
    sum += reader.instrument_at(i).value_or(InstrumentId{}).value;
    if (reader.read(i, view, Ticks{1}, book_levels_max) != ReadStatus::Ok) continue;
    RINGSIDE_CHECK(view.bid_count <= book_levels_max && view.ask_count <= book_levels_max);
    touch(std::span(view.bids).first(view.bid_count));
    touch(std::span(view.asks).first(view.ask_count));
  }
  sum += reader.index_of(InstrumentId{2}).value_or(0);
}

void read_catalogue(const Segment& segment) {
  const CatalogueReader reader(segment);
  RINGSIDE_CHECK(reader.count() <= segment.geometry().item_count);
  CatalogueEntry entry;
  for (std::uint32_t i = 0; i < std::min(reader.count(), entries); ++i) {
    if (reader.at(i, entry) != CatalogueStatus::Ok) continue;
    for (const char c : entry.symbol.view()) RINGSIDE_CHECK(c >= ' ' || c < 0);
  }
  (void)reader.find("kraken", "S1", entry);
}

void read_telemetry(const Segment& segment) {
  static HistogramSnapshot copy;
  const TelemetryReader reader(segment);
  for (const auto& counter : reader.counters()) sum += counter.value;
  RINGSIDE_CHECK(reader.facts().size() <= facts_max);
  RINGSIDE_CHECK(reader.degradations().size() <= degradations_max);
  for (const auto& label : reader.histograms()) {
    RINGSIDE_CHECK(reader.copy_histogram(label.index, copy));
    sum += reader.beyond_range(label.index);
  }
  ClockReading clock;
  if (reader.clock(clock)) sum += static_cast<std::uint64_t>(clock.utc_of(Ticks{5}).value);
}

void read(SegmentKind kind, const Segment& segment, Segment& ring) {
  switch (kind) {
    case SegmentKind::Spsc:
      return read_spsc(segment);
    case SegmentKind::Broadcast:
      return read_broadcast(segment);
    case SegmentKind::BookTable:
      return read_books(segment);
    case SegmentKind::Catalogue:
      return read_catalogue(segment);
    case SegmentKind::Telemetry:
      return read_telemetry(segment);
    default:
      return read_cursor(segment, ring);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Scene scene;
  if (size == 0) return 0;
  constexpr std::array kinds{SegmentKind::Spsc,      SegmentKind::Broadcast,
                             SegmentKind::Cursor,    SegmentKind::BookTable,
                             SegmentKind::Catalogue, SegmentKind::Telemetry};
  const std::size_t which = data[0] % kinds.size();
  Bytes image = scene.images[which];
  deface(image, data + 1, size - 1);
  RINGSIDE_CHECK(::ftruncate(scene.file, 0) == 0);
  RINGSIDE_CHECK(::pwrite(scene.file, image.data(), image.size(), 0) ==
                 static_cast<ssize_t>(image.size()));

  Segment segment;
  AttachDetail detail;
  const auto status = attach_segment("fuzz", "target", kinds[which], segment, &detail);
  RINGSIDE_CHECK(segment.mapped() == is_attached(status));
  RINGSIDE_CHECK(!describe(status, detail, "fuzz", "target").empty());
  if (!segment.mapped()) return 0;
  RINGSIDE_CHECK(segment.geometry().total_bytes <= image.size());
  sum += static_cast<std::uint64_t>(segment.liveness(Ticks{1}, {0, 0}));
  read(kinds[which], segment, scene.ring);
  return 0;
}
