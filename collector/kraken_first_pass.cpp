#include "collector/kraken_first_pass.hpp"

#include <algorithm>

namespace ringside::collector {

KrakenTallies::Symbol& KrakenTallies::of(std::string_view symbol) {
  const auto known = std::find_if(symbols_.begin(), symbols_.end(),
                                  [symbol](const auto& entry) { return entry.name == symbol; });
  if (known != symbols_.end()) return *known;
  symbols_.push_back({std::string(symbol), kraken_depth_default, false, false, {}, {}});
  return symbols_.back();
}

void KrakenTallies::add(const KrakenBook& book) {
  if (book.fault != KrakenStatus::Ok) return;
  auto& symbol = of(book.symbol);
  symbol.has_book = true;
  if (book.depth != 0) symbol.depth = book.depth;
  for (const auto& level : book.bids) symbol.book.add(level);
  for (const auto& level : book.asks) symbol.book.add(level);
}

void KrakenTallies::add(const KrakenTrade& trade) {
  if (trade.fault != KrakenStatus::Ok) return;
  of(trade.symbol).other.add({trade.price, trade.quantity});
}

void KrakenTallies::add(const KrakenTicker& ticker) {
  if (ticker.fault != KrakenStatus::Ok) return;
  of(ticker.symbol).other.add(ticker.bid);
  of(ticker.symbol).other.add(ticker.ask);
}

void KrakenTallies::acknowledge(std::string_view symbol, std::uint32_t depth) {
  acknowledgements_ = true;
  auto& entry = of(symbol);
  entry.acknowledged = true;
  if (depth != 0) entry.depth = depth;
}

std::vector<KrakenFound> KrakenTallies::found() const {
  std::vector<KrakenFound> all;
  for (const auto& symbol : symbols_) {
    if (!symbol.has_book && symbol.other.price.count() == 0) continue;
    if (acknowledgements_ && !symbol.acknowledged) continue;
    const auto& decimals = symbol.book.price.count() != 0 ? symbol.book : symbol.other;
    all.push_back({symbol.name, decimals.price.exponent(), decimals.quantity.exponent(),
                   symbol.depth, symbol.has_book});
  }
  return all;
}

void KrakenFirstPass::on_message(std::string_view padded) {
  if (decoder_.decode(padded, message_) != KrakenStatus::Ok) return;
  for (const auto& book : message_.books) tallies_.add(book);
  for (const auto& trade : message_.trades) tallies_.add(trade);
  for (const auto& ticker : message_.tickers) tallies_.add(ticker);
  const auto& answer = message_.answer;
  if (message_.kind != KrakenKind::Answer || !answer.success || answer.symbol.empty()) return;
  if (answer.method == "subscribe") {
    tallies_.acknowledge(answer.symbol, answer.channel == "book" ? answer.depth : 0);
  }
}

}  // namespace ringside::collector
