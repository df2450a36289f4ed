// Whose a damaged text is: the strings behind a key, found without parsing, because parsing is what
// failed. A guess, good for choosing what to resync; never for data.
//
// Threads: none. Bounded by: the text; symbol_search_bytes_max a symbol. Fails by: finding less.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace ringside::collector {

inline constexpr std::size_t symbol_search_bytes_max = 64;

class SymbolSearch {
 public:
  // `quoted_key`: with its quotes. Both outlive this.
  SymbolSearch(std::string_view text, std::string_view quoted_key) noexcept
      : text_(text), key_(quoted_key) {}

  // The next string behind the key; valid until the next call.
  [[nodiscard]] bool next(std::string_view& symbol) noexcept {
    for (auto at = text_.find(key_); at != std::string_view::npos; at = text_.find(key_)) {
      text_.remove_prefix(at + key_.size());
      skip_blanks();
      if (!skip(':')) continue;
      skip_blanks();
      if (skip('"') && take_string(symbol)) return true;
    }
    return false;
  }

 private:
  void skip_blanks() noexcept {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) {
      text_.remove_prefix(1);
    }
  }
  bool skip(char wanted) noexcept {
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Up to the closing quote; of the escapes only "\/" is one that symbols are written with.
  bool take_string(std::string_view& symbol) noexcept {
    std::size_t length = 0;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        symbol = std::string_view(found_.data(), length);
        return true;
      }
      if (text_[i] == '\\') continue;
      if (length == found_.size()) return false;
      found_[length++] = text_[i];
    }
    return false;
  }

  std::string_view text_;  // what is not searched yet
  std::string_view key_;
  std::array<char, symbol_search_bytes_max> found_;
};

}  // namespace ringside::collector
