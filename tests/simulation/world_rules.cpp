// World: what must hold.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "tests/simulation/world_run.hpp"

namespace ringside::simulation {
namespace {

// While nothing is left to happen but that a backoff ends, time goes in longer strides.
constexpr std::int64_t patient_after_ns = 4 * second;
constexpr std::int64_t patient_tick_ns = 100 * ms;
constexpr std::uint32_t settle_rate = 20;
constexpr std::uint32_t patient_rate = 3;
constexpr std::size_t settled_messages = 4;  // of each book, since the faults ended
constexpr std::int64_t flush_ns = 700 * ms;  // the exchange's batches, and the way
constexpr int ends_max = 4;
constexpr std::uint64_t steps_max = 20'000'000;
constexpr std::int64_t unsent_ns_max = 300 * ms;
constexpr std::int64_t news_from_ns = second;  // by then the first whole list has come

}  // namespace

// --- What must hold -----------------------------------------------------------------------------

void World::look() {
  if (collector_) bookless_.note(!collector_->channels().book, caught_up_);
  for (std::uint32_t i = 0; i < live_.size(); ++i) {
    if (live_[i]) expect_heard(i);
    // A reader that looks when the worker did nothing sees what it saw before, or that it is stale.
    const bool idle = worker_ && !worker_worked_ && worker_busy_until_ <= now_ns_;
    if (idle && live_[i] && !look_anew_) continue;
    const bool found = worker_ && worker_->read(i, view_) == ipc::ReadStatus::Ok;
    const bool live = found && view_.state == State::Live;
    if (live != live_[i]) note_state(i, found, live);
    const bool has_book = live && !bookless_.may_be(view_);
    if (has_book && !(compared_[i] == Compared{view_.epoch, view_.updates, view_.publish})) {
      compare(i, view_);
      compared_[i] = {view_.epoch, view_.updates, view_.publish};
    }
    if (has_book && caught_up_) expect_newest(i);
    if (found) {
      if (const auto why = bookless_.look(i, view_, caught_up_); !why.empty()) fail(i, view_, why);
    }
    if (collector_) {
      const auto why = lives_.look(i, {found ? &view_ : nullptr, collector_->collects(i),
                                       caught_up_, worker_ ? worker_->records(i) : 0});
      if (!why.empty()) fail(i, view_, why);
    }
    if (!outcome_.failure.empty()) return;
  }
  if (caught_up_) look_anew_ = false;
}

void World::note_state(std::uint32_t index, bool found, bool live) {
  live_[index] = live;
  compared_[index] = {};
  unsent_since_ns_[index] = never_ns;
  if (!live) ++outcome_.losses;
  if (found && view_.state == State::Stale) {
    ++outcome_.went_stale[index];
  } else if (!live && now_ns_ > second + news_from_ns) {  // by then each has had its beginning
    ++lost_[index];
  }
  trace_.note(now_ns_, index * 2 + (live ? 1 : 0), [&] {
    return fmt::format("* {} is {} {}", plan_.symbols[index],
                       found ? name_of(view_.state) : "unreadable",
                       found ? name_of(view_.cause) : "");
  });
}

// Of a book that is live the exchange sends the changes, or the news that it does not is under way.
void World::expect_heard(std::uint32_t index) {
  auto& since_ns = unsent_since_ns_[index];
  const bool at_work = collector_ && collector_busy_until_ <= now_ns_ && worker_ &&
                       worker_busy_until_ <= now_ns_ && worker_->ring() == ring_.get();
  // Of a stalled connection nobody can know.
  const bool told = exchange_.reachable() && exchange_.wire_is_empty();
  if (!at_work || exchange_.sends_book(index) || !told || bookless_.any()) {
    since_ns = never_ns;
    return;
  }
  since_ns = std::min(since_ns, now_ns_);
  if (now_ns_ - since_ns > unsent_ns_max + 3 * tick_ns_) {
    fail(index, view_, "is live, and the exchange sends it to nobody");
  }
}

// Collector and worker have seen all that has arrived: a live book is the newest of it.
void World::expect_newest(std::uint32_t index) {
  const auto& brought = exchange_.brought(index);
  const auto& published = published_[index];
  if (published.number >= brought.number || published.hash == brought.hash) return;
  fail(index, view_, "is live and not what the newest message led to");
}

std::optional<std::uint64_t> World::hash_of(const ipc::BookView& view) {
  const auto& terms = view.terms;
  BookHash hash;
  const bool whole = hash.side(std::span(view.bids).first(view.bid_count), terms.price_exponent,
                               terms.quantity_exponent) &&
                     hash.side(std::span(view.asks).first(view.ask_count), terms.price_exponent,
                               terms.quantity_exponent);
  return whole ? std::optional(hash.value()) : std::nullopt;
}

void World::compare(std::uint32_t index, const ipc::BookView& view) {
  ++outcome_.looks;
  const auto& truth = exchange_.truth();
  const auto meant = view.exchange.value != 0 ? truth.at_time(index, view.exchange)
                                              : truth.at_id(index, worker_->sequence(index, view));
  const auto hash = hash_of(view);
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

// Where it must end while nothing more changes. Failed: removed, or not listed.
State World::expected(ListingIndex listing) const {
  const auto trading = exchange_.market()[listing].trading;
  if (!lives_.wanted(listing) || trading >= exchange::Trading::Delisted) return State::Failed;
  return trading == exchange::Trading::Halted ? State::Halted : State::Live;
}

bool World::is_as_expected(ListingIndex listing) {
  const auto state = expected(listing);
  if (state == State::Live) return live_[listing];
  if (!worker_) return false;
  const bool found = worker_->read(listing, view_) == ipc::ReadStatus::Ok;
  if (lives_.wanted(listing)) {
    const bool unlisted = view_.cause == Cause::Delisted || view_.cause == Cause::UnknownSymbol;
    return found && view_.state == state && (state == State::Halted || unlisted);
  }
  // Of one that is not listed it cannot be told to end anything.
  const bool ended = plan_.listings_change() || !exchange_.sends_any(listing);
  if (!found) return ended && !(collector_ && collector_->lists(listing));
  return ended && view_.state == State::Failed && view_.cause == Cause::Removed;
}

// Nobody was there to hear it, or it was news too short a time: then it may not have been told.
bool World::must_be_told(ListingIndex listing) const {
  const auto trading = exchange_.market()[listing].trading;
  const bool away = trading == exchange::Trading::Delisted || trading == exchange::Trading::Halted;
  const auto& unwanted = plan_.unwanted;
  const bool heard = std::find(unwanted.begin(), unwanted.end(), false) != unwanted.end();
  return away && heard && plan_.faults.empty() && !plan_.unlisted[listing] &&
         std::none_of(plan_.changes.begin(), plan_.changes.end(), [&](const Change& change) {
           return change.listing == listing && change.of_the_exchange() &&
                  change.at_ns < news_from_ns;
         });
}

bool World::news_are_right(ListingIndex listing) const {
  const auto news = worker_->news(listing);
  if (news == Announcement::Terms) return !must_be_told(listing);
  switch (exchange_.market()[listing].trading) {
    case exchange::Trading::Online:
      return news == Announcement::Listed || news == Announcement::Resumed;
    case exchange::Trading::Halted:  // or new, and halted from the first
      return news == Announcement::Halted || news == Announcement::Listed;
    default:
      return news == Announcement::Delisted;
  }
}

bool World::all_as_expected() {
  for (ListingIndex i = 0; i < live_.size(); ++i) {
    if (!is_as_expected(i) || !news_are_right(i)) return false;
  }
  return true;
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

// The faults are over: until every book is as it must be, and has been through some messages.
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
      if (expected(i) != State::Live) continue;
      if (exchange_.truth().told(i) - told[i] < settled_messages) return false;
    }
    return true;
  };
  // What was told last must have come through, too, and what became of it.
  auto good_since_ns = never_ns;
  bool patient = false;
  while (outcome_.failure.empty()) {
    const bool good = all_as_expected() && heard() && exchange_.reachable();
    if (!good) good_since_ns = never_ns;
    if (good && good_since_ns == never_ns) good_since_ns = now_ns_;
    if (good && now_ns_ - good_since_ns > 2 * ms + 3 * tick_ns_) break;
    step();
    if (now_ns_ - began > settle_ns_max || outcome_.steps > steps_max) {
      outcome_.failure =
          fmt::format("not all books are as they must be {} s after the faults ended:{}",
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
    const auto current = BookTruth::hash_of(exchange_.market()[i], depth);
    if (hash_of(view_) == current) continue;
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

// Each connection is in one state; that only legal steps lead there, its life sees to.
void World::expect_connections_counted() {
  if (!collector_ || !outcome_.failure.empty()) return;
  const auto& states = collector_->connection_states();
  const auto sum = std::accumulate(states.begin(), states.end(), std::uint64_t{0});
  if (sum == collector_->connection_count()) return;
  outcome_.failure = fmt::format("{} connections are in {} states", collector_->connection_count(),
                                 static_cast<std::int64_t>(sum));
}

// Who was not touched shows nothing of what was done to the others.
void World::expect_others_left_alone() {
  if (!plan_.faults.empty() || !collector_ || collector_->records_were_dropped()) return;
  bool any = false;
  for (ListingIndex i = 0; i < live_.size() && outcome_.failure.empty(); ++i) {
    if (!plan_.is_left_alone(i)) continue;
    any = true;
    if (lost_[i] > 0) fail(i, view_, "was left alone, and left live");
  }
  // One connection, and somebody's messages over it all the time: nothing ends it.
  const bool one = !plan_.sharded && collector_->connection_count() == 1;
  if (!any || !one || collector_->connection_counters().opened == 1) return;
  outcome_.failure = "the connection was made anew, though nothing was wrong with it";
}

// What was removed is added, and what is not listed or traded is, again. False: there is nothing.
bool World::bring_all_back() {
  bool any = false;
  for (ListingIndex i = 0; i < live_.size(); ++i) {
    any = any || expected(i) != State::Live;
    if (!lives_.wanted(i)) begin(Change{0, Change::What::Add, i, {}});
  }
  exchange_.list_all();
  return any;
}

Outcome World::run() {
  tick_ns_ = plan_.tick_ns;
  outcome_.went_stale.resize(live_.size());
  const auto until = second + plan_.faulty_ns;
  while (outcome_.failure.empty() && now_ns_ < until) step();
  if (outcome_.failure.empty() && settle()) expect_others_left_alone();
  if (outcome_.failure.empty() && bring_all_back() && settle()) expect_others_left_alone();
  for (int tries = 1; outcome_.failure.empty(); ++tries) {
    if (expect_current()) break;
    if (tries == ends_max) outcome_.failure = "books do not stay live:" + states();
    if (!outcome_.failure.empty() || !settle()) break;
  }
  expect_no_false_alarm();
  expect_connections_counted();
  outcome_.hash = trace_.hash();
  outcome_.struck = exchange_.struck();
  if (worker_) outcome_.oracles_distrusted = worker_->worker().counters().oracles_distrusted;
  return std::move(outcome_);
}

}  // namespace ringside::simulation
