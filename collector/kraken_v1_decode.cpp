#include "collector/kraken_v1_decode.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <vector>

#include "collector/decimal.hpp"
#include "collector/kraken_json.hpp"

namespace ringside::collector {
namespace {

using namespace kraken_json;

constexpr Exponent nanoseconds{-9};

// "1617666423.606671"
Status read_time(std::string_view text, UtcNs& utc) noexcept {
  std::int64_t mantissa = 0;
  if (parse_decimal(text, nanoseconds, mantissa) != DecimalStatus::Ok || mantissa < 0) {
    return Status::MistypedField;
  }
  utc.value = mantissa;
  return Status::Ok;
}

// A number in quotes, as far as its type goes; its grammar is looked at where it is converted.
Status take_unsigned_text(value field, std::uint64_t most, std::uint64_t& number) noexcept {
  std::string_view text;
  if (const auto status = take_text(field, text); status != Status::Ok) return status;
  std::uint64_t sum = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return Status::MistypedField;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digit > most || sum > (most - digit) / 10) return Status::MistypedField;
    sum = sum * 10 + digit;
  }
  number = sum;
  return text.empty() ? Status::MistypedField : Status::Ok;
}

// All strings of an array; `count` of them at most are kept.
template <std::size_t n>
Status take_strings(value field, std::array<std::string_view, n>& texts,
                    std::size_t& count) noexcept {
  count = 0;
  if (!is_type(field, json_type::array)) return mistyped(field);
  array items;
  if (field.get_array().get(items)) return Status::MalformedJson;
  Status fault = Status::Ok;
  for (auto item : items) {
    if (item.error()) return Status::MalformedJson;
    value element = item.value_unsafe();
    std::string_view text;
    const auto status = take_text(element, text);
    if (ends_walk(status)) return status;
    note(fault, status);
    if (count < n) texts[count] = text;
    ++count;
  }
  return fault;
}

