#include "tools/exchange/kraken_v2.hpp"

#include <algorithm>

namespace ringside::exchange {
namespace {

namespace ondemand = simdjson::ondemand;

std::string_view status_of(const Listing& listing) {
  if (listing.trading == Trading::Online) return "online";
  return listing.trading == Trading::Halted ? "maintenance" : "delisted";
}

void append_times(std::string& out, UtcNs now) {
  out += R"("time_in":")";
  append_rfc3339_us(out, now);
  out += R"(","time_out":")";
  append_rfc3339_us(out, now);
  out += '"';
}

void append_level(std::string& out, const Level& level, Decimals decimals) {
  out += R"({"price":)";
  append_decimal(out, level.price, decimals);
  out += R"(,"qty":)";
  append_decimal(out, level.quantity, decimals);
  out += '}';
}

template <typename Levels, typename Get>
void append_levels(std::string& out, const Levels& levels, Decimals decimals, Get get) {
  out += '[';
  bool first = true;
  for (const auto& each : levels) {
    if (!first) out += ',';
    first = false;
    append_level(out, get(each), decimals);
  }
  out += ']';
}

void append_book_end(std::string& out, std::uint32_t checksum, UtcNs time) {
  out += R"(,"checksum":)";
  append_integer(out, checksum);
  out += R"(,"timestamp":")";
  append_rfc3339_us(out, time);
  out += R"("}]})";
}

// Numbers are views of the frame's own text: exact digits, no double in between.
std::string_view number_text(ondemand::value value) {
  std::string_view text = value.raw_json_token();
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

void read_levels(ondemand::array levels, Side side, KrakenEntry& entry) {
  for (ondemand::object level : levels) {
    RawLevel raw;
    raw.side = side;
    for (auto field : level) {
      const std::string_view key = field.unescaped_key();
      if (key == "price") raw.price = number_text(field.value());
      if (key == "qty") raw.quantity = number_text(field.value());
    }
    entry.levels.push_back(raw);
  }
}

// An entry of a book, trade or ticker frame: their fields do not collide.
void read_entry(ondemand::object object, KrakenEntry& entry) {
  RawLevel own;  // a trade's
  RawLevel bid;  // a ticker's
  for (auto field : object) {
    const std::string_view key = field.unescaped_key();
    ondemand::value value = field.value();
    if (key == "symbol") {
      entry.symbol = value.get_string();
    } else if (key == "bids") {
      read_levels(value.get_array(), Side::Bid, entry);
    } else if (key == "asks") {
      read_levels(value.get_array(), Side::Ask, entry);
    } else if (key == "checksum") {
      entry.checksum = number_text(value);
    } else if (key == "timestamp") {
      entry.time = parse_rfc3339(value.get_string());
    } else if (key == "price") {
      own.price = number_text(value);
    } else if (key == "qty") {
      own.quantity = number_text(value);
    } else if (key == "bid") {
      bid.price = number_text(value);
    } else if (key == "bid_qty") {
      bid.quantity = number_text(value);
    }
  }
  if (!own.price.empty()) entry.levels.push_back(own);
  if (!bid.price.empty()) entry.levels.push_back(bid);
}

KrakenFrame::Kind kind_of(std::string_view channel, bool snapshot) {
  if (channel == "book") {
    return snapshot ? KrakenFrame::Kind::BookSnapshot : KrakenFrame::Kind::BookUpdate;
  }
  if (channel == "trade") return KrakenFrame::Kind::Trade;
  if (channel == "ticker") return KrakenFrame::Kind::Ticker;
  return KrakenFrame::Kind::Other;
}

// Throws simdjson_error.
void read_frame(ondemand::document& document, KrakenFrame& frame) {
  std::string_view channel;
  bool snapshot = false;
  for (auto field : document.get_object()) {
    const std::string_view key = field.unescaped_key();
    if (key == "channel") {
      channel = field.value().get_string();
    } else if (key == "type") {
      snapshot = std::string_view(field.value().get_string()) == "snapshot";
    } else if (key == "data") {
      frame.kind = kind_of(channel, snapshot);
      if (frame.kind == KrakenFrame::Kind::Other) return;
      for (ondemand::object entry : field.value().get_array()) {
        read_entry(entry, frame.entries.emplace_back());
      }
    }
  }
}

}  // namespace

bool KrakenV2::accepts(std::string_view target) const {
  return target.substr(0, target.find('?')) == "/v2";
}

