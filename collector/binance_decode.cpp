#include "collector/binance_decode.hpp"

#include <simdjson.h>

#include <array>
#include <vector>

#include "collector/binance_fields.hpp"
#include "collector/json_walk.hpp"

namespace ringside::collector {

using simdjson::ondemand::array;
using simdjson::ondemand::document;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::raw_json_string;
using simdjson::ondemand::value;

namespace {

// A value of another type is the venue's change or a damaged byte; all else is no JSON.
DecodeStatus refusal(simdjson::error_code error) noexcept {
  return error == simdjson::INCORRECT_TYPE ? DecodeStatus::MistypedField
                                           : DecodeStatus::MalformedJson;
}

// Nothing stands behind the root value.
bool at_end(document& whole) noexcept {
  return whole.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

// One key and its value. False: no JSON.
template <typename Entry>
bool take_entry(Entry&& entry, std::string_view& key, value& item) noexcept {
  simdjson::ondemand::field field;
  if (std::forward<Entry>(entry).get(field) || !plain_text(field.key(), key)) return false;
  item = field.value();
  return true;
}

// The symbol as far as it can be read out of a damaged text, to tell whose damage it is.
SymbolIndex guess_symbol(std::string_view text, const BinanceSymbols& symbols) noexcept {
  for (const std::string_view key : {"\"stream\":\"", "\"s\":\""}) {
    const auto begin = text.find(key);
    if (begin == std::string_view::npos) continue;
    const auto rest = text.substr(begin + key.size(), binance_symbol_bytes_max + 1);
    const auto end = rest.find_first_of("@\"");
    if (end == std::string_view::npos) continue;
    const auto found = symbols.find_stream(rest.substr(0, end));
    if (found != no_symbol) return found;
  }
  return no_symbol;
}

}  // namespace

class BinanceDecoder::Walk {
 public:
  Walk(const BinanceSymbols& symbols, BinanceRule rule)
      : symbols_(symbols), rule_(rule), bids_(depth_levels_max), asks_(depth_levels_max) {
    // If this fails the parser allocates at the first text.
    [[maybe_unused]] const auto error = parser_.allocate(decode_bytes_expected);
  }

  DecodeStatus message(std::string_view padded, BinanceMessage& message) noexcept;
  DecodeStatus snapshot(std::string_view padded, BinanceMessage& message) noexcept;

 private:
  DecodeStatus begin(std::string_view padded, document& whole) noexcept {
    const simdjson::padded_string_view text(padded.data(), padded.size(),
                                            padded.size() + simdjson::SIMDJSON_PADDING);
    const auto error = parser_.iterate(text).get(whole);
    if (error == simdjson::UTF8_ERROR) return DecodeStatus::InvalidUtf8;
    return error ? DecodeStatus::MalformedJson : DecodeStatus::Ok;
  }
  DecodeStatus root(document& whole, BinanceFields& fields, BinanceMessage& message) noexcept;
  DecodeStatus wrapper(std::string_view key, value item, BinanceFields& fields,
                       BinanceMessage& message) noexcept;
  DecodeStatus data(object entries, BinanceFields& fields, BinanceMessage& message) noexcept;
  DecodeStatus take(Field field, value item, BinanceFields& fields,
                    BinanceMessage& message) noexcept;
  DecodeStatus rows(array items, BinanceMessage& message, std::vector<Level>& scratch,
                    std::span<const Level>& levels) noexcept;

