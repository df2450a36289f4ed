// The pool's deque, injection queue, parking and completion over the checker.
//
// Allowed: a thief that comes too late; a full deque or queue; a worker that is woken for nothing.
// Forbidden: a task that is run twice or never, a data race on what it points at, an item out of
// its writer's order, a thread that sleeps for ever.
#include <array>
#include <memory>

#include "tests/model/mutants.hpp"
#include "tools/jobs/deque.hpp"
#include "tools/jobs/injection.hpp"
#include "tools/jobs/parking.hpp"
#include "tools/jobs/slots.hpp"

namespace ringside::jobs {
namespace {

using namespace ringside::model;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto release = std::memory_order_release;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto seq_cst = std::memory_order_seq_cst;

// --- Deque --------------------------------------------------------------------------------------

constexpr unsigned task_count = 5;

struct Task {
  ipc::Plain<std::uint64_t> sealed;
  unsigned runs = 0;  // of the test, not of the model
};
using SmallDeque = Deque<Task, 2>;

void run(Checker& checker, Task* task) {
  if (task == nullptr) return;
  checker.forbid(task->sealed != 7, "a task before its contents");
  checker.forbid(++task->runs > 1, "a task that is run twice");
}

void deque(Checker& checker) {
  const auto deque = std::make_unique<SmallDeque>();
  const auto tasks = std::make_unique<std::array<Task, task_count>>();
  const auto* const at = reinterpret_cast<const std::byte*>(deque.get());
  checker.name(at, 8, "top");
  checker.name(at + 128, 8, "bottom");
  checker.name(at + 256, 16, "cells");
  checker.thread([&] {
    for (Task& task : *tasks) {
      task.sealed = 7;
      while (!deque->push(&task)) run(checker, deque->take());
      if (checker.random(2) == 0) run(checker, deque->take());
    }
  });
  for (unsigned thief = 0; thief < 2; ++thief) {
    checker.thread([&] {
      for (unsigned tries = 0; tries < 6; ++tries) run(checker, deque->steal());
    });
  }
  checker.run();
  while (Task* const left = deque->take()) ++left->runs;
  for (const Task& task : *tasks) checker.forbid(task.runs != 1, "a task that is not run once");
}

TEST(JobsModel, TheDequeHolds) { expect_sound(deque); }

TEST(JobsModel, EveryMutantOfTheDequeIsCaught) {
  const std::vector<Mutant> mutants{
      {"O1, O3: bottom stored relaxed",
       deque,
       {{"bottom", Access::Store, seq_cst, Change::Relaxed}}},
      {"O3: bottom stored with release",
       deque,
       {{"bottom", Access::Store, seq_cst, Change::AcquireRelease}}},
      {"O4: top loaded with acquire",
       deque,
       {{"top", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"T2: bottom loaded with acquire",
       deque,
       {{"bottom", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"T2: bottom loaded relaxed", deque, {{"bottom", Access::Load, seq_cst, Change::Relaxed}}},
      {"T4, O6: no compare-exchange", deque, {{"top", Access::Update, seq_cst, Change::Dropped}}},
      {"T4: top exchanged with release and acquire",
       deque,
       {{"top", Access::Update, seq_cst, Change::AcquireRelease}}},
      {"O2: the bound of a full deque, one more",
       deque,
       {{"top", Access::Load, acquire, Change::Forward, 1}}},
      {"O5: bottom is not put back", deque, {{"bottom", Access::Store, relaxed, Change::Dropped}}},
  };
  expect_caught(mutants);
}

// --- Injection queue ----------------------------------------------------------------------------

constexpr std::uint64_t items_each = 3;
using Item = ipc::Plain<std::uint64_t>;
using Queue = InjectionQueue<Item>;

void name_words(Checker& checker, const Queue& queue) {
  // The cells lie elsewhere and have no name.
  const auto* const at = reinterpret_cast<const std::byte*>(&queue);
  checker.name(at + 128, 8, "tail");
  checker.name(at + 256, 8, "head");
  checker.name(at + 384, 4, "waiting");
  checker.name(at + 388, 4, "room");
  checker.allow_writing_in_turns();
}

void put_items(Checker& checker, Queue& queue, std::uint64_t writer) {
  for (std::uint64_t next = 0; next < items_each;) {
    const std::array<Item, 2> items{Item{writer * 10 + next}, Item{writer * 10 + next + 1}};
    const auto wanted = std::min<std::size_t>(1 + checker.random(2), items_each - next);
    const auto put = queue.put({items.data(), wanted});
    next += put;
    if (put == 0) queue.wait_for_room([] { return false; });
  }
}

void injection(Checker& checker) {
  const auto queue = std::make_unique<Queue>(2);
  name_words(checker, *queue);
  std::array<unsigned, 20> taken{};
  unsigned taken_count = 0;
  checker.thread([&] { put_items(checker, *queue, 0); });
  checker.thread([&] { put_items(checker, *queue, 1); });
  for (unsigned reader = 0; reader < 2; ++reader) {
    checker.thread([&] {
      std::array<std::uint64_t, 2> next{0, 10};
      while (taken_count < 2 * items_each) {
        std::array<Item, 2> items;
        const auto count = queue->take({items.data(), 1 + checker.random(2)});
        if (count == 0) checker.pause();
        for (std::size_t i = 0; i < count; ++i) {
          const std::uint64_t number = items[i];
          ++taken_count;
          checker.forbid(number >= taken.size() || ++taken[number] > 1, "an item twice");
          checker.forbid(number < next[number / 10 % 2], "an item out of its writer's order");
          next[number / 10 % 2] = number + 1;
        }
      }
    });
  }
  checker.run();
}

TEST(JobsModel, TheInjectionQueueHolds) { expect_sound(injection); }

TEST(JobsModel, EveryMutantOfTheInjectionQueueIsCaught) {
  const std::vector<Mutant> mutants{
      {"P2, C3: sequence stored relaxed",
       injection,
       {{"", Access::Store, seq_cst, Change::Relaxed}}},
      {"P1, C1: sequence loaded relaxed",
       injection,
       {{"", Access::Load, acquire, Change::Relaxed}}},
      {"P2, C3: sequence stored with release",
       injection,
       {{"", Access::Store, seq_cst, Change::AcquireRelease}}},
      {"R1: waiting said with release and acquire, looked at with acquire",
       injection,
       {{"waiting", Access::Update, seq_cst, Change::AcquireRelease},
        {"waiting", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"the look before sleeping is not seq_cst",
       injection,
       {{"", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"nobody says that there is room",
       injection,
       {{"room", Access::Update, release, Change::Dropped}}},
      {"a claim that claims nothing",
       injection,
       {{"head", Access::Update, seq_cst, Change::Dropped}}},
  };
  expect_caught(mutants);
}

// --- Parking ------------------------------------------------------------------------------------

constexpr unsigned published = 3;

struct Parked {
  Queue queue{4};
  ParkingLot lot;
  unsigned taken = 0;  // of the test
};

bool take_one(Parked& parked) {
  Item item;
  if (!parked.queue.take(item)) return false;
  ++parked.taken;
  return true;
}

void work(Checker& checker, Parked& parked, unsigned index) {
  while (parked.taken < published) {
    if (take_one(parked)) continue;
    parked.lot.begin_search();
    for (bool searching = true; searching && parked.taken < published;) {
      if (take_one(parked)) {
        searching = false;
      } else {
        parked.lot.park(index, [&] { return parked.queue.ready() || parked.taken == published; });
        checker.pause();
      }
    }
    if (parked.lot.end_search() && parked.queue.ready()) parked.lot.wake_one();
  }
  parked.lot.wake(1 - index);  // it may be waiting for what will not come
}

void parking(Checker& checker) {
  const auto parked = std::make_unique<Parked>();
  name_words(checker, parked->queue);
  const auto* const at = reinterpret_cast<const std::byte*>(&parked->lot);
  checker.name(at, 8, "state");
  for (unsigned i = 0; i < 2; ++i) checker.name(at + 128 + 128 * std::size_t{i}, 4, "wakes");
  checker.thread([&] {
    for (std::uint64_t i = 0; i < published; ++i) {
      const Item item{i};
      checker.forbid(parked->queue.put({&item, 1}) == 0, "no room in an empty queue");
      parked->lot.wake_one();
    }
  });
  for (unsigned i = 0; i < 2; ++i) checker.thread([&, i] { work(checker, *parked, i); });
  checker.run();
}

TEST(JobsModel, NobodySleepsOverWork) { expect_sound(parking); }

TEST(JobsModel, EveryMutantOfParkingIsCaught) {
  const std::vector<Mutant> mutants{
      {"W1: work published with release",
       parking,
       {{"", Access::Store, seq_cst, Change::AcquireRelease}}},
      {"W2: state loaded with acquire",
       parking,
       {{"state", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"K1: the bit set with release and acquire",
       parking,
       {{"state", Access::Update, seq_cst, Change::AcquireRelease}}},
      {"K2: the last look not seq_cst",
       parking,
       {{"", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"K2: a last look that looks nowhere new",
       parking,
       {{"", Access::Load, seq_cst, Change::Repeated}}},
      {"W4: the word is not moved", parking, {{"wakes", Access::Update, release, Change::Dropped}}},
      {"K4: the bit looked at once only",
       parking,
       {{"state", Access::Load, acquire, Change::Repeated}}},
  };
  expect_caught(mutants);
}

// --- Completion ---------------------------------------------------------------------------------

void completion(Checker& checker) {
  struct State {
    Completion completion;
    ipc::Plain<std::uint64_t> result{0};
  };
  const auto state = std::make_unique<State>();
  checker.name(&state->completion, 4, "word");
  checker.thread([&] {
    state->result = 7;
    state->completion.finish();
  });
  checker.thread([&] {
    if (checker.random(2) == 0 && state->completion.done()) {
      checker.forbid(state->result != 7, "done without a result");
    }
    state->completion.wait();
    checker.forbid(state->result != 7, "done without a result");
  });
  checker.run();
}

// A worker that waits parks like one without work, and is woken in particular.
void joining(Checker& checker) {
  struct State {
    Completion completion;
    ParkingLot lot;
    ipc::Plain<std::uint64_t> result{0};
  };
  const auto state = std::make_unique<State>();
  checker.name(&state->completion, 4, "word");
  checker.thread([&] {
    state->result = 7;
    state->completion.finish();
    state->lot.wake(1);
  });
  checker.thread([&] {
    state->lot.begin_search();
    while (!state->completion.done()) {
      state->lot.park(1, [&] { return state->completion.done(); });
    }
    checker.forbid(state->result != 7, "done without a result");
  });
  checker.run();
}

TEST(JobsModel, AWorkerThatWaitsIsWoken) { expect_sound(joining); }
TEST(JobsModel, TheCompletionHolds) { expect_sound(completion); }

TEST(JobsModel, EveryMutantOfTheCompletionIsCaught) {
  const std::vector<Mutant> mutants{
      {"F1: done relaxed", completion, {{"word", Access::Update, seq_cst, Change::Relaxed}}},
      {"F2: looked at relaxed", completion, {{"word", Access::Load, seq_cst, Change::Relaxed}}},
      {"F1, for a worker that parks: done with release and acquire",
       joining,
       {{"word", Access::Update, seq_cst, Change::AcquireRelease}}},
      {"F2, for a worker that parks: looked at with acquire",
       joining,
       {{"word", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"F1: never done", completion, {{"word", Access::Update, seq_cst, Change::Dropped}}},
  };
  expect_caught(mutants);
}

// --- Slots --------------------------------------------------------------------------------------

constexpr unsigned buffers_each = 4;

// The owner fills buffers and hands each to one of two threads, which reads it and gives it back.
struct Lending {
  Slots slots{2};
  std::array<ipc::Plain<std::uint64_t>, 2> buffers{};
  Queue handed{4};
  unsigned taken = 0;  // of the test
};

void give_back(Checker& checker, Lending& lending) {
  while (lending.taken < buffers_each) {
    Item item;
    if (!lending.handed.take(item)) {
      checker.pause();
      continue;
    }
    ++lending.taken;
    const std::uint64_t number = item;
    checker.forbid(lending.buffers[number % 10] != number, "a buffer that was filled again");
    lending.slots.release(1U << (number % 10));
  }
}

void lending(Checker& checker) {
  const auto lending = std::make_unique<Lending>();
  name_words(checker, lending->handed);
  checker.name(reinterpret_cast<const std::byte*>(&lending->slots) + 4, 4, "slots");
  checker.thread([&] {
    for (std::uint64_t number = 0; number < buffers_each; ++number) {
      auto slot = lending->slots.claim();
      for (; slot == slots_max; slot = lending->slots.claim()) lending->slots.wait_free(1);
      lending->buffers[slot] = number * 10 + slot;
      const Item item{number * 10 + slot};
      checker.forbid(lending->handed.put({&item, 1}) == 0, "no room in an empty queue");
    }
    lending->slots.wait_free(2);
    checker.forbid(lending->taken != buffers_each, "all free before all were given back");
  });
  for (unsigned i = 0; i < 2; ++i) checker.thread([&] { give_back(checker, *lending); });
  checker.run();
}

TEST(JobsModel, SlotsAreLentToOneAtATime) { expect_sound(lending); }

TEST(JobsModel, EveryMutantOfTheSlotsIsCaught) {
  const std::vector<Mutant> mutants{
      {"N1: looked at relaxed", lending, {{"slots", Access::Load, acquire, Change::Relaxed}}},
      {"L1: given back relaxed",
       lending,
       {{"slots", Access::Update, std::memory_order_acq_rel, Change::Relaxed}}},
      {"L1, N2: nothing is given back, or wanted",
       lending,
       {{"slots", Access::Update, std::memory_order_acq_rel, Change::Dropped}}},
      {"N1: looked at once only", lending, {{"slots", Access::Load, acquire, Change::Repeated}}},
  };
  expect_caught(mutants);
}

}  // namespace
}  // namespace ringside::jobs
