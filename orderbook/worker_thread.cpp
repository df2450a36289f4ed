#include "orderbook/worker_thread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ipc/placement.hpp"
#include "orderbook/ring_drain.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ringside::orderbook {
namespace {

void pause_briefly() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

Ticks later(Ticks from, std::uint64_t ticks) { return Ticks{from.value + ticks}; }

}  // namespace

WorkerThread::WorkerThread(Options options)
    : options_(std::move(options)),
      rate_(ipc::TickRate::of_host()),
      events_segment_(create(
          placed(ipc::broadcast_spec(options_.deployment.memory.events_slots), "events", true),
          ipc::fill_broadcast)),
      books_segment_(create(
          placed(ipc::book_table_spec(options_.deployment.memory.instruments_max), "books", true))),
      cursor_segment_(create(placed(ipc::cursor_spec(), "cursor", false))),
      events_(events_segment_),
      books_(books_segment_),
      cursor_(cursor_segment_),
      worker_(worker_options(), events_, books_),
      ring_hop_(&options_.telemetry.histogram(ipc::stage::ring_hop, options_.name)),
      worker_stage_(&options_.telemetry.histogram(ipc::stage::worker, options_.name)),
      bounds_{rate_.ticks(ipc::liveness_probe_after_ns),
              rate_.ticks(ipc::liveness_stale_after_ns)} {
  const ipc::Deployment& deployment = options_.deployment;
  for (const auto& collector : deployment.collectors) {
    catalogues_.emplace_back(deployment.instance, collector.name, options_.name);
    first_sources_.push_back(static_cast<SourceIndex>(rings_.size()));
    for (std::size_t i = 0; i < collector.threads.size(); ++i) {
      rings_.emplace_back(deployment.instance,
                          fmt::format("spsc.{}.{}", collector.thread_name(i), options_.name));
    }
  }
  if (rings_.size() > sources_max) {
    throw std::runtime_error(
        fmt::format("{}: {} collector threads; a worker thread reads at most {}: "
                    "use fewer threads, or several deployments",
                    deployment.file, rings_.size(), sources_max));
  }
  joined_at_head_.resize(rings_.size(), false);
  return_to_.resize(rings_.size(), 0);
  make_counters();
}

int WorkerThread::cpu() const {
  return options_.placement.cpu != ipc::cpu_auto
             ? options_.placement.cpu
             : ipc::auto_cpu(options_.running_index, options_.allowed_cpus);
}

ipc::SegmentSpec WorkerThread::placed(ipc::SegmentSpec spec, const char* kind, bool huge) const {
  const ipc::MemorySpec& memory = options_.deployment.memory;
  spec.instance = options_.deployment.instance;
  spec.name = fmt::format("{}.{}", kind, options_.name);
  if (huge) spec.huge_dir = memory.huge_pages;
  spec.group = memory.group;
  return spec;
}

int WorkerThread::node() const {
  return options_.placement.node != ipc::node_auto ? options_.placement.node
                                                   : ipc::node_of_cpu(cpu());
}

ipc::Segment WorkerThread::create(ipc::SegmentSpec spec, const ipc::SegmentFill& fill) const {
  ipc::Telemetry& telemetry = options_.telemetry;
  const bool lock = options_.deployment.memory.lock;
  bool locked = false;
  spec.before_touch = [&](std::span<std::byte> mapped) {
    if (const auto lost = ipc::bind_to_node(mapped, node(), spec.name))
      telemetry.degradation(*lost);
  };
  spec.after_touch = [&](std::span<std::byte> mapped) {
    if (!lock) return;
    const auto lost = ipc::lock_memory(mapped, spec.name);
    locked = !lost;
    if (lost) telemetry.degradation(*lost);
  };
  ipc::Segment segment = ipc::create_segment(spec, fill);
  if (!segment.degradation().empty()) telemetry.degradation({segment.degradation()});
  const auto& geometry = segment.geometry();
  const ipc::MemoryWanted wanted{!spec.huge_dir.empty(), node(), lock};
  const ipc::MemoryGot got{ipc::page_placement(segment.data(), node(), geometry.page_bytes),
                           geometry.huge_pages(), locked};
  telemetry.fact(
      ipc::memory_fact(spec.name, wanted, got, fmt::format("{} items", spec.item_count)));
  if (const auto strays = ipc::stray_pages(spec.name, wanted, got)) telemetry.degradation(*strays);
  return segment;
}

