#include "ipc/config_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <sstream>

#include "ipc/check.hpp"

namespace ringside::ipc {
namespace {

std::string in_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) {
      line += fmt::format("\\x{:02x}", code);
    } else {
      line += c;
    }
  }
  return line;
}

// Levenshtein distance; keys are short.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

template <typename Parse>
toml::table parsed(const std::string& source, Parse parse) {
  try {
    return parse();
  } catch (const toml::parse_error& error) {
    const auto& begin = error.source().begin;
    throw ConfigError(fmt::format("{}:{}:{}: not valid TOML: {}; texts need quotes", source,
                                  begin.line, begin.column, error.description()));
  }
}

std::string shown(const toml::node& node) {
  std::ostringstream text;
  node.visit([&text](const auto& value) { text << value; });
  return text.str();
}

}  // namespace

ConfigError::ConfigError(std::string_view text) : std::runtime_error(in_one_line(text)) {}

std::string_view nearest_key(std::string_view key, std::span<const KeyDoc> keys) {
  std::string_view nearest;
  std::size_t best = std::max<std::size_t>(key.size() / 2, 2) + 1;
  for (const auto& doc : keys) {
    const auto distance = edit_distance(key, doc.key);
    if (distance < best) {
      best = distance;
      nearest = doc.key;
    }
  }
  return nearest;
}

ConfigTable::ConfigTable(const toml::table& table, std::string_view file, const SectionDoc& section)
    : table_(table), file_(file), section_(section) {
  for (const auto& [key, value] : table) {
    const auto name = key.str();
    const bool known = std::any_of(section_.keys.begin(), section_.keys.end(),
                                   [&](const KeyDoc& doc) { return doc.key == name; });
    if (known) continue;
    const auto nearest = nearest_key(name, section_.keys);
    const auto where =
        section_.header.empty() ? std::string("the top level") : std::string(section_.header);
    std::string remedy;
    if (!nearest.empty()) {
      remedy = fmt::format("did you mean '{}'?", nearest);
    } else {
      remedy = "known keys:";
      for (const auto& doc : section_.keys) remedy += fmt::format(" {}", doc.key);
    }
    throw ConfigError(fmt::format("{}:{}: unknown key '{}' in {}; {}", file_,
                                  value.source().begin.line, name, where, remedy));
  }
}

const toml::node* ConfigTable::node(std::string_view key) const {
  RINGSIDE_CHECK(std::any_of(section_.keys.begin(), section_.keys.end(),
                             [&](const KeyDoc& doc) { return doc.key == key; }));
  return table_.get(key);
}

void ConfigTable::fail(std::string_view key, std::string_view problem) const {
  const auto* found = table_.get(key);
  const auto line = found ? found->source().begin.line : table_.source().begin.line;
  const auto value = found ? fmt::format(" = {}", shown(*found)) : std::string();
  const auto section = section_.header.empty() ? "" : fmt::format("{} ", section_.header);
  throw ConfigError(fmt::format("{}:{}: {}{}{}: {}", file_, line, section, key, value, problem));
}

std::string ConfigTable::required_text(std::string_view key) const {
  if (node(key) == nullptr) fail(key, "is missing; this key has no default");
  auto value = text(key, "");
  if (value.empty()) fail(key, "must not be empty");
  return value;
}

std::string ConfigTable::text(std::string_view key, std::string_view fallback) const {
  const auto* found = node(key);
  if (found == nullptr) return std::string(fallback);
  if (const auto value = found->value_exact<std::string>()) return *value;
  fail(key, "must be a string in quotes");
}

bool ConfigTable::boolean(std::string_view key, bool fallback) const {
  const auto* found = node(key);
  if (found == nullptr) return fallback;
  if (const auto value = found->value_exact<bool>()) return *value;
  fail(key, "must be true or false, without quotes");
}

std::int64_t ConfigTable::integer(std::string_view key, IntegerRange range) const {
  const auto* found = node(key);
  if (found == nullptr) return range.fallback;
  const auto value = found->value_exact<std::int64_t>();
  if (!value) fail(key, "must be an integer, without quotes");
  if (*value < range.low || *value > range.high) {
    fail(key, fmt::format("is out of range; allowed: {} to {}", range.low, range.high));
  }
  return *value;
}

std::vector<std::string> ConfigTable::texts(std::string_view key) const {
  const auto* found = node(key);
  if (found == nullptr) return {};
  const auto* array = found->as_array();
  if (array == nullptr) fail(key, "must be an array of strings: [\"a\", \"b\"]");
  std::vector<std::string> values;
  for (const auto& element : *array) {
    const auto value = element.value_exact<std::string>();
    if (!value) fail(key, "must hold strings only: [\"a\", \"b\"]");
    values.push_back(*value);
  }
  return values;
}

std::string ConfigTable::choice(std::string_view key, std::string_view fallback,
                                std::span<const std::string_view> allowed) const {
  auto value = text(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  std::vector<KeyDoc> docs;
  for (const auto& name : allowed) docs.push_back(KeyDoc{name, "", "", "", ""});
  const auto nearest = nearest_key(value, docs);
  std::string names;
  for (const auto& name : allowed) names += fmt::format("{}{}", names.empty() ? "" : " ", name);
  fail(key, nearest.empty()
                ? fmt::format("is not known; allowed: {}", names)
                : fmt::format("is not known; did you mean '{}'? allowed: {}", nearest, names));
}

std::vector<const toml::table*> ConfigTable::tables(std::string_view key) const {
  const auto* found = node(key);
  if (found == nullptr) return {};
  const auto* array = found->as_array();
  if (array == nullptr) fail(key, fmt::format("must be an array of tables: [[{}]]", key));
  std::vector<const toml::table*> result;
  for (const auto& element : *array) {
    const auto* element_table = element.as_table();
    if (element_table == nullptr) fail(key, "must hold tables only");
    result.push_back(element_table);
  }
  return result;
}

const toml::table* ConfigTable::table(std::string_view key) const {
  const auto* found = node(key);
  if (found == nullptr) return nullptr;
  const auto* result = found->as_table();
  if (result == nullptr) fail(key, fmt::format("must be a table: [{}]", key));
  return result;
}

toml::table parse_config_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw ConfigError(fmt::format(
        "{}: cannot be read as a file ({}); give the deployment's TOML file with --config", path,
        error ? error.message() : "not a regular file"));
  }
  return parsed(path, [&] { return toml::parse_file(path); });
}

toml::table parse_config_text(std::string_view text, const std::string& source) {
  return parsed(source, [&] { return toml::parse(text, source); });
}

}  // namespace ringside::ipc
