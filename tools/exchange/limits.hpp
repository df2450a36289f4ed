// What the simulated venue allows its clients, and what it does to those who ask for more. Its
// table is its own: a wrong fact in the collector's shows here as a violation.
//
//   limits := "off" | "venue" | entry { "," entry }     entries change what "venue" says, or "off"
//   entry  := "venue" | "connects=" N "/" SECONDS | "messages=" N "/" SECONDS
//           | "weight=" N "/" SECONDS | "streams=" N | "ban=" SECONDS
//
//   connects   attempts of all clients together: the next is refused (429 with Retry-After), and so
//              is each within the ban
//   messages   of one connection: it is closed with 1008
//   weight     of REST requests together: 429 with Retry-After; who goes on is banned: 418
//   streams    subscriptions of one connection: the message is refused
//
// A window is any stretch of so many seconds, not one that begins at a full minute.
//
// Threads: one. Bounded by: what the limits allow, in entries. Fails by: std::invalid_argument at
// construction, in one line.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ringside/time.hpp"
#include "tools/exchange/outlet.hpp"

namespace ringside::exchange {

struct Allowance {
  std::uint32_t count = 0;  // 0: as many as you like
  std::int64_t window_ns = 0;
};

// Of one kind: what a client has used within the newest window.
class Usage {
 public:
  // False: it is too much, and does not count.
  [[nodiscard]] bool take(const Allowance& allowance, std::uint32_t cost, UtcNs now);
  // When the oldest leaves the window.
  [[nodiscard]] UtcNs frees(const Allowance& allowance, UtcNs now) const {
    return {(used_.empty() ? now : used_.front().at).value + allowance.window_ns};
  }

 private:
  struct Entry {
    UtcNs at;
    std::uint32_t cost;
  };
  std::deque<Entry> used_;
  std::uint64_t sum_ = 0;
};

class Limits {
 public:
  struct Violations {
    std::uint64_t connects = 0;
    std::uint64_t messages = 0;
    std::uint64_t weight = 0;
    std::uint64_t streams = 0;
    [[nodiscard]] std::uint64_t sum() const { return connects + messages + weight + streams; }
  };
  struct Verdict {
    int status = 0;  // 0: go on; else refused with it
    std::int64_t retry_after_s = 0;
  };

  Limits() = default;  // off
  Limits(std::string_view text, std::string_view venue);

  [[nodiscard]] bool on() const { return on_; }

  [[nodiscard]] Verdict connect(UtcNs now);
  // `control`: pings and pongs that came since the last message. False: close it.
  [[nodiscard]] bool message(SessionId session, std::uint32_t control, UtcNs now);
  [[nodiscard]] Verdict request(std::string_view target, UtcNs now);
  // False: one too many.
  [[nodiscard]] bool stream(SessionId session);
  void stream_ended(SessionId session);
  void closed(SessionId session);

  [[nodiscard]] const Violations& violations() const { return violations_; }
  // {"connects":0,...}
  [[nodiscard]] std::string violations_json() const;

 private:
  struct Client {
    Usage messages;
    std::uint32_t streams = 0;
  };

  void set(std::string_view entry, std::string_view venue);
  void take_venue(std::string_view venue);
  [[nodiscard]] std::uint32_t weight_of(std::string_view target) const;

  bool on_ = false;
  Allowance connects_;
  Allowance messages_;
  Allowance weight_;
  std::uint32_t streams_ = 0;
  std::int64_t ban_ns_ = 0;
  std::string_view family_;  // whose prices of requests
  Usage connects_used_;
  Usage weight_used_;
  UtcNs connects_banned_until_;
  UtcNs requests_refused_until_;
  std::unordered_map<SessionId, Client> clients_;
  Violations violations_;
};

}  // namespace ringside::exchange
