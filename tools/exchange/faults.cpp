#include "tools/exchange/faults.hpp"

#include <algorithm>
#include <utility>

namespace ringside::exchange {
namespace {

constexpr std::int64_t never_ns = 3'600'000'000'000;  // from now: looked at again by then

bool lasts(FaultKind kind) { return kind == FaultKind::Mute || kind == FaultKind::ChecksumZero; }

// What no message is worded or sent differently for, but what happens because of one.
bool happens(FaultKind kind) {
  return (is_of_connections(kind) && kind != FaultKind::Life) || kind >= FaultKind::Rename;
}

bool channel_fits(FaultChannel wanted, FaultChannel channel) {
  return wanted == channel || wanted == FaultChannel::Any ||
         (wanted == FaultChannel::Unsaid && channel == FaultChannel::Book);
}

bool fits(const FaultAim& aim, std::string_view symbol, FaultChannel channel) {
  return aim.connection == 0 && channel_fits(aim.channel, channel) &&
         (aim.symbol.empty() || aim.symbol == symbol);
}

}  // namespace

Faults::Faults(const std::vector<Fault>& faults) {
  for (const auto& fault : faults) rules_.push_back({.fault = fault, .left = fault.times});
}

void Faults::begin() {
  if (begun_) return;
  begun_ = true;
  origin_ = now_;
}

bool Faults::has(FaultKind kind) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [kind](const Rule& rule) { return rule.fault.kind == kind; });
}

bool Faults::due(const Rule& rule) const {
  if (rule.fault.at_count != 0) return rule.seen >= rule.fault.at_count;
  return begun_ && now_.value - origin_.value >= rule.fault.at_ns;
}

bool Faults::lasts_now(const Rule& rule) const {
  return rule.begun && (rule.fault.lasts_ns == 0 || now_.value < rule.until_ns);
}

// One more of what the rule counts.
bool Faults::strikes(Rule& rule) {
  ++rule.seen;
  if (lasts(rule.fault.kind)) {
    if (!rule.begun && due(rule)) {
      rule.begun = true;
      rule.until_ns = now_.value + rule.fault.lasts_ns;
    }
    return lasts_now(rule);
  }
  if (rule.left == 0 || !due(rule)) return false;
  --rule.left;
  return true;
}

void Faults::mix(MessageFate& fate, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::Drop:
    case FaultKind::Mute:
      fate.dropped = true;
      return;
    case FaultKind::Duplicate:
      fate.doubled = true;
      return;
    case FaultKind::Reorder:
      fate.behind_next = true;
      return;
    case FaultKind::Delay:
      fate.delay_ns = std::max(fate.delay_ns, fault.value_ns);
      return;
    default:
      return;
  }
}

void Faults::strike_message(Rule& rule, WordingFault& wording) {
  const auto& fault = rule.fault;
  if (fault.kind == FaultKind::Corrupt) {
    wording.corrupt = true;
    wording.part = fault.part;
  } else if (fault.kind == FaultKind::ChecksumZero) {
    wording.checksum_zero = true;
  } else if (happens(fault.kind)) {
    happen(fault);
  } else {
    mix(message_, fault);
  }
}

void Faults::happen(const Fault& fault) {
  (is_of_connections(fault.kind) ? struck_ : changes_).push_back(fault);
}

void Faults::pass_message() {
  message_ = {};
  stream_.clear();
}

WordingFault Faults::on_message(std::string_view symbol, FaultChannel channel) {
  WordingFault wording;
  if (rules_.empty()) return wording;
  message_ = {};
  stream_.assign(symbol);
  stream_ += '#';
  stream_ += static_cast<char>('0' + static_cast<int>(channel));
  for (auto& rule : rules_) {
    const auto& fault = rule.fault;
    const bool here = is_of_messages(fault.kind) || fault.kind == FaultKind::ChecksumZero ||
                      (happens(fault.kind) && fault.at_count != 0);
    if (!here) continue;
    // All instruments' checksums are one thing; all frames are counted as frames.
    if (counts_frames(fault.aim) && fault.kind != FaultKind::ChecksumZero) continue;
    if (!fits(fault.aim, symbol, channel)) continue;
    if (strikes(rule)) strike_message(rule, wording);
  }
  return wording;
}

