#include "tests/simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "orderbook/ring_drain.hpp"
#include "tests/simulation/collector_side.hpp"
#include "tests/simulation/exchange_side.hpp"
#include "tests/simulation/worker_side.hpp"

namespace ringside::simulation {
namespace {

// As a worker thread and a collector thread notice each other.
constexpr std::int64_t death_noticed_ns = 8 * ms;
constexpr std::int64_t hang_noticed_ns = second;
constexpr std::int64_t look_ns = 10 * ms;
// While nothing is left to happen but that a backoff ends, time goes in longer strides.
constexpr std::int64_t patient_after_ns = 4 * second;
constexpr std::int64_t patient_tick_ns = 100 * ms;
constexpr std::uint32_t settle_rate = 20;
constexpr std::uint32_t patient_rate = 3;
constexpr std::size_t settled_messages = 4;  // of each book, since the faults ended
constexpr std::int64_t flush_ns = 700 * ms;  // the exchange's batches, and the way
constexpr int ends_max = 4;
constexpr std::uint64_t steps_max = 20'000'000;

collector::VenueConfig venue_of(const Plan& plan) {
  collector::VenueConfig venue;
  venue.name = plan.venue;
  venue.websocket = plan.venue == "kraken" ? "ws://exchange/v2" : "ws://exchange/";
  if (!is_kraken(plan.venue)) venue.rest = "http://exchange";
  venue.instruments = plan.symbols;
  venue.channels = {plan.trades, true, plan.bbos};
  venue.depth = is_kraken(plan.venue) ? kraken_depth : 0;
  if (plan.venue == "binance-usdm" && plan.single_layout) venue.layout = "single";
  venue.instruments_per_connection = plan.sharded ? 1 : 0;
  venue.no_data_ms = 10'000;
  return venue;
}

// What a reader's mantissas are in the exchange's own decimals. False: they do not fit.
bool rescale(std::int64_t& mantissa, int exponent, unsigned decimals) {
  int finer = -exponent - static_cast<int>(decimals);
  for (; finer > 0; --finer) {
    if (mantissa % 10 != 0) return false;
    mantissa /= 10;
  }
  for (; finer < 0; ++finer) mantissa *= 10;
  return true;
}

class World {
 public:
  World(const Plan& plan, Trace& trace)
      : plan_(plan),
        trace_(trace),
        venue_(venue_of(plan)),
        random_(plan.seed ^ 0xda942042e4dd58b5U),
        live_(plan.symbols.size(), false),
        exchange_({plan, now_ns_, trace, live_, [this](ListingIndex listing) {
                     return collector_ && collector_->joined(listing);
                   }}) {}

  Outcome run();

