#include "tools/exchange/kraken.hpp"

#include <algorithm>

namespace ringside::exchange {
namespace {

constexpr std::int64_t heartbeat_ns = 1'000'000'000;
constexpr std::int64_t wire_resolution_ns = 1'000;

// Stays a digit, and never makes a number of 32 bits one of 33.
constexpr char flipped(char digit) { return static_cast<char>(digit ^ 1); }

FaultChannel fault_channel(ChannelIndex channel) {
  constexpr std::array channels{FaultChannel::Book, FaultChannel::Trade, FaultChannel::Bbo,
                                FaultChannel::Bbo};
  return channels[channel];
}

// The checksum sees a level of that price.
bool covered(const Book& book, Side side, Price price) {
  const auto& levels = book.side(side);
  return levels.size() < kraken_checksum_levels ||
         !better(side, levels[kraken_checksum_levels - 1].price, price);
}

}  // namespace

Kraken::Kraken(VenueServices services) : services_(services) {}

void Kraken::on_open(SessionId session, std::string_view, UtcNs now) {
  sessions_.push_back({session, UtcNs{now.value + heartbeat_ns}});
  text_.clear();
  word_greeting(text_, session);
  send(session, text_);
}

void Kraken::on_close(SessionId session) {
  std::erase_if(sessions_, [session](const Session& each) { return each.id == session; });
  subscriptions_.remove_session(session);
}

UtcNs Kraken::on_tick(UtcNs now) {
  UtcNs next{now.value + heartbeat_ns};
  for (auto& session : sessions_) {
    if (session.next_heartbeat <= now) {
      session.next_heartbeat.value = now.value + heartbeat_ns;
      text_.clear();
      word_heartbeat(text_);
      send(session.id, text_);
    }
    next = std::min(next, session.next_heartbeat);
  }
  return next;
}

// AssetPairs, with what the wire's precision needs.
void Kraken::on_get(RequestId request, std::string_view target, UtcNs) {
  if (target.substr(0, target.find('?')) != "/0/public/AssetPairs") {
    services_.outlet.answer(request, 404, R"({"error":["EGeneral:Unknown method"]})");
    return;
  }
  text_ = R"({"error":[],"result":{)";
  for (ListingIndex i = 0; i < market().size(); ++i) {
    const auto& listing = market()[i];
    if (listing.trading >= Trading::Delisted) continue;
    std::string alternative = listing.symbol;
    std::erase(alternative, '/');
    text_ += (text_.back() == '{' ? "\"" : ",\"") + alternative + R"(":{"altname":")" +
             alternative + R"(","wsname":")" + listing.symbol + R"(","pair_decimals":)";
    append_integer(text_, listing.decimals.price);
    text_ += R"(,"lot_decimals":)";
    append_integer(text_, listing.decimals.quantity);
    text_ += R"(,"status":"online"})";
  }
  text_ += "}}";
  services_.outlet.answer(request, 200, text_);
}

std::string Kraken::shutdown_text(UtcNs) const {
  std::string text;
  word_system(text, "maintenance", 0);
  return text;
}

bool Kraken::refused(ChannelIndex channel, ListingIndex index) {
  return services_.faults.refuses(market()[index].symbol, fault_channel(channel));
}

void Kraken::begin(UtcNs now) {
  told_tops_.resize(market().size());
  if (services_.replaying) return;
  now.value -= now.value % wire_resolution_ns;
  for (ListingIndex i = 0; i < market().size(); ++i) {
    auto& listing = market()[i];
    listing.view(listing.depth);  // the first view is the one that the truth is told of
    for (auto& view : listing.views) view.clear();
    listing.snapshot_seen = true;
    listing.book_time = now;
    if (services_.truth == nullptr) continue;
    services_.truth->write(listing, listing.depth, now);
  }
  if (!services_.faults.has(FaultKind::StaleSnapshot)) return;
  for (ListingIndex i = 0; i < market().size(); ++i) old_.push_back(market()[i]);
}

bool Kraken::depth_served(ListingIndex index, std::uint64_t depth) const {
  // A recorded feed has one depth: frames of another would need another checksum's book.
  if (services_.replaying) return depth == market()[index].depth;
  return std::find(kraken_depths.begin(), kraken_depths.end(), depth) != kraken_depths.end();
}

void Kraken::admit_to_book(SessionId session, ListingIndex index, std::uint32_t depth,
                           bool snapshot, UtcNs now) {
  auto& listing = market()[index];
  const bool primed = listing.snapshot_seen || !snapshot;
  // Refused twice-subscribers are the caller's.
  static_cast<void>(subscriptions_.add(book, index, {session, depth, primed, listing.name}, now));
  if (!services_.replaying) listing.view(depth);
  if (snapshot && listing.snapshot_seen) send_snapshot(session, index, depth);
}

// A wrong one is another symbol's, under this one's name; whole and with a right checksum, as a
// stale one is.
void Kraken::send_snapshot(SessionId session, ListingIndex index, std::size_t depth) {
  auto& listing = market()[index];
  const auto fault = services_.faults.on_snapshot(listing.symbol);
  auto& other = fault == SnapshotFault::Stale   ? old_[index]
                : fault == SnapshotFault::Wrong ? market()[(index + 1) % market().size()]
                                                : listing;
  if (fault != SnapshotFault::None) std::swap(listing.book, other.book);
  text_.clear();
  word_snapshot(text_, index, depth);
  if (fault != SnapshotFault::None) std::swap(listing.book, other.book);
  send(session, text_);
}

bool Kraken::subscribed(ChannelIndex channel, ListingIndex index, SessionId session) {
  const auto& present = subscriptions_.of(channel, index);
  return std::any_of(present.begin(), present.end(),
                     [session](const Subscriber& each) { return each.session == session; });
}

void Kraken::on_book(ListingIndex index, UtcNs time) {
  auto& listing = market()[index];
  const bool visible = !listing.views.front().empty();
  if (visible) {
    listing.book_time = time;
    if (services_.truth != nullptr) {
      services_.truth->write(listing, listing.depth, time);
    }
  }
  if (subscriptions_.any(book, index)) {
    WordingFault fault;
    if (visible) {
      fault = services_.faults.on_message(listing.symbol, FaultChannel::Book);
    } else {
      services_.faults.pass_message();
    }
    for (const auto& view : listing.views) publish(index, view, time, fault);
  }
  for (auto& view : listing.views) view.clear();
  publish_tops(index, time);
}

void Kraken::publish(ListingIndex index, const DepthView& view, UtcNs time, WordingFault fault) {
  if (view.empty()) return;
  bool worded = false;
  for (const auto& subscriber : subscriptions_.of(book, index)) {
    if (subscriber.parameter != view.depth() || subscriber.name != market()[index].name) continue;
    if (!worded) {
      Update update{view.told(Side::Bid), view.told(Side::Ask), view.depth(),
                    kraken_checksum(market()[index].book), time};
      if (fault.corrupt) corrupt(index, view, fault.part, update);
      if (fault.checksum_zero) update.checksum = 0;
      text_.clear();
      word_update(text_, index, update);
      worded = true;
    }
    services_.outlet.send(subscriber.session, text_, Frame::Data);
  }
}

// A level that the checksum covers and that is the last word on its price, so that the damage
// shows; without one, the checksum itself.
void Kraken::corrupt(ListingIndex index, const DepthView& view, FaultPart part, Update& update) {
  if (part == FaultPart::Check) {
    update.checksum ^= 1;
    return;
  }
  for (const Side side : {Side::Bid, Side::Ask}) {
    auto& copy = corrupted_[side == Side::Bid ? 0 : 1];
    copy.assign(view.told(side).begin(), view.told(side).end());
    (side == Side::Bid ? update.bids : update.asks) = copy;
    for (auto told = copy.rbegin(); told != copy.rend(); ++told) {
      if (!covered(market()[index].book, side, told->level.price)) continue;
      auto& mantissa =
          part == FaultPart::Price ? told->level.price.mantissa : told->level.quantity.mantissa;
      mantissa += mantissa % 2 == 0 ? 1 : -1;
      return;
    }
  }
  update.checksum ^= 1;
}

void Kraken::publish_tops(ListingIndex index, UtcNs time) {
  if (!subscriptions_.any(ticker, index) && !subscriptions_.any(spread, index)) return;
  const auto& listing = market()[index];
  const auto& bids = listing.book.side(Side::Bid);
  const auto& asks = listing.book.side(Side::Ask);
  if (bids.empty() || asks.empty()) return;
  const Tops tops{bids.front(), asks.front()};
  if (tops == told_tops_[index]) return;
  told_tops_[index] = tops;
  for (const auto channel : {ticker, spread}) {
    if (!subscriptions_.any(channel, index)) continue;
    text_.clear();
    if (channel == ticker) {
      word_ticker(text_, index, false, time);
    } else {
      word_spread(text_, index, time);
    }
    static_cast<void>(services_.faults.on_message(listing.symbol, FaultChannel::Bbo));
    publish_to(channel, index);
  }
}

void Kraken::publish_to(ChannelIndex channel, ListingIndex index) {
  const auto name = market()[index].name;
  for (const auto& subscriber : subscriptions_.of(channel, index)) {
    if (subscriber.name == name) services_.outlet.send(subscriber.session, text_, Frame::Data);
  }
}

void Kraken::on_trade(ListingIndex index, const Trade& told) {
  market()[index].last_trade = told;
  if (!subscriptions_.any(trade, index)) return;
  text_.clear();
  word_trade(text_, index, told);
  static_cast<void>(services_.faults.on_message(market()[index].symbol, FaultChannel::Trade));
  publish_to(trade, index);
}

ChannelIndex Kraken::channel_of(KrakenFrame::Kind kind) {
  switch (kind) {
    case KrakenFrame::Kind::Trade:
      return trade;
    case KrakenFrame::Kind::Ticker:
      return ticker;
    case KrakenFrame::Kind::Spread:
      return spread;
    default:
      return book;
  }
}

void Kraken::learn(const capture::CaptureLine& line) {
  if (line.kind != capture::CaptureKind::Recv || !read(line.payload, frame_)) return;
  learn_more(line.payload, frame_);
  for (const auto& entry : frame_.entries) {
    auto& listing = market()[market().list(entry.symbol)];
    if (frame_.depth != 0) listing.depth = frame_.depth;
    auto& decimals = listing.decimals;
    for (const auto& level : entry.levels) {
      decimals.price = std::max(decimals.price, decimals_of(level.price));
      decimals.quantity = std::max(decimals.quantity, decimals_of(level.quantity));
    }
  }
}

bool Kraken::anybody_hears(const KrakenFrame& frame) const {
  return std::any_of(frame.entries.begin(), frame.entries.end(), [&](const KrakenEntry& entry) {
    const auto listing = market().find(entry.symbol);
    return listing != no_listing && subscriptions_.any(channel_of(frame.kind), listing);
  });
}

Need Kraken::need(const capture::CaptureLine& line) {
  if (line.kind != capture::CaptureKind::Recv) return Need::Skip;
  if (!read(line.payload, frame_) || frame_.kind == KrakenFrame::Kind::Other) return Need::Skip;
  return anybody_hears(frame_) ? Need::Nothing : Need::Subscription;
}

void Kraken::replay(const capture::CaptureLine& line, UtcNs) {
  if (!read(line.payload, frame_)) return;
  follow(frame_);
  forward(frame_, line.payload);
}

void Kraken::follow(const KrakenFrame& frame) {
  const bool snapshot = frame.kind == KrakenFrame::Kind::BookSnapshot;
  if (!snapshot && frame.kind != KrakenFrame::Kind::BookUpdate) return;
  for (const auto& entry : frame.entries) {
    auto& listing = market()[market().list(entry.symbol)];
    if (snapshot) listing.book.clear();
    for (const auto& level : entry.levels) {
      Level exact;
      if (!parse_decimal(level.price, listing.decimals.price, exact.price.mantissa) ||
          !parse_decimal(level.quantity, listing.decimals.quantity, exact.quantity.mantissa)) {
        continue;  // an edited capture; forwarded as it is
      }
      listing.book.apply(level.side, exact);
    }
    listing.book.truncate(listing.depth);
    listing.snapshot_seen = listing.snapshot_seen || snapshot;
    listing.book_time = entry.time;
    if (services_.truth == nullptr || !listing.snapshot_seen) continue;
    services_.truth->write(listing, listing.depth, entry.time);
  }
}

std::size_t Kraken::digit_to_flip(const Listing& listing, const KrakenEntry& entry,
                                  std::string_view text) {
  for (auto level = entry.levels.rbegin(); level != entry.levels.rend(); ++level) {
    Price price;
    if (!parse_decimal(level->price, listing.decimals.price, price.mantissa)) continue;
    if (!covered(listing.book, level->side, price)) continue;
    return static_cast<std::size_t>(level->quantity.data() + level->quantity.size() - 1 -
                                    text.data());
  }
  if (entry.checksum.empty()) return text.size();
  return static_cast<std::size_t>(entry.checksum.data() + entry.checksum.size() - 1 - text.data());
}

void Kraken::forward(const KrakenFrame& frame, std::string_view text) {
  if (frame.entries.empty()) return;
  const auto& entry = frame.entries.front();  // recorded frames hold one symbol
  const auto index = market().list(entry.symbol);
  const auto channel = channel_of(frame.kind);
  if (!subscriptions_.any(channel, index)) return;
  const bool snapshot = frame.kind == KrakenFrame::Kind::BookSnapshot;
  if (!snapshot) {
    const auto fault = services_.faults.on_message(entry.symbol, fault_channel(channel));
    if (fault.corrupt && channel == book) {
      text_ = text;
      const auto digit = digit_to_flip(market()[index], entry, text);
      if (digit < text_.size()) text_[digit] = flipped(text_[digit]);
      text = text_;
    }
  }
  for (auto& subscriber : subscriptions_.of(channel, index)) {
    if (snapshot) subscriber.primed = true;
    if (channel == book && !subscriber.primed) continue;
    services_.outlet.send(subscriber.session, text, snapshot ? Frame::Control : Frame::Data);
  }
}

}  // namespace ringside::exchange
