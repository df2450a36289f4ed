// Binance: connections, commands, REST.
#include "tools/exchange/binance.hpp"

#include <algorithm>
#include <charconv>

namespace ringside::exchange {
namespace {

constexpr std::size_t spot_levels_max = 5'000;
constexpr std::size_t futures_levels_max = 1'000;
constexpr std::size_t spot_levels_default = 100;
constexpr std::size_t futures_levels_default = 500;
constexpr std::int64_t never_ns = 3'600'000'000'000;

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// Calls take(piece) for each piece between separators.
template <typename Take>
void split(std::string_view text, char separator, Take take) {
  while (!text.empty()) {
    const auto at = std::min(text.find(separator), text.size());
    if (at > 0) take(text.substr(0, at));
    text.remove_prefix(std::min(at + 1, text.size()));
  }
}

// %5B and the like. What is no such thing stays.
std::string url_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* const from = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(from, from + 2, code, 16).ptr == from + 2) {
      result += static_cast<char>(code);
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// What stands behind a prefix that may be there.
bool strip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

FaultChannel fault_channel(BinanceStream::Kind kind) {
  switch (kind) {
    case BinanceStream::Kind::Depth:
      return FaultChannel::Book;
    case BinanceStream::Kind::BookTicker:
      return FaultChannel::Bbo;
    default:
      return FaultChannel::Trade;
  }
}

}  // namespace

Binance::Binance(VenueServices services, BinanceDialect dialect)
    : services_(services), words_(dialect) {}

TradingShape Binance::shape() const {
  // Measured: 70 % tickers, 23 % trades, 7 % depth messages of tens to hundreds of levels.
  TradingShape shape{.trade_percent = 20, .top_percent = 45, .rank_mean = 30};
  shape.quantity_decimals_max = words_.dialect() == BinanceDialect::Spot   ? 5
                                : words_.dialect() == BinanceDialect::UsdM ? 3
                                                                           : 0;
  return shape;
}

// --- Connections --------------------------------------------------------------------------------

bool Binance::accepts(std::string_view target) const {
  auto path = path_of(target);
  if (!words_.spot()) strip(path, "/public") || strip(path, "/market");
  return path == "/ws" || path.starts_with("/ws/") || path == "/stream";
}

void Binance::on_open(SessionId session, std::string_view target, UtcNs now) {
  Session opened{.id = session};
  auto path = path_of(target);
  if (!words_.spot()) {
    if (strip(path, "/public")) {
      opened.reach = Reach::Public;
    } else if (strip(path, "/market")) {
      opened.reach = Reach::Market;
    } else if (services_.split_layout) {
      opened.reach = Reach::Silent;
    }
  }
  opened.combined = path == "/stream";
  sessions_.push_back(opened);
  for_each_stream(target, [&](std::string_view stream) { subscribe(opened, stream, now); });
}

template <typename Take>
void Binance::for_each_stream(std::string_view target, Take take) {
  auto path = path_of(target);
  strip(path, "/public") || strip(path, "/market");
  const auto streams = path == "/stream" ? query_value(target, "streams")
                                         : path.substr(std::min<std::size_t>(path.size(), 4));
  split(url_decoded(streams), '/', take);
}

bool Binance::refused(std::string_view stream) {
  ListingIndex listing = 0;
  ChannelIndex channel = 0;
  return find_stream(stream, listing, channel) &&
         services_.faults.refuses(services_.market[listing].symbol,
                                  fault_channel(binance_streams[channel].kind));
}

bool Binance::refuses(std::string_view target) {
  bool any = false;
  for_each_stream(target, [&](std::string_view stream) { any |= refused(stream); });
  return any;
}

std::string Binance::shutdown_text(UtcNs now) const {
  return R"({"e":"serverShutdown","E":)" + std::to_string(now.value / 1'000'000) + '}';
}

void Binance::on_close(SessionId session) {
  std::erase_if(sessions_, [session](const Session& each) { return each.id == session; });
  subscriptions_.remove_session(session);
}

Binance::Session* Binance::find_session(SessionId session) {
  const auto at = std::find_if(sessions_.begin(), sessions_.end(),
                               [session](const Session& each) { return each.id == session; });
  return at == sessions_.end() ? nullptr : &*at;
}

bool Binance::find_stream(std::string_view stream, ListingIndex& listing,
                          ChannelIndex& channel) const {
  const auto at = stream.find('@');
  if (at == std::string_view::npos) return false;
  const auto suffix = stream.substr(at + 1);
  const auto known =
      std::find_if(binance_streams.begin(), binance_streams.end(),
                   [suffix](const BinanceStream& each) { return each.suffix == suffix; });
  if (known == binance_streams.end()) return false;
  channel = static_cast<ChannelIndex>(known - binance_streams.begin());
  listing = services_.market.find(upper(stream.substr(0, at)));
  return listing != no_listing && lower(stream.substr(0, at)) == stream.substr(0, at);
}

std::string Binance::stream_name(ListingIndex listing, ChannelIndex channel) const {
  return lower(services_.market[listing].symbol) + "@" +
         std::string(binance_streams[channel].suffix);
}

// Unknown streams are taken and never heard, as the venue does it.
void Binance::subscribe(const Session& session, std::string_view stream, UtcNs now) {
  ListingIndex listing = 0;
  ChannelIndex channel = 0;
  if (session.reach == Reach::Silent || !find_stream(stream, listing, channel)) return;
  const auto kind = binance_streams[channel].kind;
  const bool of_market =
      kind == BinanceStream::Kind::Trade || kind == BinanceStream::Kind::AggTrade;
  if (session.reach != Reach::All && of_market != (session.reach == Reach::Market)) return;
  if (services_.limits != nullptr && !services_.limits->stream(session.id)) return;
  const auto name = services_.market[listing].name;
  const Subscriber subscriber{session.id, session.combined ? 1U : 0U, true, name};
  if (subscriptions_.add(channel, listing, subscriber, now) != nullptr &&
      kind == BinanceStream::Kind::Depth && !services_.replaying) {
    start_batch(listing, channel, now);
  }
}

void Binance::unsubscribe(const Session& session, std::string_view stream) {
  ListingIndex listing = 0;
  ChannelIndex channel = 0;
  if (!find_stream(stream, listing, channel)) return;
  if (subscriptions_.remove(channel, listing, session.id) && services_.limits != nullptr) {
    services_.limits->stream_ended(session.id);
  }
}

void Binance::publish(ListingIndex listing, ChannelIndex channel, std::string_view data) {
  bool worded = false;
  const auto name = services_.market[listing].name;
  for (const auto& subscriber : subscriptions_.of(channel, listing)) {
    if (subscriber.name != name) continue;
    if (subscriber.parameter == 0) {
      services_.outlet.send(subscriber.session, data, Frame::Data);
      continue;
    }
    if (!worded) {
      text_ = R"({"stream":")";
      text_ += stream_name(listing, channel);
      text_ += R"(","data":)";
      text_ += data;
      text_ += '}';
      worded = true;
    }
    services_.outlet.send(subscriber.session, text_, Frame::Data);
  }
}

