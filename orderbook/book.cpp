#include "orderbook/book.hpp"

#include <algorithm>
#include <cstring>

#include "ipc/check.hpp"

namespace ringside::orderbook {
namespace {

// Levels looked at one by one from the best before the binary search takes over: most updates of
// the recorded feeds lie there, and the far ones cost no more than the search alone.
constexpr std::uint32_t scanned_levels = 8;

}  // namespace

// Position of the first entry whose key is >= key.
std::uint32_t BookSide::lower_bound(std::int64_t key) const noexcept {
  const Entry* entries = begin();
  std::uint32_t left = count_;
  const std::uint32_t stop = count_ > scanned_levels ? count_ - scanned_levels : 0;
  for (; left > stop; --left) {
    if (entries[left - 1].key < key) return left;
  }
  if (left == 0) return 0;
  // A product, not a branch: its outcome is a coin toss.
  const Entry* base = entries;
  while (left > 1) {
    const std::uint32_t half = left / 2;
    base += std::size_t{half} * static_cast<std::size_t>(base[half - 1].key < key);
    left -= half;
  }
  return static_cast<std::uint32_t>(base - entries) + static_cast<std::uint32_t>(base->key < key);
}

// Moves the shorter part: towards the free space before the array, or towards that behind it.
bool BookSide::insert(std::uint32_t position, Entry entry) noexcept {
  const bool move_front = first_ > 0 && position < count_ / 2;
  if (!move_front && first_ + count_ == capacity_ && !make_room(1)) return false;
  if (move_front) {
    --first_;
    std::memmove(begin(), begin() + 1, position * sizeof(Entry));
  } else {
    std::memmove(begin() + position + 1, begin() + position, (count_ - position) * sizeof(Entry));
  }
  begin()[position] = entry;
  ++count_;
  return true;
}

void BookSide::erase(std::uint32_t position) noexcept {
  if (position < count_ / 2) {
    std::memmove(begin() + 1, begin(), position * sizeof(Entry));
    ++first_;
  } else {
    std::memmove(begin() + position, begin() + position + 1,
                 (count_ - position - 1) * sizeof(Entry));
  }
  --count_;
}

Applied BookSide::apply(Level level) noexcept {
  const std::int64_t key = level.price.mantissa * sign_;
  const std::int64_t quantity = level.quantity.mantissa;
  const std::uint32_t position = lower_bound(key);
  if (position < count_ && begin()[position].key == key) {
    const std::uint32_t index = count_ - 1 - position;
    if (quantity == 0) {
      erase(position);
      return {Change::Deleted, index};
    }
    begin()[position].quantity = quantity;
    return {Change::Modified, index};
  }
  const std::uint32_t index = count_ - position;
  if (quantity == 0) return {Change::AbsentDelete, index};
  if (!insert(position, {key, quantity})) return {Change::Refused, index};
  return {Change::Inserted, index};
}

void BookSide::truncate(std::uint32_t depth) noexcept {
  if (depth == 0 || count_ <= depth) return;
  first_ += count_ - depth;
  count_ = depth;
}

void BookSide::clear() noexcept {
  first_ = 0;
  count_ = 0;
}

bool BookSide::append(std::span<const Level> levels) noexcept {
  const auto more = static_cast<std::uint32_t>(levels.size());
  RINGSIDE_DCHECK(more == levels.size());
  if (more > capacity_ - first_ - count_ && !make_room(more)) return false;
  Entry* to = begin() + count_;
  for (const Level& level : levels) {
    *to++ = {level.price.mantissa * sign_, level.quantity.mantissa};
  }
  count_ += more;
  return true;
}

// Venues send levels best first or worst first; only another order costs a sort.
void BookSide::order() noexcept {
  Entry* entries = begin();
  Entry* end = entries + count_;
  const auto not_ascending = [](const Entry& a, const Entry& b) { return a.key >= b.key; };
  const auto not_descending = [](const Entry& a, const Entry& b) { return a.key <= b.key; };
  if (std::adjacent_find(entries, end, not_ascending) != end) {
    if (std::adjacent_find(entries, end, not_descending) != end) {
      sort_last_wins();
    } else {
      std::reverse(entries, end);
    }
  }
  end = std::remove_if(begin(), begin() + count_,
                       [](const Entry& entry) { return entry.quantity == 0; });
  count_ = static_cast<std::uint32_t>(end - begin());
}

std::uint32_t Book::copy_best(Side side, std::span<Level> to) const noexcept {
  const BookSide& from = of(side);
  const auto copied = std::min(from.count(), static_cast<std::uint32_t>(to.size()));
  for (std::uint32_t index = 0; index < copied; ++index) to[index] = from.level(index);
  return copied;
}

}  // namespace ringside::orderbook