 private:
  void start_collector();
  void start_worker();
  void begin(const Fault& fault);
  void act();
  void collector_turn();
  void worker_turn();
  void look_after_each_other();
  [[nodiscard]] std::int64_t next_ns() const;
  void step();
  void look();
  void compare(std::uint32_t index, const ipc::BookView& view);
  void expect_newest(std::uint32_t index);
  [[nodiscard]] std::optional<std::uint64_t> hash_of(std::uint32_t index,
                                                     const ipc::BookView& view) const;
  [[nodiscard]] bool all_live() const;
  [[nodiscard]] std::string states();
  bool settle();
  bool expect_current();
  void expect_no_false_alarm();
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
  ExchangeSide exchange_;
  collector::Notices notices_;
  std::unique_ptr<CollectorSide> collector_;
  std::unique_ptr<WorkerSide> worker_;
  std::shared_ptr<ipc::Segment> ring_;  // the newest collector's
  bool ring_is_old_ = false;            // it was there before the worker
  std::uint32_t generation_ = 0;
  std::size_t next_fault_ = 0;
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
  bool caught_up_ = false;  // the worker has taken all that the collector wrote
  Outcome outcome_;
};

// --- Our processes ------------------------------------------------------------------------------

void World::start_collector() {
  ++generation_;
  exchange_.forget_heard();
  collector_ = std::make_unique<CollectorSide>(
      CollectorSide::Options{plan_, venue_, local_ns_, generation_, exchange_, notices_});
  ring_ = collector_->ring();
  ring_is_old_ = false;
  collector_gone_ns_ = never_ns;
  collector_beat_ns_ = now_ns_;
  if (worker_) collector_->meet(worker_->cursor_segment());
  trace_.note(now_ns_, generation_, [] { return std::string("collector starts"); });
}

void World::start_worker() {
  worker_ =
      std::make_unique<WorkerSide>(static_cast<std::uint32_t>(plan_.symbols.size()), local_ns_);
  ring_is_old_ = true;
  collector_known_alive_ = false;
  if (collector_) collector_->meet(worker_->cursor_segment());
  trace_.note(now_ns_, 1, [] { return std::string("worker starts"); });
}

void World::begin(const Fault& fault) {
  trace_.note(now_ns_, static_cast<std::uint64_t>(fault.kind), [&] {
    return fmt::format("! {} of {} x{} for {} ms", name_of(fault.kind),
                       fault.listing == no_listing ? "any" : plan_.symbols[fault.listing],
                       fault.count, fault.duration_ns / ms);
  });
  const auto until = now_ns_ + fault.duration_ns;
  if (fault.kind >= FaultKind::WorkerHang) exchange_.count_strike(fault.kind);
  switch (fault.kind) {
    case FaultKind::WorkerHang:
      worker_busy_until_ = until;
      return;
    case FaultKind::CollectorHang:
      collector_busy_until_ = until;
      return;
    case FaultKind::WorkerRestart:
      worker_.reset();
      worker_starts_ns_ = until;
      return;
    case FaultKind::CollectorRestart:
      collector_.reset();
      collector_gone_ns_ = std::min(collector_gone_ns_, now_ns_);
      collector_starts_ns_ = until;
      return;
    case FaultKind::ControlFull:
      requests_from_ns_ = until;
      if (worker_) worker_->fill_control_ring();
      return;
    case FaultKind::ClockStep:
      step_ns_ += fault.duration_ns;
      local_ns_ = now_ns_ + step_ns_;
      return;
    default:
      return exchange_.begin_fault(fault);
  }
}

// Death and birth, as each side notices it of the other.
void World::look_after_each_other() {
  if (!worker_ || worker_busy_until_ > now_ns_) return;
  if (ring_ && worker_->ring() != ring_.get()) {
    if (collector_gone_ns_ != never_ns) return;  // nobody's: not attached
    worker_->attach(ring_, !ring_is_old_);
    collector_known_alive_ = true;
    return;
  }
  if (!ring_) return;
  const bool gone =
      collector_gone_ns_ != never_ns && now_ns_ - collector_gone_ns_ >= death_noticed_ns;
  const bool alive = !gone && now_ns_ - collector_beat_ns_ < hang_noticed_ns;
  if (alive == collector_known_alive_) return;
  collector_known_alive_ = alive;
  worker_->collector_alive(alive);
  trace_.note(now_ns_, alive ? 1 : 0, [&] {
    return std::string(alive ? "collector is back" : "collector is taken for dead");
  });
}

void World::collector_turn() {
  if (!collector_ || collector_busy_until_ > now_ns_) return;
  collector_->round();
  if (exchange_.handed_over()) caught_up_ = false;
  if (now_ns_ < next_tick_ns_) return;
  collector_->looks_at_requests = requests_from_ns_ <= now_ns_;
  collector_->tick();
  collector_beat_ns_ = now_ns_;
}

void World::worker_turn() {
  if (!worker_ || worker_busy_until_ > now_ns_) return;
  const bool ticks = now_ns_ >= next_tick_ns_;
  if (!ticks && random_.percent(plan_.lazy_percent)) return;
  const auto drained = worker_->drain();
  worker_worked_ = drained > 0 || worker_worked_;
  caught_up_ = drained < orderbook::drain_records_max && worker_->ring() == ring_.get();
  if (!ticks) return;
  worker_->tick();
  worker_worked_ = true;
}

// --- Time ---------------------------------------------------------------------------------------

std::int64_t World::next_ns() const {
  auto next = std::min(exchange_.next_ns(), next_tick_ns_);
  if (collector_) {
    const auto due = std::min(exchange_.next_arrival_ns(), at_world(collector_->next_timer_ns()));
    next = std::min(next, std::max(due, collector_busy_until_));
  }
  if (next_fault_ < plan_.faults.size()) {
    next = std::min(next, second + plan_.faults[next_fault_].at_ns);
  }
  if (!collector_) next = std::min(next, collector_starts_ns_);
  if (!worker_) next = std::min(next, worker_starts_ns_);
  return std::max(next, now_ns_ + 1);
}

void World::act() {
  while (next_fault_ < plan_.faults.size() && second + plan_.faults[next_fault_].at_ns <= now_ns_) {
    begin(plan_.faults[next_fault_++]);
  }
  if (!worker_ && worker_starts_ns_ <= now_ns_ && plan_.worker_first) start_worker();
  if (!collector_ && collector_starts_ns_ <= now_ns_) start_collector();
  if (!worker_ && worker_starts_ns_ <= now_ns_) start_worker();
  exchange_.advance();
  const bool worker_before = random_.percent(20);
  if (worker_before) worker_turn();
  collector_turn();
  if (!worker_before) worker_turn();
  if (now_ns_ >= next_look_ns_) {
    look_after_each_other();
    next_look_ns_ = now_ns_ + look_ns;
  }
  if (now_ns_ >= next_tick_ns_) next_tick_ns_ = now_ns_ + tick_ns_;
}

void World::step() {
  now_ns_ = next_ns();
  local_ns_ = now_ns_ + step_ns_;
  ++outcome_.steps;
  worker_worked_ = false;
  act();
  look();
}

// --- What must hold -----------------------------------------------------------------------------

void World::look() {
  for (std::uint32_t i = 0; i < live_.size(); ++i) {
    // A reader that looks when the worker did nothing sees what it saw before, or that it is stale.
    if (worker_ && !worker_worked_ && live_[i] && worker_busy_until_ <= now_ns_) continue;
    const bool found = worker_ && worker_->read(i, view_) == ipc::ReadStatus::Ok;
    const bool live = found && view_.state == State::Live;
    if (live != live_[i]) {
      live_[i] = live;
      compared_[i] = {};
      if (!live) ++outcome_.losses;
      if (found && view_.state == State::Stale) ++outcome_.went_stale[i];
      trace_.note(now_ns_, i * 2 + (live ? 1 : 0), [&] {
        return fmt::format("* {} is {} {}", plan_.symbols[i],
                           found ? name_of(view_.state) : "unreadable",
                           found ? name_of(view_.cause) : "");
      });
    }
    if (live && !(compared_[i] == Compared{view_.epoch, view_.updates, view_.publish})) {
      compare(i, view_);
      compared_[i] = {view_.epoch, view_.updates, view_.publish};
    }
    if (live && caught_up_) expect_newest(i);
    if (!outcome_.failure.empty()) return;
  }
}

// Collector and worker have seen all that has arrived: a live book is the newest of it.
void World::expect_newest(std::uint32_t index) {
  const auto& brought = exchange_.brought(index);
  const auto& published = published_[index];
  if (published.number >= brought.number || published.hash == brought.hash) return;
  fail(index, view_, "is live and not what the newest message led to");
}

std::optional<std::uint64_t> World::hash_of(std::uint32_t index, const ipc::BookView& view) const {
  const auto& decimals = exchange_.market()[index].decimals;
  std::array<Level, ipc::book_levels_max> levels;
  BookHash hash;
  const auto add = [&](const auto& side, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      levels[i] = side[i];
      if (!rescale(levels[i].price.mantissa, view.terms.price_exponent.power_of_ten,
                   decimals.price) ||
          !rescale(levels[i].quantity.mantissa, view.terms.quantity_exponent.power_of_ten,
                   decimals.quantity)) {
        return false;
      }
    }
    hash.side(std::span<const Level>(levels).first(count));
    return true;
  };
  if (!add(view.bids, view.bid_count) || !add(view.asks, view.ask_count)) return std::nullopt;
  return hash.value();
}

void World::compare(std::uint32_t index, const ipc::BookView& view) {
  ++outcome_.looks;
  const auto& truth = exchange_.truth();
  const auto meant = view.exchange.value != 0 ? truth.at_time(index, view.exchange)
                                              : truth.at_id(index, worker_->sequence(index, view));
  const auto hash = hash_of(index, view);
  if (!meant) return fail(index, view, "is live at a message that the exchange never sent");
  if (!hash || *hash != meant->hash)
    return fail(index, view, "is live and not the exchange's book");
  published_[index] = *meant;
  trace_.note(now_ns_, *hash, [&] {
    return fmt::format("= {} epoch {:x} updates {}", plan_.symbols[index], view.epoch,
                       view.updates);
  });
}

void World::fail(std::uint32_t index, const ipc::BookView& view, std::string_view why) {
  outcome_.failure =
      fmt::format("{} {} (at {:.6f} s, epoch {:x}, time {}, sequence {})", plan_.symbols[index],
                  why, static_cast<double>(now_ns_) / 1e9, view.epoch, view.exchange.value,
                  worker_ ? worker_->sequence(index, view) : 0);
}

bool World::all_live() const {
  return std::all_of(live_.begin(), live_.end(), [](bool live) { return live; });
}

std::string World::states() {
  std::string text;
  for (std::uint32_t i = 0; i < live_.size(); ++i) {
    const auto status = worker_ ? worker_->read(i, view_) : ipc::ReadStatus::WriterGone;
    text += fmt::format(" {} {}", plan_.symbols[i], ipc::name_of(status));
    if (status != ipc::ReadStatus::Ok) continue;
    text += fmt::format(" {} {}", name_of(view_.state), name_of(view_.cause));
  }
  return text;
}

// The faults are over: until every book is live, and has been through some messages.
bool World::settle() {
  exchange_.end_faults();
  exchange_.move_market(settle_rate);
  const auto began = now_ns_;
  collector_busy_until_ = worker_busy_until_ = requests_from_ns_ = now_ns_;
  const auto clear_ns = exchange_.last_arrival_ns();
  while (outcome_.failure.empty() && now_ns_ <= clear_ns) step();
  std::vector<std::size_t> told;
  for (std::uint32_t i = 0; i < live_.size(); ++i) told.push_back(exchange_.truth().told(i));
  const auto heard = [&] {
    for (std::uint32_t i = 0; i < live_.size(); ++i) {
      if (exchange_.truth().told(i) - told[i] < settled_messages) return false;
    }
    return true;
  };
  // What was told last must have come through, too, and what became of it.
  auto good_since_ns = never_ns;
  bool patient = false;
  while (outcome_.failure.empty()) {
    const bool good = all_live() && heard() && exchange_.reachable();
    if (!good) good_since_ns = never_ns;
    if (good && good_since_ns == never_ns) good_since_ns = now_ns_;
    if (good && now_ns_ - good_since_ns > 2 * ms + 3 * tick_ns_) break;
    step();
    if (now_ns_ - began > settle_ns_max || outcome_.steps > steps_max) {
      outcome_.failure = fmt::format("not all books are live {} s after the faults ended:{}",
                                     (now_ns_ - began) / second, states());
    }
    if (patient || now_ns_ - began < patient_after_ns) continue;
    patient = true;
    tick_ns_ = std::max(tick_ns_, patient_tick_ns);
    exchange_.move_market(patient_rate);
  }
  outcome_.settle_ns = std::max(outcome_.settle_ns, now_ns_ - began);
  return outcome_.failure.empty();
}

// The market stands still: what is published is what the exchange has. False: a book left live
// meanwhile, as one on a connection of its own does when its market was quiet for long.
bool World::expect_current() {
  exchange_.stop_market();
  const auto until = now_ns_ + flush_ns;
  while (outcome_.failure.empty() && now_ns_ < until) step();
  if (!outcome_.failure.empty()) return true;
  if (!all_live()) return false;
  const auto depth = is_kraken(plan_.venue) ? std::size_t{kraken_depth} : exchange::depth_all;
  for (std::uint32_t i = 0; i < live_.size(); ++i) {
    if (worker_->read(i, view_) != ipc::ReadStatus::Ok) return false;
    const auto current = BookTruth::hash_of(exchange_.market()[i].book, depth);
    if (hash_of(i, view_) == current) continue;
    fail(i, view_, "is live and behind the exchange's book");
  }
  return true;
}

// Where no frame was lost, changed or moved, no checksum may fail.
void World::expect_no_false_alarm() {
  constexpr std::array of_frames{FaultKind::Drop,    FaultKind::Duplicate, FaultKind::Reorder,
                                 FaultKind::Corrupt, FaultKind::Mute,      FaultKind::OracleZero};
  const bool damaged =
      std::any_of(plan_.faults.begin(), plan_.faults.end(), [&](const Fault& fault) {
        return std::find(of_frames.begin(), of_frames.end(), fault.kind) != of_frames.end();
      });
  if (damaged || !worker_ || !outcome_.failure.empty()) return;
  const auto failed = worker_->worker().counters().checksum_failed;
  if (failed == 0) return;
  outcome_.failure = fmt::format("{} checksums failed, though no frame was damaged", failed);
}

Outcome World::run() {
  tick_ns_ = plan_.tick_ns;
  outcome_.went_stale.resize(live_.size());
  const auto until = second + plan_.faulty_ns;
  while (outcome_.failure.empty() && now_ns_ < until) step();
  for (int tries = 1; outcome_.failure.empty() && settle(); ++tries) {
    if (expect_current()) break;
    if (tries == ends_max) outcome_.failure = "books do not stay live:" + states();
  }
  expect_no_false_alarm();
  outcome_.hash = trace_.hash();
  outcome_.struck = exchange_.struck();
  if (worker_) outcome_.oracles_distrusted = worker_->worker().counters().oracles_distrusted;
  return std::move(outcome_);
}

}  // namespace

Outcome run_world(const Plan& plan, bool in_words) {
  Trace trace(in_words);
  auto outcome = World(plan, trace).run();
  outcome.trace = trace.lines();
  return outcome;
}

std::string describe(const Plan& plan) {
  auto text = fmt::format(
      "{} seed {}: {} symbols, ring {}, tick {} ms, {} events/s{}{}{}; faults:", plan.venue,
      plan.seed, plan.symbols.size(), plan.ring_slots, plan.tick_ns / ms, plan.rate,
      plan.trades ? ", trades" : "", plan.bbos ? ", bbos" : "", plan.sharded ? ", sharded" : "");
  for (const auto& fault : plan.faults) {
    text += fmt::format(" {}@{}", name_of(fault.kind), fault.at_ns / ms);
  }
  return text;
}

}  // namespace ringside::simulation
