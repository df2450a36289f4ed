#include "tools/exchange/kraken_v1.hpp"

#include <algorithm>
#include <charconv>

namespace ringside::exchange {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::array<std::string_view, 4> channel_names{"book", "trade", "ticker", "spread"};

bool channel_named(std::string_view name, ChannelIndex& channel) {
  const auto at = std::find(channel_names.begin(), channel_names.end(), name);
  channel = static_cast<ChannelIndex>(at - channel_names.begin());
  return at != channel_names.end();
}

// A name that may go back to the client as it came.
bool plain(std::string_view name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; });
}

void append_level(std::string& out, const Level& level, Decimals decimals, UtcNs time) {
  out += "[\"";
  append_decimal(out, level.price, decimals);
  out += "\",\"";
  append_decimal(out, level.quantity, decimals);
  out += "\",\"";
  append_seconds_us(out, time);
  out += '"';
}

void append_side(std::string& out, std::string_view key, std::span<const DepthView::Told> told,
                 Decimals decimals, UtcNs time) {
  out += '"';
  out += key;
  out += "\":[";
  for (std::size_t i = 0; i < told.size(); ++i) {
    if (i > 0) out += ',';
    append_level(out, told[i].level, decimals, time);
    out += told[i].risen ? ",\"r\"]" : "]";  // republished
  }
  out += ']';
}

// The text of a string, where it lies in the frame.
std::string_view string_text(ondemand::value value) {
  const char* from = value.get_raw_json_string().value().raw();
  const char* end = from;
  while (*end != '"') ++end;
  return {from, static_cast<std::size_t>(end - from)};
}

UtcNs seconds_time(std::string_view text) {
  std::int64_t ns = 0;
  return parse_decimal(text, 9, ns) ? UtcNs{ns} : UtcNs{};
}

void read_levels(ondemand::array levels, Side side, KrakenEntry& entry) {
  for (ondemand::array level : levels) {
    RawLevel raw;
    raw.side = side;
    unsigned position = 0;
    for (ondemand::value field : level) {
      const auto text = string_text(field);
      if (position == 0) raw.price = text;
      if (position == 1) raw.quantity = text;
      if (position == 2) entry.time = std::max(entry.time, seconds_time(text));
      ++position;
    }
    entry.levels.push_back(raw);
  }
}

// {"as":[...],"bs":[...]} or {"a":[...],"c":"..."}
void read_book(ondemand::object object, KrakenFrame& frame, KrakenEntry& entry) {
  for (auto field : object) {
    const std::string_view key = field.unescaped_key();
    ondemand::value value = field.value();
    const bool snapshot = key == "as" || key == "bs";
    if (snapshot) frame.kind = KrakenFrame::Kind::BookSnapshot;
    if (snapshot || key == "a" || key == "b") {
      read_levels(value.get_array(), key[0] == 'b' ? Side::Bid : Side::Ask, entry);
    } else if (key == "c") {
      entry.checksum = string_text(value);
    }
  }
}

}  // namespace

bool KrakenV1::accepts(std::string_view target) const {
  return target.substr(0, target.find('?')) == "/";
}

void KrakenV1::on_text(SessionId session, std::string_view text, UtcNs now) {
  Request request;
  request.session = session;
  request.now = now;
  simdjson::dom::object command;
  std::string_view event;
  const bool json =
      commands_.parse(text.data(), text.size()).get_object().get(command) == simdjson::SUCCESS;
  if (!json || command["event"].get_string().get(event) != simdjson::SUCCESS) {
    reply_ = R"({"errorMessage":"Malformed request","event":"error"})";
    return send(session, reply_);
  }
  std::uint64_t id = 0;
  if (command["reqid"].get_uint64().get(id) == simdjson::SUCCESS) {
    request.request_id = R"(,"reqid":)";
    append_integer(request.request_id, id);
  }
  if (event == "ping") {
    reply_ = R"({"event":"pong")" + request.request_id + '}';
    return send(session, reply_);
  }
  if (event != "subscribe" && event != "unsubscribe") {
    reply_ = R"({"errorMessage":"Unsupported event","event":"error")" + request.request_id + '}';
    return send(session, reply_);
  }
  request.subscribe = event == "subscribe";
  on_subscription(request, command);
}