// --- Commands -----------------------------------------------------------------------------------

void Binance::reply(const Session& session, const std::string& text) {
  services_.outlet.send(session.id, text, Frame::Control);
}

void Binance::refuse(const Session& session, int code, std::string_view why,
                     const std::string& id) {
  reply_ = R"({"error":{"code":)" + std::to_string(code) + R"(,"msg":")" + std::string(why) + "\"}";
  if (!id.empty()) reply_ += R"(,"id":)" + id;
  reply(session, reply_ + '}');
}

void Binance::on_text(SessionId id, std::string_view text, UtcNs now) {
  const auto* session = find_session(id);
  if (session == nullptr) return;
  simdjson::dom::object command;
  if (commands_.parse(text.data(), text.size()).get_object().get(command) != simdjson::SUCCESS) {
    return refuse(*session, 3, "Invalid JSON: expected an object", {});
  }
  on_command(*session, command, now);
}

void Binance::on_command(const Session& session, simdjson::dom::object command, UtcNs now) {
  std::string id;
  simdjson::dom::element element;
  if (command["id"].get(element) == simdjson::SUCCESS) {
    if (!element.is_uint64() && !element.is_int64() && !element.is_string() && !element.is_null()) {
      return refuse(session, 2, "Invalid request: request ID must be an unsigned integer", {});
    }
    id = simdjson::minify(element);
  }
  std::string_view method;
  if (command["method"].get_string().get(method) != simdjson::SUCCESS) {
    return refuse(session, 2, "Invalid request: method must be a string", id);
  }
  if (method == "LIST_SUBSCRIPTIONS") return list_subscriptions(session, id);
  const bool subscribes = method == "SUBSCRIBE";
  if (!subscribes && method != "UNSUBSCRIBE") {
    return refuse(session, 2, "Invalid request: unknown variant of method", id);
  }
  simdjson::dom::array streams;
  bool texts = command["params"].get_array().get(streams) == simdjson::SUCCESS;
  if (texts) {
    texts = std::all_of(streams.begin(), streams.end(), [](auto each) { return each.is_string(); });
  }
  if (!texts) return refuse(session, 2, "Invalid request: params must be an array of strings", id);
  if (subscribes) {
    bool any = false;
    for (const auto each : streams) any |= refused(each.get_string().value());
    if (any) return refuse(session, 2, "Invalid request: too many requests", id);
  }
  for (const auto each : streams) {
    const std::string_view stream = each.get_string().value();
    if (subscribes) {
      subscribe(session, stream, now);
    } else {
      unsubscribe(session, stream);
    }
  }
  reply(session, R"({"result":null,"id":)" + (id.empty() ? "null" : id) + '}');
}

