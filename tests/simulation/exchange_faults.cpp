// ExchangeSide: what goes wrong on the way.
#include <algorithm>

#include "tests/simulation/exchange_side.hpp"

namespace ringside::simulation {
namespace {

// Between two damages of one instrument's ids a sound message shows that the first was one.
constexpr std::int64_t between_corruptions_ns = second;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void flip(std::string& text, std::size_t at, Random& random) {
  const auto digit = static_cast<unsigned>(text[at] - '0');
  text[at] = static_cast<char>('0' + (digit + 1 + random.below(9)) % 10);
}

// One of the digits within [from, to) that `eligible` picks.
template <typename Eligible>
bool flip_one(std::string& text, std::size_t from, std::size_t to, Random& random,
              Eligible eligible) {
  std::vector<std::size_t> places;
  for (auto at = from; at < std::min(to, text.size()); ++at) {
    if (is_digit(text[at]) && eligible(at)) places.push_back(at);
  }
  if (places.empty()) return false;
  flip(text, places[random.below(places.size())], random);
  return true;
}

// Version 2: levels and checksum, but not the time, which nothing covers.
bool corrupt_v2(std::string& text, Random& random) {
  const auto from = text.find("\"bids\":");
  return from != std::string::npos &&
         flip_one(text, from, text.find(",\"timestamp\""), random, [](auto) { return true; });
}

// Version 1: ["price","quantity","time"...] in the sides, and the checksum of an update.
bool corrupt_v1(std::string& text, Random& random) {
  const auto from = text.find("[[");
  if (from == std::string::npos) return false;
  std::vector<bool> covered(text.size(), false);
  unsigned strings = 0;
  bool inside = false;
  for (auto at = from; at < text.rfind("]]"); ++at) {
    if (text[at] == '[') strings = 0;
    if (text[at] == '"') {
      inside = !inside;
      if (inside) ++strings;
    }
    covered[at] = inside && strings <= 2;
  }
  const auto checksum = text.find("\"c\":\"");
  for (auto at = checksum; checksum != std::string::npos && text[at] != '}'; ++at) {
    covered[at] = true;
  }
  return flip_one(text, from, text.size(), random, [&](auto at) { return covered[at]; });
}

// An update id of a depth message.
bool corrupt_binance(std::string& text, Random& random) {
  static constexpr std::array<std::string_view, 3> keys{"\"U\":", "\"u\":", "\"pu\":"};
  const auto key = keys[random.below(keys.size())];
  const auto found = text.find(key);
  if (found == std::string::npos) return false;
  const auto from = found + key.size() + 1;  // a leading zero would be no JSON
  return flip_one(text, from, text.find_first_of(",}", from), random, [](auto) { return true; });
}

void blank_checksum(std::string& text) {
  for (const std::string_view key : {"\"checksum\":", "\"c\":\""}) {
    const auto found = text.find(key);
    if (found == std::string::npos) continue;
    const auto from = found + key.size();
    text.replace(from, text.find_first_not_of("0123456789", from) - from, "0");
  }
}

}  // namespace

ExchangeSide::Kind ExchangeSide::kind_of(std::string_view text) const {
  Kind kind;
  for (ListingIndex i = 0; i < quoted_.size(); ++i) {
    if (text.find(quoted_[i]) != std::string_view::npos) kind.listing = i;
  }
  const auto has = [text](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  if (kraken_) {
    kind.snapshot = has(R"({"channel":"book","type":"snapshot")") || has(R"({"as":[)");
    kind.metadata = text.starts_with(R"({"channel":"instrument")");
    kind.book = kind.snapshot || text.starts_with(R"({"channel":"book")") || has(R"("book-10",")");
  } else {
    kind.book = has(R"("e":"depthUpdate")");
    kind.ticker = has("@bookTicker\"");
  }
  return kind;
}

std::int64_t ExchangeSide::lag_ns() const {
  std::int64_t lag = 0;
  for (const auto& rule : rules_) {
    if (rule.fault.kind == FaultKind::Lag && rule.until_ns > now_ns_) {
      lag = std::max(lag, rule.fault.duration_ns);
    }
  }
  return lag;
}

bool ExchangeSide::lasting(FaultKind kind) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return rule.fault.kind == kind && rule.until_ns > now_ns_;
  });
}

ExchangeSide::Rule* ExchangeSide::rule_of(FaultKind kind, ListingIndex listing) {
  for (auto& rule : rules_) {
    const bool aimed =
        rule.fault.listing == no_listing || listing == no_listing || rule.fault.listing == listing;
    if (rule.fault.kind == kind && rule.left > 0 && aimed) return &rule;
  }
  return nullptr;
}

