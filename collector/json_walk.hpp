// What simdjson On-Demand leaves open when it is used lazily: the text of strings and numbers as
// they stand, and a walk through values that nobody wants, so that junk in them is refused as well.
//
// Threads: none; works on the caller's parser. Bounded by json_depth_max. Fails by: false.
#pragma once

#include <simdjson.h>

#include <string_view>

namespace ringside::collector {

inline constexpr unsigned json_depth_max = 16;

// The text between a key's quotes. False: it has escapes, which no venue sends in keys.
[[nodiscard]] inline bool plain_text(simdjson::ondemand::raw_json_string raw,
                                     std::string_view& text) noexcept {
  const char* const begin = raw.raw();
  const char* end = begin;
  while (*end != '"' && *end != '\\') ++end;  // the parser has seen that the quote closes
  text = std::string_view(begin, static_cast<std::size_t>(end - begin));
  return *end == '"';
}

// A JSON number by the grammar (RFC 8259), nothing around it.
[[nodiscard]] constexpr bool is_json_number(std::string_view text) noexcept {
  std::size_t i = 0;
  const auto digits = [&] {
    const auto begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - begin;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const auto integer = i;
  const auto count = digits();
  if (count == 0 || (count > 1 && text[integer] == '0')) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

// The token of a number, without what follows it.
[[nodiscard]] inline std::string_view number_text(simdjson::ondemand::value& number) noexcept {
  auto token = number.raw_json_token();
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  return token;
}

// Whether a value that nobody wants is valid JSON throughout; consumes it.
[[nodiscard]] bool is_valid(simdjson::ondemand::value unwanted, unsigned depth = 0) noexcept;

}  // namespace ringside::collector