WorkerOptions WorkerThread::worker_options() const {
  WorkerOptions made;
  made.instruments_max = options_.deployment.memory.instruments_max;
  made.publish_first = options_.publish_first;
  made.crossed_ticks_max = rate_.ticks(made.crossed_ticks_max);
  made.late_joiner_round_ticks_min = rate_.ticks(made.late_joiner_round_ticks_min);
  made.resync = made.resync.scaled(rate_.ticks_per_ns);
  made.cadence = CadencePolicy{}.scaled(rate_.ticks_per_ns);
  made.clock = ipc::now_ticks;
  return made;
}

void WorkerThread::make_counters() {
  for (std::size_t i = 0; i < counter_fields.size(); ++i) {
    counter_words_[i] =
        options_.telemetry.counter(fmt::format("{}.{}", options_.name, counter_fields[i].name));
  }
}

void WorkerThread::place() {
  ipc::name_current_thread(options_.name);
  const bool chosen = options_.placement.cpu != ipc::cpu_auto;
  const auto pinned = ipc::pin_current_thread(cpu(), options_.allowed_cpus);
  if (!pinned.ok() && chosen) {
    throw std::runtime_error(fmt::format("thread {}: {}", options_.name, pinned.error));
  }
  if (!pinned.ok()) options_.telemetry.degradation({options_.name + ": " + pinned.error});
  options_.telemetry.fact({options_.name + " cpu", chosen ? std::to_string(cpu()) : "auto",
                           pinned.ok() ? std::to_string(pinned.cpu) : "not pinned", pinned.error});
}

// --- Running ---

void WorkerThread::run(const std::atomic<bool>& stop) {
  place();
  // A first look at everything: what an earlier worker left is known before "ready".
  tick(ipc::now_ticks());
  ready_.store(true, std::memory_order_release);  // P1: pairs with C1
  Ticks idle_since = ipc::now_ticks();
  while (!stop.load(std::memory_order_relaxed)) {  // a flag: nothing is read because of it
    bool busy = false;
    for (SourceIndex source = 0; source < rings_.size(); ++source) {
      if (rings_[source].attached()) busy |= drain(source);
    }
    const Ticks now = ipc::now_ticks();
    hand_over_requests(now);
    if (now >= next_tick_) tick(now);
    if (busy) {
      idle_since = now;
    } else {
      rest(idle_since);
    }
  }
  for (auto& ring : rings_) {
    if (ring.attached()) ring.reader().publish_position();
  }
  copy_counters();
}

// True: there was something.
bool WorkerThread::drain(SourceIndex source) noexcept {
  const auto taken = [this](const Record& record, Ticks read, bool published) {
    ring_hop_->record(rate_.ns_between(Ticks{record.receive_tsc + record.publish_delta}, read));
    if (published) worker_stage_->record(rate_.ns_between(read, worker_.published()));
  };
  return drain_ring(worker_, source, rings_[source].reader(), ipc::now_ticks, taken) > 0;
}

void WorkerThread::hand_over_requests(Ticks now) noexcept {
  while (const auto pending = worker_.next_resync(now)) {
    const RingInput& ring = rings_[pending->source];
    if (!ring.attached() || !cursor_.request_resync(ring.cursor_entry(), pending->request, now)) {
      worker_.resync_refused(*pending, now, rate_.ticks(tick_ns));
    }
  }
}

void WorkerThread::rest(Ticks idle_since) noexcept {
  const Ticks now = ipc::now_ticks();
  if (options_.deployment.wait == ipc::WaitMode::Spin ||
      now < later(idle_since, rate_.ticks(idle_spin_ns))) {
    pause_briefly();
    return;
  }
  const std::uint64_t until_tick = rate_.ns_between(now, next_tick_);
  if (until_tick == 0) return;
  const bool slept = cursor_.park(
      [this] {
        return std::any_of(rings_.begin(), rings_.end(), [](const RingInput& ring) {
          return ring.attached() && !ring.reader().corrupt() && ring.reader().ready_before_park();
        });
      },
      std::min(until_tick, ipc::park_ns_max));
  if (slept) ++thread_counts_.parked;
}

void WorkerThread::tick(Ticks now) noexcept {
  next_tick_ = later(now, rate_.ticks(tick_ns));
  if (options_.keeps_telemetry) options_.telemetry.on_tick(now);
  worker_.on_tick(now);
  const bool attach = now >= next_attach_;
  if (attach) next_attach_ = later(now, rate_.ticks(attach_period_ns));
  if (attach || catalogues_have_more_) look_at_catalogues(now);
  if (attach || now >= next_liveness_) {
    next_liveness_ = later(now, rate_.ticks(liveness_period_ns));
    look_at_rings(now, attach);
  }
  // Last: after a pause, what happened meanwhile is in the table before readers believe it again.
  if (caught_up(now)) beat(now);
  if (now < next_counters_) return;
  next_counters_ = later(now, rate_.ticks(counters_period_ns));
  copy_counters();
}

