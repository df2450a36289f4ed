#include "tools/ringside/record_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "ipc/fixed_text.hpp"
#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/json_text.hpp"

namespace ringside::tools {
namespace {

constexpr std::array<std::string_view, 17> kinds{
    "invalid", "trade", "level",      "levels",        "snapshot",    "bbo",
    "ticker",  "mark",  "funding",    "open_interest", "liquidation", "status",
    "loss",    "key",   "instrument", "heartbeat",     "pad"};

constexpr std::size_t levels_shown = 3;  // a side, in a line

std::string_view side_name(Side side) {
  if (side == Side::Bid) return "bid";
  return side == Side::Ask ? "ask" : "none";
}

std::string_view aggressor_name(Side side) {
  if (side == Side::Bid) return "buy";
  return side == Side::Ask ? "sell" : "unknown";
}

std::string_view reference_name(const Record& record) {
  if ((record.flags & flag_reference_checksum) != 0) return "checksum";
  if ((record.flags & flag_reference_sequence) != 0) return "sequence";
  if ((record.flags & flag_reference_hashed) != 0) return "hash";
  return record.kind == Kind::Trade ? "id" : "";
}

std::string_view checksum_name(ChecksumRule rule) {
  return rule == ChecksumRule::Kraken ? "kraken" : "none";
}

bool has_levels(Kind kind) {
  return kind == Kind::Levels || kind == Kind::Snapshot || kind == Kind::Key;
}

bool has_state(Kind kind) { return kind == Kind::Status || kind == Kind::Key; }

// Every kind with one price and one quantity of its own.
bool has_price(Kind kind) {
  switch (kind) {
    case Kind::Trade:
    case Kind::Level:
    case Kind::Ticker:
    case Kind::Mark:
    case Kind::Funding:
    case Kind::OpenInterest:
    case Kind::Liquidation:
      return true;
    default:
      return false;
  }
}

bool has_numbers(Kind kind) { return has_price(kind) || has_levels(kind) || kind == Kind::Bbo; }

void put_level(JsonText& json, Level level, const InstrumentTerms& terms) {
  json.begin_array();
  json.value(text_of(level.price, terms.price_exponent));
  json.value(text_of(level.quantity, terms.quantity_exponent));
  json.end_array();
}

void put_levels(JsonText& json, std::string_view name, std::span<const Level> levels,
                const InstrumentTerms& terms) {
  json.key(name).begin_array();
  for (const auto& level : levels) put_level(json, level, terms);
  json.end_array();
}

void put_instrument(JsonText& json, const Record& record) {
  const auto stated = InstrumentTerms::unpacked(record.price);
  json.member("announcement", name_of(record.announcement()));
  json.member("price_exponent", static_cast<int>(stated.price_exponent.power_of_ten));
  json.member("quantity_exponent", static_cast<int>(stated.quantity_exponent.power_of_ten));
  if (record.is_announcement()) {
    const Price price_step{record.quantity};
    const Quantity quantity_step{static_cast<std::int64_t>(record.reference)};
    if (price_step.mantissa > 0) {
      json.member("price_step", text_of(price_step, stated.price_exponent));
    }
    if (quantity_step.mantissa > 0) {
      json.member("quantity_step", text_of(quantity_step, stated.quantity_exponent));
    }
    return;
  }
  json.member("depth", stated.depth);
  json.member("checksum_rule", checksum_name(stated.checksum));
}

void put_content(JsonText& json, const ipc::RecordBuffer& buffer, const InstrumentTerms& terms) {
  const Record& record = buffer.record;
  if (record.kind == Kind::Trade) json.member("aggressor", aggressor_name(record.side()));
  if (record.kind == Kind::Level) json.member("side", side_name(record.side()));
  if (has_price(record.kind)) {
    json.member("price", text_of(Price{record.price}, terms.price_exponent));
    json.member("quantity", text_of(Quantity{record.quantity}, terms.quantity_exponent));
  }
  if (has_state(record.kind)) {
    json.member("state", name_of(static_cast<State>(record.quantity)));
    json.member("cause", name_of(record.cause()));
  }
  if (has_levels(record.kind)) {
    put_levels(json, "bids", buffer.bids(), terms);
    put_levels(json, "asks", buffer.asks(), terms);
  }
  if (record.kind == Kind::Bbo && !buffer.levels().empty()) {
    json.key("bid");
    put_level(json, {Price{record.price}, Quantity{record.quantity}}, terms);
    json.key("ask");
    put_level(json, buffer.levels().front(), terms);
  }
  if (record.kind == Kind::Instrument) put_instrument(json, record);
  if (const auto name = reference_name(record); !name.empty()) json.member(name, record.reference);
}

std::string level_text(Level level, const InstrumentTerms& terms) {
  return text_of(level.price, terms.price_exponent) + " x " +
         text_of(level.quantity, terms.quantity_exponent);
}

std::string levels_text(std::string_view name, std::span<const Level> levels,
                        const InstrumentTerms& terms) {
  if (levels.empty()) return {};
  std::string text = fmt::format(" {}", name);
  const auto shown = std::min(levels.size(), levels_shown);
  for (std::size_t i = 0; i < shown; ++i) {
    text += (i == 0 ? " " : ", ") + level_text(levels[i], terms);
  }
  if (shown < levels.size()) text += fmt::format(" and {} more", levels.size() - shown);
  return text;
}

std::string instrument_text(const Record& record) {
  const auto stated = InstrumentTerms::unpacked(record.price);
  auto text =
      fmt::format(" price 1e{} quantity 1e{}", static_cast<int>(stated.price_exponent.power_of_ten),
                  static_cast<int>(stated.quantity_exponent.power_of_ten));
  if (!record.is_announcement()) return text + fmt::format(" depth {}", stated.depth);
  text = fmt::format(" {}:", name_of(record.announcement())) + text;
  const Price price_step{record.quantity};
  const Quantity quantity_step{static_cast<std::int64_t>(record.reference)};
  if (price_step.mantissa > 0) {
    text += " steps of price " + text_of(price_step, stated.price_exponent);
  }
  if (quantity_step.mantissa > 0) {
    text += " steps of quantity " + text_of(quantity_step, stated.quantity_exponent);
  }
  return text;
}

std::string content_text(const ipc::RecordBuffer& buffer, const InstrumentTerms& terms) {
  const Record& record = buffer.record;
  std::string text;
  if (record.kind == Kind::Trade) text += fmt::format(" {}", aggressor_name(record.side()));
  if (record.kind == Kind::Level) text += fmt::format(" {}", side_name(record.side()));
  if (has_price(record.kind)) {
    text += " " + level_text({Price{record.price}, Quantity{record.quantity}}, terms);
  }
  if (has_state(record.kind)) {
    text += fmt::format(" {}", name_of(static_cast<State>(record.quantity)));
    if (record.cause() != Cause::None) text += fmt::format(" ({})", name_of(record.cause()));
  }
  if (has_levels(record.kind)) {
    text += levels_text("bids", buffer.bids(), terms) + levels_text("asks", buffer.asks(), terms);
  }
  if (record.kind == Kind::Bbo && !buffer.levels().empty()) {
    text += " " + level_text({Price{record.price}, Quantity{record.quantity}}, terms) + " | " +
            level_text(buffer.levels().front(), terms);
  }
  if (record.kind == Kind::Instrument) text += instrument_text(record);
  return text;
}

// Of an announcement: whose news it is, as its second slot says.
struct Named {
  std::string venue, symbol;
};
std::optional<Named> named(const ipc::RecordBuffer& buffer) {
  if (!buffer.record.is_announcement() || buffer.levels().size() < levels_per_slot) return {};
  AnnouncedName name;
  std::memcpy(static_cast<void*>(&name), buffer.levels().data(), sizeof(name));
  std::string text(name.text, std::min<std::uint64_t>(name.bytes, AnnouncedName::bytes_max));
  for (char& c : text) c = ipc::FixedText<8>::shown(c) ? c : '?';
  if (name.bytes > AnnouncedName::bytes_max) text += "...";
  const auto blank = text.find(' ');
  if (blank == std::string::npos) return {};
  return Named{text.substr(0, blank), text.substr(blank + 1)};
}

}  // namespace

std::string_view name_of(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kinds.size() ? kinds[index] : "unknown";
}

std::optional<Kind> kind_named(std::string_view name) {
  const auto found = std::find(kinds.begin(), kinds.end(), name);
  if (found == kinds.end()) return std::nullopt;
  return static_cast<Kind>(found - kinds.begin());
}

std::string kind_names() {
  // Neither the first nor the last ever leaves a ring.
  return fmt::format("{}", fmt::join(kinds.begin() + 1, kinds.end() - 1, ", "));
}

std::string utc_text(UtcNs time) {
  if (time.value == 0) return "-";
  constexpr std::int64_t second = 1'000'000'000;
  auto whole = time.value / second;
  auto rest = time.value % second;
  if (rest < 0) {
    rest += second;
    --whole;
  }
  const std::time_t seconds = whole;
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "-";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     rest);
}

