#include "collector/binance_metadata.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "collector/decimal.hpp"
#include "collector/json_walk.hpp"

namespace ringside::collector {

using simdjson::ondemand::array;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

namespace {

struct Decimals {
  int wire = 0;    // digits behind the point
  int needed = 0;  // the same without trailing zeros
};

std::optional<Decimals> decimals_of(std::string_view text) noexcept {
  const auto point = text.find('.');
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return {};
  if (point == std::string_view::npos) return Decimals{};
  if (text.find('.', point + 1) != std::string_view::npos) return {};
  const auto last = text.find_last_not_of('0');
  return Decimals{static_cast<int>(std::min<std::size_t>(text.size() - point - 1, 1000)),
                  static_cast<int>(std::min<std::size_t>(last - point, 1000))};
}

simdjson::padded_string_view padded_view(std::string_view padded) noexcept {
  return simdjson::padded_string_view(padded.data(), padded.size(),
                                      padded.size() + simdjson::SIMDJSON_PADDING);
}

// Spot: BREAK, HALT, and a delisted one is missing one day. Futures: PENDING_TRADING, SETTLING and
// the like, before and after; CLOSE and DELIVERED are the end.
ListingStatus listing_status(std::string_view status) noexcept {
  if (status == "TRADING") return ListingStatus::Trading;
  const bool ended = status == "CLOSE" || status == "DELIVERED";
  return ended ? ListingStatus::Delisted : ListingStatus::Halted;
}

// What one entry of "symbols" says, in whatever order.
struct SymbolEntry {
  std::string_view symbol;
  std::string_view status = "TRADING";
  int price_decimals = -1;
  int quantity_decimals = -1;
  std::string_view tick_size;
  std::string_view step_size;

  void refine(int& decimals, int by) const noexcept { decimals = std::max(decimals, by); }

  [[nodiscard]] bool take_filter(object filter) {
    std::string_view type;
    std::string_view tick;
    std::string_view step;
    for (auto entry : filter) {
      simdjson::ondemand::field field;
      std::string_view key;
      if (std::move(entry).get(field) || !plain_text(field.key(), key)) return false;
      auto* const text = key == "filterType" ? &type
                         : key == "tickSize" ? &tick
                         : key == "stepSize" ? &step
                                             : nullptr;
      if (text != nullptr && field.value().get_string().get(*text)) return false;
    }
    if (type == "PRICE_FILTER") {
      if (const auto decimals = decimals_of(tick)) refine(price_decimals, decimals->needed);
      tick_size = tick;
    } else if (type == "LOT_SIZE") {
      if (const auto decimals = decimals_of(step)) refine(quantity_decimals, decimals->needed);
      step_size = step;
    }
    return true;
  }

  [[nodiscard]] bool take_filters(value filters) {
    array items;
    if (filters.get_array().get(items)) return false;
    for (auto item : items) {
      object filter;
      if (std::move(item).get_object().get(filter) || !take_filter(filter)) return false;
    }
    return true;
  }

  [[nodiscard]] bool take(std::string_view key, value item) {
    if (key == "symbol") return !item.get_string().get(symbol);
    if (key == "status" || key == "contractStatus") return !item.get_string().get(status);
    if (key == "filters") return take_filters(item);
    if (key == "pricePrecision" || key == "quantityPrecision") {
      std::uint64_t decimals = 0;
      if (item.get_uint64().get(decimals)) return false;
      if (decimals > decimals_max) return false;
      refine(key == "pricePrecision" ? price_decimals : quantity_decimals,
             static_cast<int>(decimals));
    }
    return true;
  }

