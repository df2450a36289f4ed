#include "tools/exchange/limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include "tools/exchange/binance_frame.hpp"

namespace ringside::exchange {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument("--limits: '" + std::string(text) +
                              "' is none of off, venue, connects=N/SECONDS, messages=N/SECONDS, "
                              "weight=N/SECONDS, streams=N, ban=SECONDS (several are separated by "
                              "commas)");
}

// Of the venues' own documents, 2026: Binance's web-socket-streams.md and its "General Info" pages
// (limits by address, REQUEST_WEIGHT of rateLimits); Kraken's support page on its Cloudflare limit.
struct VenueAllows {
  std::string_view venue;
  std::string_view family;
  Allowance connects;
  Allowance messages;
  Allowance weight;
  std::uint32_t streams;
  std::int64_t ban_ns;
};
constexpr std::int64_t minute_ns = 60 * second_ns;
constexpr std::array<VenueAllows, 6> allows{{
    {"kraken", "kraken", {150, 10 * minute_ns}, {}, {}, 0, 10 * minute_ns},
    {"kraken-v1", "kraken", {150, 10 * minute_ns}, {}, {}, 0, 10 * minute_ns},
    {"binance",
     "spot",
     {300, 5 * minute_ns},
     {5, second_ns},
     {6000, minute_ns},
     1024,
     2 * minute_ns},
    {"binance-us",
     "us",
     {300, 5 * minute_ns},
     {5, second_ns},
     {1200, minute_ns},
     1024,
     2 * minute_ns},
    {"binance-usdm",
     "futures",
     {300, 5 * minute_ns},
     {10, second_ns},
     {2400, minute_ns},
     200,
     2 * minute_ns},
    {"binance-coinm",
     "futures",
     {300, 5 * minute_ns},
     {10, second_ns},
     {2400, minute_ns},
     200,
     2 * minute_ns},
}};

// What a depth request costs, by the levels it asks for; without a number it asks for 100 or 500.
std::uint32_t depth_price(std::string_view family, std::uint32_t levels) {
  if (family == "futures") {
    if (levels == 0) levels = 500;
    return levels < 51 ? 2 : levels < 101 ? 5 : levels < 501 ? 10 : 20;
  }
  if (levels == 0) levels = 100;
  const std::uint32_t unit = family == "us" ? 1 : 5;
  return unit * (levels < 101 ? 1 : levels < 501 ? 5 : levels < 1001 ? 10 : 50);
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && stop == text.data() + text.size() && number > 0;
}

std::int64_t seconds_of(std::string_view text, std::string_view entry) {
  double seconds = 0;
  if (!read_number(text, seconds) || seconds > 1e6) refuse(entry);
  return static_cast<std::int64_t>(seconds * 1e9);
}

std::int64_t whole_seconds(std::int64_t ns) { return (ns + second_ns - 1) / second_ns; }

}  // namespace

bool Usage::take(const Allowance& allowance, std::uint32_t cost, UtcNs now) {
  if (allowance.count == 0) return true;
  while (!used_.empty() && used_.front().at.value + allowance.window_ns < now.value) {
    sum_ -= used_.front().cost;
    used_.pop_front();
  }
  if (sum_ + cost > allowance.count) return false;
  used_.push_back({now, cost});
  sum_ += cost;
  return true;
}

Limits::Limits(std::string_view text, std::string_view venue) {
  if (text.empty() || text == "off") return;
  on_ = true;
  ban_ns_ = 2 * second_ns;
  const auto known = std::find_if(allows.begin(), allows.end(),
                                  [venue](const auto& each) { return each.venue == venue; });
  if (known != allows.end()) family_ = known->family;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    set(text.substr(0, comma), venue);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
}

void Limits::take_venue(std::string_view venue) {
  const auto known = std::find_if(allows.begin(), allows.end(),
                                  [venue](const auto& each) { return each.venue == venue; });
  if (known == allows.end()) refuse("venue");
  connects_ = known->connects;
  messages_ = known->messages;
  weight_ = known->weight;
  streams_ = known->streams;
  ban_ns_ = known->ban_ns;
}

void Limits::set(std::string_view entry, std::string_view venue) {
  if (entry == "venue") return take_venue(venue);
  const auto equals = entry.find('=');
  if (equals == std::string_view::npos) refuse(entry);
  const auto key = entry.substr(0, equals);
  const auto value = entry.substr(equals + 1);
  if (key == "ban") {
    ban_ns_ = seconds_of(value, entry);
    return;
  }
  if (key == "streams") {
    if (!read_number(value, streams_)) refuse(entry);
    return;
  }
  const auto slash = value.find('/');
  Allowance allowance;
  if (slash == std::string_view::npos || !read_number(value.substr(0, slash), allowance.count)) {
    refuse(entry);
  }
  allowance.window_ns = seconds_of(value.substr(slash + 1), entry);
  if (key == "connects") {
    connects_ = allowance;
  } else if (key == "messages") {
    messages_ = allowance;
  } else if (key == "weight") {
    weight_ = allowance;
  } else {
    refuse(entry);
  }
}

Limits::Verdict Limits::connect(UtcNs now) {
  const bool banned = now < connects_banned_until_;
  if (!banned && connects_used_.take(connects_, 1, now)) return {};
  ++violations_.connects;
  if (!banned) connects_banned_until_.value = now.value + ban_ns_;
  return {429, whole_seconds(connects_banned_until_.value - now.value)};
}

bool Limits::message(SessionId session, std::uint32_t control, UtcNs now) {
  if (messages_.count == 0) return true;
  if (clients_[session].messages.take(messages_, 1 + control, now)) return true;
  ++violations_.messages;
  return false;
}

bool Limits::stream(SessionId session) {
  if (streams_ == 0) return true;
  auto& client = clients_[session];
  if (client.streams >= streams_) {
    ++violations_.streams;
    return false;
  }
  ++client.streams;
  return true;
}

void Limits::stream_ended(SessionId session) {
  const auto client = clients_.find(session);
  if (client != clients_.end() && client->second.streams > 0) --client->second.streams;
}

void Limits::closed(SessionId session) { clients_.erase(session); }

std::uint32_t Limits::weight_of(std::string_view target) const {
  const auto query = std::min(target.find('?'), target.size());
  const auto path = target.substr(0, query);
  if (path.ends_with("/depth")) {
    std::uint32_t levels = 0;
    static_cast<void>(read_number(query_value(target, "limit"), levels));
    return depth_price(family_, levels);
  }
  if (path.ends_with("/exchangeInfo")) return family_ == "futures" ? 1 : family_ == "us" ? 10 : 20;
  return 1;
}

// Too fast: told so, until there is room. Who asks again before: banned.
Limits::Verdict Limits::request(std::string_view target, UtcNs now) {
  if (now < requests_refused_until_) {
    ++violations_.weight;
    requests_refused_until_.value = std::max(requests_refused_until_.value, now.value + ban_ns_);
    return {418, whole_seconds(requests_refused_until_.value - now.value)};
  }
  if (weight_used_.take(weight_, weight_of(target), now)) return {};
  ++violations_.weight;
  requests_refused_until_ = weight_used_.frees(weight_, now);
  return {429, whole_seconds(requests_refused_until_.value - now.value)};
}

std::string Limits::violations_json() const {
  return R"({"connects": )" + std::to_string(violations_.connects) + R"(, "messages": )" +
         std::to_string(violations_.messages) + R"(, "weight": )" +
         std::to_string(violations_.weight) + R"(, "streams": )" +
         std::to_string(violations_.streams) + "}";
}

}  // namespace ringside::exchange