void KrakenV1::on_subscription(Request request, simdjson::dom::object command) {
  const auto terms = command["subscription"];
  if (terms["name"].get_string().get(request.name) != simdjson::SUCCESS ||
      !channel_named(request.name, request.channel)) {
    return refuse(request, {}, "Subscription name invalid");
  }
  const auto depth = terms["depth"].get_uint64().get(request.depth);
  if (depth != simdjson::SUCCESS && depth != simdjson::NO_SUCH_FIELD) {
    return refuse(request, {}, "Subscription depth not supported");
  }
  simdjson::dom::array pairs;
  if (command["pair"].get_array().get(pairs) != simdjson::SUCCESS) {
    return refuse(request, {}, "Pair(s) not found");
  }
  for (const auto each : pairs) {
    std::string_view pair;
    if (each.get_string().get(pair) == simdjson::SUCCESS) {
      on_pair(request, pair);
    } else {
      refuse(request, {}, "Pair(s) not found");
    }
  }
}

void KrakenV1::on_pair(const Request& request, std::string_view pair) {
  const auto listing = market().find(pair);
  if (listing == no_listing) {
    return refuse(request, pair, "Currency pair not supported " + std::string(pair));
  }
  const auto channel = request.channel;
  if (!request.subscribe) {
    if (!subscriptions_.remove(channel, listing, request.session)) {
      return refuse(request, pair, "Subscription Not Found");
    }
    return tell_status(request, listing);
  }
  if (channel == book && !depth_served(listing, request.depth)) {
    return refuse(request, pair, "Subscription depth not supported");
  }
  if (subscribed(channel, listing, request.session)) {
    return refuse(request, pair, "Already subscribed");
  }
  if (refused(channel, listing)) return refuse(request, pair, "Service unavailable");
  tell_status(request, listing);
  if (channel == book) {
    return admit_to_book(request.session, listing, static_cast<std::uint32_t>(request.depth), true,
                         request.now);
  }
  static_cast<void>(subscriptions_.add(
      channel, listing, {request.session, 0, true, market()[listing].name}, request.now));
}

void KrakenV1::tell_status(const Request& request, ListingIndex listing) {
  const bool of_book = request.channel == book;
  const std::string depth = std::to_string(request.depth);
  reply_ = R"({"channelID":)";
  append_integer(reply_, channel_id(request.channel, listing));
  reply_ += R"(,"channelName":")" + std::string(request.name) + (of_book ? "-" + depth : "");
  reply_ += R"(","event":"subscriptionStatus","pair":")" + market()[listing].symbol + '"';
  reply_ += request.request_id;
  reply_ += request.subscribe ? R"(,"status":"subscribed","subscription":{)"
                              : R"(,"status":"unsubscribed","subscription":{)";
  if (of_book) reply_ += R"("depth":)" + depth + ',';
  reply_ += R"("name":")" + std::string(request.name) + "\"}}";
  send(request.session, reply_);
}

void KrakenV1::refuse(const Request& request, std::string_view pair, std::string_view why) {
  reply_ = R"({"errorMessage":")";
  reply_ += plain(pair) ? why : "Currency pair not supported";
  reply_ += R"(","event":"subscriptionStatus")";
  if (!pair.empty() && plain(pair)) reply_ += R"(,"pair":")" + std::string(pair) + '"';
  reply_ += request.request_id + R"(,"status":"error","subscription":{)";
  if (plain(request.name)) reply_ += R"("name":")" + std::string(request.name) + '"';
  reply_ += "}}";
  send(request.session, reply_);
}

std::uint32_t KrakenV1::channel_id(ChannelIndex channel, ListingIndex listing) const {
  const auto recorded = recorded_ids_.find({channel, listing});
  return recorded != recorded_ids_.end() ? recorded->second : 16 + listing * 4 + channel;
}

