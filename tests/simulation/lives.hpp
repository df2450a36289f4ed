// What must hold of instruments that are removed and added again while everything else goes on.
//
//   - Once its removal has taken effect an instrument is not live, and nothing of the market is
//     told of it, until it is added again.
//   - Added again it is live in a later epoch than any before.
//
// Threads: one. Bounded by: the instruments. Fails by: a sentence.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ipc/book_table.hpp"
#include "tests/simulation/plan.hpp"

namespace ringside::simulation {

class Lives {
 public:
  explicit Lives(const Plan& plan);

  // Said to our processes: whatever becomes of them, it stays said.
  void want(ListingIndex listing, bool wanted) { lives_[listing].wanted = wanted; }
  [[nodiscard]] bool wanted(ListingIndex listing) const { return lives_[listing].wanted; }
  [[nodiscard]] std::vector<bool> all_wanted() const;

  // How it stands now.
  struct Seen {
    const ipc::BookView* view = nullptr;  // as published; null: it is not in the table
    bool collected = false;               // the collector has been told, and does
    bool caught_up = false;               // the worker has taken all that the collector wrote
    std::uint64_t records = 0;            // of the market, that the worker was ever given of it
  };
  // Empty: all holds.
  [[nodiscard]] std::string_view look(ListingIndex listing, const Seen& seen);

 private:
  struct Life {
    bool wanted = true;
    bool over = false;              // its removal has reached the table
    std::uint64_t records = 0;      // by then
    std::uint32_t epoch_floor = 0;  // later ones than this are its own
  };
  std::vector<Life> lives_;  // by listing
};

}  // namespace ringside::simulation