void KrakenV2::on_text(SessionId session, std::string_view text, UtcNs now) {
  Request request;
  request.session = session;
  request.now = now;
  simdjson::dom::object command;
  std::uint64_t id = 0;
  const bool json =
      commands_.parse(text.data(), text.size()).get_object().get(command) == simdjson::SUCCESS;
  if (!json || command["method"].get_string().get(request.method) != simdjson::SUCCESS) {
    return refuse(request, {}, "Malformed request");
  }
  if (command["req_id"].get_uint64().get(id) == simdjson::SUCCESS) {
    request.request_id = R"("req_id":)";
    append_integer(request.request_id, id);
    request.request_id += ',';
  }
  if (request.method == "ping") {
    reply_ = R"({"method":"pong",)" + request.request_id;
    append_times(reply_, now);
    reply_ += '}';
    return send(session, reply_);
  }
  if (request.method != "subscribe" && request.method != "unsubscribe") {
    return refuse(request, {}, "Method not supported");
  }
  if (command["params"].get(request.params) != simdjson::SUCCESS ||
      request.params["channel"].get_string().get(request.channel) != simdjson::SUCCESS) {
    return refuse(request, {}, "Missing argument: channel");
  }
  on_subscription(request);
}

void KrakenV2::on_subscription(Request request) {
  const auto usable = [](simdjson::error_code error) {
    return error == simdjson::SUCCESS || error == simdjson::NO_SUCH_FIELD;
  };
  if (!usable(request.params["snapshot"].get_bool().get(request.snapshot)) ||
      !usable(request.params["depth"].get_uint64().get(request.depth))) {
    return refuse(request, {}, "Malformed request");
  }
  if (request.channel == "instrument") return on_instrument(request);
  if (request.channel == "book") {
    request.channel_index = book;
  } else if (request.channel == "trade") {
    request.channel_index = trade;
  } else if (request.channel == "ticker") {
    request.channel_index = ticker;
  } else {
    return refuse(request, {}, "Channel not supported");
  }
  simdjson::dom::array symbols;
  if (request.params["symbol"].get_array().get(symbols) != simdjson::SUCCESS ||
      symbols.size() == 0) {
    return refuse(request, {}, "Missing argument: symbol");
  }
  for (const auto each : symbols) {
    std::string_view symbol;
    if (each.get_string().get(symbol) != simdjson::SUCCESS) {
      refuse(request, {}, "Malformed request");
    } else if (request.method == "subscribe") {
      subscribe(request, symbol);
    } else {
      unsubscribe(request, symbol);
    }
  }
}

void KrakenV2::subscribe(const Request& request, std::string_view symbol) {
  const auto listing = market().find(symbol);
  if (listing == no_listing) {
    return refuse(request, symbol, "Currency pair not supported " + std::string(symbol));
  }
  const auto channel = request.channel_index;
  if (channel == book && !depth_served(listing, request.depth)) {
    return refuse(request, symbol, "Subscription depth not supported");
  }
  if (subscribed(channel, listing, request.session)) {
    return refuse(request, symbol, "Already subscribed");
  }
  if (refused(channel, listing)) return refuse(request, symbol, "Service unavailable");
  acknowledge(request, symbol);
  if (channel == book) {
    return admit_to_book(request.session, listing, static_cast<std::uint32_t>(request.depth),
                         request.snapshot, request.now);
  }
  static_cast<void>(subscriptions_.add(
      channel, listing, {request.session, 0, true, market()[listing].name}, request.now));
  if (channel != ticker || !request.snapshot || !market()[listing].snapshot_seen) return;
  reply_.clear();
  word_ticker(reply_, listing, true, request.now);
  send(request.session, reply_);
}

void KrakenV2::unsubscribe(const Request& request, std::string_view symbol) {
  const auto listing = market().find(symbol);
  const auto channel = request.channel_index;
  if (listing == no_listing || !subscriptions_.remove(channel, listing, request.session)) {
    return refuse(request, symbol, "Subscription Not Found");
  }
  acknowledge(request, symbol);
}

void KrakenV2::on_instrument(const Request& request) {
  acknowledge(request, {});
  std::erase(instrument_sessions_, request.session);
  if (request.method == "subscribe") instrument_sessions_.push_back(request.session);
  if (request.method != "subscribe" || !request.snapshot) return;
  reply_.clear();
  word_instruments(reply_);
  send(request.session, reply_);
}

void KrakenV2::acknowledge(const Request& request, std::string_view symbol) {
  reply_ = R"({"method":")" + std::string(request.method) + "\"," + request.request_id;
  reply_ += R"("result":{"channel":")" + std::string(request.channel) + '"';
  if (request.channel == "book") {
    reply_ += R"(,"depth":)";
    append_integer(reply_, request.depth);
  }
  if (request.channel == "ticker") reply_ += R"(,"event_trigger":"bbo")";
  if (request.method == "subscribe" && request.channel != "trade") {
    reply_ += request.snapshot ? R"(,"snapshot":true)" : R"(,"snapshot":false)";
  }
  if (!symbol.empty()) reply_ += R"(,"symbol":")" + std::string(symbol) + '"';
  reply_ += R"(},"success":true,)";
  append_times(reply_, request.now);
  reply_ += '}';
  send(request.session, reply_);
}

