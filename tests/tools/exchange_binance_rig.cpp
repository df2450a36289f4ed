#include "tests/tools/exchange_binance_rig.hpp"

namespace ringside::exchange {
namespace {

using nlohmann::json;

bool is_zero(const std::string& text) { return text.find_first_not_of("0.") == std::string::npos; }

std::string mantissa_text(std::string text, std::size_t padding) {
  std::erase(text, '.');
  text.resize(text.size() - padding);
  const auto digit = std::min(text.find_first_not_of('0'), text.size() - 1);
  return text.substr(digit);
}

std::string fnv(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

}  // namespace

std::string key_of(const std::string& price) {
  const auto whole = std::min(price.find('.'), price.size());
  return std::string(20 - whole, '0') + price;
}

void PlainBinanceBook::set(bool bid, const std::string& price, const std::string& quantity) {
  auto& side = bid ? bids : asks;
  ++levels;
  if (!is_zero(quantity)) {
    side[key_of(price)] = quantity;
  } else if (side.erase(key_of(price)) == 0) {
    ++absent_deletes;
  }
}

std::string PlainBinanceBook::top() const {
  if (bids.empty() || asks.empty()) return "-";
  return bids.rbegin()->first + " " + bids.rbegin()->second + " " + asks.begin()->first + " " +
         asks.begin()->second;
}

void PlainBinanceBook::on_ticker(const json& data) {
  tickers_[data.at("u")] = key_of(data.at("b")) + " " + std::string(data.at("B")) + " " +
                           key_of(data.at("a")) + " " + std::string(data.at("A"));
}

void PlainBinanceBook::start_over() {
  joined = false;
  first_ = true;
  bids.clear();
  asks.clear();
  buffered_.clear();
}

void PlainBinanceBook::on_depth(const json& data) {
  if (!joined) {
    buffered_.push_back(data);
    return;
  }
  const std::uint64_t first = data.at("U"), last = data.at("u");
  if (futures ? last < last_id : last <= last_id) return;
  bool follows = false;
  if (futures) {
    const std::uint64_t previous = data.at("pu");
    follows = first_ ? previous <= last_id : previous == last_id;
  } else {
    follows = first_ ? first <= last_id + 1 : first == last_id + 1;
  }
  if (!follows) {
    ++gaps;
    start_over();
    buffered_.push_back(data);
    return;
  }
  apply(data);
}

void PlainBinanceBook::apply(const json& data) {
  first_ = false;
  last_id = data.at("u");
  ++applied;
  for (const bool bid : {true, false}) {
    for (const auto& level : data.at(bid ? "b" : "a")) set(bid, level.at(0), level.at(1));
  }
  const auto told = tickers_.upper_bound(last_id);
  if (told != tickers_.begin()) {
    ++tops_compared;
    tops_wrong += std::prev(told)->second == top() ? 0 : 1;
  }
  std::string lines;
  for (auto at = bids.rbegin(); at != bids.rend(); ++at) {
    lines += "B " + mantissa_text(at->first, price_padding) + " " +
             mantissa_text(at->second, quantity_padding) + "\n";
  }
  for (const auto& [price, quantity] : asks) {
    lines += "A " + mantissa_text(price, price_padding) + " " +
             mantissa_text(quantity, quantity_padding) + "\n";
  }
  const std::int64_t ms = data.at(futures ? "T" : "E");
  points[std::to_string(ms * 1'000'000)] = fnv(lines);
}

void PlainBinanceBook::on_snapshot(const json& body) {
  bids.clear();
  asks.clear();
  last_id = body.at("lastUpdateId");
  for (const bool bid : {true, false}) {
    for (const auto& level : body.at(bid ? "bids" : "asks")) set(bid, level.at(0), level.at(1));
  }
  joined = true;
  first_ = true;
  const auto early = std::exchange(buffered_, {});
  for (const auto& data : early) on_depth(data);
}

}  // namespace ringside::exchange
