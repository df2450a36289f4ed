// Symbols of one adapter to their dense numbers. Filled at construction; a look-up afterwards
// neither allocates nor compares more than one name in the common case.
//
// Threads: the adapter's. Bounded by: symbols added. Fails by: no_symbol.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::collector {

using SymbolIndex = std::uint32_t;
inline constexpr SymbolIndex no_symbol = ~SymbolIndex{0};

class SymbolTable {
 public:
  explicit SymbolTable(const std::vector<std::string>& symbols) : symbols_(symbols) {
    slots_.assign(std::bit_ceil(symbols.size() * 4 + 4), no_symbol);
    for (SymbolIndex i = 0; i < symbols_.size(); ++i) {
      std::size_t at = start(symbols_[i]);
      while (slots_[at] != no_symbol) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = i;
    }
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
  [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }

 private:
  [[nodiscard]] std::size_t start(std::string_view symbol) const noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (const char c : symbol) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
    return (hash ^ (hash >> 32)) & (slots_.size() - 1);
  }

  std::vector<std::string> symbols_;
  std::vector<SymbolIndex> slots_;  // open addressing, at most a quarter full
};

}  // namespace ringside::collector
