// What a collector carries: segment catalogue.<collector>, one entry an instrument, append-only.
// Only what never changes is here; state, epoch and the exponents of the epoch are the worker's to
// publish (ipc/book_table.hpp).
//
// Threads: one writer thread; readers in any process. Bounded by: capacity, given at creation.
// Fails by: append() throws std::system_error; at() answers a CatalogueStatus and trusts nothing.
//
// Order of the shared words (P: writer, C: reader):
//   P1 entry     plain, before P2      C2 plain, after C1: entries below the count never change
//   P2 count     release               C1 acquire
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ipc/catalogue_reader.hpp"
#include "ipc/segment.hpp"
#include "ringside/event.hpp"

namespace ringside::ipc {

// Of an instrument that was added while its collector ran.
inline constexpr std::uint32_t connection_unsaid = ~0U;

// What to append.
struct CatalogueItem {
  InstrumentId instrument;
  std::uint32_t connection = 0;
  InstrumentTerms terms;
  std::string_view venue;
  std::string_view symbol;
  std::string_view worker;
};

// 1..catalogue_entries_max entries. Instance, name (catalogue.<collector>) and group are the
// caller's to add.
SegmentSpec catalogue_spec(std::uint32_t entries);
Segment catalogue_in_memory(std::uint32_t entries);

class CatalogueWriter {
 public:
  // Of catalogue_spec(), just created; it stays where it is and outlives this. Throws
  // std::system_error for any other kind.
  explicit CatalogueWriter(Segment& segment);

  // Throws std::system_error: ENOSPC if full, EINVAL for a text that does not fit.
  std::uint32_t append(const CatalogueItem& item);
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

 private:
  Segment* segment_;
  CatalogueEntry* entries_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
};

}  // namespace ringside::ipc
