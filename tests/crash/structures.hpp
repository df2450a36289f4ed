// The structures of the crash matrix, each as two sides that can live in any two processes. What is
// written can be told whole from torn by whoever reads it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ipc/segment.hpp"

namespace ringside::crash {

inline constexpr ipc::LivenessBounds probe_always{0, 1'000};

// Throws std::system_error if the name is taken.
class Writing {
 public:
  virtual ~Writing() = default;
  virtual void step() = 0;  // never waits
};

class Reading {
 public:
  virtual ~Reading() = default;
  // Everything that is there now, and no more than some thousand looks. Counts in good and bad.
  virtual void poll() = 0;
  // Whether a value would be given out as good at that moment, after a look at the writer.
  [[nodiscard]] virtual bool gives_good(Ticks now) = 0;
  [[nodiscard]] ipc::Liveness liveness(Ticks now) const {
    return segment_.liveness(now, probe_always);
  }
  // Until the first beat of its heart the lock alone says that a writer lives.
  [[nodiscard]] bool has_beaten() const {
    return segment_.header().heartbeat.load(std::memory_order_relaxed) != 0;
  }

  std::uint64_t good = 0;
  std::string bad;  // what was forbidden and seen

 protected:
  void forbid(bool condition, const char* what) {
    if (condition && bad.empty()) bad = what;
  }
  ipc::Segment segment_;
};

struct Structure {
  std::string name;
  std::function<std::unique_ptr<Writing>()> write;
  std::function<std::unique_ptr<Reading>()> read;  // null: not there, or its writer is dead
};

std::vector<Structure> structures();

}  // namespace ringside::crash
