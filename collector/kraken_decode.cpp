#include "collector/kraken_decode.hpp"

#include <array>
#include <limits>
#include <new>
#include <vector>

#include "collector/kraken_json.hpp"

namespace ringside::collector {
namespace {

using namespace kraken_json;

KrakenKind kind_of_channel(std::string_view channel) noexcept {
  if (channel == "book") return KrakenKind::Book;
  if (channel == "trade") return KrakenKind::Trade;
  if (channel == "ticker") return KrakenKind::Ticker;
  if (channel == "heartbeat") return KrakenKind::Heartbeat;
  if (channel == "instrument") return KrakenKind::Instruments;
  if (channel == "status") return KrakenKind::SystemStatus;
  return KrakenKind::Ignored;
}

// Halted: nobody can trade at all; what is neither restricts who may place which order.
ListingStatus pair_status(std::string_view status) noexcept {
  if (status == "delisted") return ListingStatus::Delisted;
  const bool halted =
      status == "maintenance" || status == "cancel_only" || status == "work_in_progress";
  return halted ? ListingStatus::Halted : ListingStatus::Trading;
}

}  // namespace

struct KrakenDecoder::Parser {
  Parser();
  [[nodiscard]] Status decode(document& text, KrakenMessage& message) noexcept;

 private:
  [[nodiscard]] Status decode_outer(document& text, KrakenMessage& message,
                                    bool& data_was_early) noexcept;
  [[nodiscard]] Status take_outer(unsigned which, value field, KrakenMessage& message) noexcept;
  [[nodiscard]] Status take_data(value data, KrakenMessage& message) noexcept;
  template <typename Entry, typename Take>
  [[nodiscard]] Status take_entries(value data, std::vector<Entry>& entries, std::size_t most,
                                    Take take) noexcept;
  [[nodiscard]] Status take_book(object fields, KrakenBook& book) noexcept;
  [[nodiscard]] Status take_levels(value field, std::span<const KrakenLevel>& levels) noexcept;
  [[nodiscard]] Status take_level(object fields, KrakenLevel& level) noexcept;
  [[nodiscard]] Status take_trade(object fields, KrakenTrade& trade) noexcept;
  [[nodiscard]] Status take_ticker(object fields, KrakenTicker& ticker) noexcept;
  [[nodiscard]] Status take_instruments(value data) noexcept;
  [[nodiscard]] Status take_pair(object fields, KrakenPair& pair) noexcept;
  [[nodiscard]] Status take_system_status(value data, bool& online) noexcept;
  [[nodiscard]] Status take_result(value result, KrakenAnswer& answer) noexcept;

  // Filled to their bounds at most: they never move.
  std::vector<KrakenLevel> levels_;
  std::vector<KrakenBook> books_;
  std::vector<KrakenTrade> trades_;
  std::vector<KrakenTicker> tickers_;
  std::vector<KrakenPair> pairs_;