void KrakenV1::begin_data(std::string& out, ChannelIndex channel, ListingIndex listing) const {
  out += '[';
  append_integer(out, channel_id(channel, listing));
  out += ',';
}

void KrakenV1::word_system(std::string& out, std::string_view state, SessionId session) const {
  out += R"({"connectionID":)";
  append_integer(out, 13935949241502900000U + session);
  out += R"(,"event":"systemStatus","status":")";
  out += state;
  out += R"(","version":"1.9.3"})";
}

void KrakenV1::word_heartbeat(std::string& out) const { out += R"({"event":"heartbeat"})"; }

void KrakenV1::word_snapshot(std::string& out, ListingIndex index, std::size_t depth) const {
  const auto& listing = market()[index];
  begin_data(out, book, index);
  for (const Side side : {Side::Ask, Side::Bid}) {
    const auto& levels = listing.book.side(side);
    out += side == Side::Ask ? R"({"as":[)" : R"(,"bs":[)";
    for (std::size_t i = 0; i < std::min(levels.size(), depth); ++i) {
      if (i > 0) out += ',';
      append_level(out, levels[i], listing.decimals, listing.book_time);
      out += ']';
    }
    out += ']';
  }
  out += R"(},"book-)" + std::to_string(depth) + R"(",")" + listing.symbol + "\"]";
}

void KrakenV1::word_update(std::string& out, ListingIndex index, const Update& update) const {
  const auto& listing = market()[index];
  begin_data(out, book, index);
  if (!update.asks.empty()) {
    out += '{';
    append_side(out, "a", update.asks, listing.decimals, update.time);
    if (!update.bids.empty()) out += "},";
  }
  if (!update.bids.empty()) {
    out += '{';
    append_side(out, "b", update.bids, listing.decimals, update.time);
  }
  out += R"(,"c":")";
  append_integer(out, update.checksum);
  out += R"("},"book-)";
  append_integer(out, update.depth);
  out += R"(",")";
  out += listing.symbol;
  out += "\"]";
}

void KrakenV1::word_trade(std::string& out, ListingIndex index, const Trade& told) const {
  const auto& listing = market()[index];
  begin_data(out, trade, index);
  out += '[';
  append_level(out, {told.price, told.quantity}, listing.decimals, told.time);
  out += told.aggressor == Side::Bid ? R"(,"b")" : R"(,"s")";
  out += told.market_order ? R"(,"m",""]],"trade",")" : R"(,"l",""]],"trade",")";
  out += listing.symbol;
  out += "\"]";
}

void KrakenV1::word_ticker(std::string& out, ListingIndex index, bool, UtcNs) const {
  const auto& listing = market()[index];
  begin_data(out, ticker, index);
  for (const Side side : {Side::Ask, Side::Bid}) {
    const auto& levels = listing.book.side(side);
    const Level best = levels.empty() ? Level{} : levels.front();
    out += side == Side::Ask ? R"({"a":[")" : R"(,"b":[")";
    append_decimal(out, best.price, listing.decimals);
    out += "\",0,\"";
    append_decimal(out, best.quantity, listing.decimals);
    out += "\"]";
  }
  out += R"(,"c":[")";
  append_decimal(out, listing.last_trade.price, listing.decimals);
  out += R"(",")";
  append_decimal(out, listing.last_trade.quantity, listing.decimals);
  out += R"("]},"ticker",")" + listing.symbol + "\"]";
}

void KrakenV1::word_spread(std::string& out, ListingIndex index, UtcNs time) const {
  const auto& listing = market()[index];
  const auto& bids = listing.book.side(Side::Bid);
  const auto& asks = listing.book.side(Side::Ask);
  const Level bid = bids.empty() ? Level{} : bids.front();
  const Level ask = asks.empty() ? Level{} : asks.front();
  begin_data(out, spread, index);
  out += "[\"";
  append_decimal(out, bid.price, listing.decimals);
  out += "\",\"";
  append_decimal(out, ask.price, listing.decimals);
  out += "\",\"";
  append_seconds_us(out, time);
  out += "\",\"";
  append_decimal(out, bid.quantity, listing.decimals);
  out += "\",\"";
  append_decimal(out, ask.quantity, listing.decimals);
  out += R"("],"spread",")" + listing.symbol + "\"]";
}

