#include "tools/ringside/catalogue_index.hpp"

namespace ringside::tools {

CatalogueIndex::CatalogueIndex(std::string instance) : instance_(std::move(instance)) { refresh(); }

void CatalogueIndex::refresh() {
  problems_.clear();
  for (const auto& name : ipc::list_segments(instance_)) {
    if (name.starts_with("catalogue.")) attach(name);
  }
}

void CatalogueIndex::attach(const std::string& name) {
  ipc::Segment segment;
  ipc::AttachDetail detail;
  const auto status =
      ipc::attach_segment(instance_, name, ipc::SegmentKind::Catalogue, segment, &detail);
  if (!ipc::is_attached(status)) {
    problems_.push_back(ipc::describe(status, detail, instance_, name));
    return;
  }
  auto& attached = catalogues_[name];
  const bool replaced = attached.segment != nullptr &&
                        (attached.segment->geometry().generation != segment.geometry().generation ||
                         attached.segment->geometry().created != segment.geometry().created);
  if (attached.segment == nullptr || replaced) {
    attached.reader.reset();
    attached.segment = std::make_unique<ipc::Segment>(std::move(segment));
    attached.reader = std::make_unique<ipc::CatalogueReader>(*attached.segment);
    attached.read = 0;
  }
  read_new(name.substr(name.find('.') + 1), attached);
}

void CatalogueIndex::read_new(const std::string& collector, Attached& attached) {
  for (const auto count = attached.reader->count(); attached.read < count; ++attached.read) {
    ipc::CatalogueEntry entry;
    if (attached.reader->at(attached.read, entry) != ipc::CatalogueStatus::Ok) continue;
    InstrumentInfo info{entry.id(),
                        std::string(entry.venue.view()),
                        std::string(entry.symbol.view()),
                        std::string(entry.worker.view()),
                        collector,
                        entry.terms()};
    const auto [known, fresh] = venue_of_symbol_.try_emplace(info.symbol, info.venue);
    if (!fresh && known->second != info.venue) known->second.clear();
    instruments_[info.id] = std::move(info);
  }
}

const InstrumentInfo* CatalogueIndex::find(InstrumentId instrument) const {
  const auto found = instruments_.find(instrument);
  return found == instruments_.end() ? nullptr : &found->second;
}

std::string CatalogueIndex::label_of(const InstrumentInfo& info) const {
  const auto venue = venue_of_symbol_.find(info.symbol);
  const bool unique = venue != venue_of_symbol_.end() && !venue->second.empty();
  return unique ? info.symbol : info.venue + ":" + info.symbol;
}

}  // namespace ringside::tools
