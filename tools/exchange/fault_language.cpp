#include "tools/exchange/fault_language.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace ringside::exchange {
namespace {

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::uint32_t retry_after_max = 86'400;
constexpr std::uint8_t decimals_more_max = 4;
constexpr std::size_t name_bytes_max = 32;
constexpr std::uint8_t steps_max = 100;

enum class Value : std::uint8_t { None, Part, Duration, Code, Seconds, Decimals, Name, Steps };
enum class Moment : std::uint8_t { None, Needed };

// What may be said of a kind.
struct Rule {
  std::string_view name;
  FaultKind kind;
  Value value;
  bool value_needed;
  bool of_all, of_symbol, of_channel, of_connection;
  Moment when;
  bool times, lasts;
  std::string_view form;
};
constexpr auto none = Value::None;
constexpr auto when = Moment::Needed;
constexpr std::array<Rule, fault_kinds> rules{{
    {"drop", FaultKind::Drop, none, false, true, true, true, true, when, true, false,
     "drop[:AIM]@WHEN[xTIMES]"},
    {"duplicate", FaultKind::Duplicate, none, false, true, true, true, true, when, true, false,
     "duplicate[:AIM]@WHEN[xTIMES]"},
    {"reorder", FaultKind::Reorder, none, false, true, true, true, true, when, true, false,
     "reorder[:AIM]@WHEN[xTIMES]"},
    {"corrupt", FaultKind::Corrupt, Value::Part, false, false, true, true, false, when, true, false,
     "corrupt[=quantity|price|check]:SYMBOL@WHEN[xTIMES], or :#book"},
    {"delay", FaultKind::Delay, Value::Duration, true, true, true, true, true, when, true, false,
     "delay=DURATION[:AIM]@WHEN[xTIMES]"},
    {"mute", FaultKind::Mute, none, false, true, true, true, true, when, false, true,
     "mute[:AIM]@WHEN[~DURATION]"},
    {"stall", FaultKind::Stall, none, false, true, true, false, true, when, true, false,
     "stall[:SYMBOL|:connection#K]@WHEN"},
    {"reset", FaultKind::Reset, none, false, true, true, false, true, when, true, false,
     "reset[:SYMBOL|:connection#K]@WHEN"},
    {"close", FaultKind::Close, Value::Code, false, true, true, false, true, when, true, false,
     "close[=CODE][:SYMBOL|:connection#K]@WHEN, CODE from 1000 to 4999"},
    {"half-close", FaultKind::HalfClose, none, false, true, true, false, true, when, true, false,
     "half-close[:SYMBOL|:connection#K]@WHEN"},
    {"life", FaultKind::Life, Value::Duration, true, true, false, false, true, Moment::None, false,
     false, "life=DURATION[:connection#K]"},
    {"shutdown", FaultKind::Shutdown, none, false, true, true, false, true, when, false, true,
     "shutdown[:SYMBOL|:connection#K]@WHEN[~DURATION]"},
    {"restart", FaultKind::Restart, none, false, true, false, false, false, when, true, true,
     "restart@WHEN[~DURATION]"},
    {"refuse", FaultKind::Refuse, none, false, true, true, true, false, when, true, false,
     "refuse[:SYMBOL[#CHANNEL]]@WHEN[xTIMES]"},
    {"429", FaultKind::TooMany, Value::Seconds, false, true, true, false, false, when, true, false,
     "429[=SECONDS][:SYMBOL]@WHEN[xTIMES], SECONDS from 0 to 86400"},
    {"stale-snapshot", FaultKind::StaleSnapshot, none, false, true, true, false, false, when, true,
     false, "stale-snapshot[:SYMBOL]@WHEN[xTIMES]"},
    {"wrong-snapshot", FaultKind::WrongSnapshot, none, false, true, true, false, false, when, true,
     false, "wrong-snapshot[:SYMBOL]@WHEN[xTIMES]"},
    {"checksum-zero", FaultKind::ChecksumZero, none, false, true, true, false, false, when, false,
     true, "checksum-zero[:SYMBOL]@WHEN[~DURATION]"},
    {"rename", FaultKind::Rename, Value::Name, true, false, true, false, false, when, false, true,
     "rename=NAME:SYMBOL@WHEN[~DURATION]"},
    {"precision", FaultKind::Precision, Value::Decimals, true, false, true, false, false, when,
     false, false, "precision=+P[/+Q]:SYMBOL@WHEN, P and Q more decimals, at most 4"},
    {"list", FaultKind::List, none, false, false, true, false, false, when, false, false,
     "list:SYMBOL@+DURATION"},
    {"delist", FaultKind::Delist, none, false, false, true, false, false, when, false, true,
     "delist:SYMBOL@WHEN[~DURATION]"},
    {"halt", FaultKind::Halt, none, false, false, true, false, false, when, false, true,
     "halt:SYMBOL@WHEN[~DURATION]"},
    {"increments", FaultKind::Increments, Value::Steps, true, false, true, false, false, when,
     false, false, "increments=P[/Q]:SYMBOL@WHEN, P and Q units of the last decimal, 1 to 100"},
}};

const Rule& rule_of(FaultKind kind) { return rules[static_cast<unsigned>(kind)]; }

constexpr std::array<std::pair<std::string_view, FaultChannel>, 5> channels{
    {{"book", FaultChannel::Book},
     {"trade", FaultChannel::Trade},
     {"bbo", FaultChannel::Bbo},
     {"any", FaultChannel::Any},
     {"rest", FaultChannel::Rest}}};
constexpr std::array<std::string_view, 3> parts{"quantity", "price", "check"};
constexpr std::string_view connection_word = "connection";

std::string kind_names() {
  std::string names;
  for (const auto& rule : rules) names += std::string(rule.name) + ", ";
  return names + "random:K";
}

std::string quoted(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) c = c >= 0 && c < ' ' ? '?' : c;  // the refusal is one line
  return "'" + shown + "'";
}

