#include "collector/collector_thread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ipc/check.hpp"
#include "ipc/placement.hpp"

namespace ringside::collector {
namespace {

// Visited as (prefix, name, value), in the same order each time: names are made into text only
// once, values are copied ever after.
template <typename Visit>
void each_record_count(const RecordCounters& counters, Visit visit) {
  visit("", "records_written", counters.records_written);
  visit("", "records_dropped", counters.records_dropped);
  visit("", "instruments_dropped", counters.instruments_dropped);
  visit("", "losses_named", counters.losses_named);
}

// Names of errors and of what ended a connection differ; together with its owner's, a name must fit
// ipc::CounterName.
template <typename Visit>
void each_rest_count(const RestCounters& rest, Visit visit) {
  visit("rest_", "answers", rest.answers);
  visit("rest_", "failures", rest.failures);
  visit("rest_", "refused_full", rest.refused_full);
  visit("rest_", "status_forbidden", rest.status_forbidden);
  visit("rest_", "status_throttled", rest.status_throttled);
  visit("rest_", "status_server_error", rest.status_server_error);
  visit("rest_", "status_other", rest.status_other);
  for (std::size_t i = 1; i < net::http_error_count; ++i) {
    visit("rest_", net::name_of(static_cast<net::HttpError>(i)), rest.errors[i]);
  }
  for (std::size_t i = 1; i < net::close_reason_count; ++i) {
    visit("rest_", net::name_of(static_cast<net::CloseReason>(i)), rest.closed[i]);
  }
}

template <typename Visit>
void each_session_count(VenueSession& session, Visit visit) {
  const auto& connections = session.connection_counters();
  visit("", "connections_opened", connections.opened);
  visit("", "connects", connections.connects);
  visit("", "connects_paced", connections.connects_paced);
  visit("", "connects_refused", connections.connects_refused);
  visit("", "closed_by_policy", connections.closed_by_policy);
  visit("", "connections_renewed", connections.renewed);
  visit("", "frames", connections.messages);
  visit("", "frame_bytes", connections.bytes);
  if (const auto* rest = session.rest_counters()) each_rest_count(*rest, visit);
  for (std::size_t i = 1; i < net::close_reason_count; ++i) {
    visit("closed_", net::name_of(static_cast<net::CloseReason>(i)), connections.closed[i]);
  }
  const auto streams = session.stream_counters();
  visit("", "tls_handshakes", streams.tls_handshakes);
  visit("", "tls_resumed", streams.tls_resumed);
  visit("", "tls_own_records", streams.tls_own_records);
  visit("", "closes_forced", streams.forced_closes);
  const auto frames = session.websocket_counters();
  visit("", "messages_dropped", frames.messages_dropped);
  visit("", "compressed_messages", frames.compressed_messages);
  visit("", "compressed_bytes", frames.compressed_bytes);
  for (std::size_t i = 1; i < net::frame_error_count; ++i) {
    visit("frame_", net::name_of(static_cast<net::FrameError>(i)), frames.frame_errors[i]);
  }
  for (std::size_t i = 0; i < counts; ++i) {
    visit("", name_of(static_cast<Count>(i)), session.adapter().counters().values[i]);
  }
}

}  // namespace

CollectorThread::CollectorThread(Options options)
    : options_(std::move(options)),
      records_(options_.deployment.memory.instruments_max),
      stages_(options_.telemetry, options_.name, options_.receive_stamps) {
  owners_.reserve(options_.deployment.memory.instruments_max);
  make_links();
}

void CollectorThread::make_links() {
  const auto& deployment = options_.deployment;
  const int cpu = options_.placement.cpu != ipc::cpu_auto
                      ? options_.placement.cpu
                      : ipc::auto_cpu(options_.running_index, options_.allowed_cpus);
  for (const auto& worker : deployment.worker_threads()) {
    auto link = std::make_unique<WorkerLink>();
    link->worker = worker;
    link->ring_name = fmt::format("spsc.{}.{}", options_.name, worker);
    auto spec = ipc::spsc_spec(deployment.memory.spsc_slots);
    spec.instance = deployment.instance;
    spec.name = link->ring_name;
    spec.huge_dir = deployment.memory.huge_pages;
    spec.group = deployment.memory.group;
    // The worker's, which reads every line of it; where the file leaves that open, our own.
    const int node = ipc::node_of(deployment.worker_placement(worker),
                                  ipc::node_of(options_.placement, ipc::node_of_cpu(cpu)));
    spec.before_touch = [&](std::span<std::byte> memory) {
      if (const auto lost = ipc::bind_to_node(memory, node, link->ring_name))
        options_.telemetry.degradation(*lost);
    };
    bool locked = false;
    spec.after_touch = [&](std::span<std::byte> memory) {
      if (!deployment.memory.lock) return;
      const auto lost = ipc::lock_memory(memory, link->ring_name);
      locked = !lost;
      if (lost) options_.telemetry.degradation(*lost);
    };
    link->ring = ipc::create_segment(spec);
    if (!link->ring.degradation().empty())
      options_.telemetry.degradation({link->ring.degradation()});
    const auto& geometry = link->ring.geometry();
    const ipc::MemoryWanted wanted{!spec.huge_dir.empty(), node, deployment.memory.lock};
    const ipc::MemoryGot got{ipc::page_placement(link->ring.data(), node, geometry.page_bytes),
                             geometry.huge_pages(), locked};
    options_.telemetry.fact(ipc::memory_fact(
        link->ring_name, wanted, got, fmt::format("{} slots", deployment.memory.spsc_slots)));
    if (const auto strays = ipc::stray_pages(link->ring_name, wanted, got))
      options_.telemetry.degradation(*strays);
    link->writer = ipc::SpscWriter(link->ring);
    records_.add_ring(link->writer);
    links_.push_back(std::move(link));
  }
}

RingIndex CollectorThread::ring_of(const std::string& worker) const {
  for (RingIndex i = 0; i < links_.size(); ++i) {
    if (links_[i]->worker == worker) return i;
  }
  RINGSIDE_CHECK(false);
  return 0;
}

void CollectorThread::add_venue(VenueSession::Options options) {
  for (const auto& instrument : options.instruments)
    owners_.push_back({instrument.id, instrument.record, plans_.size()});
  plans_.push_back(std::move(options));
}

void CollectorThread::place() {
  ipc::name_current_thread(options_.name);
  const bool chosen = options_.placement.cpu != ipc::cpu_auto;
  const int cpu = chosen ? options_.placement.cpu
                         : ipc::auto_cpu(options_.running_index, options_.allowed_cpus);
  const auto pinned = ipc::pin_current_thread(cpu, options_.allowed_cpus);
  if (!pinned.ok() && chosen) {
    throw std::runtime_error(fmt::format("thread {}: {}", options_.name, pinned.error));
  }
  options_.telemetry.fact({options_.name + " cpu", chosen ? std::to_string(cpu) : "auto",
                           pinned.ok() ? std::to_string(pinned.cpu) : "not pinned", pinned.error});
}

void CollectorThread::make_counters() {
  each_record_count(records_.counters(), [&](std::string_view, std::string_view name, auto) {
    counters_.push_back(options_.telemetry.counter(fmt::format("{}.{}", options_.name, name)));
  });
  counters_.push_back(options_.telemetry.counter(options_.name + ".messages_unstamped"));
  counters_.push_back(options_.telemetry.counter(options_.name + ".notices_dropped"));
  for (std::size_t i = 0; i < net::connection_state_count; ++i) {
    const auto* const state = net::name_of(static_cast<net::ConnectionState>(i));
    entered_[i] = options_.telemetry.counter(fmt::format("{}.entered_{}", options_.name, state));
    in_[i] = options_.telemetry.gauge(fmt::format("{}.in_{}", options_.name, state));
  }
  for (std::size_t i = 0; i < sessions_.size(); ++i) make_session_counters(i);
}

// Of a place that another had before, they go on from where that left them.
void CollectorThread::make_session_counters(std::size_t session) {
  session_counters_.resize(std::max(session_counters_.size(), session + 1));
  const auto owner = fmt::format("{}.{}{}", options_.name, sessions_[session]->venue(),
                                 session == 0 ? "" : fmt::format("-{}", session));
  std::vector<SessionCounter> made;
  each_session_count(*sessions_[session], [&](std::string_view prefix, std::string_view name,
                                              auto) {
    const auto counter = options_.telemetry.counter(fmt::format("{}.{}{}", owner, prefix, name));
    made.push_back({counter, counter.value()});
  });
  session_counters_[session] = std::move(made);
}

void CollectorThread::copy_counters() noexcept {
  std::size_t at = 0;
  const auto copy = [&](std::string_view, std::string_view, std::uint64_t value) {
    auto& counter = counters_[at++];
    counter.add(value - counter.value());
  };
  each_record_count(records_.counters(), copy);
  copy("", "messages_unstamped", stages_.unstamped());
  copy("", "notices_dropped", notices_.dropped());
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    auto next = session_counters_[i].begin();
    const auto end = session_counters_[i].end();
    each_session_count(*sessions_[i], [&](std::string_view, std::string_view, std::uint64_t value) {
      if (next == end) return;  // there was no room for them
      next->counter.add(next->before + value - next->counter.value());
      ++next;
    });
  }
  copy_states();
}

