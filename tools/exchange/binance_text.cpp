#include "tools/exchange/binance_text.hpp"

#include <algorithm>

namespace ringside::exchange {
namespace {

constexpr std::int64_t ms_ns = 1'000'000;

void key_number(std::string& out, std::string_view key, std::uint64_t value) {
  out += key;
  append_integer(out, value);
}

void key_ms(std::string& out, std::string_view key, UtcNs time) {
  key_number(out, key, static_cast<std::uint64_t>(time.value / ms_ns));
}

void padded(std::string& out, std::int64_t mantissa, unsigned decimals, unsigned wire) {
  append_decimal(out, mantissa, decimals);
  if (wire <= decimals) return;
  if (decimals == 0) out += '.';
  out.append(wire - decimals, '0');
}

Level top(const Listing& listing, Side side) {
  const auto& levels = listing.book.side(side);
  return levels.empty() ? Level{} : levels.front();
}

}  // namespace

std::string_view BinanceText::rest_prefix() const {
  switch (dialect_) {
    case BinanceDialect::Spot:
      return "/api/v3/";
    case BinanceDialect::UsdM:
      return "/fapi/v1/";
    case BinanceDialect::CoinM:
      return "/dapi/v1/";
  }
  return {};
}

void BinanceText::price(std::string& out, const Listing& listing, Price price) const {
  out += '"';
  padded(out, price.mantissa, listing.decimals.price, listing.wire.price);
  out += '"';
}

void BinanceText::quantity(std::string& out, const Listing& listing, Quantity quantity) const {
  out += '"';
  padded(out, quantity.mantissa, listing.decimals.quantity, listing.wire.quantity);
  out += '"';
}

void BinanceText::levels(std::string& out, const Listing& listing,
                         std::span<const Level> levels) const {
  out += '[';
  for (std::size_t i = 0; i < levels.size(); ++i) {
    out += i == 0 ? "[" : ",[";
    price(out, listing, levels[i].price);
    out += ',';
    quantity(out, listing, levels[i].quantity);
    out += ']';
  }
  out += ']';
}

// BTCUSD_PERP is a contract of the pair BTCUSD.
void BinanceText::pair_of_coin(std::string& out, const Listing& listing) const {
  if (dialect_ != BinanceDialect::CoinM) return;
  out += R"(,"ps":")";
  out.append(listing.symbol, 0, listing.symbol.find('_'));
  out += '"';
}

void BinanceText::depth(std::string& out, const Listing& listing, const BinanceDepth& depth) const {
  key_ms(out, R"({"e":"depthUpdate","E":)", depth.sent);
  if (!spot()) key_ms(out, R"(,"T":)", depth.happened);
  out += R"(,"s":")";
  out += listing.symbol;
  out += '"';
  pair_of_coin(out, listing);
  key_number(out, R"(,"U":)", depth.first_id);
  key_number(out, R"(,"u":)", depth.last_id);
  if (!spot()) key_number(out, R"(,"pu":)", depth.previous_id);
  out += R"(,"b":)";
  levels(out, listing, depth.bids);
  out += R"(,"a":)";
  levels(out, listing, depth.asks);
  out += '}';
}

void BinanceText::book_ticker(std::string& out, const Listing& listing, UtcNs time) const {
  const Level bid = top(listing, Side::Bid);
  const Level ask = top(listing, Side::Ask);
  out += dialect_ == BinanceDialect::UsdM ? R"({"e":"bookTicker","u":)" : R"({"u":)";
  append_integer(out, listing.update_id);
  out += dialect_ == BinanceDialect::CoinM ? R"(,"e":"bookTicker","s":")" : R"(,"s":")";
  out += listing.symbol;
  out += '"';
  pair_of_coin(out, listing);
  out += R"(,"b":)";
  price(out, listing, bid.price);
  out += R"(,"B":)";
  quantity(out, listing, bid.quantity);
  out += R"(,"a":)";
  price(out, listing, ask.price);
  out += R"(,"A":)";
  quantity(out, listing, ask.quantity);
  if (!spot()) {
    key_ms(out, R"(,"T":)", time);
    key_ms(out, R"(,"E":)", time);
  }
  out += '}';
}

void BinanceText::trade(std::string& out, const Listing& listing, const Trade& told) const {
  key_ms(out, R"({"e":"trade","E":)", told.time);
  if (!spot()) key_ms(out, R"(,"T":)", told.time);
  out += R"(,"s":")";
  out += listing.symbol;
  key_number(out, R"(","t":)", told.id);
  out += R"(,"p":)";
  price(out, listing, told.price);
  out += R"(,"q":)";
  quantity(out, listing, told.quantity);
  if (spot()) {
    key_ms(out, R"(,"T":)", told.time);
  } else {
    out += R"(,"X":"MARKET")";
  }
  // The buyer is the maker: the aggressor sells.
  out += told.aggressor == Side::Ask ? R"(,"m":true)" : R"(,"m":false)";
  out += spot() ? R"(,"M":true})" : "}";
}

void BinanceText::aggregated_trade(std::string& out, const Listing& listing,
                                   const Trade& told) const {
  key_ms(out, R"({"e":"aggTrade","E":)", told.time);
  key_number(out, R"(,"a":)", told.id);
  out += R"(,"s":")";
  out += listing.symbol;
  out += R"(","p":)";
  price(out, listing, told.price);
  out += R"(,"q":)";
  quantity(out, listing, told.quantity);
  key_number(out, R"(,"f":)", told.id);
  key_number(out, R"(,"l":)", told.id);
  key_ms(out, R"(,"T":)", told.time);
  out += told.aggressor == Side::Ask ? R"(,"m":true)" : R"(,"m":false)";
  out += spot() ? R"(,"M":true})" : "}";
}

void BinanceText::snapshot(std::string& out, const Listing& listing, std::size_t limit,
                           BinanceTimes times) const {
  key_number(out, R"({"lastUpdateId":)", listing.update_id);
  if (!spot()) {
    key_ms(out, R"(,"E":)", times.sent);
    key_ms(out, R"(,"T":)", times.happened);
  }
  if (dialect_ == BinanceDialect::CoinM) {
    out += R"(,"symbol":")" + listing.symbol + R"(","pair":")" +
           listing.symbol.substr(0, listing.symbol.find('_')) + '"';
  }
  for (const Side side : {Side::Bid, Side::Ask}) {
    const std::span<const Level> all(listing.book.side(side));
    out += side == Side::Bid ? R"(,"bids":)" : R"(,"asks":)";
    levels(out, listing, all.first(std::min(all.size(), limit)));
  }
  out += '}';
}

void BinanceText::symbol(std::string& out, const Listing& listing) const {
  out += R"({"symbol":")" + listing.symbol;
  const bool online = listing.trading == Trading::Online;
  out += dialect_ == BinanceDialect::CoinM ? R"(","contractStatus":")" : R"(","status":")";
  out += online ? "TRADING" : spot() ? "BREAK" : "SETTLING";
  out += dialect_ == BinanceDialect::CoinM ? R"(","contractSize":100,"contractType":"PERPETUAL")"
                                           : "\"";
  if (!spot()) {
    key_number(out, R"(,"pricePrecision":)", listing.decimals.price);
    key_number(out, R"(,"quantityPrecision":)", listing.decimals.quantity);
  }
  out += R"(,"filters":[{"filterType":"PRICE_FILTER","tickSize":)";
  price(out, listing, {listing.steps.price});
  out += R"(},{"filterType":"LOT_SIZE","stepSize":)";
  quantity(out, listing, {listing.steps.quantity});
  out += "}]}";
}

}  // namespace ringside::exchange
