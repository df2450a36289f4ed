#include "tests/tools/edited_feed.hpp"

#include <algorithm>
#include <map>

#include "tests/e2e/slow_feed.hpp"

namespace ringside::tools::verify_test {
namespace {

using nlohmann::json;

constexpr std::size_t kraken_lines = 700;
constexpr std::size_t kraken_v1_lines = 4'000;
constexpr std::size_t checksum_levels = 10;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Family family_of(const std::string& venue) {
  const std::map<std::string, Family> families{
      {"kraken", Family::Kraken},     {"kraken-v1", Family::KrakenV1},
      {"binance", Family::Spot},      {"binance-us", Family::Spot},
      {"binance-usdm", Family::Usdm}, {"binance-coinm", Family::Coinm}};
  return families.at(venue);
}

std::vector<Line> lines_of_venue(const std::string& venue) {
  if (venue == "kraken") {
    auto lines = interleaved(lines_of("kraken_v2_btcusd_d25"), lines_of("kraken_v2_xrpusd_d25"));
    lines.resize(2 * kraken_lines);
    return lines;
  }
  if (venue == "kraken-v1") {
    auto lines = lines_of("kraken_v1_a");
    lines.resize(kraken_v1_lines);
    return lines;
  }
  if (venue == "binance") return lines_of("binance_spot_multi");
  if (venue == "binance-us") return lines_of("binance_us_multi");
  if (venue == "binance-usdm") return lines_of("binance_futures_multi");
  return lines_of("binance_delivery_multi");
}

// The best levels of both sides.
std::vector<e2e::SlowBook::Level> best_of(const e2e::SlowBook& book) {
  std::vector<e2e::SlowBook::Level> best;
  std::size_t left = checksum_levels;
  for (auto bid = book.bids.rbegin(); bid != book.bids.rend() && left-- > 0; ++bid) {
    best.push_back(bid->second);
  }
  left = checksum_levels;
  for (auto ask = book.asks.begin(); ask != book.asks.end() && left-- > 0; ++ask) {
    best.push_back(ask->second);
  }
  return best;
}

}  // namespace

EditedFeed::EditedFeed(const std::string& name)
    : venue(name), family(family_of(name)), lines(lines_of_venue(name)) {
  const std::map<std::string, std::pair<std::string, std::string>> symbols{
      {"kraken", {"XRP/USD", "BTC/USD"}},
      {"kraken-v1", {"DASH/EUR", "XBT/USD"}},
      {"binance", {"NKNUSDT", "BLZETH"}},
      {"binance-us", {"OMGBUSD", "CRVUSDT"}},
      {"binance-usdm", {"SUSHIUSDT", "AKROUSDT"}},
      {"binance-coinm", {"BCHUSD_PERP", "LINKUSD_PERP"}}};
  hit = symbols.at(name).first;
  other = symbols.at(name).second;
  while (!is_snapshot(snapshot, hit)) ++snapshot;
  while (!is_snapshot(other_snapshot, other)) ++other_snapshot;
  for (auto i = snapshot + 1; i < lines.size(); ++i) {
    if (is_delta(i, hit)) deltas.push_back(i);
  }
}

bool EditedFeed::is_snapshot(std::size_t index, const std::string& symbol) const {
  const auto& line = lines[index];
  const auto& text = line.payload;
  if (!kraken()) return line.kind == "http" && holds(text, "symbol=" + symbol + "&");
  if (line.kind != "recv" || !holds(text, "\"" + symbol + "\"")) return false;
  return holds(text, family == Family::Kraken ? "\"type\":\"snapshot\"" : "{\"as\":");
}

bool EditedFeed::is_delta(std::size_t index, const std::string& symbol) const {
  const auto& line = lines[index];
  const auto& text = line.payload;
  if (line.kind != "recv" || !holds(text, "\"" + symbol + "\"")) return false;
  if (!kraken()) return holds(text, "\"depthUpdate\"");
  if (family == Family::Kraken) {
    return holds(text, "\"channel\":\"book\",\"type\":\"update\"");
  }
  return text.starts_with('[') && holds(text, "\"book-") && !holds(text, "{\"as\":");
}

// Prices and quantities are taken from the text, so that they can be found there again.
std::vector<FeedLevel> EditedFeed::levels(std::size_t index) const {
  std::vector<FeedLevel> found;
  const auto& text = lines[index].payload;
  const auto side_begins = [&](std::size_t at, bool& bid) {
    for (const auto& [key, is_bid] :
         {std::pair{"\"b\":", true}, std::pair{"\"bids\":", true}, std::pair{"\"bs\":", true},
          std::pair{"\"a\":", false}, std::pair{"\"asks\":", false}, std::pair{"\"as\":", false}}) {
      if (text.compare(at, std::string(key).size(), key) == 0) bid = is_bid;
    }
  };
  bool bid = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    side_begins(at, bid);
    const std::string begin = family == Family::Kraken ? "{\"price\":" : "[\"";
    if (text.compare(at, begin.size(), begin) != 0) continue;
    const auto price = at + begin.size();
    const auto price_end = text.find_first_of("\",", price);
    const std::string middle = family == Family::Kraken ? ",\"qty\":" : "\",\"";
    if (text.compare(price_end, middle.size(), middle) != 0) continue;
    const auto quantity = price_end + middle.size();
    const auto quantity_end = text.find_first_of("\"}", quantity);
    found.push_back({bid, text.substr(price, price_end - price),
                     text.substr(quantity, quantity_end - quantity)});
  }
  return found;
}

