// What the tests of failures share: systems, the question whether an old value was given out as
// good, and the stops of processes that exist in a short and a long form.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/e2e/watcher.hpp"

namespace ringside::e2e {

constexpr milliseconds noticed_within{10'000};  // the contract: 10 ms, or 1 s of silence

// `symbols`: what follows "kraken:" in the exchange's specification. `keys`: of the venue's table.
SystemOptions kraken(const std::string& symbols, const std::vector<std::string>& instruments,
                     const std::string& keys = {});
VenueOptions more_kraken(const std::string& symbols, const std::string& instrument,
                         const std::string& keys);

// Reads of books that move all the time. Its end says whether an old value was among them.
class OldValues {
 public:
  OldValues(Watcher& watcher, std::vector<std::string> symbols)
      : watcher_(watcher), symbols_(std::move(symbols)) {}
  OldValues(const OldValues&) = delete;
  OldValues& operator=(const OldValues&) = delete;
  ~OldValues();

  // No read answers with what was received before this moment, as live.
  void expect_none_before(Ticks moment);
  // The writer is known not to be good: nothing is.
  void expect_none();

 private:
  Watcher& watcher_;
  std::vector<std::string> symbols_;
  std::uint64_t reads_ = 0;
  std::uint64_t old_ = 0;
};

// All live, and of later epochs than these.
bool newer(Watcher& watcher, const std::map<std::string, std::uint32_t>& epochs);

// Counters of collector and worker that count no ordinary message: nobody else's fate moves them.
std::map<std::string, std::uint64_t> what_must_not_move(Watcher& watcher);
// "counter: then, now" of each that did.
std::vector<std::string> moved_since(const std::map<std::string, std::uint64_t>& before,
                                     Watcher& watcher);

// w0 has the busy instruments of `options` and one that has fallen silent, w1 has another; w0 is
// stopped until its ring is full and for so long.
void a_stopped_worker_costs_its_own_instruments_only(milliseconds stopped_for, unsigned ring_slots,
                                                     SystemOptions options,
                                                     const std::vector<std::string>& busy);
void a_stopped_consumer_changes_nothing(milliseconds stopped_for);

}  // namespace ringside::e2e
