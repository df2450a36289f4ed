// The parts of a book that may allocate: construction, growth, and sorting a snapshot that came in
// no order. Apart from book.cpp, whose code runs for each level.
#include <algorithm>
#include <cstring>
#include <new>

#include "orderbook/book.hpp"

namespace ringside::orderbook {

// Not zeroed: memory that no level has touched stays out of the resident set.
BookSide::BookSide(std::int64_t sign)
    : storage_(std::make_unique_for_overwrite<Entry[]>(levels_reserved)),
      capacity_(levels_reserved),
      sign_(sign) {}

bool BookSide::make_room(std::uint32_t more) noexcept {
  if (more > levels_per_side_max || count_ > levels_per_side_max - more) return false;
  const std::uint32_t needed = count_ + more;
  // Sliding back is worth it when it frees many places at once, or when there is no other way.
  const bool slides = needed <= capacity_ && first_ >= capacity_ / 4;
  if (slides || (needed <= capacity_ && capacity_ >= levels_per_side_max)) {
    std::memmove(storage_.get(), begin(), count_ * sizeof(Entry));
    first_ = 0;
    return true;
  }
  std::uint32_t capacity = capacity_;
  do {
    capacity *= 2;
  } while (capacity < needed);
  std::unique_ptr<Entry[]> larger(new (std::nothrow) Entry[capacity]);
  if (larger == nullptr) return false;
  std::memcpy(larger.get(), begin(), count_ * sizeof(Entry));
  storage_ = std::move(larger);
  capacity_ = capacity;
  first_ = 0;
  ++growth_count_;
  return true;
}

void BookSide::sort_last_wins() noexcept {
  Entry* end = begin() + count_;
  std::stable_sort(begin(), end, [](const Entry& a, const Entry& b) { return a.key < b.key; });
  Entry* kept = begin();
  for (Entry* entry = begin(); entry != end; ++entry) {
    if (kept != begin() && kept[-1].key == entry->key) {
      kept[-1] = *entry;
    } else {
      *kept++ = *entry;
    }
  }
  count_ = static_cast<std::uint32_t>(kept - begin());
}

}  // namespace ringside::orderbook
