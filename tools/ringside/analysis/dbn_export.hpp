// Events as a DBN v3 file: Databento's binary encoding, compressed by zstd as its readers expect.
//
//   trades    each trade
//   mbp-1     each trade, and the best level whenever a message changed it
//   mbp-10    each trade, and the best ten levels whenever a message changed one of them
//
// Prices are in units of 10^-9 and sizes whole 32-bit numbers, so that a size has a unit of its own
// for each instrument: the coarsest power of ten in which every size of the file is whole, which a
// first pass finds and `FILE.json` says. What does not fit is refused, never rounded.
// A record of a book message tells of the first level that it changed: action A, C or M, its side,
// price and size (0 when gone) and, as depth, its index. Records of one message: one, flagged LAST.
// The first of a new book is flagged SNAPSHOT. Counts of orders are not known: 0. ts_in_delta: 0.
//
// Layout: github.com/databento/dbn 0.54.0 (2026). Little-endian.
// Threads: one. Bounded by: dbn_chunk_bytes. Fails by: throwing CommandError: what cannot be
// written, a value that does not fit (which, of whom, the remedy), a symbol of over 70 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringside/analysis/event_source.hpp"
#include "tools/ringside/analysis/output_file.hpp"

namespace ringside::tools {

inline constexpr std::size_t dbn_chunk_bytes = std::size_t{64} << 10;

enum class DbnSchema : std::uint16_t { Mbp1 = 1, Mbp10 = 2, Trades = 4 };  // wire values

struct DbnWritten {
  std::uint64_t records = 0;
  std::vector<int> size_powers;  // by instrument: a size of 1 is 10^this
};

// Reads the feed twice: each call of `open` gives it from its beginning. The file gets its name
// when it is whole.
DbnWritten export_dbn(const std::function<std::unique_ptr<EventSource>()>& open, DbnSchema schema,
                      const std::filesystem::path& file, IfExists if_exists = IfExists::Refuse);

}  // namespace ringside::tools