void KrakenV2::refuse(const Request& request, std::string_view symbol, std::string_view why) {
  // What came from the client goes back only where it is a plain name.
  const auto plain = [](std::string_view name) {
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; });
  };
  reply_ = R"({"error":")" + std::string(plain(symbol) ? why : "Currency pair not supported") + '"';
  if (!request.method.empty() && plain(request.method)) {
    reply_ += R"(,"method":")" + std::string(request.method) + '"';
  }
  reply_ += ',' + request.request_id + R"("success":false,)";
  if (!symbol.empty() && plain(symbol)) reply_ += R"("symbol":")" + std::string(symbol) + "\",";
  append_times(reply_, request.now);
  reply_ += '}';
  send(request.session, reply_);
}

void KrakenV2::on_close(SessionId session) {
  std::erase(instrument_sessions_, session);
  Kraken::on_close(session);
}

void KrakenV2::announce(const std::string& entries) {
  const auto text =
      R"({"channel":"instrument","type":"update","data":{"assets":[],"pairs":[)" + entries + "]}}";
  for (const auto session : instrument_sessions_) send(session, text);
}

void KrakenV2::on_renamed(ListingIndex index, std::string_view was) {
  std::string entries;
  word_instrument(entries, market()[index], was, "delisted");
  entries += ',';
  word_instrument(entries, market()[index], market()[index].symbol, "online");
  announce(entries);
}

void KrakenV2::on_refined(ListingIndex index, Decimals) { on_listing(index); }

void KrakenV2::on_listing(ListingIndex index) {
  const auto& listing = market()[index];
  std::string entries;
  word_instrument(entries, listing, listing.symbol, status_of(listing));
  announce(entries);
}

void KrakenV2::word_system(std::string& out, std::string_view state, SessionId session) const {
  out += R"({"channel":"status","type":"update","data":[{"version":"2.0.10","system":")";
  out += state;
  out += R"(","api_version":"v2","connection_id":)";
  append_integer(out, 2950167385101900000U + session);
  out += "}]}";
}

void KrakenV2::word_heartbeat(std::string& out) const { out += R"({"channel":"heartbeat"})"; }

void KrakenV2::word_snapshot(std::string& out, ListingIndex index, std::size_t depth) const {
  const auto& listing = market()[index];
  const auto best = [depth](const std::vector<Level>& levels) {
    return std::span(levels).first(std::min(levels.size(), depth));
  };
  const auto itself = [](const Level& level) -> const Level& { return level; };
  out += R"({"channel":"book","type":"snapshot","data":[{"symbol":")" + listing.symbol;
  out += R"(","bids":)";
  append_levels(out, best(listing.book.side(Side::Bid)), listing.decimals, itself);
  out += R"(,"asks":)";
  append_levels(out, best(listing.book.side(Side::Ask)), listing.decimals, itself);
  const bool withdrawn = checksum_zero(index);
  append_book_end(out, withdrawn ? 0 : kraken_checksum(listing.book), listing.book_time);
}

void KrakenV2::word_update(std::string& out, ListingIndex index, const Update& update) const {
  const auto& listing = market()[index];
  const auto level = [](const DepthView::Told& told) -> const Level& { return told.level; };
  out += R"({"channel":"book","type":"update","data":[{"symbol":")";
  out += listing.symbol;
  out += R"(","bids":)";
  append_levels(out, update.bids, listing.decimals, level);
  out += R"(,"asks":)";
  append_levels(out, update.asks, listing.decimals, level);
  append_book_end(out, update.checksum, update.time);
}

void KrakenV2::word_trade(std::string& out, ListingIndex index, const Trade& told) const {
  const auto& listing = market()[index];
  out += R"({"channel":"trade","type":"update","data":[{"symbol":")";
  out += listing.symbol;
  out += told.aggressor == Side::Bid ? R"(","side":"buy","price":)" : R"(","side":"sell","price":)";
  append_decimal(out, told.price, listing.decimals);
  out += R"(,"qty":)";
  append_decimal(out, told.quantity, listing.decimals);
  out += told.market_order ? R"(,"ord_type":"market","trade_id":)"
                           : R"(,"ord_type":"limit","trade_id":)";
  append_integer(out, told.id);
  out += R"(,"timestamp":")";
  append_rfc3339_us(out, told.time);
  out += R"("}]})";
}

