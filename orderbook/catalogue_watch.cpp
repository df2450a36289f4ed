#include "orderbook/catalogue_watch.hpp"

#include <system_error>
#include <utility>

namespace ringside::orderbook {

CatalogueWatch::CatalogueWatch(std::string instance, const std::string& collector,
                               std::string worker_thread)
    : instance_(std::move(instance)),
      name_("catalogue." + collector),
      worker_thread_(std::move(worker_thread)) {}

bool CatalogueWatch::look() noexcept {
  if (segment_.mapped() && segment_.writer_alive()) return false;
  ipc::Segment found;
  if (ipc::attach_segment(instance_, name_, ipc::SegmentKind::Catalogue, found) !=
      ipc::AttachStatus::Ok) {
    return false;
  }
  reader_.reset();
  segment_ = std::move(found);
  next_ = 0;
  whole_ = false;
  try {
    reader_.emplace(segment_);
  } catch (const std::system_error&) {
    segment_ = {};  // of another shape than it says: as good as none
  }
  return reader_.has_value();
}

// A collector's first beat follows the last of what it begins with; x86-64 and the acquire in
// count() keep them in this order, and were they not, whoever was missed would be heard of soon.
bool CatalogueWatch::read_whole() noexcept {
  if (whole_ || !reader_) return false;
  const auto beat = segment_.header().heartbeat.load(std::memory_order_relaxed);  // C3: with P3
  if (beat == 0 || next_ < reader_->count()) return false;
  whole_ = true;
  return true;
}

std::optional<InstrumentId> CatalogueWatch::next() noexcept {
  if (!reader_) return std::nullopt;
  ipc::CatalogueEntry entry;
  while (next_ < reader_->count()) {
    if (reader_->at(next_++, entry) != ipc::CatalogueStatus::Ok) continue;
    if (entry.worker.view() == worker_thread_) return entry.id();
  }
  return std::nullopt;
}

}  // namespace ringside::orderbook
