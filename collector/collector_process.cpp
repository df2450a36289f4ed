#include "collector/collector_process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "ipc/check.hpp"
#include "ipc/placement.hpp"

namespace ringside::collector {
namespace {

ipc::TelemetrySpec telemetry_of(const ipc::Deployment& deployment, const ipc::ProcessSpec& spec) {
  ipc::TelemetrySpec telemetry;
  telemetry.instance = deployment.instance;
  telemetry.process = spec.name;
  telemetry.role = "collector";
  telemetry.group = deployment.memory.group;
  telemetry.histograms = spec.threads.size() * stages_of_a_thread(spec.receive_stamps);
  return telemetry;
}

// Threads before this process's in the file, so that cpu = "auto" spreads over all of them.
std::size_t first_running_index(const ipc::Deployment& deployment, std::string_view name) {
  std::size_t index = 0;
  for (const auto& process : deployment.collectors) {
    if (process.name == name) break;
    index += process.threads.size();
  }
  return index;
}

}  // namespace

CollectorProcess::CollectorProcess(const Config& config, std::string name)
    : file_(config),
      config_(config),
      name_(std::move(name)),
      spec_(config_.deployment.collector(name_)),
      number_(config_.deployment.collector_number(name_)),
      telemetry_(telemetry_of(config.deployment, spec_)),
      registry_(state_directory(config.deployment, spec_), name_, number_),
      journal_(state_directory(config.deployment, spec_), name_),
      notice_lines_(config_) {
  const auto changes = journal_.read_all();
  follower_.emplace(journal_, changes.empty() ? 0 : changes.back().sequence);
  make_change_counters();
  for (const auto& line : apply_changes(config_, name_, changes)) {
    changes_refused_.add(1);
    say(line);
  }
  const auto& deployment = config_.deployment;
  auto catalogue = ipc::catalogue_spec(deployment.memory.instruments_max);
  catalogue.instance = deployment.instance;
  catalogue.name = "catalogue." + name_;
  catalogue.group = deployment.memory.group;
  catalogue_segment_ = ipc::create_segment(catalogue);
  catalogue_ = std::make_unique<ipc::CatalogueWriter>(catalogue_segment_);
  for (const auto& fact : ipc::scheduling_facts()) telemetry_.fact(fact);
  const auto allowed = ipc::allowed_cpus();
  const auto first = first_running_index(deployment, name_);
  for (std::size_t i = 0; i < spec_.threads.size(); ++i) {
    auto running = std::make_unique<Running>();
    running->thread = std::make_unique<CollectorThread>(
        CollectorThread::Options{spec_.thread_name(i), deployment, spec_.threads[i], first + i,
                                 allowed, telemetry_, spec_.receive_stamps});
    threads_.push_back(std::move(running));
  }
  places_.resize(threads_.size());
  sessions_of_tables_.resize(config_.venues.size(), no_session);
  for (std::size_t table = 0; table < config_.venues.size(); ++table) {
    const auto& venue = config_.venues[table];
    if (venue.collector == name_ && !venue.removed) add_venue(table);
  }
}

CollectorProcess::~CollectorProcess() { stop(); }

std::string CollectorProcess::worker_of(const VenueConfig& venue, InstrumentId id) const {
  if (!venue.worker.empty()) return venue.worker;
  const auto workers = config_.deployment.worker_threads();
  return workers[id.ordinal() % workers.size()];
}

// One of the same venue that is free, else one more.
std::size_t CollectorProcess::take_place(const VenueConfig& venue) {
  auto& places = places_[venue.thread];
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i].taken || places[i].venue != venue.name) continue;
    places[i].taken = true;
    return i;
  }
  places.push_back({venue.name, true});
  return places.size() - 1;
}

void CollectorProcess::add_venue(std::size_t table) {
  const auto& venue = config_.venues[table];
  auto& thread = *threads_[venue.thread]->thread;
  VenueSession::Options options{venue,
                                {},
                                registry_.generation() & 0xffffu,
                                std::random_device{}(),
                                config_.deployment.memory.instruments_max};
  const auto ids = registry_.ids_of(venue.name, venue.instruments);
  for (const auto& symbol : venue.instruments) {
    const auto id = ids[options.instruments.size()];
    notice_lines_.know(id, symbol);
    const auto worker = worker_of(venue, id);
    const auto ring = thread.ring_of(worker);
    const auto connection = book_connection(venue, options.instruments.size());
    options.instruments.push_back({symbol, id, thread.add_instrument(id, ring)});
    catalogue_->append({id, connection, configured_terms(venue), venue.name, symbol, worker});
    collected_[{venue.name, symbol}] = {table, id, worker, ring, true};
  }
  sessions_of_tables_[table] = take_place(venue);
  thread.add_venue(std::move(options));
}

void CollectorProcess::start() {
  for (auto& running : threads_) {
    running->handle = std::thread([this, entry = running.get()] {
      try {
        entry->thread->run(stop_);
      } catch (const std::exception& error) {
        entry->failure = error.what();
        entry->failed.store(true, std::memory_order_release);  // P1: pairs with C1
      }
    });
  }
}

void CollectorProcess::stop() noexcept {
  stop_.store(true, std::memory_order_relaxed);  // a flag: nothing is read because of it
  for (auto& running : threads_) {
    if (running->handle.joinable()) running->handle.join();
  }
}

bool CollectorProcess::ready() const noexcept {
  return std::all_of(threads_.begin(), threads_.end(),
                     [](const auto& running) { return running->thread->ready(); });
}

std::string CollectorProcess::failure() const {
  for (const auto& running : threads_) {
    if (running->failed.load(std::memory_order_acquire))
      return running->failure;  // C1: pairs with P1
  }
  return {};
}

std::vector<std::string> CollectorProcess::degradations() const {
  std::vector<std::string> lines;
  for (const auto& degradation : ipc::TelemetryReader(telemetry_.segment()).degradations()) {
    lines.push_back(degradation.line);
  }
  return lines;
}

void CollectorProcess::on_tick() {
  const auto now = ipc::now_ticks();
  telemetry_.on_tick(now);
  catalogue_segment_.beat(now);
  take_changes(static_cast<std::int64_t>(telemetry_.rate().ns_between(Ticks{0}, now)));
  Notice notice;
  for (auto& running : threads_) {
    while (running->thread->notices().take(notice)) notice_lines_.take(notice);
  }
  for (const auto& line : notice_lines_.lines())
    fmt::print(stderr, "ringside-collector {}: {}\n", name_, line);
}

}  // namespace ringside::collector
