// A short text inside a record of fixed size: up to Bytes - 1 printable characters and a zero.
// Unlike a std::string it can lie in shared memory; unlike a bare array its end is always found.
//
// Threads: as any plain value. Fails by: assign() answers false for what does not fit or cannot be
// shown; a text from another process is looked at through valid() first.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ringside::ipc {

template <std::size_t Bytes>
struct FixedText {
  std::array<char, Bytes> bytes{};

  static constexpr std::size_t length_max = Bytes - 1;

  // False, and nothing changes, if the text is too long or holds control characters.
  [[nodiscard]] bool assign(std::string_view text) noexcept {
    if (text.size() > length_max || !printable(text)) return false;
    bytes.fill('\0');
    std::copy(text.begin(), text.end(), bytes.begin());
    return true;
  }
  // For text meant for people: what is too long is cut, marked with "...", what cannot be shown
  // becomes a question mark.
  void assign_cut(std::string_view text) noexcept {
    static_assert(Bytes > 4);
    bytes.fill('\0');
    const auto count = std::min(text.size(), length_max);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = shown(text[i]) ? text[i] : '?';
    if (text.size() > length_max) std::fill_n(bytes.begin() + length_max - 3, 3, '.');
  }
  [[nodiscard]] std::string_view view() const noexcept {
    const auto end = std::find(bytes.begin(), bytes.end(), '\0');
    return {bytes.data(), static_cast<std::size_t>(end - bytes.begin())};
  }
  // Has an end, and nothing in it that would act on a terminal.
  [[nodiscard]] bool valid() const noexcept {
    return view().size() <= length_max && printable(view());
  }

  // Bytes above 127 are let through: symbols may be UTF-8.
  static constexpr bool shown(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  }
  static constexpr bool printable(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), shown);
  }
};
static_assert(std::is_standard_layout_v<FixedText<8>> && sizeof(FixedText<8>) == 8);

}  // namespace ringside::ipc
