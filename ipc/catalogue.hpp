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

#include "ipc/fixed_text.hpp"
#include "ipc/segment.hpp"
#include "ringside/event.hpp"

namespace ringside::ipc {

inline constexpr std::uint32_t catalogue_entries_max = 1U << 20U;

// As it lies in the segment.
struct CatalogueEntry {
  std::uint32_t instrument = 0;
  std::uint32_t connection = 0;  // of its collector, from 0
  std::int64_t packed_terms = 0;
  FixedText<24> venue;
  FixedText<64> symbol;  // as the venue spells it
  FixedText<32> worker;  // worker thread, for books.<worker> and events.<worker>
  std::uint8_t reserved_0[120]{};

  [[nodiscard]] InstrumentId id() const { return InstrumentId{instrument}; }
  // At the first subscription.
  [[nodiscard]] InstrumentTerms terms() const { return InstrumentTerms::unpacked(packed_terms); }
};
static_assert(std::is_standard_layout_v<CatalogueEntry>);
static_assert(std::is_trivially_copyable_v<CatalogueEntry>);
static_assert(sizeof(CatalogueEntry) == 256 && alignof(CatalogueEntry) == 8);
static_assert(offsetof(CatalogueEntry, instrument) == 0);
static_assert(offsetof(CatalogueEntry, connection) == 4);
static_assert(offsetof(CatalogueEntry, packed_terms) == 8);
static_assert(offsetof(CatalogueEntry, venue) == 16);
static_assert(offsetof(CatalogueEntry, symbol) == 40);
static_assert(offsetof(CatalogueEntry, worker) == 104);
static_assert(offsetof(CatalogueEntry, reserved_0) == 136);

// What to append.
struct CatalogueItem {
  InstrumentId instrument;
  std::uint32_t connection = 0;
  InstrumentTerms terms;
  std::string_view venue;
  std::string_view symbol;
  std::string_view worker;
};

enum class CatalogueStatus : std::uint8_t {
  Ok = 0,
  Empty,    // no such entry yet
  Corrupt,  // a text without an end or with control characters in it
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

class CatalogueReader {
 public:
  // Of an attached segment, which stays where it is and outlives this. Throws std::system_error for
  // a segment of any other kind.
  explicit CatalogueReader(const Segment& segment);

  [[nodiscard]] std::uint32_t count() const noexcept;
  // `entry` changes only if the answer is Ok; its texts are then fit for a screen.
  [[nodiscard]] CatalogueStatus at(std::uint32_t index, CatalogueEntry& entry) const noexcept;
  // Looks through all entries; keep the answer. False: no such instrument.
  [[nodiscard]] bool find(InstrumentId instrument, CatalogueEntry& entry) const noexcept;
  [[nodiscard]] bool find(std::string_view venue, std::string_view symbol,
                          CatalogueEntry& entry) const noexcept;

 private:
  const Segment* segment_;
  const CatalogueEntry* entries_;
  std::uint32_t capacity_;
};

}  // namespace ringside::ipc