  const BinanceSymbols& symbols_;
  BinanceRule rule_;
  simdjson::ondemand::parser parser_;
  std::vector<Level> bids_;  // scratch, depth_levels_max each
  std::vector<Level> asks_;
};

DecodeStatus BinanceDecoder::Walk::message(std::string_view padded,
                                           BinanceMessage& message) noexcept {
  message = BinanceMessage{};
  BinanceFields fields;
  document whole;
  auto status = begin(padded, whole);
  if (status == DecodeStatus::Ok) status = root(whole, fields, message);
  if (status == DecodeStatus::Ok && !at_end(whole)) status = DecodeStatus::MalformedJson;
  if (status == DecodeStatus::Ok) status = judge(fields, symbols_, rule_, message);
  if (status != DecodeStatus::Ok && message.symbol == no_symbol) {
    message.symbol = guess_symbol(padded, symbols_);
  }
  return status;
}

DecodeStatus BinanceDecoder::Walk::root(document& whole, BinanceFields& fields,
                                        BinanceMessage& message) noexcept {
  object entries;
  if (whole.get_object().get(entries)) return DecodeStatus::MalformedJson;
  bool has_data = false;
  for (auto entry : entries) {
    std::string_view key;
    value item;
    if (!take_entry(std::move(entry), key, item)) return DecodeStatus::MalformedJson;
    if (!fields.wrapped && key != "stream" && key != "data") {
      if (entries.reset().error()) return DecodeStatus::MalformedJson;
      return data(entries, fields, message);
    }
    fields.wrapped = true;
    if (key == "data") {
      if (has_data) return DecodeStatus::RepeatedField;
      has_data = true;
    }
    const auto status = wrapper(key, item, fields, message);
    if (status != DecodeStatus::Ok) return status;
  }
  return has_data && fields.stream.data() != nullptr ? DecodeStatus::Ok
                                                     : DecodeStatus::MissingField;
}

DecodeStatus BinanceDecoder::Walk::wrapper(std::string_view key, value item, BinanceFields& fields,
                                           BinanceMessage& message) noexcept {
  if (key == "stream") {
    raw_json_string raw;
    if (fields.stream.data() != nullptr) return DecodeStatus::RepeatedField;
    if (const auto error = item.get_raw_json_string().get(raw)) return refusal(error);
    if (!plain_text(raw, fields.stream)) return DecodeStatus::MistypedField;
    fields.promised = symbols_.find_stream(fields.stream);
    if (fields.promised != no_symbol) message.symbol = fields.promised;
    return DecodeStatus::Ok;
  }
  if (key == "data") {
    object entries;
    if (const auto error = item.get_object().get(entries)) return refusal(error);
    return data(entries, fields, message);
  }
  return is_valid(item) ? DecodeStatus::Ok : DecodeStatus::MalformedJson;
}

DecodeStatus BinanceDecoder::Walk::data(object entries, BinanceFields& fields,
                                        BinanceMessage& message) noexcept {
  if (message.symbol == no_symbol) {
    // Rows cannot become numbers without the symbol's units, and the order is not fixed.
    raw_json_string raw;
    std::string_view name;
    const auto error = entries.find_field_unordered("s").get_raw_json_string().get(raw);
    // After any other error the parser has given the text up: there is nothing to go back to.
    if (error && error != simdjson::NO_SUCH_FIELD && error != simdjson::INCORRECT_TYPE) {
      return DecodeStatus::MalformedJson;
    }
    if (!error && plain_text(raw, name)) message.symbol = symbols_.find(name);
    if (entries.reset().error()) return DecodeStatus::MalformedJson;
  }
  for (auto entry : entries) {
    std::string_view key;
    value item;
    if (!take_entry(std::move(entry), key, item)) return DecodeStatus::MalformedJson;
    const auto field = field_of(key);
    if (field != Field::Unused_) {
      const auto status = take(field, item, fields, message);
      if (status != DecodeStatus::Ok) return status;
    } else if (!is_valid(item)) {
      return DecodeStatus::MalformedJson;
    }
  }
  return DecodeStatus::Ok;
}

DecodeStatus BinanceDecoder::Walk::take(Field field, value item, BinanceFields& fields,
                                        BinanceMessage& message) noexcept {
  auto& out = fields[field];
  json_type type;
  if (out.type != FieldType::Absent) return DecodeStatus::RepeatedField;
  if (item.type().get(type)) return DecodeStatus::MalformedJson;
  bool good = false;
  switch (type) {
    case json_type::string: {
      raw_json_string raw;
      out.type = FieldType::Text;
      if (item.get_raw_json_string().get(raw)) return DecodeStatus::MalformedJson;
      return plain_text(raw, out.text) ? DecodeStatus::Ok : DecodeStatus::MistypedField;
    }
    case json_type::number:
      out.type = FieldType::Number;
      out.text = number_text(item);
      good = is_json_number(out.text);
      break;
    case json_type::boolean:
      out.type = FieldType::Truth;
      good = !item.get_bool().get(out.truth);
      break;
    case json_type::array: {
      array items;
      out.type = FieldType::Array;
      const bool levels = message.symbol != no_symbol;
      if (!levels || (field != Field::Bids && field != Field::Asks)) {
        good = is_valid(item);
        break;
      }
      if (item.get_array().get(items)) return DecodeStatus::MalformedJson;
      return field == Field::Bids ? rows(items, message, bids_, fields.bids)
                                  : rows(items, message, asks_, fields.asks);
    }
    case json_type::object:
      out.type = FieldType::Object;
      good = is_valid(item);
      break;
    case json_type::null:
      out.type = FieldType::Null;
      good = is_valid(item);
      break;
  }
  return good ? DecodeStatus::Ok : DecodeStatus::MalformedJson;
}

DecodeStatus BinanceDecoder::Walk::rows(array items, BinanceMessage& message,
                                        std::vector<Level>& scratch,
                                        std::span<const Level>& levels) noexcept {
  const auto& units = symbols_.units(message.symbol);
  std::size_t count = 0;
  for (auto entry : items) {
    array cells;
    if (const auto error = std::move(entry).get_array().get(cells)) return refusal(error);
    std::array<std::string_view, 2> texts;
    std::size_t texts_count = 0;
    for (auto cell : cells) {
      raw_json_string raw;
      if (texts_count == texts.size()) return DecodeStatus::MistypedField;
      if (const auto error = std::move(cell).get_raw_json_string().get(raw)) return refusal(error);
      if (!plain_text(raw, texts[texts_count++])) return DecodeStatus::MistypedField;
    }
    if (texts_count != texts.size()) return DecodeStatus::MissingField;
    if (count == scratch.size()) return DecodeStatus::TooManyLevels;
    const auto status = read_level(texts[0], texts[1], units, message, scratch[count++]);
    if (status != DecodeStatus::Ok) return status;
  }
  levels = std::span<const Level>(scratch).first(count);
  return DecodeStatus::Ok;
}

DecodeStatus BinanceDecoder::Walk::snapshot(std::string_view padded,
                                            BinanceMessage& message) noexcept {
  document whole;
  object body;
  BinanceFields fields;
  if (const auto status = begin(padded, whole); status != DecodeStatus::Ok) return status;
  if (whole.get_object().get(body)) return DecodeStatus::MalformedJson;
  for (auto entry : body) {
    std::string_view key;
    value item;
    if (!take_entry(std::move(entry), key, item)) return DecodeStatus::MalformedJson;
    const auto field = snapshot_field_of(key);
    if (field != Field::Unused_) {
      const auto status = take(field, item, fields, message);
      if (status != DecodeStatus::Ok) return status;
    } else if (!is_valid(item)) {
      return DecodeStatus::MalformedJson;
    }
  }
  if (!at_end(whole)) return DecodeStatus::MalformedJson;
  return judge_snapshot(fields, symbols_, rule_, message);
}

BinanceDecoder::BinanceDecoder(const BinanceSymbols& symbols, BinanceRule rule)
    : walk_(std::make_unique<Walk>(symbols, rule)) {}

BinanceDecoder::~BinanceDecoder() = default;

DecodeStatus BinanceDecoder::decode(std::string_view padded, BinanceMessage& message) noexcept {
  return walk_->message(padded, message);
}

DecodeStatus BinanceDecoder::decode_snapshot(std::string_view padded, SymbolIndex symbol,
                                             BinanceMessage& message) noexcept {
  message = BinanceMessage{};
  message.symbol = symbol;
  return walk_->snapshot(padded, message);
}

}  // namespace ringside::collector
