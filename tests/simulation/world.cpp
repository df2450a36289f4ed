#include "tests/simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "orderbook/ring_drain.hpp"
#include "tests/simulation/world_run.hpp"

namespace ringside::simulation {
namespace {

// As a worker thread and a collector thread notice each other.
constexpr std::int64_t death_noticed_ns = 8 * ms;
constexpr std::int64_t hang_noticed_ns = second;
constexpr std::int64_t look_ns = 10 * ms;

std::string words_of(const Plan& plan, const Change& change) {
  const bool channels = change.what == Change::What::Channels;
  return fmt::format(
      "{}-{}", name_of(change.what),
      channels ? collector::channels_text(change.channels) : plan.symbols[change.listing]);
}

}  // namespace

collector::VenueConfig venue_of(const Plan& plan) {
  collector::VenueConfig venue;
  venue.name = plan.venue;
  venue.websocket = plan.venue == "kraken" ? "ws://exchange/v2" : "ws://exchange/";
  if (!is_kraken(plan.venue)) venue.rest = "http://exchange";
  venue.instruments = plan.symbols;
  venue.channels = plan.channels;
  venue.depth = is_kraken(plan.venue) ? kraken_depth : 0;
  if (plan.venue == "binance-usdm" && plan.single_layout) venue.layout = "single";
  venue.instruments_per_connection = plan.sharded ? 1 : 0;
  venue.no_data_ms = 10'000;
  venue.metadata_ms = plan.metadata_ms;
  return venue;
}

// --- Our processes ------------------------------------------------------------------------------

void World::start_collector() {
  ++generation_;
  caught_up_ = false;
  exchange_.forget_heard();
  collector_ = std::make_unique<CollectorSide>(CollectorSide::Options{
      plan_, venue_, local_ns_, generation_, exchange_, notices_, lives_.all_wanted()});
  ring_ = collector_->ring();
  ring_is_old_ = false;
  collector_gone_ns_ = never_ns;
  collector_beat_ns_ = now_ns_;
  if (worker_) collector_->meet(worker_->cursor_segment());
  trace_.note(now_ns_, generation_, [] { return std::string("collector starts"); });
}

void World::start_worker() {
  caught_up_ = false;
  worker_ = std::make_unique<WorkerSide>(plan_.symbols, local_ns_);
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

// Of the exchange; or said to our processes, now or when they begin.
void World::begin(const Change& change) {
  ++outcome_.changes;
  trace_.note(now_ns_, static_cast<std::uint64_t>(change.what),
              [&] { return fmt::format("! {}", words_of(plan_, change)); });
  if (change.of_the_exchange()) return exchange_.change(change);
  if (change.what == Change::What::Channels) {
    venue_.channels = change.channels;
    if (collector_) collector_->change(change.channels);
    return;
  }
  const bool add = change.what == Change::What::Add;
  if (lives_.wanted(change.listing) == add) return;
  lives_.want(change.listing, add);
  if (collector_) collector_->change(change.listing, add);
}

// Death and birth, as each side notices it of the other.
void World::look_after_each_other() {
  if (!worker_ || worker_busy_until_ > now_ns_) return;
  if (ring_ && worker_->ring() != ring_.get()) {
    if (collector_gone_ns_ != never_ns) return;  // nobody's: not attached
    std::vector<bool> listed;
    for (ListingIndex i = 0; i < live_.size(); ++i) listed.push_back(collector_->lists(i));
    worker_->attach(ring_, !ring_is_old_, listed);
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
  const auto changed = collector_->changed();
  collector_->tick();
  if (collector_->changed() != changed) {
    caught_up_ = false;
    look_anew_ = true;
  }
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
  if (next_change_ < plan_.changes.size()) {
    next = std::min(next, second + plan_.changes[next_change_].at_ns);
  }
  if (!collector_) next = std::min(next, collector_starts_ns_);
  if (!worker_) next = std::min(next, worker_starts_ns_);
  return std::max(next, now_ns_ + 1);
}

void World::act() {
  while (next_fault_ < plan_.faults.size() && second + plan_.faults[next_fault_].at_ns <= now_ns_) {
    begin(plan_.faults[next_fault_++]);
  }
  while (next_change_ < plan_.changes.size() &&
         second + plan_.changes[next_change_].at_ns <= now_ns_) {
    begin(plan_.changes[next_change_++]);
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

Outcome run_world(const Plan& plan, bool in_words) {
  Trace trace(in_words);
  auto outcome = World(plan, trace).run();
  outcome.trace = trace.lines();
  return outcome;
}

std::string describe(const Plan& plan) {
  auto text = fmt::format("{} seed {}: {} symbols, ring {}, tick {} ms, {} events/s{}{}{}; faults:",
                          plan.venue, plan.seed, plan.symbols.size(), plan.ring_slots,
                          plan.tick_ns / ms, plan.rate, plan.channels.trade ? ", trades" : "",
                          plan.channels.bbo ? ", bbos" : "", plan.sharded ? ", sharded" : "");
  for (const auto& fault : plan.faults) {
    text += fmt::format(" {}@{}", name_of(fault.kind), fault.at_ns / ms);
  }
  text += "; changes:";
  for (ListingIndex i = 0; i < plan.symbols.size(); ++i) {
    if (plan.unwanted[i]) text += " unwanted-" + plan.symbols[i];
    if (plan.unlisted[i]) text += " unlisted-" + plan.symbols[i];
  }
  for (const auto& change : plan.changes) {
    text += fmt::format(" {}@{}", words_of(plan, change), change.at_ns / ms);
  }
  return text;
}

}  // namespace ringside::simulation