  [[nodiscard]] BinanceTerms terms() const noexcept {
    BinanceTerms terms;
    terms.symbol = symbol;
    terms.listing.status = listing_status(status);
    terms.has_exponents = price_decimals >= 0 && price_decimals <= decimals_max &&
                          quantity_decimals >= 0 && quantity_decimals <= decimals_max;
    if (!terms.has_exponents) return terms;
    auto& listing = terms.listing;
    listing.price_exponent = Exponent{static_cast<std::int8_t>(-price_decimals)};
    listing.quantity_exponent = Exponent{static_cast<std::int8_t>(-quantity_decimals)};
    // What cannot be read is not said: 0.
    static_cast<void>(parse_decimal(tick_size, listing.price_exponent, listing.price_step));
    static_cast<void>(parse_decimal(step_size, listing.quantity_exponent, listing.quantity_step));
    return terms;
  }
};

}  // namespace

bool read_exchange_info(std::string_view padded,
                        const std::function<void(const BinanceTerms&)>& found) {
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  array symbols;
  if (parser.iterate(padded_view(padded)).get(document)) return false;
  if (document.find_field_unordered("symbols").get_array().get(symbols)) return false;
  for (auto item : symbols) {
    object entry;
    SymbolEntry symbol;
    if (std::move(item).get_object().get(entry)) return false;
    for (auto each : entry) {
      simdjson::ondemand::field field;
      std::string_view key;
      if (std::move(each).get(field) || !plain_text(field.key(), key)) return false;
      if (!symbol.take(key, field.value())) return false;
    }
    if (symbol.symbol.empty()) return false;
    found(symbol.terms());
  }
  return true;
}

std::string_view symbol_of_target(std::string_view target) noexcept {
  constexpr std::string_view name = "symbol=";
  for (auto at = target.find(name); at != std::string_view::npos; at = target.find(name, at + 1)) {
    if (at == 0 || (target[at - 1] != '?' && target[at - 1] != '&')) continue;
    const auto rest = target.substr(at + name.size());
    return rest.substr(0, rest.find_first_of("& "));
  }
  return {};
}

class BinanceFirstPass::Walk {
 public:
  void on_open(std::string_view url);
  void on_message(std::string_view padded);
  void on_response(std::string_view url, std::string_view padded);
  [[nodiscard]] std::vector<Found> found() const;
  [[nodiscard]] bool has_plain_trades() const noexcept { return has_plain_trades_; }

 private:
  // Of the texts with so many decimals on the wire: how many, and what the widest one needed.
  struct Width {
    std::uint64_t count = 0;
    int needed = 0;
  };
  using Widths = std::array<Width, decimals_max + 1>;
  struct Seen {
    Widths prices{};
    Widths quantities{};
    Found found;
  };

  void take_data(object data);
  // False: no JSON any more; the parser has given the text up.
  [[nodiscard]] bool take_rows(array rows, Seen& seen);
  [[nodiscard]] Seen* seen(std::string_view name);
  static void take(std::string_view text, Widths& widths) noexcept;
  static Exponent exponent_of(const Widths& widths) noexcept;