void WorkerThread::beat(Ticks now) noexcept {
  beaten_ = now;
  events_segment_.beat(now);
  books_segment_.beat(now);
  cursor_segment_.beat(now);
}

// False: this thread was stopped for so long that readers gave it up, and its books are as old as
// that until it has read what was published by the time it woke. Its collectors fill the rings no
// faster than it reads them, so that it gets there.
bool WorkerThread::caught_up(Ticks now) noexcept {
  if (!returning_) {
    const bool away = beaten_.value != 0 && now.value - beaten_.value > bounds_.stale_after_ticks;
    if (!away) return true;
    ++thread_counts_.pauses;
    returning_ = true;
    for (SourceIndex source = 0; source < rings_.size(); ++source) {
      const RingInput& ring = rings_[source];
      return_to_[source] = ring.attached() ? ring.reader().position() + ring.reader().backlog()
                                           : ipc::RingPosition{0};
    }
  }
  for (SourceIndex source = 0; source < rings_.size(); ++source) {
    const RingInput& ring = rings_[source];
    if (ring.alive() && ring.reader().position() < return_to_[source]) return false;
  }
  returning_ = false;
  return true;
}

void WorkerThread::look_at_rings(Ticks now, bool attach) noexcept {
  for (SourceIndex source = 0; source < rings_.size(); ++source) {
    RingInput& ring = rings_[source];
    // Of an absent or dead ring there is nothing to see but whether it can be attached.
    if (!ring.alive() && !ring.catching_up() && !attach) continue;
    const auto event = ring.look(cursor_, cursor_segment_.geometry().created_ticks, now, bounds_);
    if (event != RingInput::Event::None) on_ring_event(source, event, now);
  }
}

void WorkerThread::on_ring_event(SourceIndex source, RingInput::Event event, Ticks now) noexcept {
  RingInput& ring = rings_[source];
  switch (event) {
    case RingInput::Event::None:
      return;
    case RingInput::Event::AttachedAtStart:
      ++thread_counts_.rings_attached;
      joined_at_head_[source] = false;
      worker_.source_attached(source, 0, now, ring.alive());
      return;
    case RingInput::Event::AttachedAtHead:
      ++thread_counts_.rings_attached;
      joined_at_head_[source] = true;
      worker_.source_attached(source, ring.reader().drops(), now, ring.alive());
      worker_.resync_missing(source, now);
      return;
    case RingInput::Event::Died:
      if (ring.reader().corrupt()) ++thread_counts_.rings_corrupt;
      worker_.source_alive(source, false, now);
      return;
    case RingInput::Event::CameBack:
      worker_.source_alive(source, true, now);
      return;
    case RingInput::Event::Refused:
      ++thread_counts_.rings_refused;
      return;
  }
}

// A new instrument's book takes memory; a thousand of them in one go would be a pause for all that
// are there. So a running thread lists a few a tick.
void WorkerThread::look_at_catalogues(Ticks now) noexcept {
  const bool running = ready_.load(std::memory_order_relaxed);  // owner: only this thread writes
  std::size_t left = running ? listed_a_tick : std::numeric_limits<std::size_t>::max();
  catalogues_have_more_ = false;
  for (std::size_t i = 0; i < catalogues_.size(); ++i) {
    const SourceIndex source = first_sources_[i];
    const auto collector = static_cast<std::uint32_t>(i);
    if (catalogues_[i].look()) worker_.catalogue_replaced(collector);
    bool grown = false;
    while (left != 0) {
      const auto instrument = catalogues_[i].next();
      if (!instrument) break;
      grown = true;
      // Which of its threads carries it shows with the first record; listed it is already now.
      if (const auto known = worker_.find(*instrument)) {
        worker_.listed(*known);
        continue;
      }
      worker_.expect(*instrument, source, now);
      --left;
    }
    if (left != 0 && catalogues_[i].read_whole()) worker_.catalogue_read(collector, now);
    catalogues_have_more_ = catalogues_have_more_ || left == 0;
    if (grown && joined_at_head_[source]) worker_.resync_missing(source, now);
  }
}

void WorkerThread::copy_counters() noexcept {
  Counters counters = worker_.counters();
  counters.rings_attached = thread_counts_.rings_attached;
  counters.rings_refused = thread_counts_.rings_refused;
  counters.rings_corrupt = thread_counts_.rings_corrupt;
  counters.parked = thread_counts_.parked;
  counters.pauses = thread_counts_.pauses;
  for (std::size_t i = 0; i < counter_fields.size(); ++i) {
    const auto field = counter_fields[i].value;
    counter_words_[i].add(counters.*field - told_.*field);
  }
  told_ = counters;
}

}  // namespace ringside::orderbook
