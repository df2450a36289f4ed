// What each fault of the exchange's language must come to, venue by venue: the state and cause that
// the instrument shows, the counters that name it; or why the venue's protocol gives no way to see
// it, and then nothing may be shown.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ringside/state.hpp"
#include "tools/exchange/fault_language.hpp"

namespace ringside::e2e {

struct Outcome {
  State state;
  Cause cause;
};

struct FaultRow {
  exchange::FaultKind kind;
  std::string name;                    // of the row
  std::string faults;                  // '$' for the symbol; empty: not injected, see `unseen`
  std::vector<Outcome> seen{};         // in this order, others in between; then live again
  std::vector<Outcome> or_seen{};      // if not empty: this will do as well
  std::vector<std::string> counted{};  // of its venue table, else of the worker; "a|b": one of them
  bool of_connection = false;          // costs the connection, not one instrument of it
  std::string unseen{};                // why nothing is seen
};

// For instruments that each have a connection of their own, or share one with a bystander. At least
// one row for each kind but those of whole_exchange_rows().
[[nodiscard]] std::vector<FaultRow> fault_rows(const std::string& venue);

// What hits every connection: an exchange of its own for each.
[[nodiscard]] std::vector<FaultRow> whole_exchange_rows(const std::string& venue);

}  // namespace ringside::e2e