// One fault's text, taken apart.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Fault read() {
    if (text_.starts_with("random:")) return read_random();
    auto head = text_;
    std::string_view tail;
    const auto at = text_.rfind('@');
    const bool has_when = at != std::string_view::npos;
    if (has_when) {
      head = text_.substr(0, at);
      tail = text_.substr(at + 1);
    }
    const auto colon = std::min(head.find(':'), head.size());
    const auto sign = std::min(head.find('='), colon);
    const auto named = head.substr(0, sign);
    const auto found = std::find_if(rules.begin(), rules.end(),
                                    [named](const Rule& each) { return each.name == named; });
    if (found == rules.end()) refuse(quoted(named) + " is none of " + kind_names());
    rule_ = found;
    fault_.kind = rule_->kind;
    read_value(head.substr(sign, colon - sign));
    read_aim(head.substr(colon));
    if (has_when != (rule_->when == Moment::Needed)) {
      refuse(has_when ? "has no @WHEN; it must look like " + std::string(rule_->form)
                      : "says no @WHEN; it must look like " + std::string(rule_->form));
    }
    if (has_when) read_tail(tail);
    if (fault_.kind == FaultKind::List && fault_.at_count != 0) {
      refuse("nothing of it can be counted before; it must look like " + std::string(rule_->form));
    }
    return fault_;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw std::invalid_argument("--faults: " + quoted(text_) + ": " + why);
  }
  [[noreturn]] void refuse_form(std::string_view what, std::string_view text) const {
    refuse(std::string(what) + " " + quoted(text) + "; it must look like " +
           std::string(rule_->form));
  }

  template <typename Number>
  Number number(std::string_view what, std::string_view text, Number least, Number most) const {
    Number value{};
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || stop != text.data() + text.size() || value < least ||
        value > most) {
      refuse(std::string(what) + " " + quoted(text) + " must be a whole number from " +
             std::to_string(least) + " to " + std::to_string(most));
    }
    return value;
  }

  std::int64_t duration_ns(std::string_view text, std::int64_t least_ns) const {
    static constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> units{
        {{"ms", ms_ns}, {"s", 1'000 * ms_ns}, {"m", 60'000 * ms_ns}, {"h", 3'600'000 * ms_ns}}};
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    for (const auto& [unit, unit_ns] : units) {
      std::int64_t count = 0;
      if (text.substr(digits) != unit || digits == 0) continue;
      const auto [stop, error] = std::from_chars(text.data(), text.data() + digits, count);
      if (error != std::errc{} || count > fault_duration_ns_max / unit_ns) break;
      if (count * unit_ns < least_ns) break;
      return count * unit_ns;
    }
    refuse("the duration " + quoted(text) + " must look like 500ms, 2s, 5m or 24h, " +
           (least_ns > 0 ? "above 0, " : "") + "and at most seven days");
  }

  Fault read_random() {
    fault_.kind = FaultKind::Random;
    fault_.number = number<std::uint32_t>("K", text_.substr(7), 1, fault_draws_max);
    fault_.at_count = 1;
    return fault_;
  }

  // "" or "=VALUE"
  void read_value(std::string_view text) {
    if (text.empty()) {
      if (rule_->value_needed)
        refuse("has no value; it must look like " + std::string(rule_->form));
      if (rule_->value == Value::Seconds) fault_.number = 1;
      return;
    }
    const auto value = text.substr(1);
    switch (rule_->value) {
      case Value::None:
        refuse_form("takes no value, not", value);
      case Value::Part: {
        const auto part = std::find(parts.begin(), parts.end(), value);
        if (part == parts.end()) refuse_form("no part of a message is", value);
        fault_.part = static_cast<FaultPart>(part - parts.begin());
        return;
      }
      case Value::Duration:
        fault_.value_ns = duration_ns(value, 1);
        return;
      case Value::Code:
        fault_.number = number<std::uint32_t>("the code", value, 1'000, 4'999);
        return;
      case Value::Seconds:
        fault_.number = number<std::uint32_t>("Retry-After", value, 0, retry_after_max);
        return;
      case Value::Decimals:
        return read_decimals(value);
      case Value::Name:
        return read_name(value);
      case Value::Steps:
        return read_steps(value);
    }
  }

  std::uint8_t steps(std::string_view text) const {
    return static_cast<std::uint8_t>(number<unsigned>("the increment", text, 1, steps_max));
  }
  void read_steps(std::string_view value) {
    const auto slash = value.find('/');
    fault_.price_more = steps(value.substr(0, slash));
    fault_.quantity_more = slash == std::string_view::npos ? 1 : steps(value.substr(slash + 1));
  }

  std::uint8_t decimals(std::string_view text) const {
    if (!text.starts_with('+')) refuse_form("decimals must be added, not", text);
    return static_cast<std::uint8_t>(
        number<unsigned>("the decimals", text.substr(1), 0, decimals_more_max));
  }
  void read_decimals(std::string_view value) {
    const auto slash = value.find('/');
    fault_.price_more = decimals(value.substr(0, slash));
    if (slash != std::string_view::npos) fault_.quantity_more = decimals(value.substr(slash + 1));
    if (fault_.price_more + fault_.quantity_more == 0) refuse_form("changes nothing:", value);
  }
  void read_name(std::string_view value) {
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
      return c > ' ' && c < 127 && c != '"' && c != '\\' && c != '#' && c != '*';
    });
    if (value.empty() || value.size() > name_bytes_max || !plain) {
      refuse_form("no plain name of at most 32 bytes is", value);
    }
    fault_.name = value;
  }

  // "" or ":AIM"
  void read_aim(std::string_view text) {
    if (text.empty()) {
      if (!rule_->of_all) refuse("says no aim; it must look like " + std::string(rule_->form));
      return;
    }
    auto& aim = fault_.aim;
    const auto said = text.substr(1);
    const auto sharp = said.rfind('#');
    aim.symbol = said.substr(0, sharp);
    if (sharp == std::string_view::npos) {
      if (aim.symbol.empty() || !rule_->of_symbol) refuse_form("cannot be aimed at", said);
      return;
    }
    const auto behind = said.substr(sharp + 1);
    if (aim.symbol == connection_word) {
      aim.symbol.clear();
      aim.connection = number<std::uint32_t>("the connection", behind, 1, 1'000'000);
      if (!rule_->of_connection) refuse_form("cannot be aimed at", said);
      return;
    }
    const auto channel = std::find_if(channels.begin(), channels.end(),
                                      [behind](const auto& each) { return each.first == behind; });
    if (channel == channels.end()) {
      refuse("the channel " + quoted(behind) + " is none of book, trade, bbo, any, rest");
    }
    aim.channel = channel->second;
    const auto kind = rule_->kind;
    const bool fits = kind == FaultKind::Corrupt ? aim.channel == FaultChannel::Book
                      : aim.channel == FaultChannel::Rest
                          ? kind == FaultKind::Drop || kind == FaultKind::Delay
                          : rule_->of_channel;
    if (!fits) refuse_form("cannot be aimed at", said);
  }

  // WHEN[xTIMES][~DURATION]
  void read_tail(std::string_view text) {
    const auto wave = text.find('~');
    if (wave != std::string_view::npos) {
      if (!rule_->lasts) refuse_form("does not last:", text.substr(wave));
      fault_.lasts_ns = duration_ns(text.substr(wave + 1), 1);
      text = text.substr(0, wave);
    }
    const auto cross = text.find('x');
    if (cross != std::string_view::npos) {
      if (!rule_->times) refuse_form("does not repeat:", text.substr(cross));
      fault_.times = number<std::uint32_t>("TIMES", text.substr(cross + 1), 1, fault_times_max);
      text = text.substr(0, cross);
    }
    if (text.starts_with('+')) {
      fault_.at_ns = duration_ns(text.substr(1), 0);
    } else {
      fault_.at_count = number<std::uint64_t>("N", text, 1, fault_count_max);
    }
  }

  std::string_view text_;
  const Rule* rule_ = nullptr;
  Fault fault_;
};

