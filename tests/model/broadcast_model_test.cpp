// The broadcast ring over the checker: one writer that laps, two readers.
//
// Allowed: whole records in order; losses that are told. Forbidden: a torn record, a number that
// goes back, Corrupt, a position neither read nor told.
#include <memory>

#include "ipc/broadcast_ring.hpp"
#include "tests/litmus/sealed_record.hpp"
#include "tests/model/mutants.hpp"

namespace ringside::ipc {
namespace {

using namespace ringside::model;

constexpr std::uint64_t capacity = 8;
constexpr std::uint64_t record_count = 7;
constexpr unsigned polls = 24;

void write_records(Checker& checker, BroadcastWriter& writer) {
  std::vector<Level> levels;
  for (std::uint64_t number = 0; number < record_count; ++number) {
    const auto slots = 1 + static_cast<unsigned>(checker.random(3));
    levels.resize((slots - 1) * std::size_t{levels_per_slot});
    fill_sealed_levels(number, levels);
    Record record = sealed_record(number, slots);
    if (checker.random(3) == 0) record.kind = Kind::Key;
    writer.publish(record, levels, Ticks{1});
  }
}

void read_records(Checker& checker, const Segment& segment) {
  BroadcastReader reader(segment);
  if (checker.random(2) == 0) reader.join_at_start();
  const auto buffer = std::make_unique<RecordBuffer>();
  std::uint64_t next = 0;
  for (unsigned i = 0; i < polls; ++i) {
    if (checker.random(8) == 0) {
      // The newest key may have been read; what the tail leaves out never comes again.
      if (checker.random(2) == 0) {
        reader.join_at_tail();
      } else {
        reader.join_at_newest_key();
        next = 0;
      }
    }
    const auto from = reader.position();
    switch (reader.poll(*buffer)) {
      case PollStatus::Ok:
        checker.forbid(!is_whole(buffer->record, buffer->levels()), "a torn record");
        checker.forbid(buffer->record.reference < next, "a number that goes back");
        next = buffer->record.reference + 1;
        break;
      case PollStatus::Lost:
        checker.forbid(reader.lost_from() < from || reader.lost_to() <= reader.lost_from() ||
                           reader.position() != reader.lost_to(),
                       "a loss that does not account for its positions");
        break;
      case PollStatus::Empty:
        checker.pause();
        break;
      case PollStatus::Corrupt:
        checker.forbid(true, "corrupt");
        return;
    }
  }
}

void name_words(Checker& checker, Segment& segment) {
  auto* slots = reinterpret_cast<BroadcastSlot*>(segment.writable_data().data());
  checker.name(slots, capacity * sizeof(BroadcastSlot), "words");
  // Later names win.
  for (std::uint64_t i = 0; i < capacity; ++i) checker.name(&slots[i].words[0], 8, "first word");
  auto& words = segment.writable_header().kind_words;
  checker.name(&words[broadcast_word_tail_hint], 8, "tail hint");
  checker.name(&words[broadcast_word_last_key], 8, "last key");
}

void broadcast(Checker& checker) {
  Segment segment = broadcast_in_memory(capacity);
  name_words(checker, segment);
  BroadcastWriter writer(segment);
  checker.thread([&] { write_records(checker, writer); });
  checker.thread([&] { read_records(checker, segment); });
  checker.thread([&] { read_records(checker, segment); });
  checker.run();
}

bool is_marker(std::uint64_t word) { return is_stamp(word) && word % 2 == 1; }
bool is_done(std::uint64_t word) { return is_stamp(word) && word % 2 == 0; }

TEST(BroadcastModel, TheRingHolds) { expect_sound(broadcast); }

TEST(BroadcastModel, EveryMutantIsCaught) {
  constexpr auto release = std::memory_order_release;
  constexpr auto acquire = std::memory_order_acquire;
  const std::vector<Mutant> mutants{
      {"P1: done stamp stored relaxed",
       broadcast,
       {{"first word", Access::Store, release, Change::Relaxed, 0, is_done}}},
      {"P2: marker stored relaxed",
       broadcast,
       {{"first word", Access::Store, release, Change::Relaxed, 0, is_marker}}},
      {"P2: other words stored relaxed",
       broadcast,
       {{"words", Access::Store, release, Change::Relaxed}}},
      {"C1: stamp loaded relaxed",
       broadcast,
       {{"first word", Access::Load, acquire, Change::Relaxed, 0, nullptr, {}, "words"}}},
      {"C2: words loaded relaxed", broadcast, {{"words", Access::Load, acquire, Change::Relaxed}}},
      {"C2b: no second look at the stamp",
       broadcast,
       {{"first word", Access::Load, acquire, Change::Repeated, 0, nullptr, "words"}}},
      {"C2b: second look relaxed",
       broadcast,
       {{"first word", Access::Load, acquire, Change::Relaxed, 0, nullptr, "words"}}},
      {"P3: tail hint stored relaxed",
       broadcast,
       {{"tail hint", Access::Store, release, Change::Relaxed}}},
      {"C3: tail hint loaded relaxed",
       broadcast,
       {{"tail hint", Access::Load, acquire, Change::Relaxed}}},
      {"no marker in the next slot",
       broadcast,
       {{"first word", Access::Store, release, Change::Dropped, 0, is_marker}}},
      {"no tail hint", broadcast, {{"tail hint", Access::Store, release, Change::Dropped}}},
  };
  expect_caught(mutants);
}

// A key is used only where the tail hint, which is stored before it, is seen to be past it.
TEST(BroadcastModel, TheLastKeysOrdersAreASecondNet) {
  constexpr auto release = std::memory_order_release;
  constexpr auto acquire = std::memory_order_acquire;
  const std::vector<Mutant> mutants{
      {"P4: last key stored relaxed",
       broadcast,
       {{"last key", Access::Store, release, Change::Relaxed}}},
      {"C4: last key loaded relaxed",
       broadcast,
       {{"last key", Access::Load, acquire, Change::Relaxed}}},
  };
  expect_held_by_another(mutants);
}

}  // namespace
}  // namespace ringside::ipc
