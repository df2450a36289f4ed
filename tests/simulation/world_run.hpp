// The run of world.hpp, from the inside: our processes and time are in world.cpp, what must hold is
// in world_rules.cpp.
//
// Threads: one. Bounded by: the plan. Fails by: Outcome::failure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/bookless.hpp"
#include "tests/simulation/collector_side.hpp"
#include "tests/simulation/exchange_side.hpp"
#include "tests/simulation/lives.hpp"
#include "tests/simulation/worker_side.hpp"
#include "tests/simulation/world.hpp"

namespace ringside::simulation {

[[nodiscard]] collector::VenueConfig venue_of(const Plan& plan);

class World {
 public:
  World(const Plan& plan, Trace& trace)
      : plan_(plan),
        trace_(trace),
        venue_(venue_of(plan)),
        random_(plan.seed ^ 0xda942042e4dd58b5U),
        live_(plan.symbols.size(), false),
        lives_(plan),
        bookless_(plan.symbols.size()),
        exchange_({plan, now_ns_, trace, live_, [this](ListingIndex listing) {
                     return collector_ && collector_->joined(listing);
                   }}) {}

  Outcome run();

 private:
  void start_collector();
  void start_worker();
  void begin(const Fault& fault);
  void begin(const Change& change);
  void act();
  void collector_turn();
  void worker_turn();
  void look_after_each_other();
  [[nodiscard]] std::int64_t next_ns() const;
  void step();
  void look();
  void compare(std::uint32_t index, const ipc::BookView& view);
  void expect_newest(std::uint32_t index);
  void expect_heard(std::uint32_t index);
  void note_state(std::uint32_t index, bool found, bool live);
  [[nodiscard]] static std::optional<std::uint64_t> hash_of(const ipc::BookView& view);
  [[nodiscard]] State expected(ListingIndex listing) const;
  [[nodiscard]] bool is_as_expected(ListingIndex listing);
  [[nodiscard]] bool news_are_right(ListingIndex listing) const;
  [[nodiscard]] bool must_be_told(ListingIndex listing) const;
  [[nodiscard]] bool all_as_expected();
  [[nodiscard]] bool all_live() const;
  [[nodiscard]] bool bring_all_back();
  [[nodiscard]] std::string states();
  bool settle();
  bool expect_current();
  void expect_no_false_alarm();
  void expect_connections_counted();
  void expect_others_left_alone();
  void fail(std::uint32_t index, const ipc::BookView& view, std::string_view why);
  [[nodiscard]] std::int64_t at_world(std::int64_t local_ns) const {
    return local_ns == never_ns ? never_ns : local_ns - step_ns_;
  }

  const Plan& plan_;
  Trace& trace_;
  collector::VenueConfig venue_;
  Random random_;
  std::int64_t now_ns_ = second;  // the exchange's
  std::int64_t step_ns_ = 0;      // how far our processes' clocks have jumped ahead
  std::int64_t local_ns_ = second;
  std::vector<bool> live_;
  Lives lives_;
  Bookless bookless_;
  ExchangeSide exchange_;
  collector::Notices notices_;
  std::unique_ptr<CollectorSide> collector_;
  std::unique_ptr<WorkerSide> worker_;
  std::shared_ptr<ipc::Segment> ring_;  // the newest collector's
  bool ring_is_old_ = false;            // it was there before the worker
  std::uint32_t generation_ = 0;
  std::size_t next_fault_ = 0;
  std::size_t next_change_ = 0;
  bool look_anew_ = false;  // something has changed that is none of the worker's doing
  std::int64_t tick_ns_ = 0;
  std::int64_t next_tick_ns_ = 0;
  std::int64_t next_look_ns_ = 0;
  std::int64_t collector_busy_until_ = 0;  // hangs
  std::int64_t worker_busy_until_ = 0;
  std::int64_t requests_from_ns_ = 0;
  std::int64_t collector_starts_ns_ = 0;  // where there is none
  std::int64_t worker_starts_ns_ = 0;
  std::int64_t collector_gone_ns_ = never_ns;
  std::int64_t collector_beat_ns_ = 0;
  bool collector_known_alive_ = false;
  bool worker_worked_ = false;
  ipc::BookView view_;
  struct Compared {  // an entry that was not written since need not be looked at again
    std::uint32_t epoch = 0;
    std::uint64_t updates = 0;
    Ticks publish;
    friend bool operator==(const Compared&, const Compared&) = default;
  };
  std::vector<Compared> compared_{plan_.symbols.size()};
  std::vector<BookTruth::Book> published_{plan_.symbols.size()};  // valid while live
  std::vector<std::int64_t> unsent_since_ns_ =  // live, and the exchange sends it to nobody
      std::vector<std::int64_t>(plan_.symbols.size(), never_ns);
  std::vector<std::uint32_t> lost_{std::vector<std::uint32_t>(plan_.symbols.size())};  // from live
  bool caught_up_ = false;  // the worker has taken all that the collector wrote
  Outcome outcome_;
};

}  // namespace ringside::simulation
