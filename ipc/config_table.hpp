// Reading one TOML table strictly: each key is declared once, with its meaning, unit, default and
// range; the declaration serves the reader, the error messages and the generated CONFIG.md.
//
// Unlike a plain toml++ look-up, an unknown key is an error that names the nearest declared one,
// and so is a value of the wrong type or out of range; nothing is clamped.
// Threads: setup only. Fails by: throwing ConfigError, one line: file:line: what, value, remedy.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::ipc {

// What is wrong, in one line, whatever the file quotes: control characters are shown as \xNN.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::string_view text);
};

// One key as users see it.
struct KeyDoc {
  std::string_view key;
  std::string_view type;          // "string", "integer", "boolean", "array of strings", ...
  std::string_view default_text;  // as it would be written; "required" where there is none
  std::string_view range;         // in words or as an interval, with the unit
  std::string_view meaning;       // one sentence
};

// One table, or array of tables, of the file.
struct SectionDoc {
  std::string_view header;  // "[memory]", "[[venue]]"; empty: the top level
  std::string_view meaning;
  std::span<const KeyDoc> keys;
};

// The declared key nearest to `key` by edit distance; empty when none is within half its length.
std::string_view nearest_key(std::string_view key, std::span<const KeyDoc> keys);

class ConfigTable {
 public:
  // Refuses keys that `section` does not declare. `table` and `file` must outlive this object.
  ConfigTable(const toml::table& table, std::string_view file, const SectionDoc& section);

  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  [[nodiscard]] std::string required_text(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;
  struct IntegerRange {
    std::int64_t fallback, low, high;
  };
  [[nodiscard]] std::int64_t integer(std::string_view key, IntegerRange range) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
  // The text must be one of `allowed`.
  [[nodiscard]] std::string choice(std::string_view key, std::string_view fallback,
                                   std::span<const std::string_view> allowed) const;
  // Tables under `key`: inline tables of an array, or [[key]]. Empty when absent.
  [[nodiscard]] std::vector<const toml::table*> tables(std::string_view key) const;
  [[nodiscard]] const toml::table* table(std::string_view key) const;

  // Throws ConfigError "file:line: section key = value: problem; remedy".
  [[noreturn]] void fail(std::string_view key, std::string_view problem) const;

 private:
  const toml::node* node(std::string_view key) const;

  const toml::table& table_;
  std::string file_;
  SectionDoc section_;
};

// A syntax error becomes a ConfigError with line and column. `source`: what messages call the text.
toml::table parse_config_file(const std::string& path);
toml::table parse_config_text(std::string_view text, const std::string& source);

}  // namespace ringside::ipc
