#include "collector/kraken_first_pass.hpp"

#include <algorithm>

namespace ringside::collector {

KrakenFirstPass::Symbol& KrakenFirstPass::of(std::string_view symbol) {
  const auto known = std::find_if(symbols_.begin(), symbols_.end(),
                                  [symbol](const auto& entry) { return entry.name == symbol; });
  if (known != symbols_.end()) return *known;
  symbols_.push_back({std::string(symbol), kraken_depth_default, {}, {}});
  return symbols_.back();
}

void KrakenFirstPass::on_message(std::string_view padded) {
  if (decoder_.decode(padded, message_) != KrakenStatus::Ok) return;
  for (const auto& book : message_.books) {
    if (book.fault != KrakenStatus::Ok) continue;
    auto& symbol = of(book.symbol);
    for (const auto& level : book.bids) symbol.book.add(level);
    for (const auto& level : book.asks) symbol.book.add(level);
  }
  for (const auto& trade : message_.trades) {
    if (trade.fault == KrakenStatus::Ok) of(trade.symbol).other.add({trade.price, trade.quantity});
  }
  for (const auto& ticker : message_.tickers) {
    if (ticker.fault != KrakenStatus::Ok) continue;
    of(ticker.symbol).other.add(ticker.bid);
    of(ticker.symbol).other.add(ticker.ask);
  }
  const auto& answer = message_.answer;
  if (message_.kind == KrakenKind::Answer && answer.channel == "book" && answer.depth != 0) {
    of(answer.symbol).depth = answer.depth;
  }
}

std::vector<KrakenFirstPass::Found> KrakenFirstPass::found() const {
  std::vector<Found> all;
  for (const auto& symbol : symbols_) {
    const auto& tallies = symbol.book.price.count() != 0 ? symbol.book : symbol.other;
    all.push_back(
        {symbol.name, tallies.price.exponent(), tallies.quantity.exponent(), symbol.depth});
  }
  return all;
}

}  // namespace ringside::collector
