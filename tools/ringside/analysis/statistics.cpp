#include "tools/ringside/analysis/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/json_text.hpp"

namespace ringside::tools {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr double ns_per_s = 1e9;

double value_of(std::int64_t mantissa, int power_of_ten) {
  return static_cast<double>(mantissa) * std::pow(10.0, power_of_ten);
}

double depth_of(const orderbook::Book& book, Side side, int power_of_ten) {
  double sum = 0;
  const auto levels = std::min(book.count(side), statistics_levels);
  for (std::uint32_t i = 0; i < levels; ++i) {
    sum += value_of(book.level(side, i).quantity.mantissa, power_of_ten);
  }
  return sum;
}

}  // namespace

void Rate::count(std::int64_t ns) noexcept {
  const auto second = ns / second_ns;
  if (second != second_) in_second_ = 0;
  second_ = second;
  ++total_;
  most_ = std::max(most_, ++in_second_);
}

void Standing::add(double value, std::int64_t for_ns) noexcept {
  sum_ += value * static_cast<double>(for_ns);
  ns_ += for_ns;
}

// What has stood until now counts.
void Statistics::settle(Instrument& instrument, std::int64_t now_ns) {
  auto& result = instrument.result;
  auto& top = instrument.top;
  if (instrument.live) result.live_ns += now_ns - instrument.live_since_ns;
  instrument.live_since_ns = now_ns;
  if (!instrument.live || !top.stands) return;
  const auto stood = now_ns - top.since_ns;
  top.since_ns = now_ns;
  if (top.crossed) {
    result.crossed_ns += stood;
    return;
  }
  result.spread.add(top.spread, stood);
  result.spread_share.add(top.spread_share, stood);
  result.best_bid.add(top.best_bid, stood);
  result.best_ask.add(top.best_ask, stood);
  result.bid_depth.add(top.bid_depth, stood);
  result.ask_depth.add(top.ask_depth, stood);
}

void Statistics::note_spread(Instrument& instrument, std::int64_t spread, int units) {
  auto& result = instrument.result;
  if (!result.any_spread || units != instrument.units) {
    // In other units they are compared anew; a venue changes them once in months.
    instrument.units = units;
    instrument.spread_least = instrument.spread_most = spread;
  }
  result.any_spread = true;
  instrument.spread_least = std::min(instrument.spread_least, spread);
  instrument.spread_most = std::max(instrument.spread_most, spread);
}

void Statistics::look(Instrument& instrument, const SourceEvent& event, std::int64_t now_ns) {
  const auto& book = *event.book;
  auto& top = instrument.top;
  top.stands = book.count(Side::Bid) > 0 && book.count(Side::Ask) > 0;
  top.since_ns = now_ns;
  if (!top.stands) return;
  top.crossed = book.crossed();
  if (top.crossed) return;
  const auto bid = book.level(Side::Bid, 0);
  const auto ask = book.level(Side::Ask, 0);
  const int price = event.terms.price_exponent.power_of_ten;
  const int quantity = event.terms.quantity_exponent.power_of_ten;
  const auto spread = ask.price.mantissa - bid.price.mantissa;
  note_spread(instrument, spread, price);
  top.spread = value_of(spread, price);
  const double mid = value_of(ask.price.mantissa, price) - top.spread / 2;
  top.spread_share = mid > 0 ? top.spread / mid : 0;
  top.best_bid = value_of(bid.quantity.mantissa, quantity);
  top.best_ask = value_of(ask.quantity.mantissa, quantity);
  top.bid_depth = depth_of(book, Side::Bid, quantity);
  top.ask_depth = depth_of(book, Side::Ask, quantity);
}

