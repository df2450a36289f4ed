#include "ipc/catalogue_reader.hpp"

#include <algorithm>

#include "ipc/plain_bytes.hpp"

namespace ringside::ipc {

CatalogueReader::CatalogueReader(const SegmentView& segment) noexcept {
  if (!segment.holds(SegmentKind::Catalogue, sizeof(CatalogueEntry))) return;
  count_ = &segment.header().kind_words[0].value;
  entries_ = reinterpret_cast<const CatalogueEntry*>(segment.data().data());
  const std::uint64_t max = catalogue_entries_max;
  capacity_ = static_cast<std::uint32_t>(std::min(segment.geometry.item_count, max));
}

std::uint32_t CatalogueReader::count() const noexcept {
  if (count_ == nullptr) return 0;
  const auto said = count_->load(std::memory_order_acquire);  // C1: pairs with P2
  return said < capacity_ ? static_cast<std::uint32_t>(said) : capacity_;
}

CatalogueStatus CatalogueReader::at(std::uint32_t index, CatalogueEntry& entry) const noexcept {
  if (index >= count()) return CatalogueStatus::Empty;
  CatalogueEntry copy;
  take_plain(&copy, &entries_[index], sizeof copy);  // C2: pairs with P1
  if (!copy.venue.valid() || !copy.symbol.valid() || !copy.worker.valid()) {
    return CatalogueStatus::Corrupt;
  }
  entry = copy;
  return CatalogueStatus::Ok;
}

bool CatalogueReader::find(InstrumentId instrument, CatalogueEntry& entry) const noexcept {
  const auto end = count();
  CatalogueEntry candidate;
  for (std::uint32_t i = 0; i < end; ++i) {
    if (at(i, candidate) != CatalogueStatus::Ok || candidate.id() != instrument) continue;
    entry = candidate;
    return true;
  }
  return false;
}

bool CatalogueReader::find(std::string_view venue, std::string_view symbol,
                           CatalogueEntry& entry) const noexcept {
  const auto end = count();
  CatalogueEntry candidate;
  for (std::uint32_t i = 0; i < end; ++i) {
    if (at(i, candidate) != CatalogueStatus::Ok) continue;
    if (candidate.venue.view() != venue || candidate.symbol.view() != symbol) continue;
    entry = candidate;
    return true;
  }
  return false;
}

}  // namespace ringside::ipc
