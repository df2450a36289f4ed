// The test itself as a consumer of a LiveSystem: it reads books within microseconds, keeps what
// every instrument's state has been, and measures how long something takes.
//
// Threads: one. Sets RINGSIDE_SHM_ROOT of this process to the system's.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/live_system.hpp"
#include "tools/ringside/book_tables.hpp"
#include "tools/ringside/consumer.hpp"
#include "tools/ringside/deployment_stat.hpp"

namespace ringside::e2e {

using Clock = std::chrono::steady_clock;

// Says a measured time on stdout and in the test's report. Never a verdict: the machine is shared.
void measured(const std::string& what, double ms);

// A state that a worker announced.
struct Announced {
  State state;
  Cause cause;
  std::uint32_t epoch;
};

class Watcher {
 public:
  explicit Watcher(LiveSystem& system);

  struct Seen {
    ipc::ReadStatus status = ipc::ReadStatus::Empty;
    ipc::BookView view;  // if status is Ok

    [[nodiscard]] bool is(State state) const {
      return status == ipc::ReadStatus::Ok && view.state == state;
    }
    [[nodiscard]] bool is(State state, Cause cause) const {
      return is(state) && view.cause == cause;
    }
  };
  Seen read(const std::string& symbol);
  [[nodiscard]] bool all(const std::vector<std::string>& symbols, State state);
  std::map<std::string, std::uint32_t> epochs(const std::vector<std::string>& symbols);

  // Turns until `what` holds, following the rings meanwhile; how long it took, in ms. Nothing: it
  // did not within `deadline`; that is said as a failure, with the state of the deployment.
  std::optional<double> until(const std::string& description, const std::function<bool()>& what,
                              milliseconds deadline = milliseconds(60'000));
  // Reads what the rings have.
  void follow();
  // Turns for so long.
  void look_on(milliseconds duration, const std::function<void()>& each = {});

  // Since the last forget(). Of one that said nothing: empty.
  [[nodiscard]] const std::vector<Announced>& history(const std::string& symbol) {
    return history_[symbol];
  }
  [[nodiscard]] bool announced(const std::string& symbol, State state, Cause cause);
  void forget() { history_.clear(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }  // times this reader was lapped
  [[nodiscard]] std::uint64_t gone() const { return gone_; }  // times a writer was seen to be gone
  [[nodiscard]] tools::Consumer& consumer() { return consumer_; }

  [[nodiscard]] tools::RingStat ring(const std::string& name) const;
  // Of the whole deployment, by "owner.name".
  [[nodiscard]] std::map<std::string, std::uint64_t> counters() const;
  // All of that name, summed: of threads, and of their venues.
  [[nodiscard]] std::uint64_t counter(const std::string& name) const;
  // A counter reaches the telemetry some milliseconds after the fact.
  [[nodiscard]] bool counter_becomes(const std::string& name,
                                     const std::function<bool(std::uint64_t)>& what);
  [[nodiscard]] std::vector<std::string> fall_backs() const;

 private:
  [[nodiscard]] const tools::InstrumentInfo* find(const std::string& symbol);

  tools::CatalogueIndex catalogues_;
  tools::BookTables tables_;
  tools::Consumer consumer_;
  std::map<std::string, std::vector<Announced>> history_;
  std::uint64_t lost_ = 0;
  std::uint64_t gone_ = 0;
  Clock::time_point refreshed_{};
};

}  // namespace ringside::e2e
