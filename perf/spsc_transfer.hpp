// One timed transfer through the SPSC ring, between two processes: 64-byte records whose every word
// follows from their number, all of them checked, from the first write to the last check.
//
// Threads: one in each process. Fails by: RINGSIDE_CHECK, this is a benchmark.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "ipc/check.hpp"
#include "ipc/spsc_ring.hpp"
#include "perf/two_processes.hpp"

namespace ringside::perf {

inline constexpr std::uint64_t ring_slots = 8192;

constexpr std::uint64_t scrambled(std::uint64_t i) { return i * 0x9e3779b97f4a7c15ULL; }

inline void fill_slot(ipc::Slot& slot, std::uint64_t i) {
  slot.instrument = static_cast<std::uint32_t>(i);
  slot.kind = Kind::Trade;
  slot.flags = 0;
  slot.side_or_reason = 0;
  slot.receive_tsc = i;
  slot.exchange_ns = static_cast<std::int64_t>(~i);
  slot.price = static_cast<std::int64_t>(i);
  slot.quantity = static_cast<std::int64_t>(i ^ 2);
  slot.reference = scrambled(i);
  slot.epoch = static_cast<std::uint32_t>(i);
}
inline bool is_record(const Record& record, std::uint64_t i) {
  return record.instrument == static_cast<std::uint32_t>(i) && record.kind == Kind::Trade &&
         record.receive_tsc == i && record.exchange_ns == static_cast<std::int64_t>(~i) &&
         record.price == static_cast<std::int64_t>(i) &&
         record.quantity == static_cast<std::int64_t>(i ^ 2) && record.reference == scrambled(i) &&
         record.epoch == static_cast<std::uint32_t>(i);
}

// One ring of ours, shared with children, and the reader's word.
struct Ring {
  struct Word {
    alignas(128) std::atomic<std::uint64_t> read_position{0};
  };

  ipc::Segment segment;
  SharedMemory word_memory{sizeof(Word)};
  Word* word = new (word_memory.data()) Word;

  // In private memory, on small pages.
  Ring() : Ring(ipc::create_private_segment(ipc::spsc_spec(ring_slots))) {}
  explicit Ring(ipc::Segment memory) : segment(std::move(memory)) {}

  [[nodiscard]] ipc::SpscWriter writer() {
    ipc::SpscWriter writer(segment);
    writer.set_read_position_source(&word->read_position);
    return writer;
  }
  [[nodiscard]] ipc::SpscReader reader() const {
    ipc::SpscReader reader(segment);
    reader.set_position_word(&word->read_position);
    return reader;
  }
};

// Each side of one transfer of `items`; `publish_each` records at once on our side.
inline void write_ours(ipc::SpscWriter& writer, std::uint64_t items, unsigned publish_each) {
  unsigned staged = 0;
  for (std::uint64_t i = 0; i < items;) {
    ipc::Slot* const slot = writer.claim(1);
    if (slot == nullptr) {
      if (staged != 0) writer.publish(Ticks{i});
      staged = 0;
      continue;
    }
    fill_slot(*slot, i++);
    writer.commit();
    if (++staged == publish_each) {
      writer.publish(Ticks{i});
      staged = 0;
    }
  }
  writer.publish(Ticks{items});
}
inline void read_ours(ipc::SpscReader& reader, std::uint64_t items) {
  for (std::uint64_t i = 0; i < items;) {
    const Record* const record = reader.peek();
    if (record == nullptr) continue;
    RINGSIDE_CHECK(is_record(*record, i));
    reader.advance();
    ++i;
  }
}

// The two sides of one timed transfer: it begins when both are there, and ends when all is read.
template <typename Write>
double written_and_read_ns(PingPong& lines, std::uint64_t items, Write write) {
  ping(lines, 1);
  const auto begin = steady_ns();
  write();
  ping(lines, 2);
  return static_cast<double>(steady_ns() - begin) / static_cast<double>(items);
}
template <typename Read>
void read_between(PingPong& lines, Read read) {
  pong(lines, 1);
  read();
  pong(lines, 2);
}

// ns an item, from the first write to the last check, between two processes.
template <typename Write, typename Read>
double transfer_ns(std::uint64_t items, Write write, Read read,
                   int reader_cpu = core_pair().second) {
  SharedMemory lines_memory(sizeof(PingPong));
  auto& lines = *new (lines_memory.data()) PingPong;
  Child reader(reader_cpu, [&] { read_between(lines, read); });
  const double ns = written_and_read_ns(lines, items, write);
  reader.join();
  return ns;
}

}  // namespace ringside::perf
