// What a message changed in a book, as the difference of the whole book before and after it: what
// the book's depth cut off is among it, what changed nothing is not.
//
// Threads: one. Bounded by: two copies of the book.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "orderbook/book.hpp"

namespace ringside::tools {

struct LevelChange {
  Side side = Side::None;
  std::uint32_t index = 0;  // from the best: in the book after; of one that is gone, before
  Level level;              // quantity 0: gone
  bool added = false;
};

class BookChanges {
 public:
  // Bids before asks, best first. `new_book`: all of it is new. Valid until the next call.
  [[nodiscard]] std::span<const LevelChange> take(const orderbook::Book& book, bool new_book);

 private:
  void take_side(const orderbook::Book& book, Side side, std::vector<Level>& before);

  std::vector<Level> bids_;
  std::vector<Level> asks_;
  std::vector<Level> after_;
  std::vector<LevelChange> changes_;
};

}  // namespace ringside::tools