// Of all venues together: there are more states than counters to spare for each.
void CollectorThread::copy_states() noexcept {
  net::StateCounters entered = entered_by_gone_;
  net::StateCounters now{};
  const auto add = [&](const VenueSession& session) {
    const auto of_session = session.states_entered();
    for (std::size_t i = 0; i < now.size(); ++i) {
      entered[i] += of_session[i];
      now[i] += session.states_now()[i];
    }
  };
  for (const auto& session : sessions_) add(*session);
  for (const auto& session : leaving_) add(*session);
  for (std::size_t i = 0; i < now.size(); ++i) {
    entered_[i].add(entered[i] - entered_[i].value());
    in_[i].set(now[i]);
  }
}

// Replaced, and closed by now.
bool CollectorThread::take_leave(const VenueSession& session) noexcept {
  if (!session.done()) return false;
  const auto entered = session.states_entered();
  for (std::size_t i = 0; i < entered.size(); ++i) entered_by_gone_[i] += entered[i];
  return true;
}

void CollectorThread::run(const std::atomic<bool>& stop) {
  place();
  net::LoopOptions loop_options;
  const bool spin = options_.deployment.wait == ipc::WaitMode::Spin;
  loop_options.wait = spin ? net::WaitMode::Spin : net::WaitMode::Adaptive;
  loop_options.clock = ipc::now_ticks;
  loop_options.receive_stamps = options_.receive_stamps;
  loop_ = std::make_unique<net::Loop>(loop_options);
  const std::string backend = loop_->backend_name();
  options_.telemetry.fact(
      {options_.name + " network", "io_uring", backend, loop_->fallback_line()});
  if (!loop_->fallback_line().empty()) {
    options_.telemetry.degradation({fmt::format("{}: {}", options_.name, loop_->fallback_line())});
  } else if (!backend.starts_with("io_uring")) {
    options_.telemetry.degradation({fmt::format(
        "{}: sockets by {} instead of io_uring, as the environment asks", options_.name, backend)});
  }
  for (auto& plan : plans_) {
    sessions_.push_back(std::make_unique<VenueSession>(
        *loop_, std::move(plan), records_, SessionHooks{this, batch_end, decoded, &notices_}));
  }
  make_counters();
  for (auto& session : sessions_) session->start();
  ready_.store(true, std::memory_order_release);   // P1: pairs with C1
  while (!stop.load(std::memory_order_relaxed)) {  // a flag: nothing is read because of it
    const unsigned ran = loop_->run_once(tick_ns);
    if (ran == 0) returning_since_ns_ = 0;
    if (loop_->steady_ns() >= next_tick_ns_) tick();
  }
  for (auto& session : sessions_) session->stop();
  const auto until = loop_->steady_ns() + goodbye_ns_max;
  const auto all_done = [&] {
    return std::all_of(sessions_.begin(), sessions_.end(),
                       [](const auto& session) { return session->done(); });
  };
  while (!all_done() && loop_->steady_ns() < until) loop_->run_once(tick_ns);
  publish();
  sessions_.clear();  // before the loop they live on
  leaving_.clear();
  loop_.reset();
}