void ExchangeSide::spend(Rule& rule) {
  --rule.left;
  count_strike(rule.fault.kind);
  trace_.note(now_ns_, static_cast<std::uint64_t>(rule.fault.kind),
              [&] { return "! " + std::string(name_of(rule.fault.kind)) + " strikes"; });
}

void ExchangeSide::begin_fault(const Fault& fault) {
  constexpr std::array at_once{FaultKind::Mute,       FaultKind::Lag,       FaultKind::Reset,
                               FaultKind::CloseFrame, FaultKind::Stall,     FaultKind::Restart,
                               FaultKind::Blackhole,  FaultKind::RetryAfter};
  if (std::find(at_once.begin(), at_once.end(), fault.kind) != at_once.end()) {
    count_strike(fault.kind);
  }
  switch (fault.kind) {
    case FaultKind::Reset:
      return cut_all(net::CloseReason::PeerReset);
    case FaultKind::CloseFrame:
      return cut_all(net::CloseReason::PeerClosed);
    case FaultKind::Stall:
      for (auto& link : links_) {
        link->stalled = true;
        link->arrivals.clear();
      }
      return;
    case FaultKind::Restart:
      cut_all(net::CloseReason::PeerReset);
      break;
    case FaultKind::RestStale:
      ask_for_stale(fault.listing);
      break;
    default:
      break;
  }
  rules_.push_back({fault, fault.count, now_ns_ + fault.duration_ns});
}

void ExchangeSide::end_faults() { rules_.clear(); }

void ExchangeSide::ask_for_stale(ListingIndex listing) {
  if (stale_request_ != 0) return;
  stale_request_ = ++last_request_;
  stale_listing_ = listing;
  static constexpr std::array<std::string_view, 3> prefixes{"/api/v3/", "/fapi/v1/", "/dapi/v1/"};
  const auto prefix = plan_.venue == "binance-usdm" ? 1U : plan_.venue == "binance-coinm" ? 2U : 0U;
  truth_->note_id(listing);
  venue_->on_get(
      stale_request_,
      std::string(prefixes[prefix]) + "depth?symbol=" + plan_.symbols[listing] + "&limit=1000",
      utc());
}

void ExchangeSide::cut(Link& link, net::CloseReason reason) {
  end_session(link);
  link.errands.clear();
  // Of what is under way the peer's kernel may throw away the end.
  if (reason == net::CloseReason::PeerReset && !link.arrivals.empty()) {
    const auto kept = random_.below(link.arrivals.size() + 1);
    if (link.arrivals.front().what == Arrival::What::Text || kept > 0) link.arrivals.resize(kept);
  }
  Arrival arrival;
  arrival.what = Arrival::What::Close;
  arrival.reason = reason;
  push(link, std::move(arrival));
}

void ExchangeSide::cut_all(net::CloseReason reason) {
  for (auto& link : links_) {
    if (link->session != 0 && !link->stalled) cut(*link, reason);
  }
}

// --- Frames -------------------------------------------------------------------------------------

bool ExchangeSide::strikes(const Rule& rule, const Kind& kind, exchange::Frame frame) const {
  const auto& fault = rule.fault;
  const bool aimed = fault.listing == no_listing || fault.listing == kind.listing;
  switch (fault.kind) {
    case FaultKind::Mute:
      return aimed && kind.book && frame == exchange::Frame::Data && rule.until_ns > now_ns_;
    case FaultKind::Drop:
    case FaultKind::Duplicate:
    case FaultKind::Reorder:
      // Aimed: book messages of that instrument; else whatever comes. Where listings change nothing
      // but the metadata says so, once.
      if (kind.metadata && plan_.listings_change()) return false;
      return rule.left > 0 && aimed && (fault.listing == no_listing || kind.book);
    case FaultKind::Corrupt:
      return rule.left > 0 && aimed && kind.book && kind.listing != no_listing;
    case FaultKind::CutAtSnapshot:
      return rule.left > 0 && aimed && kind.snapshot;
    case FaultKind::OracleZero:
      return aimed && kind.book && rule.until_ns > now_ns_;
    default:
      return false;
  }
}

bool ExchangeSide::corrupt(Arrival& arrival, const Kind& kind) {
  if (plan_.venue == "kraken") return corrupt_v2(arrival.text, random_);
  // A snapshot of version 1 has no checksum.
  if (plan_.venue == "kraken-v1") return !kind.snapshot && corrupt_v1(arrival.text, random_);
  if (!live_[kind.listing] || now_ns_ - corrupted_ns_[kind.listing] < between_corruptions_ns) {
    return false;
  }
  corrupted_ns_[kind.listing] = now_ns_;
  arrival.damage = true;
  return true;
}

