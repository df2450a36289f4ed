#include "tools/exchange/binance_frame.hpp"

#include "tools/capture/capture.hpp"

namespace ringside::exchange {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::uint64_t ms_limit = 9'000'000'000'000;  // the year 2255: later is damage

// The text of a string, where it lies.
std::string_view string_text(ondemand::value value) {
  const char* from = value.get_raw_json_string().value().raw();
  const char* end = from;
  while (*end != '"') ++end;
  return {from, static_cast<std::size_t>(end - from)};
}

void read_levels(ondemand::array levels, Side side, BinanceFrame& frame) {
  for (ondemand::array level : levels) {
    BinanceLevel text;
    text.side = side;
    unsigned position = 0;
    for (ondemand::value field : level) {
      if (position == 0) text.price = string_text(field);
      if (position == 1) text.quantity = string_text(field);
      ++position;
    }
    frame.levels.push_back(text);
  }
}

BinanceFrame::Kind kind_of(std::string_view event) {
  if (event == "depthUpdate") return BinanceFrame::Kind::Depth;
  if (event == "bookTicker") return BinanceFrame::Kind::BookTicker;
  if (event == "trade") return BinanceFrame::Kind::Trade;
  if (event == "aggTrade") return BinanceFrame::Kind::AggTrade;
  return BinanceFrame::Kind::Other;
}

// A depth message has arrays at b and a, a ticker strings, an aggregated trade a number at a.
void read_side(ondemand::value value, Side side, BinanceFrame& frame, BinanceLevel& top) {
  const ondemand::json_type type = value.type();
  if (type == ondemand::json_type::array) {
    read_levels(value.get_array(), side, frame);
  } else if (type == ondemand::json_type::string) {
    top.side = side;
    top.price = string_text(value);
  }
}

UtcNs read_time(ondemand::value value) {
  const std::uint64_t ms = value.get_uint64().value();
  return ms < ms_limit ? UtcNs{static_cast<std::int64_t>(ms) * ms_ns} : UtcNs{};
}

// Throws simdjson_error.
void read_data(ondemand::object data, BinanceFrame& frame) {
  std::string_view event;
  BinanceLevel trade, bid, ask;
  UtcNs sent, happened;
  for (auto field : data) {
    const std::string_view key = field.unescaped_key();
    if (key.size() != 1) continue;
    ondemand::value value = field.value();
    switch (key[0]) {
      case 'e':
        event = string_text(value);
        break;
      case 's':
        frame.symbol = string_text(value);
        break;
      case 'u':
        frame.last_id = value.get_uint64();
        break;
      case 'E':
        sent = read_time(value);
        break;
      case 'T':
        happened = read_time(value);
        break;
      case 'b':
        read_side(value, Side::Bid, frame, bid);
        break;
      case 'a':
        read_side(value, Side::Ask, frame, ask);
        break;
      case 'B':
        bid.quantity = string_text(value);
        break;
      case 'A':
        ask.quantity = string_text(value);
        break;
      case 'p':
        trade.price = string_text(value);
        break;
      case 'q':
        trade.quantity = string_text(value);
        break;
      default:
        break;
    }
  }
  frame.time = happened.value != 0 ? happened : sent;
  // Spot's bookTicker alone does not say what it is.
  frame.kind = event.empty() ? BinanceFrame::Kind::BookTicker : kind_of(event);
  for (const auto& level : {trade, bid, ask}) {
    if (!level.price.empty() && !level.quantity.empty()) frame.levels.push_back(level);
  }
}

void reset(BinanceFrame& frame) {
  frame.levels.clear();
  frame.kind = BinanceFrame::Kind::Other;
  frame.symbol = {};
  frame.last_id = 0;
  frame.time = {};
}

simdjson::padded_string_view padded_view(std::string_view text, std::string_view whole) {
  const auto behind = static_cast<std::size_t>(whole.data() + whole.size() - text.data());
  return simdjson::padded_string_view(text.data(), text.size(), behind + capture::payload_padding);
}

}  // namespace

bool BinanceFrameReader::read_frame(std::string_view padded, BinanceFrame& frame) {
  reset(frame);
  frame.data = padded;
  constexpr std::string_view wrapper = R"({"stream":")";
  constexpr std::string_view key = R"("data":)";
  if (padded.starts_with(wrapper)) {
    const auto at = padded.find(key);
    if (at == std::string_view::npos || !padded.ends_with('}')) return false;
    frame.data = padded.substr(at + key.size(), padded.size() - at - key.size() - 1);
  }
  if (!frame.data.starts_with('{')) return false;
  try {
    ondemand::document document = parser_.iterate(padded_view(frame.data, padded));
    read_data(document.get_object(), frame);
    return true;
  } catch (const simdjson::simdjson_error&) {
    reset(frame);
    return false;
  }
}

bool BinanceFrameReader::read_snapshot(std::string_view padded, BinanceFrame& frame) {
  reset(frame);
  try {
    ondemand::document document = parser_.iterate(padded_view(padded, padded));
    for (auto field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "lastUpdateId") frame.last_id = field.value().get_uint64();
      if (key == "T") frame.time = read_time(field.value());
      if (key == "bids") read_levels(field.value().get_array(), Side::Bid, frame);
      if (key == "asks") read_levels(field.value().get_array(), Side::Ask, frame);
    }
    frame.kind = BinanceFrame::Kind::Depth;
    return true;
  } catch (const simdjson::simdjson_error&) {
    reset(frame);
    return false;
  }
}

std::string_view query_value(std::string_view target, std::string_view key) {
  auto query = target.substr(std::min(target.find('?'), target.size()));
  while (!query.empty()) {
    query.remove_prefix(1);
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(pair.size());
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == key) {
      return pair.substr(equals + 1);
    }
  }
  return {};
}

}  // namespace ringside::exchange