// [channel id, payload, (payload,) name, pair]
void KrakenV1::read_frame(ondemand::array elements, KrakenFrame& frame) {
  auto& entry = frame.entries.emplace_back();
  std::string_view name;
  for (ondemand::value element : elements) {
    switch (element.type()) {
      case ondemand::json_type::number:
        frame.channel_id = static_cast<std::uint32_t>(element.get_uint64().value());
        break;
      case ondemand::json_type::object:
        frame.kind = KrakenFrame::Kind::BookUpdate;
        read_book(element.get_object(), frame, entry);
        break;
      case ondemand::json_type::array:
        frame.kind = KrakenFrame::Kind::Trade;
        read_levels(element.get_array(), Side::Bid, entry);  // a trade begins like a level
        break;
      default:
        (name.empty() ? name : entry.symbol) = string_text(element);
    }
  }
  if (name.starts_with("book-")) {
    std::from_chars(name.data() + 5, name.data() + name.size(), frame.depth);
  } else if (name != "trade") {
    frame.kind = KrakenFrame::Kind::Other;
  }
}

bool KrakenV1::read(std::string_view padded, KrakenFrame& frame) {
  frame.kind = KrakenFrame::Kind::Other;
  frame.depth = 0;
  frame.channel_id = 0;
  frame.entries.clear();
  if (padded.empty() || padded[0] != '[') return true;  // an event
  // A ticker's or spread's payload is of another shape: only its name matters.
  for (const auto& [name, kind] : {std::pair{"\"ticker\",\"", KrakenFrame::Kind::Ticker},
                                   std::pair{"\"spread\",\"", KrakenFrame::Kind::Spread}}) {
    const auto at = padded.rfind(name);
    if (at == std::string_view::npos) continue;
    const auto from = at + std::string_view(name).size();
    const auto end = std::min(padded.find('"', from), padded.size());
    frame.kind = kind;
    frame.entries.emplace_back().symbol = padded.substr(from, end - from);
    std::from_chars(padded.data() + 1, padded.data() + padded.size(), frame.channel_id);
    return true;
  }
  try {
    const simdjson::padded_string_view text(padded.data(), padded.size(),
                                            padded.size() + capture::payload_padding);
    ondemand::document document = frames_.iterate(text);
    read_frame(document.get_array(), frame);
    return true;
  } catch (const simdjson::simdjson_error&) {
    frame.kind = KrakenFrame::Kind::Other;
    frame.entries.clear();
    return false;
  }
}

void KrakenV1::learn_more(std::string_view padded, const KrakenFrame& frame) {
  if (frame.kind != KrakenFrame::Kind::Other) {
    for (const auto& entry : frame.entries) {
      recorded_ids_[{channel_of(frame.kind), market().list(entry.symbol)}] = frame.channel_id;
    }
    return;
  }
  simdjson::dom::object event;
  std::string_view pair, name;
  std::uint64_t id = 0, depth = 0;
  if (commands_.parse(padded.data(), padded.size()).get_object().get(event) != simdjson::SUCCESS ||
      event["pair"].get_string().get(pair) != simdjson::SUCCESS ||
      event["subscription"]["name"].get_string().get(name) != simdjson::SUCCESS ||
      event["channelID"].get_uint64().get(id) != simdjson::SUCCESS) {
    return;
  }
  ChannelIndex channel = book;
  if (!channel_named(name, channel)) return;
  const auto listing = market().list(pair);
  recorded_ids_[{channel, listing}] = static_cast<std::uint32_t>(id);
  if (event["subscription"]["depth"].get_uint64().get(depth) == simdjson::SUCCESS) {
    market()[listing].depth = static_cast<std::uint32_t>(depth);
  }
}

}  // namespace ringside::exchange
