// Two threads and one ring. Each record carries a checksum over all of itself, so that a torn one
// is noticed; what may and may not be observed is listed with each case.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "ipc/broadcast_ring.hpp"
#include "ipc/spsc_ring.hpp"
#include "tests/litmus/sealed_record.hpp"

namespace ringside::ipc {
namespace {

constexpr std::uint64_t seed = 20261121;

// Allowed: records 0, 1, 2, ... whole, in order. Forbidden: a gap, a repetition, a torn record,
// corrupt().
TEST(SpscLitmus, TheReaderSeesEveryRecordWholeAndInOrder) {
  constexpr std::uint64_t record_count = 100'000;
  constexpr std::uint64_t capacity = 64;
  Segment segment = spsc_in_memory(capacity);
  std::atomic<std::uint64_t> position{0};
  SpscWriter writer(segment);
  writer.set_read_position_source(&position);
  std::latch start(2);

  std::thread writing([&] {
    std::mt19937_64 random(seed);
    start.arrive_and_wait();
    for (std::uint64_t number = 0; number < record_count;) {
      const unsigned slots = 1 + static_cast<unsigned>(random() % 6);
      Slot* slot = writer.claim(slots);
      if (slot == nullptr) {
        writer.publish(Ticks{1});
        std::this_thread::yield();
        continue;
      }
      slot->put(sealed_record(number, slots));
      fill_sealed_levels(number, {slot->levels(), (slots - 1) * std::size_t{levels_per_slot}});
      writer.commit();
      ++number;
      if (random() % 4 == 0) writer.publish(Ticks{1});
    }
    writer.publish(Ticks{1});
  });

  std::uint64_t torn = 0;
  std::uint64_t misplaced = 0;
  bool corrupt = false;
  std::thread reading([&] {
    SpscReader reader(segment);
    reader.set_position_word(&position);
    start.arrive_and_wait();
    for (std::uint64_t next = 0; next < record_count && !reader.corrupt();) {
      const Record* record = reader.peek();
      if (record == nullptr) {
        std::this_thread::yield();
        continue;
      }
      misplaced += record->reference == next ? 0 : 1;
      torn += is_whole(*record, reader.levels()) ? 0 : 1;
      reader.advance();
      ++next;
    }
    corrupt = reader.corrupt();
  });
  writing.join();
  reading.join();
  EXPECT_EQ(torn, 0U);
  EXPECT_EQ(misplaced, 0U);
  EXPECT_FALSE(corrupt);
}

struct Outcome {
  std::uint64_t read = 0;
  std::uint64_t lost_slots = 0;
  std::uint64_t read_slots = 0;
  std::uint64_t torn = 0;
  std::uint64_t out_of_order = 0;
  bool corrupt = false;
};

// Reads until the writer is done and nothing is left. `pace`: yields after each so many records, so
// that it is lapped; 0: as fast as it can.
Outcome read_all(const Segment& segment, const std::atomic<bool>& done, unsigned pace) {
  Outcome outcome;
  BroadcastReader reader(segment);
  reader.join_at_start();
  const auto buffer = std::make_unique<RecordBuffer>();
  std::uint64_t next = 0;
  for (;;) {
    const bool last_look = done.load(std::memory_order_acquire);
    const auto from = reader.position();
    switch (reader.poll(*buffer)) {
      case PollStatus::Ok:
        outcome.torn += is_whole(buffer->record, buffer->levels()) ? 0 : 1;
        outcome.out_of_order += buffer->record.reference >= next ? 0 : 1;
        next = buffer->record.reference + 1;
        outcome.read_slots += reader.position() - from;
        if (++outcome.read % (pace == 0 ? ~0U : pace) == 0) std::this_thread::yield();
        break;
      case PollStatus::Lost:
        // A pad may have been passed before the loss was noticed.
        outcome.read_slots += reader.lost_from() - from;
        outcome.lost_slots += reader.lost_to() - reader.lost_from();
        break;
      case PollStatus::Empty:
        outcome.read_slots += reader.position() - from;
        if (last_look) return outcome;
        std::this_thread::yield();
        break;
      case PollStatus::Corrupt:
        outcome.corrupt = true;
        return outcome;
    }
  }
}

// Allowed: whole records of increasing number; losses that are told. Forbidden: a torn record, a
// number that goes back, a position that is neither read nor told as lost, Corrupt.
TEST(BroadcastLitmus, LappedReadersNeverSeeATornRecordAndAccountForEveryPosition) {
  constexpr std::uint64_t record_count = 100'000;
  Segment segment = broadcast_in_memory(64);
  std::atomic<bool> done{false};
  std::latch start(4);
  RingPosition end = 0;

  std::thread writing([&] {
    BroadcastWriter writer(segment);
    std::mt19937_64 random(seed);
    std::vector<Level> levels;
    start.arrive_and_wait();
    for (std::uint64_t number = 0; number < record_count; ++number) {
      const unsigned slots = 1 + static_cast<unsigned>(random() % 6);
      levels.resize((slots - 1) * std::size_t{levels_per_slot});
      fill_sealed_levels(number, levels);
      Record record = sealed_record(number, slots);
      if (random() % 16 == 0) record.kind = Kind::Key;
      writer.publish(record, levels, Ticks{1});
      if (random() % 64 == 0) std::this_thread::yield();
    }
    end = writer.position();
    done.store(true, std::memory_order_release);
  });
  std::array<Outcome, 3> outcomes;
  std::vector<std::thread> reading;
  for (unsigned i = 0; i < outcomes.size(); ++i) {
    reading.emplace_back([&, i] {
      start.arrive_and_wait();
      outcomes[i] = read_all(segment, done, i);
    });
  }
  writing.join();
  for (auto& thread : reading) thread.join();
  std::uint64_t lost = 0;
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.torn, 0U);
    EXPECT_EQ(outcome.out_of_order, 0U);
    EXPECT_FALSE(outcome.corrupt);
    EXPECT_EQ(outcome.read_slots + outcome.lost_slots, end);
    lost += outcome.lost_slots;
  }
  EXPECT_GT(lost, 0U) << "nobody was lapped: the case proved nothing";
}

}  // namespace
}  // namespace ringside::ipc
