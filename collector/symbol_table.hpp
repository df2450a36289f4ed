// Symbols of one adapter to their dense numbers. Filled at construction, and up to the capacity
// given then; neither adding nor a look-up allocates, and a look-up compares no more than one name
// in the common case.
//
// Threads: the adapter's. Bounded by: the capacity. Fails by: no_symbol.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::collector {

using SymbolIndex = std::uint32_t;
inline constexpr SymbolIndex no_symbol = ~SymbolIndex{0};

class SymbolTable {
 public:
  // `capacity`: symbols there will ever be; at least those given.
  explicit SymbolTable(const std::vector<std::string>& symbols, std::size_t capacity = 0)
      : capacity_(std::max(capacity, symbols.size())) {
    symbols_.reserve(capacity_);
    slots_.assign(std::bit_ceil(capacity_ * 4 + 4), no_symbol);
    for (const auto& symbol : symbols) static_cast<void>(add(symbol));
  }

  // One that is not there yet. no_symbol: there is no room.
  [[nodiscard]] SymbolIndex add(std::string symbol) noexcept {
    if (full()) return no_symbol;
    const auto index = static_cast<SymbolIndex>(symbols_.size());
    std::size_t at = start(symbol);
    while (slots_[at] != no_symbol) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = index;
    symbols_.push_back(std::move(symbol));
    return index;
  }

  [[nodiscard]] SymbolIndex find(std::string_view symbol) const noexcept {
    for (std::size_t at = start(symbol); slots_[at] != no_symbol;
         at = (at + 1) & (slots_.size() - 1)) {
      if (symbols_[slots_[at]] == symbol) return slots_[at];
    }
    return no_symbol;
  }
  [[nodiscard]] const std::string& name(SymbolIndex index) const noexcept {
    return symbols_[index];
  }
  [[nodiscard]] bool full() const noexcept { return symbols_.size() == capacity_; }
  [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }

 private:
  [[nodiscard]] std::size_t start(std::string_view symbol) const noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (const char c : symbol) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
    return (hash ^ (hash >> 32)) & (slots_.size() - 1);
  }

  std::size_t capacity_;
  std::vector<std::string> symbols_;
  std::vector<SymbolIndex> slots_;  // open addressing, at most a quarter full
};

}  // namespace ringside::collector
