#include "tools/jobs/operations.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ipc/check.hpp"

namespace ringside::jobs {
namespace {

constexpr std::uint32_t bit_of(Strategy strategy) { return 1U << static_cast<unsigned>(strategy); }

// Closes what an item opened, whatever becomes of it.
class OpenRange {
 public:
  explicit OpenRange(const FileRange& range) noexcept : range_(range) {}
  ~OpenRange() {
    if (range_.close_after && range_.file >= 0) ::close(range_.file);
  }
  OpenRange(OpenRange&& other) noexcept : range_(std::exchange(other.range_, {})) {}
  OpenRange& operator=(OpenRange&& other) noexcept {
    std::swap(range_, other.range_);
    return *this;
  }
  [[nodiscard]] const FileRange& operator*() const noexcept { return range_; }

 private:
  FileRange range_;
};

void check_whole(std::size_t bytes, std::size_t wanted) {
  if (bytes == wanted) return;
  throw std::runtime_error("the file ended after " + std::to_string(bytes) + " of " +
                           std::to_string(wanted) + " bytes: it was cut while it was read");
}

[[noreturn]] void cannot_read(int error) {
  throw std::system_error(error, std::generic_category(), "cannot read");
}

void read_all(const FileRange& range, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto got = ::pread(range.file, into.data() + done, into.size() - done,
                             static_cast<off_t>(range.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  check_whole(done, into.size());
}

}  // namespace

// One call of run(). What workers touch is atomic, or of a slot that was handed to them.
struct Operations::Run {
  Run(OperationKind of, std::size_t items, const OperationSteps& what, const OperationOptions& how,
      Operations& by)
      : kind(of), count(items), steps(what), options(how), operations(by) {}

  OperationKind kind;
  std::size_t count;
  const OperationSteps& steps;
  const OperationOptions& options;
  Operations& operations;
  std::size_t next = 0;  // the first that has not been begun
  Tally tally;
  struct Reading {
    std::size_t index = 0;
    OpenRange range{FileRange{}};
    FileDone done;
  };
  std::array<Reading, slots_max> reading;  // by slot
  std::uint64_t first_read_ns = 0, last_read_ns = 0;
  std::uint64_t tick_at_ns = monotonic_ns() + options.tick_ns;
  // By workers:
  std::atomic<std::uint64_t> first_ns{0}, last_ns{0};  // of all chunks of the pool
  std::atomic<std::uint64_t> busy_ns{0}, computed{0};

  [[nodiscard]] std::uint64_t now() const noexcept { return options.batch.now(); }
  // However busy: progress does not put it off.
  void tick_when_due() {
    if (options.tick == nullptr) return;
    const auto at = monotonic_ns();
    if (at < tick_at_ns) return;
    tick_at_ns = at + options.tick_ns;
    options.tick(options.tick_context);
  }
  // Before each item; the clock is looked at only for a deadline.
  [[nodiscard]] bool stopped() noexcept {
    if (tally.ended() != BatchEnd::Complete) return true;
    if (options.batch.cancel != nullptr && options.batch.cancel->requested()) {
      tally.end(BatchEnd::Cancelled);
    } else if (options.batch.deadline_ns != 0 && now() >= options.batch.deadline_ns) {
      tally.end(BatchEnd::Expired);
    } else if (operations.pool_.stopping()) {
      tally.end(BatchEnd::Stopped);
    } else {
      return false;
    }
    return true;
  }
  template <typename Work>
  void guarded(std::size_t index, Work&& work) noexcept {
    try {
      work();
      tally.succeed();
      return;
    } catch (const std::exception& error) {
      tally.fail(index, error.what());
    } catch (...) {
      tally.fail(index, "not a std::exception");
    }
    if (options.batch.stop_at_failure) tally.end(BatchEnd::Failed);
  }
};

Operations::Operations(Pool& pool, const OperationLimits& limits)
    : pool_(pool),
      limits_(limits),
      slots_(limits.buffers),
      buffers_(limits.buffers),
      worker_buffers_(pool.worker_count() + 1) {
  RINGSIDE_CHECK(limits.buffers >= 1 && limits.buffers <= slots_max);
  if (limits.queue) {
    try {
      queue_.emplace(limits.buffers);
    } catch (const std::system_error& error) {
      queue_refusal_ = error.what();
    }
  } else {
    queue_refusal_ = "switched off";
  }
  const auto hand_over_ns = measured_hand_over_ns();
  for (const auto kind :
       {OperationKind::Compute, OperationKind::Read, OperationKind::ReadAndCompute}) {
    costs_.emplace_back(kind, pool.worker_count(), limits.buffers, hand_over_ns);
  }
}

// Nothing to do, handed to a worker that sleeps.
double Operations::measured_hand_over_ns() {
  constexpr unsigned times = 5;
  std::array<std::uint64_t, times> taken{};
  for (auto& each : taken) {
    const auto begin = monotonic_ns();
    if (!pool_.run([] {})) return 0;  // the pool has stopped
    each = monotonic_ns() - begin;
  }
  std::sort(taken.begin(), taken.end());
  return static_cast<double>(taken[times / 2]);
}

std::span<std::byte> Operations::room(PageBuffer& buffer, std::size_t bytes) const {
  if (bytes > limits_.buffer_bytes_max) {
    throw std::length_error(std::to_string(bytes) +
                            " bytes at once are more than a buffer takes, " +
                            std::to_string(limits_.buffer_bytes_max));
  }
  return {buffer.room(bytes), bytes};
}

// Read and take, in this thread.
void Operations::run_item(const Run& run, std::size_t index, PageBuffer& buffer) {
  if (run.steps.range == nullptr) return run.steps.take(run.steps.context, index, {});
  const OpenRange range(run.steps.range(run.steps.context, index));
  const auto into = room(buffer, (*range).bytes);
  read_all(*range, into);
  run.steps.take(run.steps.context, index, into);
}

unsigned Operations::allowed(const Run& run) const noexcept {
  unsigned bits = bit_of(Strategy::InPlace) | bit_of(Strategy::Pool);
  if (queue_ && run.kind != OperationKind::Compute) bits |= bit_of(Strategy::Queue);
  return bits;
}

Outcome Operations::run(OperationKind kind, std::size_t count, const OperationSteps& steps,
                        const OperationOptions& options) {
  RINGSIDE_CHECK(Worker::current() == nullptr || &Worker::current()->pool() != &pool_);
  RINGSIDE_CHECK((steps.range == nullptr) == (kind == OperationKind::Compute));
  Run run(kind, count, steps, options, *this);
  if (options.fixed) {
    const bool had = (allowed(run) & bit_of(*options.fixed)) != 0;
    run_as(had ? *options.fixed : Strategy::Pool, run);
    return run.tally.outcome(count);
  }
  auto& costs = costs_[static_cast<std::size_t>(kind)];
  if (costs.wants_probe()) {
    costs.learn(Strategy::InPlace,
                in_place(run, std::min(count, probe_items), costs.hand_over_ns() * probe_items));
  }
  items_[static_cast<std::size_t>(Strategy::InPlace)] += run.next;
  if (run.next < count) run_as(costs.choose(count - run.next, allowed(run)), run);
  return run.tally.outcome(count);
}

void Operations::run_as(Strategy strategy, Run& run) {
  last_strategy_ = strategy;
  items_[static_cast<std::size_t>(strategy)] += run.count - run.next;
  StrategyCost cost;
  switch (strategy) {
    case Strategy::InPlace:
      cost = in_place(run, run.count, 0);
      break;
    case Strategy::Pool:
      cost = by_pool(run);
      break;
    case Strategy::Queue:
      cost = by_queue(run);
      break;
  }
  if (run.tally.ended() != BatchEnd::Complete) return;  // cut short: no measure
  costs_[static_cast<std::size_t>(run.kind)].learn(strategy, cost);
}

// Up to `end`, or until it has taken so long; 0: however long.
StrategyCost Operations::in_place(Run& run, std::size_t end, double until_ns) {
  const auto first = run.next;
  const auto begin = run.now();
  auto& buffer = worker_buffers_.back();
  for (; run.next < end && !run.stopped(); ++run.next) {
    run.guarded(run.next, [&] { run_item(run, run.next, buffer); });
    run.tick_when_due();
    if (until_ns != 0 && static_cast<double>(run.now() - begin) > until_ns) {
      ++run.next;
      break;
    }
  }
  return {run.next - first, 0, static_cast<double>(run.now() - begin)};
}

namespace {

// Of several workers: the earliest begin, the latest end.
void note(std::atomic<std::uint64_t>& first, std::atomic<std::uint64_t>& last, std::uint64_t begin,
          std::uint64_t end) noexcept {
  std::uint64_t nothing = 0;
  first.compare_exchange_strong(nothing, begin, std::memory_order_relaxed,
                                std::memory_order_relaxed);  // read after the batch
  auto seen = last.load(std::memory_order_relaxed);
  while (seen < end && !last.compare_exchange_weak(seen, end, std::memory_order_relaxed,
                                                   std::memory_order_relaxed)) {
  }
}

}  // namespace

// A buffer of its own for each chunk that is under way on a worker: one that waits may begin
// another on top of it.
void Operations::run_chunk(Run& run, std::size_t first, std::size_t& next, std::size_t end) {
  struct Lent {
    PageBuffer& home;
    PageBuffer buffer;
    explicit Lent(PageBuffer& of) : home(of), buffer(std::exchange(of, {})) {}
    ~Lent() { home = std::move(buffer); }
  };
  auto& operations = run.operations;
  const auto* const worker = Worker::current();
  const bool mine = worker != nullptr && &worker->pool() == &operations.pool_;
  Lent lent(mine ? operations.worker_buffers_[worker->index()] : operations.worker_buffers_.back());
  const auto begin = run.now();
  while (next < end) operations.run_item(run, first + next++, lent.buffer);
  note(run.first_ns, run.last_ns, begin, run.now());
}

StrategyCost Operations::by_pool(Run& run) {
  const auto first = run.next;
  struct Part {
    Run& run;
    std::size_t first;
  } part{run, first};
  const auto body = [](void* context, std::size_t& next, std::size_t end) {
    const auto& chunk = *static_cast<Part*>(context);
    run_chunk(chunk.run, chunk.first, next, end);
  };
  const auto begin = run.now();
  Batch batch(pool_, run.count - first, body, &part, run.options.batch);
  batch.start();
  if (run.options.tick != nullptr) {
    while (!batch.wait_until(run.tick_at_ns)) run.tick_when_due();
  }
  batch.wait();
  run.tally.add(batch.outcome(), first);
  run.next = run.count;
  const auto end = run.now();
  const auto from = run.first_ns.load(std::memory_order_relaxed);
  const auto to = std::min(run.last_ns.load(std::memory_order_relaxed), end);
  if (from == 0 || to < from) return {run.count - first, 0, static_cast<double>(end - begin)};
  return {run.count - first, static_cast<double>(from - begin + (end - to)),
          static_cast<double>(to - from)};
}

// Reads go on as long as there is a buffer for what they bring.
StrategyCost Operations::by_queue(Run& run) {
  const auto first = run.next;
  const auto begin = run.now();
  for (;; run.tick_when_due()) {
    if (const auto slots = begin_reads(run); slots != 0) {
      take_slots(run, slots);
    } else if (queue_->under_way() != 0) {
      take_slots(run, finished_reads(run));
    } else if (run.next == run.count || run.stopped()) {
      break;
    } else {  // workers have all buffers: until there is something to read for
      slots_.wait_free(std::max(slots_.count() / 4, 1U), run.tick_at_ns, &monotonic_ns);
    }
  }
  while (!slots_.wait_free(slots_.count(), run.tick_at_ns, &monotonic_ns)) run.tick_when_due();
  const auto end = run.now();
  if (run.first_read_ns == 0) return {};
  const auto last = run.kind == OperationKind::ReadAndCompute ? end : run.last_read_ns;
  return {run.next - first, static_cast<double>(run.first_read_ns - begin + (end - last)),
          static_cast<double>(last - run.first_read_ns)};
}

// Of what has nothing to read: the slots, to be taken at once.
std::uint32_t Operations::begin_reads(Run& run) {
  std::uint32_t nothing_to_read = 0;
  while (run.next < run.count && !run.stopped()) {
    const auto slot = slots_.claim();
    if (slot == slots_max) break;
    auto& reading = run.reading[slot];
    reading.index = run.next++;
    reading.done = {slot, 0, 0};
    try {
      begin_read(run, slot);
      if ((*reading.range).bytes == 0) nothing_to_read |= 1U << slot;
      continue;
    } catch (const std::exception& error) {
      run.tally.fail(reading.index, error.what());
    } catch (...) {
      run.tally.fail(reading.index, "not a std::exception");
    }
    if (run.options.batch.stop_at_failure) run.tally.end(BatchEnd::Failed);
    reading.range = OpenRange(FileRange{});
    slots_.release(1U << slot);
  }
  return nothing_to_read;
}

void Operations::begin_read(Run& run, unsigned slot) {
  auto& reading = run.reading[slot];
  reading.range = OpenRange(run.steps.range(run.steps.context, reading.index));
  const auto& range = *reading.range;
  if (range.bytes == 0) return;
  // As deep as there are slots: never full.
  RINGSIDE_CHECK(queue_->read({range.file, range.offset, room(buffers_[slot], range.bytes), slot}));
}

std::uint32_t Operations::finished_reads(Run& run) {
  std::array<FileDone, slots_max> done;
  const auto count = queue_->wait(done, run.options.tick_ns);
  std::uint32_t slots = 0;
  for (std::size_t i = 0; i < count; ++i) {
    run.reading[done[i].tag].done = done[i];
    slots |= 1U << done[i].tag;
  }
  return slots;
}

void Operations::take_slots(Run& run, std::uint32_t slots) {
  if (slots == 0) return;
  if (run.first_read_ns == 0) run.first_read_ns = run.now();
  if (run.kind == OperationKind::ReadAndCompute) {
    give_to_workers(run, slots);
  } else {
    compute_slots(run, slots);
  }
  run.last_read_ns = run.now();
}

// Small items several at once, large ones each for itself; to every worker something.
void Operations::give_to_workers(Run& run, std::uint32_t slots) {
  const auto computed = run.computed.load(std::memory_order_relaxed);  // a hint
  const double each = computed == 0
                          ? group_ns
                          : static_cast<double>(run.busy_ns.load(std::memory_order_relaxed)) /
                                static_cast<double>(computed);
  const auto fair = (static_cast<unsigned>(std::popcount(slots)) + pool_.worker_count() - 1) /
                    pool_.worker_count();
  const auto group = std::clamp(static_cast<unsigned>(group_ns / std::max(each, 1.0)), 1U, fair);
  while (slots != 0) {
    std::uint32_t taken = 0;
    for (unsigned i = 0; i < group && slots != 0; ++i) {
      const auto bit = slots & (~slots + 1);
      taken |= bit;
      slots &= ~bit;
    }
    const auto compute = [&run, taken](Worker*, Posted::Fate fate) {
      if (fate == Posted::Fate::Drop) run.tally.end(BatchEnd::Stopped);
      compute_slots(run, taken);
    };
    if (pool_.post(compute, run.options.batch.priority) == PostStatus::Ok) continue;
    run.tally.end(BatchEnd::Stopped);
    compute_slots(run, taken);
  }
}

// What was read when the batch had ended is let go of.
void Operations::compute_slots(Run& run, std::uint32_t slots) noexcept {
  const auto begin = run.now();
  const auto all = slots;
  std::uint64_t computed = 0;
  for (; slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<unsigned>(std::countr_zero(slots));
    auto& reading = run.reading[slot];
    const auto range = std::move(reading.range);
    if (run.stopped()) continue;
    ++computed;
    run.guarded(reading.index, [&] {
      if (reading.done.error != 0) cannot_read(reading.done.error);
      check_whole(reading.done.bytes, (*range).bytes);
      run.steps.take(run.steps.context, reading.index,
                     {run.operations.buffers_[slot].data(), (*range).bytes});
    });
  }
  run.busy_ns.fetch_add(run.now() - begin, std::memory_order_relaxed);  // hints
  run.computed.fetch_add(computed, std::memory_order_relaxed);
  run.operations.slots_.release(all);  // the run may be gone from here on
}

}  // namespace ringside::jobs
