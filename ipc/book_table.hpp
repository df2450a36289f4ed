// The newest book of each instrument: segment books.<worker thread>, one entry an instrument, state
// and the best levels. Unlike the broadcast ring it has no history: a reader sees the latest value,
// at once, however late it comes.
//
// An entry is a Latch (ipc/latch.hpp): a writer that is killed in mid-update leaves the value
// before. A value is only ever given out as Ok while its writer is known to have lived within the
// bounds below; otherwise read() says what is wrong and leaves the caller's view alone.
//
// Threads: one writer thread. A BookTableReader belongs to one thread; any number of readers, in
// any process. Bounded by: entry capacity (given at creation), book_levels_max, book_read_tries.
// Fails by: add() throws std::system_error; read() answers a ReadStatus and never throws, prints,
// allocates or trusts a word of the segment.
//
// Order of the shared words (P: writer, C: reader):
//   P1 tag of the entry  plain, before P2        C2 plain, after C1
//   P2 count             release                 C1 acquire: the tags of the entries below it are
//                                                   there
//   Words of an entry: ipc/latch.hpp. Heartbeat and state: ipc/segment.hpp.
#pragma once

#include <cstdint>

#include "ipc/book_table_reader.hpp"
#include "ipc/segment.hpp"

namespace ringside::ipc {

// 1..book_entries_max entries. Instance and name (books.<worker thread>), directory, group and
// memory placement are the caller's to add.
SegmentSpec book_table_spec(std::uint32_t entries);
// A table in private memory, for offline runs and tests.
Segment book_table_in_memory(std::uint32_t entries);

class BookTableWriter {
 public:
  // Of book_table_spec(), just created; it stays where it is and outlives this. Throws
  // std::system_error for any other kind.
  explicit BookTableWriter(Segment& segment);

  // The next entry. Its readers see Empty until the first update(). Throws std::system_error
  // (ENOSPC) if the table is full.
  std::uint32_t add(InstrumentId instrument);
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

  // Replaces the value. view.instrument is not looked at. Levels beyond the counts are not read.
  void update(std::uint32_t index, const BookView& view) noexcept;

  // Every heartbeat_period_ns or so.
  void beat(Ticks now) noexcept { segment_->beat(now); }

 private:
  Segment* segment_;
  BookEntry* entries_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
};

}  // namespace ringside::ipc
