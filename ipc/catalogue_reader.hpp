// The reading half of the catalogue, and its entry as it lies in the segment; the orders stand in
// ipc/catalogue.hpp.
//
// Threads: any, one reader each. Bounded by: the segment's capacity and catalogue_entries_max.
// Fails by: CatalogueStatus; it never throws, allocates or trusts a word of the segment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ipc/fixed_text.hpp"
#include "ipc/segment_view.hpp"
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

enum class CatalogueStatus : std::uint8_t {
  Ok = 0,
  Empty,    // no such entry yet
  Corrupt,  // a text without an end or with control characters in it
};

class CatalogueReader {
 public:
  // Of an attached segment, which outlives this. One of any other kind has no entries.
  explicit CatalogueReader(const SegmentView& segment) noexcept;

  [[nodiscard]] std::uint32_t count() const noexcept;
  // `entry` changes only if the answer is Ok; its texts are then fit for a screen.
  [[nodiscard]] CatalogueStatus at(std::uint32_t index, CatalogueEntry& entry) const noexcept;
  // Looks through all entries; keep the answer. False: no such instrument.
  [[nodiscard]] bool find(InstrumentId instrument, CatalogueEntry& entry) const noexcept;
  [[nodiscard]] bool find(std::string_view venue, std::string_view symbol,
                          CatalogueEntry& entry) const noexcept;

 private:
  const Atomic<std::uint64_t>* count_ = nullptr;
  const CatalogueEntry* entries_ = nullptr;
  std::uint32_t capacity_ = 0;
};

}  // namespace ringside::ipc
