// Events as the CSV files that Tardis publishes and hftbacktest and others read:
//
//   FOLDER/EXCHANGE/TYPE/YYYY/MM/DD/SYMBOL.csv.gz     the UTC day of the local timestamp
//
//   incremental_book_L2    each level that a message changed; amount 0: gone. Rows of one
//                          local_timestamp are one message. is_snapshot turning true: a new book,
//                          or the day's first message: each file is whole by itself
//   trades                 side: of the aggressor
//   book_snapshot_5, _25   the best levels, whenever one of them changed
//
// Times are microseconds since 1970, `timestamp` the venue's (ours where it sends none),
// `local_timestamp` ours. Numbers are exact decimals. Source: docs.tardis.dev, "Downloadable CSV
// files" (2026).
//
// The files grow under names that end in .part and get theirs in finish(): what has its name is
// whole. Threads: one. Bounded by: tardis_chunk_bytes a file that is being written, files of the
// newest day. Fails by: throwing CommandError: what could not be written, or two symbols that one
// file name would have to serve.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringside/analysis/book_changes.hpp"
#include "tools/ringside/analysis/event_source.hpp"
#include "tools/ringside/analysis/output_file.hpp"

namespace ringside::tools {

inline constexpr std::size_t tardis_chunk_bytes = std::size_t{64} << 10;

enum class TardisType : std::uint8_t { IncrementalBook, Trades, Snapshots5, Snapshots25 };
inline constexpr std::size_t tardis_type_count = 4;
std::string_view name_of(TardisType type);

class TardisExport {
 public:
  struct Written {
    std::uint64_t rows = 0;
    std::vector<std::filesystem::path> files;
  };

  TardisExport(std::filesystem::path folder, const EventSource& source,
               std::vector<TardisType> types, IfExists if_exists = IfExists::Refuse);

  void take(const SourceEvent& event);
  // All rows are written and the files have their names.
  Written finish();

 private:
  struct File {
    OutputFile output;
    std::string rows;  // not written yet
  };
  struct Book {
    BookChanges changes;
    InstrumentTerms terms;
    std::int64_t day = 0;      // of its newest message
    bool in_snapshot = false;  // its newest rows were a snapshot's
  };
  struct Key {
    TardisType type;
    std::int64_t day;
    std::size_t instrument;
    auto operator<=>(const Key&) const = default;
  };

  [[nodiscard]] std::string& rows(TardisType type, const SourceEvent& event);
  void begin_row(std::string& row, const SourceEvent& event) const;
  void take_trade(const SourceEvent& event);
  void take_changes(std::span<const LevelChange> changes, bool whole, const SourceEvent& event);
  void take_snapshot(TardisType type, std::uint32_t levels, const SourceEvent& event);
  void flush(File& file);

  std::filesystem::path folder_;
  std::string exchange_;
  const EventSource& source_;
  std::vector<TardisType> types_;
  IfExists if_exists_;
  std::vector<std::string> names_;  // of files, by instrument
  std::vector<Book> books_;         // by instrument
  std::map<Key, File> files_;
  std::uint64_t rows_ = 0;
};

}  // namespace ringside::tools
