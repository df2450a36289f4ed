// The instruments of one Binance adapter, found by the venue's spelling in the data ("BTCUSDT") or
// in a stream's name ("btcusdt"). Unlike a general map it is filled at construction only.
//
// Threads: the adapter's. Bounded by what is added. Fails by: no_binance_instrument.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ringside/event.hpp"

namespace ringside::collector {

using BinanceIndex = std::uint32_t;  // 0-based within one adapter
inline constexpr BinanceIndex no_binance_instrument = ~BinanceIndex{0};
inline constexpr std::size_t binance_symbol_bytes_max = 64;

// What the decoder needs of one instrument.
struct BinanceSymbol {
  std::string name;  // upper case
  Exponent price_exponent;
  Exponent quantity_exponent;
  bool exponents_known = false;
};

class BinanceSymbols {
 public:
  BinanceIndex add(BinanceSymbol symbol) {
    const auto index = static_cast<BinanceIndex>(symbols_.size());
    by_name_.emplace(symbol.name, index);
    symbols_.push_back(std::move(symbol));
    return index;
  }
  [[nodiscard]] BinanceIndex find(std::string_view name) const noexcept {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? no_binance_instrument : found->second;
  }
  // Of a stream name: what stands before the first '@', in either case.
  [[nodiscard]] BinanceIndex find_stream(std::string_view stream) const noexcept {
    const auto name = stream.substr(0, stream.find('@'));
    if (name.size() > binance_symbol_bytes_max) return no_binance_instrument;
    std::array<char, binance_symbol_bytes_max> upper;
    for (std::size_t i = 0; i < name.size(); ++i) {
      const char c = name[i];
      upper[i] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return find(std::string_view(upper.data(), name.size()));
  }
  [[nodiscard]] const BinanceSymbol& operator[](BinanceIndex index) const noexcept {
    return symbols_[index];
  }
  void set_exponents(BinanceIndex index, Exponent price, Exponent quantity) noexcept {
    symbols_[index].price_exponent = price;
    symbols_[index].quantity_exponent = quantity;
    symbols_[index].exponents_known = true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::vector<BinanceSymbol> symbols_;
  std::unordered_map<std::string, BinanceIndex, Hash, std::equal_to<>> by_name_;
};

}  // namespace ringside::collector