void append_duration(std::string& out, std::int64_t ns) {
  const auto ms = ns / ms_ns;
  out += ms % 1'000 == 0 && ms > 0 ? std::to_string(ms / 1'000) + "s" : std::to_string(ms) + "ms";
}

void append_value(std::string& out, const Fault& fault) {
  switch (rule_of(fault.kind).value) {
    case Value::None:
      return;
    case Value::Part:
      if (fault.part != FaultPart::Quantity) {
        out += '=';
        out += parts[static_cast<unsigned>(fault.part)];
      }
      return;
    case Value::Duration:
      out += '=';
      return append_duration(out, fault.value_ns);
    case Value::Code:
      if (fault.number != 0) out += '=' + std::to_string(fault.number);
      return;
    case Value::Seconds:
      out += '=' + std::to_string(fault.number);
      return;
    case Value::Decimals:
      out += "=+" + std::to_string(fault.price_more) + "/+" + std::to_string(fault.quantity_more);
      return;
    case Value::Name:
      out += '=' + fault.name;
      return;
    case Value::Steps:
      out += '=' + std::to_string(fault.price_more) + '/' + std::to_string(fault.quantity_more);
  }
}

void append_aim(std::string& out, const FaultAim& aim) {
  if (aim.connection != 0) {
    out += ':';
    out += connection_word;
    out += '#' + std::to_string(aim.connection);
    return;
  }
  if (aim.symbol.empty() && aim.channel == FaultChannel::Unsaid) return;
  out += ':' + aim.symbol;
  for (const auto& [name, channel] : channels) {
    if (channel == aim.channel) out += '#' + std::string(name);
  }
}

}  // namespace