void KrakenV2::word_ticker(std::string& out, ListingIndex index, bool snapshot, UtcNs time) const {
  const auto& listing = market()[index];
  const auto top = [&](Side side) {
    const auto& levels = listing.book.side(side);
    return levels.empty() ? Level{} : levels.front();
  };
  const auto append = [&](const char* key, std::int64_t mantissa, unsigned decimals) {
    out += key;
    append_decimal(out, mantissa, decimals);
  };
  const auto decimals = listing.decimals;
  const auto last = listing.last_trade.price.mantissa;
  out += snapshot ? R"({"channel":"ticker","type":"snapshot","data":[{"symbol":")"
                  : R"({"channel":"ticker","type":"update","data":[{"symbol":")";
  out += listing.symbol;
  append(R"(","bid":)", top(Side::Bid).price.mantissa, decimals.price);
  append(R"(,"bid_qty":)", top(Side::Bid).quantity.mantissa, decimals.quantity);
  append(R"(,"ask":)", top(Side::Ask).price.mantissa, decimals.price);
  append(R"(,"ask_qty":)", top(Side::Ask).quantity.mantissa, decimals.quantity);
  append(R"(,"last":)", last == 0 ? top(Side::Bid).price.mantissa : last, decimals.price);
  out += R"(,"volume":0.0,"vwap":0.0,"low":0.0,"high":0.0,"change":0.0,"change_pct":0.0,)"
         R"("timestamp":")";
  append_rfc3339_us(out, time);
  out += R"("}]})";
}

void KrakenV2::word_instruments(std::string& out) const {
  out += R"({"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[)";
  for (ListingIndex i = 0; i < market().size(); ++i) {
    const auto& listing = market()[i];
    if (listing.trading >= Trading::Delisted) continue;
    if (out.back() != '[') out += ',';
    word_instrument(out, listing, listing.symbol, status_of(listing));
  }
  out += "]}}";
}

void KrakenV2::word_instrument(std::string& out, const Listing& listing, std::string_view symbol,
                               std::string_view status) const {
  const auto slash = std::min(symbol.find('/'), symbol.size());
  out += R"({"symbol":")";
  out += symbol;
  out += R"(","base":")";
  out += symbol.substr(0, slash);
  out += R"(","quote":")";
  out += slash < symbol.size() ? symbol.substr(slash + 1) : "USD";
  out += R"(","status":")";
  out += status;
  out += R"(","qty_precision":)";
  append_integer(out, listing.decimals.quantity);
  out += R"(,"qty_increment":)";
  append_decimal(out, listing.steps.quantity, listing.decimals.quantity);
  out += R"(,"price_precision":)";
  append_integer(out, listing.decimals.price);
  out += R"(,"cost_precision":5,"marginable":false,"has_index":true,"cost_min":0.5,)"
         R"("price_increment":)";
  append_decimal(out, listing.steps.price, listing.decimals.price);
  out += R"(,"qty_min":)";
  append_decimal(out, 1, listing.decimals.quantity);
  out += '}';
}

bool KrakenV2::read(std::string_view padded, KrakenFrame& frame) {
  frame.kind = KrakenFrame::Kind::Other;
  frame.depth = 0;
  frame.entries.clear();
  try {
    const simdjson::padded_string_view text(padded.data(), padded.size(),
                                            padded.size() + capture::payload_padding);
    ondemand::document document = frames_.iterate(text);
    read_frame(document, frame);
    return true;
  } catch (const simdjson::simdjson_error&) {
    frame.kind = KrakenFrame::Kind::Other;
    frame.entries.clear();
    return false;
  }
}

// The depth is told by acknowledgements only.
void KrakenV2::learn_more(std::string_view padded, const KrakenFrame& frame) {
  if (frame.kind == KrakenFrame::Kind::BookSnapshot) {
    for (const auto& entry : frame.entries) {
      auto& listing = market()[market().list(entry.symbol)];
      if (listing.depth != 0) continue;
      // No acknowledgement so far: the smallest depth that such a snapshot fits.
      const auto deepest = (entry.levels.size() + 1) / 2;
      const auto fits = std::find_if(kraken_depths.begin(), kraken_depths.end(),
                                     [deepest](std::uint32_t depth) { return depth >= deepest; });
      listing.depth = fits == kraken_depths.end() ? kraken_depths.back() : *fits;
    }
    return;
  }
  if (frame.kind != KrakenFrame::Kind::Other) return;
  std::string_view symbol;
  std::uint64_t depth = 0;
  const auto result = commands_.parse(padded.data(), padded.size()).at_key("result");
  if (result["depth"].get_uint64().get(depth) != simdjson::SUCCESS ||
      result["symbol"].get_string().get(symbol) != simdjson::SUCCESS) {
    return;
  }
  market()[market().list(symbol)].depth = static_cast<std::uint32_t>(depth);
}

}  // namespace ringside::exchange