void Binance::list_subscriptions(const Session& session, const std::string& id) {
  reply_ = R"({"result":[)";
  for (ListingIndex listing = 0; listing < services_.market.size(); ++listing) {
    for (ChannelIndex channel = 0; channel < binance_streams.size(); ++channel) {
      for (const auto& each : subscriptions_.of(channel, listing)) {
        if (each.session != session.id) continue;
        if (reply_.back() != '[') reply_ += ',';
        reply_ += '"' + stream_name(listing, channel) + '"';
      }
    }
  }
  reply(session, reply_ + R"(],"id":)" + (id.empty() ? "null" : id) + '}');
}

// --- REST ---------------------------------------------------------------------------------------

void Binance::answer_error(RequestId request, int code, std::string_view why) {
  services_.outlet.answer(
      request, 400,
      R"({"code":)" + std::to_string(code) + R"(,"msg":")" + std::string(why) + "\"}");
}

void Binance::on_get(RequestId request, std::string_view target, UtcNs now) {
  auto path = path_of(target);
  if (!strip(path, words_.rest_prefix())) {
    return services_.outlet.answer(request, 404, R"({"code":-1,"msg":"no such path"})");
  }
  if (path == "depth") return answer_depth(request, target, now);
  if (path == "exchangeInfo") return answer_exchange_info(request, target, now);
  if (path == "ping") return services_.outlet.answer(request, 200, "{}");
  if (path == "time") {
    reply_ = R"({"serverTime":)" + std::to_string(now.value / 1'000'000) + '}';
    return services_.outlet.answer(request, 200, reply_);
  }
  services_.outlet.answer(request, 404, R"({"code":-1,"msg":"no such path"})");
}

void Binance::answer_depth(RequestId request, std::string_view target, UtcNs now) {
  const auto symbol = query_value(target, "symbol");
  if (symbol.empty())
    return answer_error(request, -1102, "Mandatory parameter 'symbol' was not sent");
  const auto index = services_.market.find(symbol);
  if (index == no_listing) return answer_error(request, -1121, "Invalid symbol.");
  auto& listing = services_.market[index];
  if (services_.replaying && !listing.snapshot_seen) {
    recorded_[index].waiting.push_back(request);  // answered by the capture's own line
    return;
  }
  std::size_t limit = words_.spot() ? spot_levels_default : futures_levels_default;
  const auto wanted = query_value(target, "limit");
  const bool number =
      wanted.empty() ||
      std::from_chars(wanted.data(), wanted.data() + wanted.size(), limit).ec == std::errc{};
  if (!number || limit == 0)
    return answer_error(request, -1130, "Data sent for parameter 'limit' is not valid.");
  limit = std::min(limit, words_.spot() ? spot_levels_max : futures_levels_max);
  // A replayed book knows only what the capture had: all of it goes out.
  if (services_.replaying) limit = depth_all;
  reply_.clear();
  if (services_.replaying) {
    words_.snapshot(reply_, listing, limit, {listing.book_time, listing.book_time});
    return services_.outlet.answer(request, 200, reply_);
  }
  const auto fault = services_.faults.on_snapshot(symbol);
  const auto& told = fault == SnapshotFault::Stale ? old_[index]
                     : fault == SnapshotFault::Wrong
                         ? services_.market[(index + 1) % services_.market.size()]
                         : listing;
  const auto happened = fresh_time(index, listing.book_time);
  words_.snapshot(reply_, told, limit, {std::max(happened, now), happened});
  if (!words_.spot() && fault == SnapshotFault::None) write_truth(listing, happened);
  delayed_.push_back({UtcNs{now.value + services_.rest_delay_ns}, request, reply_});
}

void Binance::answer_exchange_info(RequestId request, std::string_view target, UtcNs now) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) { names.emplace_back(name); };
  auto list = url_decoded(query_value(target, "symbols"));
  std::erase_if(list, [](char c) { return c == '[' || c == ']' || c == '"' || c == ' '; });
  split(list, ',', add);
  split(query_value(target, "symbol"), ',', add);
  const auto& market = services_.market;
  reply_ = R"({"timezone":"UTC","serverTime":)" + std::to_string(now.value / 1'000'000) +
           R"(,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE",)"
           R"("intervalNum":1,"limit":6000}],"exchangeFilters":[],"symbols":[)";
  const auto tell = [&](const Listing& listing) {
    if (reply_.back() != '[') reply_ += ',';
    words_.symbol(reply_, listing);
  };
  for (const auto& name : names) {
    const auto index = market.find(name);
    if (index == no_listing) return answer_error(request, -1121, "Invalid symbol.");
    tell(market[index]);
  }
  if (names.empty()) {
    for (ListingIndex i = 0; i < market.size(); ++i) {
      if (market[i].trading < Trading::Delisted) tell(market[i]);
    }
  }
  reply_ += "]}";
  services_.outlet.answer(request, 200, reply_);
}

UtcNs Binance::answer_delayed(UtcNs now) {
  while (!delayed_.empty() && delayed_.front().due <= now) {
    services_.outlet.answer(delayed_.front().request, 200, delayed_.front().body);
    delayed_.pop_front();
  }
  return delayed_.empty() ? UtcNs{now.value + never_ns} : delayed_.front().due;
}

}  // namespace ringside::exchange
