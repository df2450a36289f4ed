#include "tools/ringside/book_tables.hpp"

#include <algorithm>

namespace ringside::tools {

BookTables::BookTables(std::string instance) : instance_(std::move(instance)) {
  refresh(ipc::now_ticks());
}

void BookTables::refresh(Ticks now) {
  for (const auto& name : ipc::list_segments(instance_)) {
    if (!name.starts_with("books.")) continue;
    const auto known = std::any_of(tables_.begin(), tables_.end(),
                                   [&](const Table& table) { return table.name == name; });
    if (!known) tables_.push_back({name, nullptr, nullptr, 0});
  }
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    auto& table = tables_[i];
    const bool good =
        table.reader != nullptr && table.reader->writer_status(now) == ipc::ReadStatus::Ok;
    if (!good) attach(table);
    if (table.reader != nullptr) list_entries(i);
  }
}

void BookTables::attach(Table& table) {
  ipc::Segment segment;
  const auto status =
      ipc::attach_segment(instance_, table.name, ipc::SegmentKind::BookTable, segment);
  if (!ipc::is_attached(status)) return;  // the old one, if any, says what is wrong
  table.reader.reset();
  table.segment = std::make_unique<ipc::Segment>(std::move(segment));
  table.reader = std::make_unique<ipc::BookTableReader>(*table.segment);
  table.listed = 0;
}

void BookTables::list_entries(std::size_t table) {
  auto& [name, segment, reader, listed] = tables_[table];
  for (const auto count = reader->count(); listed < count; ++listed) {
    if (const auto instrument = reader->instrument_at(listed)) {
      places_[instrument->value] = {table, listed};
    }
  }
}

ipc::ReadStatus BookTables::read(InstrumentId instrument, ipc::BookView& view, Ticks now,
                                 unsigned levels) {
  const auto place = places_.find(instrument.value);
  if (place == places_.end()) return ipc::ReadStatus::Empty;
  const auto [table, index] = place->second;
  // A successor may list its instruments in another order, and not all of them yet.
  const auto& reader = tables_[table].reader;
  const auto listed = reader->instrument_at(index);
  if (!listed || *listed != instrument) return ipc::ReadStatus::Empty;
  return reader->read(index, view, now, levels);
}

}  // namespace ringside::tools
