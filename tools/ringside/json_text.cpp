#include "tools/ringside/json_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "ipc/check.hpp"

namespace ringside::tools {

void JsonText::clear() {
  text_.clear();
  has_items_.fill(false);
  depth_ = 0;
  after_key_ = false;
}

JsonText& JsonText::key(std::string_view name) {
  separate();
  quote(name);
  text_ += ':';
  after_key_ = true;
  return *this;
}

JsonText& JsonText::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

JsonText& JsonText::value(double number) {
  return std::isfinite(number) ? raw(fmt::format("{}", number)) : null();
}

JsonText& JsonText::open(char bracket) {
  separate();
  RINGSIDE_CHECK(depth_ + 1 < depth_max);
  has_items_[++depth_] = false;
  text_ += bracket;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  RINGSIDE_CHECK(depth_ > 0);
  --depth_;
  text_ += bracket;
  return *this;
}

JsonText& JsonText::raw(std::string_view token) {
  separate();
  text_ += token;
  return *this;
}

void JsonText::separate() {
  if (!after_key_ && has_items_[depth_]) text_ += ',';
  has_items_[depth_] = true;
  after_key_ = false;
}

void JsonText::quote(std::string_view text) {
  text_ += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      text_ += c;
    }
  }
  text_ += '"';
}

}  // namespace ringside::tools
