// CollectorProcess: whole venues that are added and removed while it runs.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <system_error>

#include "collector/collector_process.hpp"

namespace ringside::collector {

// False: there is no room in a thread's queue now; what was done is passed over the next time.
bool CollectorProcess::carry_out_venue(const Change& change) {
  if (!remove_tables(change)) return false;
  if (change.what == Change::What::RemoveVenue) return true;
  const auto before = config_.venues.size();
  try {
    apply_venue_change(config_, file_, name_, change);
  } catch (const std::exception& error) {
    refuse(change, error.what());
    return true;
  }
  sessions_of_tables_.resize(config_.venues.size(), no_session);
  bool any = false;
  for (std::size_t table = 0; table < config_.venues.size(); ++table) {
    const auto& venue = config_.venues[table];
    const bool meant = venue.name == change.venue && venue.collector == name_ && !venue.removed &&
                       (change.subject.empty() || table >= before);
    if (!meant) continue;
    any = true;
    try {
      if (!begin_table(table)) throw std::runtime_error("the thread is busy; try again");
    } catch (const std::exception& error) {
      forget_table(table);
      refuse(change, error.what());
    }
  }
  if (!any) refuse(change, "the file has no [[venue]] table of it");
  return true;
}

// Those that are collected: their connections are closed, their instruments Removed. Of a venue
// that is added there are none, or it is said anew.
bool CollectorProcess::remove_tables(const Change& change) {
  for (std::size_t table = 0; table < config_.venues.size(); ++table) {
    auto& venue = config_.venues[table];
    if (venue.name != change.venue || sessions_of_tables_[table] == no_session) continue;
    ThreadChange prepared;
    prepared.what = ThreadChange::What::RemoveVenue;
    prepared.session = sessions_of_tables_[table];
    if (!threads_[venue.thread]->thread->change(prepared)) return false;
    drop_table(table);
    venues_removed_.add(1);
  }
  return true;
}

void CollectorProcess::drop_table(std::size_t table) {
  places_[config_.venues[table].thread][sessions_of_tables_[table]].taken = false;
  sessions_of_tables_[table] = no_session;
  forget_table(table);
}

// It is not wanted any more, nor what it names.
void CollectorProcess::forget_table(std::size_t table) {
  config_.venues[table].removed = true;
  for (auto& [name, collected] : collected_) {
    if (collected.table == table) collected.wanted = false;
  }
}

// Throws: it cannot be had. False: there is no room in the thread's queue now.
bool CollectorProcess::begin_table(std::size_t table) {
  const auto& venue = config_.venues[table];
  const auto ids = registry_.ids_of(venue.name, venue.instruments);
  const auto fresh = static_cast<std::size_t>(
      std::count_if(venue.instruments.begin(), venue.instruments.end(), [&](const auto& symbol) {
        return !collected_.contains({venue.name, symbol});
      }));
  if (collected_.size() + fresh > config_.deployment.memory.instruments_max) {
    throw std::runtime_error("there is no room for its instruments; raise memory.instruments_max");
  }
  auto prepared = prepare_table(table, ids);
  auto& thread = *threads_[venue.thread]->thread;
  prepared.session = take_place(venue);
  if (!thread.change(prepared)) {
    places_[venue.thread][prepared.session].taken = false;
    return false;
  }
  sessions_of_tables_[table] = prepared.session;
  venues_added_.add(1);
  return true;
}

// An instrument that was collected before keeps its worker, as its place in the catalogue says.
ThreadChange CollectorProcess::prepare_table(std::size_t table, std::span<const InstrumentId> ids) {
  const auto& venue = config_.venues[table];
  registry_.advance_generation();
  ThreadChange prepared;
  prepared.what = ThreadChange::What::AddVenue;
  prepared.venue = std::make_unique<VenuePlan>(VenuePlan{{venue,
                                                          {},
                                                          registry_.generation() & 0xffffu,
                                                          std::random_device{}(),
                                                          config_.deployment.memory.instruments_max,
                                                          tls_of(venue)},
                                                         {}});
  auto& plan = *prepared.venue;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& symbol = venue.instruments[i];
    auto [entry, fresh] = collected_.try_emplace({venue.name, symbol});
    auto& collected = entry->second;
    if (fresh) {
      collected.id = ids[i];
      collected.worker = worker_of(venue, ids[i]);
      catalogue_->append({ids[i], ipc::connection_unsaid, configured_terms(venue), venue.name,
                          symbol, collected.worker});
      notice_lines_.know(ids[i], symbol);
    }
    collected.table = table;
    collected.wanted = true;
    collected.ring = threads_[venue.thread]->thread->ring_of(collected.worker);
    plan.session.instruments.push_back({symbol, ids[i], 0});
    plan.rings.push_back(collected.ring);
  }
  return prepared;
}

}  // namespace ringside::collector