std::string json_of(const ipc::RecordBuffer& buffer, const RecordContext& context) {
  const Record& record = buffer.record;
  JsonText json;
  json.begin_object().member("kind", name_of(record.kind));
  if (const auto news = named(buffer)) {
    json.member("symbol", news->symbol).member("venue", news->venue);
  } else if (context.info != nullptr) {
    json.member("symbol", context.info->symbol).member("venue", context.info->venue);
  } else {
    json.member("symbol", "").member("venue", "");
  }
  json.member("instrument", record.instrument).member("worker", context.worker);
  json.member("epoch", record.epoch);
  json.member("first", record.first()).member("last", record.last());
  put_content(json, buffer, context.terms.value_or(InstrumentTerms{}));
  if (!context.terms && has_numbers(record.kind)) json.member("unscaled", true);
  if ((record.flags & flag_unverified) != 0) json.member("unverified", true);
  json.member("receive_utc_ns", context.receive.value);
  json.key("exchange_ns");
  if ((record.flags & flag_no_exchange_time) != 0) {
    json.null();
  } else {
    json.value(record.exchange_ns);
  }
  return json.end_object().text();
}

std::string line_of(const ipc::RecordBuffer& buffer, const RecordContext& context) {
  const Record& record = buffer.record;
  const auto news = named(buffer);
  const auto who = news ? news->venue + " " + news->symbol
                   : context.info != nullptr
                       ? fmt::format("{} {}", context.info->venue, context.info->symbol)
                       : fmt::format("instrument {}", record.instrument);
  const bool unscaled = !context.terms && has_numbers(record.kind);
  return fmt::format("{} {} {}{}{}", utc_text(context.receive), who, name_of(record.kind),
                     content_text(buffer, context.terms.value_or(InstrumentTerms{})),
                     unscaled ? " (unscaled: its exponents are not known yet)" : "");
}

}  // namespace ringside::tools