void CollectorThread::batch_end(void* context) noexcept {
  static_cast<CollectorThread*>(context)->publish();
}

void CollectorThread::decoded(void* context, net::ReceiveTimes times) noexcept {
  auto& self = *static_cast<CollectorThread*>(context);
  self.stages_.decoded(times, self.loop_->now());
}

void CollectorThread::publish() noexcept {
  const bool adaptive = options_.deployment.wait == ipc::WaitMode::Adaptive;
  const auto now = loop_->now();
  for (RingIndex i = 0; i < links_.size(); ++i) {
    if (!records_.pending(i)) continue;
    const auto visibility =
        adaptive ? ipc::Visibility::BeforeWakeCheck : ipc::Visibility::Eventually;
    const unsigned published = records_.publish(i, now, visibility);
    if (published != 0 && adaptive) links_[i]->cursor.wake_if_parked();
  }
  stages_.published(now);
}

void CollectorThread::tick() noexcept {
  const auto now_ns = loop_->steady_ns();
  const bool away =
      next_tick_ns_ != 0 &&
      now_ns - next_tick_ns_ > static_cast<std::int64_t>(ipc::liveness_stale_after_ns);
  if (away) returning_since_ns_ = now_ns;
  next_tick_ns_ = now_ns + tick_ns;
  const auto now = loop_->now();
  // Back from a pause that workers took for a hang, what the sockets have kept is read first: until
  // then the books are as old as the pause is long.
  const bool beats = returning_since_ns_ == 0 || now_ns - returning_since_ns_ > catching_up_ns_max;
  for (auto& link : links_) {
    if (beats) link->ring.beat(now);
    look_for_worker(*link, now_ns);
    take_requests(*link);
  }
  apply_changes();
  for (auto& session : sessions_) session->on_tick();
  std::erase_if(leaving_, [this](const auto& session) { return take_leave(*session); });
  publish();
  if (failure_changes_ != records_.failure_changes()) tell_failures();
  if (now_ns < next_counters_ns_) return;
  next_counters_ns_ = now_ns + counters_period_ns;
  copy_counters();
}

