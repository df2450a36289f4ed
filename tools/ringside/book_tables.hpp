// The newest book of every instrument of a deployment: the tables of all workers in one look-up.
//
// Threads: one. Bounded by: the tables. Fails by: a ReadStatus for each read.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/segment.hpp"

namespace ringside::tools {

class BookTables {
 public:
  explicit BookTables(std::string instance);

  // Attaches new tables and the successors of those whose writers are gone, and learns of new
  // entries. Looks into the directory: a few times a second.
  void refresh(Ticks now);
  // Empty: in no table yet. `view` changes only if the answer is Ok.
  [[nodiscard]] ipc::ReadStatus read(InstrumentId instrument, ipc::BookView& view, Ticks now,
                                     unsigned levels = ipc::book_levels_max);

 private:
  struct Table {
    std::string name;                       // books.w0.0
    std::unique_ptr<ipc::Segment> segment;  // stays where it is
    std::unique_ptr<ipc::BookTableReader> reader;
    std::uint32_t listed = 0;
  };
  struct Place {
    std::size_t table;
    std::uint32_t index;
  };
  void attach(Table& table);
  void list_entries(std::size_t table);

  std::string instance_;
  std::vector<Table> tables_;
  std::unordered_map<std::uint32_t, Place> places_;
};

}  // namespace ringside::tools