MessageFate Faults::on_frame(std::uint32_t connection) {
  auto fate = message_;
  for (auto& rule : rules_) {
    const auto& fault = rule.fault;
    if (!counts_frames(fault.aim)) continue;
    if (fault.aim.connection != 0 && fault.aim.connection != connection) continue;
    if (is_of_messages(fault.kind)) {
      if (strikes(rule)) mix(fate, fault);
    } else if (happens(fault.kind) && fault.at_count != 0) {
      if (strikes(rule)) happen(fault);
    }
  }
  return fate;
}

bool Faults::checksum_zero(std::string_view symbol) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return rule.fault.kind == FaultKind::ChecksumZero && lasts_now(rule) &&
           fits(rule.fault.aim, symbol, FaultChannel::Book);
  });
}

bool Faults::refuses(std::string_view symbol, FaultChannel channel) {
  bool refused = false;
  for (auto& rule : rules_) {
    if (rule.fault.kind != FaultKind::Refuse) continue;
    const auto& aim = rule.fault.aim;
    const bool all = aim.symbol.empty() && aim.channel == FaultChannel::Unsaid;
    if (all || fits(aim, symbol, channel)) refused |= strikes(rule);
  }
  return refused;
}

SnapshotFault Faults::on_snapshot(std::string_view symbol) {
  auto result = SnapshotFault::None;
  for (auto& rule : rules_) {
    const auto kind = rule.fault.kind;
    if (kind != FaultKind::StaleSnapshot && kind != FaultKind::WrongSnapshot) continue;
    if (!fits(rule.fault.aim, symbol, FaultChannel::Book) || !strikes(rule)) continue;
    result = kind == FaultKind::StaleSnapshot ? SnapshotFault::Stale : SnapshotFault::Wrong;
  }
  return result;
}

RequestFate Faults::on_request(std::string_view symbol) {
  RequestFate fate;
  for (auto& rule : rules_) {
    const auto& fault = rule.fault;
    const bool too_many = fault.kind == FaultKind::TooMany;
    if (!too_many && fault.aim.channel != FaultChannel::Rest) continue;
    if (!fault.aim.symbol.empty() && fault.aim.symbol != symbol) continue;
    if (!strikes(rule)) continue;
    if (too_many) {
      fate.too_many = true;
      fate.retry_after_s = fault.number;
    }
    fate.dropped |= fault.kind == FaultKind::Drop;
    fate.delay_ns = std::max(fate.delay_ns, fault.value_ns);
  }
  return fate;
}

void Faults::look_at_clock() {
  for (auto& rule : rules_) {
    if (!happens(rule.fault.kind) || rule.fault.at_count != 0) continue;
    if (rule.left == 0 || !due(rule)) continue;
    --rule.left;
    (is_of_connections(rule.fault.kind) ? due_ : changes_).push_back(rule.fault);
  }
}

std::vector<Fault> Faults::take_struck() { return std::exchange(struck_, {}); }

std::vector<Fault> Faults::take_due() {
  look_at_clock();
  return std::exchange(due_, {});
}

std::vector<Fault> Faults::take_changes() {
  look_at_clock();
  return std::exchange(changes_, {});
}

UtcNs Faults::next_due() const {
  UtcNs next{now_.value + never_ns};
  if (!begun_) return next;
  for (const auto& rule : rules_) {
    if (!happens(rule.fault.kind) || rule.fault.at_count != 0 || rule.left == 0) continue;
    next = std::min(next, UtcNs{origin_.value + rule.fault.at_ns});
  }
  return next;
}

std::int64_t Faults::life_ns(std::uint32_t connection) const {
  std::int64_t shortest = 0;
  for (const auto& rule : rules_) {
    const auto& fault = rule.fault;
    if (fault.kind != FaultKind::Life) continue;
    if (fault.aim.connection != 0 && fault.aim.connection != connection) continue;
    if (shortest == 0 || fault.value_ns < shortest) shortest = fault.value_ns;
  }
  return shortest;
}

}  // namespace ringside::exchange
