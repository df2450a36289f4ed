// What `ringside top` shows: one frame of all instruments, as lines that fit the terminal. Prices
// and quantities are exact and never cut; where they do not fit beside the rest they get a line of
// their own.
//
// Threads: any; no state. Allocates; a few times a second.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "tools/ringside/catalogue_index.hpp"

namespace ringside::tools {

struct TopRow {
  InstrumentInfo info;
  ipc::ReadStatus status = ipc::ReadStatus::Empty;
  ipc::BookView view;  // if status is Ok
  std::optional<double> updates_per_second;
  std::optional<std::uint64_t> age_ns;  // since the newest data about it was read from the socket

  // Continuous since its snapshot; else its levels are not shown.
  [[nodiscard]] bool shows_levels() const;
  [[nodiscard]] std::string state() const;
};

struct TopLayout {
  std::size_t columns = 80;
  std::size_t rows = 24;
  unsigned levels = 1;  // a side
};

// A heading for each venue, below it its instruments; at most layout.rows lines.
std::vector<std::string> frame_of(const std::vector<TopRow>& rows, const TopLayout& layout);
// The same for what is no terminal: one line an instrument, each with all there is to say.
std::vector<std::string> plain_lines(const std::vector<TopRow>& rows, unsigned levels);

}  // namespace ringside::tools