std::vector<Fault> parse_faults(std::string_view text) {
  std::vector<Fault> faults;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (faults.size() == faults_max) {
      throw std::invalid_argument("--faults: more than " + std::to_string(faults_max) + " of them");
    }
    faults.push_back(Reader(text.substr(0, comma)).read());
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return faults;
}

std::string text_of(const Fault& fault) {
  if (fault.kind == FaultKind::Random) return "random:" + std::to_string(fault.number);
  std::string out(rule_of(fault.kind).name);
  append_value(out, fault);
  append_aim(out, fault.aim);
  if (rule_of(fault.kind).when == Moment::None) return out;
  out += '@';
  if (fault.at_count != 0) {
    out += std::to_string(fault.at_count);
  } else {
    out += '+';
    append_duration(out, fault.at_ns);
  }
  if (fault.times != 1) out += 'x' + std::to_string(fault.times);
  if (fault.lasts_ns != 0) {
    out += '~';
    append_duration(out, fault.lasts_ns);
  }
  return out;
}

std::string text_of(std::span<const Fault> faults) {
  std::string out;
  for (const auto& fault : faults) {
    if (!out.empty()) out += ',';
    out += text_of(fault);
  }
  return out;
}

std::string_view name_of(FaultKind kind) {
  return kind == FaultKind::Random ? "random" : rule_of(kind).name;
}

bool counts_frames(const FaultAim& aim) {
  return aim.symbol.empty() && aim.channel == FaultChannel::Unsaid;
}

bool is_of_messages(FaultKind kind) { return kind <= FaultKind::Mute; }

bool is_of_connections(FaultKind kind) {
  return kind >= FaultKind::Stall && kind <= FaultKind::Restart;
}

}  // namespace ringside::exchange
