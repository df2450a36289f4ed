#include "tools/ringside/analysis/bars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace ringside::tools {
namespace {

constexpr int average_decimals = 4;  // finer than a price
constexpr int powers_max = 36;       // of ten, in 128 bits

Wide power_of_ten(int power) {
  Wide value = 1;
  for (int i = 0; i < power; ++i) value *= 10;
  return value;
}

// Sets the flag where it does not fit.
void add(Wide& sum, Wide value, bool& overflowed) {
  overflowed |= __builtin_add_overflow(sum, value, &sum);
}
void scale(Wide& value, int powers, bool& overflowed) {
  if (value == 0) return;
  overflowed |= powers > powers_max;
  if (powers <= powers_max) {
    overflowed |= __builtin_mul_overflow(value, power_of_ten(powers), &value);
  }
}
void scale(std::int64_t& value, int powers, bool& overflowed) {
  Wide wide = value;
  scale(wide, powers, overflowed);
  overflowed |= wide > std::numeric_limits<std::int64_t>::max() ||
                wide < std::numeric_limits<std::int64_t>::min();
  value = static_cast<std::int64_t>(wide);
}

std::int64_t floor_to(std::int64_t ns, std::int64_t period) {
  const auto rest = ns % period;
  return ns - (rest < 0 ? rest + period : rest);
}

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array<Unit, 5> units{{{"ms", 1'000'000},
                                     {"s", 1'000'000'000},
                                     {"m", 60'000'000'000},
                                     {"h", 3'600'000'000'000},
                                     {"d", 86'400'000'000'000}}};

std::optional<std::int64_t> parse_period(std::string_view text) {
  std::int64_t count = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count <= 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  for (const auto& unit : units) {
    std::int64_t ns = 0;
    if (unit.name == text && !__builtin_mul_overflow(count, unit.ns, &ns)) return ns;
  }
  return std::nullopt;
}

// Digits with at most one point among them, up to 18 of them; more than zero.
std::optional<Decimal> parse_threshold(std::string_view text) {
  Decimal value;
  bool point = false;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9' || ++digits > 18) return std::nullopt;
    value.mantissa = value.mantissa * 10 + (c - '0');
    if (point) --value.power_of_ten;
  }
  if (value.mantissa == 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<BarRule> parse_bar_rule(std::string_view text) {
  const auto colon = std::min(text.find(':'), text.size());
  const auto kind = text.substr(0, colon);
  const auto value = text.substr(std::min(colon + 1, text.size()));
  BarRule rule;
  if (kind == "time") {
    const auto period = parse_period(value);
    if (!period) return std::nullopt;
    rule.period_ns = *period;
    return rule;
  }
  if (kind != "volume" && kind != "imbalance") return std::nullopt;
  rule.kind = kind == "volume" ? BarKind::Volume : BarKind::Imbalance;
  const auto threshold = parse_threshold(value);
  if (!threshold) return std::nullopt;
  rule.threshold = *threshold;
  return rule;
}

Decimal Bar::average_price() const {
  if (volume == 0 || overflowed) return {};
  Wide finer = notional;
  bool overflow = false;
  scale(finer, average_decimals, overflow);
  if (overflow) return {notional / volume, price_power};
  const Wide half = volume / 2;
  return {(finer + (finer < 0 ? -half : half)) / volume, price_power - average_decimals};
}

BarBuilder::BarBuilder(BarRule rule, std::size_t instruments) : rule_(rule), open_(instruments) {}

void BarBuilder::begin(Open& open, const SourceEvent& event) const {
  const auto ns = event.event_ns();
  const auto& record = *event.record;
  open.any = true;
  open.imbalance = 0;
  open.bar = Bar{};
  open.bar.instrument = event.instrument;
  const bool periods = rule_.kind == BarKind::Time;
  // One that is older than the newest bar's end belongs to the next.
  open.bar.begin_ns = periods ? std::max(floor_to(ns, rule_.period_ns), open.ended_ns) : ns;
  open.bar.end_ns = periods ? open.bar.begin_ns + rule_.period_ns : ns;
  open.bar.price_power = event.terms.price_exponent.power_of_ten;
  open.bar.quantity_power = event.terms.quantity_exponent.power_of_ten;
  open.bar.open = open.bar.high = open.bar.low = record.price;
}

// The venue may make its units finer within a bar; they never become coarser again here.
void BarBuilder::rescale(Open& open, const InstrumentTerms& terms) {
  auto& bar = open.bar;
  const int price = bar.price_power - terms.price_exponent.power_of_ten;
  const int quantity = bar.quantity_power - terms.quantity_exponent.power_of_ten;
  if (price > 0) {
    for (auto* const each : {&bar.open, &bar.high, &bar.low, &bar.close}) {
      scale(*each, price, bar.overflowed);
    }
    scale(bar.notional, price, bar.overflowed);
    bar.price_power -= price;
  }
  if (quantity > 0) {
    for (auto* const each : {&bar.volume, &bar.bought, &bar.notional, &open.imbalance}) {
      scale(*each, quantity, bar.overflowed);
    }
    bar.quantity_power -= quantity;
  }
}

int BarBuilder::sign_of(Open& open, const SourceEvent& event) {
  const auto& record = *event.record;
  const int power = event.terms.price_exponent.power_of_ten;
  Wide now = record.price;
  Wide before = open.newest_price;
  bool ignored = false;
  if (power > open.newest_power) {
    scale(now, power - open.newest_power, ignored);
  } else {
    scale(before, open.newest_power - power, ignored);
  }
  const bool moved = open.newest_price != 0 && now != before;
  if (record.side() != Side::None) {
    open.newest_sign = record.side() == Side::Bid ? 1 : -1;
  } else if (moved) {
    open.newest_sign = now > before ? 1 : -1;
  }
  open.newest_price = record.price;
  open.newest_power = power;
  return open.newest_sign;
}

bool BarBuilder::reached(const Open& open) const {
  if (rule_.kind == BarKind::Time) return false;
  const auto& bar = open.bar;
  Wide has = rule_.kind == BarKind::Volume ? bar.volume : open.imbalance;
  if (has < 0) has = -has;
  Wide wanted = rule_.threshold.mantissa;
  bool overflowed = false;
  const int finer = rule_.threshold.power_of_ten - bar.quantity_power;
  if (finer >= 0) {
    scale(wanted, finer, overflowed);
    return !overflowed && has >= wanted;
  }
  scale(has, -finer, overflowed);
  return overflowed || has >= wanted;
}

void BarBuilder::take(const SourceEvent& event, std::vector<Bar>& ended) {
  if (event.record->kind != Kind::Trade) return;
  auto& open = open_[event.instrument];
  if (open.any && rule_.kind == BarKind::Time && event.event_ns() >= open.bar.end_ns) {
    open.ended_ns = open.bar.end_ns;
    ended.push_back(open.bar);
    open.any = false;
  }
  auto& bar = open.bar;
  if (!open.any) begin(open, event);
  rescale(open, event.terms);
  const auto& record = *event.record;
  std::int64_t price = record.price;
  scale(price, event.terms.price_exponent.power_of_ten - bar.price_power, bar.overflowed);
  Wide quantity = record.quantity;
  scale(quantity, event.terms.quantity_exponent.power_of_ten - bar.quantity_power, bar.overflowed);
  bar.high = std::max(bar.high, price);
  bar.low = std::min(bar.low, price);
  bar.close = price;
  add(bar.volume, quantity, bar.overflowed);
  Wide notional = 0;
  bar.overflowed |= __builtin_mul_overflow(Wide{price}, quantity, &notional);
  add(bar.notional, notional, bar.overflowed);
  if (record.side() == Side::Bid) add(bar.bought, quantity, bar.overflowed);
  const int sign = sign_of(open, event);
  add(open.imbalance, sign * quantity, bar.overflowed);
  ++bar.trades;
  if (event.event_ns() < bar.begin_ns) ++bar.late;
  if (rule_.kind == BarKind::Time) return;
  bar.end_ns = std::max(bar.end_ns, event.event_ns());
  if (!reached(open)) return;
  ended.push_back(bar);
  open.any = false;
}

void BarBuilder::finish(std::vector<Bar>& ended) {
  for (auto& open : open_) {
    if (!open.any) continue;
    open.bar.complete = false;
    ended.push_back(open.bar);
    open.any = false;
  }
}

std::string_view bar_csv_header() {
  return "symbol,begin,end,open,high,low,close,volume,bought,notional,average,trades,late,complete"
         "\n";
}

void append_bar_csv(std::string& to, const Bar& bar, std::string_view symbol) {
  const auto price = [&](std::int64_t mantissa) {
    to += ',';
    append_decimal(to, mantissa, bar.price_power);
  };
  const auto quantity = [&](Wide mantissa, int power) {
    to += ',';
    append_decimal(to, mantissa, power);
  };
  fmt::format_to(std::back_inserter(to), "{},{},{}", symbol, bar.begin_ns, bar.end_ns);
  for (const auto each : {bar.open, bar.high, bar.low, bar.close}) price(each);
  quantity(bar.volume, bar.quantity_power);
  quantity(bar.bought, bar.quantity_power);
  quantity(bar.notional, bar.price_power + bar.quantity_power);
  const auto average = bar.average_price();
  quantity(average.mantissa, average.power_of_ten);
  fmt::format_to(std::back_inserter(to), ",{},{},{}\n", bar.trades, bar.late,
                 bar.overflowed ? "overflowed"
                 : bar.complete ? "yes"
                                : "no");
}

}  // namespace ringside::tools
