#include "tools/jobs/batch.hpp"

#include <algorithm>
#include <bit>

#include "ipc/check.hpp"

namespace ringside::jobs {

Batch::Batch(Pool& pool, std::size_t count, Body body, void* context, const BatchOptions& options)
    : pool_(pool),
      count_(count),
      body_(body),
      context_(context),
      options_(options),
      pieces_(pieces_max) {
  RINGSIDE_CHECK(options.align_items != 0);
  for (unsigned i = 0; i < pieces_max; ++i) {
    pieces_[i].run = [](Task& task, Worker& worker) noexcept {
      auto& piece = static_cast<Piece&>(task);
      auto& batch = *piece.batch;
      const auto slot = piece.slot;
      batch.run_range(piece.begin, piece.end, &worker);
      batch.release_piece(slot);
    };
    pieces_[i].batch = this;
    pieces_[i].slot = i;
  }
}

unsigned Batch::pieces_at_once() const noexcept {
  const auto wanted =
      options_.concurrency_max != 0 ? options_.concurrency_max : pool_.options().concurrency_max;
  return wanted == 0 ? static_cast<unsigned>(pieces_max)
                     : std::min(wanted, static_cast<unsigned>(pieces_max));
}

void Batch::start() noexcept {
  RINGSIDE_CHECK(!started_);
  started_ = true;
  auto* const self = Worker::current();
  const bool mine = self != nullptr && &self->pool() == &pool_;
  if (mine) waiter_ = self->index();
  if (count_ == 0 || count_ <= pool_.options().small_batch_items) {
    run_range(0, count_, nullptr);
    completion_.finish();
    return;
  }
  // This one stays claimed until everything has been handed out, so that nothing ends before.
  Piece* const whole = claim_piece(0, count_);
  if (!pool_.options().stealing) {
    post_pieces();
    release_piece(whole->slot);
  } else if (mine) {
    whole->run(*whole, *self);
  } else if (!post_piece(*whole)) {
    tally_.end(BatchEnd::Stopped);
    release_piece(whole->slot);
  }
}

// Nobody steals: equal shares, a worker each.
void Batch::post_pieces() noexcept {
  const auto shares = std::max<std::size_t>(
      1, std::min<std::size_t>({pool_.worker_count(), pieces_at_once(), pieces_max - 1}));
  std::size_t begin = 0;
  for (std::size_t share = 1; share <= shares; ++share) {
    const auto end = share == shares ? count_ : std::min(count_, aligned(count_ * share / shares));
    if (end <= begin) continue;
    // One more than may run at once is claimed: the whole, which does not run.
    const auto slot = static_cast<unsigned>(share);
    live_.fetch_or(std::uint64_t{1} << slot, std::memory_order_relaxed);
    pieces_[slot].begin = begin;
    pieces_[slot].end = end;
    if (!post_piece(pieces_[slot])) {
      tally_.end(BatchEnd::Stopped);
      release_piece(slot);
    }
    begin = end;
  }
}

bool Batch::post_piece(Piece& piece) noexcept {
  return pool_.post(
             [&piece](Worker* worker, Posted::Fate fate) {
               if (fate == Posted::Fate::Run) {
                 piece.run(piece, *worker);
                 return;
               }
               piece.batch->tally_.end(BatchEnd::Stopped);
               piece.batch->release_piece(piece.slot);
             },
             options_.priority) == PostStatus::Ok;
}

void Batch::wait() noexcept {
  if (!started_) return;
  auto* const self = Worker::current();
  if (self != nullptr && &self->pool() == &pool_) {
    RINGSIDE_CHECK(waiter_ == self->index());
    self->help_until(completion_);
  } else {
    completion_.wait();
  }
}

bool Batch::wait_until(std::uint64_t time_ns) noexcept {
  return !started_ || completion_.wait(
                          time_ns, +[] { return monotonic_ns(); });
}

Batch::Piece* Batch::claim_piece(std::size_t begin, std::size_t end) noexcept {
  auto live = live_.load(std::memory_order_relaxed);
  for (;;) {
    if (static_cast<unsigned>(std::popcount(live)) >= pieces_at_once()) return nullptr;
    const auto bit = ~live & (live + 1);
    if (live_.compare_exchange_weak(live, live | bit,
                                    std::memory_order_acquire,  // pairs with release_piece()
                                    std::memory_order_relaxed)) {
      auto& piece = pieces_[static_cast<unsigned>(std::countr_zero(bit))];
      piece.begin = begin;
      piece.end = end;
      return &piece;
    }
  }
}

// The last one ends the batch, which may be gone from then on. A new piece is claimed only by one
// that is in flight, so that the bits never come back from 0.
void Batch::release_piece(unsigned slot) noexcept {
  const auto bit = std::uint64_t{1} << slot;
  auto& parking = pool_.parking();
  const auto waiter = waiter_;
  if (live_.fetch_and(~bit, std::memory_order_acq_rel) != bit) return;
  completion_.finish();
  if (waiter != workers_max) parking.wake(waiter);
}

bool Batch::stopped() noexcept {
  if (tally_.ended() != BatchEnd::Complete) return true;
  if (options_.cancel != nullptr && options_.cancel->requested()) {
    tally_.end(BatchEnd::Cancelled);
  } else if (options_.deadline_ns != 0 && options_.now() >= options_.deadline_ns) {
    tally_.end(BatchEnd::Expired);
  } else if (pool_.stopping()) {
    tally_.end(BatchEnd::Stopped);
  } else {
    return false;
  }
  return true;
}

// The next index at which a piece may begin, from `index`.
std::size_t Batch::aligned(std::size_t index) const noexcept {
  const auto line = options_.align_items;
  const auto past = (index + line - options_.first_aligned % line) % line;
  return past == 0 ? index : index + line - past;
}

void Batch::offer_half(std::size_t begin, std::size_t& end, Worker& worker) noexcept {
  const auto middle = aligned(begin + (end - begin) / 2);
  if (middle <= begin || middle >= end) return;
  Piece* const half = claim_piece(middle, end);
  if (half == nullptr) return;
  if (worker.push(*half)) {
    end = middle;
  } else {
    release_piece(half->slot);  // this one is in flight: not the last
  }
}

void Batch::run_range(std::size_t begin, std::size_t end, Worker* worker) noexcept {
  const bool splits = worker != nullptr && pool_.options().stealing;
  const auto target_ns = pool_.options().chunk_ns;
  std::size_t chunk = 1;  // not what another piece had come to: its items may be of another kind
  while (begin < end && !stopped()) {
    if (splits && worker->task_count() == 0) offer_half(begin, end, *worker);
    const auto until = std::min(end, aligned(begin + std::min(chunk, end - begin)));
    const auto started_ns = options_.now();
    run_chunk(begin, until);
    const auto taken_ns = std::max<std::uint64_t>(options_.now() - started_ns, 1);
    // Twice as many at most, but at once as few as it should have been.
    chunk = std::clamp<std::size_t>((until - begin) * target_ns / taken_ns, 1, chunk * 2);
    begin = until;
    if (worker != nullptr) worker->run_more_urgent_than(options_.priority);
  }
}

void Batch::run_chunk(std::size_t begin, std::size_t end) noexcept {
  std::size_t failed = 0;
  std::size_t next = begin;
  while (next < end) {
    const char* unknown = "not a std::exception";
    try {
      body_(context_, next, end);
      break;
    } catch (const std::exception& error) {
      tally_.fail(next - 1, error.what());
    } catch (...) {
      tally_.fail(next - 1, unknown);
    }
    ++failed;
    if (!options_.stop_at_failure) continue;
    tally_.end(BatchEnd::Failed);
    break;
  }
  tally_.succeed(next - begin - failed);
}

Outcome Batch::outcome() {
  RINGSIDE_CHECK(!started_ || completion_.done());
  return tally_.outcome(count_);
}

}  // namespace ringside::jobs
