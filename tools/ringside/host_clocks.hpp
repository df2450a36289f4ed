// UTC for the ticks in records: each collector says in its telemetry segment how its ticks map to
// UTC. Where it does not (yet), this host's own clocks do: ticks mean the same in every process.
//
// Threads: one. Fails by: nothing; see above.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "ipc/clock.hpp"
#include "ipc/segment.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::tools {

class HostClocks {
 public:
  explicit HostClocks(std::string instance) : instance_(std::move(instance)) {}

  // Of a time that `collector` stamped; empty: unknown whose.
  [[nodiscard]] UtcNs utc_of(const std::string& collector, Ticks ticks);

 private:
  struct Page {
    std::unique_ptr<ipc::Segment> segment;  // stays where it is
    std::unique_ptr<ipc::TelemetryReader> reader;
    ipc::ClockReading reading;
    bool valid = false;
    Ticks refresh_at;
  };
  void refresh(const std::string& collector, Page& page, Ticks now);

  std::string instance_;
  std::map<std::string, Page> pages_;
};

}  // namespace ringside::tools
