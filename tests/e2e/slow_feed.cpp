#include "tests/e2e/slow_feed.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/fuzz/json_reference.hpp"

namespace ringside::e2e {
namespace {

using fuzz::Node;

Node tree_of(const std::string& text) {
  Node root;
  if (fuzz::parse_reference(text, root) != fuzz::Reference::Accepted) {
    throw std::runtime_error("no JSON: " + text.substr(0, 200));
  }
  return root;
}

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

// Prices in units of 10^-12: for their order only.
std::int64_t order_of(const std::string& price) {
  constexpr std::size_t decimals = 12;
  const auto point = std::min(price.find('.'), price.size());
  std::string digits = price.substr(0, point);
  std::string fraction = point < price.size() ? price.substr(point + 1) : "";
  if (fraction.size() > decimals) throw std::runtime_error("too fine a price: " + price);
  fraction.resize(decimals, '0');
  return std::stoll(digits + fraction);
}

std::string kind_name(capture::CaptureKind kind) {
  switch (kind) {
    case capture::CaptureKind::Open:
      return "open";
    case capture::CaptureKind::Sent:
      return "sent";
    case capture::CaptureKind::Recv:
      return "recv";
    case capture::CaptureKind::Http:
      return "http";
  }
  return "";
}

}  // namespace

void SlowBook::set(bool bid, const std::string& price, const std::string& quantity) {
  auto& side = bid ? bids : asks;
  const Level level{without_trailing_zeros(price), without_trailing_zeros(quantity)};
  if (level.second == "0") {
    side.erase(order_of(price));
  } else {
    side[order_of(price)] = level;
  }
}

void SlowBook::truncate(std::size_t depth) {
  while (depth != 0 && bids.size() > depth) bids.erase(bids.begin());
  while (depth != 0 && asks.size() > depth) asks.erase(std::prev(asks.end()));
}

SlowFeed SlowFeed::read(const std::string& path, double seconds) {
  SlowFeed feed;
  capture::CaptureReader reader(path);
  std::int64_t first_ns = -1;
  for (capture::CaptureLine line; reader.next(line);) {
    if (first_ns < 0) first_ns = line.unix_ns;
    if (static_cast<double>(line.unix_ns - first_ns) > seconds * 1e9) return feed;
    feed.text_ += std::to_string(line.unix_ns) + "\t" + std::to_string(line.connection) + "\t" +
                  kind_name(line.kind) + "\t" + std::string(line.payload) + "\n";
    feed.take(line);
  }
  if (reader.status() != capture::CaptureStatus::End) throw std::runtime_error(reader.message());
  return feed;
}

void SlowFeed::take(const capture::CaptureLine& line) {
  const std::string payload(line.payload);
  if (line.kind == capture::CaptureKind::Open) {
    const bool kraken = payload.find("kraken") != std::string::npos;
    kind_ = !kraken ? Kind::Binance : payload.ends_with("/v2") ? Kind::Kraken : Kind::KrakenV1;
  }
  if (line.kind == capture::CaptureKind::Http) {
    const auto space = payload.find(' ');
    take_binance_snapshot(payload.substr(0, space), payload.substr(space + 1));
  }
  if (line.kind != capture::CaptureKind::Recv) return;
  if (kind_ == Kind::Binance) take_binance(payload);
  if (kind_ == Kind::Kraken) take_kraken(payload);
  if (kind_ == Kind::KrakenV1) take_kraken_v1(payload);
}

// --- Binance ------------------------------------------------------------------------------------

void SlowFeed::apply(Book& book, const Diff& diff) {
  if (diff.last_id <= book.snapshot_id) return;
  for (const auto& [bid, level] : diff.levels) book.book.set(bid, level.first, level.second);
}

void SlowFeed::take_binance(const std::string& payload) {
  const Node root = tree_of(payload);
  const Node* data = root.find("data");
  if (data == nullptr || data->string_at("e") != "depthUpdate") return;
  auto& book = books_[data->string_at("s")];
  Diff diff{std::stoull(data->find("u")->text), {}};
  for (const bool bid : {true, false}) {
    for (const auto& row : data->find(bid ? "b" : "a")->items) {
      diff.levels.push_back({bid, {row.items[0].text, row.items[1].text}});
    }
  }
  if (book.has_snapshot) {
    apply(book, diff);
  } else {
    book.early.push_back(std::move(diff));
  }
}

void SlowFeed::take_binance_snapshot(const std::string& url, const std::string& body) {
  const auto begin = url.find("symbol=") + 7;
  auto& book = books_[url.substr(begin, url.find('&', begin) - begin)];
  if (book.has_snapshot) return;
  const Node root = tree_of(body);
  for (const bool bid : {true, false}) {
    for (const auto& row : root.find(bid ? "bids" : "asks")->items) {
      book.book.set(bid, row.items[0].text, row.items[1].text);
    }
  }
  book.has_snapshot = true;
  book.snapshot_id = std::stoull(root.find("lastUpdateId")->text);
  for (const auto& diff : book.early) apply(book, diff);
  book.early.clear();
}

// --- Kraken -------------------------------------------------------------------------------------

void SlowFeed::take_kraken(const std::string& payload) {
  const Node root = tree_of(payload);
  if (root.string_at("method") == "subscribe") {
    const Node* result = root.find("result");
    if (result->string_at("channel") == "book") {
      depths_[result->string_at("symbol")] = std::stoull(result->find("depth")->text);
    }
  }
  if (root.string_at("channel") != "book") return;
  for (const auto& entry : root.find("data")->items) {
    auto& book = books_[entry.string_at("symbol")];
    if (root.string_at("type") == "snapshot") book.book = {};
    for (const bool bid : {true, false}) {
      for (const auto& level : entry.find(bid ? "bids" : "asks")->items) {
        book.book.set(bid, level.find("price")->text, level.find("qty")->text);
      }
    }
    book.book.truncate(depths_[entry.string_at("symbol")]);
  }
}

// [channel id, {...}, ({...},) "book-1000", "XBT/USD"]
void SlowFeed::take_kraken_v1(const std::string& payload) {
  const Node root = tree_of(payload);
  if (root.type != Node::Type::Array) return;
  const auto count = root.items.size();
  const auto& channel = root.items[count - 2].text;
  if (!channel.starts_with("book-")) return;
  auto& book = books_[root.items[count - 1].text].book;
  for (std::size_t i = 1; i + 2 < count; ++i) {
    for (const auto& side : root.items[i].items) {
      if (side.type != Node::Type::Array) continue;
      if (side.key == "as") book = {};  // a snapshot's first key
      for (const auto& row : side.items) {
        book.set(side.key.starts_with('b'), row.items[0].text, row.items[1].text);
      }
    }
  }
  book.truncate(std::stoull(channel.substr(5)));
}

// --- Answers ------------------------------------------------------------------------------------

std::string SlowFeed::dump() const {
  std::string text;
  for (const auto& [symbol, each] : books_) {
    for (auto bid = each.book.bids.rbegin(); bid != each.book.bids.rend(); ++bid) {
      text += symbol + " B " + bid->second.first + " " + bid->second.second + "\n";
    }
    for (const auto& [order, level] : each.book.asks) {
      text += symbol + " A " + level.first + " " + level.second + "\n";
    }
  }
  return text;
}

std::vector<std::string> SlowFeed::symbols() const {
  std::vector<std::string> names;
  for (const auto& [symbol, each] : books_) names.push_back(symbol);
  return names;
}

}  // namespace ringside::e2e