// A worker's cursor segment comes, goes and comes again; each time it is attached anew. Until there
// is one, the ring fills once and then drops: the worker begins with new snapshots anyway.
void CollectorThread::look_for_worker(WorkerLink& link, std::int64_t now_ns) noexcept {
  if (now_ns < link.next_look_ns) return;
  link.next_look_ns = now_ns + worker_look_ns;
  if (link.cursor_segment.mapped() && link.cursor_segment.writer_alive()) {
    if (!link.cursor.bound() && link.cursor.bind(link.ring_name, link.ring)) {
      link.writer.set_read_position_source(link.cursor.read_position());
    }
    return;
  }
  ipc::Segment found;
  const auto status = ipc::attach_segment(options_.deployment.instance, "cursor." + link.worker,
                                          ipc::SegmentKind::Cursor, found);
  if (status != ipc::AttachStatus::Ok) return;
  link.writer.set_read_position_source(nullptr);
  link.cursor = {};
  link.cursor_segment = std::move(found);
  link.cursor = ipc::CursorReader(link.cursor_segment);
}

// Once for each cause: what is tried again and again fails again and again.
void CollectorThread::tell_failures() noexcept {
  failure_changes_ = records_.failure_changes();
  for (auto& owner : owners_) {
    const auto cause = records_.failure_of(owner.record);
    if (cause == Cause::Removed) owner.told = Cause::None;  // as it was asked to
    if (cause == Cause::None || cause == Cause::Removed || cause == owner.told) continue;
    owner.told = cause;
    Notice notice;
    notice.what = Notice::What::InstrumentFailed;
    notice.cause = cause;
    notice.instrument = owner.instrument;
    notice.line = sessions_[owner.session]->line();
    notices_.post(notice);
  }
}

