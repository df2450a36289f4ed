// Binance: a recorded feed, followed and forwarded.
#include <algorithm>

#include "tools/exchange/binance.hpp"

namespace ringside::exchange {
namespace {

BinanceStream::Kind kind_of(BinanceFrame::Kind kind) {
  switch (kind) {
    case BinanceFrame::Kind::BookTicker:
      return BinanceStream::Kind::BookTicker;
    case BinanceFrame::Kind::Trade:
      return BinanceStream::Kind::Trade;
    case BinanceFrame::Kind::AggTrade:
      return BinanceStream::Kind::AggTrade;
    default:
      return BinanceStream::Kind::Depth;
  }
}

// Places that the number needs: zeros at the end are none.
unsigned needed_decimals(std::string_view text) {
  if (decimals_of(text) == 0) return 0;
  while (text.ends_with('0')) text.remove_suffix(1);
  return decimals_of(text);
}

bool is_depth_url(std::string_view url) {
  const auto path = url.substr(0, url.find('?'));
  return path.ends_with("/depth");
}

}  // namespace

void Binance::learn(const capture::CaptureLine& line) {
  auto& market = services_.market;
  ListingIndex index = no_listing;
  if (line.kind == capture::CaptureKind::Http) {
    const auto [url, body] = capture::split_http(line.payload);
    const auto symbol = query_value(url, "symbol");
    if (!is_depth_url(url) || symbol.empty()) return;
    index = market.list(symbol);
    if (recorded(index).body.empty()) recorded(index).body = body;
    if (!reader_.read_snapshot(body, frame_)) return;
  } else if (line.kind == capture::CaptureKind::Recv) {
    if (!reader_.read_frame(line.payload, frame_)) return;
    if (frame_.kind == BinanceFrame::Kind::Other || frame_.symbol.empty()) return;
    index = market.list(frame_.symbol);
  } else {
    return;
  }
  auto& listing = market[index];
  for (const auto& level : frame_.levels) {
    listing.wire.price = std::max(listing.wire.price, decimals_of(level.price));
    listing.wire.quantity = std::max(listing.wire.quantity, decimals_of(level.quantity));
    listing.decimals.price = std::max(listing.decimals.price, needed_decimals(level.price));
    listing.decimals.quantity =
        std::max(listing.decimals.quantity, needed_decimals(level.quantity));
  }
}

Binance::Recorded& Binance::recorded(ListingIndex listing) {
  if (listing >= recorded_.size()) recorded_.resize(std::size_t{listing} + 1);
  return recorded_[listing];
}

void Binance::answer_waiting(Recorded& recorded) {
  for (const auto request : recorded.waiting) {
    services_.outlet.answer(request, 200, recorded.body);
    recorded.answered = true;
  }
  recorded.waiting.clear();
}

void Binance::on_held() {
  for (auto& each : recorded_) answer_waiting(each);
}

bool Binance::anybody_hears(ListingIndex listing, BinanceFrame::Kind kind) const {
  for (ChannelIndex channel = 0; channel < binance_streams.size(); ++channel) {
    if (binance_streams[channel].kind == kind_of(kind) && subscriptions_.any(channel, listing)) {
      return true;
    }
  }
  return false;
}

Need Binance::need_http(const capture::CaptureLine& line) const {
  const auto url = capture::split_http(line.payload).url;
  if (!is_depth_url(url)) return Need::Skip;
  const auto listing = services_.market.find(query_value(url, "symbol"));
  if (listing == no_listing) return Need::Skip;
  if (!anybody_hears(listing, BinanceFrame::Kind::Depth)) return Need::Subscription;
  if (services_.market[listing].snapshot_seen) return Need::Nothing;
  const auto& recorded = recorded_[listing];
  return recorded.waiting.empty() && !recorded.answered ? Need::Request : Need::Nothing;
}

Need Binance::need(const capture::CaptureLine& line) {
  if (line.kind == capture::CaptureKind::Http) return need_http(line);
  if (line.kind != capture::CaptureKind::Recv) return Need::Skip;
  if (!reader_.read_frame(line.payload, frame_)) return Need::Skip;
  if (frame_.kind == BinanceFrame::Kind::Other) return Need::Skip;
  const auto listing = services_.market.find(frame_.symbol);
  if (listing == no_listing) return Need::Skip;
  return anybody_hears(listing, frame_.kind) ? Need::Nothing : Need::Subscription;
}

void Binance::replay(const capture::CaptureLine& line, UtcNs) {
  if (line.kind == capture::CaptureKind::Http) return replay_http(line);
  if (!reader_.read_frame(line.payload, frame_)) return;
  const auto index = services_.market.find(frame_.symbol);
  if (index == no_listing) return;
  if (frame_.kind == BinanceFrame::Kind::Depth) {
    auto& listing = services_.market[index];
    if (listing.snapshot_seen) {
      follow(listing, frame_);
    } else {
      auto& early = recorded_[index].early;
      if (early.size() == early_frames_max) early.pop_front();
      early.emplace_back(frame_.data).append(capture::payload_padding, '\0');
    }
  }
  forward(index, frame_);
}

void Binance::follow(Listing& listing, const BinanceFrame& frame) {
  if (frame.last_id <= listing.update_id) return;
  for (const auto& text : frame.levels) {
    Level level;
    if (parse_decimal(text.price, listing.decimals.price, level.price.mantissa) &&
        parse_decimal(text.quantity, listing.decimals.quantity, level.quantity.mantissa)) {
      listing.book.apply(text.side, level);
    }
  }
  listing.update_id = frame.last_id;
  listing.book_time = frame.time;
  write_truth(listing, frame.time);
}

void Binance::replay_http(const capture::CaptureLine& line) {
  const auto [url, body] = capture::split_http(line.payload);
  const auto index = services_.market.find(query_value(url, "symbol"));
  if (index == no_listing) return;
  auto& recorded = recorded_[index];
  answer_waiting(recorded);
  auto& listing = services_.market[index];
  if (listing.snapshot_seen || !reader_.read_snapshot(body, frame_)) return;
  listing.update_id = 0;
  follow(listing, frame_);
  listing.snapshot_seen = true;
  for (const auto& early : recorded.early) {
    const auto text = std::string_view(early).substr(0, early.size() - capture::payload_padding);
    if (reader_.read_frame(text, frame_)) follow(listing, frame_);
  }
  recorded.early.clear();
}

void Binance::forward(ListingIndex index, const BinanceFrame& frame) {
  auto data = frame.data;
  if (anybody_hears(index, frame.kind)) {
    const bool depth = frame.kind == BinanceFrame::Kind::Depth;
    const auto channel = depth                                          ? FaultChannel::Book
                         : frame.kind == BinanceFrame::Kind::BookTicker ? FaultChannel::Bbo
                                                                        : FaultChannel::Trade;
    const auto fault = services_.faults.on_message(frame.symbol, channel);
    if (depth && fault.corrupt && !frame.levels.empty()) {
      const auto& quantity = frame.levels.back().quantity;
      data_ = data;
      auto& digit = data_[static_cast<std::size_t>(quantity.data() + quantity.size() - 1 -
                                                   frame.data.data())];
      digit = static_cast<char>(digit ^ 1);
      data = data_;
    }
  }
  // The recorded stream of a kind serves every name of that kind, whatever its speed was.
  for (ChannelIndex channel = 0; channel < binance_streams.size(); ++channel) {
    if (binance_streams[channel].kind != kind_of(frame.kind)) continue;
    if (subscriptions_.any(channel, index)) publish(index, channel, data);
  }
}

}  // namespace ringside::exchange
