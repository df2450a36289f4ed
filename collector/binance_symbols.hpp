// The instruments of one Binance adapter: how the venue spells them in the data ("BTCUSDT") and in
// a stream's name ("btcusdt"), and in which units their numbers are.
//
// Threads: the adapter's. Bounded by: the capacity. Fails by: no_symbol.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/symbol_table.hpp"
#include "ringside/price.hpp"

namespace ringside::collector {

inline constexpr std::size_t binance_symbol_bytes_max = 64;

struct BinanceUnits {
  Exponent price{-8};  // until known: what the venue's widest numbers need
  Exponent quantity{-8};
  bool known = false;
};

class BinanceSymbols {
 public:
  // `capacity`: as of SymbolTable.
  explicit BinanceSymbols(const std::vector<std::string>& names, std::size_t capacity = 0)
      : table_(names, capacity), units_(names.size()) {
    units_.reserve(std::max(capacity, names.size()));
  }

  // One that is not there yet, in units that are not known. no_symbol: there is no room.
  [[nodiscard]] SymbolIndex add(std::string name) noexcept {
    const auto index = table_.add(std::move(name));
    if (index != no_symbol) units_.emplace_back();
    return index;
  }
  [[nodiscard]] bool full() const noexcept { return table_.full(); }

  [[nodiscard]] SymbolIndex find(std::string_view name) const noexcept { return table_.find(name); }
  // Of a stream's name: what stands before the first '@', in either case.
  [[nodiscard]] SymbolIndex find_stream(std::string_view stream) const noexcept {
    const auto name = stream.substr(0, stream.find('@'));
    if (name.size() > binance_symbol_bytes_max) return no_symbol;
    std::array<char, binance_symbol_bytes_max> upper;
    for (std::size_t i = 0; i < name.size(); ++i) {
      const char c = name[i];
      upper[i] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return find(std::string_view(upper.data(), name.size()));
  }
  [[nodiscard]] const std::string& name(SymbolIndex index) const noexcept {
    return table_.name(index);
  }
  [[nodiscard]] const BinanceUnits& units(SymbolIndex index) const noexcept {
    return units_[index];
  }
  void set_units(SymbolIndex index, Exponent price, Exponent quantity) noexcept {
    units_[index] = BinanceUnits{price, quantity, true};
  }
  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

 private:
  SymbolTable table_;
  std::vector<BinanceUnits> units_;
};

}  // namespace ringside::collector