// While a book is being joined there is nothing yet that a wrong id could contradict; and the
// collector may have lost it while readers still see it live.
void ExchangeSide::damage(Arrival& arrival) {
  if (joined_(arrival.listing)) static_cast<void>(corrupt_binance(arrival.text, random_));
}

void ExchangeSide::send(exchange::SessionId session, std::string_view text, exchange::Frame frame) {
  auto* const link = link_of(session);
  if (link == nullptr) return;
  Arrival arrival;
  arrival.text.reserve(text.size() + net::padding_bytes);
  arrival.text = text;
  const auto kind = kind_of(text);
  if (kind.book && kind.listing != no_listing) {
    arrival.listing = kind.listing;
    arrival.book = truth_->newest(kind.listing);
  }
  if (kind.ticker && kind.listing != no_listing) arrival.tickers = 1U << kind.listing;
  if (rules_.empty()) return push(*link, std::move(arrival));
  for (auto& rule : rules_) {
    if (!strikes(rule, kind, frame)) continue;
    switch (rule.fault.kind) {
      case FaultKind::Mute:
        return;
      case FaultKind::Drop:
        return spend(rule);
      case FaultKind::Duplicate:
        spend(rule);
        push(*link, arrival);
        return push(*link, std::move(arrival));
      case FaultKind::Reorder:
        spend(rule);
        return push(*link, std::move(arrival), rule.fault.duration_ns);
      case FaultKind::CutAtSnapshot:
        spend(rule);
        return cut(*link, net::CloseReason::PeerReset);
      case FaultKind::OracleZero:
        count_strike(rule.fault.kind);
        blank_checksum(arrival.text);
        continue;
      default:
        if (!corrupt(arrival, kind)) continue;
        spend(rule);
        return push(*link, std::move(arrival));
    }
  }
  push(*link, std::move(arrival));
}

// Asks for a depth that the venue does not have: it refuses in its own words.
bool ExchangeSide::refuse(std::string& text) {
  if (!kraken_ || text.find("unsubscribe") != std::string::npos) return false;
  const auto at = text.find(R"("depth":10)");
  auto* const rule = at == std::string::npos ? nullptr : rule_of(FaultKind::Refuse, no_listing);
  if (rule == nullptr) return false;
  spend(*rule);
  text.replace(at, 10, R"("depth":11)");
  return true;
}

// --- REST ---------------------------------------------------------------------------------------

void ExchangeSide::strike_request(Request& request) {
  const auto strike = [&](FaultKind kind) -> Rule* {
    auto* const rule = rule_of(kind, request.listing);
    if (rule != nullptr) spend(*rule);
    return rule;
  };
  const auto fail_with = [&](int status) {
    request.id = 0;
    request.status = status;
    request.body = R"({"code":-1003,"msg":"no"})";
    request.answer_ns = now_ns_ + latency();
  };
  if (strike(FaultKind::RestLost) != nullptr) {
    request.id = 0;
    return;
  }
  if (strike(FaultKind::RestTooFast) != nullptr) return fail_with(429);
  if (strike(FaultKind::RestError) != nullptr) return fail_with(500);
  if (const auto* const rule = strike(FaultKind::RestLate)) {
    request.delay_ns = rule->fault.duration_ns;
  }
  if (request.listing == no_listing) return;
  if (strike(FaultKind::RestGarbage) != nullptr) request.garbage = true;
  if (!stale_bodies_[request.listing].empty() && strike(FaultKind::RestStale) != nullptr) {
    request.stale = true;
  }
  if (begun_anew_[request.listing]) {
    begun_anew_[request.listing] = false;
    heard_[request.listing] = false;
    for (auto& link : links_) link->tickers_seen &= ~(1U << request.listing);
  }
  if (plan_.symbols.size() < 2 || request.stale) return;
  // COIN-M's answers name the symbol; spot's ids are each symbol's own, and tell once a message of
  // it has come; USD-M's are shared: the price that a ticker has told is all there is to see it by.
  const bool ticker_seen = std::any_of(links_.begin(), links_.end(), [&](const auto& link) {
    return (link->tickers_seen >> request.listing & 1U) != 0 && link->session != 0;
  });
  const bool visible = plan_.venue == "binance-coinm" ||
                       (plan_.venue == "binance-usdm" ? ticker_seen : heard_[request.listing]);
  if (!visible || strike(FaultKind::RestWrongSymbol) == nullptr) return;
  const auto& wanted = plan_.symbols[request.listing];
  const auto& other = plan_.symbols[(request.listing + 1) % plan_.symbols.size()];
  request.target.replace(request.target.find(wanted), wanted.size(), other);
  const auto listing = listing_of(request.target);
  truth_->note_id(listing);
}

}  // namespace ringside::simulation
