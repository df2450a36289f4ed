#include "ipc/catalogue.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "ipc/check.hpp"
#include "ipc/plain_bytes.hpp"

namespace ringside::ipc {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

void require_catalogue(const Segment& segment) {
  const bool fits = segment.mapped() && segment.geometry().kind == SegmentKind::Catalogue &&
                    segment.geometry().item_bytes == sizeof(CatalogueEntry);
  if (!fits) fail(EINVAL, segment.path() + " is not a catalogue");
}

std::uint32_t capacity_of(const Segment& segment) {
  const std::uint64_t max = catalogue_entries_max;
  return static_cast<std::uint32_t>(std::min(segment.geometry().item_count, max));
}

template <std::size_t Bytes>
void assign(FixedText<Bytes>& text, std::string_view value, const char* what) {
  if (value.empty() || !text.assign(value)) {
    fail(EINVAL, std::string(what) + " \"" + std::string(value) + "\" must have 1 to " +
                     std::to_string(text.length_max) + " printable characters");
  }
}

}  // namespace

SegmentSpec catalogue_spec(std::uint32_t entries) {
  RINGSIDE_CHECK(entries >= 1 && entries <= catalogue_entries_max);
  SegmentSpec spec;
  spec.kind = SegmentKind::Catalogue;
  spec.item_bytes = sizeof(CatalogueEntry);
  spec.item_count = entries;
  spec.payload_bytes = spec.item_count * sizeof(CatalogueEntry);
  return spec;
}

Segment catalogue_in_memory(std::uint32_t entries) {
  return create_private_segment(catalogue_spec(entries));
}

CatalogueWriter::CatalogueWriter(Segment& segment)
    : segment_(&segment), entries_(nullptr), capacity_(0) {
  require_catalogue(segment);
  entries_ = reinterpret_cast<CatalogueEntry*>(segment.writable_data().data());
  capacity_ = capacity_of(segment);
}

std::uint32_t CatalogueWriter::append(const CatalogueItem& item) {
  if (count_ == capacity_) {
    fail(ENOSPC, segment_->path() + " holds " + std::to_string(capacity_) +
                     " instruments, all taken; raise memory.instruments_max");
  }
  CatalogueEntry entry;
  entry.instrument = item.instrument.value;
  entry.connection = item.connection;
  entry.packed_terms = item.terms.packed();
  assign(entry.venue, item.venue, "venue");
  assign(entry.symbol, item.symbol, "symbol");
  assign(entry.worker, item.worker, "worker thread");
  put_plain(&entries_[count_], &entry, sizeof entry);  // P1: pairs with C2
  auto& count = segment_->writable_header().kind_words[0].value;
  count.store(count_ + 1, std::memory_order_release);  // P2: pairs with C1
  return count_++;
}

}  // namespace ringside::ipc
