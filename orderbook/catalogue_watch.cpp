#include "orderbook/catalogue_watch.hpp"

#include <system_error>
#include <utility>

namespace ringside::orderbook {

CatalogueWatch::CatalogueWatch(std::string instance, const std::string& collector,
                               std::string worker_thread)
    : instance_(std::move(instance)),
      name_("catalogue." + collector),
      worker_thread_(std::move(worker_thread)) {}

void CatalogueWatch::look() noexcept {
  if (segment_.mapped() && segment_.writer_alive()) return;
  ipc::Segment found;
  if (ipc::attach_segment(instance_, name_, ipc::SegmentKind::Catalogue, found) !=
      ipc::AttachStatus::Ok) {
    return;
  }
  reader_.reset();
  segment_ = std::move(found);
  next_ = 0;
  try {
    reader_.emplace(segment_);
  } catch (const std::system_error&) {
    segment_ = {};  // of another shape than it says: as good as none
  }
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