// A few at a time, between batches: what a socket has brought does not wait long.
void CollectorThread::apply_changes() noexcept {
  for (unsigned i = 0; i < thread_changes_a_tick; ++i) {
    ThreadChange* const change = changes_.front();
    if (change == nullptr) return;
    apply(*change);
    changes_.pop();
  }
}

void CollectorThread::apply(ThreadChange& change) noexcept {
  switch (change.what) {
    case ThreadChange::What::AddInstrument:
      return add_instrument(change);
    case ThreadChange::What::RemoveInstrument:
      return sessions_[change.session]->remove(change.instrument.id);
    case ThreadChange::What::SetChannels:
      return sessions_[change.session]->set_channels(change.channels);
    case ThreadChange::What::AddVenue:
      return begin_venue(change);
    case ThreadChange::What::RemoveVenue:
      return end_venue(change.session);
  }
}

// Whoever was collected here before keeps its record and goes on there.
void CollectorThread::begin_venue(ThreadChange& change) noexcept {
  auto plan = std::move(change.venue);
  std::map<std::uint32_t, std::size_t> known;
  for (std::size_t i = 0; i < owners_.size(); ++i) known[owners_[i].instrument.value] = i;
  for (std::size_t i = 0; i < plan->rings.size(); ++i) {
    auto& instrument = plan->session.instruments[i];
    const auto found = known.find(instrument.id.value);
    if (found == known.end()) {
      instrument.record = records_.add_instrument(instrument.id, plan->rings[i]);
      owners_.push_back({instrument.id, instrument.record, change.session});
    } else {
      auto& owner = owners_[found->second];
      owner.session = change.session;
      instrument.record = owner.record;
    }
  }
  auto session = std::make_unique<VenueSession>(*loop_, std::move(plan->session), records_,
                                                SessionHooks{this, batch_end, decoded, &notices_});
  for (const auto& other : sessions_) {
    if (other->stopped()) session->succeed(*other);
  }
  copy_counters();
  if (change.session == sessions_.size()) {
    sessions_.push_back(std::move(session));
  } else {
    leaving_.push_back(std::exchange(sessions_[change.session], std::move(session)));
    session_counters_[change.session].clear();
  }
  try {
    make_session_counters(change.session);
  } catch (const std::system_error&) {
    session_counters_.resize(sessions_.size());  // it runs uncounted
  }
  sessions_[change.session]->start();
}

// Its instruments first: the end of a connection is no news of theirs then.
void CollectorThread::end_venue(std::size_t session) noexcept {
  for (const auto& owner : owners_) {
    if (owner.session == session) sessions_[session]->remove(owner.instrument);
  }
  sessions_[session]->stop();
}

void CollectorThread::add_instrument(ThreadChange& change) noexcept {
  const auto id = change.instrument.id;
  auto owner = std::find_if(owners_.begin(), owners_.end(),
                            [&](const Owner& entry) { return entry.instrument == id; });
  if (owner == owners_.end()) {
    const auto record = records_.add_instrument(id, change.ring);
    owner = owners_.insert(owners_.end(), {id, record, change.session});
  }
  owner->session = change.session;
  change.instrument.record = owner->record;
  // There is room: the catalogue, which is no larger, had some.
  static_cast<void>(sessions_[change.session]->add(std::move(change.instrument)));
}

void CollectorThread::take_requests(WorkerLink& link) noexcept {
  for (unsigned i = 0; i < requests_a_tick; ++i) {
    const auto request = link.cursor.poll_request();
    if (!request) return;
    const auto owner = std::find_if(owners_.begin(), owners_.end(), [&](const Owner& entry) {
      return entry.instrument == request->instrument;
    });
    if (owner == owners_.end()) continue;  // of an instrument that the file no longer names
    sessions_[owner->session]->adapter().on_resync(
        request->instrument, request->epoch, request->cause, {loop_->now(), loop_->steady_ns()});
  }
}

}  // namespace ringside::collector