void Statistics::take(const SourceEvent& event) {
  if (!any_) first_ns_ = newest_ns_ = event.received_ns;
  any_ = true;
  // What was kept for a snapshot carries the time at which it came; it counts from now.
  newest_ns_ = std::max(newest_ns_, event.received_ns);
  const auto now_ns = newest_ns_;
  auto& instrument = instruments_[event.instrument];
  auto& result = instrument.result;
  if (event.record->kind == Kind::Trade) result.trades.count(now_ns);
  result.gaps = event.gaps;
  const bool live = event.state == State::Live;
  if (event.book == nullptr && live == instrument.live) return;
  settle(instrument, now_ns);
  if (live && !instrument.live) instrument.updated_ns = 0;
  instrument.live = live;
  if (event.book == nullptr) return;
  if (event.record->kind != Kind::Snapshot || event.new_book) result.updates.count(now_ns);
  if (instrument.updated_ns != 0) {
    result.longest_silence_ns = std::max(result.longest_silence_ns, now_ns - instrument.updated_ns);
  }
  instrument.updated_ns = now_ns;
  look(instrument, event, now_ns);
}

void Statistics::finish() {
  for (auto& instrument : instruments_) {
    settle(instrument, newest_ns_);
    auto& result = instrument.result;
    if (!result.any_spread) continue;
    result.spread_least = decimal_text(instrument.spread_least, instrument.units);
    result.spread_most = decimal_text(instrument.spread_most, instrument.units);
  }
}

std::string statistics_json(const Statistics& statistics, const EventSource& source) {
  const auto seconds = [](std::int64_t ns) { return static_cast<double>(ns) / ns_per_s; };
  JsonText json;
  json.begin_object().key("venue").value(source.venue());
  json.key("span_s").value(seconds(statistics.span_ns())).key("instruments").begin_object();
  for (std::size_t i = 0; i < source.instruments().size(); ++i) {
    const auto& of = statistics.of(i);
    json.key(source.instruments()[i].symbol).begin_object();
    json.key("trades").value(of.trades.total());
    json.key("trades_most_a_second").value(of.trades.most_a_second());
    json.key("updates").value(of.updates.total());
    json.key("updates_most_a_second").value(of.updates.most_a_second());
    json.key("gaps").value(of.gaps).key("live_s").value(seconds(of.live_ns));
    json.key("crossed_s").value(seconds(of.crossed_ns));
    json.key("longest_silence_s").value(seconds(of.longest_silence_ns));
    if (of.any_spread) {
      json.key("spread").begin_object().key("least").value(of.spread_least);
      json.key("most").value(of.spread_most).key("mean").value(of.spread.mean());
      json.key("mean_bps").value(of.spread_share.mean() * 1e4).end_object();
      json.key("depth").begin_object().key("best_bid").value(of.best_bid.mean());
      json.key("best_ask").value(of.best_ask.mean()).key("bids").value(of.bid_depth.mean());
      json.key("asks").value(of.ask_depth.mean()).key("levels").value(statistics_levels);
      json.end_object();
    }
    json.end_object();
  }
  json.end_object().end_object();
  return json.text();
}

std::string statistics_text(const Statistics& statistics, const EventSource& source) {
  std::string text =
      fmt::format("{:<14} {:>8} {:>8} {:>6} {:>5} {:>7} {:>9} {:>10}\n", "symbol", "trades",
                  "updates", "most/s", "gaps", "live %", "bps mean", "silence s");
  const double span = static_cast<double>(std::max<std::int64_t>(statistics.span_ns(), 1));
  const auto& instruments = source.instruments();
  for (std::size_t i = 0; i < instruments.size(); ++i) {
    const auto& of = statistics.of(i);
    fmt::format_to(
        std::back_inserter(text), "{:<14} {:>8} {:>8} {:>6} {:>5} {:>7.1f} {:>9} {:>10.2f}\n",
        instruments[i].symbol, of.trades.total(), of.updates.total(), of.updates.most_a_second(),
        of.gaps, 100 * static_cast<double>(of.live_ns) / span,
        of.any_spread ? fmt::format("{:.3f}", of.spread_share.mean() * 1e4) : "-",
        static_cast<double>(of.longest_silence_ns) / ns_per_s);
  }
  return text;
}

}  // namespace ringside::tools
