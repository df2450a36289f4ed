// One exchange with all the faults of some rows (fault_rows.hpp), a collector and a worker, all
// real processes over TLS; and a consumer that has seen every state since the beginning.
//
// Each row has an instrument and a [[venue]] table, so a connection and counters of its own; where
// the fault is one instrument's, a bystander shares the connection with it.
//
// Threads: one. Sets RINGSIDE_SHM_ROOT of this process. Bounded by: the deadlines given. Fails by:
// gtest failures.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/fault_rows.hpp"
#include "tests/e2e/live_view.hpp"
#include "tools/ringside/consumer.hpp"

namespace ringside::e2e {

inline const std::vector<std::string> faulted_venues{"kraken",     "kraken-v1",    "binance",
                                                     "binance-us", "binance-usdm", "binance-coinm"};
// As a case of theirs may be called.
inline std::string name_of_case(std::string venue) {
  std::replace(venue.begin(), venue.end(), '-', '_');
  return venue;
}

class Faulted {
 public:
  Faulted(const std::string& venue, std::vector<FaultRow> rows);
  ~Faulted();
  Faulted(const Faulted&) = delete;
  Faulted& operator=(const Faulted&) = delete;

  // What each row says is seen, counted and over, within so long.
  void expect_each_row(milliseconds within = settle_deadline);
  // No instrument but those aimed at has shown anything.
  void expect_bystanders_undisturbed();
  // What is published now is what the exchange means, of every instrument. The last: it stops all.
  void expect_true_books();

 private:
  struct Symbols {
    std::string aimed, bystander;  // bystander: may be empty
  };
  struct Status {
    State state;
    Cause cause;
  };
  using Statuses = std::vector<Status>;

  [[nodiscard]] static std::string text_of(const Statuses& history);
  [[nodiscard]] SystemOptions options(const std::string& symbols, const std::string& faults);
  [[nodiscard]] std::string tables(const Endpoints& endpoints) const;
  void follow();
  [[nodiscard]] bool due_to_look();
  void look_at_counters();
  // Of the row's own venue table, else of the worker.
  [[nodiscard]] std::uint64_t count(std::size_t row, const std::string& name) const;
  [[nodiscard]] std::string own_counters(std::size_t row) const;
  [[nodiscard]] std::string not_counted(std::size_t row) const;
  [[nodiscard]] std::string counters_text(std::size_t row) const;
  [[nodiscard]] Statuses after_first_live(const std::string& of);
  // What the row says has been seen, counted, and is over.
  [[nodiscard]] bool over(std::size_t row);

  std::string venue_;
  bool kraken_;
  std::vector<FaultRow> rows_;
  std::vector<Symbols> symbols_;  // of each row
  std::vector<std::string> all_;
  Scratch files_;
  std::optional<LiveSystem> system_;
  std::optional<tools::Consumer> consumer_;
  std::map<std::string, Statuses> history_;
  std::map<std::string, std::uint64_t> counters_;
  std::chrono::steady_clock::time_point looked_{};
};

}  // namespace ringside::e2e
