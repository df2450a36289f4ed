// Two threads, worker and collector: sleeping and waking, and the control ring.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <random>
#include <thread>

#include "ipc/cursor.hpp"

namespace ringside::ipc {
namespace {

// Moves one side against the other, so that every alignment of the two comes up.
void stagger(std::mt19937_64& random, std::uint64_t most) {
  std::atomic<std::uint64_t> steps{random() % most};
  while (steps.load(std::memory_order_relaxed) != 0) steps.fetch_sub(1, std::memory_order_relaxed);
}

// One ring and its cursor, bound on both sides.
struct Bound {
  Bound()
      : cursor(cursor_in_memory()),
        ring(spsc_in_memory(64)),
        ring_writer(ring),
        ring_reader(ring),
        worker(cursor),
        collector(cursor) {
    entry = worker.bind("ring", ring, ring_reader);
    is_bound = entry && collector.bind("ring", ring);
    ring_writer.set_read_position_source(collector.read_position());
  }
  bool publish(std::int64_t price) {
    Slot* slot = ring_writer.claim(1);
    if (slot == nullptr) return false;
    slot->put(Record{});
    slot->kind = Kind::Trade;
    slot->price = price;
    ring_writer.commit();
    ring_writer.publish(Ticks{1}, Visibility::BeforeWakeCheck);
    return true;
  }

  Segment cursor;
  Segment ring;
  SpscWriter ring_writer;
  SpscReader ring_reader;
  CursorWriter worker;
  CursorReader collector;
  std::optional<std::uint32_t> entry;
  bool is_bound = false;
};

// Each round: the worker announces that it sleeps and looks once more, the collector publishes one
// record and looks whether the worker sleeps.
//   worker sees the record | collector sees the announcement
//   yes                    | yes        allowed
//   yes                    | no         allowed
//   no                     | yes        allowed: the collector wakes it
//   no                     | no         forbidden: the record would lie there until the timeout
TEST(CursorLitmus, WorkerAndCollectorCannotBothMissEachOther) {
  constexpr int rounds = 50'000;
  constexpr std::uint64_t seed = 20261121;
  Bound sides;
  ASSERT_TRUE(sides.is_bound);
  const auto& parked = sides.cursor.header().kind_words[cursor_word_parked].value;
  std::barrier turn(2);
  bool worker_saw = false;
  std::uint64_t collector_saw = 0;
  int both_missed = 0;

  std::thread worker([&] {
    std::mt19937_64 random(seed);
    for (int round = 0; round < rounds; ++round) {
      turn.arrive_and_wait();
      stagger(random, 40);
      (void)sides.worker.park([&] {
        worker_saw = sides.ring_reader.ready_before_park();
        return true;
      });
      turn.arrive_and_wait();
      while (sides.ring_reader.peek() != nullptr) sides.ring_reader.advance();
      turn.arrive_and_wait();
    }
  });
  for (int round = 0; round < rounds; ++round) {
    const auto before = static_cast<std::uint64_t>(2 * round);
    turn.arrive_and_wait();
    EXPECT_TRUE(sides.publish(round));
    collector_saw = parked.load(std::memory_order_seq_cst);
    turn.arrive_and_wait();
    if (!worker_saw && collector_saw == before) ++both_missed;
    turn.arrive_and_wait();
  }
  worker.join();
  EXPECT_EQ(both_missed, 0);
}

// Allowed: every record arrives. Forbidden: a worker that sleeps for ever.
TEST(CursorLitmus, EveryRecordReachesAWorkerThatSleepsWheneverItCan) {
  constexpr std::int64_t record_count = 5'000;
  Bound sides;
  ASSERT_TRUE(sides.is_bound);
  std::int64_t received = 0;
  std::int64_t misplaced = 0;
  std::atomic<std::int64_t> progress{0};
  std::thread worker([&] {
    while (received < record_count) {
      if (const Record* record = sides.ring_reader.peek()) {
        misplaced += record->price == received ? 0 : 1;
        ++received;
        sides.ring_reader.advance();
        progress.store(received, std::memory_order_release);
      } else {
        (void)sides.worker.park([&] { return sides.ring_reader.ready_before_park(); });
      }
    }
  });
  std::int64_t woken = 0;
  for (std::int64_t number = 0; number < record_count;) {
    if (sides.publish(number)) {
      ++number;
      woken += sides.collector.wake_if_parked() ? 1 : 0;
      // Now and then let the worker run dry, so that it sleeps.
      while (number % 8 == 0 && progress.load(std::memory_order_acquire) < number) {
        std::this_thread::yield();
      }
    } else {
      std::this_thread::yield();
    }
  }
  worker.join();
  EXPECT_EQ(received, record_count);
  EXPECT_EQ(misplaced, 0);
  RecordProperty("woken", static_cast<int>(woken));
}

// Allowed: requests 0, 1, 2, ... in order. Forbidden: a gap, a repetition, a torn request.
TEST(CursorLitmus, RequestsArriveWholeAndInOrder) {
  constexpr std::uint32_t request_count = 50'000;
  Bound sides;
  ASSERT_TRUE(sides.is_bound);
  std::thread worker([&] {
    for (std::uint32_t number = 0; number < request_count;) {
      const ResyncRequest request{InstrumentId{number}, ~number, Cause::ChecksumFailed};
      if (sides.worker.request_resync(*sides.entry, request, Ticks{1})) {
        ++number;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint32_t wrong = 0;
  for (std::uint32_t next = 0; next < request_count && !sides.collector.corrupt();) {
    if (const auto request = sides.collector.poll_request()) {
      wrong += *request == ResyncRequest{InstrumentId{next}, ~next, Cause::ChecksumFailed} ? 0 : 1;
      ++next;
    } else {
      std::this_thread::yield();
    }
  }
  worker.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_FALSE(sides.collector.corrupt());
}

}  // namespace
}  // namespace ringside::ipc
