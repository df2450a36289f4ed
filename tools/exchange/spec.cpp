#include "tools/exchange/spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace ringside::exchange {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument("--generate: " + why);
}

struct Key {
  std::string_view name;
  std::uint32_t GeneratorSpec::*field;
  std::uint32_t least;
  std::uint32_t most;
};
constexpr std::array<Key, 8> keys{{{"depth", &GeneratorSpec::depth, 1, 5'000},
                                   {"rate", &GeneratorSpec::rate, 1, 10'000'000},
                                   {"burst", &GeneratorSpec::burst, 1, 10'000},
                                   {"seconds", &GeneratorSpec::seconds, 0, 1'000'000},
                                   {"levels", &GeneratorSpec::levels, 0, 20'000},
                                   {"rest_ms", &GeneratorSpec::rest_ms, 0, 60'000},
                                   {"deep", &GeneratorSpec::deep, 0, 1'000},
                                   {"depth_ms", &GeneratorSpec::depth_ms, 0, 10'000}}};

bool parse_number(std::string_view text, std::uint32_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && stop == text.data() + text.size();
}

std::string_view take(std::string_view& text, char separator) {
  const auto at = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

bool plain(std::string_view symbol) {
  return !symbol.empty() && std::all_of(symbol.begin(), symbol.end(), [](char c) {
    return c > ' ' && c < 127 && c != '"' && c != '\\' && c != '#' && c != '*';
  });
}

void add_symbols(std::string_view text, std::vector<std::string>& symbols) {
  const auto star = text.find('*');
  if (star == std::string_view::npos) {
    if (!plain(text)) refuse("symbol '" + std::string(text) + "' is not a plain name");
    symbols.emplace_back(text);
    return;
  }
  const auto pattern = text.substr(0, star);
  const auto sign = pattern.find('#');
  std::uint32_t count = 0;
  if (sign == std::string_view::npos || !parse_number(text.substr(star + 1), count) || count == 0 ||
      count > symbols_max) {
    refuse("'" + std::string(text) + "' must look like S#/USD*500, with a count from 1 to 10000");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string symbol(pattern.substr(0, sign));
    symbol += std::to_string(i);
    symbol += pattern.substr(sign + 1);
    if (!plain(symbol)) refuse("symbol '" + symbol + "' is not a plain name");
    symbols.push_back(std::move(symbol));
  }
}

void set_key(std::string_view text, GeneratorSpec& spec) {
  std::string_view value = text;
  const auto name = take(value, '=');
  if (name == "rate" && value == "max") {
    spec.rate = 0;
    return;
  }
  const auto key =
      std::find_if(keys.begin(), keys.end(), [name](const Key& each) { return each.name == name; });
  if (key == keys.end()) {
    refuse("unknown key '" + std::string(name) +
           "'; keys are depth, rate, burst, seconds, levels, rest_ms, deep, depth_ms");
  }
  std::uint32_t number = 0;
  if (!parse_number(value, number) || number < key->least || number > key->most) {
    refuse(std::string(name) + " '" + std::string(value) + "' must be a number from " +
           std::to_string(key->least) + " to " + std::to_string(key->most) +
           (name == "rate" ? ", or max" : ""));
  }
  spec.*key->field = number;
}

}  // namespace

GeneratorSpec parse_spec(std::string_view text) {
  GeneratorSpec spec;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    refuse("'" + std::string(text) +
           "' names no venue; it must look like kraken:BTC/USD,ETH/USD;depth=25;rate=2000");
  }
  spec.venue = text.substr(0, colon);
  text.remove_prefix(colon + 1);
  std::string_view symbols = take(text, ';');
  while (!symbols.empty()) add_symbols(take(symbols, ','), spec.symbols);
  while (!text.empty()) set_key(take(text, ';'), spec);
  if (spec.symbols.empty()) refuse("no symbols after '" + spec.venue + ":'");
  if (spec.symbols.size() > symbols_max) refuse("more than 10000 symbols");
  auto sorted = spec.symbols;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) refuse("symbol '" + *twice + "' is named twice");
  if (spec.levels == 0) spec.levels = spec.depth + spec.depth / 2 + 5;
  if (spec.levels < spec.depth) refuse("levels must not be below depth");
  return spec;
}

}  // namespace ringside::exchange
