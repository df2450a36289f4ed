#include "tools/exchange/market.hpp"

#include <algorithm>

namespace ringside::exchange {

void DepthView::note(const Book& book, Side side, Level level, Book::Applied applied) {
  auto& half = of(side);
  auto& pushed_out = half.pushed_out;
  const auto& levels = book.side(side);
  const auto held = std::find(pushed_out.begin(), pushed_out.end(), level.price);
  const bool in_sight = applied.rank < depth_;
  switch (applied.change) {
    case Book::Change::Absent:
      return;
    case Book::Change::Modified:
      if (in_sight || held != pushed_out.end()) half.told.push_back({level});
      return;
    case Book::Change::Inserted:
      if (!in_sight) return;
      half.told.push_back({level});
      if (levels.size() > depth_) pushed_out.push_back(levels[depth_].price);
      return;
    case Book::Change::Removed:
      if (held != pushed_out.end()) {
        pushed_out.erase(held);
        half.told.push_back({level});
        return;
      }
      if (!in_sight) return;
      half.told.push_back({level});
      if (levels.size() < depth_) return;
      const Level& risen = levels[depth_ - 1];
      const auto known = std::find(pushed_out.begin(), pushed_out.end(), risen.price);
      if (known == pushed_out.end()) {
        half.told.push_back({risen, true});
      } else {
        pushed_out.erase(known);
      }
  }
}

void DepthView::clear() {
  for (auto& half : sides_) {
    half.told.clear();
    half.pushed_out.clear();
  }
}

void Listing::apply(Side side, Level level) {
  const auto applied = book.apply(side, level);
  for (auto& each : views) each.note(book, side, level, applied);
}

DepthView& Listing::view(std::size_t wanted) {
  const auto at = std::find_if(views.begin(), views.end(),
                               [wanted](const DepthView& each) { return each.depth() == wanted; });
  return at != views.end() ? *at : views.emplace_back(wanted);
}

void Listing::refine(Decimals more) {
  const auto price_factor = power_of_ten(more.price);
  const auto quantity_factor = power_of_ten(more.quantity);
  Book finer;
  for (const Side side : {Side::Bid, Side::Ask}) {
    for (const auto& level : book.side(side)) {
      finer.apply(side, {{level.price.mantissa * price_factor},
                         {level.quantity.mantissa * quantity_factor}});
    }
  }
  book = std::move(finer);
  for (auto& each : views) each.clear();
  last_trade.price.mantissa *= price_factor;
  last_trade.quantity.mantissa *= quantity_factor;
  decimals.price += more.price;
  decimals.quantity += more.quantity;
}

void Market::rename(ListingIndex index, std::string_view symbol) {
  by_symbol_.erase(listings_[index].symbol);
  listings_[index].symbol = symbol;
  by_symbol_.emplace(symbol, index);
}

void Market::set_trading(ListingIndex index, Trading trading) {
  auto& listing = listings_[index];
  const auto listed = [](Trading of) { return of == Trading::Online || of == Trading::Halted; };
  const bool was_listed = listed(listing.trading);
  listing.trading = trading;
  if (was_listed && !listed(trading)) by_symbol_.erase(listing.symbol);
  if (!was_listed && listed(trading)) by_symbol_.emplace(listing.symbol, index);
  listing.name = listed(trading) ? 0 : 1;
}

ListingIndex Market::list(std::string_view symbol) {
  const auto known = find(symbol);
  if (known != no_listing) return known;
  const auto index = size();
  listings_.emplace_back().symbol = symbol;
  by_symbol_.emplace(symbol, index);
  return index;
}

ListingIndex Market::find_any(std::string_view symbol) const {
  for (ListingIndex i = 0; i < size(); ++i) {
    if (listings_[i].symbol == symbol) return i;
  }
  return no_listing;
}

ListingIndex Market::find(std::string_view symbol) const {
  const auto at = by_symbol_.find(symbol);
  return at == by_symbol_.end() ? no_listing : at->second;
}

}  // namespace ringside::exchange