std::string EditedFeed::written(const FeedLevel& level) const {
  if (family == Family::Kraken) {
    return "{\"price\":" + level.price + ",\"qty\":" + level.quantity + "}";
  }
  return "[\"" + level.price + "\",\"" + level.quantity + "\"";
}

std::size_t EditedFeed::next_delta(std::size_t index) const {
  const auto found = std::upper_bound(deltas.begin(), deltas.end(), index);
  EXPECT_NE(found, deltas.end());
  return *found;
}

std::size_t EditedFeed::pick(const std::function<bool(std::size_t)>& good) const {
  for (auto n = deltas.size() / 2; n + 1 < deltas.size(); ++n) {
    if (good(deltas[n])) return deltas[n];
  }
  ADD_FAILURE() << "no such delta of " << hit;
  return deltas.front();
}

bool EditedFeed::touched_after(std::size_t index, const FeedLevel& level) const {
  return std::any_of(deltas.begin(), deltas.end(), [&](std::size_t i) {
    if (i <= index) return false;
    const auto all = levels(i);
    return std::any_of(all.begin(), all.end(), [&](const FeedLevel& each) {
      return each.bid == level.bid && each.price == level.price;
    });
  });
}

std::size_t EditedFeed::pick_visible(FeedLevel& level) const {
  e2e::SlowBook book;
  const auto apply = [&](std::size_t index) {
    for (const auto& each : levels(index)) book.set(each.bid, each.price, each.quantity);
    if (family == Family::Kraken) book.truncate(25);
  };
  apply(snapshot);
  for (std::size_t n = 0; n + 1 < deltas.size(); ++n) {
    const auto before = best_of(book);
    apply(deltas[n]);
    if (n < deltas.size() / 2) continue;
    const auto after = best_of(book);
    const auto touched = levels(deltas[n]);
    const auto next = levels(deltas[n + 1]);
    for (const auto& each : touched) {
      // Not there before, there now, and not touched by the next message.
      e2e::SlowBook alone;
      alone.set(each.bid, each.price, each.quantity);
      const auto& side = each.bid ? alone.bids : alone.asks;
      if (side.empty()) continue;
      const auto& wanted = side.begin()->second;
      const auto in = [&](const auto& list) {
        return std::find(list.begin(), list.end(), wanted) != list.end();
      };
      const bool again = std::any_of(next.begin(), next.end(), [&](const FeedLevel& later) {
        return later.price == each.price;
      });
      if (again || in(before) || !in(after)) continue;
      level = each;
      return deltas[n];
    }
  }
  ADD_FAILURE() << "no delta of " << hit << " near the best";
  return deltas.front();
}

void EditedFeed::replace(std::size_t index, const std::string& from, const std::string& to) {
  auto& text = lines[index].payload;
  const auto at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from << " is not in " << text.substr(0, 300);
  text.replace(at, from.size(), to);
}

std::string EditedFeed::value_of(std::size_t index, const std::string& key) const {
  const auto& text = lines[index].payload;
  const auto found = text.find("\"" + key + "\":");
  EXPECT_NE(found, std::string::npos) << key;
  const auto begin = found + key.size() + 3;
  return text.substr(begin, text.find_first_of(",}", begin) - begin);
}

}  // namespace ringside::tools::verify_test
