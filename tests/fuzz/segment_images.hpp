// Images of good segments of every kind, and how a fuzzer's bytes deface them.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::ipc {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint64_t ring_slots = 64;      // a page: one slot further is not mapped
inline constexpr std::uint32_t entries = 4;          // of tables
inline constexpr std::size_t small_bytes = 0x10000;  // what a u16 reaches

inline Bytes image_of(const Segment& segment) {
  const auto* base = reinterpret_cast<const std::uint8_t*>(&segment.header());
  return {base, base + segment.geometry().total_bytes};
}

inline Bytes spsc_image() {
  Segment segment = spsc_in_memory(ring_slots);
  SpscWriter writer(segment);
  for (unsigned i = 0; i < 8; ++i) {
    Slot* slot = writer.claim(3);
    slot->put(Record{});
    slot->kind = i % 2 == 0 ? Kind::Snapshot : Kind::Trade;
    slot->set_counts(4, 4);
    writer.commit();
  }
  writer.publish(Ticks{1});
  return image_of(segment);
}
inline Bytes broadcast_image() {
  Segment segment = broadcast_in_memory(ring_slots);
  BroadcastWriter writer(segment);
  const std::array<Level, 8> levels{};
  for (unsigned i = 0; i < 20; ++i) {
    Record record;
    record.kind = i % 5 == 0 ? Kind::Key : Kind::Levels;
    record.set_counts(4, 4);
    writer.publish(record, levels, Ticks{1});
  }
  return image_of(segment);
}

inline Bytes books_image() {
  Segment segment = book_table_in_memory(entries);
  BookTableWriter writer(segment);
  BookView view;
  view.state = State::Live;
  view.bid_count = view.ask_count = 3;
  for (std::uint32_t i = 0; i < entries; ++i) {
    writer.update(writer.add(InstrumentId{i}), view);
  }
  return image_of(segment);
}
inline Bytes catalogue_image() {
  Segment segment = catalogue_in_memory(entries);
  CatalogueWriter writer(segment);
  for (std::uint32_t i = 0; i < entries; ++i) {
    writer.append({InstrumentId{i}, 0, {}, "kraken", "S" + std::to_string(i), "w0.0"});
  }
  return image_of(segment);
}
inline Bytes telemetry_image() {
  auto telemetry = Telemetry::in_memory({"fuzz", "c0", "collector", "", 1});
  telemetry.counter("c0.0.frames").add(7);
  telemetry.gauge("c0.0.depth").set(3);
  telemetry.histogram(stage::worker, "w0.0").record(1000);
  telemetry.fact({"cpu", "auto", "3", ""});
  telemetry.degradation({"no huge pages"});
  telemetry.on_tick(Ticks{1});
  return image_of(telemetry.segment());
}

// Lays the patches of `data` over the image.
inline void deface(Bytes& image, const std::uint8_t* data, std::size_t size) {
  const std::size_t unit = image.size() <= small_bytes ? 1 : sizeof(std::uint64_t);
  for (std::size_t at = 0; at + 3 <= size;) {
    const std::size_t place = data[at] | (std::size_t{data[at + 1]} << 8);
    const std::size_t offset = place * unit % (image.size() + 1);
    const std::size_t length = data[at + 2];
    at += 3;
    if (length == 0) image.resize(offset);
    const std::size_t bytes =
        std::min({length, size - at, image.size() - std::min(offset, image.size())});
    if (bytes > 0) std::memcpy(image.data() + offset, data + at, bytes);
    at += length;
  }
}

}  // namespace ringside::ipc
