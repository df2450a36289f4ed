// One run: an exchange, a collector and a worker in one process, on virtual time and virtual
// sockets, and after every step a look at what a reader of the book table sees.
//
//   ExchangeSide --virtual sockets--> VenueSession, Adapter, RecordWriter --ring--> Worker -->
//   table
//
// What must hold after every step: a book that is published as live is the exchange's own book of
// the same message, and once collector and worker have taken in all that has arrived, of the newest
// message that came. When the faults have ended: all books are as they must be within
// settle_ns_max, live if they are wanted and listed, and once the market stands still each equals
// the exchange's. Of instruments that come and go: lives.hpp; of channels: bookless.hpp. All of it,
// and why: DESIGN.md.
//
// Threads: one. Bounded by: the plan; settle_ns_max. Fails by: Outcome::failure, a sentence.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/plan.hpp"

namespace ringside::simulation {

// The longest that anything waits by design is what was refused: five minutes, then a subscription.
inline constexpr std::int64_t settle_ns_max = 420'000'000'000;

struct Outcome {
  std::string failure;  // empty: all held
  std::uint64_t hash = 0;
  std::int64_t settle_ns = 0;  // from the end of the faults until all was live again
  std::uint64_t steps = 0;
  std::uint64_t looks = 0;  // books compared while live
  std::uint64_t changes = 0;
  std::uint64_t losses = 0;                         // times a book was seen to leave live
  std::array<std::uint32_t, fault_kinds> struck{};  // by FaultKind
  std::vector<std::uint32_t> went_stale;            // by instrument
  std::uint64_t oracles_distrusted = 0;             // by the worker that is there at the end
  std::vector<std::string> trace;
};

[[nodiscard]] Outcome run_world(const Plan& plan, bool in_words = false);
// A line about the plan.
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace ringside::simulation
