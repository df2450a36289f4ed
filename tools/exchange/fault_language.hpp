// The language of faults: what the exchange is asked to do wrong, where, and when. README.md has
// the table of kinds with examples. Here: the words, and back to words; what they do is in
// faults.hpp.
//
//   faults := fault { "," fault }
//   fault  := KIND [ "=" VALUE ] [ ":" AIM ] [ "@" WHEN ] [ "x" TIMES ] [ "~" DURATION ]
//           | "random:" K                 K faults drawn from the seed (fault_draw.hpp)
//   AIM    := SYMBOL [ "#" CHANNEL ]      its book, or that channel of it
//           | "#" CHANNEL                 of every symbol
//           | "connection#" K             the Kth that was opened
//   CHANNEL:= "book" | "trade" | "bbo" | "any" | "rest"
//   WHEN   := N                           the Nth of what it is aimed at, from 1
//           | "+" DURATION                behind the first subscription
//   DURATION := digits ( "ms" | "s" | "m" | "h" )
//
// Invariant: parse_faults(text_of(faults)) == faults.
// Threads: any; plain functions. Bounded by: faults_max. Fails by: std::invalid_argument, one line
// that names the fault, the value and what is allowed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::exchange {

inline constexpr std::size_t faults_max = 1'000;
inline constexpr std::uint64_t fault_count_max = 1'000'000'000;
inline constexpr std::uint32_t fault_times_max = 1'000'000;
inline constexpr std::int64_t fault_duration_ns_max = 7 * 24 * 3'600'000'000'000;
inline constexpr std::uint32_t fault_draws_max = 100;

enum class FaultKind : std::uint8_t {
  // Of messages
  Drop,
  Duplicate,
  Reorder,
  Corrupt,
  Delay,
  Mute,
  // Of connections
  Stall,
  Reset,
  Close,
  HalfClose,
  Life,
  Shutdown,
  Restart,
  // Of answers
  Refuse,
  TooMany,  // 429
  StaleSnapshot,
  WrongSnapshot,
  // Of the instrument itself
  ChecksumZero,
  Rename,
  Precision,
  // Of its listing
  List,
  Delist,
  Halt,
  Increments,
  // Until it is drawn
  Random,
};
inline constexpr unsigned fault_kinds = static_cast<unsigned>(FaultKind::Random);

enum class FaultChannel : std::uint8_t { Unsaid, Book, Trade, Bbo, Any, Rest };

enum class FaultPart : std::uint8_t { Quantity, Price, Check };  // of a damaged message

struct FaultAim {
  std::string symbol;  // empty: every one
  FaultChannel channel = FaultChannel::Unsaid;
  std::uint32_t connection = 0;  // 0: every one

  friend bool operator==(const FaultAim&, const FaultAim&) = default;
};

struct Fault {
  FaultKind kind = FaultKind::Drop;
  FaultAim aim;
  std::uint64_t at_count = 0;  // 0: by time
  std::int64_t at_ns = 0;
  std::uint32_t times = 1;
  std::int64_t lasts_ns = 0;  // 0: not said
  // Its value, by kind
  FaultPart part = FaultPart::Quantity;  // Corrupt
  std::uint32_t number = 0;     // Close: the code, 0: none; TooMany: seconds; Random: how many
  std::int64_t value_ns = 0;    // Delay, Life
  std::uint8_t price_more = 0;  // Precision: decimals; Increments: units of the last one
  std::uint8_t quantity_more = 0;
  std::string name;  // Rename

  friend bool operator==(const Fault&, const Fault&) = default;
};

[[nodiscard]] std::vector<Fault> parse_faults(std::string_view text);
[[nodiscard]] std::string text_of(const Fault& fault);
[[nodiscard]] std::string text_of(std::span<const Fault> faults);
[[nodiscard]] std::string_view name_of(FaultKind kind);

// Whose messages it counts and strikes: of a connection, or of all, each frame; else each message,
// however many connections hear it.
[[nodiscard]] bool counts_frames(const FaultAim& aim);
[[nodiscard]] bool is_of_messages(FaultKind kind);
[[nodiscard]] bool is_of_connections(FaultKind kind);

}  // namespace ringside::exchange
