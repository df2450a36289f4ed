// Writes JSON: the other direction from simdjson. Unlike a document model it keeps nothing but the
// text; the caller opens and closes what it writes.
//
// Threads: one an object. Bounded by: depth_max levels of nesting (checked).
// Fails by: nothing; bytes that are no UTF-8 pass through as they are.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::tools {

class JsonText {
 public:
  static constexpr std::size_t depth_max = 32;

  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }
  JsonText& key(std::string_view name);

  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(bool flag) { return raw(flag ? "true" : "false"); }
  // Infinities and NaN have no spelling: null.
  JsonText& value(double number);
  JsonText& null() { return raw("null"); }
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonText& value(T number) { return raw(std::to_string(number)); }

  template <typename T>
  JsonText& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  [[nodiscard]] const std::string& text() const { return text_; }
  void clear();

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  JsonText& raw(std::string_view token);
  void separate();
  void quote(std::string_view text);

  std::string text_;
  std::array<bool, depth_max> has_items_{};
  std::size_t depth_ = 0;
  bool after_key_ = false;
};

}  // namespace ringside::tools
