// What must hold while the book channel is not wanted, and when it is again.
//
//   - Once its end has taken effect, who is live all the same (for its trades) shows no level.
//   - Wanted again, a book is live in a later epoch than any that had none.
//
// Threads: one. Bounded by: the instruments. Fails by: a sentence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ipc/book_table.hpp"
#include "tests/simulation/plan.hpp"

namespace ringside::simulation {

class Bookless {
 public:
  explicit Bookless(std::size_t listings) : floors_(listings) {}

  // How the collector stands now. `caught_up`: the worker has taken all that it wrote.
  void note(bool bookless, bool caught_up) {
    now_ = bookless;
    if (bookless) {
      any_ = true;
    } else if (caught_up) {
      any_ = false;
    }
  }
  // Some may have no book as yet.
  [[nodiscard]] bool any() const { return any_; }
  [[nodiscard]] bool may_be(const ipc::BookView& view) const { return any_ && is_empty(view); }

  // Empty: all holds.
  [[nodiscard]] std::string_view look(ListingIndex listing, const ipc::BookView& view,
                                      bool caught_up) {
    const bool live = view.state == State::Live;
    if (now_ && caught_up) {
      if (live && !is_empty(view)) return "is live with levels, though nobody wants them";
      floors_[listing] = std::max(floors_[listing], view.epoch);
    }
    if (live && !any_ && view.epoch <= floors_[listing]) return "is live in an epoch without book";
    return {};
  }

 private:
  [[nodiscard]] static bool is_empty(const ipc::BookView& view) {
    return view.bid_count == 0 && view.ask_count == 0;
  }

  std::vector<std::uint32_t> floors_;  // by listing
  bool now_ = false;
  bool any_ = false;
};

}  // namespace ringside::simulation
