#include "tools/ringside/consumer.hpp"

#include <algorithm>
#include <ctime>

namespace ringside::tools {
namespace {

constexpr std::string_view events_prefix = "events.";

ipc::LivenessBounds bounds_of(const ipc::TickRate& rate) {
  return {rate.ticks(ipc::liveness_probe_after_ns), rate.ticks(ipc::liveness_stale_after_ns)};
}

bool same_creation(const ipc::Segment& a, const ipc::Segment& b) {
  return a.geometry().generation == b.geometry().generation &&
         a.geometry().created == b.geometry().created;
}

}  // namespace

Consumer::Consumer(const ConsumerOptions& options)
    : options_(options),
      rate_(ipc::TickRate::of_host()),
      bounds_(bounds_of(rate_)),
      catalogues_(options.instance),
      tables_(options.instance),
      buffer_(std::make_unique<ipc::RecordBuffer>()) {}

const FullBook* Consumer::book(InstrumentId instrument) const {
  const auto found = instruments_.find(instrument.value);
  return found == instruments_.end() ? nullptr : found->second.book.get();
}

std::optional<InstrumentTerms> Consumer::terms_of(const Record& record) {
  auto& instrument = instruments_[record.instrument];
  if (instrument.has_terms && instrument.terms_epoch == record.epoch) return instrument.terms;
  // Joined after the terms went by.
  const auto now = ipc::now_ticks();
  const auto period = rate_.ticks(consumer_rescan_ns);
  if (now.value - instrument.terms_looked_up.value < period) return std::nullopt;
  instrument.terms_looked_up = now;
  tables_.refresh(now);
  ipc::BookView view;
  if (tables_.read(record.id(), view, now, 1) != ipc::ReadStatus::Ok) return std::nullopt;
  if (view.epoch != record.epoch) return std::nullopt;
  instrument.terms = view.terms;
  instrument.terms_epoch = view.epoch;
  instrument.has_terms = true;
  return instrument.terms;
}

Step Consumer::poll(Ticks now) {
  book_step_ = BookStep::Nothing;
  if (now >= next_rescan_ && rescan(now)) return Step::Joined;
  for (std::size_t looked_at = 0; looked_at < workers_.size(); ++looked_at) {
    if (batch_ >= consumer_batch_records) {
      batch_ = 0;
      current_ = (current_ + 1) % workers_.size();
    }
    const auto step = poll_worker(current_, now);
    if (step != Step::Idle) {
      ++batch_;
      return step;
    }
    batch_ = 0;
    if (looked_at + 1 < workers_.size()) current_ = (current_ + 1) % workers_.size();
  }
  return Step::Idle;
}

Step Consumer::poll_worker(std::size_t index, Ticks now) {
  auto& worker = *workers_[index];
  if (!worker.alive) return Step::Idle;
  switch (worker.reader.poll(*buffer_)) {
    case ipc::PollStatus::Ok:
      take_record();
      return Step::Record;
    case ipc::PollStatus::Lost:
      invalidate_books(index);
      return Step::Lost;
    case ipc::PollStatus::Corrupt:
      worker.alive = false;
      worker.corrupt = true;
      invalidate_books(index);
      return Step::Corrupt;
    case ipc::PollStatus::Empty:
      break;
  }
  // Only now, so that what a worker said before it ended is heard.
  if (look_after(worker, now)) return Step::Idle;
  invalidate_books(index);
  return Step::WriterGone;
}

bool Consumer::look_after(Worker& worker, Ticks now) {
  worker.liveness = worker.segment->liveness(now, bounds_);
  worker.alive = worker.liveness == ipc::Liveness::Alive;
  return worker.alive;
}

void Consumer::take_record() {
  const Record& record = buffer_->record;
  auto& instrument = instruments_[record.instrument];
  instrument.worker = current_;
  if (record.is_terms()) {
    instrument.terms = InstrumentTerms::unpacked(record.price);
    instrument.terms_epoch = record.epoch;
    instrument.has_terms = true;
  }
  if (record.kind != Kind::Heartbeat && info(record.id()) == nullptr) unknown_instrument_ = true;
  if (!options_.full_books || record.kind == Kind::Heartbeat) return;
  if (instrument.book == nullptr) instrument.book = std::make_unique<FullBook>();
  book_step_ = instrument.book->take(*buffer_);
}

void Consumer::invalidate_books(std::size_t worker) {
  for (auto& [id, instrument] : instruments_) {
    if (instrument.worker == worker && instrument.book != nullptr) instrument.book->invalidate();
  }
}

// True: a worker was joined; current_ says which. The others have their turn at the next rescan.
bool Consumer::rescan(Ticks now) {
  next_rescan_ = Ticks{now.value + rate_.ticks(consumer_rescan_ns)};
  if (unknown_instrument_) {
    catalogues_.refresh();
    unknown_instrument_ = false;
  }
  for (const auto& name : ipc::list_segments(options_.instance)) {
    if (!name.starts_with(events_prefix)) continue;
    const auto thread = name.substr(events_prefix.size());
    auto found = std::find_if(workers_.begin(), workers_.end(),
                              [&](const auto& worker) { return worker->name == thread; });
    if (found == workers_.end()) {
      auto fresh = std::make_unique<Worker>();
      fresh->name = thread;
      found = workers_.insert(workers_.end(), std::move(fresh));
    }
    auto& worker = **found;
    if (worker.alive || !attach(worker)) continue;
    current_ = static_cast<std::size_t>(found - workers_.begin());
    batch_ = 0;
    next_rescan_ = now;
    return true;
  }
  return false;
}

bool Consumer::attach(Worker& worker) {
  ipc::Segment segment;
  ipc::AttachDetail detail;
  const auto name = std::string(events_prefix) + worker.name;
  const auto status =
      ipc::attach_segment(options_.instance, name, ipc::SegmentKind::Broadcast, segment, &detail);
  worker.problem = status == ipc::AttachStatus::Ok
                       ? std::string()
                       : ipc::describe(status, detail, options_.instance, name);
  if (status != ipc::AttachStatus::Ok) return false;
  const bool first = worker.segment == nullptr;
  if (!first && same_creation(*worker.segment, segment)) {
    if (worker.corrupt) return false;
    // The same writer: it had hung. What it wrote since is still to be read.
    worker.liveness = worker.segment->liveness(ipc::now_ticks(), bounds_);
    worker.alive = worker.liveness == ipc::Liveness::Alive;
    return worker.alive;
  }
  worker.segment = std::make_unique<ipc::Segment>(std::move(segment));
  worker.reader = ipc::BroadcastReader(*worker.segment);
  // All that a successor has said is news, unless only what comes from now on was asked for at
  // first.
  if (!first || options_.join == Join::Start) {
    worker.reader.join_at_start();
  } else if (options_.join == Join::Tail) {
    worker.reader.join_at_tail();
  }
  worker.alive = true;
  worker.corrupt = false;
  worker.liveness = ipc::Liveness::Alive;
  catalogues_.refresh();
  return true;
}

void IdleLadder::pause() noexcept {
  if (idle_ < spins) {
    ++idle_;
    return;
  }
  const unsigned rung = std::min(idle_ - spins, 5U);
  if (rung < 5) ++idle_;
  const auto sleep_ns = std::min(sleep_ns_min << rung, sleep_ns_max);
  const timespec time{0, static_cast<long>(sleep_ns)};
  ::nanosleep(&time, nullptr);  // a signal ends it early, which is as well
}

}  // namespace ringside::tools
