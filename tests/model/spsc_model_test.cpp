// The SPSC ring over the checker.
//
// Allowed: records in order, whole; a full ring; an empty one. Forbidden: a torn record, a
// repetition, a gap that move_to_head did not make, corrupt(), a data race on payload, a backlog
// without a record.
#include <memory>

#include "ipc/spsc_ring.hpp"
#include "tests/litmus/sealed_record.hpp"
#include "tests/model/mutants.hpp"

namespace ringside::ipc {
namespace {

using namespace ringside::model;

constexpr std::uint64_t capacity = 8;
constexpr std::uint64_t record_count = 7;
constexpr unsigned tries_max = 60;  // of either side, for one record

struct Ring {
  std::array<Slot, capacity> slots{};
  Atomic<std::uint64_t> position, head_hint, drops;
};

void write_records(Checker& checker, SpscWriter& writer) {
  unsigned tries = 0;
  for (std::uint64_t number = 0; number < record_count && tries < tries_max;) {
    const auto slots = 1 + static_cast<unsigned>(checker.random(3));
    Slot* slot = writer.claim(slots);
    if (slot != nullptr) {
      tries = 0;
      slot->put(sealed_record(number, slots));
      const std::span levels{slot->levels(), (slots - 1) * std::size_t{levels_per_slot}};
      for (const Level& level : levels) wrote(&level, sizeof level);
      fill_sealed_levels(number++, levels);
      writer.commit();
    }
    if (slot == nullptr || checker.random(2) == 0) writer.publish(Ticks{1});
    if (slot != nullptr) continue;
    ++tries;
    checker.pause();
  }
  writer.publish(Ticks{1});
}

void read_records(Checker& checker, SpscReader& reader) {
  std::uint64_t next = 0;
  bool skips = checker.random(4) == 0;
  for (unsigned tries = 0; next < record_count && tries < tries_max;) {
    if (skips && checker.random(8) == 0) {
      skips = reader.move_to_head() == 0;
      next = skips ? next : ~std::uint64_t{0};  // whatever comes is news
    }
    const bool promised = checker.random(4) == 0 && reader.backlog() > 0;
    const Record* record = reader.peek();
    checker.forbid(promised && record == nullptr, "a backlog without a record");
    checker.forbid(reader.corrupt(), "corrupt");
    if (record == nullptr) {
      ++tries;
      checker.pause();
      if (reader.corrupt()) return;
      continue;
    }
    tries = 0;
    for (const Level& level : reader.levels()) reads(&level, sizeof level);
    checker.forbid(!is_whole(*record, reader.levels()), "a torn record");
    checker.forbid(next != ~std::uint64_t{0} && record->reference != next, "a gap or a repetition");
    next = record->reference + 1;
    reader.advance();
  }
}

void spsc(Checker& checker) {
  const auto ring = std::make_unique<Ring>();
  checker.name(ring->slots.data(), sizeof ring->slots, "stamp");
  checker.name(&ring->position, 8, "read position");
  checker.name(&ring->head_hint, 8, "head hint");
  SpscWriter writer(SpscMemory{ring->slots.data(), capacity, 0, &ring->head_hint, &ring->drops});
  writer.set_read_position_source(&ring->position);
  SpscReader reader(
      SpscReadMemory{ring->slots.data(), capacity, 0, &ring->head_hint, &ring->drops});
  reader.set_position_word(&ring->position);
  checker.thread([&] { write_records(checker, writer); });
  checker.thread([&] { read_records(checker, reader); });
  checker.run();
}

TEST(SpscModel, TheRingHolds) { expect_sound(spsc); }

TEST(SpscModel, EveryMutantIsCaught) {
  constexpr auto release = std::memory_order_release;
  constexpr auto acquire = std::memory_order_acquire;
  const std::vector<Mutant> mutants{
      {"P1: stamp stored relaxed", spsc, {{"stamp", Access::Store, release, Change::Relaxed}}},
      {"C1: stamp loaded relaxed", spsc, {{"stamp", Access::Load, acquire, Change::Relaxed}}},
      {"P2: read position stored relaxed",
       spsc,
       {{"read position", Access::Store, release, Change::Relaxed}}},
      {"C2: read position loaded relaxed",
       spsc,
       {{"read position", Access::Load, acquire, Change::Relaxed}}},
      {"P3: head hint stored relaxed",
       spsc,
       {{"head hint", Access::Store, release, Change::Relaxed}}},
      {"C3: head hint loaded relaxed",
       spsc,
       {{"head hint", Access::Load, acquire, Change::Relaxed}}},
      {"the bound of a full ring: two slots more",
       spsc,
       {{"read position", Access::Load, acquire, Change::Forward, 2}}},
  };
  expect_caught(mutants);
}

}  // namespace
}  // namespace ringside::ipc
