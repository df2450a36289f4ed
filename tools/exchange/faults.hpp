// Which of the faults asked for strikes now: the venue and the way out tell of every message,
// frame, subscription, request and snapshot, and are told what to do wrong with it.
//
// A fault aimed at an instrument or a channel counts messages of it, from the first that somebody
// was subscribed to; one aimed at a connection, or at nothing, counts data frames. One that lasts
// (mute, checksum-zero, rename) begins at its moment and ends by the clock.
//
// Threads: one. Bounded by: the faults given. Fails by: nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ringside/time.hpp"
#include "tools/exchange/fault_language.hpp"

namespace ringside::exchange {

// What becomes of one message on its way out.
struct MessageFate {
  bool dropped = false;  // or its channel is mute
  bool doubled = false;
  bool behind_next = false;
  std::int64_t delay_ns = 0;
};

// What the venue itself does wrong in wording a message.
struct WordingFault {
  bool corrupt = false;
  FaultPart part = FaultPart::Quantity;
  bool checksum_zero = false;
};

enum class SnapshotFault : std::uint8_t { None, Stale, Wrong };

struct RequestFate {
  bool dropped = false;
  bool too_many = false;  // 429
  std::uint32_t retry_after_s = 0;
  std::int64_t delay_ns = 0;
};

class Faults {
 public:
  Faults() = default;
  explicit Faults(const std::vector<Fault>& faults);

  // Before anything else of that moment.
  void set_time(UtcNs now) { now_ = now; }
  [[nodiscard]] UtcNs now() const { return now_; }
  // The first subscription: "+5s" counts from here.
  void begin();

  // The venue's, before it sends a message of the market to whoever subscribed: `channel` is Book,
  // Trade or Bbo. Book updates only, no snapshots.
  [[nodiscard]] WordingFault on_message(std::string_view symbol, FaultChannel channel);
  // The same for a message that no fault counts.
  void pass_message();
  [[nodiscard]] bool checksum_zero(std::string_view symbol) const;
  // A subscription to one channel of a symbol is asked for: true, it is refused.
  [[nodiscard]] bool refuses(std::string_view symbol, FaultChannel channel);
  [[nodiscard]] SnapshotFault on_snapshot(std::string_view symbol);
  // Over REST; the symbol may be empty.
  [[nodiscard]] RequestFate on_request(std::string_view symbol);
  [[nodiscard]] bool has(FaultKind kind) const;

  // The way out's, for each data frame, before it goes: what on_message() came to, and what strikes
  // this connection's, or all, frames. Not to be called for what on_message() has dropped.
  [[nodiscard]] MessageFate message() const { return message_; }
  [[nodiscard]] MessageFate on_frame(std::uint32_t connection);
  // Whose message it is, as "SYMBOL#N"; empty for none.
  [[nodiscard]] const std::string& stream() const { return stream_; }
  // What on_message() and on_frame() have found that hits connections, since the last call.
  [[nodiscard]] std::vector<Fault> take_struck();
  // What hits connections by the clock; each once for each of its times. Call it in each round.
  [[nodiscard]] std::vector<Fault> take_due();
  // The same for what changes instruments, however it was found.
  [[nodiscard]] std::vector<Fault> take_changes();
  // When the clock makes something due next; far away if nothing.
  [[nodiscard]] UtcNs next_due() const;
  // Of connections as they grow old; 0: never.
  [[nodiscard]] std::int64_t life_ns(std::uint32_t connection) const;

 private:
  struct Rule {
    Fault fault;
    std::uint64_t seen = 0;
    std::uint32_t left = 0;
    bool begun = false;
    std::int64_t until_ns = 0;
  };
  [[nodiscard]] bool due(const Rule& rule) const;
  [[nodiscard]] bool strikes(Rule& rule);
  [[nodiscard]] bool lasts_now(const Rule& rule) const;
  void strike_message(Rule& rule, WordingFault& wording);
  static void mix(MessageFate& fate, const Fault& fault);
  void happen(const Fault& fault);
  void look_at_clock();

  std::vector<Rule> rules_;
  std::vector<Fault> struck_, due_, changes_;
  MessageFate message_;
  std::string stream_;
  UtcNs now_;
  UtcNs origin_;
  bool begun_ = false;
};

}  // namespace ringside::exchange
