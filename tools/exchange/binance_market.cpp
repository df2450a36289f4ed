// Binance: the generated market in its words.
#include <algorithm>

#include "tools/exchange/binance.hpp"

namespace ringside::exchange {
namespace {

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::int64_t spot_period_ns = 1'000'000'000;
constexpr std::int64_t futures_period_ns = 250'000'000;
constexpr std::int64_t idle_ns = 1'000'000'000;
constexpr std::int64_t stagger_ns = 7'000'000;  // symbols do not send in step
constexpr unsigned spot_wire_decimals = 8;
// Where ids begin: large, as the venue's are.
constexpr std::uint64_t first_spot_id = 50'093'239'000;
constexpr std::uint64_t first_futures_id = 5'123'107'000'000;

}  // namespace

void Binance::begin(UtcNs now) {
  auto& market = services_.market;
  batches_.resize(market.size());
  recorded_.resize(market.size());
  sent_ms_.resize(market.size());
  told_tops_.resize(std::size_t{market.size()} * 2);
  if (services_.replaying) return;
  venue_id_ = first_futures_id;
  for (ListingIndex i = 0; i < market.size(); ++i) {
    auto& listing = market[i];
    listing.view(depth_all).clear();
    listing.snapshot_seen = true;
    listing.book_time.value = now.value / ms_ns * ms_ns;
    listing.update_id = words_.spot() ? first_spot_id + i * 1'000'000 : first_futures_id;
    listing.wire = words_.spot() ? Decimals{spot_wire_decimals, spot_wire_decimals} : Decimals{};
  }
  if (!services_.faults.has(FaultKind::StaleSnapshot)) return;
  for (ListingIndex i = 0; i < market.size(); ++i) old_.push_back(market[i]);
}

// What waits in batches is in the old units.
void Binance::on_refined(ListingIndex index, Decimals more) {
  const auto factor = power_of_ten(more.price);
  for (auto& batch : batches_[index]) {
    for (auto& touched : batch.touched) {
      for (auto& price : touched) price.mantissa *= factor;
    }
  }
}

std::int64_t Binance::period_ns(ChannelIndex channel) const {
  if (services_.depth_period_ns != 0) return services_.depth_period_ns;
  const auto period = binance_streams[channel].period_ns;
  if (period != 0) return period;
  return words_.spot() ? spot_period_ns : futures_period_ns;
}

void Binance::start_batch(ListingIndex index, ChannelIndex channel, UtcNs now) {
  auto& batches = batches_[index];
  const auto same = [channel](const Batch& each) { return each.channel == channel; };
  if (std::any_of(batches.begin(), batches.end(), same)) return;
  auto& batch = batches.emplace_back();
  batch.channel = channel;
  batch.sent_id = services_.market[index].update_id;
  const auto period = period_ns(channel);
  const auto phase = std::int64_t{index} * stagger_ns % period;
  batch.due.value = (now.value - phase) / period * period + phase + period;
  next_flush_ = std::min(next_flush_, batch.due);
}

UtcNs Binance::fresh_time(ListingIndex index, UtcNs now) {
  auto& last = sent_ms_[index];
  last = std::max(now.value / ms_ns, last + 1);
  return {last * ms_ns};
}

void Binance::write_truth(const Listing& listing, UtcNs time) {
  if (services_.truth == nullptr) return;
  services_.truth->write(listing, depth_all, time);
}

// Each change has an id of its own; on the futures the other symbols' lie in between.
void Binance::on_book(ListingIndex index, UtcNs time) {
  auto& listing = services_.market[index];
  auto& view = listing.views.front();
  if (view.empty()) return;
  const auto changes = view.told(Side::Bid).size() + view.told(Side::Ask).size();
  std::uint64_t first_id = listing.update_id + 1;
  if (words_.spot()) {
    listing.update_id += changes;
  } else {
    first_id = venue_id_ + 1;
    venue_id_ += changes * 17;
    listing.update_id = venue_id_;
  }
  listing.book_time = time;
  touch(index, first_id, time);
  view.clear();
  publish_book_ticker(index, time);
}

void Binance::touch(ListingIndex index, std::uint64_t first_id, UtcNs time) {
  const auto& view = services_.market[index].views.front();
  for (auto& batch : batches_[index]) {
    const bool first = batch.touched[0].empty() && batch.touched[1].empty();
    if (first) batch.first_id = words_.spot() ? batch.sent_id + 1 : first_id;
    batch.happened = time;
    for (const Side side : {Side::Bid, Side::Ask}) {
      auto& touched = batch.touched[side == Side::Bid ? 0 : 1];
      for (const auto& told : view.told(side)) touched.push_back(told.level.price);
    }
  }
}

void Binance::publish_book_ticker(ListingIndex index, UtcNs time) {
  constexpr ChannelIndex channel = 6;
  static_assert(binance_streams[channel].kind == BinanceStream::Kind::BookTicker);
  const auto& listing = services_.market[index];
  const auto& bids = listing.book.side(Side::Bid);
  const auto& asks = listing.book.side(Side::Ask);
  if (bids.empty() || asks.empty()) return;
  auto* told = &told_tops_[std::size_t{index} * 2];
  if (told[0] == bids.front() && told[1] == asks.front()) return;
  told[0] = bids.front();
  told[1] = asks.front();
  if (!subscriptions_.any(channel, index)) return;
  data_.clear();
  words_.book_ticker(data_, listing, time);
  static_cast<void>(services_.faults.on_message(listing.symbol, FaultChannel::Bbo));
  publish(index, channel, data_);
}

void Binance::on_trade(ListingIndex index, const Trade& trade) {
  auto& listing = services_.market[index];
  listing.last_trade = trade;
  for (ChannelIndex channel = 0; channel < binance_streams.size(); ++channel) {
    const auto kind = binance_streams[channel].kind;
    const bool each = kind == BinanceStream::Kind::Trade;
    if (!each && kind != BinanceStream::Kind::AggTrade) continue;
    if (!subscriptions_.any(channel, index)) continue;
    data_.clear();
    if (each) {
      words_.trade(data_, listing, trade);
    } else {
      words_.aggregated_trade(data_, listing, trade);
    }
    static_cast<void>(services_.faults.on_message(listing.symbol, FaultChannel::Trade));
    publish(index, channel, data_);
  }
}

UtcNs Binance::on_tick(UtcNs now) {
  if (next_flush_ <= now) flush_due(now);
  return std::min({next_flush_, answer_delayed(now), UtcNs{now.value + idle_ns}});
}

void Binance::flush_due(UtcNs now) {
  next_flush_.value = now.value + idle_ns;
  for (ListingIndex index = 0; index < batches_.size(); ++index) {
    auto& batches = batches_[index];
    std::erase_if(batches,
                  [&](const Batch& each) { return !subscriptions_.any(each.channel, index); });
    for (auto& batch : batches) {
      if (batch.due <= now) {
        flush(index, batch, now);
        const auto period = period_ns(batch.channel);
        batch.due.value += (now.value - batch.due.value) / period * period + period;
      }
      next_flush_ = std::min(next_flush_, batch.due);
    }
  }
}

// The newest quantity of each price, once; 0 for what came and went in between.
void Binance::settle_side(const Listing& listing, Side side, std::vector<Price>& touched,
                          std::vector<Level>& levels) {
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  levels.clear();
  for (const auto price : touched) levels.push_back({price, listing.book.quantity_at(side, price)});
  touched.clear();
}

void Binance::flush(ListingIndex index, Batch& batch, UtcNs now) {
  if (batch.touched[0].empty() && batch.touched[1].empty()) return;
  const auto& listing = services_.market[index];
  settle_side(listing, Side::Bid, batch.touched[0], bids_);
  settle_side(listing, Side::Ask, batch.touched[1], asks_);
  BinanceDepth depth{.bids = bids_, .asks = asks_};
  depth.first_id = batch.first_id;
  depth.last_id = listing.update_id;
  depth.previous_id = batch.sent_id;
  // What tells two messages apart: E on spot, which has nothing else; T on the futures.
  const auto unique = fresh_time(index, words_.spot() ? now : batch.happened);
  depth.happened = unique;
  depth.sent = std::max(unique, now);
  batch.sent_id = depth.last_id;
  write_truth(listing, unique);
  const auto fault = services_.faults.on_message(listing.symbol, FaultChannel::Book);
  if (fault.corrupt && fault.part == FaultPart::Check) {
    depth.last_id ^= 1;
  } else if (fault.corrupt) {
    auto& level = (bids_.empty() ? asks_ : bids_).back();
    auto& mantissa =
        fault.part == FaultPart::Price ? level.price.mantissa : level.quantity.mantissa;
    mantissa += mantissa % 2 == 0 ? 1 : -1;
  }
  data_.clear();
  words_.depth(data_, listing, depth);
  publish(index, batch.channel, data_);
}

}  // namespace ringside::exchange