 public:
  simdjson::ondemand::parser json{kraken_text_bytes_max};
};

KrakenDecoder::KrakenDecoder() : parser_(std::make_unique<Parser>()) {}
KrakenDecoder::~KrakenDecoder() = default;

KrakenStatus KrakenDecoder::decode(std::string_view padded, KrakenMessage& message) noexcept {
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

KrakenDecoder::Parser::Parser() {
  levels_.reserve(kraken_levels_max);
  books_.reserve(kraken_entries_max);
  trades_.reserve(kraken_entries_max);
  tickers_.reserve(kraken_entries_max);
  pairs_.reserve(kraken_pairs_max);
  if (json.allocate(kraken_text_bytes_max)) throw std::bad_alloc();
}

Status KrakenDecoder::Parser::decode(document& text, KrakenMessage& message) noexcept {
  levels_.clear();
  books_.clear();
  trades_.clear();
  tickers_.clear();
  pairs_.clear();
  bool data_was_early = false;
  auto status = decode_outer(text, message, data_was_early);
  if (status == Status::Ok && data_was_early) {
    // It is rare and it is valid: walk to it again, now that the channel is known.
    text.rewind();
    value data;
    if (text.find_field_unordered("data").get(data)) return Status::MalformedJson;
    status = take_data(data, message);
  }
  if (status != Status::Ok) return status;
  message.books = books_;
  message.trades = trades_;
  message.tickers = tickers_;
  message.pairs = pairs_;
  return Status::Ok;
}

namespace outer {
constexpr std::array<std::string_view, 9> keys{"channel", "type",  "data",   "method", "success",
                                               "result",  "error", "symbol", "req_id"};
enum : unsigned { channel, type, data, method, success, result, error, symbol, request };
}  // namespace outer

Status KrakenDecoder::Parser::decode_outer(document& text, KrakenMessage& message,
                                           bool& data_was_early) noexcept {
  json_type type;
  if (text.type().get(type)) return Status::MalformedJson;
  // Neither shape of this venue: a lone scalar is not even looked through.
  if (type != json_type::object) return Status::MalformedJson;
  object members;
  if (text.get_object().get(members)) return Status::MalformedJson;
  Fields fields(outer::keys);
  auto fault = fields.walk(members, [&](unsigned which, value field) {
    if (which != outer::data || fields.met(outer::channel)) {
      return take_outer(which, field, message);
    }
    data_was_early = true;
    return skip(field);
  });
  if (ends_walk(fault)) return fault;
  if (!at_end(text)) return Status::MalformedJson;
  if (fields.met(outer::method)) {
    message.kind = KrakenKind::Answer;
    data_was_early = false;
    const bool pong = message.answer.method == "pong";
    return fields.require(fault, pong ? 0 : 1U << outer::success);
  }
  fault = fields.require(fault, 1U << outer::channel);
  if (message.kind == KrakenKind::Heartbeat || message.kind == KrakenKind::Ignored) {
    data_was_early = false;
    return fault;
  }
  return fields.require(fault, 1U << outer::data | 1U << outer::type);
}

Status KrakenDecoder::Parser::take_outer(unsigned which, value field,
                                         KrakenMessage& message) noexcept {
  std::string_view text;
  Status status;
  switch (which) {
    case outer::channel:
      status = take_text(field, text);
      message.kind = kind_of_channel(text);
      return status;
    case outer::type:
      status = take_text(field, text);
      message.snapshot = text == "snapshot";
      if (status == Status::Ok && text != "snapshot" && text != "update") {
        return Status::MistypedField;
      }
      return status;
    case outer::data:
      return take_data(field, message);
    case outer::method:
      return take_text(field, message.answer.method);
    case outer::success:
      return take_bool(field, message.answer.success);
    case outer::result:
      return take_result(field, message.answer);
    case outer::error:
      return take_text(field, message.answer.error);
    case outer::symbol:
      return take_text(field, message.answer.symbol);
    default:
      return take_unsigned(field, std::numeric_limits<std::uint64_t>::max(),
                           message.answer.request);
  }
}

Status KrakenDecoder::Parser::take_data(value field, KrakenMessage& message) noexcept {
  switch (message.kind) {
    case KrakenKind::Book:
      return take_entries(field, books_, kraken_entries_max,
                          [this](object o, KrakenBook& b) { return take_book(o, b); });
    case KrakenKind::Trade:
      return take_entries(field, trades_, kraken_entries_max,
                          [this](object o, KrakenTrade& t) { return take_trade(o, t); });
    case KrakenKind::Ticker:
      return take_entries(field, tickers_, kraken_entries_max,
                          [this](object o, KrakenTicker& t) { return take_ticker(o, t); });
    case KrakenKind::Instruments:
      return take_instruments(field);
    case KrakenKind::SystemStatus:
      return take_system_status(field, message.online);
    default:
      return skip(field);
  }
}

// A fault inside an entry is the entry's; only what is no object, or one too many, is the text's.
template <typename Entry, typename Take>
Status KrakenDecoder::Parser::take_entries(value field, std::vector<Entry>& entries,
                                           std::size_t most, Take take) noexcept {
  return each_object(field, [&](object fields) {
    if (entries.size() == most) {
      static constexpr std::array<std::string_view, 0> no_keys{};
      Fields none(no_keys);
      const auto status = none.walk(fields, [](unsigned, value) { return Status::Ok; });
      return ends_walk(status) ? status : Status::TooMany;
    }
    entries.emplace_back();
    entries.back().fault = take(fields, entries.back());
    return ends_walk(entries.back().fault) ? Status::MalformedJson : Status::Ok;
  });
}

Status KrakenDecoder::Parser::take_book(object members, KrakenBook& book) noexcept {
  static constexpr std::array<std::string_view, 5> keys{"symbol", "bids", "asks", "checksum",
                                                        "timestamp"};
  enum : unsigned { symbol, bids, asks, checksum, timestamp };
  Fields fields(keys);
  const auto fault = fields.walk(members, [&](unsigned which, value field) {
    std::uint64_t number = 0;
    Status status;
    switch (which) {
      case symbol:
        return take_text(field, book.symbol);
      case bids:
        return take_levels(field, book.bids);
      case asks:
        return take_levels(field, book.asks);
      case checksum:
        status = take_unsigned(field, std::numeric_limits<std::uint32_t>::max(), number);
        book.checksum = static_cast<std::uint32_t>(number);
        book.has_checksum = true;
        return status;
      default:
        book.has_exchange_time = true;
        return take_time(field, book.exchange);
    }
  });
  return fields.require(fault, 1U << symbol | 1U << bids | 1U << asks | 1U << checksum);
}

Status KrakenDecoder::Parser::take_levels(value field,
                                          std::span<const KrakenLevel>& levels) noexcept {
  const std::size_t begin = levels_.size();
  const auto fault = each_object(field, [this](object members) {
    KrakenLevel level;
    const auto status = take_level(members, level);
    if (status != Status::Ok) return status;
    if (levels_.size() == kraken_levels_max) return Status::TooMany;
    levels_.push_back(level);
    return Status::Ok;
  });
  levels = {levels_.data() + begin, levels_.size() - begin};
  return fault;
}

Status KrakenDecoder::Parser::take_level(object members, KrakenLevel& level) noexcept {
  static constexpr std::array<std::string_view, 2> keys{"price", "qty"};
  Fields fields(keys);
  const auto fault = fields.walk(members, [&](unsigned which, value field) {
    return take_number(field, which == 0 ? level.price : level.quantity);
  });
  return fields.require(fault, 0b11);
}

Status KrakenDecoder::Parser::take_trade(object members, KrakenTrade& trade) noexcept {
  static constexpr std::array<std::string_view, 6> keys{"symbol", "side",     "price",
                                                        "qty",    "trade_id", "timestamp"};
  enum : unsigned { symbol, side, price, quantity, id, timestamp };
  Fields fields(keys);
  const auto fault = fields.walk(members, [&](unsigned which, value field) {
    std::string_view text;
    Status status;
    switch (which) {
      case symbol:
        return take_text(field, trade.symbol);
      case side:
        status = take_text(field, text);
        trade.buy = text == "buy";
        if (status == Status::Ok && text != "buy" && text != "sell") return Status::MistypedField;
        return status;
      case price:
        return take_number(field, trade.price);
      case quantity:
        return take_number(field, trade.quantity);
      case id:
        return take_unsigned(field, std::numeric_limits<std::uint64_t>::max(), trade.id);
      default:
        return take_time(field, trade.exchange);
    }
  });
  return fields.require(fault, 0b111111);
}

Status KrakenDecoder::Parser::take_ticker(object members, KrakenTicker& ticker) noexcept {
  static constexpr std::array<std::string_view, 6> keys{"symbol", "bid",     "bid_qty",
                                                        "ask",    "ask_qty", "timestamp"};
  enum : unsigned { symbol, bid, bid_quantity, ask, ask_quantity, timestamp };
  Fields fields(keys);
  const auto fault = fields.walk(members, [&](unsigned which, value field) {
    switch (which) {
      case symbol:
        return take_text(field, ticker.symbol);
      case bid:
        return take_number(field, ticker.bid.price);
      case bid_quantity:
        return take_number(field, ticker.bid.quantity);
      case ask:
        return take_number(field, ticker.ask.price);
      case ask_quantity:
        return take_number(field, ticker.ask.quantity);
      default:
        ticker.has_exchange_time = true;
        return take_time(field, ticker.exchange);
    }
  });
  return fields.require(fault, 0b11111);
}

Status KrakenDecoder::Parser::take_pair(object members, KrakenPair& pair) noexcept {
  static constexpr std::array<std::string_view, 6> keys{
      "symbol", "price_precision", "qty_precision", "status", "price_increment", "qty_increment"};
  enum : unsigned { symbol, price, quantity, status, price_step, quantity_step };
  Fields fields(keys);
  const auto fault = fields.walk(members, [&](unsigned which, value field) {
    std::string_view text;
    std::uint64_t decimals = 0;
    Status taken;
    switch (which) {
      case symbol:
        return take_text(field, pair.symbol);
      case status:
        taken = take_text(field, text);
        pair.status = pair_status(text);
        return taken;
      case price_step:
        return take_number(field, pair.price_increment);
      case quantity_step:
        return take_number(field, pair.quantity_increment);
      default:
        taken = take_unsigned(field, 18, decimals);
        (which == price ? pair.price_precision : pair.quantity_precision) =
            static_cast<int>(decimals);
        return taken;
    }
  });
  return fields.require(fault, 0b111);
}

Status KrakenDecoder::Parser::take_instruments(value field) noexcept {
  static constexpr std::array<std::string_view, 1> keys{"pairs"};
  if (!is_type(field, json_type::object)) return mistyped(field);
  object members;
  if (field.get_object().get(members)) return Status::MalformedJson;
  Fields fields(keys);
  return fields.walk(members, [this](unsigned, value list) {
    return take_entries(list, pairs_, kraken_pairs_max,
                        [this](object o, KrakenPair& p) { return take_pair(o, p); });
  });
}

Status KrakenDecoder::Parser::take_system_status(value field, bool& online) noexcept {
  static constexpr std::array<std::string_view, 1> keys{"system"};
  return each_object(field, [&](object members) {
    Fields fields(keys);
    const auto fault = fields.walk(members, [&](unsigned, value part) {
      std::string_view text;
      const auto status = take_text(part, text);
      online = text == "online";
      return status;
    });
    return fields.require(fault, 0b1);
  });
}

Status KrakenDecoder::Parser::take_result(value field, KrakenAnswer& answer) noexcept {
  static constexpr std::array<std::string_view, 3> keys{"channel", "symbol", "depth"};
  if (!is_type(field, json_type::object)) return mistyped(field);
  object members;
  if (field.get_object().get(members)) return Status::MalformedJson;
  Fields fields(keys);
  return fields.walk(members, [&](unsigned which, value part) {
    if (which == 0) return take_text(part, answer.channel);
    if (which == 1) return take_text(part, answer.symbol);
    std::uint64_t depth = 0;
    const auto status = take_unsigned(part, 1'000'000, depth);
    answer.depth = static_cast<std::uint32_t>(depth);
    return status;
  });
}

}  // namespace ringside::collector
