// CollectorProcess: instruments that are added and removed while it runs.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "collector/collector_process.hpp"

namespace ringside::collector {

void CollectorProcess::make_change_counters() {
  changes_done_ = telemetry_.gauge("changes_done");
  instruments_added_ = telemetry_.counter("instruments_added");
  instruments_removed_ = telemetry_.counter("instruments_removed");
  channels_changed_ = telemetry_.counter("channels_changed");
  venues_added_ = telemetry_.counter("venues_added");
  venues_removed_ = telemetry_.counter("venues_removed");
  changes_refused_ = telemetry_.counter("changes_refused");
  journal_damaged_ = telemetry_.counter("journal_damaged");
  changes_done_.set(follower_->seen());
}

// Looks at the journal once in changes_look_ns; carries out a few changes a tick, so that
// heartbeats go on meanwhile.
void CollectorProcess::take_changes(std::int64_t now_ns) {
  if (pending_.empty() && now_ns >= next_changes_look_ns_) {
    next_changes_look_ns_ = now_ns + changes_look_ns;
    look_for_changes();
  }
  if (!pending_.empty()) {
    prepare_ids();
    for (std::size_t i = 0; i < changes_a_tick && !pending_.empty(); ++i) {
      if (!carry_out(pending_.front())) break;  // that thread's queue is full: at the next tick
      pending_.pop_front();
    }
  }
  const bool all_done =
      pending_.empty() && std::all_of(threads_.begin(), threads_.end(), [](const auto& running) {
        return running->thread->changes_done();
      });
  if (all_done) changes_done_.set(follower_->seen());
}

void CollectorProcess::look_for_changes() {
  std::vector<Change> changes;
  try {
    if (follower_->look(changes) == ChangeFollower::Answer::Damaged) {
      journal_damaged_.add(1);
      say(
          fmt::format("{}: holds what was not written by ringside; no change behind "
                      "that is carried out",
                      journal_.path()));
    }
  } catch (const std::exception& error) {
    journal_damaged_.add(1);
    say(error.what());
  }
  pending_.insert(pending_.end(), changes.begin(), changes.end());
}

// Of those that come next: numbers of their own, with one wait for the disk a venue.
void CollectorProcess::prepare_ids() {
  std::map<std::string, std::vector<std::string>> symbols;  // by venue
  for (std::size_t i = 0; i < std::min(changes_a_tick, pending_.size()); ++i) {
    const auto& change = pending_[i];
    if (change.what == Change::What::Add && table_of(config_, name_, change) != no_table) {
      symbols[change.venue].push_back(change.subject);
    }
  }
  try {
    for (const auto& [venue, names] : symbols) static_cast<void>(registry_.ids_of(venue, names));
  } catch (const std::exception& error) {
    say(error.what());  // each of them is refused
  }
}

// False: there is no room in the thread's queue now.
bool CollectorProcess::carry_out(const Change& change) {
  if (change.of_channel()) return carry_out_channel(change);
  if (change.of_venue()) return carry_out_venue(change);
  return carry_out_instrument(change);
}

// Each table of the venue, unless it would be left without any. One that has been told is passed
// over when it is tried again.
bool CollectorProcess::carry_out_channel(const Change& change) {
  for (const auto table : tables_of(config_, name_, change)) {
    auto& venue = config_.venues[table];
    ThreadChange prepared;
    prepared.what = ThreadChange::What::SetChannels;
    prepared.session = sessions_of_tables_[table];
    prepared.channels = changed(venue.channels, change);
    if (prepared.channels == venue.channels) continue;
    if (!prepared.channels.any()) {
      refuse(change, "its tables must have one channel at least");
      continue;
    }
    const auto wanted = prepared.channels;
    if (!threads_[venue.thread]->thread->change(prepared)) return false;
    venue.channels = wanted;
    channels_changed_.add(1);
  }
  return true;
}

bool CollectorProcess::carry_out_instrument(const Change& change) {
  const auto known = collected_.find({change.venue, change.subject});
  const bool collects = known != collected_.end() && known->second.wanted;
  const bool add = change.what == Change::What::Add;
  if (add == collects) return true;  // it is so already
  ThreadChange prepared;
  prepared.what = add ? ThreadChange::What::AddInstrument : ThreadChange::What::RemoveInstrument;
  try {
    if (known == collected_.end() && !list(change)) return true;
  } catch (const std::exception& error) {
    refuse(change, error.what());
    return true;
  }
  auto& collected = collected_.at({change.venue, change.subject});
  if (config_.venues[collected.table].removed) {  // its venue has come back by another table
    const auto table = table_of(config_, name_, change);
    if (table == no_table) {
      refuse(change, "its venue is removed");
      return true;
    }
    collected.table = table;
    collected.ring = threads_[config_.venues[table].thread]->thread->ring_of(collected.worker);
  }
  auto& thread = *threads_[config_.venues[collected.table].thread]->thread;
  prepared.session = sessions_of_tables_[collected.table];
  prepared.ring = collected.ring;
  prepared.instrument = {change.subject, collected.id, 0};
  if (!thread.change(prepared)) return false;
  collected.wanted = add;
  (add ? instruments_added_ : instruments_removed_).add(1);
  return true;
}

// An instrument that was never collected since the start: its number, and its place in the
// catalogue. False: refused.
bool CollectorProcess::list(const Change& change) {
  const auto table = table_of(config_, name_, change);
  if (table == no_table) {
    refuse(change, "the file has no such [[venue]] table");
    return false;
  }
  const auto& venue = config_.venues[table];
  Collected collected;
  collected.table = table;
  collected.id = registry_.id_of(change.venue, change.subject);
  const auto worker = worker_of(venue, collected.id);
  collected.worker = worker;
  collected.ring = threads_[venue.thread]->thread->ring_of(worker);
  catalogue_->append({collected.id, ipc::connection_unsaid, configured_terms(venue), venue.name,
                      change.subject, worker});
  notice_lines_.know(collected.id, change.subject);
  collected_.emplace(std::pair(change.venue, change.subject), collected);
  return true;
}

void CollectorProcess::refuse(const Change& change, std::string_view why) {
  changes_refused_.add(1);
  const bool removal =
      change.what == Change::What::RemoveChannel || change.what == Change::What::RemoveVenue;
  say(fmt::format("{}{} is not {}: {}", change.venue, change.of_venue() ? "" : " " + change.subject,
                  removal ? "removed" : "added", why));
}

void CollectorProcess::say(std::string_view line) const {
  fmt::print(stderr, "ringside-collector {}: {}\n", name_, line);
}

}  // namespace ringside::collector
