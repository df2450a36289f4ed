#include "tools/exchange/generator.hpp"

#include <algorithm>
#include <array>

namespace ringside::exchange {
namespace {

constexpr int steps_max = 512;  // a call: the sockets want their turn, too
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t us_ns = 1'000;
constexpr std::int64_t congested_ns = 1'000'000;
constexpr double inside_burst_ns = 12'000;
constexpr std::uint64_t gap_ticks = 6;  // mean distance of neighbouring levels

struct Known {
  std::string_view base;
  Decimals decimals;
  std::int64_t price;  // mantissa
};
constexpr std::array<Known, 7> known{{{"BTC", {1, 8}, 633'900},
                                      {"XBT", {1, 8}, 633'900},
                                      {"ETH", {2, 8}, 345'021},
                                      {"SOL", {2, 8}, 15'037},
                                      {"XRP", {5, 8}, 108'100},
                                      {"DOGE", {7, 8}, 1'204'517},
                                      {"ADA", {6, 8}, 412'345}}};

// An instrument nobody knows gets a precision and a price out of its name.
Known invented(std::string_view symbol) {
  std::uint64_t hash = 1469598103934665603U;
  for (const char c : symbol) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  Random random(hash);
  const auto price_decimals = static_cast<unsigned>(1 + random.below(6));
  const auto quantity_decimals = static_cast<unsigned>(2 + random.below(7));
  const auto price = static_cast<std::int64_t>(20'000 + random.below(980'000));
  return {symbol, {price_decimals, quantity_decimals}, price};
}

Known look_up(std::string_view symbol) {
  for (const auto& each : known) {
    if (symbol.starts_with(each.base)) return each;
  }
  return invented(symbol);
}

// Sizes of all magnitudes; some round, as people write them.
Quantity any_quantity(Random& random, Decimals decimals) {
  const auto unit = power_of_ten(decimals.quantity);
  if (random.percent(30)) {
    const auto steps = static_cast<std::int64_t>(1 + random.below(500));
    return {std::max<std::int64_t>(1, unit / 100) * steps};
  }
  const auto digits = static_cast<unsigned>(2 + random.below(decimals.quantity + 1));
  const auto bound = static_cast<std::uint64_t>(power_of_ten(std::min(digits, 9U)));
  return {static_cast<std::int64_t>(1 + random.below(bound))};
}

constexpr Side other(Side side) { return side == Side::Bid ? Side::Ask : Side::Bid; }
// Towards worse prices of that side.
constexpr std::int64_t outward(Side side) { return side == Side::Bid ? -1 : 1; }

}  // namespace

void list_instruments(Market& market, const GeneratorSpec& spec, const TradingShape& shape,
                      Random& random) {
  for (const auto& symbol : spec.symbols) {
    const auto terms = look_up(symbol);
    auto& listing = market[market.list(symbol)];
    listing.decimals = terms.decimals;
    listing.decimals.quantity = std::min(terms.decimals.quantity, shape.quantity_decimals_max);
    listing.depth = spec.depth;
    for (const Side side : {Side::Bid, Side::Ask}) {
      Price price{terms.price};
      for (std::uint32_t i = 0; i < spec.levels; ++i) {
        price.mantissa +=
            outward(side) * static_cast<std::int64_t>(1 + random.below(2 * gap_ticks));
        if (price.mantissa <= 0) break;
        listing.book.apply(side, {price, any_quantity(random, listing.decimals)});
      }
    }
  }
}

BurstSchedule::BurstSchedule(const GeneratorSpec& spec) : burst_(spec.burst) {
  const double mean_ns = spec.rate == 0 ? 0 : static_cast<double>(second_ns) / spec.rate;
  inside_ns_ = std::min(inside_burst_ns, mean_ns / 2);
  between_ns_ = mean_ns * burst_ - inside_ns_ * (burst_ - 1);
}

std::int64_t BurstSchedule::gap_ns(Random& random) {
  if (left_ > 0) {
    --left_;
    return static_cast<std::int64_t>(random.exponential(inside_ns_));
  }
  // One burst in twenty is six times as long as the others; the mean stays.
  const double mean = random.percent(5) ? burst_ * 4.8 : burst_ * 0.8;
  left_ = random.geometric(std::max(0.0, mean - 1));
  return static_cast<std::int64_t>(random.exponential(between_ns_));
}

Generator::Generator(const Options& options, Random random, Market& market, Venue& venue,
                     Outlet& outlet)
    : spec_(options.spec),
      shape_(venue.shape()),
      random_(random),
      schedule_(options.spec),
      market_(market),
      venue_(venue),
      outlet_(outlet),
      last_times_(market.size()),
      trade_ids_(market.size(), 1'000),
      anchors_(market.size()) {
  for (ListingIndex i = 0; i < market.size(); ++i) {
    anchors_[i] = market[i].book.side(Side::Bid).front().price;
    last_times_[i] = market[i].book_time;
  }
}

UtcNs Generator::advance(UtcNs now) {
  if (!begun_) {
    if (!venue_.subscriptions().begun()) return {now.value + idle_ns};
    begun_ = true;
    due_.value = now.value + schedule_.gap_ns(random_);
    end_.value = now.value + std::int64_t{spec_.seconds} * second_ns;
  }
  for (int steps = 0; steps < steps_max; ++steps) {
    if (spec_.seconds > 0 && due_ >= end_) return {now.value + idle_ns};
    if (due_ > now) return due_;
    if (outlet_.congested()) return {now.value + congested_ns};
    step(due_);
    due_.value = spec_.rate == 0 ? now.value : due_.value + schedule_.gap_ns(random_);
  }
  return now;
}

void Generator::on_refined(ListingIndex index, Decimals more) {
  anchors_[index].mantissa *= power_of_ten(more.price);
}

void Generator::change_rate(std::uint32_t rate) {
  spec_.rate = rate;
  schedule_ = BurstSchedule(spec_);
}

// Unique for each instrument, in whole microseconds.
UtcNs Generator::fresh_time(ListingIndex index, UtcNs time) {
  auto& last = last_times_[index];
  last.value = std::max(time.value / us_ns * us_ns, last.value + us_ns);
  return last;
}

void Generator::step(UtcNs time) {
  const auto index = static_cast<ListingIndex>(random_.below(market_.size()));
  auto& listing = market_[index];
  if (random_.percent(shape_.trade_percent)) {
    trade(listing, index, fresh_time(index, time));
  } else {
    // As recorded: one level in most messages, now and then several.
    const auto changes = random_.percent(72) ? 1 : random_.percent(70) ? 2 : 3 + random_.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) change(listing);
  }
  if (spec_.deep > 0) change_deep(listing);
  venue_.on_book(index, fresh_time(index, time));
}

// Sizes beyond the best levels: most of what recorded depth messages consist of.
void Generator::change_deep(Listing& listing) {
  constexpr std::size_t top = 5;
  for (auto left = random_.geometric(spec_.deep); left > 0; --left) {
    const Side side = random_.percent(50) ? Side::Bid : Side::Ask;
    const auto& levels = listing.book.side(side);
    if (levels.size() <= top) return;
    const Price price = levels[top + random_.below(levels.size() - top)].price;
    listing.apply(side, {price, any_quantity(random_, listing.decimals)});
  }
}

Level Generator::near_top(const std::vector<Level>& levels) {
  if (shape_.top_percent > 0 && random_.percent(shape_.top_percent)) return levels.front();
  const auto rank = random_.geometric(shape_.rank_mean);
  return levels[std::min<std::size_t>(rank, levels.size() - 1)];
}

void Generator::trade(Listing& listing, ListingIndex index, UtcNs time) {
  const Side aggressor = random_.percent(50) ? Side::Bid : Side::Ask;
  const auto& resting = listing.book.side(other(aggressor));
  const Level best = resting.front();
  auto traded = any_quantity(random_, listing.decimals);
  const bool all = traded >= best.quantity;
  if (all && resting.size() <= spec_.depth) return change(listing);
  if (all) traded = best.quantity;
  Trade told{best.price, traded, aggressor, random_.percent(60), ++trade_ids_[index], time};
  venue_.on_trade(index, told);
  listing.apply(other(aggressor), {best.price, {best.quantity.mantissa - traded.mantissa}});
}

void Generator::change(Listing& listing) {
  const Side side = random_.percent(50) ? Side::Bid : Side::Ask;
  const auto& levels = listing.book.side(side);
  if (levels.size() * 10 < std::size_t{spec_.levels} * 9 || levels.size() < 3) {
    return insert(listing, side);
  }
  if (levels.size() * 10 > std::size_t{spec_.levels} * 11) {
    const auto half = levels.size() / 2;
    return listing.apply(side, {levels[half + random_.below(levels.size() - half)].price, {}});
  }
  const Price touched = near_top(levels).price;
  const auto roll = random_.below(100);
  if (roll < 45) {
    listing.apply(side, {touched, any_quantity(random_, listing.decimals)});
  } else if (roll < 66) {
    insert(listing, side);
  } else if (roll < 86) {
    listing.apply(side, {touched, {}});
  } else if (roll < 92) {
    // The same price twice within one message: gone and back, or two sizes.
    const auto first = random_.percent(50) ? Quantity{} : any_quantity(random_, listing.decimals);
    listing.apply(side, {touched, first});
    listing.apply(side, {touched, any_quantity(random_, listing.decimals)});
  } else if (roll < 96) {
    insert_beyond(listing, side);
  } else {
    walk(listing);
  }
}

void Generator::insert(Listing& listing, Side side) {
  const auto quantity = any_quantity(random_, listing.decimals);
  const auto& levels = listing.book.side(side);
  const Price best = levels.front().price;
  const Price opposite = listing.book.side(other(side)).front().price;
  const auto spread = static_cast<std::uint64_t>(std::abs(opposite.mantissa - best.mantissa));
  Price price = best;
  if (spread > 1 && random_.percent(25)) {
    price.mantissa -= outward(side) * static_cast<std::int64_t>(1 + random_.below(spread - 1));
  } else {
    const auto ranks = 1 + random_.geometric(shape_.rank_mean * 2);
    price.mantissa += outward(side) * static_cast<std::int64_t>(random_.below(ranks * gap_ticks));
  }
  if (price.mantissa > 0) listing.apply(side, {price, quantity});
}

void Generator::insert_beyond(Listing& listing, Side side) {
  Price price = listing.book.side(side).back().price;
  price.mantissa += outward(side) * static_cast<std::int64_t>(1 + random_.below(2 * gap_ticks));
  const auto quantity = any_quantity(random_, listing.decimals);
  if (price.mantissa > 0) listing.apply(side, {price, quantity});
}

// One side gives way, the other follows; drawn back to where it began.
void Generator::walk(Listing& listing) {
  const auto anchor = anchors_[static_cast<std::size_t>(&listing - &market_[0])];
  const Price bid = listing.book.side(Side::Bid).front().price;
  const unsigned up = bid < anchor ? 60 : 40;
  const Side giving = random_.percent(up) ? Side::Ask : Side::Bid;
  if (listing.book.side(giving).size() < 3) return;
  const Price gone = listing.book.side(giving).front().price;
  listing.apply(giving, {gone, {}});
  // What it left behind is taken by the other side: still better than nothing of its own.
  const auto quantity = any_quantity(random_, listing.decimals);
  listing.apply(other(giving), {gone, quantity});
}

}  // namespace ringside::exchange
