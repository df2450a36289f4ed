// One collector of a running deployment, as its telemetry says it: whether it lives, and how much
// of its journal of changes it has carried out.
//
// Threads: one. Bounded by: the seconds that a caller waits. Fails by: CommandError, false.
#pragma once

#include <cstdint>
#include <string>

#include "ipc/clock.hpp"
#include "ipc/segment.hpp"

namespace ringside::tools {

class RunningCollector {
 public:
  // Throws CommandError: it does not run.
  RunningCollector(std::string instance, std::string name);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool lives() const;
  // The sequence up to which changes are carried out, or refused.
  [[nodiscard]] std::uint64_t changes_done() const;
  // False: not within so long, or it ended.
  [[nodiscard]] bool wait_for(std::uint64_t sequence, unsigned seconds) const;

 private:
  std::string instance_;
  std::string name_;
  ipc::TickRate rate_;
  ipc::Segment segment_;
};

// Between looks at what somebody else is to do.
void wait_a_moment();

// On stderr; returns the exit status.
int say_unanswered(const std::string& collector, const std::string& journal, std::uint64_t sequence,
                   unsigned seconds);

}  // namespace ringside::tools