// "book-1000": 1000. 0: no book's channel.
std::uint32_t depth_of(std::string_view channel) noexcept {
  constexpr std::string_view begin = "book-";
  if (!channel.starts_with(begin)) return 0;
  channel.remove_prefix(begin.size());
  std::uint32_t depth = 0;
  for (const char c : channel) {
    if (c < '0' || c > '9' || depth > 100'000) return 0;
    depth = depth * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return depth;
}

namespace side {
constexpr std::array<std::string_view, 5> keys{"as", "bs", "a", "b", "c"};
enum : unsigned { ask_snapshot, bid_snapshot, asks, bids, checksum };
constexpr unsigned snapshot = 1U << ask_snapshot | 1U << bid_snapshot;
}  // namespace side

namespace event {
constexpr std::array<std::string_view, 8> keys{
    "event", "status", "pair", "channelName", "subscription", "channelID", "reqid", "connectionID"};
enum : unsigned { event, status, pair, channel, subscription, channel_id, request, connection };
}  // namespace event

}  // namespace

struct KrakenV1Decoder::Parser {
  Parser();
  [[nodiscard]] Status decode(document& text, KrakenV1Message& message) noexcept;

 private:
  // The elements of a data array, as far as they are known.
  struct Data {
    std::string_view channel;
    std::string_view symbol;
    Fields<side::keys.size()> sides{side::keys};
    Status fault = Status::Ok;  // of the array itself
    Status book_fault = Status::Ok;
    unsigned elements = 0;
  };

  [[nodiscard]] Status decode_event(document& text, KrakenV1Message& message) noexcept;
  [[nodiscard]] Status decode_data(document& text, KrakenV1Message& message) noexcept;
  template <typename TakeArray>
  [[nodiscard]] Status walk_data(document& text, KrakenV1Message& message, Data& data,
                                 TakeArray take_array) noexcept;
  [[nodiscard]] Status finish_book(const Data& data, KrakenBook& book, bool& snapshot) noexcept;
  [[nodiscard]] Status take_side(unsigned which, value field, KrakenBook& book) noexcept;
  [[nodiscard]] Status take_levels(value field, std::span<const KrakenLevel>& levels,
                                   KrakenBook& book) noexcept;
  [[nodiscard]] Status take_level(value field, KrakenBook& book) noexcept;
  [[nodiscard]] Status take_trades(value field) noexcept;
  [[nodiscard]] Status take_trade(value field, KrakenTrade& trade) noexcept;
  [[nodiscard]] Status take_spread(value field, KrakenTicker& spread) noexcept;

  // Filled to their bounds at most: they never move.
  std::vector<KrakenLevel> levels_;
  std::vector<KrakenTrade> trades_;

 public:
  simdjson::ondemand::parser json{kraken_text_bytes_max};
};

KrakenV1Decoder::KrakenV1Decoder() : parser_(std::make_unique<Parser>()) {}
KrakenV1Decoder::~KrakenV1Decoder() = default;

KrakenStatus KrakenV1Decoder::decode(std::string_view padded, KrakenV1Message& message) noexcept {
  message = {};
  if (padded.size() > kraken_text_bytes_max) return Status::TooLarge;
  document text;
  const simdjson::padded_string_view view(padded.data(), padded.size(),
                                          padded.size() + simdjson::SIMDJSON_PADDING);
  if (const auto error = parser_->json.iterate(view).get(text)) {
    return error == simdjson::UTF8_ERROR ? Status::InvalidUtf8 : Status::MalformedJson;
  }
  return parser_->decode(text, message);
}

KrakenV1Decoder::Parser::Parser() {
  levels_.reserve(kraken_levels_max);
  trades_.reserve(kraken_entries_max);
  if (json.allocate(kraken_text_bytes_max)) throw std::bad_alloc();
}

Status KrakenV1Decoder::Parser::decode(document& text, KrakenV1Message& message) noexcept {
  levels_.clear();
  trades_.clear();
  json_type type;
  if (text.type().get(type)) return Status::MalformedJson;
  if (type == json_type::object) return decode_event(text, message);
  if (type == json_type::array) return decode_data(text, message);
  return Status::MalformedJson;  // a lone scalar is not even looked through
}

// --- Events -------------------------------------------------------------------------------------

Status KrakenV1Decoder::Parser::decode_event(document& text, KrakenV1Message& message) noexcept {
  object members;
  if (text.get_object().get(members)) return Status::MalformedJson;
  std::string_view what;
  std::string_view state;
  auto& answer = message.answer;
  Fields fields(event::keys);
  auto fault = fields.walk(members, [&](unsigned which, value field) {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    switch (which) {
      case event::event:
        return take_text(field, what);
      case event::status:
        return take_text(field, state);
      case event::pair:
        return take_text(field, answer.symbol);
      case event::channel:
        return take_text(field, answer.channel);
      case event::channel_id:
        return take_unsigned(field, most, answer.channel_id);
      case event::request:
        return take_unsigned(field, most, answer.request);
      default:
        return skip(field);
    }
  });
  if (ends_walk(fault)) return fault;
  if (!at_end(text)) return Status::MalformedJson;
  fault = fields.require(fault, 1U << event::event);
  if (fault != Status::Ok) return fault;
  if (what == "heartbeat") {
    message.kind = KrakenV1Kind::Heartbeat;
  } else if (what == "pong") {
    message.kind = KrakenV1Kind::Answer;
  } else if (what == "systemStatus") {
    message.kind = KrakenV1Kind::SystemStatus;
    message.online = state == "online";
    return fields.require(fault, 1U << event::status);
  } else if (what == "subscriptionStatus") {
    message.kind = KrakenV1Kind::Answer;
    using What = KrakenV1Answer::What;
    answer.depth = depth_of(answer.channel);
    answer.what = state == "subscribed"     ? What::Subscribed
                  : state == "unsubscribed" ? What::Unsubscribed
                                            : What::Refused;
    return fields.require(fault, 1U << event::status);
  }
  return Status::Ok;
}

// --- Data ---------------------------------------------------------------------------------------

// What an element is, its type tells; what it means, the channel at the end. An object is taken for
// a side of a book as it comes, because nearly all are; an array waits for a second walk.
template <typename TakeArray>
Status KrakenV1Decoder::Parser::walk_data(document& text, KrakenV1Message& message, Data& data,
                                          TakeArray take_array) noexcept {
  array items;
  if (text.get_array().get(items)) return Status::MalformedJson;
  unsigned texts = 0;
  for (auto item : items) {
    if (item.error()) return Status::MalformedJson;
    value element = item.value_unsafe();
    json_type type;
    if (element.type().get(type)) return Status::MalformedJson;
    Status status;
    if (data.elements == 0) {
      status =
          take_unsigned(element, std::numeric_limits<std::uint64_t>::max(), message.channel_id);
    } else if (type == json_type::object && texts == 0) {
      object members;
      if (element.get_object().get(members)) return Status::MalformedJson;
      const auto fault = data.sides.walk(members, [&](unsigned which, value field) {
        return take_side(which, field, message.book);
      });
      note(data.book_fault, fault);
      status = ends_walk(fault) ? fault : Status::Ok;
    } else if (type == json_type::array && texts == 0) {
      status = take_array(element);
    } else if (type == json_type::string && texts < 2) {
      status = take_text(element, texts == 0 ? data.channel : data.symbol);
      ++texts;
    } else {
      status = mistyped(element);
    }
    if (ends_walk(status)) return status;
    note(data.fault, status);
    ++data.elements;
  }
  if (!at_end(text)) return Status::MalformedJson;
  if (data.fault == Status::Ok && texts < 2) return Status::MissingField;
  return data.fault;
}

Status KrakenV1Decoder::Parser::decode_data(document& text, KrakenV1Message& message) noexcept {
  Data data;
  bool arrays = false;
  auto fault = walk_data(text, message, data, [&arrays](value element) {
    arrays = true;
    return skip(element);
  });
  if (fault != Status::Ok) return fault;
  const bool trades = data.channel == "trade";
  const bool spread = data.channel == "spread";
  if (depth_of(data.channel) != 0) {
    message.kind = KrakenV1Kind::Book;
    message.book.symbol = data.symbol;
    message.book.depth = depth_of(data.channel);
    message.book.fault =
        arrays ? Status::MistypedField : finish_book(data, message.book, message.snapshot);
    return Status::Ok;
  }
  if (!trades && !spread) return Status::Ok;
  if (!arrays) return Status::MissingField;
  text.rewind();
  Data again;
  fault = walk_data(text, message, again, [&](value element) {
    return trades ? take_trades(element) : take_spread(element, message.spread);
  });
  if (fault != Status::Ok) return fault;
  message.kind = trades ? KrakenV1Kind::Trade : KrakenV1Kind::Spread;
  message.spread.symbol = again.symbol;
  for (auto& trade : trades_) trade.symbol = again.symbol;
  message.trades = trades_;
  return Status::Ok;
}

Status KrakenV1Decoder::Parser::finish_book(const Data& data, KrakenBook& book,
                                            bool& snapshot) noexcept {
  const bool has_snapshot =
      data.sides.met(side::ask_snapshot) || data.sides.met(side::bid_snapshot);
  const bool has_update = data.sides.met(side::asks) || data.sides.met(side::bids);
  snapshot = has_snapshot;
  book.has_exchange_time = book.exchange.value != 0;
  if (data.book_fault != Status::Ok) return data.book_fault;
  if (has_snapshot == has_update) return Status::MissingField;  // neither, or half of each
  return data.sides.require(Status::Ok, has_snapshot ? side::snapshot : 1U << side::checksum);
}

Status KrakenV1Decoder::Parser::take_side(unsigned which, value field, KrakenBook& book) noexcept {
  switch (which) {
    case side::ask_snapshot:
    case side::asks:
      return take_levels(field, book.asks, book);
    case side::bid_snapshot:
    case side::bids:
      return take_levels(field, book.bids, book);
    default: {
      std::uint64_t number = 0;
      const auto status =
          take_unsigned_text(field, std::numeric_limits<std::uint32_t>::max(), number);
      book.checksum = static_cast<std::uint32_t>(number);
      book.has_checksum = true;
      return status;
    }
  }
}

Status KrakenV1Decoder::Parser::take_levels(value field, std::span<const KrakenLevel>& levels,
                                            KrakenBook& book) noexcept {
  const std::size_t begin = levels_.size();
  if (!is_type(field, json_type::array)) return mistyped(field);
  array items;
  if (field.get_array().get(items)) return Status::MalformedJson;
  Status fault = Status::Ok;
  for (auto item : items) {
    if (item.error()) return Status::MalformedJson;
    value element = item.value_unsafe();
    const auto status = take_level(element, book);
    if (ends_walk(status)) return status;
    note(fault, status);
  }
  levels = {levels_.data() + begin, levels_.size() - begin};
  return fault;
}

// ["price","volume","time"], and a fourth "r" when the level was there before and only comes into
// sight again: its time is an old one.
Status KrakenV1Decoder::Parser::take_level(value field, KrakenBook& book) noexcept {
  std::array<std::string_view, 4> texts;
  std::size_t count = 0;
  if (const auto status = take_strings(field, texts, count); status != Status::Ok) return status;
  if (count < 3) return Status::MissingField;
  const bool republished = count == 4 && texts[3] == "r";
  if (count > 3 && !republished) return Status::MistypedField;
  UtcNs time;
  if (const auto status = read_time(texts[2], time); status != Status::Ok) return status;
  if (!republished) book.exchange = std::max(book.exchange, time);
  if (levels_.size() == kraken_levels_max) return Status::TooMany;
  levels_.push_back({texts[0], texts[1]});
  return Status::Ok;
}

Status KrakenV1Decoder::Parser::take_trades(value field) noexcept {
  array items;
  if (field.get_array().get(items)) return Status::MalformedJson;
  for (auto item : items) {
    if (item.error()) return Status::MalformedJson;
    value element = item.value_unsafe();
    if (trades_.size() == kraken_entries_max) {
      if (ends_walk(skip(element))) return Status::MalformedJson;
      return Status::TooMany;
    }
    trades_.emplace_back();
    trades_.back().fault = take_trade(element, trades_.back());
    if (ends_walk(trades_.back().fault)) return Status::MalformedJson;
  }
  return Status::Ok;
}

Status KrakenV1Decoder::Parser::take_trade(value field, KrakenTrade& trade) noexcept {
  std::array<std::string_view, 6> texts;
  std::size_t count = 0;
  if (const auto status = take_strings(field, texts, count); status != Status::Ok) return status;
  if (count < texts.size()) return Status::MissingField;
  trade.price = texts[0];
  trade.quantity = texts[1];
  trade.buy = texts[3] == "b";
  if (!trade.buy && texts[3] != "s") return Status::MistypedField;
  return read_time(texts[2], trade.exchange);
}

Status KrakenV1Decoder::Parser::take_spread(value field, KrakenTicker& spread) noexcept {
  std::array<std::string_view, 5> texts;
  std::size_t count = 0;
  spread.fault = take_strings(field, texts, count);
  if (ends_walk(spread.fault)) return spread.fault;
  if (count < texts.size()) note(spread.fault, Status::MissingField);
  if (spread.fault != Status::Ok) return Status::Ok;
  spread.bid = {texts[0], texts[3]};
  spread.ask = {texts[1], texts[4]};
  spread.has_exchange_time = true;
  spread.fault = read_time(texts[2], spread.exchange);
  return Status::Ok;
}

}  // namespace ringside::collector
