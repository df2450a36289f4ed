#include "tools/ringside/analysis/book_changes.hpp"

namespace ringside::tools {

std::span<const LevelChange> BookChanges::take(const orderbook::Book& book, bool new_book) {
  if (new_book) {
    bids_.clear();
    asks_.clear();
  }
  changes_.clear();
  take_side(book, Side::Bid, bids_);
  take_side(book, Side::Ask, asks_);
  return changes_;
}

void BookChanges::take_side(const orderbook::Book& book, Side side, std::vector<Level>& before) {
  after_.resize(book.count(side));
  after_.resize(book.copy_best(side, after_));
  const auto better = [side](const Level& a, const Level& b) {
    return side == Side::Bid ? a.price > b.price : a.price < b.price;
  };
  std::size_t old = 0;
  std::size_t now = 0;
  while (old < before.size() || now < after_.size()) {
    if (now == after_.size() || (old < before.size() && better(before[old], after_[now]))) {
      changes_.push_back(
          {side, static_cast<std::uint32_t>(old), {before[old].price, Quantity{0}}, false});
      ++old;
    } else if (old == before.size() || better(after_[now], before[old])) {
      changes_.push_back({side, static_cast<std::uint32_t>(now), after_[now], true});
      ++now;
    } else {
      if (before[old] != after_[now]) {
        changes_.push_back({side, static_cast<std::uint32_t>(now), after_[now], false});
      }
      ++old;
      ++now;
    }
  }
  before.swap(after_);
}

}  // namespace ringside::tools