  simdjson::ondemand::parser parser_;
  std::map<std::string, Seen, std::less<>> seen_;
  std::set<std::string, std::less<>> subscribed_;
  bool has_plain_trades_ = false;
};

void BinanceFirstPass::Walk::on_open(std::string_view url) {
  constexpr std::string_view name = "streams=";
  const auto begin = url.find(name);
  if (begin == std::string_view::npos) return;
  auto streams = url.substr(begin + name.size());
  streams = streams.substr(0, streams.find_first_of("& "));
  while (!streams.empty()) {
    const auto stream = streams.substr(0, streams.find('/'));
    streams.remove_prefix(std::min(stream.size() + 1, streams.size()));
    std::string symbol(stream.substr(0, stream.find('@')));
    for (char& c : symbol) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (!symbol.empty()) subscribed_.insert(std::move(symbol));
  }
}

void BinanceFirstPass::Walk::on_message(std::string_view padded) {
  simdjson::ondemand::document document;
  object root;
  object data;
  if (parser_.iterate(padded_view(padded)).get(document)) return;
  if (document.get_object().get(root)) return;
  const auto error = root.find_field_unordered("data").get_object().get(data);
  if (!error) return take_data(data);
  if (error == simdjson::NO_SUCH_FIELD && !root.reset().error()) take_data(root);
}

void BinanceFirstPass::Walk::take_data(object data) {
  std::string_view name;
  std::string_view event;
  if (data.find_field_unordered("s").get_string().get(name)) return;
  const auto error = data.find_field_unordered("e").get_string().get(event);
  if (error && error != simdjson::NO_SUCH_FIELD) return;
  if (error) event = "bookTicker";  // of spot: it does not say what it is
  const bool depth = event == "depthUpdate";
  const bool trade = event == "trade" || event == "aggTrade";
  const bool ticker = event == "bookTicker";
  if (data.reset().error() || !(depth || trade || ticker)) return;
  auto* const of = seen(name);
  if (of == nullptr) return;
  of->found.has_depth |= depth;
  of->found.has_trades |= trade;
  of->found.has_tickers |= ticker;
  has_plain_trades_ |= event == "trade";
  for (auto entry : data) {
    simdjson::ondemand::field field;
    std::string_view key;
    if (std::move(entry).get(field) || !plain_text(field.key(), key)) return;
    if (key.size() != 1) continue;
    const bool price = trade ? key == "p" : ticker && (key == "b" || key == "a");
    const bool quantity = trade ? key == "q" : ticker && (key == "B" || key == "A");
    array rows;
    std::string_view text;
    if (depth && (key == "b" || key == "a")) {
      if (field.value().get_array().get(rows) || !take_rows(rows, *of)) return;
    } else if (price || quantity) {
      if (field.value().get_string().get(text)) return;
      take(text, price ? of->prices : of->quantities);
    }
  }
}

bool BinanceFirstPass::Walk::take_rows(array rows, Seen& seen) {
  for (auto entry : rows) {
    array cells;
    if (std::move(entry).get_array().get(cells)) return false;
    std::size_t index = 0;
    for (auto cell : cells) {
      std::string_view text;
      if (std::move(cell).get_string().get(text)) return false;
      if (index < 2) take(text, index == 0 ? seen.prices : seen.quantities);
      ++index;
    }
  }
  return true;
}

void BinanceFirstPass::Walk::on_response(std::string_view url, std::string_view padded) {
  const auto name = symbol_of_target(url);
  simdjson::ondemand::document document;
  object body;
  if (name.empty() || parser_.iterate(padded_view(padded)).get(document)) return;
  if (document.get_object().get(body)) return;
  auto* const of = seen(name);
  if (of == nullptr) return;
  for (const auto side : {"bids", "asks"}) {
    array rows;
    if (body.find_field_unordered(side).get_array().get(rows) || !take_rows(rows, *of)) return;
  }
}

BinanceFirstPass::Walk::Seen* BinanceFirstPass::Walk::seen(std::string_view name) {
  const auto known = seen_.find(name);
  if (known != seen_.end()) return &known->second;
  if (seen_.size() >= binance_first_pass_symbols_max) return nullptr;
  return &seen_.emplace(std::string(name), Seen{}).first->second;
}

void BinanceFirstPass::Walk::take(std::string_view text, Widths& widths) noexcept {
  const auto decimals = decimals_of(text);
  if (!decimals || decimals->wire > decimals_max) return;
  auto& width = widths[static_cast<std::size_t>(decimals->wire)];
  ++width.count;
  width.needed = std::max(width.needed, decimals->needed);
}

Exponent BinanceFirstPass::Walk::exponent_of(const Widths& widths) noexcept {
  const auto usual = std::max_element(widths.begin(), widths.end(),
                                      [](auto& a, auto& b) { return a.count < b.count; });
  int needed = 0;
  for (auto width = widths.begin(); width != widths.end(); ++width) {
    const bool outlier = width > usual && width->count <= decimals_outliers_max &&
                         usual->count > 10 * decimals_outliers_max;
    if (!outlier) needed = std::max(needed, width->needed);
  }
  return Exponent{static_cast<std::int8_t>(-needed)};
}

std::vector<BinanceFirstPass::Found> BinanceFirstPass::Walk::found() const {
  std::vector<Found> result;
  for (const auto& [name, seen] : seen_) {
    if (!subscribed_.empty() && !subscribed_.contains(name)) continue;
    auto& found = result.emplace_back(seen.found);
    found.symbol = name;
    found.price_exponent = exponent_of(seen.prices);
    found.quantity_exponent = exponent_of(seen.quantities);
  }
  return result;
}

BinanceFirstPass::BinanceFirstPass() : walk_(std::make_unique<Walk>()) {}
BinanceFirstPass::~BinanceFirstPass() = default;
void BinanceFirstPass::on_open(std::string_view url) { walk_->on_open(url); }
void BinanceFirstPass::on_message(std::string_view padded) { walk_->on_message(padded); }
void BinanceFirstPass::on_response(std::string_view url, std::string_view padded) {
  walk_->on_response(url, padded);
}
std::vector<BinanceFirstPass::Found> BinanceFirstPass::found() const { return walk_->found(); }
bool BinanceFirstPass::has_plain_trades() const noexcept { return walk_->has_plain_trades(); }

}  // namespace ringside::collector
